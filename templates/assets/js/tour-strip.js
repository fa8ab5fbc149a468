/* The strip of the tour: all columns as the page's state wants them. Those in sight are drawn, the others wait for that; copies
 * of what repeats hide behind a chip until it is opened. */
(() => {
  const LEAST = '6';

  class Strip {
    /** `page` has the data, the state, and what is to be told when a column was drawn. */
    constructor(page, box) {
      this.page = page;
      this.box = box;
      this.opened = new Set();
      this.columns = page.data.columns.map((data, number) => ({data, li: page.querySelector(`[data-column="${number}"]`), order: []}));
      this.byLayer = new Map(this.columns.flatMap(({data}, number) => (data.layer === undefined ? [] : [[data.layer, number], ...data.same.map(([name]) => [name, number])])));
      this.build();
    }

    /** What every column has beside its maps: room for maps that are lent, the way to all of its maps, its colour bar. */
    build() {
      const {el, say} = convatlas;
      for (const column of this.columns) {
        const {data, li} = column;
        column.place = li.querySelector('[data-maps]');
        column.said = li.querySelector('[data-said]');
        if (data.role !== 'layer') continue;
        column.guests = el('div', {class: 'tour-guests', 'aria-hidden': 'true'});
        column.more = el('button', {type: 'button', class: 'tour-more', onclick: () => this.page.toggle(data.key)});
        column.bar = el('div', {class: 'tour-bar'});
        li.append(column.guests, column.more, column.bar);
      }
      this.chips = [...this.box.querySelectorAll('.tour-fold')].map((li) => {
        const run = Number(li.dataset.run), n = Number(li.dataset.times), kin = 'kin' in li.dataset;
        const told = el('span');
        const button = el('button', {type: 'button', 'data-act': 'fold', onclick: () => this.page.unfold(run)}, el('b', {}, kin ? `+${n - 1}` : `×${n}`), told);
        li.append(button);
        return {li, run, n, after: Number(li.dataset.after), tell: (open) => { told.textContent = say(`tour_${open ? 'fold' : 'unfold'}${kin ? 'Kin' : ''}`, {n}); button.setAttribute('aria-expanded', String(open)); }};
      });
    }

    /** Which of its maps a column shows: so many of the strongest, or all. */
    most({data}) {
      const {a, n} = this.page.state;
      return a.includes(data.key) ? (n === 'all' ? LEAST : 'all') : n;
    }

    isFolded({data}) { return this.page.state.f === '1' && data.copies.some((run) => !this.opened.has(run)); }

    /** Make all columns, or one, what the state says. */
    redraw(only = -1) {
      const {narrow} = this.page;
      if (this.sight) this.sight.disconnect();
      this.sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.seen(entry)), narrow ? {rootMargin: '300px 0px'} : {root: this.box, rootMargin: '0px 300px'});
      this.columns.forEach((column, number) => {
        const {li, data} = column;
        li.hidden = this.isFolded(column);
        if (data.role === 'image') this.photo(column);
        if (data.role === 'answer') this.answer(column);
        if (data.role !== 'layer') return;
        if (only < 0 || only === number) this.prepare(column);
        this.sight.observe(li);
      });
      for (const group of this.box.querySelectorAll('.tour-group')) group.hidden = [...group.querySelectorAll('.tour-column')].every((li) => li.hidden);
      for (const {li, run, after, tell} of this.chips) {
        const open = this.page.state.f === '0' || this.opened.has(run);
        li.hidden = this.columns[after].li.hidden;
        li.classList.toggle('tour-fold--open', open);
        tell(open);
      }
    }

    /** Make room for what a column will show. */
    prepare(column) {
      const {say, tour} = convatlas;
      const {data, li, more} = column;
      const most = this.most(column);
      const few = Math.min(data.units, Number(this.page.state.n === 'all' ? LEAST : this.page.state.n));
      column.drawn = '';
      li.classList.toggle('tour-column--all', most === 'all');
      li.style.setProperty('--wide', `${Math.round(tour.room(data, most).width)}px`);
      more.textContent = most === 'all' ? say('tour_fewer', {n: few}) : say('tour_all', {n: data.units.toLocaleString('en')});
      more.setAttribute('aria-expanded', String(most === 'all'));
      more.hidden = data.units <= few || !this.page.image() || Boolean(tour.missing(data, this.page.image()));
    }

    seen({target, isIntersecting}) {
      const column = this.columns[Number(target.dataset.column)];
      if (isIntersecting) this.draw(Number(target.dataset.column));
      else if (this.most(column) === 'all' && column.box) {
        // Hundreds of maps that nobody looks at: their room stays.
        column.place.replaceChildren();
        Object.assign(column, {drawn: '', order: [], box: null});
      }
    }

    /** Draw one column, once for each state; a promise. */
    async draw(number) {
      const {page} = this;
      const column = this.columns[number];
      const {c, sc, i} = page.state;
      const most = this.most(column);
      const wanted = [i, c, sc, most].join(' ');
      if (column.drawn === wanted) return;
      column.drawn = wanted;
      const maps = await this.maps(number).catch((error) => ({na: convatlas.say('failed', {file: error.message})}));
      if (column.drawn !== wanted) return;
      if ('na' in maps) {
        column.place.replaceChildren(convatlas.el('p', {class: 'tour-column__none'}, maps.na));
        Object.assign(column, {order: [], box: null});
        column.more.hidden = true;
        return;
      }
      const image = page.image();
      Object.assign(column, {maps}, convatlas.tour.draw(column.place, column.data, maps, {image, colour: c, scale: sc, most, first: (this.pick(number) || [])[0]}));
      const to = sc === 'global' ? null : convatlas.tour.ends(maps, image, sc);
      column.bar.replaceChildren(...(to ? [convatlas.tiles.bar(to[0], to[1], c, maps.signed)] : []));
      page.drawn(number);
    }

    photo({li}) {
      const image = this.page.image();
      const img = li.querySelector('.tour-photo');
      if (img && image) Object.assign(img, {src: convatlas.url(image.photo), alt: image.name});
    }

    answer({place}) {
      const image = this.page.image();
      const none = image && this.page.data.says === 'tour_says_detection' ? [convatlas.el('p', {class: 'tour-column__none'}, convatlas.say('tour_noBox'))] : [];
      place.replaceChildren(...(image && image.says.length ? [convatlas.tourFigure.bars(image.says)] : none));
    }

    /** A promise of a column's maps on the image that is shown. */
    maps(number) { return convatlas.tour.atlas(this.columns[number].data, this.page.image()); }

    /** [unit, label]: the unit of a column that a step begins with on the image that is shown, and the class to whose score it adds most,
     * where that is why; undefined where none was chosen. */
    pick(number) {
      const image = this.page.image();
      return image && (this.columns[number].data.picks || {})[image.slug];
    }

    /** The numbers of the columns that are not folded away. */
    steps() { return this.columns.flatMap(({li}, number) => (li.hidden ? [] : [number])); }

    /** The element of a unit's map in its column, where it stands there. */
    tile(number, unit) { return this.columns[number].box && this.columns[number].box.querySelector(`[data-unit="${unit}"]`); }

    /** A map lent to a column for a while. */
    async guest(number, unit) {
      const maps = await this.maps(number);
      const at = 'na' in maps ? -1 : convatlas.tiles.tile(maps, unit);
      if (at < 0) return null;
      const {c, sc} = this.page.state;
      const to = convatlas.tour.ends(maps, this.page.image(), sc);
      const made = convatlas.tiles.single(maps, at, 24, c, to);
      convatlas.tour.dress(made.firstElementChild, maps, at, to);
      made.dataset.guest = unit;
      return made;
    }

    /** The chip that a hidden column is folded into. */
    chip(number) {
      const shut = this.columns[number].data.copies.find((run) => !this.opened.has(run));
      const found = this.chips.find(({run}) => run === shut);
      return found && !found.li.hidden ? found.li.querySelector('button') : null;
    }

    /** The unit before or after one in the order of its column. */
    beside(number, unit, by) {
      const {order, maps} = this.columns[number];
      const at = order.findIndex((k) => convatlas.tiles.unit(maps, k) === unit);
      const next = order[Math.min(order.length - 1, Math.max(0, at + by))];
      return next === undefined ? unit : convatlas.tiles.unit(maps, next);
    }
  }

  convatlas.tour.Strip = Strip;
})();
