/* <descent-map>: the surface from above, as level lines, with the trails on it and the start as a handle.
 * show({surface, heights, trails, start, step}): trails are [{name, mark, run}], step may lie between two.
 * Fires descent-start with {x, y} where the start is put: by a click, by dragging the handle, or by its arrow keys. */
(() => {
  /** Where a run is at a step, which may lie between two. */
  function place(points, step) {
    const t = Math.min(points.length / 2 - 1, Math.floor(step));
    const n = Math.min(points.length / 2 - 1, t + 1);
    const part = step - t;
    return part > 0 ? [points[2 * t] + (points[2 * n] - points[2 * t]) * part, points[2 * t + 1] + (points[2 * n + 1] - points[2 * t + 1]) * part] : [points[2 * t], points[2 * t + 1]];
  }

  /** Round numbers between two ends. */
  function ticks(a, b) {
    const raw = (b - a) / 5;
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((one) => one >= raw);
    const found = [];
    for (let k = Math.ceil(a / step - 1e-9); k * step <= b + 1e-9; k++) found.push(Number((k * step).toPrecision(10)));
    return found;
  }

  function words(v) { return String(v).replace('-', '\u2212'); }

  const within = (v, a, b) => Number(Math.min(b, Math.max(a, v)).toPrecision(4));

  /** A place within the surface's box as the start. */
  function tell(from, [x0, x1, y0, y1], x, y) {
    from.dispatchEvent(new CustomEvent('descent-start', {bubbles: true, detail: {x: within(x, x0, x1), y: within(y, y0, y1)}}));
  }

  /** Arrow keys move the start by a fortieth of the box, with Shift by a tenth of that. */
  function key(from, box, start, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [x0, x1, y0, y1] = box;
    const part = event.shiftKey ? 1 / 400 : 1 / 40;
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
    if (!step) return;
    event.preventDefault();
    tell(from, box, start[0] + step[0] * part * (x1 - x0), start[1] + step[1] * part * (y1 - y0));
  }

  Object.assign(convatlas.descentDraw, {place, ticks, words, tell, key});

  customElements.define('descent-map', class extends HTMLElement {
    static LEFT = 30;
    static FOOT = 22;

    connectedCallback() {
      this.canvas = this.querySelector('canvas');
      this.handle = this.querySelector('.de-start');
      this.canvas.addEventListener('click', (event) => this.tell(event));
      this.handle.addEventListener('pointerdown', (event) => { if (!event.button) this.handle.setPointerCapture(event.pointerId); });
      this.handle.addEventListener('pointermove', (event) => { if (this.handle.hasPointerCapture(event.pointerId)) this.tell(event); });
      this.handle.addEventListener('keydown', (event) => key(this, this.surface.box, this.start, event));
      new ResizeObserver(() => this.draw()).observe(this.canvas);
      convatlas.descentDraw.onScheme(() => this.draw());
    }

    show(what) { Object.assign(this, what); this.draw(); }

    tell(event) {
      const box = this.canvas.getBoundingClientRect();
      const [x0, x1, y0, y1] = this.surface.box;
      const {left, width, height} = this.plot(box);
      tell(this, this.surface.box, x0 + (event.clientX - box.left - left) / width * (x1 - x0), y1 - (event.clientY - box.top) / height * (y1 - y0));
    }

    plot({width, height}) { return {left: this.constructor.LEFT, width: width - this.constructor.LEFT - 1, height: height - this.constructor.FOOT}; }

    /** (x, y) of the surface -> [x, y] on the canvas. */
    lens({left, width, height}) {
      const [x0, x1, y0, y1] = this.surface.box;
      return (x, y) => [left + (x - x0) / (x1 - x0) * width, (y1 - y) / (y1 - y0) * height];
    }

    draw() {
      const box = this.canvas.getBoundingClientRect();
      if (!this.surface || !box.width) return;
      const pen = convatlas.descentDraw.sharp(this.canvas, box.width, box.height);
      const plot = this.plot(box);
      const at = this.lens(plot);
      pen.drawImage(this.ground(plot), plot.left, 0, plot.width, plot.height);
      this.scales(pen, plot, at);
      pen.save();
      pen.beginPath();
      pen.rect(plot.left, 0, plot.width, plot.height);
      pen.clip();
      for (const trail of this.trails) this.trail(pen, trail, at);
      this.wells(pen, plot, at);
      this.ends(pen, at);
      pen.restore();
      const [x, y] = at(...this.start);
      this.handle.style.left = `${x}px`;
      this.handle.style.top = `${y}px`;
      const says = {x: convatlas.number(this.start[0]), y: convatlas.number(this.start[1])};
      this.handle.setAttribute('aria-label', convatlas.say('deStart', says));
      this.handle.title = convatlas.say('deStartHint', says);
    }

    /** Where each run is, as its mark; those at one place stand on an arc round it, each with a line to where it is. */
    ends(pen, at) {
      const {colour, fanned, mark} = convatlas.descentDraw;
      const places = this.trails.map(({name, mark: shape, run}) => { const [x, y] = at(...place(run.points, this.step)); return {name, shape, x, y}; })
        .filter(({x, y}) => Math.abs(x) < 1e4 && Math.abs(y) < 1e4);
      const shown = this.playing ? places.map((one) => ({...one, at: [one.x, one.y]})) : fanned(places, 14, 34);
      for (const {name, x, y, at: [tx, ty]} of shown) {
        if (tx === x && ty === y) continue;
        pen.beginPath();
        pen.moveTo(x, y);
        pen.lineTo(tx, ty);
        Object.assign(pen, {lineWidth: 1.2, strokeStyle: colour(name)});
        pen.stroke();
      }
      for (const {name, shape, at: [tx, ty]} of shown) mark(pen, shape, tx, ty, 6, colour(name));
      this.marks = shown.map(({name, at: [tx, ty]}) => ({name, x: tx, y: ty}));
    }

    /** The levels, kept until the surface, the size or the scheme is another. */
    ground({width, height}) {
      const dense = Math.min(2, devicePixelRatio || 1);
      const {dark} = convatlas.descentDraw;
      const id = [this.surface.name, Math.round(width), Math.round(height), dense, dark()].join();
      if (this.kept === id) return this.back;
      this.kept = id;
      this.back = convatlas.descentLevels(this.surface, this.heights, Math.max(2, Math.round(width * dense)), Math.max(2, Math.round(height * dense)), dense);
      return this.back;
    }

    scales(pen, {left, width, height}, at) {
      const [x0, x1, y0, y1] = this.surface.box;
      pen.fillStyle = convatlas.descentDraw.token('--ca-dim');
      pen.font = `11px ${convatlas.descentDraw.token('--ca-font')}`;
      pen.textBaseline = 'top';
      pen.textAlign = 'center';
      for (const v of ticks(x0, x1)) pen.fillText(words(v), Math.min(left + width - 8, Math.max(left + 8, at(v, y0)[0])), height + 6);
      pen.textAlign = 'right';
      pen.textBaseline = 'middle';
      for (const v of ticks(y0, y1)) pen.fillText(words(v), left - 6, Math.min(height - 6, Math.max(6, at(x0, v)[1])));
      pen.font = `italic 12px ${convatlas.descentDraw.token('--ca-font')}`;
      pen.fillText('y', left - 20, 12 + (height - 12) / 2 % 1 + height * 0.38);
      pen.textBaseline = 'top';
      pen.fillText('x', left + width * 0.6, height + 5);
    }

    /** The minima, by name: a ring as wide as counts for being there. */
    wells(pen, {left, width, height}, at) {
      const {token} = convatlas.descentDraw;
      pen.font = `600 11px ${token('--ca-font')}`;
      pen.textAlign = 'center';
      pen.textBaseline = 'top';
      this.labels = [];
      for (const {x, y, name, lowest} of this.surface.minima) {
        const [a, b] = at(x, y);
        const [c] = at(x + this.surface.radius, y);
        const [, d] = at(x, y - this.surface.radius);
        pen.beginPath();
        pen.ellipse(a, b, c - a, d - b, 0, 0, 2 * Math.PI);
        pen.setLineDash([3, 3]);
        pen.lineWidth = 1.2;
        pen.strokeStyle = token('--ca-ink');
        pen.stroke();
        pen.setLineDash([]);
        const said = this.surface.minima.length > 1 && new Set(this.surface.minima.map((m) => m.lowest)).size > 1 ? convatlas.say(lowest ? 'deGlobal' : 'deLocal', {name}) : name;
        const half = pen.measureText(said).width / 2 + 3;
        const [tx, ty] = [Math.min(left + width - half, Math.max(left + half, a)), d + 5 + 14 > height ? b - (d - b) - 18 : d + 5];
        pen.lineWidth = 3;
        pen.lineJoin = 'round';
        pen.strokeStyle = token('--ca-paper');
        pen.strokeText(said, tx, ty);
        pen.fillStyle = token('--ca-ink');
        pen.fillText(said, tx, ty);
        this.labels.push({left: tx - half, right: tx + half, top: ty, bottom: ty + 12});
      }
    }

    /** Its way so far; a dot for each step, where steps are long enough to be told apart. */
    trail(pen, {name, run}, at) {
      const {colour, token} = convatlas.descentDraw;
      const last = Math.floor(this.step);
      const places = [];
      for (let t = 0; t <= last; t++) places.push(at(run.points[2 * t], run.points[2 * t + 1]));
      places.push(at(...place(run.points, this.step)));
      const lost = places.findIndex(([x, y]) => !(Math.abs(x) < 1e5 && Math.abs(y) < 1e5));
      if (lost >= 0) places.length = lost;
      if (places.length < 2) return;
      pen.lineJoin = pen.lineCap = 'round';
      for (const [wide, hue, alpha] of [[4, token('--ca-paper'), 0.75], [2, colour(name), 1]]) {
        pen.beginPath();
        places.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
        Object.assign(pen, {lineWidth: wide, strokeStyle: hue, globalAlpha: alpha});
        pen.stroke();
      }
      pen.globalAlpha = 1;
      pen.fillStyle = colour(name);
      let [px, py] = places[0];
      for (const [x, y] of places.slice(1, last + 1)) {
        if (Math.hypot(x - px, y - py) < 7) continue;
        pen.beginPath();
        pen.arc(x, y, 2.6, 0, 2 * Math.PI);
        pen.fill();
        [px, py] = [x, y];
      }
    }
  });
})();
