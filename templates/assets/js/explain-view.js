/* <explain-view>: how a layer is computed, step by step. Tabs are the operations of its chain; under them one figure, of one unit at one
 * place, which plays: the window slides over the map in reading order. It never starts by itself, and where less motion is wanted
 * it goes a step at a time. What is shown is told to the page (`explain-state`), which keeps it in the address. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const SPEEDS = [0.5, 1, 2, 4, 16];
  const VECTORS = ['flatten', 'linear', 'softmax'];
  /** Kinds whose units are not those of the page: a number of its own says which. */
  const APART = [...VECTORS, 'attention'];

  customElements.define('explain-view', class extends HTMLElement {
    /** {address, na, image, images: names by slug, unit, op, place, colour, classes: of the image, best first, settle: of the loaded chain, step and
     * unit, what else is wanted}: what the page shows. */
    async show(wanted) {
      const turn = this.turn = (this.turn || 0) + 1;
      this.pause();
      Object.assign(this, {wanted, options: this.options || {}, units: this.units || {}});
      const {say} = convatlas;
      if (wanted.na) return this.sentence(wanted.na);
      try {
        const data = await convatlas.load('explain', wanted.address.key, wanted.address.path);
        const named = data.steps.findIndex(({name}) => name === wanted.op);
        this.k = named >= 0 ? named : data.step;
        const {images = data.images} = data.steps[this.k];
        const image = images.includes(wanted.image) ? wanted.image : data.images[0];
        if (!this.chain || this.chain.image !== image || this.chain.steps !== data.steps) this.chain = new core.Chain(data, image);
        if (data.steps.some(({kind}) => kind === 'linear' || kind === 'softmax')) this.chain.labels = await convatlas.load('explain', 'labels', 'data/explain/labels.js');
        if (turn !== this.turn) return undefined;
        const missing = this.chain.missing(this.k);
        if (!missing) await this.chain.load(this.k);
        if (turn !== this.turn) return undefined;
        if (!missing && wanted.settle) Object.assign(wanted, wanted.settle(this.chain, this.k, this.unitAt(this.k)));
        this.build(missing);
      } catch (error) {
        if (turn === this.turn) this.sentence(say('failed', {file: error.message}));
      }
      return undefined;
    }

    sentence(text) { this.replaceChildren(this.na(text)); }

    na(text) {
      const {el, say} = convatlas;
      return el('p', {class: 'ca-na'}, el('span', {class: 'ca-na__mark', 'aria-hidden': 'true'}, '∅'), el('span', {}, el('b', {}, say('notDrawn')), ` ${text}`));
    }

    /** The unit of step k: the page's own, followed along the chain; of a vector, one that was chosen, or the strongest. */
    unitAt(k) {
      const {chain, wanted} = this;
      const {kind, shape: [n]} = chain.steps[k];
      if (k === chain.own) return wanted.unit;
      if (kind === 'attention') return Math.min(n - 1, this.units[k] ?? wanted.unit);
      if (!VECTORS.includes(kind) && !this.inHead(k)) return chain.along(chain.own, wanted.unit, k);
      if (this.units[k] !== undefined && this.units[k] < n) return this.units[k];
      if (this.classes(k)) return this.wanted.classes[0] ?? 0;
      if (kind === 'flatten') return Math.min(n - 1, Math.max(0, chain.along(chain.own, wanted.unit, chain.steps[k].follows ?? k) || 0) * chain.steps[k].reads[0].shape[1] * chain.steps[k].reads[0].shape[2]);
      const all = chain.vector(k);
      return all.reduce((best, v, at) => (v > all[best] ? at : best), 0);
    }

    /** Whether a step works on the numbers behind a linear layer. */
    inHead(k) {
      for (let at = k; at !== undefined && at !== null; at = this.chain.steps[at].follows) if (VECTORS.includes(this.chain.steps[at].kind)) return true;
      return false;
    }

    /** Whether a step's units are the model's classes. */
    classes(k) {
      const {steps, labels} = this.chain;
      return Boolean(labels && labels.length === steps[k].shape[0]) && (steps[k].kind === 'softmax' || k === steps.length - 1 || steps[k + 1].kind === 'softmax');
    }

    build(missing) {
      const {el} = convatlas;
      const {chain, k} = this;
      const step = chain.steps[k];
      const unit = missing ? 0 : this.unitAt(k);
      this.unit = unit;
      const {alone} = this.wanted; // one step, chosen by the page around it: no tabs
      const body = el('div', alone ? {class: 'ca-x-body'} : {class: 'ca-x-body', role: 'tabpanel', id: 'ca-x-panel', 'aria-labelledby': `ca-x-tab-${k}`, tabindex: -1});
      this.figure = null;
      if (missing) body.append(this.na(missing));
      else if (unit === null) body.append(this.elsewhere());
      else {
        this.figure = core.figures[step.kind](this.view(k, unit));
        if (alone) this.figure = core.beside(this.figure, {chain, k, unit, told: this.wanted.told || []}, {name: (one) => this.kind(one), link: (one) => this.link(one)});
        body.append(this.figure.node);
      }
      const focused = this.contains(document.activeElement) ? document.activeElement.dataset.act || document.activeElement.id || (document.activeElement.matches('[role=application]') ? 'app' : '') : '';
      this.replaceChildren(alone ? '' : this.tabs(), this.figure ? this.controls(step, unit) : '', body, this.figure ? this.foot() : '');
      if (this.figure && this.figure.size) this.go(this.wanted.place, false, false);
      if (!this.querySelector('#ca-x-keys')) for (const map of this.querySelectorAll('[aria-describedby="ca-x-keys"]')) map.removeAttribute('aria-describedby');
      Object.assign(this.dataset, {step: step.name, own: this.wanted.unit});
      if (this.figure) this.tellUnit();
      const again = focused && (focused.startsWith('ca-x-tab') ? this.querySelector('[aria-selected=true]') : focused === 'app' ? this.querySelector('[role=application]') : this.querySelector(`[data-act="${focused}"]`) || this.querySelector(`#${CSS.escape(focused)}`));
      if (again) again.focus({preventScroll: true});
    }

    /** What a figure is given. */
    view(k, unit) {
      const set = (part) => Object.assign(this.options, part);
      return {
        ...this.options, chain: this.chain, k, unit, colour: this.wanted.colour, image: this.wanted.images[this.chain.image] || this.chain.image, from: this.from(k),
        move: (place) => this.go(place),
        keep: set,
        option: (part) => { set(part); this.build(''); },
        choose: (n) => { this.units[k] = n; this.build(''); this.tell(); },
        classes: (at) => this.classes(at),
        lead: () => this.lead(k, unit),
      };
    }

    /** Which of the channels, or of the numbers of a row, that step k reads was followed to it; null where none was. */
    from(k) {
      const {from, place} = this.wanted;
      if (!from) return null;
      const {kind, reads: [{shape: [c, h, w]}]} = this.chain.steps[k];
      if (from.unit >= c * h * w) return null;
      return kind === 'linear' && from.unit < c && h * w > 1 && place ? from.unit * h * w + Math.min(h - 1, place.y) * w + Math.min(w - 1, place.x) : from.unit;
    }

    /** A channel of a concatenation that is another layer's. */
    elsewhere() {
      const {el, say, url} = convatlas;
      const {chain, wanted} = this;
      const {unit} = wanted;
      const {at, part, channel} = chain.leaves(chain.own, unit);
      const {flows} = chain.steps[at].reads[part];
      const {name, page} = flows === undefined ? chain.steps[at].reads[part] : chain.steps[flows];
      return el('p', {class: 'ca-na'}, el('span', {}, say('xElsewhere', {unit, channel}), ' ', page ? el('a', {href: `${url(page)}#${convatlas.carried({u: channel, v: 'how'})}`}, name || '') : name || ''));
    }

    tabs() {
      const {el, say} = convatlas;
      const {steps} = this.chain;
      const many = steps.map((step, k) => el('button', {type: 'button', role: 'tab', id: `ca-x-tab-${k}`, 'aria-selected': String(k === this.k), 'aria-controls': 'ca-x-panel', tabindex: k === this.k ? 0 : -1, onclick: () => this.turnTo(k)},
        el('b', {}, this.kind(step)), el('span', {}, convatlas.breaks(step.name))));
      const list = el('div', {class: 'ca-x-tabs', role: 'tablist', 'aria-label': say('xSteps')}, many);
      list.addEventListener('keydown', (event) => {
        const to = {ArrowRight: this.k + 1, ArrowLeft: this.k - 1, Home: 0, End: many.length - 1}[event.key];
        if (to === undefined) return;
        event.preventDefault();
        if (to >= 0 && to < many.length) this.turnTo(to);
      });
      return list;
    }

    /** The way to the figure of another step of the chain, on the page that has them all. */
    link({name}) {
      const {el, url, address, breaks} = convatlas;
      const page = this.wanted.address.key.replace('steps/', 'layers/');
      return el('a', {href: `${url(`${page}.html`)}#${address.text({u: this.unit, i: this.chain.image, v: 'how', x: name})}`}, breaks(name));
    }

    kind({kind, op, shape, settings: {how, adaptive, sign, transposed, linear}}) {
      const {say} = convatlas;
      if (kind === 'pool' || kind === 'volume_pool') return say(adaptive ? (shape[1] * shape[2] === 1 ? `xKindGlobal_${how}` : 'xKindAdaptive') : how === 'max' ? 'xKindMax' : 'xKindAvg');
      if (kind === 'volume' && transposed) return say('xKindVolumeTransposed');
      if (kind === 'conv') return say(transposed ? 'xKindTransposed' : linear ? 'xKindPlaces' : 'xKindConv');
      if (kind === 'merge') return say(sign === '×' ? 'xKindProduct' : sign === '+' ? 'xKindAdd' : 'xKindMerge');
      return say(`xKind_${kind}`, {op});
    }

    turnTo(k) {
      const [, H, W] = this.chain.steps[k].shape;
      if (this.figure && this.figure.size && H * W > 1) {
        const [h, w] = this.figure.size;
        if (h * w > 1) this.wanted.place = {y: Math.floor((this.at.y + 0.5) * H / h), x: Math.floor((this.at.x + 0.5) * W / w)};
      }
      this.wanted.op = this.chain.steps[k].name;
      this.dispatchEvent(new CustomEvent('explain-state', {bubbles: true, detail: {op: this.wanted.op, place: this.wanted.place, unit: this.unit}}));
      return this.show(this.wanted);
    }

    tell(place = this.place) {
      this.place = place;
      this.dispatchEvent(new CustomEvent('explain-state', {bubbles: true, detail: {op: this.chain.steps[this.k].name, place, unit: this.unit}}));
    }

    // ---- the place

    /** Show the place (kept inside the map) and tell the page of it. */
    go(place, playing = false, told = true) {
      const {figure} = this;
      if (!figure || !figure.size) return;
      const [h, w] = figure.size;
      const {y, x} = place || {y: Math.floor(h / 2), x: Math.floor(w / 2)};
      this.at = {y: Math.min(h - 1, Math.max(0, y)), x: Math.min(w - 1, Math.max(0, x))};
      figure.place(this.at, playing);
      this.hold();
      const said = this.querySelector('[data-place]');
      if (said) said.textContent = figure.said ? figure.said(this.at) : convatlas.say('xPlace', this.at);
      if (told) {
        this.wanted.place = this.at;
        if (!playing) this.tell(this.at);
      }
    }

    /** Lines of numbers keep their place, however long the numbers are. */
    hold() {
      for (const line of this.querySelectorAll('.ca-x-dot-product .ca-x-written')) draw.hold(line);
    }

    step(by) {
      if (!this.figure || !this.figure.size) return false;
      const [h, w] = this.figure.size;
      const next = this.at.y * w + this.at.x + by;
      if (next < 0 || next >= h * w) return false;
      this.go({y: Math.floor(next / w), x: next % w}, Boolean(this.timer));
      return true;
    }

    get still() { return matchMedia('(prefers-reduced-motion: reduce)').matches; }

    play() {
      if (this.timer) return this.pause();
      if (this.still) return void (this.step(1) || this.go({y: 0, x: 0}));
      const pace = core.sweep(this.figure.size, this.options.speed || 1);
      const beat = () => {
        const next = this.isConnected && core.after(this.figure.size, pace, this.at);
        if (next) this.go(next, true);
        else this.pause();
      };
      // From the upper left corner over the whole map; where it was paused and nothing was chosen since, on from there.
      const {paused} = this;
      const from = paused && paused.figure === this.figure && paused.y === this.at.y && paused.x === this.at.x ? this.at : {y: 0, x: 0};
      this.timer = setInterval(beat, pace.every);
      this.go(from, true);
      return this.playing();
    }

    pause() {
      if (!this.timer) return;
      clearInterval(this.timer);
      this.timer = 0;
      const last = this.figure && this.figure.size && !core.after(this.figure.size, core.sweep(this.figure.size, this.options.speed || 1), this.at);
      this.paused = this.figure && !last ? {figure: this.figure, ...this.at} : null;
      if (this.figure && this.isConnected) this.go(this.at);
      this.playing();
    }

    playing() {
      const button = this.querySelector('[data-act=play]');
      if (!button) return;
      const name = convatlas.say(this.timer ? 'xPause' : this.still ? 'xStepOn' : 'xPlay');
      button.textContent = this.timer ? '❚❚' : '▶';
      button.setAttribute('aria-label', name);
      button.title = name;
    }

    disconnectedCallback() {
      this.pause();
      this.sized.disconnect();
    }

    controls(step, unit) {
      const {el, say} = convatlas;
      const n = step.shape[0];
      const act = (name, label, text, on, off) => el('button', {type: 'button', class: 'ca-x-button', 'data-act': name, 'aria-label': label, title: label, disabled: off, onclick: on}, text);
      const choose = (wanted) => {
        const next = Math.min(n - 1, Math.max(0, Number.isFinite(wanted) ? Math.round(wanted) : unit));
        this.told = next === wanted ? '' : say('xNoUnit', {wanted: Number.isFinite(wanted) ? convatlas.number(wanted) : '', last: n - 1, next});
        if (next === unit) {
          field.value = unit;
          this.tellUnit();
          return;
        }
        if (this.k !== this.chain.own && (APART.includes(step.kind) || this.inHead(this.k))) {
          this.units[this.k] = next;
          if (step.kind === 'softmax') this.units[this.k - 1] = next;
          if (this.chain.steps[this.k + 1] && this.chain.steps[this.k + 1].kind === 'softmax') this.units[this.k + 1] = next;
          this.build('');
          this.tell();
        } else this.own(next);
      };
      const named = this.classes(this.k) ? el('span', {class: 'ca-dim'}, ` ${this.chain.labels[unit]}`) : '';
      const field = el('input', {class: 'ca-number', type: 'number', min: 0, max: n - 1, value: unit, 'data-act': 'unit', 'aria-label': say('xUnitField'), onchange: (event) => choose(Number(event.target.value))});
      const which = el('span', {class: 'ca-x-which'}, el('span', {}, say(this.classes(this.k) ? 'xClassWord' : 'xUnitWord')), act('less', say('before'), '‹', () => choose(unit - 1), unit === 0), field, act('greater', say('after'), '›', () => choose(unit + 1), unit === n - 1), el('span', {class: 'ca-dim'}, `/ ${n}`), named);
      const one = !this.figure.size || this.figure.size[0] * this.figure.size[1] === 1; // nothing to slide over
      const place = one ? '' : [
        el('span', {class: 'ca-x-plays'}, act('back', say('xStepBack'), '‹', () => { this.pause(); this.step(-1); }), act('play', say(this.still ? 'xStepOn' : 'xPlay'), '▶', () => this.play()), act('on', say('xStepOn'), '›', () => { this.pause(); this.step(1); })),
        this.still ? '' : el('label', {class: 'ca-select'}, say('xSpeed'), ' ', el('select', {'data-act': 'speed', onchange: (event) => this.faster(Number(event.target.value))}, SPEEDS.map((speed) => el('option', {value: speed, selected: speed === (this.options.speed || 1)}, `${speed} ×`)))),
        el('output', {class: 'ca-dim', 'data-place': ''}), this.wanted.hint ? el('span', {class: 'ca-dim', 'data-hint': ''}, this.wanted.hint) : ''];
      return el('div', {class: 'ca-x-controls', role: 'group', 'aria-label': say('xControls'), onkeydown: (event) => { if (event.target.matches('input')) event.stopPropagation(); }}, which, place);
    }

    /** Say once that there is no such unit, if so. */
    tellUnit() {
      this.status ||= convatlas.el('p', {class: 'ca-x-told', role: 'status'});
      if (!this.status.isConnected) this.append(this.status);
      this.querySelector('.ca-x-controls')?.after(this.status);
      this.status.textContent = this.told || '';
      this.told = '';
    }

    faster(speed) {
      this.options.speed = speed;
      if (!this.timer) return;
      this.pause();
      this.play();
    }

    /** The page's own unit by which unit of this step was asked for. */
    own(unit) {
      const {chain, k} = this;
      const own = chain.along(k, unit, chain.own);
      if (own === null) return;
      this.dispatchEvent(new CustomEvent('unit-open', {bubbles: true, detail: {unit: own}}));
    }

    connectedCallback() {
      this.sized ||= new ResizeObserver(() => this.hold());
      this.sized.observe(this);
      if (this.heard) return;
      this.heard = true;
      this.addEventListener('keydown', (event) => {
        if (!event.target.matches('[role=application]') || !this.figure || !this.figure.size) return;
        const [, w] = this.figure.size;
        const far = event.shiftKey ? 8 : 1;
        const {y, x} = this.at;
        const to = {ArrowLeft: {y, x: x - far}, ArrowRight: {y, x: x + far}, ArrowUp: {y: y - far, x}, ArrowDown: {y: y + far, x}, Home: {y, x: 0}, End: {y, x: w - 1}}[event.key];
        if (to) this.go(to);
        else if (event.key === ' ') this.play();
        else if (event.key === 'Enter') this.step(1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
    }

    // ---- words

    lead(k, unit) {
      const {kind, settings: {depth}} = this.chain.steps[k];
      return `${this.words(k, unit)}${depth > 1 && !kind.startsWith('volume') ? ` ${convatlas.say('xDepth', {n: depth})}` : ''}`;
    }

    words(k, unit) {
      const {say} = convatlas;
      const {kind, settings, reads, shape, op} = this.chain.steps[k];
      const n = reads[0].shape[0];
      const by = (sides) => sides.join(' × ');
      if (kind === 'volume') return say(settings.transposed ? 'xLeadVolumeTransposed' : 'xLead_volume', {unit, kernel: by(settings.kernel), n: n / settings.groups, stride: by(settings.stride), dilation: by(settings.dilation)});
      if (kind === 'conv') {
        const {kernel, stride, dilation, padding, mode, groups, transposed} = settings;
        const extra = [stride.some((v) => v > 1) ? say('xStride', {v: stride[0] === stride[1] ? stride[0] : by(stride)}) : '', dilation.some((v) => v > 1) ? say('xDilation', {v: dilation[0] === dilation[1] ? dilation[0] : by(dilation)}) : '',
          padding.some((v) => v) && !transposed ? this.padded(mode, padding, shape[1] === reads[0].shape[1] && shape[2] === reads[0].shape[2]) : ''].filter(Boolean);
        const words = say(n / groups === 1 ? 'xLeadDepthwise' : transposed ? 'xLeadTransposed' : kernel[0] * kernel[1] === 1 ? 'xLeadPlaces' : 'xLeadConv', {unit, kernel: by(kernel), n: n / groups});
        return `${words}${extra.length ? ` ${extra.join(' ')}` : ''}`;
      }
      if (kind === 'pool' || kind === 'volume_pool') return say(settings.adaptive ? (shape[1] * shape[2] === 1 ? `xLeadGlobal${kind === 'pool' ? '' : 'Deep'}_${settings.how}` : `xLeadAdaptive_${settings.how}`) : `xLeadPool_${settings.how}`, {kernel: by(settings.kernel || []), stride: by(settings.stride || [])});
      if (kind === 'attention') {
        const width = shape[0] / settings.heads;
        return say('xLead_attention', {unit, n: settings.tokens, head: Math.floor(unit / width) + 1, heads: settings.heads, channel: unit % width});
      }
      if (kind === 'lrn') return say('xLead_lrn', {n: settings.size});
      if (kind === 'shuffle') return say('xLead_shuffle', {groups: settings.groups, n: n / settings.groups});
      return say(`xLead_${kind === 'norm' ? `norm_${settings.over}` : kind === 'merge' ? `merge_${settings.sign}` : kind}`, {unit, n, op, units: shape[0], parts: reads.length});
    }

    /** What is put around a map before a kernel lies on it, and why; `keeps`: the new map is as large as the old one. */
    padded(mode, padding, keeps) {
      const {say} = convatlas;
      const v = new Set(padding).size === 1 ? padding[0] : say('xSides', {above: padding[0], below: padding[1], left: padding[2], right: padding[3]});
      if (mode !== 'zeros') return say(`xPad_${mode}`, {v});
      const some = ['xPadAbove', 'xPadBelow', 'xPadLeft', 'xPadRight'].flatMap((side, k) => (padding[k] ? [say(side, {n: padding[k]})] : []));
      if (some.length < 4) return say('xPadSome', {v: [some.slice(0, -1).join(', '), some.at(-1)].filter(Boolean).join(` ${say('xAnd')} `)});
      return say(keeps ? 'xPadKeeps' : 'xPad_zeros', {v});
    }

    foot() {
      const {el, say} = convatlas;
      const {chain, wanted} = this;
      const name = wanted.images[chain.image] || chain.image;
      const other = wanted.image && wanted.image !== chain.image ? ` ${say('xOnlyImage', {image: name, n: (chain.steps[this.k].images || chain.images).length})}` : '';
      const keys = this.figure.size && this.figure.size[0] * this.figure.size[1] > 1 ? el('p', {class: 'ca-dim', id: 'ca-x-keys'}, say('xKeys')) : '';
      return el('div', {class: 'ca-x-foot'}, el('p', {class: 'ca-dim'}, say('xImage', {image: name}), other), keys);
    }
  });
})();
