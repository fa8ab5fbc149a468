/* <training-scrub>: a slider over the checkpoints of a training: first kernels, maps, class activation maps, loss, together.
 *
 * Data of all images: convatlas.get('learned', 'all'); the maps of one image are loaded when it is chosen. The address keeps the
 * checkpoint and the image: #s=3&i=slug. Tile k * n + u of a sheet is unit u at checkpoint k. */
customElements.define('training-scrub', class extends HTMLElement {
  connectedCallback() {
    this.all = convatlas.get('learned', 'all');
    if (!this.all) return;
    const {el, say, address} = convatlas;
    const {moments, images} = this.all;
    const last = moments.length - 1;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    this.range = el('input', {type: 'range', min: 0, max: last, step: 1, 'aria-label': say('le_slider'), oninput: () => { this.stop(); this.go(Number(this.range.value)); }});
    this.button = el('button', {type: 'button', class: 'le-play', onclick: () => this.play()});
    this.now = el('output', {class: 'le-now', 'aria-live': 'polite'});
    const step = (by, label, sign) => el('button', {type: 'button', class: 'le-step', 'aria-label': label, title: label, onclick: () => { this.stop(); this.go(this.at + by); }}, sign);
    this.curves = el('div', {class: 'le-curves'});
    this.body = el('div', {class: 'le-body'});
    const choose = images.length > 1 && el('fieldset', {class: 'le-images'}, el('legend', {}, say('le_image')), images.map((image, k) => el('label', {title: image.name},
      el('input', {type: 'radio', name: 'le-image', value: k, onchange: () => this.choose(k)}), el('img', {src: convatlas.url(image.photo), alt: image.name}))));
    this.replaceChildren(
      el('div', {class: 'le-bar'}, this.button, step(-1, say('le_before'), '‹'), this.range, step(1, say('le_after'), '›'), this.now),
      choose || '', el('div', {class: 'le-grid'}, this.body, el('div', {class: 'le-side'}, this.cam = el('figure', {class: 'le-cam'}), this.curves)));
    this.stop();
    const read = address.read();
    const at = Number.parseInt(read.s ?? last, 10);
    this.at = Number.isFinite(at) ? Math.min(last, Math.max(0, at)) : last;
    this.choose(Math.max(0, images.findIndex((image) => image.slug === read.i)));
    addEventListener('hashchange', this.moved = () => {
      const to = address.read();
      const k = images.findIndex((image) => image.slug === to.i);
      if (k >= 0 && k !== this.image) this.choose(k);
      if (to.s !== undefined && Number(to.s) !== this.at) this.go(Number(to.s));
    });
    new MutationObserver(() => this.draw()).observe(document.body, {attributes: true, attributeFilter: ['data-md-color-scheme']});
  }

  disconnectedCallback() {
    this.stop();
    removeEventListener('hashchange', this.moved);
  }

  /** Show an image: its maps first, if they are not here yet. */
  async choose(k) {
    const {images} = this.all;
    this.image = k;
    const radio = this.querySelector(`.le-images input[value="${k}"]`);
    if (radio) radio.checked = true;
    const mine = await convatlas.load('learned', String(images[k].n), `data/learned-${images[k].n}.js`).catch(() => null);
    if (this.image !== k) return;
    this.mine = mine;
    this.go(this.at);
  }

  go(k) {
    const last = this.all.moments.length - 1;
    this.at = Math.min(last, Math.max(0, Number.isFinite(k) ? Math.round(k) : last));
    this.range.value = this.at;
    this.range.setAttribute('aria-valuetext', this.all.moments[this.at].label);
    this.draw();
    convatlas.address.write({s: this.at, i: this.all.images[this.image].slug});
  }

  /** Run through the checkpoints once; where motion is not wanted, a step at a time. */
  play() {
    const last = this.all.moments.length - 1;
    if (this.timer) return this.stop();
    if (this.calm.matches) return this.go(this.at === last ? 0 : this.at + 1);
    if (this.at === last) this.go(0);
    this.timer = setInterval(() => {
      this.go(this.at + 1);
      if (this.at === last) this.stop();
    }, 800);
    this.button.textContent = convatlas.say('le_pause');
    return undefined;
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.button.textContent = convatlas.say('le_play');
  }

  draw() {
    const {el, say, percent, number} = convatlas;
    const {moments, images} = this.all;
    const moment = moments[this.at], image = images[this.image], said = image.says[this.at];
    this.now.textContent = moment.label;
    this.curves.replaceChildren(
      ...(moments.some((m) => m.loss !== null) ? [this.curve(say('le_losses', {n: this.all.measured}), moments.map((m) => m.loss), number)] : []),
      ...(moments.some((m) => m.right !== null) ? [this.curve(say('le_rights'), moments.map((m) => m.right), percent, 1)] : []),
      this.curve(say('le_odds', {label: image.target}), image.says.map((one) => one.p), percent, 1),
      el('div', {class: 'le-ends', 'aria-hidden': 'true'}, el('span', {}, moments[0].label), el('span', {}, moments.at(-1).label)));
    this.cam.replaceChildren(...this.overlay(image, said));
    this.body.replaceChildren(...this.kernels(), ...this.maps());
  }

  /** A value over the checkpoints, with the present one marked. */
  curve(title, values, shown, top) {
    const {el} = convatlas;
    if (values.every((v) => v === null)) return '';
    const known = values.filter((v) => v !== null);
    const hi = top ?? Math.max(...known), lo = Math.min(0, ...known);
    const x = (k) => (values.length > 1 ? k / (values.length - 1) * 100 : 50), y = (v) => 38 - (hi > lo ? (v - lo) / (hi - lo) : 0.5) * 34;
    const NS = 'http://www.w3.org/2000/svg';
    const made = (tag, attributes) => {
      const one = document.createElementNS(NS, tag);
      for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
      return one;
    };
    const svg = made('svg', {viewBox: '0 0 100 40', preserveAspectRatio: 'none', 'aria-hidden': 'true'});
    svg.append(made('line', {class: 'le-axis', x1: 0, x2: 100, y1: y(lo), y2: y(lo), 'vector-effect': 'non-scaling-stroke'}),
      made('polyline', {class: 'le-line', 'vector-effect': 'non-scaling-stroke', points: values.flatMap((v, k) => (v === null ? [] : [`${x(k).toFixed(2)},${y(v).toFixed(2)}`])).join(' ')}),
      made('line', {class: 'le-cursor', x1: x(this.at), x2: x(this.at), y1: 2, y2: 40, 'vector-effect': 'non-scaling-stroke'}));
    const here = values[this.at];
    const dot = here === null ? '' : el('i', {class: 'le-dot', style: `left:${x(this.at)}%;top:${y(here) / 40 * 100}%`});
    return el('figure', {class: 'le-curve'}, el('figcaption', {}, title, ' ', el('b', {}, shown(here))), el('div', {}, svg, dot));
  }

  /** The class activation map over the photograph, and what the checkpoint says. */
  overlay(image, said) {
    const {el, say, url, percent} = convatlas;
    const heat = this.mine && this.mine.cams[this.at];
    const word = el('figcaption', {}, el('span', {}, say('le_says'), ' ', el('b', {}, said.label)), heat && !heat.na ? ` · ${say('le_cam', {layer: this.all.camLayer, label: image.target})}` : '');
    if (!heat || heat.na) return [el('img', {class: 'le-photo', src: url(image.photo), alt: image.name}), word];
    const view = document.createElement('heat-overlay');
    Object.assign(view, {photo: url(image.photo), heat, alt: image.name});
    view.paint({colour: convatlas.kept.get('colour.inferno', 'inferno'), smooth: true, to: null});
    return [view, word];
  }

  /** A colour bar under a tile, as wide as it, with the numbers at its ends; about zero in a narrow tile, the one number of both. */
  scale(lo, hi, signed, narrow = false) {
    const {el, say, number, colours} = convatlas;
    return el('span', {class: `le-scale${narrow ? ' le-scale--one' : ''}`, role: 'img', 'aria-label': say('bar', {lo: number(lo), hi: number(hi)})},
      el('span', {class: 'ca-bar__ramp', style: `background:${colours.ramp('viridis', signed)}`}), narrow ? el('span', {}, `± ${number(hi)}`) : [el('span', {}, number(lo)), el('span', {}, number(hi))]);
  }

  kernels() {
    const {el, say, tiles, number} = convatlas;
    const {kernels, filters, channels, kernelLayer} = this.all;
    if (!filters || kernels.na) return [];
    const walls = Array.from({length: filters}, (_, f) => {
      const k = this.at * filters + f, [lo, hi] = [kernels.lo[k], kernels.hi[k]];
      const under = kernels.rgb ? el('figcaption', {}, `± ${number(hi)}`) : this.scale(lo, hi, true, true);
      return el('figure', {class: 'le-tile', title: say('le_filter', {f})}, tiles.single(kernels, k, 66, 'viridis'), under);
    });
    const drawn = channels === 3 ? `, ${say('le_rgb')}` : channels > 1 ? `, ${say('le_channel', {c: channels})}` : '';
    const told = say('le_kernels', {n: filters}) + drawn;
    return [el('figure', {class: 'le-figure'}, el('figcaption', {}, el('b', {}, kernelLayer), ` ${told}`), el('div', {class: 'le-wall', role: 'group', 'aria-label': told}, walls))];
  }

  maps() {
    const {el, say, tiles, url, number} = convatlas;
    if (!this.mine) return [];
    return this.all.layers.map((layer, n) => {
      const sheet = this.mine.maps[n], {units} = layer;
      const many = units.length;
      const wall = units.map((unit, u) => {
        let lo = Infinity, hi = -Infinity;
        for (let k = u; k < sheet.n; k += many) [lo, hi] = [Math.min(lo, sheet.lo[k]), Math.max(hi, sheet.hi[k])];
        const k = this.at * many + u;
        return el('figure', {class: 'le-tile'}, tiles.single(sheet, k, 92, 'viridis', [lo, hi]), this.scale(lo, hi, sheet.signed), el('figcaption', {}, el('span', {}, say('le_unit', {n: unit})), el('span', {class: 'ca-dim'}, number(tiles.hi(sheet, k)))));
      });
      const name = layer.page ? el('a', {href: url(layer.page)}, layer.name) : el('b', {}, layer.name);
      return el('figure', {class: 'le-figure'}, el('figcaption', {}, name, ` ${say('le_maps', {n: many})}`), el('div', {class: 'le-wall'}, wall));
    });
  }
});
