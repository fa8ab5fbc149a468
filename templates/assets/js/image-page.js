/* <image-page data-image="slug">: every map of one photograph, under one toolbar: for which class, in which colour, on whose
 * scale, how smooth, how strong. A map opens large, with a line to wipe between it and another. */
customElements.define('image-page', class extends HTMLElement {
  connectedCallback() {
    this.data = convatlas.get('image', this.dataset.image);
    if (!this.data) return;
    this.menu = this.querySelector('colour-menu');
    this.wipe = document.createElement('wipe-view');
    this.append(this.wipe);
    this.state = {t: 0, c: this.menu.value, s: 'own', r: 'smooth'};
    this.addEventListener('change', (event) => this.control(event.target));
    this.addEventListener('click', (event) => {
      const link = event.target.closest('a[data-sought]');
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.enlarge(link.dataset.sought);
    });
    const slider = this.querySelector('[data-control=opacity]');
    const fade = () => {
      this.style.setProperty('--ca-overlay', slider.value / 100);
      slider.setAttribute('aria-valuetext', `${slider.value} %`);
    };
    slider.addEventListener('input', fade);
    fade();
    this.read();
    addEventListener('hashchange', () => { this.read(); this.draw(); });
    this.draw();
  }

  read() {
    const {t, c, s, r} = convatlas.address.read();
    if (/^\d+$/.test(t) && Number(t) < this.data.targets.length) this.state.t = Number(t);
    if (convatlas.colours.names.includes(c)) { this.state.c = c; this.menu.choose(c); }
    if (['own', 'common'].includes(s)) this.state.s = s;
    if (['smooth', 'raw'].includes(r)) this.state.r = r;
    const names = {target: String(this.state.t), scale: this.state.s, resolution: this.state.r};
    for (const input of this.querySelectorAll('.ca-toolbar input[type=radio]')) if (input.name in names) input.checked = input.value === names[input.name];
  }

  control(target) {
    if (target === this.menu) this.state.c = target.value;
    else if (target.name === 'target') this.state.t = Number(target.value);
    else if (target.name === 'scale') this.state.s = target.value;
    else if (target.name === 'resolution') this.state.r = target.value;
    else return;
    const {t, c, s, r} = this.state;
    convatlas.address.write({t, c, s, r});
    this.draw();
  }

  paint(to) { return {colour: this.state.c, smooth: this.state.r === 'smooth', to}; }

  /** One scale for a row of heats, or null where each keeps its own. */
  common(heats) {
    if (this.state.s === 'own') return null;
    const some = heats.filter((h) => h && !('na' in h) && !h.empty);
    return some.length ? [Math.min(...some.map((h) => h.lo)), Math.max(...some.map((h) => h.hi))] : null;
  }

  overlay(heat, to, alt, photo = true) {
    const made = document.createElement('heat-overlay');
    Object.assign(made, {photo: photo ? convatlas.url(this.data.photo) : '', heat, alt});
    made.paint(this.paint(to));
    return made;
  }

  na(reason) {
    const {el, say} = convatlas;
    return el('p', {class: 'ca-na'}, el('span', {class: 'ca-na__mark', 'aria-hidden': 'true'}, '∅'), el('span', {}, el('b', {}, say('notDrawn')), ` ${reason}`));
  }

  draw() {
    this.querySelector('[data-common]').hidden = this.state.s !== 'common';
    this.entries = [{key: 'photo', label: convatlas.say('photo'), heat: null}];
    this.best();
    this.cams();
    this.gradients();
    this.response();
    this.entries.push(...(this.data.sought || []).map(({key, title, layer, src}) => ({key, src, label: layer ? convatlas.say('at', {method: title, layer}) : title})));
  }

  /** A method's own sentence on its maps; none where it speaks of a target and there is none. */
  caption(method, layer = '') {
    const target = this.data.targets[this.state.t];
    if (!method.caption || (!target && method.caption.includes('{target}'))) return '';
    return method.caption.replace(/\{(layer|target)\}/g, (_, part) => (part === 'layer' ? layer : target.label));
  }

  heats(method) { return this.data.layers.map((_, n) => this.data.cams[method][n][this.state.t]); }

  best() {
    const place = this.querySelector('[data-best]');
    const {method, layer} = this.data.best;
    if (!method) return;
    const heat = this.heats(method)[layer];
    const drawn = this.data.methods.find((m) => m.name === method);
    const {name, size} = this.data.layers[layer];
    const title = convatlas.say('at', {method: drawn.title, layer: name});
    const target = this.data.targets[this.state.t];
    const {el} = convatlas;
    const read = this.querySelector('[data-read]');
    if (read) read.textContent = convatlas.say('read', {method: drawn.title, caption: this.caption(drawn, name), size});
    place.replaceChildren('na' in heat ? this.na(heat.na) : this.large(`${method}/${layer}`, this.overlay(heat, null, title), title), el('figcaption', {}, el('b', {}, title), target ? `, ${target.label}` : ''));
  }

  large(key, body, label) {
    return convatlas.el('button', {type: 'button', class: 'ca-enlarge', 'aria-label': `${convatlas.say('large')}: ${label}`, onclick: () => this.enlarge(key)}, body);
  }

  enlarge(key) {
    const mine = this.entries.find((entry) => entry.key === key);
    const other = mine.beside || 'photo';
    this.wipe.open({photo: convatlas.url(this.data.photo), alt: this.data.name, entries: this.entries, left: other, right: key, paint: this.paint(null)});
  }

  cams() {
    const place = this.querySelector('[data-cams]');
    if (!place) return;
    const {el, say, url, breaks} = convatlas;
    const head = el('tr', {}, el('td', {}), this.data.layers.map((layer) => el('th', {scope: 'col'}, layer.page ? el('a', {href: `${url(layer.page)}#${convatlas.address.text({i: this.dataset.image})}`}, breaks(layer.name)) : breaks(layer.name), el('span', {class: 'ca-dim'}, layer.size))));
    const rows = this.data.methods.map((method) => {
      const heats = this.heats(method.name);
      const to = this.common(heats);
      const cells = [];
      for (let n = 0; n < heats.length; n += 1) {
        const heat = heats[n];
        if ('na' in heat) {
          let span = 1;
          while (n + span < heats.length && heats[n + span].na === heat.na) span += 1;
          cells.push(el('td', {colspan: span}, this.na(heat.na)));
          n += span - 1;
          continue;
        }
        const label = say('at', {method: method.title, layer: this.data.layers[n].name});
        const key = `${method.name}/${n}`;
        this.entries.push({key, label, heat, to});
        cells.push(el('td', {}, this.large(key, this.overlay(heat, to, label), label)));
      }
      return el('tr', {}, el('th', {scope: 'row'}, el('a', {href: url(`methods/${method.name}.html`)}, method.title), this.mark(method), el('span', {class: 'ca-cams__says'}, this.caption(method, say('aLayer')))), cells);
    });
    place.replaceChildren(el('table', {class: 'ca-cams', style: `--layers: ${this.data.layers.length}`}, el('thead', {}, head), el('tbody', {}, rows)));
  }

  /** Whether the method is a baseline, or fails the sanity check. */
  mark(method) { return method.note ? convatlas.el('span', {class: 'ca-mark'}, method.note) : null; }

  gradients() {
    const place = this.querySelector('[data-gradients]');
    if (!place) return;
    const {el, url} = convatlas;
    place.replaceChildren(...this.data.gradients.map((method) => {
      const map = method.maps[this.state.t];
      const title = el('figcaption', {}, el('a', {href: url(`methods/${method.name}.html`)}, method.title), this.mark(method), el('span', {class: 'ca-pair__says'}, this.caption(method)));
      const vague = method.vague ? el('p', {class: 'ca-doubt ca-pair__vague'}, method.vague) : null;
      if ('na' in map) return el('figure', {}, title, this.na(map.na));
      this.entries.push({key: `gradient/${method.name}`, label: method.title, heat: map});
      const facts = [...this.numbers(map).map((said) => el('p', {class: 'ca-note'}, said)), ...(map.facts || []).map(([name, value]) => el('p', {class: `ca-note${(map.doubts || []).includes(name) ? ' ca-doubt' : ''}`, title: (map.doubts || []).includes(name) ? convatlas.say('doubt', {fact: name}) : false}, `${name}: ${convatlas.percent(value)}`, (map.doubts || []).includes(name) ? el('b', {}, ` ${convatlas.say('ownCheck')}`) : ''))];
      const large = this.large(`gradient/${method.name}`, this.overlay(map, null, method.title, !map.rgb), method.title);
      if (!map.rgb) return el('figure', {}, title, vague, el('div', {class: 'ca-pair'}, large), facts);
      return el('figure', {}, title, vague, el('div', {class: 'ca-pair'}, large,
        el('div', {class: 'ca-pair__signed'}, el('img', {src: url(map.rgb), alt: `${method.title}, signed`, width: this.data.width, height: this.data.height}),
          el('span', {class: 'ca-bar'}, map.reach ? convatlas.say('grayReach', {reach: convatlas.number(map.reach)}) : convatlas.say('grayZero')))), facts);
    }));
  }

  /** How a map's one number a pixel was made of its channels, and from where to where it goes. */
  numbers(map) {
    const {say, number} = convatlas;
    const target = this.data.targets[this.state.t];
    const kind = !map.rgb || (map.signed && !target) ? '' : say(map.signed ? 'summed' : 'strongestOf', {label: target && target.label});
    const ends = 'top' in map ? say('bottom' in map ? 'fromTo' : 'upTo', {lo: number(map.bottom), hi: number(map.top)}) : '';
    return kind || ends ? [`${kind} ${ends}`.trim()] : [];
  }

  response() {
    const place = this.querySelector('[data-response]');
    if (!place) return;
    const {el, url} = convatlas;
    const {title, maps} = this.data.response;
    const to = this.common(Object.values(maps));
    place.replaceChildren(...Object.entries(maps).map(([n, heat]) => {
      const layer = this.data.layers[n];
      const caption = el('figcaption', {}, layer.page ? el('a', {href: url(layer.page)}, convatlas.breaks(layer.name)) : convatlas.breaks(layer.name));
      if ('na' in heat) return el('figure', {}, caption, this.na(heat.na));
      const label = convatlas.say('at', {method: title, layer: layer.name});
      this.entries.push({key: `response/${n}`, label, heat, to});
      return el('figure', {}, caption, this.large(`response/${n}`, this.overlay(heat, to, label, false), label));
    }));
  }
});
