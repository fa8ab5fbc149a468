/* <descent-basins>: for a grid of starts, in which well each optimizer ends: small maps, one each. Computed by slices, so that the page stays
 * awake; a map is coloured again only where its own settings, the surface or the number of steps changed.
 * show({surface, heights, steps, start, chosen: [{name, mark, title, settings}]}); fires descent-start where a map is clicked, or with its arrow keys. */
customElements.define('descent-basins', class extends HTMLElement {
  static COLUMNS = 40;

  connectedCallback() {
    this.found = new Map();
    convatlas.descentDraw.onScheme(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this);
    new IntersectionObserver(([entry]) => { this.seen = entry.isIntersecting; if (this.seen) this.work(); }, {rootMargin: '200px'}).observe(this);
  }

  show(what) {
    Object.assign(this, what);
    this.lay();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.work(), 120);
    this.draw();
  }

  size() {
    const [x0, x1, y0, y1] = this.surface.box;
    const {COLUMNS} = this.constructor;
    return [COLUMNS, Math.max(16, Math.round(COLUMNS * Math.min(1, (y1 - y0) / (x1 - x0))))];
  }

  id({name, settings}) { return JSON.stringify([this.surface.name, this.steps, name, settings]); }

  /** A figure for each optimizer that is chosen. */
  lay() {
    const names = this.chosen.map((one) => one.name).join();
    if (this.laid === names) return;
    this.laid = names;
    const {el} = convatlas;
    this.figures = new Map(this.chosen.map((one) => {
      const canvas = el('canvas', {role: 'application', tabindex: 0, 'aria-roledescription': convatlas.say('deBasinMap'), 'aria-label': `${one.title}: ${convatlas.say('deComputing')}`,
        onclick: (event) => this.tell(event), onkeydown: (event) => convatlas.descentDraw.key(this, this.surface.box, this.start, event)});
      const words = el('span', {class: 'ca-dim'});
      const figure = el('figure', {class: 'de-basin'}, canvas, el('figcaption', {}, el('b', {}, convatlas.descentDraw.sign(one.mark, one.name), one.title), words));
      return [one.name, {figure, canvas, words}];
    }));
    this.replaceChildren(...[...this.figures.values()].map(({figure}) => figure));
  }

  tell(event) {
    const box = event.target.getBoundingClientRect();
    const [x0, x1, y0, y1] = this.surface.box;
    convatlas.descentDraw.tell(this, this.surface.box, x0 + (event.clientX - box.left) / box.width * (x1 - x0), y1 - (event.clientY - box.top) / box.height * (y1 - y0));
  }

  /** Compute what is missing, a slice at a time. */
  work() {
    if (!this.seen || !this.chosen) return;
    clearTimeout(this.next);
    const one = this.chosen.find((each) => !(this.found.get(each.name) || {}).whole || this.found.get(each.name).id !== this.id(each));
    if (!one) return;
    const [columns, rows] = this.size();
    let job = this.found.get(one.name);
    if (!job || job.id !== this.id(one)) {
      const minima = this.surface.minima.map(({x, y}) => [x, y]);
      job = {id: this.id(one), columns, rows, steps: this.steps, cells: [], from: convatlas.descent.basins({...this.surface, minima}, one.name, one.settings, this.steps, columns, rows)};
      this.found.set(one.name, job);
    }
    const until = performance.now() + 10;
    while (!job.whole && performance.now() < until) {
      const {value, done} = job.from.next();
      if (done) job.whole = true;
      else job.cells.push(value);
    }
    if (job.whole) this.paint(one);
    this.next = setTimeout(() => this.work(), 0);
  }

  draw() { if (this.chosen && this.figures) for (const one of this.chosen) this.paint(one); }

  paint(one) {
    const {dark, mix, sharp, token} = convatlas.descentDraw;
    const {canvas, words} = this.figures.get(one.name);
    const job = this.found.get(one.name);
    const [x0, x1, y0, y1] = this.surface.box;
    const [columns, rows] = this.size();
    canvas.style.aspectRatio = `${columns} / ${rows}`;
    const {width, height} = canvas.getBoundingClientRect();
    if (!width) return;
    const pen = sharp(canvas, width, height);
    const whole = job && job.whole && job.id === this.id(one);
    canvas.dataset.whole = whole ? one.name : '';
    if (!whole) { words.textContent = convatlas.say('deComputing'); return; }
    const rgb = (name) => token(name).match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
    const [paper, none] = [rgb('--ca-paper'), rgb('--ca-void')];
    const hues = this.surface.minima.map((_, k) => rgb(`--de-well-${k}`));
    job.cells.forEach(({which, since}, k) => {
      const late = Math.min(1, since / job.steps);
      const [r, g, b] = which < 0 ? none : mix(hues[which], paper, 0.78 * Math.sqrt(late));
      const [i, j] = [k % columns, Math.floor(k / columns)];
      pen.fillStyle = `rgb(${r},${g},${b})`;
      pen.fillRect(i * width / columns, j * height / rows, width / columns + 0.6, height / rows + 0.6);
    });
    this.lines(pen, width, height, dark());
    const ends = this.surface.minima.map((m, k) => ({name: m.name, n: job.cells.filter(({which}) => which === k).length}));
    ends.push({name: convatlas.say('deNowhere'), n: job.cells.filter(({which}) => which < 0).length});
    const shares = ends.filter(({n}) => n).map(({name, n}) => convatlas.say('deShare', {name, share: convatlas.percent(Math.round(100 * n / job.cells.length) / 100).replace(' ', '\u00a0')}));
    words.textContent = shares.join(', ');
    canvas.setAttribute('aria-label', convatlas.say('deBasinKeys', {name: `${convatlas.say('deBasin', {name: one.title, shares: shares.join(', ')})}.`}));
    const [sx, sy] = [(this.start[0] - x0) / (x1 - x0) * width, (y1 - this.start[1]) / (y1 - y0) * height];
    for (const [wide, hue] of [[4, token('--ca-paper')], [1.8, token('--ca-ink')]]) {
      pen.beginPath();
      pen.arc(sx, sy, 4.5, 0, 2 * Math.PI);
      pen.lineWidth = wide;
      pen.strokeStyle = hue;
      pen.stroke();
    }
  }

  /** The surface's levels over a map, faintly, and its minima as dots. */
  lines(pen, width, height, dark) {
    const {LEVELS} = convatlas.descentDraw;
    const [x0, x1, y0, y1] = this.surface.box;
    const n = 64;
    const t = (i, j) => this.heights.of(x0 + i / n * (x1 - x0), y1 - j / n * (y1 - y0)) * LEVELS;
    const id = [this.surface.name, dark].join();
    if (this.linesOf !== id) {
      this.linesOf = id;
      this.crossings = [];
      for (let j = 0; j < n; j++) {
        for (let i = 0; i < n; i++) {
          const corners = [[i, j, t(i, j)], [i + 1, j, t(i + 1, j)], [i + 1, j + 1, t(i + 1, j + 1)], [i, j + 1, t(i, j + 1)]];
          const [least, most] = [Math.min(...corners.map((c) => c[2])), Math.max(...corners.map((c) => c[2]))];
          for (let level = Math.ceil(least); level < most; level += 1) {
            const cut = [];
            corners.forEach((a, k) => {
              const b = corners[(k + 1) % 4];
              if ((a[2] < level) !== (b[2] < level)) { const p = (level - a[2]) / (b[2] - a[2]); cut.push([(a[0] + (b[0] - a[0]) * p) / n, (a[1] + (b[1] - a[1]) * p) / n]); }
            });
            for (let k = 0; k + 1 < cut.length; k += 2) if (level > 0 && level % 2 === 0) this.crossings.push([cut[k], cut[k + 1]]);
          }
        }
      }
    }
    pen.beginPath();
    for (const [a, b] of this.crossings) { pen.moveTo(a[0] * width, a[1] * height); pen.lineTo(b[0] * width, b[1] * height); }
    pen.lineWidth = 0.8;
    pen.strokeStyle = dark ? 'rgb(255 255 255 / 0.22)' : 'rgb(0 0 0 / 0.2)';
    pen.stroke();
  }
});
