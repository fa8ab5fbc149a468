/* <loss-relief>: the loss over a plane as a surface (surface-view.js), its height the logarithm of the loss; a place without a number
 * stands as high as the highest. What lies at 0, 0 is marked by a dot, each checkpoint by a smaller one on the line of the training. */
customElements.define('loss-relief', class extends HTMLElement {
  connectedCallback() {
    const found = convatlas.get('landscape', 'all');
    const view = this.querySelector('surface-view');
    if (!found || !view) return;
    const {loss, levels, steps, rows, way, own} = found;
    const n = steps.length, m = rows.length, lo = Math.log(levels[0]), hi = Math.log(levels.at(-1));
    const high = (v) => (v === null ? 1 : Math.min(1, Math.max(0, (Math.log(Math.max(v, levels[0])) - lo) / (hi - lo || 1))));
    const heights = Array.from({length: n * m}, (_, k) => high(loss[(m - 1 - Math.floor(k / n)) * n + k % n])); // the first row at the back
    const table = convatlas.colours.table.viridis;
    const what = {columns: n, rows: m, heights, aspect: [1, 1], colour: (h) => table[Math.round(255 * h)], trails: []};
    const dot = (radius, fill) => (pen, x, y) => {
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      Object.assign(pen, {fillStyle: fill, strokeStyle: '#000000', lineWidth: 1.5});
      if (fill) pen.fill();
      pen.stroke();
    };
    const ring = (pen, x, y) => { for (const [stroke, width] of [['#000000', 4.5], ['#ffffff', 2]]) { pen.beginPath(); pen.arc(x, y, 5, 0, 7); Object.assign(pen, {strokeStyle: stroke, lineWidth: width}); pen.stroke(); } };
    customElements.whenDefined('surface-view').then(() => {
      view.what = what;
      const place = ([x, y]) => {
        const [u, v] = [(x - steps[0]) / (steps.at(-1) - steps[0]), (rows.at(-1) - y) / (rows.at(-1) - rows[0])];
        return view.on(u, v) || [u, v, 1];
      };
      const line = way.map(place);
      if (line.length) what.trails.push({points: line, colour: '#ffffff', edge: '#000000'});
      for (const point of line) what.trails.push({points: [point], colour: '#ffffff', draw: dot(3, '#ffffff')});
      if (own) what.trails.push({points: [place(own)], colour: '#ffffff', draw: ring});
      what.trails.push({points: [place([0, 0])], colour: '#ffffff', draw: dot(4.5, '#ffffff')});
      view.show(what);
    });
    const save = document.querySelector('[data-relief]');
    if (!save) return;
    save.hidden = false;
    save.addEventListener('click', () => this.picture(view.canvas, found, table).toBlob((blob) => convatlas.save.file('landscape-surface.png', blob, 'image/png'), 'image/png'));
  }

  /** The surface as it is turned, with what its colours say under it. */
  picture(surface, {ticks, below}, table) {
    const {width} = surface, one = width / 370, made = Object.assign(document.createElement('canvas'), {width, height: surface.height + Math.ceil(34 * one)});
    const pen = made.getContext('2d'), ink = '#12151c', long = 320, tall = 9;
    pen.fillStyle = '#ffffff';
    pen.fillRect(0, 0, width, made.height);
    pen.drawImage(surface, 0, 0);
    pen.setTransform(one, 0, 0, one, 40 * one, surface.height + 4 * one);
    for (let k = 0; k < 256; k += 1) {
      pen.fillStyle = `rgb(${table[k].join()})`;
      pen.fillRect(k / 256 * long, 0, long - k / 256 * long, tall);
    }
    if (below) {
      pen.fillStyle = `rgb(${table[0].join()})`;
      pen.beginPath();
      for (const point of [[0.2, 0], [-tall / 2, tall / 2], [0.2, tall]]) pen.lineTo(...point);
      pen.fill();
    }
    Object.assign(pen, {font: '11px sans-serif', textAlign: 'right', fillStyle: ink});
    pen.fillText(convatlas.say('la_loss'), -8, tall);
    pen.textAlign = 'center';
    for (const [text, at] of ticks) {
      pen.fillRect(at * long - 0.5, tall, 1, 3);
      pen.fillText(text, Math.min(at * long, long + 9 - pen.measureText(text).width / 2), tall + 14);
    }
    return made;
  }
});
