/* <compare-page>: every map of the report as a table of pictures. Two of method, image, layer and class are rows and columns, the
 * other two are fixed; the address holds all of it. Only what is in view is loaded and drawn. */
(() => {
  const {AXES, Keeper} = convatlas.compare;

  customElements.define('compare-page', class extends Keeper {
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
      this.jobs = [];
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
          lines.map((line) => el('span', {class: 'ca-dim'}, line)), said ? el('span', {class: 'ca-grid__metric ca-num'}, `${metric.title} ${this.amount(metric, said.mean)}`) : scope === 'row' && metric ? el('span', {class: 'ca-grid__metric ca-dim'}, this.unjudged(metric, id)) : ''));
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
      this.byTd = new Map(this.cells.map((cell) => [cell.td, cell]));
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
      const against = (cell.head.facts || []).filter(([name]) => (cell.head.doubts || []).includes(name)).map(([name, v]) => el('span', {class: 'ca-grid__note ca-doubt', title: say('doubt', {fact: name})}, `${say('ownCheck')} (${name} ${convatlas.percent(v)})`));
      return el('div', {}, button, against, note ? el('span', {class: 'ca-grid__note'}, note) : '', cell.foot);
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
      for (const entry of entries) {
        const cell = this.byTd.get(entry.target);
        if (!cell) continue;
        cell.near = entry.isIntersecting;
        if (cell.near) this.paint(cell);
      }
    }

    /** Draw a cell as the state has it, unless it is drawn so already. No size is read from the page: that would lay it out each time. */
    async paint(cell) {
      const {el, say, url, maps, tiles} = convatlas;
      const {state} = this;
      const image = this.member('image', cell.place.image);
      const wanted = [state.k, state.r, ...cell.to, document.body.getAttribute('data-md-color-scheme'), this.wide].join();
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
        const wide = this.wide * Math.max(1, image.h / image.w);
        const smooth = state.r === 'smooth';
        const side = Math.min(512, Math.round(wide * (self.devicePixelRatio || 1)));
        this.later(() => {
          if (cell.drawn !== wanted) return;
          if (!cell.near || !cell.stage.isConnected) { cell.drawn = ''; return; }
          cell.canvas = cell.canvas || el('canvas', {class: 'ca-overlay__map', 'aria-hidden': 'true'});
          cell.canvas.classList.toggle('ca-crisp', !smooth && map.w <= wide);
          maps.paint(cell.canvas, maps.picture(map, {to: cell.to, colour: state.k, smooth, side, w: image.w, h: image.h}));
          if (!cell.canvas.isConnected) cell.stage.append(cell.canvas);
          cell.td.dataset.drawn = '';
        });
      } catch (error) {
        cell.drawn = '';
        cell.stage.append(el('span', {class: 'ca-overlay__empty', role: 'alert'}, say('failed', {file: error.message})));
      }
    }

    /** Do it in one of the next frames, a few milliseconds of each, so that scrolling does not wait for drawing. */
    later(job) {
      this.jobs.push(job);
      if (this.jobs.length > 1) return;
      const run = () => {
        const until = performance.now() + 8;
        do this.jobs.shift()(); while (this.jobs.length && performance.now() < until);
        if (this.jobs.length) requestAnimationFrame(run);
      };
      requestAnimationFrame(run);
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
      this.wide = cell;
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
  });
})();
