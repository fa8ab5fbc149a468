/* <graph-view>: the drawing of what is open, to be moved by scrolling (which every device, the keyboard and the compositor know),
 * and zoomed. It tells its page what was picked, pointed at or to be opened, and draws what it is told. */
customElements.define('graph-view', class extends HTMLElement {
  connectedCallback() {
    this.zoom = 1;
    this.tabIndex = 0;
    this.addEventListener('pointerdown', (event) => this.grab(event));
    this.addEventListener('click', (event) => this.click(event));
    this.addEventListener('dblclick', (event) => this.twice(event));
    this.addEventListener('wheel', (event) => this.wheel(event), {passive: false});
    this.addEventListener('pointerover', (event) => this.point(event));
    this.addEventListener('pointerleave', () => this.tell('graph-point', {id: null}));
    this.addEventListener('keydown', (event) => this.key(event));
    this.addEventListener('focusin', (event) => { if (event.target !== this && event.target.matches(':focus-visible')) this.tell('graph-point', {id: event.target.dataset.id, by: 'key'}); });
    for (const kind of ['touchstart', 'touchmove', 'touchend']) this.addEventListener(kind, (event) => this.pinch(event), {passive: false});
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, {bubbles: true, detail})); }

  /** Draw what `state` says; the box `keep`, where it is drawn before and after, stays where it was. */
  show(scene, keep = null) {
    const before = keep && this.svg ? this.placeOf(keep) : null;
    const had = this.contains(document.activeElement) && document.activeElement !== this ? document.activeElement.dataset.id : null;
    this.scene = scene;
    this.svg = document.importNode(new DOMParser().parseFromString(scene.drawing.svg, 'image/svg+xml').documentElement, true);
    this.svg.setAttribute('role', 'group');
    this.svg.setAttribute('aria-label', convatlas.say('gr_graph'));
    this.replaceChildren(this.svg);
    this.nodes = new Map();
    for (const node of this.svg.querySelectorAll('.ca-node')) this.ready(node);
    for (const caption of this.svg.querySelectorAll('.ca-caption')) this.button(caption, caption.dataset.block, false);
    for (const sign of this.svg.querySelectorAll('.ca-times')) this.folds(sign);
    for (const link of this.svg.querySelectorAll('a')) {
      link.setAttribute('tabindex', '-1');
      link.setAttribute('href', convatlas.url(link.getAttribute('xlink:href')));
      link.removeAttribute('xlink:href');
    }
    this.wires = [...this.svg.querySelectorAll('.ca-wire')].map((wire) => ({wire, from: wire.dataset.from, to: new Set(wire.dataset.to.split(' '))}));
    this.current = this.nodes.has(this.current) ? this.current : scene.it.ops[0].id;
    this.nodes.get(this.current).setAttribute('tabindex', '0');
    this.size();
    if (before) {
      const now = this.placeOf(keep);
      if (now) this.scrollBy(now.x - before.x, now.y - before.y);
    }
    if (had && this.nodes.has(had)) this.nodes.get(had).focus({preventScroll: true});
  }

  ready(node) {
    const {id, n} = node.dataset;
    const op = this.scene.it.ops[n];
    const shape = convatlas.graphWords.shapeWords(op.shape);
    const name = op.last ? `${convatlas.graphWords.named(op, '')} ×${op.times}` : id;
    node.setAttribute('role', 'group');
    node.setAttribute('tabindex', '-1');
    node.setAttribute('aria-label', op.kind === 'block' ? convatlas.say('gr_closed', {name, n: convatlas.simplify.count(op), shape}) : `${name}: ${convatlas.say('gr_label', {op: convatlas.graphWords.title(op), shape})}`);
    this.nodes.set(id, node);
    this.button(node, id, true);
  }

  button(within, id, open) {
    const handle = [...within.children].find((child) => child.matches('.ca-handle'));
    if (!handle) return;
    handle.dataset.turn = id;
    this.named(handle, convatlas.say(open ? 'gr_open' : 'gr_close', {name: id}));
  }

  /** The sign of a repetition: it shows each, or folds what is shown one by one. */
  folds(sign) {
    const {it} = this.scene;
    const {head} = sign.dataset;
    const one = [...it.ops, ...it.blocks].find((other) => other.times > 1 && convatlas.simplify.headOf(other) === head && (other.start !== undefined || sign.closest('.ca-node')));
    this.named(sign, one ? convatlas.say('gr_each', {n: one.times, name: convatlas.graphWords.named(one, '')}) : convatlas.say('gr_fold', {name: head}));
  }

  named(handle, name) {
    handle.setAttribute('role', 'button');
    handle.setAttribute('aria-label', name);
    const title = document.createElementNS('http://www.w3.org/2000/svg', 'title');
    title.textContent = name;
    handle.prepend(title);
  }

  // ---- size and place

  size() {
    const {width, height} = this.scene.drawing;
    this.svg.style.width = `${width * this.zoom}px`;
    this.svg.style.height = `${height * this.zoom}px`;
  }

  /** The whole drawing in the window where that is readable; else its width, from its beginning. */
  fit() {
    const {width, height} = this.scene.drawing;
    const across = Math.min(1.25, (this.clientWidth - 4) / width);
    const whole = Math.min(across, (this.clientHeight - 4) / height);
    const lying = width > height;
    this.zoom = whole >= 0.7 ? whole : lying ? Math.max(0.5, Math.min(1, (this.clientHeight - 4) / height)) : Math.max(0.4, Math.min(1, across));
    this.size();
    this.scrollTo(0, 0);
  }

  zoomTo(zoom, at = {x: this.clientWidth / 2, y: this.clientHeight / 2}) {
    const next = Math.min(3, Math.max(0.08, zoom));
    const edge = this.edges();
    const x = (this.scrollLeft + at.x - edge.x) / this.zoom;
    const y = (this.scrollTop + at.y - edge.y) / this.zoom;
    this.zoom = next;
    this.size();
    const now = this.edges();
    this.scrollTo(x * next + now.x - at.x, y * next + now.y - at.y);
  }

  /** Where the drawing begins in what scrolls: it is centred where it is smaller than the window. */
  edges() { return {x: this.svg.getBoundingClientRect().left - this.getBoundingClientRect().left + this.scrollLeft, y: this.svg.getBoundingClientRect().top - this.getBoundingClientRect().top + this.scrollTop}; }

  /** The middle of a box, or of an open block, on the screen. */
  placeOf(id) {
    const found = this.nodes.get(id) || [...this.svg.querySelectorAll('.ca-frame')].find((frame) => frame.dataset.block === id);
    if (!found) return null;
    const box = found.getBoundingClientRect();
    return {x: box.left + box.width / 2, y: box.top + Math.min(box.height / 2, 20)};
  }

  /** Every box that is in sight, in the window: itself, what it reads, what reads it and others, by how much each is to be seen. */
  around(id) {
    const {it, laid, edges, origin} = this.scene;
    const at = Number(this.nodes.get(id).dataset.n);
    const [from, view, zoom] = [this.svg.getBoundingClientRect(), this.getBoundingClientRect(), this.zoom];
    const weights = new Map([...edges.filter(([a]) => a === at).map(([, b]) => [b, 20]), ...edges.filter(([, b]) => b === at).map(([a]) => [a, 50]), [at, 1000]]);
    return it.ops.map((op, k) => {
      const {x, y, width, height} = laid.boxes[k];
      const [left, top] = [from.left + (origin[0] + x) * zoom, from.top + (origin[1] + y) * zoom];
      return {left, top, right: left + width * zoom, bottom: top + height * zoom, weight: weights.get(k) ?? 1};
    }).filter((box) => box.bottom > view.top && box.top < view.bottom && box.right > view.left && box.left < view.right);
  }

  centre(id) {
    const place = this.placeOf(id);
    const box = this.getBoundingClientRect();
    if (place) this.scrollBy({left: place.x - box.left - this.clientWidth / 2, top: place.y - box.top - this.clientHeight / 2, behavior: 'instant'});
  }

  /** Bring a box into sight, and no further. */
  reveal(id) {
    const found = this.nodes.get(id);
    if (!found) return;
    const box = found.getBoundingClientRect();
    const view = this.getBoundingClientRect();
    const out = box.left < view.left + 4 || box.right > view.right - 4 || box.top < view.top + 4 || box.bottom > view.bottom - 4;
    if (out) this.centre(id);
  }

  // ---- what is marked

  /** Mark the box picked, the box pointed at, with their lines, and what was found. */
  mark({picked = null, pointed = null, found = null}) {
    const ops = this.scene.it.ops;
    const seen = new Set();
    for (const [id, node] of this.nodes) {
      node.classList.toggle('gr-picked', id === picked);
      node.classList.toggle('gr-pointed', id === pointed);
      node.classList.toggle('gr-found', Boolean(found) && found.has(id));
      if (id === picked || id === pointed) seen.add(node.dataset.n);
    }
    this.svg.classList.toggle('gr-searching', Boolean(found) && found.size > 0);
    for (const {wire, from, to} of this.wires) wire.classList.toggle('gr-on', seen.size > 0 && (seen.has(from) || [...seen].some((n) => to.has(n))));
    if (picked && this.nodes.has(picked)) this.roam(picked);
    return ops.length;
  }

  roam(id) {
    if (this.nodes.has(this.current)) this.nodes.get(this.current).setAttribute('tabindex', '-1');
    this.current = id;
    this.nodes.get(id).setAttribute('tabindex', '0');
  }

  // ---- hands

  grab(event) {
    if (event.pointerType !== 'mouse' || event.button !== 0) return;
    const from = {x: event.clientX, y: event.clientY, left: this.scrollLeft, top: this.scrollTop};
    this.dragged = false;
    const move = (now) => {
      const x = now.clientX - from.x;
      const y = now.clientY - from.y;
      if (!this.dragged && Math.hypot(x, y) < 4) return;
      if (!this.dragged) this.setPointerCapture(event.pointerId); // so that no frame asks what is under the pointer
      this.dragged = true;
      this.classList.add('gr-dragging');
      this.scrollTo(from.left - x, from.top - y);
    };
    const end = () => {
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', end);
      removeEventListener('pointercancel', end);
      this.classList.remove('gr-dragging');
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
    if (event.target.closest('a')) event.preventDefault(); // a link is not dragged away
  }

  click(event) {
    if (this.dragged) {
      this.dragged = false;
      event.preventDefault();
      return;
    }
    const sign = event.target.closest('.ca-times');
    if (sign) return void this.tell('graph-fold', {head: sign.dataset.head});
    const handle = event.target.closest('[data-turn]');
    if (handle) return void this.tell('graph-turn', {id: handle.dataset.turn});
    const node = event.target.closest('.ca-node');
    if (event.target.closest('a')) {
      if (event.pointerType !== 'touch' || !node) return;
      event.preventDefault(); // a finger sees first what it would open: the card has the same link
    }
    if (node) node.focus({preventScroll: true});
    this.tell('graph-pick', {id: node ? node.dataset.id : null});
  }

  twice(event) {
    const node = event.target.closest('.ca-node');
    if (node && !event.target.closest('a, [data-turn], .ca-times') && node.matches('.ca-is-block')) this.tell('graph-turn', {id: node.dataset.id});
  }

  point(event) {
    if (event.pointerType === 'touch' || event.buttons) return;
    const node = event.target.closest('.ca-node');
    this.tell('graph-point', {id: node ? node.dataset.id : null, by: 'mouse'});
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = this.getBoundingClientRect();
    this.zoomTo(this.zoom * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0022)), {x: event.clientX - box.left, y: event.clientY - box.top});
  }

  pinch(event) {
    if (event.touches.length !== 2) { this.pinched = null; return; }
    event.preventDefault();
    const [a, b] = event.touches;
    const box = this.getBoundingClientRect();
    const far = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    const at = {x: (a.clientX + b.clientX) / 2 - box.left, y: (a.clientY + b.clientY) / 2 - box.top};
    if (!this.pinched) this.pinched = {far, zoom: this.zoom};
    else this.zoomTo(this.pinched.zoom * far / this.pinched.far, at);
  }

  // ---- keys

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zooms = {'+': 1.25, '=': 1.25, '-': 0.8, _: 0.8};
    if (event.key in zooms) this.zoomTo(this.zoom * zooms[event.key]);
    else if (event.key === '0') this.fit();
    else if (event.target === this && event.key === 'Enter') this.go(this.current);
    else if (event.target === this || !this.travel(event.key)) return;
    event.preventDefault();
  }

  /** From the box with the focus; whether the key meant something. */
  travel(key) {
    const {it, edges, laid} = this.scene;
    const id = this.current;
    const at = it.ops.findIndex((op) => op.id === id);
    if (key === 'Enter') return this.tell('graph-enter', {id}) || true;
    if (key === ' ') return this.tell(it.ops[at].kind === 'block' ? 'graph-turn' : 'graph-pick', {id}) || true;
    if (key === 'x') return this.tell('graph-fold', {id}) || true;
    if (key === 'Backspace') return this.tell('graph-shut', {id}) || true;
    if (key === 'Escape') return this.tell('graph-pick', {id: null}) || true;
    if (key === 'Home' || key === 'End') return this.go(it.ops[key === 'Home' ? 0 : it.ops.length - 1].id);
    const right = this.dataset.flow === 'right';
    const ways = right ? {ArrowRight: 'next', ArrowLeft: 'last', ArrowUp: -1, ArrowDown: 1} : {ArrowDown: 'next', ArrowUp: 'last', ArrowLeft: -1, ArrowRight: 1};
    if (!(key in ways)) return false;
    const way = ways[key];
    const middle = (k) => ({x: laid.boxes[k].x + laid.boxes[k].width / 2, y: laid.boxes[k].y + laid.boxes[k].height / 2});
    const here = middle(at);
    let found = [];
    if (way === 'next') found = edges.filter(([a]) => a === at).map(([, b]) => b);
    else if (way === 'last') found = edges.filter(([, b]) => b === at).map(([a]) => a);
    else {
      const [along, across] = right ? ['x', 'y'] : ['y', 'x'];
      const aside = it.ops.map((op, k) => k).filter((k) => (middle(k)[across] - here[across]) * way > 8);
      const level = aside.filter((k) => Math.abs(middle(k)[along] - here[along]) < 60);
      found = level.length || !laid.cuts ? level : aside; // another column need not have a box just here
    }
    if (found.length) {
      const far = (k) => Math.hypot(middle(k).x - here.x, middle(k).y - here.y);
      const to = it.ops[found.sort((a, b) => far(a) - far(b))[0]].id;
      const picked = this.svg.querySelector('.gr-picked') === this.nodes.get(id);
      this.go(to);
      if (picked) this.tell('graph-pick', {id: to, by: 'key'}); // who picked a box with the pointer goes on from there
    }
    return true;
  }

  go(id) {
    this.roam(id);
    this.nodes.get(id).focus({preventScroll: true});
    this.reveal(id);
    return true;
  }
});
