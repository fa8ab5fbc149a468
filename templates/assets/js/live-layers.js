/* <live-layers>: the feature maps of one layer at a time, the strongest units first; a unit large, with its numbers. */
customElements.define('live-layers', class extends HTMLElement {
  set(worker, model, photo, state) {
    Object.assign(this, {worker, model, photo, state});
    const {el, say} = convatlas;
    this.select = el('select', {'aria-label': say('layerWord')}, model.layers.map((one, k) => el('option', {value: k, selected: k === state.layer}, one.name)));
    this.select.addEventListener('change', () => this.pick(Number(this.select.value)));
    const step = (by, text, sign) => el('button', {type: 'button', class: 'lv-button', 'aria-label': text, title: text, onclick: () => this.pick(Math.min(model.layers.length - 1, Math.max(0, this.state.layer + by)))}, sign);
    this.menu = el('colour-menu', {class: 'ca-menu', 'data-chosen': 'viridis', 'data-label': say('liveColours')});
    this.menu.addEventListener('change', () => this.draw());
    this.more = el('button', {type: 'button', class: 'lv-button', onclick: () => { this.state.some = !this.state.some; this.draw(); }});
    this.about = el('span', {class: 'ca-status', role: 'status'});
    this.wall = el('atlas-wall', {'data-label': say('liveWall')});
    this.panel = el('div', {class: 'lv-unit', 'aria-live': 'polite'});
    this.replaceChildren(el('tool-bar', {class: 'ca-toolbar'}, el('label', {class: 'ca-select'}, el('span', {}, say('layerWord')), this.select), step(-1, say('liveLayerBefore'), '‹'), step(1, say('liveLayerAfter'), '›'), this.menu, this.more, this.about),
      el('div', {class: 'lv-stage'}, this.wall, this.panel));
    this.wall.addEventListener('unit-point', (event) => this.point(event.detail));
    this.wall.addEventListener('unit-open', (event) => this.unit(event.detail.unit));
    this.wall.addEventListener('unit-close', () => this.unit(-1));
    this.go(state.layer, state.unit);
  }

  /** Another layer, by the reader: the address has it from now on. */
  pick(layer) {
    if (layer === this.state.layer) return undefined;
    this.state.unit = -1;
    convatlas.address.write({l: layer, u: ''});
    return this.go(layer);
  }

  async go(layer, unit = -1) {
    const {say, liveViews} = convatlas;
    this.state.layer = layer;
    this.select.value = layer;
    this.about.textContent = say('loading');
    const turn = this.turn = (this.turn || 0) + 1;
    try {
      const answer = await this.worker.ask('atlas', {layer});
      if (turn !== this.turn || !this.isConnected) return;
      this.forget();
      this.atlas = {...answer, src: URL.createObjectURL(answer.blob)};
      this.state.some = true;
      this.first = null;
      // Where activations are cut off above, many units reach the same highest value: the fuller map is the stronger one.
      const {rlo, rhi, means} = this.atlas, top = (k) => Math.max(Math.abs(rlo[k]), Math.abs(rhi[k]));
      this.order = convatlas.tiles.order(this.atlas, 'index').sort((a, b) => top(b) - top(a) || means[b] - means[a] || a - b);
      this.menu.show(this.atlas.signed);
      this.draw();
      this.unit(unit >= 0 && unit < this.atlas.n ? unit : this.order[0], unit >= 0);
    } catch (error) {
      if (turn === this.turn) { this.about.textContent = ''; this.panel.replaceChildren(liveViews.na(error.message)); }
    }
  }

  draw() {
    if (!this.atlas) return;
    const {say, tiles, number} = convatlas;
    const {atlas, order, model} = this;
    const few = 96, shown = this.state.some ? order.slice(0, few) : order;
    this.drawn = this.state.some ? (this.first ??= shown) : order;
    if (this.drawn !== order && (this.first[0] !== order[0] || this.first.length !== shown.length)) this.drawn = this.first = shown;
    this.more.hidden = order.length <= few;
    this.more.textContent = this.state.some ? say('liveAll', {n: order.length}) : say('liveFirst', {n: few});
    const to = tiles.shares(atlas, 'unit') ? tiles.shared(atlas) : null;
    const zoom = tiles.fit({...atlas, n: this.drawn.length}, this.wall.clientWidth || 700, 420);
    this.wall.show(atlas, {zoom, order: this.drawn, to, colour: this.menu.value});
    const {op, units, h, w} = model.layers[this.state.layer];
    this.facts = say('liveLayer', {op, units: number(units), h, w});
    this.about.textContent = this.facts;
    if (this.opened >= 0) this.large();
  }

  point({tile, unit}) {
    const {say, tiles, number} = convatlas;
    this.about.textContent = tile < 0 ? this.facts : `${say('unit', {n: unit})} · ${say('range', {lo: number(tiles.lo(this.atlas, tile)), hi: number(tiles.hi(this.atlas, tile))})}`;
  }

  /** Open a unit, or none with -1. */
  unit(unit, told = true) {
    this.opened = unit;
    this.wall.open(unit);
    if (told) {
      this.state.unit = unit; // the next picture shows it, too
      convatlas.address.write({l: this.state.layer, u: unit >= 0 ? unit : ''});
    }
    if (unit < 0) return void this.panel.replaceChildren();
    return this.large();
  }

  async large() {
    const {el, say, number, liveViews} = convatlas;
    const {layer} = this.state, unit = this.opened, row = this.model.layers[layer];
    const {data, w, h} = await this.worker.ask('unit', {layer, unit});
    if (unit !== this.opened || layer !== this.state.layer || !this.isConnected) return;
    const map = liveViews.heat(data, w, h, this.atlas.signed);
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    const parts = [
      el('h3', {}, say('liveUnitOf', {n: unit, layer: row.name})),
      map.rlo === map.rhi ? el('p', {class: 'ca-note'}, say('flat', {v: number(map.rlo)})) : liveViews.overlay('', map, say('liveUnitAlt', {n: unit}), this.menu.value, false),
      map.rlo === map.rhi ? null : liveViews.overlay(this.photo, map, say('liveUnitOver', {n: unit}), this.menu.value, true),
      el('p', {class: 'ca-note'}, say('liveUnitNumbers', {lo: number(map.rlo), hi: number(map.rhi), mean: number(mean)})),
      row.page ? el('p', {}, el('a', {href: `${convatlas.url(row.page)}#u=${unit}`}, say('liveUnitPage'))) : null,
    ];
    this.panel.replaceChildren(...parts.filter(Boolean));
  }

  forget() { if (this.atlas) URL.revokeObjectURL(this.atlas.src); }
  disconnectedCallback() { this.forget(); }
});
