/* <tour-page>: ties the columns, the wires and the walk to one state, and the state to the address:
 * #s=conv1-1&u=3&i=chelsea&n=12&k=layer&f=0&a=conv2-1 is the step at that column with unit 3 of it, on that image, twelve maps a
 * column, each layer on one scale, repetitions shown one by one, and all maps of conv2-1. */
(() => {
  const HALF = 0.5, CLOSE = 0.7;  // of all, and of the first class's share
  const LINGER = 60;  // milliseconds: a pointer that only passes asks for no wires

  customElements.define('tour-page', class extends HTMLElement {
    connectedCallback() {
      this.data = convatlas.get('tour', 'all');
      if (!this.data || !convatlas.tour) return;
      this.box = this.querySelector('[data-strip]');
      this.status = this.querySelector('[data-status]');
      this.legend = this.querySelector('[data-legend]');
      this.menu = this.querySelector('colour-menu');
      this.walk = this.querySelector('tour-walk');
      this.how = new convatlas.tour.How(this);
      this.state = {s: 0, u: -1, i: this.data.first, n: '6', sc: 'unit', c: this.menu.value, f: this.data.fold ? '1' : '0', a: []};
      this.coloured = this.state.c !== 'viridis';
      this.turn = 0;
      this.small = matchMedia('(max-width: 700px)');
      this.calm = matchMedia('(prefers-reduced-motion: reduce)');
      this.strip = new convatlas.tour.Strip(this, this.box);
      this.columns = this.strip.columns;
      this.edges = new convatlas.tourEdges.Edges(this.querySelector('.tour-groups'), this);
      this.read();
      this.listen();
      this.redraw();
      this.go(this.state.s, this.state.s > 0);
    }

    get narrow() { return this.small.matches; }
    image() { return this.data.images.find((image) => image.slug === this.state.i); }

    listen() {
      const {box} = this;
      const tile = (event) => event.target.closest('.tour-tiles a');
      this.addEventListener('change', (event) => this.control(event.target));
      this.addEventListener('tour-step', ({detail}) => (detail.to === undefined ? this.step(detail.by) : this.go(detail.to, true, -1)));
      for (const kind of ['wheel', 'touchmove']) addEventListener(kind, () => { this.led = false; }, {passive: true});
      box.addEventListener('pointerover', (event) => { if (tile(event)) this.point(tile(event)); });
      box.addEventListener('pointerleave', () => { clearTimeout(this.wait); this.status.textContent = ''; this.wire(); });
      box.addEventListener('focusin', (event) => { if (tile(event) && tile(event).matches(':focus-visible')) this.take(tile(event)); });
      box.addEventListener('click', (event) => this.click(event, tile(event)));
      document.addEventListener('keydown', (event) => this.key(event));
      const again = () => { this.redraw(); this.go(this.state.s, true); };
      addEventListener('hashchange', () => { this.read(); again(); });
      this.small.addEventListener('change', again);
      convatlas.tour.low.addEventListener('change', () => this.redraw());
      let wait = 0;
      new ResizeObserver(() => { cancelAnimationFrame(wait); wait = requestAnimationFrame(() => this.wire()); }).observe(this.querySelector('.tour-groups'));
    }

    read() {
      const {s, u, i, n, k, c, f, a} = convatlas.address.read();
      const {state} = this;
      const {columns, images} = this.data;
      const among = (value, all, otherwise) => (all.includes(value) ? value : otherwise);
      state.i = among(i, images.map((image) => image.slug), state.i);
      state.n = among(n, ['4', '6', '12', 'all'], state.n);
      state.sc = among(k, ['unit', 'layer', 'global'], state.sc);
      state.f = among(f, ['0', '1'], state.f);
      if (convatlas.colours.names.includes(c)) { state.c = c; this.coloured = true; }
      state.a = (a || '').split(',').filter((key) => columns.some((column) => column.key === key));
      state.s = Math.max(0, columns.findIndex((column) => column.key === s));
      state.u = /^\d+$/.test(u || '') && Number(u) < (columns[state.s].units || 0) ? Number(u) : -1;
      for (const run of columns[state.s].copies) this.strip.opened.add(run);
      for (const [name, value] of [['image', state.i], ['channels', state.n], ['scale', state.sc], ['fold', state.f]]) {
        for (const input of this.querySelectorAll(`[name=${name}]`)) input.checked = input.value === value;
      }
      this.menu.choose(state.c);
    }

    write() {
      const {s, u, i, n, sc, c, f, a} = this.state;
      const {columns, fold} = this.data;
      const unless = (value, usual) => (value === usual ? '' : value);
      convatlas.address.write({s: s ? columns[s].key : '', u: u >= 0 ? u : '', i: unless(i, this.data.first), n: unless(n, '6'), k: unless(sc, 'unit'), c: this.coloured ? c : '', f: unless(f, fold ? '1' : '0'), a: a.join(',')});
    }

    control(target) {
      const key = {image: 'i', channels: 'n', scale: 'sc', fold: 'f'}[target.name];
      if (target === this.menu) this.state.c = target.value;
      else if (key) this.state[key] = target.value;
      else return;
      if (target === this.menu) this.coloured = true;
      if (key === 'n') this.state.a = [];
      if (key === 'f') this.strip.opened.clear();
      this.redraw();
      this.stay();
    }

    /** Show all maps of a column, or again the strongest. */
    toggle(key) {
      const {a} = this.state;
      this.state.a = a.includes(key) ? a.filter((one) => one !== key) : [...a, key];
      this.write();
      this.strip.redraw(this.columns.findIndex((column) => column.data.key === key));
    }

    /** Show the copies of a repetition one by one, or fold them again. */
    unfold(run) {
      const {opened} = this.strip;
      if (this.state.f === '0') {
        // All are open: from now on all but this one.
        this.state.f = '1';
        this.data.columns.forEach(({copies}) => copies.forEach((one) => opened.add(one)));
        for (const input of this.querySelectorAll('[name=fold]')) input.checked = input.value === '1';
      }
      if (!opened.delete(run)) opened.add(run);
      this.redraw();
      this.stay();
    }

    /** Keep the step; where it was folded away, the last one in sight before it. */
    stay() {
      const {s, u} = this.state;
      const hidden = this.columns[s].li.hidden;
      this.go(hidden ? this.strip.steps().findLast((k) => k < s) : s, hidden, hidden ? -1 : u);
    }

    redraw() {
      this.strip.redraw();
      this.walk.list(this.strip.steps().map((number) => ({number, name: [this.kind(number), this.data.columns[number].layer || this.data.columns[number].name].filter(Boolean).join(' \u00b7 ')})));
      this.legends();
    }

    /** The scale in numbers, where all columns share it; else in words. */
    legends() {
      const {el, say, tiles, colours} = convatlas;
      const {sc, c} = this.state;
      const image = this.image();
      const bar = (key, signed, low, high) => {
        if (!image || !image[key]) return '';
        if (sc === 'global') return tiles.bar(image[key][0], image[key][1], c, signed);
        return el('span', {class: 'ca-bar'}, el('span', {}, say(low)), el('span', {class: 'ca-bar__ramp', style: `background:${colours.ramp(c, signed)}`}), el('span', {}, say(high)));
      };
      this.legend.replaceChildren(bar('plain', false, 'lowest', 'highest'), bar('signed', true, 'below', 'above'), image && image.signed ? el('span', {class: 'ca-dim', title: say('tour_fullHow')}, say('tour_full')) : '');
    }

    step(by) {
      const steps = this.strip.steps();
      const next = steps[steps.indexOf(this.state.s) + by];
      if (next !== undefined) this.go(next, true, this.follow(next));
    }

    /** The unit that the walk goes on with: the same one, where a column changes each map by itself, as depthwise
     * kernels do too, or adds another to it. */
    follow(next) {
      const [from, to] = [this.columns[this.state.s].data, this.columns[next].data];
      return next > this.state.s && from.units && from.units === to.units && (['act', 'norm', 'pool', 'merge'].includes(to.kind) || (to.kind === 'conv' && to.reads === 1)) ? this.state.u : -1;
    }

    /** That the first class is less than half of it all, or hardly before the second; "" where neither is so. */
    doubt() {
      const {say, percent} = convatlas;
      const image = this.image();
      const [first, second] = this.data.shares && image ? image.says : [];
      if (!second || first[1] === null || (first[1] >= HALF && second[1] < first[1] * CLOSE)) return '';
      return say('tour_doubt', {image: image.name, first: first[0], p: percent(first[1]), second: second[0], q: percent(second[1])});
    }

    /** What a column does, where its head says so before its name: "ReLU6". */
    kind(number) {
      const {li} = this.columns[number];
      return li.querySelector('.tour-column__name') ? li.querySelector('.tour-column__head > b').textContent : '';
    }

    /** Why a unit is the one that a step begins with, in a sentence; '' of any other. */
    why(number, unit) {
      const [first, label] = this.strip.pick(number) || [];
      if (first !== unit) return '';
      return label === undefined ? convatlas.say('tour_unitVaries') : convatlas.say('tour_unitCounts', {label});
    }

    /** The unit that a step begins with: the one that was chosen for the image, or of the maps that are there the strongest. */
    async begins(number) {
      const [unit] = this.strip.pick(number) || [];
      if (unit !== undefined) return unit;
      const maps = await this.strip.maps(number).catch(() => ({na: ''}));
      return 'na' in maps ? -1 : convatlas.tiles.unit(maps, convatlas.tour.order(maps)[0]);
    }

    /** What was passed over since the step before, and how far a unit sees behind it: nothing where no column is folded between. */
    skipped(number) {
      const {el, say} = convatlas;
      const steps = this.strip.steps();
      const before = steps[steps.indexOf(number) - 1];
      const hidden = before === undefined ? [] : this.columns.slice(before + 1, number).map(({data}) => data);
      const chip = hidden.length ? this.strip.chips.find(({run}) => hidden[0].copies.includes(run) && !this.strip.opened.has(run)) : null;
      const ends = [this.columns[before]?.data, hidden.findLast(({map}) => map)];
      if (!chip || ends.some((one) => !one || !one.map)) return [];
      const [from, to] = ends.map(({units, map}) => [units, ...map].join('×'));
      const {sees} = this.columns[number].data;
      const whole = this.data.input.slice(1);
      const far = sees ? ` ${sees.every((side, k) => side >= whole[k]) ? say('tour_seesAll', {whole: whole.join(' × ')}) : say('tour_sees', {far: sees.join(' × '), whole: whole.join(' × ')})}` : '';
      return [say(chip.n > 2 ? 'tour_skipped' : 'tour_skippedOne', {n: chip.n - 1, from, to}), ' ', el('button', {type: 'button', class: 'tour-button', 'data-act': 'skipped', onclick: () => this.unfold(chip.run)}, say('tour_skippedOpen')), far];
    }

    /** Bring a column into focus; its unit, or the strongest. */
    go(number, scroll, unit = this.state.u) {
      Object.assign(this.state, {s: number, u: unit});
      this.columns.forEach(({li}, k) => { if (k === number) li.setAttribute('aria-current', 'step'); else li.removeAttribute('aria-current'); });
      const {li, data, said} = this.columns[number];
      const steps = this.strip.steps();
      const lines = [...li.querySelectorAll('.tour-column__head > span:not(.tour-column__name)')].map((line) => line.textContent).filter(Boolean);
      const home = this.narrow ? li : this;
      const top = li.getBoundingClientRect().top;
      this.move(this.walk, home);
      this.move(this.walk.acts, this.narrow ? this : this.walk.head);
      this.walk.tell({number: steps.indexOf(number) + 1, of: steps.length, at: number, kind: this.kind(number), name: data.layer || data.name, page: data.page, what: lines.join(' · '), said, more: data.role === 'answer' ? this.doubt() : '', skipped: this.skipped(number)});
      this.led = this.narrow && (scroll || this.turn > 0);
      this.tapped = scroll ? null : {li, top};
      if (scroll && !this.narrow) this.center(li);
      else this.lead();
      this.write();
      this.mark();
      return this.explain();
    }

    /** Put an element into another, with the focus that is in it: what is moved loses it. */
    move(element, home) {
      if (element.parentNode === home) return;
      const active = element.contains(document.activeElement) ? document.activeElement : null;
      home.append(element);
      if (active) active.focus({preventScroll: true});
    }

    /** The step's heading to the top of a narrow window, or what was tapped back under the finger: now and while the figure and
     * the rows above still take their room. Whoever scrolls themselves is left alone. */
    lead(frames = 6) {
      if (!this.led) return;
      const {tapped} = this;
      if (tapped) scrollBy({top: tapped.li.getBoundingClientRect().top - tapped.top, behavior: 'instant'});
      else this.walk.scrollIntoView({block: 'start', behavior: 'instant'});
      if (frames) requestAnimationFrame(() => this.lead(frames - 1));
    }

    /** Scroll the column into the middle of the strip. */
    center(li) {
      const behavior = this.calm.matches ? 'auto' : 'smooth';
      const [box, own] = [this.box.getBoundingClientRect(), li.getBoundingClientRect()];
      this.box.scrollBy({left: own.left + own.width / 2 - box.left - box.width / 2, behavior});
    }

    /** The figure, the lists and the wires of the step. */
    async explain() {
      const turn = this.turn = this.turn + 1;
      const number = this.state.s;
      if (this.columns[number].data.role === 'layer' && this.state.u < 0) {
        const first = await this.begins(number);
        if (turn !== this.turn) return;
        this.state.u = first;
        this.write();
        this.mark();
      } else if (this.columns[number].data.units && this.state.u < 0) {
        this.state.u = await this.carried(number);
        if (turn !== this.turn) return;
        this.write();
      }
      const unit = this.state.u;
      const {wires, links} = await this.links(number, unit);
      const {figure, units} = convatlas.tourStep;
      const lists = units(this, number, unit, links, wires);
      const found = await this.how.draw(number, unit, () => turn === this.turn).catch(() => null);
      if (turn !== this.turn) return;
      const drawn = found && found.view ? [found.view] : [await figure(this, number, unit, wires, links), found && found.other ? this.how.elsewhere(found.other) : null];
      const said = await lists;
      if (turn !== this.turn) return;
      const link = this.how.link(number, unit);
      this.walk.show(drawn.filter(Boolean), link ? [link, ...said] : said);
      this.lead();
      this.wire();
    }

    /** The unit of a step without maps of its own: that which the maps before it begin with, where these are its units. */
    async carried(number) {
      const at = number - 1;
      if (at < 1 || this.columns[at].data.role !== 'layer' || this.columns[at].data.units !== this.columns[number].data.units) return 0;
      return Math.max(0, await this.begins(at));
    }

    /** Show another image. */
    show(slug) {
      const input = [...this.querySelectorAll('[name=image]')].find((one) => one.value === slug);
      if (!input) return;
      input.checked = true;
      this.control(input);
    }

    /** Walk to a unit elsewhere, through folds that hide it. */
    visit(number, unit) {
      if (this.columns[number].li.hidden) {
        for (const run of this.columns[number].data.copies) this.strip.opened.add(run);
        this.redraw();
      }
      return this.go(number, true, unit);
    }

    /** What a unit reads and feeds, classes among it; nothing where that is not known. */
    async links(number, unit) {
      const {data} = this.columns[number];
      const wires = data.wires && unit >= 0 ? await convatlas.wires.load(data.slug, data.wires).catch(() => null) : null;
      if (!wires) return {wires: null, links: []};
      const {links, classes} = convatlas.tourEdges;
      const end = this.columns.length - 1;
      const spoken = classes(wires, unit).map(({label, share, sign}) => ({from: [number, unit], to: [end, label], share, sign, near: true}));
      return {wires, links: [...links(wires, this.strip, number, unit), ...spoken]};
    }

    /** Show the wires of a unit: the one pointed at, or that of the step. */
    async wire(number = this.state.s, unit = this.state.u) {
      const turn = this.wired = (this.wired || 0) + 1;
      const current = () => turn === this.wired;
      const {links} = await this.links(number, unit);
      if (current()) await this.edges.show(links, current, [number, unit]);
    }

    /** A column has its maps now. */
    drawn(number) {
      this.mark();
      if (number === this.state.s && this.state.u < 0) this.explain();
      else this.wire();
    }

    pick(number, unit) { return this.go(number, false, unit); }

    /** The column and the unit that a map in the strip is of. */
    of(tile) { return [Number(tile.closest('[data-column]').dataset.column), Number(tile.dataset.unit)]; }

    point(tile) {
      const [number, unit] = this.of(tile);
      this.tell(number, unit);
      clearTimeout(this.wait);
      this.wait = setTimeout(() => this.wire(number, unit), LINGER);
    }

    tell(number, unit) {
      const {data, maps} = this.columns[number];
      this.status.textContent = `${data.name} · ${convatlas.tour.words(data, maps, convatlas.tiles.tile(maps, unit))}`;
    }

    /** A map that the keyboard or a finger came to becomes the step's. */
    take(tile) {
      const [number, unit] = this.of(tile);
      this.tell(number, unit);
      if (number !== this.state.s || unit !== this.state.u) this.pick(number, unit);
    }

    /** A map that is clicked is shown in the walk, which has the way to its page; clicked again, that way has the focus. */
    click(event, tile) {
      const li = event.target.closest('[data-column]');
      if (!li || event.target.closest('button, .tour-column__head a, tour-walk')) return;
      const number = Number(li.dataset.column);
      if (!tile) {
        if (number !== this.state.s) this.go(number, false, -1);
        return;
      }
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as of any link
      const [, unit] = this.of(tile);
      event.preventDefault();
      if (number === this.state.s && unit === this.state.u) this.walk.ahead();
      else this.take(tile);
    }

    key(event) {
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest('input, select, textarea, details, [contenteditable], dialog, .md-search, explain-view .ca-scroll')) return;
      const {s, u} = this.state;
      const tile = event.target.closest('.tour-tiles a');
      const steps = this.strip.steps();
      this.focused = Boolean(tile);
      if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') this.step(event.key === 'ArrowRight' ? 1 : -1);
      else if (tile && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) this.pick(s, this.strip.beside(s, u, event.key === 'ArrowDown' ? 1 : -1));
      else if (event.key === 'Home' || event.key === 'End') this.go(event.key === 'Home' ? steps[0] : steps.at(-1), true, -1);
      else { this.focused = false; return; }
      event.preventDefault();
    }

    /** One map in the strip can be reached by the tab key: that of the step; it takes the focus that was on another. */
    mark() {
      for (const old of this.box.querySelectorAll('.tour-tiles a[tabindex="0"]')) old.tabIndex = -1;
      const {s, u} = this.state;
      const tile = this.columns[s].data.role === 'layer' ? this.strip.tile(s, u) : null;
      if (!tile) return;
      tile.tabIndex = 0;
      if (this.focused) tile.focus({preventScroll: true});
      this.focused = false;
    }
  });
})();
