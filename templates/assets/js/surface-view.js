/* <surface-view>: a height field seen from the side, on a canvas, turned by dragging, by touch and by keys; with trails on it.
 * It knows nothing of what it shows: show({columns, rows, heights, aspect, colour, trails}).
 *   heights   0 … 1, row by row, the first row at the back when nothing is turned; columns × rows of them
 *   aspect    width and depth of the field against each other: [1, 0.8]
 *   colour    (height 0 … 1) -> [r, g, b]
 *   trails    [{points: [[u, v, height], …], colour, edge (of the line, if any), draw(pen, x, y) for what stands at its end}], u and v from 0 to 1 across and back to front
 * Fires surface-turn with {yaw, pitch} in degrees. */
customElements.define('surface-view', class extends HTMLElement {
  connectedCallback() {
    this.first = {yaw: Number(this.dataset.yaw || -28), pitch: Number(this.dataset.pitch || 42)};
    Object.assign(this, this.first);
    this.canvas = this.querySelector('canvas') || this.appendChild(document.createElement('canvas'));
    this.canvas.addEventListener('pointerdown', (event) => this.grab(event));
    this.canvas.addEventListener('pointermove', (event) => this.drag(event));
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  show(what) { this.what = what; this.draw(); }

  turn(yaw, pitch) {
    this.yaw = ((yaw + 180) % 360 + 360) % 360 - 180;
    this.pitch = Math.min(90, Math.max(10, pitch));
    this.draw();
    this.dispatchEvent(new CustomEvent('surface-turn', {bubbles: true, detail: {yaw: this.yaw, pitch: this.pitch}}));
  }

  grab(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.from = {x: event.clientX, y: event.clientY, yaw: this.yaw, pitch: this.pitch};
  }

  drag(event) {
    if (!this.from || !this.canvas.hasPointerCapture(event.pointerId)) return;
    this.turn(this.from.yaw + (event.clientX - this.from.x) * 0.5, this.from.pitch + (event.clientY - this.from.y) * 0.4);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const {yaw, pitch} = this;
    const to = {ArrowLeft: [yaw - 5, pitch], ArrowRight: [yaw + 5, pitch], ArrowUp: [yaw, pitch + 4], ArrowDown: [yaw, pitch - 4], Home: [this.first.yaw, this.first.pitch]}[event.key];
    if (!to) return;
    event.preventDefault();
    this.turn(...to);
  }

  /** (u, v, height) -> [x, y] on the canvas; one is nearer to the eye the greater its depth is. */
  lens(width, height) {
    const [wide, deep] = this.what.aspect;
    const [a, b] = [this.yaw * Math.PI / 180, this.pitch * Math.PI / 180];
    const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
    const tall = 0.42;
    const turned = (u, v, h) => {
      const [x, y] = [(u - 0.5) * wide, (v - 0.5) * deep];
      const [rx, ry] = [x * ca - y * sa, x * sa + y * ca];
      const away = 3.4 / (3.4 - (ry * cb + (h - 0.5) * tall * sb)); // some perspective: what is nearer is larger
      return [rx * away, (ry * sb - (h - 0.5) * tall * cb) * away];
    };
    // As wide as fits whatever way it is turned, so that it does not breathe; as high as it is now, its middle in the middle.
    const {columns, rows, heights} = this.what;
    let [top, foot] = [Infinity, -Infinity];
    heights.forEach((h, k) => {
      const [, y] = turned(k % columns / (columns - 1), Math.floor(k / columns) / (rows - 1), h);
      top = Math.min(top, y);
      foot = Math.max(foot, y);
    });
    const size = Math.min(width / (1.06 * Math.hypot(wide, deep)), 0.94 * height / (foot - top));
    return (u, v, h) => { const [x, y] = turned(u, v, h); return [width / 2 + x * size, height / 2 + (y - (top + foot) / 2) * size]; };
  }

  draw() {
    const {width, height} = this.canvas.getBoundingClientRect();
    if (!this.what || !width) return;
    const pen = convatlas.descentDraw.sharp(this.canvas, width, height);
    const {columns, rows, heights} = this.what;
    const at = this.lens(width, height);
    const corners = Array.from({length: rows * columns}, (_, k) => at(k % columns / (columns - 1), Math.floor(k / columns) / (rows - 1), heights[k]));
    const own = this.segments(columns - 1, rows - 1);
    const light = this.light();
    pen.lineJoin = 'round';
    for (const [i, j] of this.order(columns - 1, rows - 1)) {
      const k = j * columns + i;
      const [h00, h10, h01, h11] = [heights[k], heights[k + 1], heights[k + columns], heights[k + columns + 1]];
      const colour = this.what.colour((h00 + h10 + h01 + h11) / 4);
      const slope = ((h10 + h11 - h00 - h01) * light[0] * (columns - 1) + (h01 + h11 - h00 - h10) * light[1] * (rows - 1)) * 0.06;
      const lit = Math.max(-0.3, Math.min(0.22, slope));
      const [r, g, b] = colour.map((v) => Math.round(lit < 0 ? v * (1 + lit) : v + (255 - v) * lit));
      pen.beginPath();
      pen.moveTo(...corners[k]);
      pen.lineTo(...corners[k + 1]);
      pen.lineTo(...corners[k + columns + 1]);
      pen.lineTo(...corners[k + columns]);
      pen.closePath();
      pen.fillStyle = pen.strokeStyle = `rgb(${r},${g},${b})`;
      pen.lineWidth = 0.8; // closes the seams between two patches
      pen.fill();
      pen.stroke();
      const pieces = own.get(j * (columns - 1) + i) || [];
      pen.lineCap = 'round';
      for (const [a, b, , edge] of pieces) if (edge) along(a, b, edge, 4.4);
      for (const [a, b, hue] of pieces) along(a, b, hue, 2.2);
    }
    // What a nearer hill hides shines through it faintly.
    pen.globalAlpha = 0.28;
    for (const pieces of own.values()) for (const [a, b, hue] of pieces) along(a, b, hue, 2.2);
    pen.globalAlpha = 1;
    for (const {points, draw} of this.what.trails) {
      const last = points[points.length - 1];
      if (last && draw && inside(last)) draw(pen, ...at(last[0], last[1], last[2] + 0.01));
    }
    function along(a, b, hue, width) {
      pen.beginPath();
      pen.moveTo(...at(...a));
      pen.lineTo(...at(...b));
      pen.strokeStyle = hue;
      pen.lineWidth = width;
      pen.stroke();
    }
    function inside([u, v]) { return u >= 0 && u <= 1 && v >= 0 && v <= 1; }
  }

  /** From where light falls, turned with the field so that it always comes from the upper left. */
  light() {
    const a = this.yaw * Math.PI / 180;
    return [Math.cos(a) * 0.8 - Math.sin(a) * -0.5, -Math.sin(a) * 0.8 + Math.cos(a) * -0.5];
  }

  /** The patches from the farthest to the nearest. */
  * order(columns, rows) {
    const a = this.yaw * Math.PI / 180;
    const [across, back] = [Math.sin(a), Math.cos(a)]; // how much nearer a step in u, and one in v, comes
    const is = Array.from({length: columns}, (_, k) => (across >= 0 ? k : columns - 1 - k));
    const js = Array.from({length: rows}, (_, k) => (back >= 0 ? k : rows - 1 - k));
    if (Math.abs(back) > Math.abs(across)) for (const j of js) for (const i of is) yield [i, j];
    else for (const i of is) for (const j of js) yield [i, j];
  }

  /** The trails cut into pieces, each under the patch that it lies on: nearer hills then hide it. */
  segments(columns, rows) {
    const own = new Map();
    for (const {points, colour, edge} of this.what.trails) {
      for (let k = 1; k < points.length; k++) {
        const [a, b] = [points[k - 1], points[k]];
        const far = Math.max(Math.abs(a[0] - b[0]) * columns, Math.abs(a[1] - b[1]) * rows);
        if (!(far < 1e4)) break; // gone
        const pieces = Math.max(1, Math.ceil(far * 2));
        for (let p = 0; p < pieces; p++) {
          const [from, to] = [p / pieces, (p + 1) / pieces].map((t) => this.on(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t));
          if (!from || !to) continue;
          const [i, j] = [Math.floor((from[0] + to[0]) / 2 * columns), Math.floor((from[1] + to[1]) / 2 * rows)];
          const cell = Math.min(rows - 1, j) * columns + Math.min(columns - 1, i);
          if (!own.has(cell)) own.set(cell, []);
          own.get(cell).push([from, to, colour, edge]);
        }
      }
    }
    return own;
  }

  /** The place over (u, v) on the drawn patches, a little above them; null outside. */
  on(u, v) {
    const {columns, rows, heights} = this.what;
    if (!(u >= 0 && u <= 1 && v >= 0 && v <= 1)) return null;
    const [x, y] = [u * (columns - 1), v * (rows - 1)];
    const [i, j] = [Math.min(columns - 2, Math.floor(x)), Math.min(rows - 2, Math.floor(y))];
    const [p, q, k] = [x - i, y - j, j * columns + i];
    const h = (heights[k] * (1 - p) + heights[k + 1] * p) * (1 - q) + (heights[k + columns] * (1 - p) + heights[k + columns + 1] * p) * q;
    return [u, v, h + 0.006];
  }
});
