/* <graph-page>: which blocks are open, what is picked and what was searched for, in the graph and in the table alike; and the same
 * in the address: #d=1&open=layer1,layer1.0&shut=layer2&n=layer1.0.conv1&dir=right */
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
    Object.assign(this, {architecture, pages, first: depth, table: this.querySelector('graph-table'), card: this.querySelector('graph-card'), status: this.querySelector('[data-status]'), find: this.querySelector('[data-find]')});
    this.whole = convatlas.simplify.prepared(architecture);
    this.levels = convatlas.simplify.levels(this.whole);
    this.state = {depth, opened: [], shut: [], direction: 'down', picked: null};
    this.pointed = null;
    this.found = null;
    this.addEventListener('graph-turn', ({detail}) => this.turn(detail.id));
    this.addEventListener('graph-shut', ({detail}) => this.shutAround(detail.id));
    this.addEventListener('graph-pick', ({detail}) => this.pick(detail.id, detail.by));
    this.addEventListener('graph-enter', ({detail}) => this.enter(detail.id));
    this.addEventListener('graph-point', ({detail}) => this.point(detail.id, detail.by));
    this.addEventListener('change', ({target}) => this.control(target));
    this.find.addEventListener('input', () => this.search());
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
    const {d, open, shut, n, dir} = convatlas.address.read();
    const decoded = (part) => { try { return decodeURIComponent(part); } catch { return ''; } };
    const known = (list) => (list || '').split(',').map(decoded).filter((id) => this.levels.has(id));
    this.state = {depth: /^\d+$/.test(d || '') ? Number(d) : this.first, opened: known(open), shut: known(shut), direction: dir === 'right' ? 'right' : 'down', picked: null};
    const wanted = n && this.seenAs(n, true);
    for (const input of this.querySelectorAll('[name=direction]')) input.checked = input.value === this.state.direction;
    this.draw();
    this.view.fit();
    if (!wanted) return;
    this.pick(wanted, 'address');
    this.view.centre(wanted);
    this.moveCard();
  }

  write() {
    const {depth, opened, shut, picked, direction} = this.state;
    const list = (ids) => ids.map((id) => encodeURIComponent(id).replace(/'/g, '%27')).join(',');
    convatlas.address.write({d: depth === this.first ? '' : depth, open: list(opened), shut: list(shut), n: picked, dir: direction === 'right' ? 'right' : ''});
  }

  // ---- what is open

  isOpen(block) {
    const {depth, opened, shut} = this.state;
    return !shut.includes(block.id) && (this.levels.get(block.id) < depth || opened.includes(block.id));
  }

  draw(keep) {
    const {depth, opened, shut, direction} = this.state;
    this.dataset.flow = direction;
    this.scene = convatlas.styles.graph.scene(this.architecture, {prepared: this.whole, depth, opened, shut, direction, legend: false, title: false}, this.pages, true);
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

  setOpen(block, open) {
    const {state} = this;
    const byDepth = this.levels.get(block.id) < state.depth;
    const less = (list) => list.filter((id) => id !== block.id);
    state.opened = open && !byDepth ? [...less(state.opened), block.id] : less(state.opened);
    state.shut = !open && byDepth ? [...less(state.shut), block.id] : less(state.shut);
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

  /** The box that an op or block is, or is in; with `open`, after opening what is around it. */
  seenAs(id, open) {
    const stands = (op) => op.id === id || op.parts.some((part) => part.id === id);
    const k = this.whole.ops.findIndex(stands);
    const block = this.whole.blocks.find((one) => one.id === id);
    if (k < 0 && !block) return null;
    const [start, stop] = block ? [block.start, block.stop] : [k, k + 1];
    const around = this.whole.blocks.filter((one) => one.start <= start && stop <= one.stop && one !== block);
    if (open) for (const one of around) this.setOpen(one, true);
    const closed = around.find((one) => !this.isOpen(one));
    if (closed) return closed.id;
    if (!block) return this.whole.ops[k].id;
    return this.isOpen(block) ? this.seenAs(this.whole.ops[block.start].id, false) : block.id;
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
    if (op) this.card.show(op, this.pages, this.placeOf(id), id === this.state.picked);
    else this.card.hide();
  }

  placeOf(id) { return {box: this.view.nodes.get(id).getBoundingClientRect(), view: this.view.getBoundingClientRect()}; }

  moveCard() {
    const id = this.pointed || this.state.picked;
    if (!this.card.hidden && this.view.nodes.has(id)) this.card.place(this.placeOf(id));
  }

  cardClick(target) {
    const {act} = target.dataset;
    if (act === 'hide') this.pick(null);
    else if (act === 'turn') this.turn(this.state.picked);
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
      this.at = 0;
      this.mark();
      if (this.found && this.found.length) this.view.centre(this.found[0].seen);
    }
    this.say();
  }

  /** To the next thing found, opening what it is in. */
  step(by) {
    if (!this.found || !this.found.length) return;
    const n = this.found.length;
    const hidden = (k) => this.found[k].seen !== this.found[k].id && !this.found[k].seen.startsWith(`${this.found[k].id}.`);
    if (!(this.at === 0 && this.stepped !== this.find.value && hidden(0))) this.at = (this.at + by + n) % n;
    this.stepped = this.find.value;
    const {id} = this.found[this.at];
    const seen = this.seenAs(id, true);
    this.draw();
    this.pick(seen);
    this.view.centre(seen);
    this.moveCard();
    this.say();
  }

  say() {
    const {say} = convatlas;
    if (!this.found) {
      this.status.textContent = say('gr_seen', {n: this.scene.it.ops.length, all: this.architecture.ops.length});
      return;
    }
    const n = this.found.length;
    const one = this.found[this.at || 0];
    const inside = one && this.scene.it.ops.find((op) => op.id === one.seen && op.kind === 'block' && op.id !== one.id);
    this.status.textContent = [n ? say(n === 1 ? 'gr_found_1' : 'gr_found', {n, k: (this.at || 0) + 1}) : say('gr_none'), ...(inside ? [say('gr_inside', {name: inside.id})] : [])].join(', ');
  }

  // ---- the toolbar

  control(target) {
    if (target.name === 'depth') Object.assign(this.state, {depth: Number(target.value), opened: [], shut: []});
    else if (target.name === 'direction') this.state.direction = target.value;
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
    const {depth, opened, shut, direction} = this.state;
    const {svg} = convatlas.styles.graph.scene(this.architecture, {depth, opened, shut, direction}, {}).drawing;
    const address = URL.createObjectURL(new Blob([svg, '\n'], {type: 'image/svg+xml'}));
    convatlas.el('a', {href: address, download: 'architecture-view.svg'}).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
});
