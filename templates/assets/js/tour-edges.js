/* The wires of one unit across the columns: what it reads on its left, strongest weights thickest, what it feeds on its right.
 * From the wires of the layers' pages (generator/pages/wires.py); a map that does not stand in its column is lent to it while
 * the wire is shown. */
(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const GUESTS = 3;

  /** The links of a unit: [{from: [column, unit], to: [column, unit], share, sign, near}]; `near` where it is the unit's own. */
  function links(wires, strip, at, unit) {
    const {arrays, k, layers, weighted} = wires;
    const found = new Map();
    // the image has no page, and neither have layers that were not asked for: only the image is marked
    const column = (number) => strip.byLayer.get(layers[number][0]) ?? (layers[number][2] ? 0 : undefined);
    const add = (from, to, share, sign, near) => {
      if (from[0] === undefined || to[0] === undefined || from[0] === to[0]) return;
      const key = `${from} ${to}`;
      if (!found.has(key)) found.set(key, {from, to, share, sign, near});
    };
    for (let n = unit * k.in; n < (unit + 1) * k.in; n += 1) {
      const channel = arrays.channel[n];
      if (channel < 0) continue;
      const share = weighted ? arrays.share[n] / 255 : 1;
      for (const {layer, unit: end, way, via} of convatlas.wires.ends(wires, channel)) {
        let to = [at, unit];
        for (const step of [...via, {layer, unit: end, way}]) {
          const from = [column(step.layer), step.unit];
          if (from[0] === undefined) continue;
          add(from, to, share, weighted ? (arrays.sign[n] - 1) * step.way : 1, to[0] === at);
          to = from;
        }
      }
    }
    for (let n = unit * k.out; n < (unit + 1) * k.out; n += 1) {
      if (arrays.feedsUnit[n] >= 0) add([at, unit], [column(arrays.feedsLayer[n]), arrays.feedsUnit[n]], arrays.feedsShare[n] / 255, arrays.feedsSign[n] - 1, true);
    }
    return [...found.values()];
  }

  /** The classes that a unit speaks for or against: [{label, share, sign}]. */
  function classes(wires, unit) {
    const {arrays, k} = wires;
    const found = [];
    for (let n = unit * k.classes; n < (unit + 1) * k.classes; n += 1) {
      if (arrays.classShare[n]) found.push({label: wires.classes[arrays.classIndex[n]], share: arrays.classShare[n] / 255, sign: arrays.classSign[n] - 1});
    }
    return found;
  }

  /** What the lines are, their two colours and their thickness. */
  function legend() {
    const {el, say} = convatlas;
    const line = (kind) => el('span', {}, el('i', {class: `tour-line--${kind}`, 'aria-hidden': 'true'}), say({for: 'tour_linesFor', against: 'tour_linesAgainst', thick: 'tour_linesThick'}[kind]));
    return el('p', {class: 'tour-lines', 'data-lines': ''}, el('span', {}, say('tour_lines')), line('for'), line('against'), line('thick'));
  }

  class Edges {
    /** `host` is what scrolls in the strip; `page` knows its columns and lends maps to them. */
    constructor(host, page) {
      this.host = host;
      this.page = page;
      this.svg = document.createElementNS(SVG, 'svg');
      this.svg.setAttribute('class', 'tour-edges');
      this.svg.setAttribute('aria-hidden', 'true');
      host.append(this.svg);
      page.querySelector('.tour-figure').append(legend());
      this.guests = [];
    }

    clear() {
      this.svg.replaceChildren();
      for (const guest of this.guests) guest.remove();
      this.guests = [];
    }

    /** Show these links; a promise, since maps may have to be lent. */
    async show(found, current, own) {
      const lent = new Map();
      for (const link of found) {
        for (const [column, unit] of [link.from, link.to]) {
          const there = this.page.columns[column];
          if (column === undefined || there.li.hidden || there.data.role !== 'layer' || this.page.strip.tile(column, unit)) continue;
          if (!lent.has(column)) lent.set(column, new Map());
          if (lent.get(column).size < GUESTS) lent.get(column).set(unit, null);
        }
      }
      await Promise.all([...lent].map(async ([column, units]) => {
        for (const unit of units.keys()) units.set(unit, await this.page.strip.guest(column, unit).catch(() => null));
      }));
      if (!current()) return;
      this.clear();
      for (const [column, units] of lent) {
        const room = this.page.columns[column].guests;
        for (const guest of units.values()) if (guest) { room.append(guest); this.guests.push(guest); }
      }
      const origin = this.host.getBoundingClientRect();
      const down = this.page.narrow;
      const place = ([column, unit], end) => {
        const box = this.anchor(column, unit, lent);
        if (!box) return null;
        const r = box.getBoundingClientRect();
        return down ? [r.left + r.width / 2 - origin.left, (end ? r.top : r.bottom) - origin.top] : [(end ? r.left : r.right) - origin.left, r.top + r.height / 2 - origin.top];
      };
      for (const link of [...found].sort((a, b) => a.share - b.share)) {
        const [a, b] = [place(link.from, false), place(link.to, true)];
        if (!a || !b || this.anchor(...link.from, lent) === this.anchor(...link.to, lent)) continue; // both folded away in one place
        const path = document.createElementNS(SVG, 'path');
        const bend = Math.max(14, Math.min(90, Math.abs(down ? b[1] - a[1] : b[0] - a[0]) / 2));
        path.setAttribute('d', down ? `M${a}C${a[0]} ${a[1] + bend} ${b[0]} ${b[1] - bend} ${b}` : `M${a}C${a[0] + bend} ${a[1]} ${b[0] - bend} ${b[1]} ${b}`);
        path.setAttribute('class', `tour-edge tour-edge--${link.sign > 0 ? 'for' : link.sign < 0 ? 'against' : 'open'}${link.near ? '' : ' tour-edge--far'}`);
        path.setAttribute('stroke-width', (1 + 2.6 * link.share).toFixed(2));
        path.dataset.from = `${link.from[0]} ${link.from[1]}`;
        path.dataset.to = `${link.to[0]} ${link.to[1]}`;
        path.dataset.share = link.share.toFixed(3);
        this.svg.append(path);
      }
      this.ring(own, origin);
    }

    /** A ring around the map whose wires these are: above the maps, since whatever is inside their filter is coloured by it. */
    ring([column, unit], origin) {
      const tile = this.page.columns[column].data.role === 'layer' && !this.page.columns[column].li.hidden && this.page.strip.tile(column, unit);
      if (!tile) return;
      const r = tile.getBoundingClientRect();
      for (const kind of ['under', 'over']) {
        const box = document.createElementNS(SVG, 'rect');
        for (const [key, value] of Object.entries({x: r.left - origin.left - 1.5, y: r.top - origin.top - 1.5, width: r.width + 3, height: r.height + 3, rx: 3, class: `tour-ring tour-ring--${kind}`})) box.setAttribute(key, value);
        this.svg.append(box);
      }
    }

    /** What stands for a unit: its map, the map that was lent, the row of its class; where its column is folded away, the fold. */
    anchor(column, unit, lent) {
      const there = this.page.columns[column];
      if (there.li.hidden) return this.page.strip.chip(column);
      if (there.data.role === 'image') return there.li.querySelector('.tour-photo') || there.li.querySelector('.tour-column__head');
      if (there.data.role === 'answer') return [...there.li.querySelectorAll('[data-class]')].find((row) => row.dataset.class === unit) || null;
      return this.page.strip.tile(column, unit) || (lent.get(column) && lent.get(column).get(unit)) || there.guests;
    }
  }

  convatlas.tourEdges = {links, classes, Edges};
})();
