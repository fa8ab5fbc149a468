/* <descent-loss>: the loss of every run over its steps, and a line at the step that is shown, which can be dragged.
 * show({surface, heights, trails, step, steps}); fires descent-step with {step}. */
customElements.define('descent-loss', class extends HTMLElement {
  static RIGHT = 26;

  connectedCallback() {
    this.canvas = this.querySelector('canvas');
    const tell = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const part = (event.clientX - box.left - 40) / (box.width - 40 - this.constructor.RIGHT);
      this.dispatchEvent(new CustomEvent('descent-step', {bubbles: true, detail: {step: Math.round(Math.min(1, Math.max(0, part)) * this.steps)}}));
    };
    this.canvas.addEventListener('pointerdown', (event) => { this.canvas.setPointerCapture(event.pointerId); tell(event); });
    this.canvas.addEventListener('pointermove', (event) => { if (this.canvas.hasPointerCapture(event.pointerId)) tell(event); });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    convatlas.descentDraw.onScheme(() => this.draw());
  }

  show(what) { Object.assign(this, what); this.draw(); }

  /** From where to where the losses go: heights as they are, or powers of ten above the lowest. */
  ends() {
    const {low, high} = this.heights;
    const first = this.trails.length ? this.trails[0].run.losses[0] : high;
    if (!this.surface.log) return [low - (high - low) * 0.03, Math.max(first, low + (high - low) * 0.3) + (high - low) * 0.05];
    return [-6, Math.max(1, Math.ceil(Math.log10(Math.max(1e-6, first - low))))];
  }

  draw() {
    const {width, height} = this.canvas.getBoundingClientRect();
    if (!this.surface || !width) return;
    const {sharp, colour, ticks, token, words} = convatlas.descentDraw;
    const pen = sharp(this.canvas, width, height);
    const [left, right, top, foot] = [40, this.constructor.RIGHT, 8, 20];
    const [low, high] = this.ends();
    const x = (t) => left + t / this.steps * (width - left - right);
    const tall = height - top - foot;
    const of = (loss) => (this.surface.log ? Math.log10(Math.max(1e-7, loss - this.heights.low)) : loss);
    const y = (loss) => top + (1 - (of(loss) - low) / (high - low)) * tall;
    pen.font = `11px ${token('--ca-font')}`;
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    pen.lineWidth = 1;
    pen.strokeStyle = token('--ca-line');
    pen.fillStyle = token('--ca-dim');
    for (const v of ticks(low, high)) {
      if (this.surface.log && v % 1) continue;
      const at = top + (1 - (v - low) / (high - low)) * tall;
      pen.beginPath();
      pen.moveTo(left, at);
      pen.lineTo(width - right, at);
      pen.stroke();
      pen.fillText(this.surface.log ? power(v) : words(v), left - 5, at);
    }
    pen.textBaseline = 'top';
    pen.textAlign = 'center';
    for (const v of ticks(0, this.steps)) pen.fillText(String(v), Math.min(x(v), width - 12), height - foot + 5);
    pen.save();
    pen.beginPath();
    pen.rect(left - 6, 0, width - left - right + 12, height - foot + 4);
    pen.clip();
    pen.lineWidth = 2;
    pen.lineJoin = 'round';
    for (const {name, run} of this.trails) {
      pen.strokeStyle = colour(name);
      for (const [from, to, alpha] of [[0, this.step, 1], [Math.floor(this.step), this.steps, 0.3]]) {
        pen.globalAlpha = alpha;
        pen.beginPath();
        for (let t = from; t <= to && Math.abs(run.losses[t]) < 1e12; t++) pen.lineTo(x(t), y(run.losses[t]));
        pen.stroke();
      }
    }
    pen.globalAlpha = 1;
    const now = Math.floor(this.step);
    pen.beginPath();
    pen.moveTo(x(this.step), top);
    pen.lineTo(x(this.step), height - foot);
    pen.strokeStyle = token('--ca-edge');
    pen.lineWidth = 1;
    pen.stroke();
    pen.restore();
    this.marked(pen, x(now), (loss) => Math.min(height - foot, Math.max(top, y(loss))), now, [6, height - foot]);

    function power(v) { return v === 0 ? '1' : v === 1 ? '10' : `10${words(v).replace(/[\u2212\d]/g, (c) => '\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079'['\u22120123456789'.indexOf(c)])}`; }
  }

  /** Each run's mark beside the step that is shown, at its loss, or as near to it as the others let it, with a line to it. */
  marked(pen, at, y, now, [top, foot]) {
    const {colour, mark, spread} = convatlas.descentDraw;
    const shown = this.trails.filter(({run}) => Math.abs(run.losses[now]) < 1e12);
    const own = shown.map(({run}) => y(run.losses[now]));
    const gap = Math.min(11, (foot - top) / Math.max(1, shown.length - 1));
    const beside = spread(own, gap, top, foot);
    shown.forEach(({name}, k) => {
      pen.beginPath();
      pen.moveTo(at, own[k]);
      pen.lineTo(at + 14, beside[k]);
      Object.assign(pen, {lineWidth: 1.2, strokeStyle: colour(name)});
      pen.stroke();
    });
    shown.forEach((one, k) => mark(pen, one.mark, at + 16, beside[k], 4.5, colour(one.name)));
    this.marks = shown.map(({name}, k) => ({name, x: at + 16, y: beside[k]}));
  }
});
