/* <tour-page>: ties the columns, the wires and the walk to one state, and the state to the address:
 * #s=conv1-1&u=3&i=chelsea&n=6&k=layer&f=0&a=conv2-1 is the step at that column with unit 3 of it, on that image, six maps a column, on
 * the layers' scales, repetitions shown one by one, and all maps of conv2-1. */
customElements.define('tour-page', class extends HTMLElement {
  connectedCallback() {
    this.data = convatlas.get('tour', 'all');
    if (!this.data || !convatlas.tour) return;
    this.strip = this.querySelector('[data-strip]');
    this.status = this.querySelector('[data-status]');
    this.legend = this.querySelector('[data-legend]');
    this.menu = this.querySelector('colour-menu');
    this.walk = this.querySelector('tour-walk');
    this.data.images.forEach((image) => { image.folder = image.slug; });
    this.columns = this.data.columns.map((data, number) => ({data, li: this.querySelector(`[data-column="${number}"]`), order: []}));
    this.columns.byLayer = new Map(this.data.columns.flatMap((data, number) => (data.layer === undefined ? [] : [[data.layer, number], ...data.same.map(([name]) => [name, number])])));
    this.state = {s: 0, u: -1, i: (this.data.images[0] || {}).slug || '', n: '6', sc: 'unit', c: this.menu.value, f: this.data.fold ? '1' : '0', a: []};
    this.coloured = this.state.c !== 'viridis';
    this.turn = 0;
    this.small = matchMedia('(max-width: 700px)');
    this.build();
    this.read();
    this.edges = new convatlas.tourEdges.Edges(this.querySelector('.tr-groups'), this);
    this.listen();
    this.redraw();
    this.go(this.state.s, false);
  }

  get narrow() { return this.small.matches; }
  image() { return this.data.images.find((image) => image.slug === this.state.i); }

  /** What every column has beside its maps: room for maps that are lent, the way to all of its maps, its colour bar. */
  build() {
    const {el, say} = convatlas;
    for (const column of this.columns) {
      const {data, li} = column;
      column.place = li.querySelector('[data-maps]');
      column.said = li.querySelector('[data-said]');
      if (data.role !== 'layer') continue;
      column.guests = el('div', {class: 'tr-guests', 'aria-hidden': 'true'});
      column.more = el('button', {type: 'button', class: 'tr-more', onclick: () => this.toggle(data.key)});
      column.bar = el('div', {class: 'tr-bar'});
      li.append(column.guests, column.more, column.bar);
    }
    for (const chip of this.querySelectorAll('.tr-fold')) {
      const number = Number(chip.dataset.run);
      chip.append(el('button', {type: 'button', 'data-act': 'fold', onclick: () => this.fold1(number)}, el('b', {}, `×${chip.dataset.times}`), el('span', {}, say('tr_unfold', {n: chip.dataset.times}))));
    }
    this.opened = new Set();
  }

  listen() {
    this.addEventListener('change', (event) => this.control(event.target));
    this.addEventListener('tour-step', ({detail}) => this.step(detail.by));
    this.strip.addEventListener('pointerover', (event) => this.over(event.target.closest('.tr-tiles a')));
    this.strip.addEventListener('pointerleave', () => this.wire());
    this.strip.addEventListener('focusin', (event) => { const tile = event.target.closest('.tr-tiles a'); if (tile && tile.matches(':focus-visible')) this.take(tile); });
    this.strip.addEventListener('pointerdown', (event) => { this.pointer = event.pointerType; });
    this.strip.addEventListener('click', (event) => this.click(event));
    document.addEventListener('keydown', (event) => this.key(event));
    addEventListener('hashchange', () => { this.read(); this.redraw(); this.go(this.state.s, false); });
    this.small.addEventListener('change', () => { this.redraw(); this.go(this.state.s, false); });
    let wait = 0;
    new ResizeObserver(() => { cancelAnimationFrame(wait); wait = requestAnimationFrame(() => this.wire()); }).observe(this.querySelector('.tr-groups'));
  }

  read() {
    const {s, u, i, n, k, c, f, a} = convatlas.address.read();
    const {state} = this;
    if (this.data.images.some((image) => image.slug === i)) state.i = i;
    if (['4', '6', '12', 'all'].includes(n)) state.n = n;
    if (['unit', 'layer', 'global'].includes(k)) state.sc = k;
    if (convatlas.colours.names.includes(c)) { state.c = c; this.coloured = true; }
    if (['0', '1'].includes(f)) state.f = f;
    state.a = (a || '').split(',').filter((key) => this.data.columns.some((column) => column.key === key));
    const at = this.data.columns.findIndex((column) => column.key === s);
    if (at >= 0) state.s = at;
    state.u = /^\d+$/.test(u || '') && Number(u) < (this.data.columns[state.s].units || 0) ? Number(u) : -1;
    for (const run of this.data.columns[state.s].copies) this.opened.add(run);
    for (const [name, value] of [['image', state.i], ['channels', state.n], ['scale', state.sc], ['fold', state.f]]) {
      for (const input of this.querySelectorAll(`[name=${name}]`)) input.checked = input.value === value;
    }
    this.menu.choose(state.c);
  }

  write() {
    const {s, u, i, n, sc, c, f, a} = this.state;
    const first = (this.data.images[0] || {}).slug;
    convatlas.address.write({s: s ? this.data.columns[s].key : '', u: u >= 0 ? u : '', i: i === first ? '' : i, n: n === '6' ? '' : n, k: sc === 'unit' ? '' : sc, c: this.coloured ? c : '', f: f === (this.data.fold ? '1' : '0') ? '' : f, a: a.join(',')});
  }

  control(target) {
    const keys = {image: 'i', channels: 'n', scale: 'sc', fold: 'f'};
    if (target === this.menu) { this.state.c = target.value; this.coloured = true; } else if (target.name in keys) this.state[keys[target.name]] = target.value;
    else return;
    if (target.name === 'channels') this.state.a = [];
    if (target.name === 'fold') this.opened.clear();
    this.redraw();
    if (this.columns[this.state.s].li.hidden) this.state.s = this.steps().findLast((k) => k < this.state.s);
    this.go(this.state.s, false, this.state.u);
  }

  /** Show all maps of a column, or again the strongest. */
  toggle(key) {
    const {a} = this.state;
    this.state.a = a.includes(key) ? a.filter((one) => one !== key) : [...a, key];
    this.write();
    this.redraw(this.columns.findIndex((column) => column.data.key === key));
    this.wire();
  }

  /** Show the copies of a repetition one by one, or fold them again. */
  fold1(number) {
    if (this.state.f === '0') { this.state.f = '1'; this.data.columns.forEach(({copies}) => copies.forEach((run) => this.opened.add(run))); for (const input of this.querySelectorAll('[name=fold]')) input.checked = input.value === '1'; }
    if (!this.opened.delete(number)) this.opened.add(number);
    this.redraw();
    if (this.columns[this.state.s].li.hidden) this.go(this.steps().findLast((k) => k < this.state.s), true);
    else { this.write(); this.wire(); }
  }

  most({data}) { return this.state.a.includes(data.key) ? (this.state.n === 'all' ? '6' : 'all') : this.state.n; }

  /** A promise of a column's maps on the image that is shown. */
  maps(number) { return convatlas.tour.atlas(this.columns[number].data, this.image()); }

  /** Make all columns what the state says: those in sight are drawn, the others wait for that. */
  redraw(only = -1) {
    const {say} = convatlas;
    const folded = (column) => this.state.f === '1' && column.data.copies.some((run) => !this.opened.has(run));
    if (this.sight) this.sight.disconnect();
    this.sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.seen(entry)), this.narrow ? {rootMargin: '300px 0px'} : {root: this.strip, rootMargin: '0px 300px'});
    this.columns.forEach((column, number) => {
      const {li, data} = column;
      li.hidden = folded(column);
      if (data.role === 'image') this.photo(column);
      if (data.role === 'answer') this.answer(column);
      if (data.role !== 'layer') return;
      if (only < 0 || only === number) { column.drawn = ''; }
      const most = this.most(column);
      const {n, width} = convatlas.tour.room(data, most);
      column.place.style.setProperty('--wide', `${Math.round(width)}px`);
      column.more.hidden = data.units <= n && most !== 'all';
      const some = Math.min(data.units, Number(this.state.n === 'all' ? 6 : this.state.n));
      column.more.textContent = most === 'all' ? say('tr_fewer', {n: some}) : say('tr_all', {n: data.units.toLocaleString('en')});
      column.more.setAttribute('aria-expanded', String(most === 'all'));
      column.more.hidden = data.units <= some;
      this.sight.observe(li);
    });
    for (const group of this.querySelectorAll('.tr-group')) group.hidden = [...group.querySelectorAll('.tr-column')].every((li) => li.hidden);
    for (const chip of this.querySelectorAll('.tr-fold')) {
      const open = this.state.f === '0' || this.opened.has(Number(chip.dataset.run));
      chip.hidden = this.columns[Number(chip.dataset.after)].li.hidden;
      chip.classList.toggle('tr-fold--open', open);
      chip.querySelector('button').setAttribute('aria-expanded', String(open));
      chip.querySelector('span').textContent = say(open ? 'tr_fold' : 'tr_unfold', {n: chip.dataset.times});
    }
    this.legends();
  }

  seen({target, isIntersecting}) {
    const number = Number(target.dataset.column);
    const column = this.columns[number];
    column.near = isIntersecting;
    if (isIntersecting) this.draw(number);
    else if (this.most(column) === 'all' && column.box) { column.place.replaceChildren(); column.drawn = ''; column.order = []; }
  }

  /** Draw one column, once for each state; a promise. */
  async draw(number) {
    const column = this.columns[number];
    const {c, sc, i} = this.state;
    const most = this.most(column);
    const wanted = [i, c, sc, most].join(' ');
    if (column.drawn === wanted) return;
    column.drawn = wanted;
    const maps = await this.maps(number).catch((error) => ({na: convatlas.say('failed', {file: error.message})}));
    if (column.drawn !== wanted) return;
    if ('na' in maps) {
      column.place.replaceChildren(convatlas.el('p', {class: 'tr-column__none'}, maps.na));
      column.order = [];
      column.box = null;
      return;
    }
    const image = this.image();
    Object.assign(column, {maps}, convatlas.tour.draw(column.place, column.data, maps, {image, colour: c, scale: sc, most}));
    const to = sc === 'global' ? null : convatlas.tour.ends(maps, image, sc);
    column.bar.replaceChildren(...(to ? [convatlas.tiles.bar(to[0], to[1], c, maps.signed)] : []));
    this.mark();
    if (number === this.state.s) this.explain();
    else this.wire();
  }

  photo({li}) {
    const image = this.image();
    const img = li.querySelector('.tr-photo');
    if (!img || !image) return;
    img.src = convatlas.url(image.photo);
    img.alt = image.name;
  }

  answer({place}) {
    const image = this.image();
    place.replaceChildren(...(image && image.says.length ? [convatlas.tourFigure.bars(image.says)] : []));
  }

  /** The scale in numbers, where all columns share it; else in words. */
  legends() {
    const {el, say, tiles, colours} = convatlas;
    const {sc, c} = this.state;
    const image = this.image();
    if (!image || !(image.plain || image.signed)) return this.legend.replaceChildren();
    if (sc === 'global') return this.legend.replaceChildren(...[['plain', false], ['signed', true]].filter(([key]) => image[key]).map(([key, signed]) => tiles.bar(image[key][0], image[key][1], c, signed)));
    const bar = (low, high, signed) => el('span', {class: 'ca-bar'}, el('span', {}, say(low)), el('span', {class: 'ca-bar__ramp', style: `background:${colours.ramp(c, signed)}`}), el('span', {}, say(high)));
    return this.legend.replaceChildren(...[image.plain && bar('lowest', 'highest', false), image.signed && bar('below', 'above', true)].filter(Boolean));
  }

  /** The numbers of the columns that are not folded away. */
  steps() { return this.columns.flatMap(({li}, number) => (li.hidden ? [] : [number])); }

  step(by) {
    const steps = this.steps();
    const next = steps[steps.indexOf(this.state.s) + by];
    if (next !== undefined) this.go(next, true, this.follow(next));
  }

  /** The unit that the walk goes on with: the same one, where a column only changes each map by itself. */
  follow(next) {
    const [from, to] = [this.columns[this.state.s].data, this.columns[next].data];
    return next > this.state.s && from.units && from.units === to.units && ['act', 'norm', 'pool'].includes(to.kind) ? this.state.u : -1;
  }

  /** Bring a column into focus; its unit, or the strongest. */
  go(number, scroll, unit = this.state.u) {
    const {state} = this;
    Object.assign(state, {s: number, u: unit});
    this.columns.forEach(({li}, k) => { if (k === number) li.setAttribute('aria-current', 'step'); else li.removeAttribute('aria-current'); });
    const {li, data, said} = this.columns[number];
    const steps = this.steps();
    const lines = li.querySelectorAll('.tr-column__head > span');
    if (this.narrow && this.walk.parentNode !== li) li.append(this.walk);
    else if (!this.narrow && this.walk.parentNode !== this) this.append(this.walk);
    this.walk.tell({number: steps.indexOf(number) + 1, of: steps.length, name: data.layer || data.name, page: data.page, what: [...lines].map((line) => line.textContent).filter(Boolean).join(' · '), said});
    if (scroll) this.center(li);
    this.write();
    this.mark();
    return this.explain();
  }

  /** Scroll the column into the middle of the strip, or to the top of a narrow window. */
  center(li) {
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
    if (this.narrow) return li.scrollIntoView({block: 'start', behavior: calm});
    const [box, own] = [this.strip.getBoundingClientRect(), li.getBoundingClientRect()];
    return this.strip.scrollBy({left: own.left + own.width / 2 - box.left - box.width / 2, behavior: calm});
  }

  /** The figure, the lists and the wires of the step. */
  async explain() {
    const turn = this.turn = this.turn + 1;
    const number = this.state.s;
    const {data} = this.columns[number];
    if (data.role === 'layer' && this.state.u < 0) {
      const maps = await this.maps(number).catch(() => ({na: ''}));
      if (turn !== this.turn) return;
      if (!('na' in maps)) { this.state.u = convatlas.tiles.unit(maps, convatlas.tiles.order(maps, 'strongest')[0]); this.write(); this.mark(); }
    }
    const unit = this.state.u;
    const {wires, links} = await this.links(number, unit);
    const [figure, units] = await Promise.all([convatlas.tourStep.figure(this, number, unit, wires, links).catch(() => null), convatlas.tourStep.units(this, number, unit, links, Boolean(wires))]);
    if (turn !== this.turn) return;
    this.walk.show(figure, units);
    this.wire();
  }

  /** What a unit reads and feeds; nothing where that is not known. */
  async links(number, unit) {
    const {data} = this.columns[number];
    if (data.role !== 'layer' || !data.wires || unit < 0) return {wires: null, links: []};
    const wires = await convatlas.wires.load(data.slug, data.wires).catch(() => null);
    if (!wires) return {wires: null, links: []};
    const links = convatlas.tourEdges.links(wires, this.columns, number, unit);
    const end = this.columns.length - 1;
    for (const {label, share, sign} of convatlas.tourEdges.classes(wires, unit)) links.push({from: [number, unit], to: [end, label], share, sign, near: true, said: true});
    return {wires, links};
  }

  /** Show the wires of a unit: the one pointed at, or that of the step. */
  async wire(number = this.state.s, unit = this.state.u) {
    if (!this.edges) return;
    const turn = this.hovered = (this.hovered || 0) + 1;
    const {links} = await this.links(number, unit);
    if (turn !== this.hovered) return;
    await this.edges.show(links, () => turn === this.hovered, [number, unit]);
  }

  /** The element of a unit's map in its column, where it stands there. */
  tile(number, unit) { return this.columns[number].box && this.columns[number].box.querySelector(`[data-unit="${unit}"]`); }

  /** A map lent to a column for a while. */
  async guest(number, unit) {
    const maps = await this.maps(number);
    const at = 'na' in maps ? -1 : convatlas.tiles.tile(maps, unit);
    if (at < 0) return null;
    const made = convatlas.tiles.single(maps, at, 24, this.state.c, convatlas.tour.ends(maps, this.image(), this.state.sc));
    made.dataset.guest = unit;
    return made;
  }

  /** The chip that a hidden column is folded into. */
  chip(number) { return this.querySelector(`.tr-fold[data-run="${this.data.columns[number].copies.find((run) => !this.opened.has(run))}"]`); }

  /** The unit before or after one in the order of its column. */
  beside(number, unit, by) {
    const {order, maps} = this.columns[number];
    const at = order.findIndex((k) => convatlas.tiles.unit(maps, k) === unit);
    const next = order[Math.min(order.length - 1, Math.max(0, at + by))];
    return next === undefined ? unit : convatlas.tiles.unit(maps, next);
  }

  pick(number, unit) { return this.go(number, false, unit); }

  over(tile) {
    if (!tile) return;
    const column = this.columns[Number(tile.closest('[data-column]').dataset.column)];
    this.tell(column, Number(tile.dataset.unit));
    this.wire(this.columns.indexOf(column), Number(tile.dataset.unit));
  }

  tell({data, maps}, unit) { this.status.textContent = `${data.name} · ${convatlas.tour.words(data, maps, convatlas.tiles.tile(maps, unit))}`; }

  /** A tile that the keyboard came to becomes the step's unit. */
  take(tile) {
    const number = Number(tile.closest('[data-column]').dataset.column);
    const unit = Number(tile.dataset.unit);
    this.tell(this.columns[number], unit);
    if (number !== this.state.s || unit !== this.state.u) this.go(number, false, unit);
  }

  /** A first tap shows what a map is wired to, a second one opens it; with a mouse, pointing does the first. */
  click(event) {
    const li = event.target.closest('[data-column]');
    const tile = event.target.closest('.tr-tiles a');
    if (!li || event.target.closest('button, .tr-column__head a, tour-walk')) return;
    const number = Number(li.dataset.column);
    if (!tile) { if (number !== this.state.s) this.go(number, false, -1); return; }
    const touched = (event.pointerType || this.pointer) === 'touch';
    const unit = Number(tile.dataset.unit);
    if (!touched || (number === this.state.s && unit === this.state.u)) return;
    event.preventDefault();
    this.tell(this.columns[number], unit);
    this.pick(number, unit);
  }

  key(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest('input, select, textarea, details, [contenteditable], dialog, .md-search')) return;
    const tile = event.target.closest('.tr-tiles a');
    if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') this.step(event.key === 'ArrowRight' ? 1 : -1);
    else if (tile && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) this.pick(this.state.s, this.beside(this.state.s, this.state.u, event.key === 'ArrowDown' ? 1 : -1));
    else return;
    event.preventDefault();
    if (tile) this.focused = true;
    this.mark();
  }

  /** One map in the strip can be reached by the tab key: that of the step; it keeps the focus that was on another. */
  mark() {
    for (const old of this.querySelectorAll('.tr-tiles a[tabindex="0"]')) old.tabIndex = -1;
    const tile = this.columns[this.state.s].data.role === 'layer' && this.tile(this.state.s, this.state.u);
    if (!tile) return;
    tile.tabIndex = 0;
    if (this.focused) { this.focused = false; tile.focus({preventScroll: true}); }
  }
});
