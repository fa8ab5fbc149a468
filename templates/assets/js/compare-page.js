/* <compare-page>: every map of the report as a table of pictures. Two of method, image, layer and class are rows and columns, the
 * other two are fixed; the address holds all of it. Only what is in view is loaded and drawn. */
(() => {
  const AXES = ['method', 'image', 'layer', 'target'];
  const KEY = {method: 'm', image: 'i', layer: 'l', target: 't'};
  const MANY = 12;

  customElements.define('compare-page', class extends HTMLElement {
    connectedCallback() {
      this.data = convatlas.get('compare', 'index');
      if (!this.data || this.grid) return;
      const {methods, images, layers, targets} = this.data;
      this.members = {method: methods, image: images, layer: layers, target: targets};
      this.menu = this.querySelector('colour-menu');
      this.grid = this.querySelector('[data-grid]');
      this.slider = this.querySelector('[data-control=opacity]');
      this.bar = this.querySelector('.ca-toolbar');
      this.large = document.createElement('map-large');
      this.append(this.large);
      this.cells = [];
      this.seen = new IntersectionObserver((entries) => this.show(entries), {rootMargin: '250px'});
      for (const axis of AXES) this.querySelector(`[data-control=${axis}]`).append(...this.members[axis].map((one) => new Option(this.title(axis, one), one.id)));
      const order = this.querySelector('[data-control=order]');
      if (order) order.append(...this.data.metrics.map((metric) => new Option(convatlas.say('byMetric', {metric: metric.title, better: convatlas.say(metric.better === 'higher' ? 'higherFirst' : 'lowerFirst')}), metric.id)));
      this.picks();
      this.saves();
      const tune = this.querySelector('[data-tune]');
      tune.addEventListener('click', () => tune.setAttribute('aria-expanded', String(tune.getAttribute('aria-expanded') !== 'true')));
      this.addEventListener('change', (event) => this.control(event.target));
      this.slider.addEventListener('input', () => this.fade());
      this.grid.addEventListener('keydown', (event) => this.key(event));
      this.large.addEventListener('large-change', ({detail: {quiet, ...view}}) => { this.state.large = view; this.write(!quiet); });
      this.large.addEventListener('large-close', () => { if (this.state.large) { this.state.large = null; this.write(true); if (this.opener && this.opener.isConnected) this.opener.focus(); } });
      addEventListener('popstate', () => { this.read(); this.draw(); });
      new MutationObserver(() => { this.repaint(); if (this.state.large && this.large.maps) this.large.draw(); }).observe(document.body, {attributes: true, attributeFilter: ['data-md-color-scheme']});
      new ResizeObserver(() => this.measure()).observe(this.bar);
      new ResizeObserver(() => this.measure()).observe(this.grid);
      const details = this.querySelector('[data-numbers]');
      details.addEventListener('toggle', () => { if (details.open) this.table(); });
      this.read();
      this.draw();
    }

    // State and address

    member(axis, id) { return this.members[axis].find((one) => one.id === id) || this.members[axis][0]; }

    /** What all of it is when the address says nothing. */
    initial() {
      const first = (axis) => (this.members[axis][0] || {id: ''}).id;
      const some = this.members.image.slice(0, MANY).map((one) => one.id);
      return {
        rows: 'method', columns: 'image',
        shown: {method: this.members.method.map((one) => one.id), image: some, layer: this.members.layer.map((one) => one.id), target: this.members.target.map((one) => one.id)},
        at: {method: first('method'), image: first('image'), layer: this.data.layer || first('layer'), target: first('target')},
        s: 'own', r: 'smooth', k: this.menu.value, a: 65, o: '', large: null,
      };
    }

    read() {
      const given = convatlas.address.read();
      const state = this.initial();
      if (AXES.includes(given.rows)) state.rows = given.rows;
      if (AXES.includes(given.cols)) state.columns = given.cols;
      if (state.rows === state.columns) state.columns = AXES.find((axis) => axis !== state.rows);
      for (const axis of AXES) {
        const ids = (given[KEY[axis]] || '').split('.').filter((id) => this.members[axis].some((one) => one.id === id));
        if (!ids.length) continue;
        if (axis === state.rows || axis === state.columns) state.shown[axis] = this.members[axis].map((one) => one.id).filter((id) => ids.includes(id));
        else [state.at[axis]] = ids;
      }
      if (['own', 'row', 'column', 'all'].includes(given.s)) state.s = given.s;
      if (['smooth', 'raw'].includes(given.r)) state.r = given.r;
      if (convatlas.colours.names.includes(given.c)) { state.k = given.c; this.menu.choose(given.c); }
      if (/^\d{1,3}$/.test(given.overlay)) state.a = Math.min(100, Number(given.overlay));
      if (this.data.metrics.some((metric) => metric.id === given.o)) state.o = given.o;
      if (this.members.image.some((one) => one.id === given.large)) {
        const side = (text) => {
          const [method, layer, target] = (text || '').split('.');
          return this.members.method.some((one) => one.id === method) ? {method, layer: this.member('layer', layer || state.at.layer)?.id || '', target: this.member('target', target)?.id || ''} : null;
        };
        state.large = {image: given.large, left: side(given.left), right: side(given.right), wipe: /^\d{1,3}$/.test(given.wipe) ? Math.min(100, Number(given.wipe)) : 50, both: given.both === '1'};
      }
      this.state = state;
    }

    /** The state as the address has it: what is as at first is left out, but for the colours, which each reader may have chosen. */
    write(step = true) {
      const {state} = this;
      const first = this.initial();
      const other = (key, value, usual) => (value === usual ? '' : value);
      const parts = {rows: other('rows', state.rows, first.rows), cols: other('cols', state.columns, first.columns)};
      for (const axis of AXES) {
        const free = axis === state.rows || axis === state.columns;
        parts[KEY[axis]] = free ? other(axis, state.shown[axis].join('.'), first.shown[axis].join('.')) : other(axis, state.at[axis], first.at[axis]);
      }
      Object.assign(parts, {s: other('s', state.s, 'own'), r: other('r', state.r, 'smooth'), c: state.k, overlay: other('a', state.a, 65), o: state.o});
      if (state.large) {
        const side = (one) => (one ? [one.method, one.layer, one.target].join('.') : 'photo');
        const {image, left, right, wipe, both} = state.large;
        Object.assign(parts, {large: image, left: side(left), right: side(right), wipe, both: both ? 1 : ''});
      }
      const hash = `#${convatlas.address.text(parts)}`;
      if (hash === location.hash) return;
      if (step) history.pushState(null, '', hash);
      else history.replaceState(history.state, '', hash);
    }

    control(target) {
      const {state} = this;
      const what = target.dataset.control || target.name;
      if (target === this.menu) { state.k = target.value; this.write(); this.repaint(); return; }
      if (what === 'scale') { state.s = target.value; this.write(); this.repaint(); return; }
      if (what === 'resolution') { state.r = target.value; this.write(); this.repaint(); return; }
      if (what === 'opacity') { state.a = Number(target.value); this.write(false); return; }
      if (what === 'rows' || what === 'columns') {
        const other = what === 'rows' ? 'columns' : 'rows';
        if (state[other] === target.value) state[other] = state[what];
        state[what] = target.value;
      } else if (what === 'order') state.o = target.value;
      else if (what === 'pick') state.shown[target.dataset.axis] = this.members[target.dataset.axis].map((one) => one.id).filter((id) => this.querySelector(`[data-axis=${target.dataset.axis}][value="${id}"]`).checked);
      else if (AXES.includes(what)) state.at[what] = target.value;
      else return;
      this.write();
      this.draw();
    }

    fade() {
      this.state.a = Number(this.slider.value);
      this.style.setProperty('--ca-overlay', this.state.a / 100);
      this.slider.setAttribute('aria-valuetext', `${this.slider.value} %`);
    }

    // Words

    /** A member as it is called: where an image is known, its own class. */
    title(axis, one, image = null) {
      if (axis === 'method') return one.title;
      if (axis !== 'target') return one.name;
      const own = image && image.targets[Number(one.id)];
      return own && own.label !== one.name ? `${own.label} (${one.name})` : one.name;
    }

    /** A method's own sentence on its map, filled in. */
    caption(method, layer, target, image) {
      const own = image.targets[Number(target)];
      const words = {layer: layer ? layer.name : convatlas.say('theInput'), image: image.name, target: own ? own.label : ''};
      return method.caption.replace(/\{(\w+)\}/g, (all, part) => words[part] || all);
    }

    /** A target's probability, where it has one. */
    share(target) {
      if (!target || target.p === null) return '';
      return ` ${target.p < 0.0005 ? '<\u202f0.1' : (100 * target.p).toFixed(1)}\u202f%`;
    }

    /** A metric's number with its unit. */
    amount(metric, v) { return `${convatlas.number(v)}${metric.unit ? ` ${metric.unit}` : ''}`; }

    /** What is said under one map that no heading can say: its class where images and classes are rows and columns, and the metric
     * that the rows are ordered by. */
    note(place) {
      const {rows, columns, o} = this.state;
      const target = this.member('image', place.image).targets[Number(place.target)];
      const own = [rows, columns].includes('image') && [rows, columns].includes('target') && target ? `${target.label}${this.share(target)}` : '';
      const judged = o && this.judged(place).find((one) => one.metric.id === o);
      return [own, judged ? `${judged.metric.title} ${this.amount(judged.metric, judged.v)}` : ''].filter(Boolean).join(', ');
    }

    /** What stands under a heading: {title, lines, page}. */
    heading(axis, one) {
      const {state} = this;
      const fixed = (other) => other !== state.rows && other !== state.columns;
      if (axis === 'method') return {title: one.title, lines: one.input && !fixed('layer') ? [] : one.input ? [convatlas.say('onInput')] : [], page: one.page};
      if (axis === 'layer') return {title: one.name, lines: [one.size].filter(Boolean), page: one.page};
      if (axis === 'image') {
        const target = fixed('target') && one.targets[Number(state.at.target)];
        return {title: one.name, lines: target ? [`${target.label}${this.share(target)}`] : [], page: one.page, photo: one.photo};
      }
      const target = fixed('image') && this.members.image.length ? this.member('image', state.at.image).targets[Number(one.id)] : null;
      return {title: target ? target.label : one.name, lines: target ? [`${target.label === one.name ? '' : one.name}${this.share(target)}`.trim()].filter(Boolean) : []};
    }

    /** What the two fixed ones are, in a sentence. */
    fixed() {
      const {say} = convatlas;
      return AXES.filter((axis) => axis !== this.state.rows && axis !== this.state.columns && this.members[axis].length).map((axis) => {
        const one = this.member(axis, this.state.at[axis]);
        const image = axis === 'target' && this.state.rows !== 'image' && this.state.columns !== 'image' ? this.member('image', this.state.at.image) : null;
        if (axis === 'layer') return say('fixedLayer', {layer: one.name, size: one.size});
        return say({method: 'fixedMethod', image: 'fixedImage', target: 'fixedTarget'}[axis], {one: this.title(axis, one, image)});
      });
    }

    about() {
      const {say} = convatlas;
      const {state} = this;
      const count = (axis) => `${state.shown[axis].length} ${say(`many_${axis}`)}`;
      return [`${count(state.rows)} × ${count(state.columns)}`, ...this.fixed()].join(', ');
    }

    scaleNote() { return convatlas.say({own: 'scaleOwn', row: 'scaleRow', column: 'scaleColumn', all: 'scaleAll'}[this.state.s]); }

    // Data

    /** The data of these images, once each. */
    heads(images) { return Promise.all(images.map((image) => convatlas.load('compare', image.id, image.data))); }

    /** A place's map: {head}, or {na: reason}, once its image's data is there. */
    entry({method, image, layer, target}) {
      const data = convatlas.get('compare', image);
      const at = this.member('method', method).input ? 'input' : layer;
      const found = (((data.maps[method] || {})[at] || [])[Number(target)]);
      if (found === undefined) return {na: convatlas.say('notAsked')};
      return typeof found === 'number' ? {na: data.why[found]} : {head: found};
    }

    own(head) { return head.signed ? [-head.hi, head.hi] : [head.lo, head.hi]; }

    /** The numbers that say how far a map is to be believed: known of the first target alone. */
    judged({method, image, layer, target}) {
      const data = convatlas.get('compare', image);
      if (target !== '0' && this.members.target.length) return [];
      const numbers = (((data && data.trust) || {})[method] || {})[this.member('method', method).input ? 'input' : layer] || {};
      return this.data.metrics.filter((metric) => metric.id in numbers).map((metric) => ({metric, v: numbers[metric.id]}));
    }

    /** A metric's mean over a row, {mean, n}, or null. */
    mean(metric, row) {
      const values = this.state.shown[this.state.columns].flatMap((column) => this.judged(this.place(row, column)).filter((one) => one.metric === metric).map((one) => one.v));
      return values.length ? {mean: values.reduce((sum, v) => sum + v, 0) / values.length, n: values.length} : null;
    }

    place(row, column) { return {...this.state.at, [this.state.rows]: row, [this.state.columns]: column}; }

    /** The rows in the order asked for: best first. */
    ordered() {
      const {state} = this;
      const metric = this.data.metrics.find((one) => one.id === state.o);
      const rows = state.shown[state.rows];
      if (!metric) return rows;
      const means = new Map(rows.map((row) => [row, this.mean(metric, row)]));
      const sign = metric.better === 'higher' ? -1 : 1;
      return [...rows].sort((a, b) => {
        const [x, y] = [means.get(a), means.get(b)];
        return x && y ? sign * (x.mean - y.mean) : Number(!x) - Number(!y);
      });
    }

    // Drawing

    async draw() {
      const {say, el} = convatlas;
      this.tick();
      const turn = this.turn = (this.turn || 0) + 1;
      const status = this.querySelector('[data-status]');
      const free = this.state.rows === 'image' || this.state.columns === 'image';
      const images = (free ? this.state.shown.image : [this.state.at.image]).map((id) => this.member('image', id)).filter(Boolean);
      const waiting = setTimeout(() => { status.textContent = say('loading'); }, 150);
      try {
        await this.heads(images);
      } catch (error) {
        if (turn === this.turn) this.grid.replaceChildren(el('p', {role: 'alert', class: 'ca-na'}, say('failed', {file: error.message})));
        return;
      } finally {
        clearTimeout(waiting);
        if (turn === this.turn) status.textContent = '';
      }
      if (turn !== this.turn) return;
      this.build();
      this.judge();
      if (this.querySelector('[data-numbers]').open) this.table();
      if (this.state.large) this.large.open(this, this.state.large);
      else this.large.close();
    }

    /** Make the controls say what the state says. */
    tick() {
      const {state} = this;
      for (const [name, value] of [['rows', state.rows], ['columns', state.columns], ['order', state.o], ...AXES.map((axis) => [axis, state.at[axis]])]) {
        const select = this.querySelector(`select[data-control=${name}]`);
        if (select) select.value = value;
      }
      for (const axis of AXES) this.querySelector(`[data-one=${axis}]`).hidden = axis === state.rows || axis === state.columns || !this.members[axis].length;
      for (const input of this.querySelectorAll('.ca-toolbar input[type=radio]')) {
        if (input.name === 'scale') input.checked = input.value === state.s;
        if (input.name === 'resolution') input.checked = input.value === state.r;
      }
      const own = this.querySelector('[data-control=target]');
      const image = state.rows !== 'image' && state.columns !== 'image' ? this.member('image', state.at.image) : null;
      [...own.options].forEach((option, k) => { option.textContent = this.title('target', this.members.target[k], image); });
      this.slider.value = String(state.a);
      this.fade();
      for (const side of ['rows', 'columns']) this.pick(side);
      this.querySelector('[data-about]').textContent = `${this.about()}. ${this.scaleNote()} ${convatlas.say('pickOne')}`;
    }

    build() {
      const {el, say, url, breaks} = convatlas;
      const {state} = this;
      this.seen.disconnect();
      this.cells = [];
      const rows = this.ordered(), columns = state.shown[state.columns];
      if (!rows.length || !columns.length) {
        this.grid.replaceChildren(el('p', {class: 'ca-na'}, say('noneChosen')));
        return;
      }
      const metric = this.data.metrics.find((one) => one.id === state.o);
      const head = (axis, id, scope) => {
        const {title, lines, page, photo} = this.heading(axis, this.member(axis, id));
        const said = scope === 'row' && metric ? this.mean(metric, id) : null;
        return el('th', {scope}, photo ? el('img', {class: 'ca-grid__photo', src: url(photo), alt: '', width: 40, height: 40}) : '', el('span', {class: 'ca-grid__head'}, page ? el('a', {href: url(page)}, breaks(title)) : breaks(title),
          lines.map((line) => el('span', {class: 'ca-dim'}, line)), said ? el('span', {class: 'ca-grid__metric ca-num'}, `${metric.title} ${this.amount(metric, said.mean)}`) : ''));
      };
      const alone = state.rows !== 'image' && state.columns !== 'image' ? this.member('image', state.at.image) : null;
      const corner = alone ? el('td', {class: 'ca-grid__corner'}, el('img', {src: url(alone.photo), alt: '', width: alone.w, height: alone.h}), el('span', {class: 'ca-dim'}, say('photo'))) : el('td', {});
      const body = rows.map((row) => {
        const made = [];
        let last = null;
        columns.forEach((column, c) => {
          const place = this.place(row, column);
          let found = this.entry(place);
          // A map on the input is the same at every layer: it stands in the first one's place.
          const first = (state.rows === 'layer' && row !== rows[0]) || (state.columns === 'layer' && c > 0);
          if (first && found.head && this.member('method', place.method).input) found = {same: true, na: say('sameOnInput')};
          if (found.na !== undefined && last && last.na === found.na && last.same === found.same) {
            last.td.colSpan += 1;
            return;
          }
          if (found.na === undefined) {
            const cell = {place, head: found.head, td: el('td', {}), row, column};
            cell.td.append(this.frame(cell));
            this.cells.push(cell);
            made.push(cell.td);
            last = null;
          } else {
            const td = el('td', {class: 'ca-grid__na'}, el('p', {class: 'ca-na', tabindex: 0}, el('span', {}, found.same ? '' : el('b', {}, say('notDrawn')), ` ${found.na}`)));
            made.push(td);
            last = {...found, td};
          }
        });
        return el('tr', {}, head(state.rows, row, 'row'), made);
      });
      this.grid.replaceChildren(el('table', {class: 'ca-grid'}, el('thead', {}, el('tr', {}, corner, columns.map((column) => head(state.columns, column, 'col')))), el('tbody', {}, body)));
      this.scales();
      this.measure();
      const buttons = this.grid.querySelectorAll('.ca-enlarge');
      buttons.forEach((button, k) => { button.tabIndex = k ? -1 : 0; });
      for (const cell of this.cells) this.seen.observe(cell.td);
    }

    /** What stands in a cell before its map is drawn: its place, so that nothing moves when it is. */
    frame(cell) {
      const {el, say} = convatlas;
      const image = this.member('image', cell.place.image);
      const label = [cell.place.method && this.title('method', this.member('method', cell.place.method)), image.name, !this.member('method', cell.place.method).input && cell.place.layer && this.member('layer', cell.place.layer).name, cell.place.target && this.title('target', this.member('target', cell.place.target), image)].filter(Boolean).join(', ');
      cell.stage = el('span', {class: 'ca-overlay', style: `aspect-ratio:${image.w} / ${image.h}`});
      cell.foot = el('span', {class: 'ca-bar ca-bar--none'});
      cell.label = label;
      const button = el('button', {type: 'button', class: 'ca-enlarge', 'aria-label': `${say('large')}: ${label}${cell.head.empty ? `. ${say('empty')}` : ''}`, onclick: () => this.enlarge(cell, button)}, cell.stage);
      const note = this.note(cell.place);
      return el('div', {}, button, note ? el('span', {class: 'ca-grid__note'}, note) : '', cell.foot);
    }

    /** Give every cell its scale: its own, or that of its row, its column or all. */
    scales() {
      const {s} = this.state;
      const groups = new Map();
      const key = (cell) => `${Boolean(cell.head.signed)} ${{row: cell.row, column: cell.column, all: ''}[s]}`;
      if (s !== 'own') for (const cell of this.cells) groups.set(key(cell), [...(groups.get(key(cell)) || []), cell.head]);
      const shared = new Map([...groups].map(([name, heads]) => [name, convatlas.maps.shared(heads, Boolean(heads[0].signed))]));
      for (const cell of this.cells) cell.to = shared.get(key(cell)) || this.own(cell.head);
    }

    show(entries) {
      const byTd = new Map(this.cells.map((cell) => [cell.td, cell]));
      for (const entry of entries) {
        const cell = byTd.get(entry.target);
        if (!cell) continue;
        cell.near = entry.isIntersecting;
        if (cell.near) this.paint(cell);
      }
    }

    /** Draw a cell as the state has it, unless it is drawn so already. */
    async paint(cell) {
      const {el, say, url, maps, tiles} = convatlas;
      const {state} = this;
      const image = this.member('image', cell.place.image);
      const wanted = [state.k, state.r, ...cell.to, document.body.getAttribute('data-md-color-scheme'), cell.stage.clientWidth].join();
      if (cell.drawn === wanted) return;
      cell.drawn = wanted;
      if (!cell.photo) {
        cell.photo = el('img', {class: 'ca-overlay__photo', src: url(image.photo), alt: '', draggable: 'false'});
        cell.stage.append(cell.photo);
        if (cell.head.empty) cell.stage.append(el('span', {class: 'ca-overlay__empty'}, say('empty')));
      }
      if (cell.head.empty) return;
      const bar = tiles.bar(...cell.to, state.k, cell.head.signed);
      cell.foot.replaceWith(bar);
      cell.foot = bar;
      try {
        const map = await maps.load(cell.head);
        if (cell.drawn !== wanted || !cell.stage.isConnected) return;
        cell.canvas = cell.canvas || el('canvas', {class: 'ca-overlay__map', 'aria-hidden': 'true'});
        const wide = Math.max(cell.stage.clientWidth, cell.stage.clientHeight);
        const smooth = state.r === 'smooth';
        cell.canvas.classList.toggle('ca-crisp', !smooth && map.w <= wide);
        maps.paint(cell.canvas, maps.picture(map, {to: cell.to, colour: state.k, smooth, side: Math.min(512, Math.round(wide * (self.devicePixelRatio || 1)) || 128), w: image.w, h: image.h}));
        if (!cell.canvas.isConnected) cell.stage.append(cell.canvas);
        cell.td.dataset.drawn = '';
      } catch (error) {
        cell.drawn = '';
        cell.stage.append(el('span', {class: 'ca-overlay__empty', role: 'alert'}, say('failed', {file: error.message})));
      }
    }

    /** The same maps in another colour, scale or resolution: those in view now, the others when they come into view. */
    repaint() {
      this.tick();
      this.scales();
      for (const cell of this.cells) if (cell.near) this.paint(cell); else cell.drawn = '';
      if (this.querySelector('[data-numbers]').open) this.table();
    }

    /** How wide a column is, and where headings stick. */
    measure() {
      const columns = this.state ? this.state.shown[this.state.columns].length : 0;
      if (!columns) return;
      const style = getComputedStyle(this);
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const head = parseFloat(style.getPropertyValue('--head')) * rem, gap = 0.5 * rem;
      const room = this.clientWidth - head;
      const least = 4.6 * rem;
      const fits = Math.floor(room / columns - gap);
      const cell = Math.min(11.5 * rem, Math.max(least, fits));
      const over = fits < least;
      this.grid.classList.toggle('ca-grid-box--over', over);
      this.grid.classList.toggle('ca-grid-box--slim', cell < 6.2 * rem);
      if (over) this.grid.tabIndex = 0; else this.grid.removeAttribute('tabindex');
      const stuck = getComputedStyle(this.bar).position === 'sticky';
      const set = (name, value) => { if (this.style.getPropertyValue(name) !== value) this.style.setProperty(name, value); };
      set('--cell', `${cell}px`);
      set('--columns', String(columns));
      set('--stick', over ? '0px' : `${(stuck ? this.bar.offsetHeight : 0) + 2.65 * rem - 1}px`);
    }

    /** Arrow keys walk over the maps. */
    key(event) {
      const by = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
      const button = event.target.closest('.ca-enlarge');
      if (!by || !button) return;
      event.preventDefault();
      const rows = [...new Set(this.cells.map((cell) => cell.row))];
      const columns = this.state.shown[this.state.columns];
      const here = this.cells.find((cell) => cell.td.contains(button));
      let [r, c] = [rows.indexOf(here.row), columns.indexOf(here.column)];
      for (;;) {
        r += by[0];
        c += by[1];
        if (r < 0 || c < 0 || r >= rows.length || c >= columns.length) return;
        const next = this.cells.find((cell) => cell.row === rows[r] && cell.column === columns[c]);
        if (!next) continue;
        button.tabIndex = -1;
        const to = next.td.querySelector('.ca-enlarge');
        to.tabIndex = 0;
        to.focus();
        return;
      }
    }

    enlarge(cell, button) {
      const {image, ...side} = cell.place;
      this.opener = button;
      this.state.large = {image, left: null, right: side, wipe: 50, both: false};
      this.write();
      this.large.open(this, this.state.large);
    }

    // Choosing

    menuOf(place, name, summary) {
      const details = convatlas.el('details', {}, summary, convatlas.el('div', {class: 'ca-menu__list ca-pick'}));
      details.addEventListener('keydown', (event) => {
        if (event.key !== 'Escape' || !details.open) return;
        event.stopPropagation();
        details.open = false;
        summary.focus();
      });
      document.addEventListener('pointerdown', (event) => { if (!details.contains(event.target)) details.open = false; });
      place.append(details);
      return details;
    }

    picks() {
      for (const side of ['rows', 'columns']) {
        const place = this.querySelector(`[data-pick=${side}]`);
        this.menuOf(place, side, convatlas.el('summary', {'aria-label': convatlas.say(side === 'rows' ? 'chooseRows' : 'chooseColumns')}, convatlas.el('span', {})));
      }
    }

    /** The members of an axis to choose from, ticked as the state has them. */
    pick(side) {
      const {el, say, url} = convatlas;
      const axis = this.state[side];
      const place = this.querySelector(`[data-pick=${side}]`);
      const list = place.querySelector('.ca-pick');
      const shown = new Set(this.state.shown[axis]);
      place.querySelector('summary span').textContent = say('someOf', {n: shown.size, all: this.members[axis].length});
      if (list.dataset.of !== axis) {
        list.dataset.of = axis;
        const all = (on) => () => {
          this.state.shown[axis] = on ? this.members[axis].map((one) => one.id) : [];
          this.write();
          this.draw();
        };
        list.replaceChildren(el('div', {class: 'ca-pick__all'}, el('button', {type: 'button', onclick: all(true)}, say('all')), el('button', {type: 'button', onclick: all(false)}, say('none'))),
          ...this.members[axis].map((one) => el('label', {}, el('input', {type: 'checkbox', value: one.id, 'data-control': 'pick', 'data-axis': axis}), axis === 'image' ? el('img', {src: url(one.photo), alt: '', width: 28, height: 28}) : '', el('span', {}, this.title(axis, one)))));
      }
      for (const input of list.querySelectorAll('input')) input.checked = shown.has(input.value);
    }

    // Tables

    /** One row a row of the view, one column a metric: means over the columns shown. */
    judge() {
      const place = this.querySelector('[data-judged]');
      if (!place) return;
      const {el, say, number} = convatlas;
      const {state} = this;
      const {metrics} = this.data;
      const note = this.querySelector('[data-judged-note]');
      const rows = this.ordered();
      const known = rows.map((row) => [row, metrics.map((metric) => this.mean(metric, row))]).filter(([, means]) => means.some(Boolean));
      const most = Math.max(0, ...known.flatMap(([, means]) => means.map((one) => (one ? one.n : 0))));
      note.replaceChildren(known.length ? say('judgedNote', {n: most, columns: say(`many_${state.columns}`)}) : say('judgedNone'), ' ', el('a', {href: convatlas.url('trust.html')}, say('toTrust')));
      if (!known.length) { place.replaceChildren(); return; }
      const best = metrics.map((metric, k) => {
        const values = known.map(([, means]) => means[k]).filter(Boolean).map((one) => one.mean);
        return values.length ? (metric.better === 'higher' ? Math.max(...values) : Math.min(...values)) : null;
      });
      const sort = (metric) => () => { state.o = state.o === metric.id ? '' : metric.id; this.write(); this.draw(); };
      const said = (metric) => say(metric.better === 'higher' ? 'higherBetter' : 'lowerBetter');
      const table = el('table', {class: 'ca-table ca-judged'}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, say(`one_${state.rows}`)), metrics.map((metric) => el('th', {scope: 'col', class: 'ca-r', title: metric.summary, 'aria-sort': state.o === metric.id ? (metric.better === 'higher' ? 'descending' : 'ascending') : false}, el('button', {type: 'button', onclick: sort(metric)}, metric.title), el('span', {class: 'ca-dim'}, said(metric)))))),
        el('tbody', {}, known.map(([row, means]) => el('tr', {}, el('th', {scope: 'row'}, this.heading(state.rows, this.member(state.rows, row)).title, this.data.baselines.includes(row) && state.rows === 'method' ? el('span', {class: 'ca-dim'}, ` ${say('baseline')}`) : ''),
          means.map((one, k) => el('td', {class: 'ca-r ca-num'}, one ? (one.mean === best[k] ? el('b', {}, number(one.mean)) : number(one.mean)) : '–', one && one.n < most ? el('span', {class: 'ca-dim'}, ` n ${one.n}`) : ''))))));
      const rowsOfCsv = () => [[say(`one_${state.rows}`), ...metrics.flatMap((metric) => [metric.unit ? `${metric.title} (${metric.unit})` : metric.title, 'n'])], ...known.map(([row, means]) => [this.heading(state.rows, this.member(state.rows, row)).title, ...means.flatMap((one) => (one ? [one.mean, one.n] : ['', '']))])];
      place.replaceChildren(el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-labelledby': 'judged'}, table), this.csvButton('judged', rowsOfCsv));
    }

    csvButton(name, rows) {
      return convatlas.el('p', {class: 'ca-csv'}, convatlas.el('button', {type: 'button', 'data-csv': name, onclick: () => convatlas.save.file(`${this.stem()}-${name}.csv`, convatlas.save.text(convatlas.save.csv(rows())), 'text/csv')}, convatlas.say('saveCsv')));
    }

    /** Every map of the view as a row of numbers: for the table and for CSV. */
    listing() {
      const {say} = convatlas;
      const {metrics} = this.data;
      const head = [say('one_method'), say('one_image'), say('one_layer'), say('one_target'), say('scaleFrom'), say('scaleTo'), say('largestValue'), say('sizeWord'), ...metrics.map((metric) => metric.title)];
      const rows = this.cells.map((cell) => {
        const {place, head: map} = cell;
        const image = this.member('image', place.image), method = this.member('method', place.method);
        const judged = new Map(this.judged(place).map((one) => [one.metric.id, one.v]));
        return [method.title, image.name, method.input ? say('theInput') : this.member('layer', place.layer).name, this.members.target.length ? this.title('target', this.member('target', place.target), image) : '', cell.to[0], cell.to[1], map.top ?? map.hi, `${map.h} × ${map.w}`, ...metrics.map((metric) => judged.get(metric.id) ?? null)];
      });
      return [head, ...rows];
    }

    table() {
      const {el, number} = convatlas;
      const [head, ...rows] = this.listing();
      const cell = (value) => el('td', {class: value === null || typeof value === 'number' ? 'ca-r ca-num' : ''}, value === null || typeof value === 'number' ? number(value) : value);
      this.querySelector('[data-table]').replaceChildren(this.csvButton('maps', () => this.listing()), el('div', {class: 'ca-scroll ca-listing', tabindex: 0, role: 'group', 'aria-labelledby': 'numbers'},
        el('table', {class: 'ca-table'}, el('thead', {}, el('tr', {}, head.map((name, k) => el('th', {scope: 'col', class: k > 3 ? 'ca-r' : ''}, name)))), el('tbody', {}, rows.map(([first, ...rest]) => el('tr', {}, el('th', {scope: 'row'}, first), rest.map(cell)))))));
    }

    // Saving

    stem() { return `${convatlas.save.plain(this.data.title)}-${this.state.rows}s-by-${this.state.columns}s`; }

    saves() {
      const {el, say} = convatlas;
      const place = this.querySelector('[data-save]');
      const details = this.menuOf(place, 'save', el('summary', {}, place.dataset.label));
      const one = (kind, words) => el('button', {type: 'button', 'data-kind': kind, onclick: () => { details.open = false; this.keep(kind); }}, el('b', {}, kind.toUpperCase()), ` ${words}`);
      details.querySelector('.ca-pick').append(one('png', say('savePng')), one('svg', say('saveSvg')), one('pdf', say('savePdf')), one('csv', say('saveNumbers')), one('npz', say('saveNpz')),
        el('a', {href: '#arrays', onclick: (event) => { event.preventDefault(); details.open = false; document.getElementById('arrays').scrollIntoView(); }}, say('exactArrays')));
    }

    /** The view as the figure that is saved. */
    async figure() {
      const {say, maps} = convatlas;
      const {state} = this;
      const rows = this.ordered(), columns = state.shown[state.columns];
      const metric = this.data.metrics.find((one) => one.id === state.o);
      const heading = (axis, id, row) => {
        const {title, lines} = this.heading(axis, this.member(axis, id));
        const said = row && metric ? this.mean(metric, id) : null;
        return {title, lines: said ? [...lines, `${metric.title} ${this.amount(metric, said.mean)}`] : lines};
      };
      const byPlace = new Map(this.cells.map((cell) => [`${cell.row} ${cell.column}`, cell]));
      const cells = await Promise.all(rows.map((row) => Promise.all(columns.map(async (column) => {
        const place = this.place(row, column);
        const image = this.member('image', place.image);
        const size = {note: this.note(place), w: image.w, h: image.h, photo: convatlas.get('compare', image.id).photo};
        const cell = byPlace.get(`${row} ${column}`);
        if (!cell) { const found = this.entry(place); return {...size, na: found.na === undefined ? say('sameOnInput') : `${say('notDrawn')} ${found.na}`}; }
        if (cell.head.empty) return {...size, empty: say('empty')};
        return {...size, map: await maps.load(cell.head), to: cell.to};
      }))));
      return {
        title: this.data.title, lines: [`${this.about()}. ${this.scaleNote()}`],
        columns: columns.map((id) => heading(state.columns, id, false)), rows: rows.map((id) => heading(state.rows, id, true)), cells,
        colour: state.k, smooth: state.r === 'smooth', opacity: state.a / 100,
      };
    }

    /** Two maps side by side with their photograph, from the large view. */
    async saveLarge(kind, large) {
      const {say} = convatlas;
      const {image, state} = large;
      const photo = {w: image.w, h: image.h, photo: convatlas.get('compare', image.id).photo};
      const sides = [large.entries[0], large.entries[1]].map(({head, na}, k) => {
        const side = [state.left, state.right][k];
        if (!side) return null;
        const method = this.member('method', side.method);
        const layer = this.member('layer', side.layer);
        const lines = [method.input ? say('onInput') : `${layer.name}${head ? `, ${head.h} × ${head.w}` : ''}`, this.members.target.length ? this.title('target', this.member('target', side.target), image) : ''].filter(Boolean);
        const cell = na !== undefined ? {...photo, na: `${say('notDrawn')} ${na}`} : head.empty ? {...photo, empty: say('empty')} : {...photo, map: large.maps[k], to: large.scales[k]};
        return {title: method.title, lines, cell};
      });
      const columns = [{title: say('photo'), lines: [], cell: photo}, ...sides.filter(Boolean)];
      await this.keep(kind, {title: `${this.data.title}: ${image.name}`, lines: [], columns, rows: [{title: '', lines: []}], cells: [columns.map(({cell}) => cell)], colour: this.state.k, smooth: this.state.r === 'smooth', opacity: this.state.a / 100}, `${convatlas.save.plain(this.data.title)}-${convatlas.save.plain(image.name)}`);
    }

    async keep(kind, view = null, stem = this.stem()) {
      const {save, figure, say} = convatlas;
      const status = this.querySelector('[data-status]');
      status.textContent = say('making', {kind: kind.toUpperCase()});
      try {
        if (kind === 'csv') save.file(`${stem}-maps.csv`, save.text(save.csv(this.listing())), 'text/csv');
        else if (kind === 'npz') save.file(`${stem}.npz`, await this.arrays(), 'application/zip');
        else {
          const spec = view || await this.figure();
          const laid = figure.lay(spec);
          if (kind === 'png') {
            const canvas = await figure.onCanvas(laid);
            save.file(`${stem}.png`, await new Promise((resolve, reject) => { canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(say('tooLarge')))), 'image/png'); }));
          } else if (kind === 'svg') save.file(`${stem}.svg`, save.text(figure.asSvg(laid, `${spec.title} – ${spec.lines[0] || ''}`)), 'image/svg+xml');
          else save.file(`${stem}.pdf`, await figure.asPdf(laid, {title: spec.title, subject: spec.lines[0] || ''}), 'application/pdf');
        }
        status.textContent = say('saved', {kind: kind.toUpperCase()});
      } catch (error) {
        status.textContent = say('notSaved', {kind: kind.toUpperCase(), why: error.message});
      }
    }

    /** The arrays of this view, as the page has them, as NPZ: image/method/layer/target. */
    async arrays() {
      const {maps, save} = convatlas;
      const entries = [], used = new Set();
      for (const {place, head} of this.cells) {
        const method = this.member('method', place.method);
        const name = [place.image, place.method, method.input ? 'input' : place.layer, ...(this.members.target.length ? [String(Number(place.target) + 1)] : [])].join('/');
        if (used.has(name)) continue;
        used.add(name);
        const map = await maps.load(head);
        entries.push([`${name}.npy`, save.npy(maps.values(map), [map.h, map.w])]);
      }
      entries.push(['about.npy', save.words(convatlas.say('npzAbout'))]);
      return save.zip(entries);
    }
  });
})();
