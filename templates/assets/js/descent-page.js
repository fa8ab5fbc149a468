/* <descent-page>: what is chosen (surface, start, optimizers and their settings, steps), the runs that follow from it, and the step that is
 * shown. The address keeps all that is not as it was at first. */
customElements.define('descent-page', class extends HTMLElement {
  connectedCallback() {
    const data = convatlas.get('descent', '');
    this.surfaces = data.surfaces;
    this.optimizers = data.optimizers;
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
    this.view = {map: this.querySelector('descent-map'), loss: this.querySelector('descent-loss'), solid: this.querySelector('surface-view'), basins: this.querySelector('descent-basins')};
    for (const one of this.querySelectorAll(':disabled')) one.disabled = false;
    for (const one of this.querySelectorAll('[data-mark]')) one.prepend(convatlas.descentDraw.sign(one.dataset.mark, one.dataset.of));
    this.listen();
    convatlas.descentDraw.onScheme(() => { this.solid(true); this.tints(); });
    addEventListener('hashchange', () => { if (location.hash.slice(1) !== this.written) this.follow(); });
    this.follow();
  }

  listen() {
    const on = (name, then) => this.addEventListener(name, then);
    on('descent-start', ({detail}) => { this.start = [detail.x, detail.y]; this.changed(); });
    on('descent-step', ({detail}) => { this.pause(); this.to(detail.step); });
    on('surface-turn', ({detail}) => { this.turned = `${Math.round(detail.yaw)},${Math.round(detail.pitch)}`; this.keep(); });
    on('change', ({target}) => {
      if (target.name === 'de-surface') this.choose(target.value);
      if (target.name === 'de-on') this.changed();
      if (target.dataset.setting && target.type === 'number') this.set(target, Number(target.value));
      if (target.dataset.control === 'steps') this.changed();
      if (target.dataset.control === 'x' || target.dataset.control === 'y') this.typed();
      if (target.dataset.control === 'speed') this.keep();
    });
    on('input', ({target}) => {
      if (target.dataset.setting && target.type === 'range') this.set(target, this.scale(target).value(Number(target.value) / 1000));
      if (target.dataset.control === 'step') { this.pause(); this.to(Number(target.value)); }
    });
    on('click', ({target}) => {
      const button = target.closest('button[data-do]');
      if (button) this[button.dataset.do]();
    });
  }

  part(name) { return this.querySelector(`[data-control="${name}"]`); }
  get steps() { return Math.min(2000, Math.max(1, Math.round(Number(this.part('steps').value) || 200))); }

  // ---- what is chosen

  /** Everything as the address says, the rest as it is at first. */
  follow() {
    const parts = convatlas.address.read();
    const first = this.surfaces[0];
    this.surface = this.surfaces.find((one) => one.name === parts.s) || first;
    this.querySelector(`[name="de-surface"][value="${this.surface.name}"]`).checked = true;
    this.part('steps').value = parts.n || 200;
    this.part('speed').value = ['15', '30', '60', '120'].includes(parts.v) ? parts.v : '30';
    const at = (parts.p || '').split(',').map(Number);
    this.start = at.length === 2 && at.every(Number.isFinite) ? this.within(at) : [...this.surface.start];
    const on = parts.o && parts.o.split(',');
    for (const box of this.querySelectorAll('[name="de-on"]')) box.checked = !on || on.includes(box.value);
    this.fill(parts);
    this.step = parts.k === undefined ? this.steps : Math.min(this.steps, Math.max(0, Math.floor(Number(parts.k)) || 0));
    this.ran = this.steps;
    this.turned = undefined;
    this.changed(true);
    if (parts.r) {
      const [yaw, pitch] = parts.r.split(',').map(Number);
      if (Number.isFinite(yaw) && Number.isFinite(pitch)) this.view.solid.turn(yaw, pitch);
    }
  }

  within([x, y]) {
    const [x0, x1, y0, y1] = this.surface.box;
    return [Math.min(x1, Math.max(x0, x)), Math.min(y1, Math.max(y0, y))];
  }

  /** Settings as on this surface at first, but for those that `parts` names: adam.lr=0.2. */
  fill(parts = {}) {
    this.settings = Object.fromEntries(this.optimizers.map((one) => [one.name, this.firstOf(one)]));
    for (const one of this.optimizers) {
      for (const key of Object.keys(this.settings[one.name])) {
        const said = parts[`${one.name}.${key}`];
        const wanted = one.settings.find((each) => each.name === key);
        if (said !== undefined && Number.isFinite(Number(said))) this.settings[one.name][key] = Math.min(wanted.most, Math.max(wanted.least, Number(said)));
      }
    }
    for (const input of this.querySelectorAll('[data-setting]')) this.write(input);
  }

  firstOf(one) {
    return {...Object.fromEntries(one.settings.map((each) => [each.name, each.default])), lr: this.surface.rates[one.name]};
  }

  choose(name) {
    this.pause();
    this.surface = this.surfaces.find((one) => one.name === name);
    this.start = [...this.surface.start];
    this.fill();
    this.step = this.steps;
    this.changed();
  }

  typed() {
    const [x, y] = ['x', 'y'].map((one) => Number(this.part(one).value));
    this.start = this.within([Number.isFinite(x) ? x : this.start[0], Number.isFinite(y) ? y : this.start[1]]);
    this.changed();
  }

  reset() {
    this.pause();
    this.start = [...this.surface.start];
    this.part('steps').value = 200;
    for (const box of this.querySelectorAll('[name="de-on"]')) box.checked = true;
    this.fill();
    this.step = this.steps;
    this.changed();
  }

  /** A slider's place, 0 … 1, and the value that it stands for: rates by powers of ten, what is near one by how near it is. */
  scale(input) {
    const {least, most} = this.wanted(input);
    if (input.dataset.setting === 'lr') return {value: (p) => this.round(least * (most / least) ** p), place: (v) => Math.log(Math.max(least, v) / least) / Math.log(most / least)};
    if (input.dataset.setting === 'weight_decay') return {value: (p) => this.round(most * p ** 3), place: (v) => Math.cbrt(v / most)};
    const near = Math.log10(1 - most);
    return {value: (p) => Math.max(least, Number((1 - 10 ** (near * p)).toFixed(4))), place: (v) => Math.log10(1 - v) / near};
  }

  round(v) { return v > 0 ? Number(v.toPrecision(2)) : 0; }
  wanted(input) { return this.optimizers.find((one) => one.name === input.dataset.of).settings.find((one) => one.name === input.dataset.setting); }

  set(input, value) {
    const {least, most} = this.wanted(input);
    const own = this.settings[input.dataset.of];
    if (Number.isFinite(value) && input.value !== '') own[input.dataset.setting] = Math.min(most, Math.max(least, value));
    for (const other of this.querySelectorAll(`[data-of="${input.dataset.of}"][data-setting="${input.dataset.setting}"]`)) if (other !== input || input.type === 'number') this.write(other);
    this.changed();
  }

  write(input) {
    const value = this.settings[input.dataset.of][input.dataset.setting];
    input.value = input.type === 'range' ? Math.round(1000 * this.scale(input).place(value)) : value;
    if (input.type === 'range') input.setAttribute('aria-valuetext', String(value));
  }

  // ---- what follows from it

  changed(kept = false) {
    const {el, say} = convatlas;
    const steps = this.steps;
    this.part('steps').value = steps;
    const whole = !kept && !this.playing && this.step >= this.ran;
    this.step = whole ? steps : Math.min(this.step, steps);
    this.ran = steps;
    for (const [k, one] of ['x', 'y'].entries()) this.part(one).value = Number(this.start[k].toPrecision(4));
    this.heights = this.heightsOf && this.heightsOf.name === this.surface.name ? this.heights : convatlas.descentDraw.heights(this.surface, this.surface.minima.map(({x, y}) => [x, y]));
    this.heightsOf = this.surface;
    const chosen = [...this.querySelectorAll('[name="de-on"]:checked')].map((box) => box.value);
    this.chosen = this.optimizers.filter((one) => chosen.includes(one.name)).map((one) => ({...one, settings: this.settings[one.name]}));
    this.trails = this.chosen.map((one) => ({name: one.name, mark: one.mark, run: convatlas.descent.run(this.surface.name, one.name, one.settings, this.start, steps)}));
    for (const one of this.optimizers) {
      const out = this.querySelector(`[data-end="${one.name}"]`);
      const trail = this.trails.find((each) => each.name === one.name);
      out.textContent = trail ? this.ends(trail.run, steps) : '';
    }
    const slider = this.part('step');
    slider.max = steps;
    this.querySelector('[data-about]').textContent = this.surface.about;
    for (const one of this.querySelectorAll('[data-formula]')) one.hidden = one.dataset.formula !== this.surface.name;
    for (const one of this.querySelectorAll('[data-log]')) one.hidden = (one.dataset.log === 'log') !== this.surface.log;
    this.verdict(el, say);
    this.view.basins.show({surface: this.surface, heights: this.heights, steps, start: this.start, chosen: this.chosen});
    this.keyOfWells(el, say);
    this.solid();
    this.tints();
    this.to(this.step);
  }

  /** What the tints of the map and of the surface say: all of them, with the loss at both ends and in the middle. */
  tints() {
    const {el, say, number, descentDraw: {LEVELS, shade}} = convatlas;
    const half = LEVELS / 2, {at} = this.heights;
    const ramp = (from) => el('span', {class: 'ca-bar__ramp', style: `background:linear-gradient(90deg,${Array.from({length: half}, (_, k) => `rgb(${shade((from + k + 0.5) / LEVELS)}) ${k / half * 100}% ${(k + 1) / half * 100}%`)})`});
    const box = this.querySelector('[data-tints]');
    box.setAttribute('aria-label', say('bar', {lo: number(at(0)), hi: number(at(1))}));
    box.replaceChildren(`${say('la_loss')} ${number(at(0))}`, ramp(0), number(at(0.5)), ramp(half), number(at(1)));
  }

  /** Where a run ended, in words. */
  ends(run, steps) {
    const {number, say} = convatlas;
    const loss = run.losses[steps];
    if (!Number.isFinite(loss)) return say('deLost');
    const {which, since, distance, there} = this.arrival(run);
    const name = which < 0 ? '' : this.surface.minima[which].name;
    return say(which < 0 ? 'deNoWell' : there ? 'deEnds' : 'deSlope', {name, since, distance: number(distance < 1e-9 ? 0 : distance), loss: number(loss)});
  }

  /** Into which well a run leads, and how far it is from its bottom. */
  arrival(run) {
    return convatlas.descent.arrival({...this.surface, minima: this.surface.minima.map(({x, y}) => [x, y])}, run.points);
  }

  /** Who fell into which well, in one sentence. */
  verdict(el, say) {
    const ends = new Map();
    for (const {name, run} of this.trails) {
      const {which} = this.arrival(run);
      ends.set(which, [...(ends.get(which) || []), this.optimizers.find((one) => one.name === name).title]);
    }
    const words = [...ends].sort(([a], [b]) => (a < 0 ? 9 : a) - (b < 0 ? 9 : b)).flatMap(([which, names]) => [
      el('b', {}, which < 0 ? say('deNowhere') : this.surface.minima[which].name), `: ${names.join(', ')}. `]);
    this.querySelector('[data-verdict]').replaceChildren(say(this.trails.length ? 'deVerdict' : 'deNobody', {n: this.steps}), ' ', ...words);
  }

  keyOfWells(el, say) {
    const rows = this.surface.minima.map(({name}, k) => el('li', {}, el('i', {class: `de-well de-well--${k}`, 'aria-hidden': 'true'}), say('deEndsIn', {name})));
    rows.push(el('li', {}, el('i', {class: 'de-well de-well--none', 'aria-hidden': 'true'}), say('deNowhereLong')));
    this.querySelector('[data-wells]').replaceChildren(...rows);
  }

  // ---- the step that is shown

  to(step) {
    this.step = Math.min(this.steps, Math.max(0, step));
    const now = Math.floor(this.step);
    const slider = this.part('step');
    slider.value = now;
    const words = convatlas.say('deStep', {k: now, n: this.steps});
    slider.setAttribute('aria-valuetext', words);
    this.querySelector('[data-step]').textContent = words;
    const what = {surface: this.surface, heights: this.heights, trails: this.trails, start: this.start, step: this.step, steps: this.steps, playing: Boolean(this.playing)};
    this.view.map.show(what);
    this.view.loss.show(what);
    this.solid();
    if (!this.playing) this.keep();
  }

  /** The surface from the side; the field itself is kept while only the step changes. */
  solid(again = false) {
    const {box, name} = this.surface;
    const n = 57;
    if (again || this.fieldOf !== name) {
      this.fieldOf = name;
      const [wide, deep] = [box[1] - box[0], box[3] - box[2]];
      const long = Math.max(wide, deep);
      this.field = {columns: n, rows: n, aspect: [Math.max(0.5, wide / long), Math.max(0.5, deep / long)], colour: convatlas.descentDraw.shade,
        heights: Float64Array.from({length: n * n}, (_, k) => Math.min(1, this.heights.of(box[0] + wide * (k % n) / (n - 1), box[3] - deep * Math.floor(k / n) / (n - 1))))};
    }
    const {colour, mark, place} = convatlas.descentDraw;
    const part = (x, y) => [(x - box[0]) / (box[1] - box[0]), (box[3] - y) / (box[3] - box[2]), Math.min(1, this.heights.of(x, y))];
    const trails = this.trails.map(({name: own, mark: shape, run}) => {
      const points = [];
      for (let t = 0; t <= Math.floor(this.step); t++) points.push(part(run.points[2 * t], run.points[2 * t + 1]));
      points.push(part(...place(run.points, this.step)));
      return {points, colour: colour(own), draw: (pen, x, y) => mark(pen, shape, x, y, 5, colour(own))};
    });
    this.view.solid.show({...this.field, trails});
  }

  play() {
    if (this.playing) { this.pause(); return; }
    if (this.step >= this.steps) this.to(0);
    if (this.still.matches) { this.to(Math.floor(this.step) + 10); return; }
    this.playing = true;
    this.button(true);
    let before = null;
    const frame = (now) => {
      if (!this.playing) return;
      if (before !== null) this.to(this.step + Math.min(0.1, (now - before) / 1000) * Number(this.part('speed').value));
      before = now;
      if (this.step >= this.steps) this.pause();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.button(false);
    this.to(Math.floor(this.step));
  }

  button(playing) {
    const button = this.querySelector('[data-do="play"]');
    button.querySelector('span').textContent = convatlas.say(playing ? 'dePause' : 'dePlay');
    button.querySelector('i').className = playing ? 'de-pause' : 'de-play';
  }

  back() { this.pause(); this.to(Math.ceil(this.step) - 1); }
  forward() { this.pause(); this.to(Math.floor(this.step) + 1); }
  rewind() { this.pause(); this.to(0); }

  // ---- what is kept, and said

  /** What differs from the first view of this surface: [[optimizer, setting, value], …] */
  turnedOf() {
    return this.optimizers.flatMap((one) => Object.entries(this.firstOf(one)).filter(([key, v]) => this.settings[one.name][key] !== v).map(([key]) => [one.name, key, this.settings[one.name][key]]));
  }

  keep() {
    const own = this.start.some((v, k) => v !== this.surface.start[k]);
    const all = this.chosen.length === this.optimizers.length;
    const turned = this.turnedOf();
    const parts = {
      s: this.surface === this.surfaces[0] ? '' : this.surface.name,
      p: own ? this.start.map((v) => Number(v.toPrecision(6))).join() : '',
      o: all ? '' : this.chosen.map((one) => one.name).join() || '-',
      n: this.steps === 200 ? '' : this.steps,
      k: this.step >= this.steps ? '' : Math.floor(this.step),
      v: this.part('speed').value === '30' ? '' : this.part('speed').value,
      r: this.turned,
      ...Object.fromEntries(turned.map(([name, key, v]) => [`${name}.${key}`, v])),
    };
    this.written = convatlas.address.text(parts);
    if (this.written || location.hash) convatlas.address.write(parts);
    const words = ['convatlas descent', `--surface ${this.surface.name}`];
    if (!all && this.chosen.length) words.push(`--optimizers ${this.chosen.map((one) => one.name).join()}`);
    if (own) words.push(`--start=${this.start.map((v) => Number(v.toPrecision(6))).join()}`);
    if (this.steps !== 200) words.push(`--steps ${this.steps}`);
    words.push(...turned.map(([name, key, v]) => (key === 'lr' ? `--lr ${name}=${v}` : `--set ${name}.${key}=${v}`)));
    this.querySelector('[data-command]').textContent = `${words.join(' ')} -o descent.webp`;
  }
});
