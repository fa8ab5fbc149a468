/* The parts that figures of operations are drawn with: maps with a window over them, grids of numbers, numbers themselves. */
(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const ROOM = 6, FEW = 8, LONGEST = '\u22120.001234', LONG = '\u22120.1234';
  const shape = (tag, attributes) => {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  /** A number with so many digits as a reader needs. */
  const text = (v, digits = 4) => {
    if (!Number.isFinite(v)) return Number.isNaN(v) ? 'NaN' : v > 0 ? '∞' : '−∞';
    const size = Math.abs(v);
    if (size === 0) return '0';
    const said = size >= 1e5 || size < 1e-3 ? v.toExponential(Math.max(0, digits - 2)).replace('e+', 'e') : String(Number(v.toPrecision(digits)));
    return said.replace(/-/g, '\u2212');
  };
  /** A number in at most six characters, so that no cell of a grid gets wider: with fewer digits where it must be. */
  const brief = (v, digits) => {
    const said = Array.from({length: digits}, (_, k) => text(v, digits - k));
    return said.find((one) => one.length <= ROOM) || said.at(-1);
  };
  /** How many digits a cell of a grid of so many columns has, and whether the products in such a grid are what its cells give. */
  const fine = (columns) => (columns > 5 ? 2 : 3);
  const multiplies = (terms, columns) => terms.every(({x, w, v}) => brief(read(brief(x, fine(columns))) * read(brief(w, fine(columns))), fine(columns)) === brief(v, fine(columns)));
  /** A number on the page; `data-v` has all its digits. */
  const number = (v, attributes = {}, digits = 4) => convatlas.el('span', {class: 'ca-x-num', 'data-v': v, ...attributes}, text(v, digits));
  /** The number that a reader sees. */
  const read = (said) => Number(said.replace(/\u2212/g, '-').replace('∞', 'Infinity'));
  const shown = (v, digits = 4) => read(text(v, digits));
  /** "=" where what is shown of the result is what comes of the shown numbers, `made`; "≈" where their last digits do not give it. */
  const equals = (made, out, digits = 4) => (text(made, digits) === text(out, digits) ? '=' : '≈');
  const renumber = (element, v, digits = 4) => {
    element.dataset.v = v;
    element.textContent = text(v, digits);
  };
  /** The scale of some maps: symmetric and signed where one has a number below zero. */
  const scale = (...maps) => {
    const [lo, hi] = convatlas.explain.ends(maps);
    const top = Math.max(Math.abs(lo), Math.abs(hi)) || 1;
    return lo < 0 ? {lo: -top, hi: top, signed: true} : {lo: 0, hi: hi || 1, signed: false};
  };
  const entry = (v, {lo, hi, signed}) => convatlas.maps.entries([Number.isFinite(v) ? v : 0], [lo, hi], signed)[0];
  /** The colour of one number as CSS, and that of ink on it. */
  const colours = (v, on, colour) => {
    const rgb = convatlas.colours.table[convatlas.colours.name(colour, on.signed)][entry(v, on)];
    const [r, g, b] = rgb.map((c) => (c <= 10.31475 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return {paper: `rgb(${rgb.join(' ')})`, ink: 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000' : '#fff'};
  };
  const bar = (on, colour) => convatlas.tiles.bar(on.lo, on.hi, colour, on.signed);

  /** A map as a picture with marks over it: `pad` [top, bottom, left, right] adds a rim of `rim(y, x)`. Its methods: `mark` frames
   * places [{y, x, h, w}], `dots` marks single places, `until` veils what comes later, `paint` draws anew, `at` is the place under
   * the pointer. */
  const map = ({values, w, h, on, colour, side, pad = [0, 0, 0, 0], rim = null, label = ''}) => {
    const [top, bottom, left, right] = pad;
    const [W, H] = [w + left + right, h + top + bottom];
    const zoom = side / Math.max(W, H);
    const canvas = document.createElement('canvas');
    const over = shape('svg', {viewBox: `${-left} ${-top} ${W} ${H}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', class: 'ca-x-over'});
    const box = convatlas.el('span', {class: 'ca-x-map', role: label ? 'img' : false, 'aria-label': label || false}, canvas, over);
    box.style.setProperty('width', `${W * zoom}px`);
    box.style.setProperty('aspect-ratio', `${W} / ${H}`);
    if (!label) box.setAttribute('aria-hidden', 'true');
    const layers = ['veil', 'dots', 'frame'].map((name) => shape('g', {class: `ca-x-${name}`}));
    over.append(...layers);
    if (W !== w || H !== h) {
      const inside = `M0 0h${w}v${h}h${-w}z`;
      over.prepend(shape('path', {d: `M${-left} ${-top}h${W}v${H}h${-W}z${inside}`, 'fill-rule': 'evenodd', class: 'ca-x-rim'}), shape('path', {d: inside, class: 'ca-x-edge', 'vector-effect': 'non-scaling-stroke'}));
    }
    // What would be too small to be seen is framed a little outside it.
    // Frames that only move stay the same elements, so that the eye can follow them.
    const rects = (group, found, cls, least = 0) => {
      const wanted = found.flatMap(({x, y, w: width = 1, h: height = 1}) => {
        const [dx, dy] = [width, height].map((one) => Math.max(0, (least / zoom - one) / 2));
        return ['ca-x-halo', cls].map((name) => ({x: x - dx, y: y - dy, width: width + 2 * dx, height: height + 2 * dy, class: name, 'vector-effect': 'non-scaling-stroke'}));
      });
      if (group.childElementCount !== wanted.length) group.replaceChildren(...wanted.map((one) => shape('rect', one)));
      else wanted.forEach(({x, y, width, height}, k) => { for (const [key, value] of Object.entries({x, y, width, height})) group.children[k].setAttribute(key, value); });
    };
    box.paint = (next, scaled = on) => {
      let all = next;
      if (W !== w || H !== h) {
        all = new Float64Array(W * H);
        for (let y = -top; y < h + bottom; y += 1) for (let x = -left; x < w + right; x += 1) all[(y + top) * W + x + left] = y >= 0 && y < h && x >= 0 && x < w ? next[y * w + x] : rim ? rim(next, y, x) : 0;
      }
      convatlas.maps.paint(canvas, {entries: convatlas.maps.entries(all, [scaled.lo, scaled.hi], scaled.signed), name: convatlas.colours.name(colour, scaled.signed), w: W, h: H});
    };
    box.mark = (found) => rects(layers[2], found, 'ca-x-line', 7);
    box.point = (found) => rects(layers[1], found, 'ca-x-dot');
    box.until = (place) => {
      const d = place ? `M${place.x + 1} ${place.y}H${w}V${place.y + 1}H${place.x + 1}zM0 ${place.y + 1}H${w}V${h}H0z` : '';
      layers[0].replaceChildren(...(place ? [shape('path', {d, class: 'ca-x-later'})] : []));
    };
    box.at = (event) => {
      const {left: x0, top: y0, width, height} = box.getBoundingClientRect();
      return {y: Math.min(h - 1, Math.max(0, Math.floor((event.clientY - y0) / height * H - top))), x: Math.min(w - 1, Math.max(0, Math.floor((event.clientX - x0) / width * W - left)))};
    };
    box.paint(values);
    return box;
  };

  /** A map that a place is chosen on: by pointer, or by keys once it has the focus. */
  const chooser = (made, view, label) => {
    const choose = (event) => view.move(made.at(event));
    made.removeAttribute('aria-hidden');
    for (const [key, value] of Object.entries({role: 'application', tabindex: 0, 'aria-label': label, 'aria-describedby': 'ca-x-keys'})) made.setAttribute(key, value);
    made.classList.add('ca-x-map--live');
    made.addEventListener('pointerdown', (event) => { made.held = true; made.setPointerCapture(event.pointerId); choose(event); });
    made.addEventListener('pointermove', (event) => { if (made.held) choose(event); });
    for (const kind of ['pointerup', 'pointercancel']) made.addEventListener(kind, () => { made.held = false; });
    return made;
  };

  /** A grid of numbers: cells [{k, v, note, cls}], `columns` to a row, coloured on a scale; `dress` fills it again. */
  const grid = ({caption, columns, colour, digits}) => {
    const {el} = convatlas;
    const most = digits || fine(columns);
    const body = el('tbody');
    const made = el('table', {class: 'ca-x-grid', role: 'presentation'}, el('caption', {}, caption), body);
    made.style.setProperty('--columns', columns);
    made.dress = (found, on) => {
      const rows = [];
      for (let k = 0; k < found.length; k += columns) {
        rows.push(el('tr', {}, found.slice(k, k + columns).map(({k: key, v, note, cls}) => {
          const said = v === null ? '' : brief(v, most);
          const cell = el('td', {'data-k': key, 'data-v': v === null ? false : v, class: cls || false, title: note || false}, said, note ? el('small', {}, note) : '');
          if (v !== null && on) {
            const {paper, ink} = colours(v, on, colour);
            cell.style.background = paper;
            cell.style.color = ink;
          }
          return cell;
        })));
      }
      body.replaceChildren(...rows);
    };
    return made;
  };
  /** What carries the same data-k lights up together, under a pointer; `told` hears which. */
  const linked = (root, told = () => {}) => {
    const light = (k) => {
      for (const one of root.querySelectorAll('.is-linked')) one.classList.remove('is-linked');
      if (k !== null) for (const one of root.querySelectorAll(`[data-k="${k}"]`)) one.classList.add('is-linked');
      told(k === null ? null : Number(k));
    };
    root.addEventListener('pointerover', (event) => { const hit = event.target.closest('[data-k]'); light(hit ? hit.dataset.k : null); });
    root.addEventListener('pointerleave', () => light(null));
    root.light = light;
    return root;
  };
  /** How often numbers occur, as bars, with lines at some of them: [[value, class, word]]. */
  const histogram = (values, lines, [W, H] = [240, 70], bins = 40) => {
    let [lo, hi] = convatlas.explain.ends([values, lines.map(([v]) => v)]);
    if (hi === lo) [lo, hi] = [lo - 1, hi + 1];
    const counts = new Array(bins).fill(0);
    for (const v of values) counts[Math.min(bins - 1, Math.floor((v - lo) / (hi - lo) * bins))] += 1;
    const most = Math.max(...counts);
    const svg = shape('svg', {viewBox: `0 0 ${W} ${H}`, class: 'ca-x-histogram', 'aria-hidden': 'true'});
    counts.forEach((n, k) => { if (n) svg.append(shape('rect', {x: k * W / bins, y: H - n / most * H, width: W / bins - 0.6, height: n / most * H, class: 'ca-x-count'})); });
    svg.at = (v) => (v - lo) / (hi - lo) * W;
    for (const [v, name] of lines) svg.append(shape('line', {x1: svg.at(v), x2: svg.at(v), y1: 0, y2: H, class: name}));
    const point = shape('line', {y1: 0, y2: H, class: 'ca-x-here-line'});
    svg.append(point);
    svg.point = (v) => { for (const end of ['x1', 'x2']) point.setAttribute(end, svg.at(v)); };
    return convatlas.el('span', {class: 'ca-x-spread'}, svg, convatlas.el('span', {class: 'ca-x-ticks', 'aria-hidden': 'true'}, convatlas.el('span', {}, text(lo, 3)), convatlas.el('span', {}, text(hi, 3))));
  };
  /** A figure's part with a title above, and a scale below where it has one. */
  const part = (title, body, foot = '', cls = '') => convatlas.el('figure', {class: `ca-x-part ${cls}`.trim()}, convatlas.el('figcaption', {}, title), body, foot);
  /** A line that may be too long: then it scrolls by itself, and keys reach it. */
  const long = (line, is, label) => {
    line.classList.toggle('ca-x-written--long', is);
    for (const [key, value] of Object.entries({tabindex: 0, role: 'group', 'aria-label': label})) if (is) line.setAttribute(key, value); else line.removeAttribute(key);
  };
  /** Keep so much room for a line of numbers as it needs when each of them is as long as one can be (of many, as long as most are), so
   * that nothing moves while they change. Measured anew only where the line has got more of them, or another width. */
  const hold = (line) => {
    const wide = line.parentElement ? line.parentElement.clientWidth : 0;
    const n = line.querySelectorAll('.ca-x-num').length;
    if (!wide || (line.held && line.held.wide === wide && line.held.n >= n)) return;
    line.held = {wide, n};
    const ghost = line.cloneNode(true);
    for (const one of ghost.querySelectorAll('.ca-x-num')) one.textContent = n > FEW ? LONG : LONGEST;
    Object.assign(ghost.style, {position: 'absolute', visibility: 'hidden', width: `${line.clientWidth}px`, minHeight: '0'});
    line.after(ghost);
    line.style.minHeight = `${Math.ceil(ghost.getBoundingClientRect().height)}px`;
    ghost.remove();
  };
  const sign = (mark) => convatlas.el('span', {class: `ca-x-sign${mark === '→' ? ' ca-x-sign--arrow' : ''}`, 'aria-hidden': 'true'}, mark);

  Object.assign(convatlas.explain, {figures: {}, draw: {text, shown, equals, multiplies, number, renumber, scale, colours, bar, map, chooser, grid, linked, long, hold, part, sign, shape, histogram}});
})();
