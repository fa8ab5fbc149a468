/* <atlas-wall>: all units of a layer as one wall of tiles. The picture is the interface.
 *
 * show(atlas, options) draws it; `unit-point` fires for the tile under the pointer or the arrow keys, `unit-open` for a
 * click or Enter, `unit-close` for Escape, each with {tile, unit}. The rings lie above the coloured tiles, because whatever
 * is inside the filter is coloured by it. */
customElements.define('atlas-wall', class extends HTMLElement {
  build() {
    const {el} = convatlas;
    this.tiles = el('div', {class: 'ca-tiles ca-wall', role: 'listbox', tabindex: '0', 'aria-label': this.dataset.label});
    this.ring = el('span', {class: 'ca-ring', hidden: true});
    this.mark = el('span', {class: 'ca-ring ca-ring--open', hidden: true});
    this.tiles.addEventListener('pointerover', (event) => { if (event.target !== this.tiles) this.point(this.index(event.target)); });
    this.tiles.addEventListener('pointerleave', () => this.point(document.activeElement === this.tiles ? this.active : -1));
    this.tiles.addEventListener('click', (event) => {
      if (event.target === this.tiles) return;
      this.active = this.index(event.target);
      this.fire('unit-open', this.active);
    });
    this.tiles.addEventListener('keydown', (event) => this.key(event));
    this.tiles.addEventListener('focus', () => { if (this.tiles.matches(':focus-visible')) this.move(this.active, false); });
    this.tiles.addEventListener('blur', () => this.point(-1));
    this.slab = el('div', {class: 'ca-slab'}, this.tiles);
    this.replaceChildren(this.slab, this.ring, this.mark);
    new ResizeObserver(() => { this.lay(); this.place(this.mark, this.opened); this.ring.hidden = true; }).observe(this);
  }

  /** atlas as in data.py; options: zoom, order (tiles), to (shared scale or null), colour, numbered (large tiles say their unit). */
  show(atlas, {zoom, order, to, colour, numbered = false}) {
    if (!this.tiles) this.build();
    const {tiles, number, say} = convatlas;
    const same = this.atlas === atlas && this.order === order;
    const unit = this.atlas && this.opened >= 0 ? this.opened : -1;
    Object.assign(this, {atlas, order, zoom});
    tiles.dress(this.tiles, atlas, zoom);
    this.slab.classList.toggle('ca-slab--signed', Boolean(atlas.signed));
    this.tiles.classList.toggle('ca-wall--numbered', numbered && Math.min(atlas.w, atlas.h) * zoom >= 64);
    this.lay();
    this.tiles.style.filter = atlas.rgb ? 'none' : convatlas.colours.filter(colour, atlas.signed);
    if (!same) {
      const parts = order.map((k, at) => {
        const label = `${say('unit', {n: tiles.unit(atlas, k)})}${atlas.rgb ? '' : `, ${say('range', {lo: number(tiles.lo(atlas, k)), hi: number(tiles.hi(atlas, k))})}`}`;
        return `<i role="option" id="t${at}" data-unit="${tiles.unit(atlas, k)}" aria-label="${label}" style="--x:${tiles.x(atlas, k)};--y:${tiles.y(atlas, k)}"></i>`;
      });
      this.tiles.innerHTML = parts.join('');
      this.active = 0;
      this.veiled = false;
      this.ring.hidden = true;
      this.mark.hidden = true;
      this.opened = -1;
      if (unit >= 0) this.open(unit);
    }
    if (to || this.veiled) {
      for (let at = 0; at < order.length; at += 1) this.tiles.children[at].style.setProperty('--veil', to ? tiles.veil(atlas.lo[order[at]], atlas.hi[order[at]], atlas.signed, to) : 'transparent');
    }
    this.veiled = Boolean(to);
    requestAnimationFrame(() => this.place(this.mark, this.opened));
  }

  /** As many whole columns as fit, and a slab that ends where the tiles do. */
  lay() {
    if (!this.atlas) return;
    const gap = !this.atlas.signed && Math.max(this.atlas.w, this.atlas.h) * this.zoom < 40 ? 1 : 2;
    const [w, h] = [this.atlas.w * this.zoom + gap, this.atlas.h * this.zoom + gap];
    this.across = Math.max(1, Math.min(this.order.length, Math.floor((this.clientWidth + gap) / w)));
    const rest = this.order.length % this.across || this.across;
    this.slab.style.width = `${this.across * w - gap}px`;
    this.tiles.style.setProperty('--gap', `${gap}px`);
    this.tiles.style.gridTemplateColumns = `repeat(${this.across}, max-content)`;
    this.slab.style.setProperty('--last-w', `${rest * w - gap}px`);
    this.slab.style.setProperty('--last-h', rest === this.across ? '0px' : `${h}px`);
  }

  /** Mark unit as open (its tile), or none with -1; `opened` is the unit. */
  open(unit, scroll = false) {
    const old = this.tiles.querySelector('[aria-selected]');
    if (old) old.removeAttribute('aria-selected');
    this.opened = unit;
    const at = this.at(unit);
    if (at >= 0) {
      this.active = at;
      this.tiles.children[at].setAttribute('aria-selected', 'true');
      if (scroll) this.reveal();
    }
    this.place(this.mark, unit);
  }

  /** Bring the open unit's tile into sight. */
  reveal() {
    const at = this.at(this.opened);
    if (at >= 0) this.tiles.children[at].scrollIntoView({block: 'nearest'});
  }

  at(unit) { return unit < 0 || !this.atlas ? -1 : this.order.findIndex((k) => convatlas.tiles.unit(this.atlas, k) === unit); }
  index(element) { return Array.prototype.indexOf.call(this.tiles.children, element); }

  fire(kind, at) {
    const tile = at >= 0 ? this.order[at] : -1;
    this.dispatchEvent(new CustomEvent(kind, {bubbles: true, detail: {tile, unit: tile >= 0 ? convatlas.tiles.unit(this.atlas, tile) : -1}}));
  }

  point(at) {
    this.over(this.ring, at);
    this.fire('unit-point', at);
  }

  place(ring, unit) { this.over(ring, this.at(unit)); }

  over(ring, at) {
    const tile = at >= 0 ? this.tiles.children[at] : null;
    ring.hidden = !tile;
    if (!tile) return;
    ring.style.transform = `translate(${tile.offsetLeft}px, ${tile.offsetTop}px)`;
    ring.style.width = `${tile.offsetWidth}px`;
    ring.style.height = `${tile.offsetHeight}px`;
  }

  move(at, far = true) {
    this.active = Math.min(this.order.length - 1, Math.max(0, at));
    this.tiles.setAttribute('aria-activedescendant', `t${this.active}`);
    this.tiles.children[this.active].scrollIntoView({block: 'nearest'});
    this.point(this.active);
    if (far && this.opened >= 0) this.fire('unit-open', this.active);
  }

  key(event) {
    const {across} = this;
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, PageDown: across * 8, PageUp: -across * 8, Home: -Infinity, End: Infinity};
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps) {
      const next = this.active + steps[event.key];
      if (Number.isFinite(next) && (next < 0 || next >= this.order.length) && Math.abs(steps[event.key]) > 1 && Math.abs(steps[event.key]) === across) return void event.preventDefault();
      this.move(next);
    } else if (event.key === 'Enter' || event.key === ' ') this.fire('unit-open', this.active);
    else if (event.key === 'Escape') this.fire('unit-close', this.active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
});
