/* <graph-page>: which blocks are open, which repetitions are drawn one by one, what is picked and what was searched for, in the graph
 * and in the table alike; and the same in the address: #d=1&open=layer1,layer1.0&shut=layer2&each=layer3.1&q=conv&n=layer1.0.conv1&dir=right&columns=0 */
customElements.define('graph-page', class extends HTMLElement {
  connectedCallback() {
    const data = convatlas.get('architecture', '') || null;
    this.view = this.querySelector('graph-view');
    if (!data) {
      convatlas.load('architecture', '', 'data/architecture.js').then(() => this.connectedCallback(), () => {});
      return;
    }
    const {architecture, depth} = data;
    const pages = Object.assign(Object.create(null), data.pages); // a module may be called `constructor`
    Object.assign(this, {architecture, pages, first: depth, hows: Object.assign(Object.create(null), data.hows), table: this.querySelector('graph-table'), card: this.querySelector('graph-card'), status: this.querySelector('[data-status]'), find: this.querySelector('[data-find]')});
    this.whole = convatlas.simplify.prepared(architecture);
    this.levels = convatlas.simplify.levels(this.whole);
    this.ids = new Set([...this.whole.ops, ...this.whole.blocks].map((one) => one.id));
    this.state = {depth, opened: [], shut: [], fold: true, each: [], direction: 'down', columns: 1, picked: null};
    this.pointed = null;
    this.found = null;
    this.at = null; // which of what was found was gone to
    this.addEventListener('graph-turn', ({detail}) => this.turn(detail.id));
    this.addEventListener('graph-fold', ({detail}) => this.turnFold(detail));
    this.addEventListener('graph-shut', ({detail}) => this.shutAround(detail.id));
    this.addEventListener('graph-pick', ({detail}) => this.pick(detail.id, detail.by));
    this.addEventListener('graph-enter', ({detail}) => this.enter(detail.id));
    this.addEventListener('graph-point', ({detail}) => this.point(detail.id, detail.by));
    this.addEventListener('change', ({target}) => this.control(target));
    this.find.addEventListener('input', () => { if (!this.find.value.trim()) this.unsearched(); this.search(); this.write(); });
    this.find.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); this.step(event.shiftKey ? -1 : 1); } });
    for (const button of this.querySelectorAll('[data-zoom]')) button.addEventListener('click', () => this.zoom(Number(button.dataset.zoom)));
    this.card.addEventListener('click', ({target}) => this.cardClick(target));
    this.view.addEventListener('scroll', () => this.moveCard(), {passive: true});
    const save = this.querySelector('[data-save]');
    save.hidden = false;
    save.addEventListener('click', () => this.save());
    addEventListener('hashchange', () => this.read());
    addEventListener('resize', () => this.moveCard());
    this.read();
  }

  // ---- the address

  read() {
    const {d, open, shut, fold, each, q, n, dir, columns} = convatlas.address.read();
    const decoded = (part) => { try { return decodeURIComponent(part); } catch { return ''; } };
    const known = (list, among) => (list || '').split(',').map(decoded).filter((id) => among.has(id));
    this.state = {depth: /^\d+$/.test(d || '') ? Number(d) : this.first, opened: known(open, this.levels), shut: known(shut, this.levels), fold: fold !== '0', each: known(each, this.ids),
      direction: dir === 'right' ? 'right' : 'down', columns: /^[0-8]$/.test(columns || '') ? Number(columns) : 1, picked: null};
    this.find.value = q || '';
    this.at = null;
    const wanted = n && this.seenAs(n, true);
    for (const input of this.querySelectorAll('[name=direction]')) input.checked = input.value === this.state.direction;
    for (const input of this.querySelectorAll('[name=columns]')) input.checked = Number(input.value) === this.state.columns;
    for (const input of this.querySelectorAll('[name=fold]')) input.checked = (input.value === '1') === this.state.fold;
    this.draw();
    this.view.fit();
    if (wanted) {
      const at = this.found ? this.found.findIndex((one) => one.id === n) : -1;
      this.at = at < 0 ? null : at;
      this.pick(wanted, 'address');
    }
    if (wanted || (this.found && this.found.length)) this.view.centre(wanted || this.found[0].seen);
    this.moveCard();
    this.say();
  }

  write() {
    const {depth, opened, shut, fold, each, picked, direction, columns} = this.state;
    const list = (ids) => ids.map((id) => encodeURIComponent(id).replace(/'/g, '%27')).join(',');
    convatlas.address.write({d: depth === this.first ? '' : depth, open: list(opened), shut: list(shut), fold: fold ? '' : '0', each: list(each), q: this.find.value.trim(), n: picked, dir: direction === 'right' ? 'right' : '', columns: columns === 1 ? '' : columns});
  }

  // ---- what is open

  draw(keep) {
    const {depth, opened, shut, fold, each, direction, columns} = this.state;
    this.dataset.flow = direction;
    this.view.dataset.flow = direction;
    for (const name of this.querySelectorAll('[data-flows]')) name.hidden = name.dataset.flows !== direction;
    this.scene = convatlas.styles.graph.scene(this.architecture, {prepared: this.whole, depth, opened, shut, fold, each, direction, columns, legend: false, title: false}, this.pages, true);
    this.view.show(this.scene, keep);
    this.table.show(this.scene, this.pages);
    for (const input of this.querySelectorAll('[name=depth]')) input.checked = Number(input.value) === depth && !opened.length && !shut.length;
    if (this.state.picked && !this.view.nodes.has(this.state.picked)) this.state.picked = null;
    this.search(false);
    this.mark();
  }

  /** Open a block that is closed, close one that is open; what is around it is open then. */
  turn(id) {
    const block = this.whole.blocks.find((one) => one.id === id);
    if (!block) return;
    const openNow = this.scene.it.blocks.some((one) => one.id === id);
    this.setOpen(block, !openNow);
    this.pointed = null;
    const held = this.view.contains(document.activeElement) && document.activeElement !== this.view;
    this.draw(id);
    if (openNow) this.view.reveal(id);
    else if (held) this.view.go(this.seenAs(id, false)); // the box with the focus is gone: on to the first in it
    this.write();
  }

  /** What opens a block opens all that is drawn as one with it. */
  setOpen({id: own}, open) {
    const {state} = this;
    const id = this.folds().first.get(own) ?? own;
    const byDepth = this.levels.get(id) < state.depth;
    const less = (list) => list.filter((other) => other !== id);
    state.opened = open && !byDepth ? [...less(state.opened), id] : less(state.opened);
    state.shut = !open && byDepth ? [...less(state.shut), id] : less(state.shut);
  }

  /** What folds of the whole network, were all of it open: `first`, the block that each is drawn as, and the `runs` there are. */
  folds() {
    const {fold, each} = this.state;
    const key = JSON.stringify([fold, each]);
    if (this.foldsOf !== key) {
      const {folding, separated, alike} = convatlas.simplify;
      const [it, alone] = separated(this.whole, each);
      this.foldsNow = {first: fold ? alike(it, alone) : new Map(), runs: fold ? folding(it, alone) : null};
      this.foldsOf = key;
    }
    return this.foldsNow;
  }

  /** Show each of a repetition, or fold what is shown one by one: that named `head`, or that of the box `id`. */
  turnFold({head, id}) {
    const {it} = this.scene;
    const k = it.ops.findIndex((op) => op.id === id);
    const around = it.blocks.filter((block) => block.start <= k && k < block.stop && (block.times > 1 || convatlas.simplify.isRun(block)));
    const name = head ?? (k >= 0 && it.ops[k].times > 1 ? id : around.length ? convatlas.simplify.headOf(around[around.length - 1]) : null);
    if (name === null) return;
    const many = [...it.ops, ...it.blocks].some((one) => one.times > 1 && convatlas.simplify.headOf(one) === name);
    if (many) this.state.each = [...this.state.each, name];
    else {
      // what is inside must be alike again: nothing of it is drawn one by one but in the first
      const {found, copies} = this.all();
      const run = found.find((one) => one.head === name);
      const gone = run ? [...copies(name), ...this.whole.ops.slice(run.start + run.size, run.start + run.size * run.often).map((op) => op.id),
        ...this.whole.blocks.filter((block) => run.start + run.size <= block.start && block.stop <= run.start + run.size * run.often).map((block) => block.id)] : [name];
      this.state.each = this.state.each.filter((other) => !gone.includes(other));
    }
    this.draw(name);
    this.write();
    this.moveCard();
  }

  /** Every repetition of the whole network, and the names of one in every copy of what it is in. */
  all() {
    this.every = this.every || convatlas.simplify.folding(this.whole);
    return {found: this.every.found, copies: (head) => this.every.copies(head)};
  }

  /** Close the innermost block around a box; the focus goes to it. */
  shutAround(id) {
    const k = this.scene.it.ops.findIndex((op) => op.id === id);
    const around = this.scene.it.blocks.filter((block) => block.start <= k && k < block.stop);
    if (!around.length) return;
    const {id: name} = around[around.length - 1];
    this.turn(name);
    if (this.view.nodes.has(name)) this.view.go(name);
  }

  /** The box that an op or block is, or is in; with `open`, after opening what is around it, and drawing one by one what hides it. */
  seenAs(id, open) {
    const stands = (op) => op.id === id || op.parts.some((part) => part.id === id);
    const k = this.whole.ops.findIndex(stands);
    const block = this.whole.blocks.find((one) => one.id === id);
    if (k < 0 && !block) return null;
    const [start, stop] = block ? [block.start, block.stop] : [k, k + 1];
    if (!open) return this.boxOf(this.whole.ops[start].id, this.scene);
    const hiding = (fold, at) => (fold ? fold.hiding(at).map((run) => run.head) : []);
    const each = (names) => { this.state.each = [...new Set([...this.state.each, ...names])]; };
    each(hiding(this.folds().runs, start));
    for (const one of this.whole.blocks) if (one.start <= start && stop <= one.stop && one !== block) this.setOpen(one, true);
    const shown = this.shape();
    each(hiding(shown.fold, this.placeIn(this.whole.ops[start].id, shown)));
    return this.boxOf(this.whole.ops[start].id, this.shape());
  }

  /** What a drawing would show now: before and after repetitions are folded. */
  shape() {
    const {depth, opened, shut, fold, each} = this.state;
    const [open, alone] = convatlas.simplify.opening(this.whole, depth, opened, shut, fold, each);
    return {open, fold: fold ? convatlas.simplify.folding(open, alone) : null};
  }

  /** The number of the box that an op of the whole network is, or is in, before repetitions are folded. */
  placeIn(id, shown) {
    if (!shown.where) {
      shown.where = new Map();
      const note = (op, k) => {
        shown.where.set(op.id, k);
        if (op.kind === 'block') for (const part of op.parts) note(part, k);
      };
      shown.open.ops.forEach(note);
    }
    return shown.where.get(id);
  }

  /** The box of a drawing that an op of the whole network is drawn as, or in. */
  boxOf(id, shown) {
    const at = this.placeIn(id, shown);
    return shown.open.ops[shown.fold ? shown.fold.drawn(at) : at].id;
  }

  // ---- what is picked and pointed at

  pick(id, by) {
    this.state.picked = id;
    this.write();
    this.mark();
    if (id && by === 'row') this.view.reveal(id);
    if (id && by !== 'row') this.table.reveal(id);
    this.moveCard();
  }

  point(id, by) {
    if (this.pointed === id) return;
    this.pointed = id || null;
    this.mark();
    if (id && by !== 'row') this.table.reveal(id);
  }

  /** Enter: to the page of a box, or into a block. */
  enter(id) {
    if (this.pages[id]) location.href = convatlas.url(this.pages[id]);
    else if (this.view.nodes.get(id).matches('.ca-is-block')) this.turn(id);
    else this.pick(id);
  }

  mark() {
    const marks = {picked: this.state.picked, pointed: this.pointed, found: this.found && new Set(this.found.map((one) => one.seen))};
    this.view.mark(marks);
    this.table.mark(marks);
    const id = this.pointed || this.state.picked;
    const op = id && this.scene.it.ops.find((one) => one.id === id);
    if (op) this.card.show(op, this.pages, this.placeOf(id), id === this.state.picked, this.hows);
    else this.card.hide();
  }

  placeOf(id) { return {box: this.view.nodes.get(id).getBoundingClientRect(), view: this.view.getBoundingClientRect(), boxes: this.view.around(id)}; }

  moveCard() {
    const id = this.pointed || this.state.picked;
    if (!this.card.hidden && this.view.nodes.has(id)) this.card.place(this.placeOf(id));
  }

  cardClick(target) {
    const {act} = target.dataset;
    if (act === 'hide') this.pick(null);
    else if (act === 'turn') this.turn(this.state.picked);
    else if (act === 'fold') this.turnFold({head: this.state.picked});
  }

  // ---- searching

  search(go = true) {
    const words = this.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (op) => `${op.id} ${convatlas.graphWords.title(op)} ${op.parts.map(text).join(' ')}`.toLowerCase();
    const fits = (said) => words.every((word) => said.includes(word));
    if (!words.length) this.found = null;
    else {
      const blocks = this.whole.blocks.filter((block) => fits(`${block.id} ${block.op}`.toLowerCase())).map((block) => ({id: block.id, at: block.start - 0.5}));
      const ops = this.whole.ops.map((op, k) => ({id: op.id, at: k, said: text(op)})).filter((one) => fits(one.said));
      this.found = [...blocks, ...ops].sort((a, b) => a.at - b.at).map((one) => ({...one, seen: this.seenAs(one.id, false)}));
    }
    if (go) {
      this.at = null;
      this.mark();
      if (this.found && this.found.length) this.view.centre(this.found[0].seen);
    }
    this.say();
  }

  /** To the first thing found, and on to the next, opening what it is in. */
  step(by) {
    if (!this.found || !this.found.length) return;
    const n = this.found.length;
    this.at = this.at === null ? (by > 0 ? 0 : n - 1) : (this.at + by + n) % n;
    const {id} = this.found[this.at];
    const before = this.openings();
    if (!this.searched || this.searched.now !== before) this.searched = {...this.state};
    const seen = this.seenAs(id, true);
    this.searched.now = this.openings();
    this.draw();
    this.pick(seen);
    this.view.centre(seen);
    this.moveCard();
    this.say();
  }

  operations(it) { return it.ops.filter((op) => op.kind !== 'input' && op.kind !== 'output').length; }

  openings() { return JSON.stringify([this.state.depth, this.state.opened, this.state.shut, this.state.fold, this.state.each]); }

  /** A search is cleared: what it opened by itself is closed again, unless something else was opened or closed since. */
  unsearched() {
    const {searched, state} = this;
    this.searched = null;
    if (!searched || searched.now !== this.openings()) return;
    const {depth, opened, shut, fold, each} = searched;
    const {picked} = state;
    Object.assign(state, {depth, opened, shut, fold, each, picked: null});
    this.draw();
    if (picked) {
      state.picked = this.seenAs(picked, false);
      this.view.reveal(state.picked);
    }
  }

  say() {
    const {say} = convatlas;
    if (!this.found) {
      this.status.textContent = say('gr_seen', {n: this.operations(this.scene.it), all: this.operations(this.architecture)});
      return;
    }
    const n = this.found.length;
    const one = this.found[this.at || 0];
    const box = one && this.scene.it.ops.find((op) => op.id === one.seen && op.id !== one.id);
    const hides = !box ? '' : box.kind === 'block' ? say('gr_inside', {name: convatlas.graphWords.named(box, '')}) : box.times > 1 ? say('gr_among', {n: box.times}) : '';
    const count = n === 1 ? 'gr_found_1' : this.at === null ? 'gr_hits' : 'gr_found';
    this.status.textContent = [n ? say(count, {n, k: (this.at || 0) + 1}) : say('gr_none'), ...(hides ? [hides] : [])].join(', ');
  }

  // ---- the toolbar

  control(target) {
    if (target.name === 'depth') Object.assign(this.state, {depth: Number(target.value), opened: [], shut: []});
    else if (target.name === 'fold') Object.assign(this.state, {fold: target.value === '1', each: []});
    else if (target.name === 'direction') this.state.direction = target.value;
    else if (target.name === 'columns') this.state.columns = Number(target.value);
    else return;
    this.draw();
    this.view.fit();
    if (this.state.picked) this.view.reveal(this.state.picked);
    this.write();
    this.moveCard();
  }

  zoom(by) {
    if (by) this.view.zoomTo(this.view.zoom * (by > 0 ? 1.25 : 0.8));
    else this.view.fit();
    this.moveCard();
  }

  /** What is seen, as `convatlas draw` would write it. */
  save() {
    const {depth, opened, shut, fold, each, direction, columns} = this.state;
    const {svg} = convatlas.styles.graph.scene(this.architecture, {depth, opened, shut, fold, each, direction, columns}, {}).drawing;
    const address = URL.createObjectURL(new Blob([svg, '\n'], {type: 'image/svg+xml'}));
    convatlas.el('a', {href: address, download: 'architecture-view.svg'}).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
});
