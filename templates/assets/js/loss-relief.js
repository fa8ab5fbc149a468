/* <loss-relief>: the loss over a plane as a surface, its height the logarithm of the loss, turned by drag and by arrow keys.
 *
 * (across, up, height) --turned about the upright axis, tilted--> (x, y, depth) --> quads painted from the back to the front. */
customElements.define('loss-relief', class extends HTMLElement {
  connectedCallback() {
    this.found = convatlas.get('landscape', 'all');
    if (!this.found) return;
    this.turn = -0.6;
    this.tilt = 0.95;
    this.canvas = convatlas.el('canvas', {'aria-hidden': 'true'});
    this.replaceChildren(this.canvas);
    const {loss, levels} = this.found;
    const lo = Math.log(levels[0]), hi = Math.log(levels.at(-1));
    this.heights = loss.map((v) => (v === null ? null : Math.min(1, Math.max(0, (Math.log(Math.max(v, levels[0])) - lo) / (hi - lo || 1)))));
    this.addEventListener('keydown', (event) => {
      const by = {ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.08], ArrowDown: [0, 0.08]}[event.key];
      if (!by) return;
      event.preventDefault();
      this.move(...by);
    });
    this.canvas.addEventListener('pointerdown', (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.from = [event.clientX, event.clientY];
    });
    this.canvas.addEventListener('pointermove', (event) => {
      if (!this.from) return;
      this.move((event.clientX - this.from[0]) / 160, event.pointerType === 'mouse' ? (event.clientY - this.from[1]) / 220 : 0);
      this.from = [event.clientX, event.clientY];
    });
    for (const end of ['pointerup', 'pointercancel']) this.canvas.addEventListener(end, () => { this.from = null; });
    new ResizeObserver(() => this.draw()).observe(this);
    new MutationObserver(() => this.draw()).observe(document.body, {attributes: true, attributeFilter: ['data-md-color-scheme']});
  }

  move(turn, tilt) {
    this.turn += turn;
    this.tilt = Math.min(1.5, Math.max(0.25, this.tilt + tilt));
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const {canvas, heights} = this;
    const n = this.found.steps.length;
    const ratio = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio)), height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    Object.assign(canvas, {width, height});
    const pen = canvas.getContext('2d');
    const [c, s, ct, st] = [Math.cos(this.turn), Math.sin(this.turn), Math.cos(this.tilt), Math.sin(this.tilt)];
    const size = 0.31 * Math.min(width, height);
    // tilt: 0 looks from above, pi / 2 from the side
    const place = (column, row, h) => {
      const x = 2 * column / (n - 1) - 1, y = 2 * row / (n - 1) - 1, z = 1.1 * (h - 0.5);
      const [u, v] = [c * x - s * y, s * x + c * y];
      return [width / 2 + size * 1.12 * u, height / 2 - size * 1.12 * (ct * v + st * z), v];
    };
    const quads = [];
    for (let row = 0; row < n - 1; row += 1) {
      for (let column = 0; column < n - 1; column += 1) {
        const at = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
        const high = at.map(([i, j]) => heights[j * n + i]);
        if (high.some((h) => h === null)) continue;
        const corners = at.map(([i, j], k) => place(i, j, high[k]));
        quads.push({corners, depth: corners.reduce((sum, one) => sum + one[2], 0), mean: high.reduce((a, b) => a + b) / 4});
      }
    }
    quads.sort((a, b) => b.depth - a.depth);
    const table = convatlas.colours.table.viridis;
    pen.lineWidth = ratio * 0.6;
    pen.lineJoin = 'round';
    for (const {corners, mean} of quads) {
      const rgb = table[Math.round(mean * 255)];
      pen.fillStyle = `rgb(${rgb.join(' ')})`;
      pen.strokeStyle = `rgb(${rgb.map((v) => Math.round(v * 0.72)).join(' ')})`;
      pen.beginPath();
      corners.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.fill();
      pen.stroke();
    }
    const middle = (n - 1) / 2, model = heights[middle * n + middle];
    if (model === null) return;
    const [x, y] = place(middle, middle, model), [, top] = place(middle, middle, model + 0.35);
    pen.strokeStyle = getComputedStyle(this).color;
    pen.fillStyle = '#ffffff';
    pen.lineWidth = 1.5 * ratio;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(x, top);
    pen.stroke();
    pen.beginPath();
    pen.arc(x, top, 4 * ratio, 0, 7);
    pen.fill();
    pen.stroke();
  }
});
