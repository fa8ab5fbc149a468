/* <layer-page data-layer="slug">: ties the toolbar, the wall and the panel of a layer to one state, and the state to the
 * address: #u=17&i=chelsea&v=maps&c=magma is unit 17 on that image, in that view, in that colour; &t=conv5/3 keeps the row
 * of inputs that one came by, which begins at unit 3 of conv5, &m=eigen_cam says which class maps are shown. */
customElements.define('layer-page', class extends HTMLElement {
  connectedCallback() {
    this.data = convatlas.get('layer', this.dataset.layer);
    this.wall = this.querySelector('atlas-wall');
    this.panel = this.querySelector('unit-panel');
    this.status = this.querySelector('[data-status]');
    this.extra = this.querySelector('[data-extra]');
    this.main = this.querySelector('[data-main]');
    this.menu = this.querySelector('colour-menu');
    if (!this.data) return;
    this.state = {u: -1, i: (this.data.images[0] || {}).slug || '', v: this.opens(), c: this.menu.value, h: convatlas.kept.get('colour.inferno', 'inferno'), s: 'map', o: 'index', f: '', k: '', t: '', x: '', p: '', m: ''};
    // A colour map goes into the address once it was chosen, here or on a page before; until then each reader has their own.
    this.chosen = {c: this.state.c !== 'viridis', h: this.state.h !== 'inferno'};
    this.zooms = {};
    // The toolbar stays in sight, one or two rows high: the panel stops under it.
    const tools = this.querySelector('.ca-toolbar');
    new ResizeObserver(() => this.style.setProperty('--ca-tools', `${tools.offsetHeight}px`)).observe(tools);
    this.addEventListener('change', (event) => this.control(event.target));
    for (const button of this.querySelectorAll('[data-zoom]')) button.addEventListener('click', () => this.zoom(Number(button.dataset.zoom)));
    this.addEventListener('unit-point', ({detail}) => this.say(detail.tile));
    this.addEventListener('unit-open', ({detail}) => this.set({u: detail.unit}));
    this.addEventListener('explain-state', ({detail: {op, place, unit}}) => this.explained(op, place, unit));
    this.addEventListener('unit-close', () => this.close());
    this.addEventListener('unit-step', ({detail}) => this.step(detail.by));
    document.addEventListener('keydown', (event) => this.key(event));
    addEventListener('hashchange', () => this.read());
    this.read();
    this.draw();
    this.links();
  }

  /** The view that the page opens with where its address names none: a link to a unit, or to those of a kind, has all units beside it. */
  opens() {
    const {u, f} = convatlas.address.read();
    return u === undefined && f === undefined ? this.data.opens : 'maps';
  }

  read() {
    const {u, i, v, c, s, k, o, f, m, x, p, t = ''} = convatlas.address.read();
    const next = t === this.state.t ? {} : {t};
    // An address with a view is one that the page wrote: what it leaves out is as at first, whatever was chosen here since.
    if (this.ready && v !== undefined) Object.assign(next, {u: -1, s: 'map', o: 'index', f: '', k: '', m: '', x: '', p: ''});
    const there = u !== undefined && /^\d+$/.test(u) && Number(u) < this.data.units;
    this.missing = u && !there ? u.slice(0, 20) : '';
    if (there) next.u = Number(u);
    else if (u) next.u = -1;
    if (this.data.images.some((image) => image.slug === i)) next.i = i;
    if ([...this.querySelectorAll('[name=view]')].some((input) => input.value === v)) next.v = v;
    else if (this.ready && there && v === undefined && this.state.v === 'cams') next.v = 'maps';  // class maps are no unit's
    if (convatlas.colours.names.includes(c)) {
      const family = (next.v || this.state.v) === 'cams' ? 'h' : 'c';
      next[family] = c;
      this.chosen[family] = true;
    }
    if (s === 'layer' || s === 'map') next.s = s;
    if (k !== undefined && k in this.data.kernelInputs) next.k = k;
    for (const [key, value, control] of [['o', o, 'sort'], ['f', f === 'dead' ? 'never_on' : f, 'filter']]) {
      const select = this.querySelector(`[data-control=${control}]`);
      if (select && value && [...select.options].some((option) => option.value === value && !option.disabled)) next[key] = value;
    }
    if (this.data.cams.some(({method}) => method === m)) next.m = m;
    if (x !== undefined) next.x = x;
    if (/^\d+\.\d+$/.test(p)) next.p = p;
    this.jump = there;
    if (!Object.keys(next).length) return;
    Object.assign(this.state, next);
    this.tick();
    if (this.ready) this.draw();
  }

  /** Make the controls say what the state says. */
  tick() {
    const names = {image: this.state.i, view: this.state.v, scale: this.state.s};
    for (const input of this.querySelectorAll('.ca-toolbar input[type=radio]')) if (input.name in names) input.checked = input.value === names[input.name];
    for (const [control, value] of [['sort', this.state.o], ['filter', this.state.f]]) {
      const select = this.querySelector(`[data-control=${control}]`);
      if (select) select.value = value;
    }
  }

  control(target) {
    if (target === this.menu) {
      const family = this.family();
      // Diverging is what signed data has by itself: to pick it is to go back to no choice.
      this.chosen[family] = convatlas.colours.name(target.value, target.signed) !== 'diverging';
      return this.set({[family]: target.value});
    }
    if (target.name === 'image') return this.set({i: target.value});
    if (target.name === 'view') return this.set({v: target.value});
    if (target.name === 'scale') return this.set({s: target.value});
    if (target.dataset.control === 'sort') return this.set({o: target.value});
    if (target.dataset.control === 'filter') return this.set({f: target.value});
    if (target.dataset.control === 'slice') return this.set({k: target.value});
    if (target.dataset.control === 'cam') return this.set({m: target.value});
    return undefined;
  }

  set(part) {
    Object.assign(this.state, 'u' in part ? {t: ''} : {}, part);  // another unit is picked: the row is left
    this.missing = '';
    this.write();
    this.links();
    this.draw();
  }

  write() { convatlas.address.write(this.whole()); }

  /** All that the page shows, as an address: what is as at first is left out. */
  whole() {
    const {u, i, v, s, k, o, f, t, x, p} = this.state;
    const how = v === 'how';
    return {u: u >= 0 ? u : '', i, v, c: this.linked(), s: s === 'layer' ? s : '', k, o: o === 'index' ? '' : o, f, t, m: this.method(), x: how ? x : '', p: how ? p : ''};
  }

  /** The method of the class maps that are looked at, as an address says it: not at all where none was chosen. */
  method() { return this.state.v === 'cams' ? this.state.m : ''; }

  /** What other pages of layers and units open with: the same image, view and colour, and class maps by the same method. */
  carried() {
    const {i, v, s} = this.state;
    return {i, v, c: this.linked(), s: s === 'layer' ? s : '', m: this.method()};
  }

  /** The layers before and after keep it. */
  links() {
    for (const link of document.querySelectorAll('[data-keeps-view] a')) link.href = `${link.getAttribute('href').split('#')[0]}#${convatlas.address.text(this.carried())}`;
  }

  /** Class maps lie over photographs and keep a colour map of their own. */
  family() { return this.state.v === 'cams' ? 'h' : 'c'; }
  colour() { return this.state[this.family()]; }

  /** The colour map as an address says it: not at all where none was chosen. */
  linked() { return this.chosen[this.family()] ? this.colour() : ''; }

  image() { return this.data.images.find((image) => image.slug === this.state.i); }

  async atlas() {
    const {v, k} = this.state;
    if (v === 'kernels') return (k !== '' && this.data.kernelInputs[k]) || this.data.kernels;
    if (v === 'pictures') return this.data.pictures;
    const image = this.image();
    if (!image) return {na: ''};
    return image.maps ? convatlas.load('maps', `${this.dataset.layer}/${image.slug}`, image.maps) : {na: image.na};
  }

  async draw() {
    const turn = this.turn = (this.turn || 0) + 1;
    this.ready = true;
    this.controls();
    for (const view of ['how', 'units']) this.classList.toggle(`is-${view}`, this.state.v === view);
    if (this.state.v === 'cams') return this.cams();
    if (this.state.v === 'how') return this.how(turn);
    if (this.state.v === 'units') return this.pairs(turn);
    let atlas;
    try {
      atlas = await this.atlas();
    } catch (error) {
      if (turn === this.turn) this.sentence(convatlas.say('failed', {file: error.message}));
      return undefined;
    }
    if (this.state.f || convatlas.answers.sorts.has(this.state.o)) this.found = await this.answers();
    if (turn !== this.turn) return undefined;
    if ('na' in atlas) return this.sentence(atlas.na, true, this.state.v === 'pictures' ? this.behind() : '');
    if (this.wall.parentNode !== this.main) this.main.replaceChildren(this.wall);
    const {tiles} = convatlas;
    const box = this.main.getBoundingClientRect();
    const key = this.zoomed();
    const room = [this.main.clientWidth, Math.max(320, innerHeight - Math.max(0, box.top + scrollY) - 16)];
    this.zooms[key] ??= this.state.v === 'pictures' ? tiles.fill(atlas, ...room) : tiles.fit(atlas, ...room);
    this.now = atlas;
    this.menu.show(atlas.signed);
    this.menu.toggleAttribute('data-off', atlas.rgb);
    const order = this.orders(atlas);
    if (!order.length) return this.sentence(convatlas.say('noneSuch'));
    const to = tiles.shares(atlas, this.state.s) ? tiles.shared(atlas) : null;
    this.wall.show(atlas, {zoom: this.zooms[key], order, to, colour: this.state.c, numbered: this.state.v === 'pictures'});
    this.wall.open(this.state.u, this.jump);
    this.say(-1);
    const {jump} = this;
    this.jump = false;
    return this.state.u >= 0 ? this.unit(jump) : this.about();
  }

  /** Units that were searched for, beside the photographs that raise them. */
  async pairs(turn) {
    const found = await this.answers();
    if (turn !== this.turn || !found) return undefined;
    const {say} = convatlas;
    Object.assign(this, {now: null, found});
    if (!convatlas.pairs.show(this, this.orders(this.data.pictures))) return this.sentence(say('noneSuchPair'));
    if (this.state.u >= 0) await this.unit(false);
    else this.panel.about({title: say('pairsOf', {layer: this.data.name}), how: say('pairsHow'), hint: false, missing: this.lost()});
    return undefined;
  }

  /** How the layer is computed: of the open unit, else of the one that answers most. */
  async how(turn) {
    const {u, i, x, p} = this.state;
    const {explain, images} = this.data;
    const image = this.image();
    let unit = u;
    if (unit < 0) {
      const atlas = image && image.maps ? await convatlas.load('maps', `${this.dataset.layer}/${image.slug}`, image.maps).catch(() => null) : null;
      unit = atlas && atlas.n ? convatlas.tiles.unit(atlas, convatlas.tiles.order(atlas, 'strongest')[0]) : 0;
    }
    if (turn !== this.turn) return;
    this.now = null;
    this.explain ??= document.createElement('explain-view');
    if (this.explain.parentNode !== this.main) this.main.replaceChildren(this.explain);
    const signed = convatlas.colours.name(this.state.c, false);
    const [y, column] = p.split('.').map(Number);
    this.explain.show({na: explain.na, address: {key: `steps/${this.dataset.layer}`, path: explain.at}, image: i, images: Object.fromEntries(images.map(({slug, name}) => [slug, name])), classes: image ? image.classes : [], unit, op: x, place: p ? {y, x: column} : null, colour: signed});
  }

  /** The step and the place that the reader is at, for the address. */
  explained(op, place, unit) {
    Object.assign(this.state, {x: op, p: place ? `${place.y}.${place.x}` : ''});
    if (this.state.u < 0 && this.explain.k === this.explain.chain.own) this.state.u = unit;
    this.write();
  }

  /** Every view, and every slice of the kernels, keeps a zoom of its own: under this key. */
  zoomed() { return this.state.v + (this.state.v === 'kernels' ? this.state.k : ''); }

  zoom(by) {
    if (!this.now) return;
    const key = this.zoomed();
    this.zooms[key] = convatlas.tiles.step(this.now, this.zooms[key], by);
    this.draw();
  }

  /** What the layer's units answer to in the dataset; null where they were not asked. */
  answers() { return convatlas.answers.load(this.dataset.layer, this.data.answers).catch(() => null); }

  orders(atlas) {
    const {o, f} = this.state;
    const {tiles, answers} = convatlas;
    if (!this.sorted || this.sorted.atlas !== atlas || this.sorted.how !== o + f) {
      const found = this.found && this.found.answers;
      const order = found && answers.sorts.has(o) ? answers.order(found, atlas, o) : o === 'norm' ? tiles.longest(atlas, this.data.kernels) : tiles.order(atlas, answers.sorts.has(o) ? 'index' : o);
      this.sorted = {atlas, how: o + f, order: found && f ? answers.filtered(found, atlas, order, f) : order};
    }
    return this.sorted.order;
  }

  /** Only what the view has a use for can be used. */
  controls() {
    const {v, k, m} = this.state;
    const {el, say} = convatlas;
    const off = (selector, when) => { for (const element of this.querySelectorAll(selector)) element.disabled = when; };
    off('[name=image]', v === 'kernels' || v === 'pictures');
    const alone = v === 'cams' || v === 'how' || v === 'units';
    off('[name=scale]', v === 'pictures' || alone);
    off('[data-zoom]', alone);
    off('[data-control=sort], [data-control=filter]', v === 'cams' || v === 'how');
    this.menu.lend(v === 'cams' ? 'inferno' : 'viridis', this.colour());
    this.extra.replaceChildren();
    const inputs = Object.keys(this.data.kernelInputs);
    if (v === 'kernels' && inputs.length > 1) {
      const first = this.data.kernels.rgb ? 'inputAll' : 'inputFirst';
      const options = [el('option', {value: '', selected: k === ''}, say(first)), ...inputs.map((n) => el('option', {value: n, selected: n === k}, convatlas.channel(this, n)))];
      this.extra.append(el('label', {class: 'ca-select'}, `${say('input')} `, el('select', {'data-control': 'slice'}, options)));
    }
    if (v === 'cams' && this.data.cams.length > 1) {
      this.extra.append(el('label', {class: 'ca-select'}, el('span', {class: 'ca-hidden'}, say('method')), el('select', {'data-control': 'cam'}, this.data.cams.map((c) => el('option', {value: c.method, selected: c.method === m}, c.title)))));
    }
    this.status.textContent = v === 'cams' ? '' : this.count();
  }

  /** How many units the view has: all of them, or the few that were searched for. */
  count() {
    const {pictures, units} = this.data;
    const all = units.toLocaleString('en');
    if (this.state.f && this.sorted) return convatlas.say('unitsOf', {n: this.sorted.order.length.toLocaleString('en'), all});
    return ['pictures', 'units'].includes(this.state.v) && pictures.n < units ? convatlas.say('unitsSearched', {n: pictures.n.toLocaleString('en'), all}) : convatlas.say('units', {n: all});
  }

  words() {
    const {say, number} = convatlas;
    const layer = this.data.name;
    const {v, k, s} = this.state;
    const atlas = this.now;
    const shared = atlas && !atlas.rgb ? convatlas.tiles.shared(atlas) : null;
    const ends = shared ? {lo: number(shared[0]), hi: number(shared[1])} : {};
    const scale = !shared ? '' : say(`${atlas.signed ? 'signed' : 'per'}${convatlas.tiles.shares(atlas, s) ? 'Layer' : 'Map'}`, ends);
    if (v === 'kernels') return {title: say('kernelsOf', {layer}), how: k === '' ? say('kernelsHow', {note: this.data.kernelNote}) : say('kernelsInput', {n: convatlas.channel(this, k)}), scale};
    if (v === 'pictures') return {title: say('picturesOf', {layer}), how: `${say('picturesHow')} ${atlas.n < this.data.units ? say(this.data.threaded ? 'picturesThreaded' : 'picturesSome', {n: atlas.n, all: this.data.units}) : ''}`, scale};
    return {title: say('mapsOf', {layer, image: this.image().name}), how: say(!atlas || !atlas.signed ? 'mapsHow' : convatlas.colours.name(this.state.c, true) === 'diverging' ? 'mapsHowSigned' : 'mapsHowSignedGray'), scale, photo: this.image().photo};
  }

  about() {
    const {tiles} = convatlas;
    const atlas = this.now;
    const shared = tiles.shared(atlas);
    const bar = shared && tiles.shares(atlas, this.state.s) ? tiles.bar(shared[0], shared[1], this.state.c, atlas.signed) : shared && !atlas.rgb ? this.relative(atlas) : null;
    const strongest = atlas.lo.length || atlas.scores ? tiles.order(atlas, 'strongest').slice(0, 8).map((tile) => ({tile, unit: tiles.unit(atlas, tile), value: this.strength(atlas, tile)})) : [];
    const by = convatlas.say(atlas.scores ? 'strongestReached' : atlas.signed ? 'strongestEither' : 'strongest');
    this.panel.about({...this.words(), bar, strongest, by, atlas, colour: this.state.c, missing: this.lost()});
  }

  /** That the address asks for a unit that is not there. */
  lost() {
    const n = this.data.units;
    return this.missing ? convatlas.say(n === 1 ? 'noUnitOf1' : 'noUnit', {u: this.missing, n: n.toLocaleString('en'), last: (n - 1).toLocaleString('en')}) : '';
  }

  strength(atlas, tile) {
    if (atlas.scores) return atlas.scores[tile];
    const [lo, hi] = [convatlas.tiles.lo(atlas, tile), convatlas.tiles.hi(atlas, tile)];
    return Math.abs(lo) > Math.abs(hi) ? lo : hi;
  }

  /** The colour bar of tiles that each have their own scale: words at its ends, since the numbers differ. */
  relative(atlas) {
    const {el, say, colours} = convatlas;
    return el('span', {class: 'ca-bar'}, el('span', {}, say(atlas.signed ? 'below' : 'lowest')), el('span', {class: 'ca-bar__ramp', style: `background:${colours.ramp(this.state.c, atlas.signed)}`}), el('span', {}, say(atlas.signed ? 'above' : 'highest')));
  }

  /** Where the pictures are of the units whose channels the layer hands on. */
  behind() {
    const {el, say, url, breaks} = convatlas;
    const {behind} = this.data;
    return behind.length ? el('p', {}, `${say('picturesBehind')} `, behind.flatMap(({name, page}, k) => [k ? ', ' : '', el('a', {href: `${url(page)}#${convatlas.address.text(this.carried())}`}, breaks(name))]), '. ', say('picturesPanel')) : '';
  }

  /** A sentence in place of a view, with what is in backticks as code, and a way on. */
  sentence(text, na = false, on = '') {
    const {el, say} = convatlas;
    const said = text.split(/`([^`\n]+)`/).map((part, k) => (k % 2 ? el('code', {}, part) : part));
    this.now = null;
    this.panel.replaceChildren();
    this.panel.classList.remove('ca-panel--open');
    this.main.replaceChildren(el('p', {class: 'ca-na'}, el('span', {class: 'ca-na__mark', 'aria-hidden': 'true'}, '∅'), el('span', {}, na ? el('b', {}, say('notDrawn')) : '', ' ', said, on)));
  }

  say(tile) {
    const {say, tiles, number} = convatlas;
    const atlas = this.now;
    if (tile < 0 || !atlas) {
      this.status.textContent = this.count();
      return;
    }
    const parts = [say('unit', {n: tiles.unit(atlas, tile)})];
    if (!atlas.rgb) parts.push(say('range', {lo: number(tiles.lo(atlas, tile)), hi: number(tiles.hi(atlas, tile))}));
    if (atlas.scores) parts.push(atlas.dead && atlas.dead[tile] ? this.dead(atlas, tile) : say('score', {v: number(atlas.scores[tile])}));
    this.status.textContent = parts.join(' · ');
  }

  /** That a search came to nothing, and why. */
  dead(atlas, tile) {
    const why = atlas.why && atlas.why[tile];
    return why ? convatlas.say('deadWhy', {why}) : convatlas.say('dead');
  }

  /** The units that the view shows, in its order. */
  shown() {
    if (this.state.v === 'units') return convatlas.pairs.shown(this.main);
    return this.now ? this.wall.order.map((tile) => convatlas.tiles.unit(this.now, tile)) : [];
  }

  /** The unit before or after the open one, among those that are shown; null at the ends, and from one that is not among them. */
  beside(by, shown = this.shown()) {
    const at = shown.indexOf(this.state.u);
    return at < 0 ? null : shown[at + by] ?? null;
  }

  step(by) {
    const u = this.beside(by);
    if (u === null) return;
    if (this.state.v === 'units') convatlas.pairs.reveal(this.main, u);
    else this.jump = true;
    this.set({u});
  }

  /** That the open unit is not among those that the view shows, and a way to where it is. */
  elsewhere(shown) {
    const {el, say} = convatlas;
    const {u, f, v} = this.state;
    if (!shown.length || shown.includes(u)) return '';
    const few = v === 'units' || v === 'pictures';
    const all = f ? {f: ''} : {v: 'maps'};
    return el('p', {class: 'ca-panel__missing', role: 'status'}, say(f ? 'notFiltered' : few ? 'notAmong' : 'notShown', {u, n: shown.length.toLocaleString('en')}), ' ', el('button', {type: 'button', class: 'ca-link', onclick: () => { this.set(all); this.tick(); }}, say(f ? 'showUnfiltered' : 'showAll')));
  }

  close() {
    if (this.state.u < 0) return;
    const inside = this.panel.contains(document.activeElement);
    this.set({u: -1});
    if (inside && this.panel.began < 0 && this.wall.tiles) this.wall.tiles.focus();
  }

  key(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.target.closest('input, select, textarea, [contenteditable], dialog, .md-search')) return;
    if (event.key === 'Escape') {
      if (!convatlas.answers.shut(this.panel)) this.close();
    }
    else if (this.state.u >= 0 && !['cams', 'how'].includes(this.state.v) && ['ArrowLeft', 'ArrowRight'].includes(event.key)) {
      event.preventDefault();
      this.step(event.key === 'ArrowRight' ? 1 : -1);
    }
  }

  /** Everything of one unit, whatever the view. */
  async unit(jump) {
    const turn = this.turn;
    const {u} = this.state;
    const found = await convatlas.figures(this, () => turn === this.turn);
    if (!found) return;
    const shown = this.shown();
    this.panel.open({unit: u, of: this.data.units, aside: this.elsewhere(shown), before: this.beside(-1, shown) !== null, after: this.beside(1, shown) !== null, ...found});
    // Where nothing on the wall takes colours the menu is that of the panel's map.
    if ((!this.now || this.now.rgb) && 'signed' in found) {
      this.menu.show(found.signed);
      this.menu.removeAttribute('data-off');
    }
    if (jump) this.wall.reveal(); // where the panel lies over the wall, there is room to scroll from now on
  }

  overlay(image, heat) {
    const made = document.createElement('heat-overlay');
    made.photo = convatlas.url(image.photo);
    made.alt = image.name;
    made.heat = heat;
    made.paint({colour: this.state.h, smooth: true, to: null});
    return made;
  }

  /** The layer's class maps on every image. */
  cams() {
    const {el, say} = convatlas;
    const chosen = this.data.cams.find((c) => c.method === this.state.m) || this.data.cams[0];
    if (!chosen) return this.sentence('it was not asked for.', true);
    this.now = null;
    this.menu.show(false);
    this.menu.removeAttribute('data-off');
    const drawn = this.data.images.filter((image) => chosen.maps[image.slug]);
    if (drawn.length && drawn.every((image) => 'na' in chosen.maps[drawn[0].slug] && chosen.maps[image.slug].na === chosen.maps[drawn[0].slug].na)) return this.sentence(chosen.maps[drawn[0].slug].na, true);
    const cards = drawn.map((image) => {
      const heat = chosen.maps[image.slug];
      const body = 'na' in heat ? el('p', {class: 'ca-na'}, el('span', {}, el('b', {}, say('notDrawn')), ` ${heat.na}`)) : this.overlay(image, heat);
      if (!('na' in heat)) body.paint({colour: this.state.h, smooth: true, to: null});
      return el('li', {'aria-current': image.slug === this.state.i ? 'true' : null}, el('a', {href: convatlas.url(`images/${image.slug}.html`)}, body, el('b', {}, image.name), el('span', {}, image.target)));
    });
    this.main.replaceChildren(el('ul', {class: 'ca-cards'}, cards));
    this.panel.about({title: say('camsOf', {method: chosen.title, layer: this.data.name}), how: (this.data.captions[chosen.method] || '').replace('{target}', say('eachClass')).replace('{image}', say('eachImage')), scale: say('perMap'), hint: false, missing: this.lost()});
    return undefined;
  }
});
