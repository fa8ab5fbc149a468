/* <map-large>: one photograph as large as the window lets it be, with two maps of it and a line to wipe between them; beside it, for
 * each, what it is, its colour bar, and the number under the pointer.
 *
 * open(page, state) shows it: state is {image, left, right, wipe, both}, a side {method, layer, target} or null for the photograph.
 * `large-change` fires with what the reader changed, `large-close` when it is closed. */
customElements.define('map-large', class extends HTMLElement {
  open(page, state) {
    const {el, say} = convatlas;
    const again = this.dialog && this.dialog.open;
    this.page = page;
    this.state = {wipe: 50, both: false, ...state};
    if (!again) {
      this.at = null;
      this.stage = el('div', {class: 'ca-large__stage', tabindex: 0, role: 'group', 'aria-label': say('largeStage')});
      this.slider = el('input', {type: 'range', min: 0, max: 100, 'aria-label': say('wipe'), oninput: () => this.cut(), onchange: () => this.tell({}, true)});
      this.head = el('div', {class: 'ca-large__head'});
      this.panel = el('div', {class: 'ca-large__panel'});
      this.dialog = el('dialog', {class: 'ca ca-wipe ca-large', 'aria-label': say('large')}, this.head, el('div', {class: 'ca-large__picture'}, this.stage, this.slider, el('p', {class: 'ca-dim ca-large__hint'}, say('largeHint'))), this.panel);
      this.dialog.addEventListener('close', () => this.dispatchEvent(new Event('large-close')));
      this.dialog.addEventListener('click', (event) => { if (event.target === this.dialog) this.dialog.close(); });
      this.dialog.addEventListener('change', (event) => this.control(event.target));
      this.watch();
      this.replaceChildren(this.dialog);
    }
    this.draw();
    if (!again) {
      this.dialog.showModal();
      this.stage.focus({focusVisible: false});
    }
  }

  close() {
    if (this.dialog && this.dialog.open) this.dialog.close();
  }

  /** Pointer and keys on the picture: a drag wipes, a hover reads, arrows read cell by cell. */
  watch() {
    const {stage, slider} = this;
    const place = (event, wipe) => {
      const box = stage.getBoundingClientRect();
      const inside = (v) => Math.min(1, Math.max(0, v));
      const u = inside((event.clientX - box.left) / box.width), v = inside((event.clientY - box.top) / box.height);
      if (wipe) { slider.value = String(Math.round(100 * u)); this.cut(); }
      this.read(u, v, u * 100 < Number(slider.value) ? 0 : 1);
    };
    stage.addEventListener('pointerdown', (event) => { stage.setPointerCapture(event.pointerId); place(event, true); });
    stage.addEventListener('pointermove', (event) => place(event, stage.hasPointerCapture(event.pointerId)));
    stage.addEventListener('pointerup', (event) => { stage.releasePointerCapture(event.pointerId); this.tell({}, true); });
    stage.addEventListener('keydown', (event) => {
      const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
      const side = this.maps[1] ? 1 : 0;
      const map = this.maps[side];
      if (!step || !map) return;
      event.preventDefault();
      const [x, y] = this.at ? [Math.floor(this.at[0] * map.w * 0.99999), Math.floor(this.at[1] * map.h * 0.99999)] : [Math.floor(map.w / 2) - step[0], Math.floor(map.h / 2) - step[1]];
      const to = [Math.min(map.w - 1, Math.max(0, x + step[0])), Math.min(map.h - 1, Math.max(0, y + step[1]))];
      this.read((to[0] + 0.5) / map.w, (to[1] + 0.5) / map.h, side);
    });
  }

  tell(part, quiet = false) {
    Object.assign(this.state, part, {wipe: Number(this.slider.value)});
    this.dispatchEvent(new CustomEvent('large-change', {detail: {...this.state, quiet}}));
  }

  control(target) {
    const {side, part} = target.dataset;
    if (part === 'both') this.tell({both: target.checked});
    else if (part === 'image') this.tell({image: target.value});
    else if (side && target.value === 'photo') this.tell({[side]: null});
    else if (side) {
      const other = side === 'left' ? 'right' : 'left';
      this.tell({[side]: {...(this.state[side] || this.state[other] || this.page.state.at), [part]: target.value}});
    } else return;
    this.draw(target);
  }

  async draw(from) {
    const {el, say, maps} = convatlas;
    const {page, state} = this;
    const image = page.member('image', state.image);
    const turn = this.turn = (this.turn || 0) + 1;
    let entries;
    try {
      await page.heads([image]);
      entries = ['left', 'right'].map((side) => (state[side] ? page.entry({image: image.id, ...state[side]}) : {}));
      const loaded = await Promise.all(entries.map(({head}) => (head && !head.empty ? maps.load(head) : null)));
      if (turn !== this.turn || !this.dialog.isConnected) return;
      this.maps = loaded;
    } catch (error) {
      if (turn === this.turn) this.panel.replaceChildren(el('p', {role: 'alert'}, say('failed', {file: error.message})));
      return;
    }
    this.entries = entries;
    const heads = entries.map(({head}) => head).filter((head) => head && !head.empty);
    const alike = heads.length === 2 && Boolean(heads[0].signed) === Boolean(heads[1].signed);
    const shared = state.both && alike ? maps.shared(heads, Boolean(heads[0].signed)) : null;
    this.scales = entries.map(({head}) => head && (shared || page.own(head)));
    this.image = image;
    this.stage.style.aspectRatio = `${image.w} / ${image.h}`;
    this.dialog.style.setProperty('--ratio', image.w / image.h);
    const side = (k) => {
      const box = el('div', {class: 'ca-large__side'}, el('img', {src: convatlas.url(image.photo), alt: k ? '' : image.name, draggable: 'false'}));
      const {na, head} = entries[k];
      if (na !== undefined || head && head.empty) box.append(el('span', {class: 'ca-overlay__empty'}, na === undefined ? say('empty') : `${say('notDrawn')} ${na}`));
      else if (head) box.append(el('canvas', {class: page.state.r === 'smooth' ? '' : 'ca-crisp', 'aria-hidden': 'true'}));
      return box;
    };
    this.over = side(1);
    this.over.classList.add('ca-wipe__over');
    this.line = el('span', {class: 'ca-wipe__line', 'aria-hidden': 'true'});
    this.probe = el('span', {class: 'ca-large__probe', 'aria-hidden': 'true', hidden: true});
    const sides = [side(0), this.over];
    this.stage.replaceChildren(...sides, this.line, this.probe);
    this.slider.value = String(state.wipe);
    this.fill(alike);
    this.cut();
    this.paint(sides);
    if (this.at) this.read(...this.at, this.side);
    if (from) {
      const again = this.panel.querySelector(`[data-part="${from.dataset.part}"]${from.dataset.side ? `[data-side="${from.dataset.side}"]` : ''}`);
      if (again) again.focus();
    }
  }

  paint(sides = [this.stage.children[0], this.stage.children[1]]) {
    const {maps} = convatlas;
    const {page, image} = this;
    const side = Math.min(1200, Math.max(320, Math.round(Math.max(this.stage.clientWidth, this.stage.clientHeight, 480) * (self.devicePixelRatio || 1))));
    sides.forEach((box, k) => {
      const canvas = box.querySelector('canvas');
      if (canvas) maps.paint(canvas, maps.picture(this.maps[k], {to: this.scales[k], colour: page.state.k, smooth: page.state.r === 'smooth', side, w: image.w, h: image.h}));
    });
  }

  /** The panel: for each side its choices, scale, numbers and links. */
  fill(alike) {
    const {el, say, number, url, tiles} = convatlas;
    const {page, state, image} = this;
    const choice = (side, part, members, chosen, label, first) => el('label', {class: 'ca-select'}, el('span', {class: 'ca-hidden'}, `${say(side)}, ${label}`),
      el('select', {'data-side': side, 'data-part': part}, first ? el('option', {value: 'photo', selected: !chosen}, say('photo')) : '', members.map((one) => el('option', {value: one.id, selected: one.id === chosen}, page.title(part, one, image)))));
    const part = (side, k) => {
      const chosen = state[side];
      const {head} = this.entries[k];
      const method = chosen && page.member('method', chosen.method);
      const layer = chosen && !method.input && page.member('layer', chosen.layer);
      const facts = [...(head && 'top' in head ? [[say('largest'), number(head.top)]] : []), ...(head && 'bottom' in head ? [[say('smallest'), number(head.bottom)]] : []), ...((head && head.facts) || []).map(([name, v]) => [name, convatlas.percent(v), (head.doubts || []).includes(name)])];
      return el('section', {class: 'ca-large__part'}, el('h3', {}, say(side)),
        el('div', {class: 'ca-large__picks'}, choice(side, 'method', page.members.method, chosen && chosen.method, say('method'), true),
          layer ? choice(side, 'layer', page.members.layer, layer.id, say('layerWord')) : '',
          chosen && page.members.target.length ? choice(side, 'target', page.members.target, chosen.target, say('classWord')) : ''),
        chosen && method.caption && head ? el('p', {class: 'ca-large__caption'}, page.caption(method, layer, chosen.target, image)) : '',
        head && !head.empty ? tiles.bar(...this.scales[k], page.state.k, head.signed) : '',
        head ? el('p', {class: 'ca-large__value', 'data-value': k, 'aria-live': 'polite'}, say('readHint', {w: head.w, h: head.h})) : '',
        facts.length ? el('dl', {class: 'ca-facts ca-large__facts'}, facts.map(([name, v, bad]) => el('div', {class: bad ? 'ca-doubt' : ''}, el('dt', {}, name), el('dd', {class: 'ca-num'}, v), bad ? el('dd', {title: say('doubt', {fact: name})}, say('ownCheck')) : ''))) : '',
        chosen ? el('p', {class: 'ca-large__links'}, method.page ? el('a', {href: url(method.page)}, say('howMade', {method: method.title})) : '', layer && layer.page ? el('a', {href: `${url(layer.page)}#${convatlas.address.text({i: image.id, v: 'maps'})}`}, say('layerPage', {layer: layer.name})) : '') : '');
    };
    const save = (kind) => el('button', {type: 'button', onclick: () => page.saveLarge(kind, this)}, kind.toUpperCase());
    const chooser = el('select', {'data-part': 'image'}, page.members.image.map((one) => el('option', {value: one.id, selected: one.id === image.id}, one.name)));
    this.head.replaceChildren(el('label', {class: 'ca-select'}, el('span', {class: 'ca-hidden'}, say('imageWord')), chooser),
      el('a', {href: `${url(image.page)}#${convatlas.address.text({t: (state.right || state.left || page.state.at).target})}`}, say('wholeImage')),
      el('button', {type: 'button', class: 'ca-close', 'aria-label': say('close'), onclick: () => this.dialog.close()}, '×'));
    this.panel.replaceChildren(
      part('left', 0), part('right', 1), this.judged(),
      el('label', {class: 'ca-check'}, el('input', {type: 'checkbox', 'data-part': 'both', checked: state.both && alike, disabled: !alike}), el('span', {}, say('oneScale'))),
      el('p', {class: 'ca-large__save'}, el('span', {class: 'ca-dim'}, say('savePair')), ['png', 'svg', 'pdf', ...(this.entries.some(({head}) => head) ? ['npz'] : [])].map(save)),
      image.npz ? el('p', {class: 'ca-large__links'}, el('a', {href: url(image.npz), download: true}, say('imageArrays'))) : '',
    );
  }

  /** The metrics of both maps beside the baselines', a row each. Of two, the better one is bold: not where a baseline is as good,
   * and not where the map fails the sanity check. */
  judged() {
    const {el, say, number} = convatlas;
    const {page, state, image} = this;
    const names = ['left', 'right'];
    const sides = names.map((side) => new Map((state[side] ? page.judged({image: image.id, ...state[side]}) : []).map(({metric, v}) => [metric, v])));
    const metrics = page.data.metrics.filter((metric) => sides.some((side) => side.has(metric)));
    if (!metrics.length) return '';
    const failing = names.map((side) => Boolean(state[side]) && page.fails(state[side]));
    const bases = page.baselines().filter((one) => !names.some((side) => state[side] && state[side].method === one.id));
    const unit = (metric) => (metric.unit ? `, ${metric.unit}` : '');
    const cell = (metric, k) => {
      const [mine, other] = [sides[k].get(metric), sides[1 - k].get(metric)];
      const ground = bases.map((one) => page.ground(metric, one.id, image.id));
      const better = other !== undefined && !failing[k] && page.beats(metric, mine, [other, ...ground]);
      return el('td', {class: 'ca-r ca-num'}, mine === undefined ? '–' : better ? el('b', {}, number(mine)) : number(mine));
    };
    const base = (metric, one) => {
      const v = page.ground(metric, one.id, image.id);
      return el('td', {class: 'ca-r ca-num ca-dim'}, v === undefined ? '–' : number(v));
    };
    const arrow = (metric) => el('span', {class: 'ca-dim', title: say(metric.better === 'higher' ? 'higherBetter' : 'lowerBetter')}, metric.better === 'higher' ? ' ↑' : ' ↓');
    const heads = [...names.map((side, k) => el('th', {scope: 'col', class: 'ca-r'}, say(side), failing[k] ? el('span', {class: 'ca-mark'}, say('insane')) : '')), ...bases.map((one) => el('th', {scope: 'col', class: 'ca-r'}, one.title))];
    return el('section', {class: 'ca-large__part'}, el('table', {class: 'ca-table ca-large__judged'}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, say('judgedBy')), heads)),
      el('tbody', {}, metrics.map((metric) => el('tr', {title: metric.summary}, el('th', {scope: 'row'}, `${metric.title}${unit(metric)}`, arrow(metric)), cell(metric, 0), cell(metric, 1), bases.map((one) => base(metric, one)))))), el('p', {class: 'ca-dim ca-large__arrows'}, say('arrows')));
  }

  /** A number that is known to within `half`, with no more digits than that says. */
  rough(value, half) {
    const places = -Math.floor(Math.log10(half));
    const short = places >= 0 && places <= 5 ? (v) => v.toFixed(places).replace('-', '\u2212') : convatlas.number;
    return convatlas.say('about', {v: short(value), half: short(half)});
  }

  cut() {
    const at = Number(this.slider.value);
    this.over.style.clipPath = `inset(0 0 0 ${at}%)`;
    this.line.style.left = `${at}%`;
  }

  /** Say the numbers at a place of the picture (u, v in 0..1), and mark the cell of the map on that side. */
  read(u, v, side) {
    const {say, number, maps} = convatlas;
    this.at = [u, v];
    this.side = side;
    if (!this.maps) return;
    this.maps.forEach((map, k) => {
      const line = this.panel.querySelector(`[data-value="${k}"]`);
      if (!line || !map) return;
      const x = Math.min(map.w - 1, Math.floor(u * map.w)), y = Math.min(map.h - 1, Math.floor(v * map.h));
      const {v: value, half, more, less} = maps.value(map, x, y);
      const said = more || less ? say(more ? 'atLeast' : 'atMost', {v: number(value)}) : half < 0.002 * Math.abs(value) || map.levels > 255 ? number(value) : this.rough(value, half);
      line.replaceChildren(say('readAt', {row: y + 1, column: x + 1, h: map.h, w: map.w}), convatlas.el('b', {class: 'ca-num'}, said));
    });
    const map = this.maps[side] || this.maps[1 - side];
    this.probe.hidden = !map;
    if (!map) return;
    const x = Math.min(map.w - 1, Math.floor(u * map.w)), y = Math.min(map.h - 1, Math.floor(v * map.h));
    Object.assign(this.probe.style, {left: `${100 * x / map.w}%`, top: `${100 * y / map.h}%`, width: `${100 / map.w}%`, height: `${100 / map.h}%`});
  }
});
