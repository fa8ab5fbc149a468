/* <loss-relief>: the loss over a plane as a surface (surface-view.js), its height the logarithm of the loss; a place without a number
 * stands as high as the highest. The model, in the middle, is marked by a dot. */
customElements.define('loss-relief', class extends HTMLElement {
  connectedCallback() {
    const found = convatlas.get('landscape', 'all');
    const view = this.querySelector('surface-view');
    if (!found || !view) return;
    const {loss, levels, steps} = found;
    const n = steps.length, lo = Math.log(levels[0]), hi = Math.log(levels.at(-1));
    const high = (v) => (v === null ? 1 : Math.min(1, Math.max(0, (Math.log(Math.max(v, levels[0])) - lo) / (hi - lo || 1))));
    const heights = Array.from({length: n * n}, (_, k) => high(loss[(n - 1 - Math.floor(k / n)) * n + k % n])); // the first row at the back
    const table = convatlas.colours.table.viridis;
    const middle = heights[(n * n - 1) / 2];
    const dot = (pen, x, y) => {
      pen.beginPath();
      pen.arc(x, y, 4, 0, 7);
      Object.assign(pen, {fillStyle: '#ffffff', strokeStyle: '#000000', lineWidth: 1.5});
      pen.fill();
      pen.stroke();
    };
    customElements.whenDefined('surface-view').then(() => view.show({columns: n, rows: n, heights, aspect: [1, 1], colour: (h) => table[Math.round(255 * h)],
      trails: [{points: [[0.5, 0.5, middle]], colour: '#ffffff', draw: dot}]}));
  }
});
