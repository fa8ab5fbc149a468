/* <unit-search>: a field, and the units that its query means as cards, sixty at a time. The query and the order are the
 * address: #q=espresso&o=colour. Arrow keys walk from the field through the cards, Enter opens one. */
customElements.define('unit-search', class extends HTMLElement {
  async connectedCallback() {
    this.field = this.querySelector('[type=search]');
    this.order = this.querySelector('[data-control=order]');
    this.status = this.querySelector('[data-status]');
    this.list = this.querySelector('[data-list]');
    this.more = this.querySelector('[data-more]');
    this.note = this.querySelector('[data-note]');
    this.about = this.querySelector('[data-about]');
    this.told = this.querySelector('[data-told]');
    this.seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach(({target}) => this.tile(target)), {rootMargin: '200px'});
    // What is typed before the data are there is in the address, and is read from it then.
    this.field.addEventListener('input', () => this.set());
    try {
      const [value, examples] = await Promise.all([convatlas.load('search', 'units', 'data/unit-search.js'), this.hasAttribute('data-examples') ? convatlas.load('examples', 'all', 'data/examples.js') : []]);
      this.units = new convatlas.query.Units(value, examples);
    } catch (error) {
      this.tell(convatlas.say('failed', {file: error.message}));
      return;
    }
    this.order.addEventListener('change', () => this.set());
    this.more.addEventListener('click', () => this.grow(true));
    this.addEventListener('keydown', (event) => this.key(event));
    addEventListener('hashchange', () => this.read());
    this.read();
  }

  read() {
    const {q = '', o = ''} = convatlas.address.read();
    this.field.value = q;
    this.order.value = o in convatlas.query.sorts && [...this.order.options].some((option) => option.value === o) ? o : '';
    this.draw();
  }

  set() {
    convatlas.address.write({q: this.field.value.trim(), o: this.order.value});
    this.draw();
  }

  /** Say something in place of units; nothing with no parts. */
  tell(...parts) {
    this.note.replaceChildren(...parts);
    this.note.hidden = !parts.length;
  }

  /** That nothing was found, what is known at all, and queries of several kinds that find something here. Where it is known why,
   * that, and what finds more. */
  none(told) {
    const {el, say, address} = convatlas;
    if (told && told.scope) return [el('span', {}, this.pictures(told), ' ', el('a', {href: `#${address.text({q: told.text})}`}, say('searchAny', {text: told.text})), '.')];
    const tries = [...this.querySelectorAll('.ca-tries a')];
    const links = [...new Set([tries[0], ...tries.slice(-2)])].filter(Boolean).map((link) => link.cloneNode(true));
    const examples = links.length ? [` ${say('searchTry')} `, ...links.flatMap((link, k) => [k ? ', ' : '', link]), '.'] : [];
    return [el('span', {}, say('searchNone'), ` ${say('searchKnown')}`, examples)];
  }

  /** What is asked for, in words: the class, or that it may be one of several. */
  asked({name, text}) { return name || convatlas.say('searchOneOf', {text}); }

  /** How many units fire for a class and, where none does, how few pictures show it. */
  pictures(told) {
    const {say} = convatlas;
    const name = this.asked(told);
    if (told.fires) return say(told.fires === 1 ? 'searchFire1' : 'searchFire', {name, n: told.fires.toLocaleString('en')});
    const n = told.pictures;
    const show = Number.isNaN(n) ? '' : say(n ? (n === 1 ? 'searchShown1' : 'searchShown') : this.hasAttribute('data-said') ? 'searchSaid0' : 'searchShown0', {n: n.toLocaleString('en')});
    return say(show ? 'searchFire0Shown' : 'searchFire0', {name, show});
  }

  /** What units for a class are, and in which order they stand: those that fire for it, those that feed it, and what is left. */
  ordered(told) {
    const {say, breaks} = convatlas;
    const lines = this.units.arrays.image ? [this.pictures(told)] : [];
    if (told.scope || this.order.value) return lines;
    const parts = [told.fires ? say('searchFirstFires') : '', told.feeds ? say(told.feeds === 1 ? 'searchThenFeeds1' : 'searchThenFeeds', {n: told.feeds, layer: told.layer}) : '', told.seen && this.units.arrays.image ? say(told.pictures === 0 ? 'searchThenWord' : 'searchThenSeen', {n: told.seen.toLocaleString('en')}) : ''].filter(Boolean);
    if (told.fires + told.feeds === 0) return [...lines, ...(told.seen ? [say(told.pictures === 0 ? 'searchWordOnly' : 'searchSeenOnly')] : [])];
    return parts.length > 1 || !told.fires ? [...lines, say('searchOrder', {first: parts[0], then: parts.slice(1).map((part) => say('searchThen', {part})).join('')})] : lines;
  }

  draw() {
    if (!this.units) return;
    const {say, query} = convatlas;
    const {units: fit, problem, told} = query.find(this.units, this.field.value, this.order.value);
    const units = problem ? fit.subarray(0, 0) : fit;  // what is not understood finds nothing
    this.found = units;
    this.fed = told ? told.feeders : new Map();
    const said = told && !problem && units.length ? this.ordered(told) : [];
    this.told.textContent = said.join(' ');
    this.told.hidden = !said.length;
    this.status.textContent = say('unitsOf', {n: units.length.toLocaleString('en'), all: this.units.count.toLocaleString('en')});
    this.about.hidden = Boolean(problem) || !(convatlas.query.meant('dead', this.field.value) || /never/i.test(this.field.value));
    this.tell(...(problem ? [say(...problem)] : units.length ? [] : this.none(told)));
    this.list.replaceChildren();
    this.grow(false);
  }

  /** Sixty cards more. */
  grow(focus) {
    const from = this.list.children.length;
    const cards = Array.from(this.found.subarray(from, from + 60), (unit) => this.card(unit));
    this.list.append(...cards);
    const left = this.found.length - this.list.children.length;
    this.more.hidden = left <= 0;
    this.more.textContent = convatlas.say('searchMore', {n: Math.min(60, left), left: left.toLocaleString('en')});
    if (focus && cards.length) cards[0].firstChild.focus();
  }

  /** The report's image that raises the unit most, as an address has it; '' where it is none of the report's. */
  shown(image) { return (image && /^images\/(.+)\.html$/.exec(image[2])?.[1]) || ''; }

  card(unit) {
    const {el, say, url, breaks, address} = convatlas;
    const {units} = this;
    const layer = units.layers[units.layerOf(unit)];
    const number = unit - layer.start;
    const written = (key, share) => (key === 'searchFeeds' ? ` +${convatlas.wires.whole(convatlas.wires.part(share))}\u202f%` : share ? ` ${Math.round(100 * share)}\u202f%` : '');
    const named = (key, pairs) => (pairs.length ? el('span', {class: 'ca-hit__line'}, el('span', {}, `${say(key)} `), pairs.flatMap(([index, share], k) => [k ? ', ' : '', this.marked(units.classes[index]), written(key, share)])) : '');
    const image = this.image(unit);
    const [looks, whose] = this.looksFor(layer, number);
    const meant = (text) => convatlas.query.meant(text, this.field.value);
    const tags = [...units.marks(unit), ...units.derived(unit).filter((name) => name.endsWith('selective') || meant(name))];
    const numbers = [['on', 'searchOn'], ['colour', 'searchColour'], ['selectivity', 'searchSelectivity']].filter(([name]) => !Number.isNaN(units.number(name, unit))).map(([name, key]) => say(key, {v: this.written(name, units.number(name, unit), units.raised(unit))}));
    const link = el('a', {href: url(`layers/${layer.slug}.html#${address.text({u: number, i: this.shown(image)})}`), class: 'ca-hit'}, el('span', {class: 'ca-hit__pictures'}, looks, this.picture(unit, layer, number, image)),
      el('span', {class: 'ca-hit__text'},
        el('span', {class: 'ca-hit__head'}, el('b', {}, say('unit', {n: number})), el('span', {class: 'ca-hit__layer'}, breaks(layer.name))),
        tags.length ? el('span', {class: 'ca-hit__tags'}, tags.map((tag) => el('i', {class: meant(tag) ? 'ca-hit__meant' : null}, tag))) : '',
        named(units.seldom(unit) ? 'searchSeldom' : 'searchFires', units.fires(unit)), named('searchFeeds', this.feeding(unit)),
        this.most(image, units.fires(unit)),
        whose,
        el('span', {class: 'ca-hit__numbers'}, numbers.join(' · '))));
    return el('li', {}, link);
  }

  /** The classes that a unit feeds most; first the one asked for, where it is of the few that feed it most. */
  feeding(unit) {
    const own = this.units.feeds(unit), asked = this.fed.get(unit);
    return asked ? [[asked[0], asked[1]], ...own.filter(([index]) => index !== asked[0])] : own;
  }

  /** The image that raises the unit most, where the query means it by its name or by what is on it; what the unit fires for stands
   * above it already. */
  most(image, fires) {
    const {el, say, query} = convatlas;
    if (!image) return '';
    const [, name, , label, said] = image;
    const shown = said || label || '';
    const told = fires.some(([index]) => this.units.classes[index] === shown);
    const meant = (text) => query.meant(text, this.field.value);
    if (!meant(name) && (told || !meant(shown))) return '';
    return el('span', {class: 'ca-hit__line'}, el('span', {}, `${say('searchImage')} `), this.marked(name), shown && !told ? [' · ', this.marked(shown)] : '');
  }

  /** A name, set off where the query means it. */
  marked(text) { return convatlas.query.meant(text, this.field.value) ? convatlas.el('mark', {}, text) : text; }

  /** A number of a unit; on that some image raises is not said to be on nowhere, though a sample of places has none. */
  written(name, v, raised) { return name === 'on' ? `${(v > 0 || raised) && v < 0.01 ? '<\u202f1' : Math.round(100 * v)}\u202f%` : v.toFixed(2).replace(/^-0\.00$/, '0.00').replace('-', '\u2212'); }

  image(unit) {
    const {arrays} = this.units;
    return arrays.image ? this.units.examples[arrays.image[unit]] : undefined;
  }

  /** The picture that was searched for, where there is one: [picture, a line on whose it is]. */
  looksFor(layer, number) {
    const {tiles, el, say, breaks} = convatlas;
    const picture = ({pictures, tile}, words) => el('span', {class: 'ca-hit__picture', role: 'img', 'aria-label': words}, tiles.single(pictures, tile, 88, ''));
    const tile = layer.pictures.n ? tiles.tile(layer.pictures, number) : -1;
    if (tile >= 0) return [picture({pictures: layer.pictures, tile}, say('looksFor')), ''];
    const other = tiles.behind(layer.behind, number);
    if (!other) return [null, ''];
    return [picture(other, say('looksForOf', {layer: other.name, unit: other.unit})), el('span', {class: 'ca-hit__line'}, el('span', {}, `${say('searchPictured')} `), breaks(other.name), ` ${other.unit}`)];
  }

  /** What raises the unit most; where nobody asked, its feature map; where nothing does, nothing. */
  picture(unit, layer, number, image) {
    const {el, answers} = convatlas;
    const box = el('span', {class: 'ca-hit__picture'});
    if (image) box.append(answers.cut(layer, image[0], this.units.arrays.place[unit], 88));
    else if (layer.maps && Number.isNaN(this.units.number('on', unit))) {
      Object.assign(box, {layer, number});
      this.seen.observe(box);
    } else {
      box.classList.add('ca-hit__picture--none');
      box.append(el('span', {'aria-hidden': 'true'}, '∅'));
    }
    return box;
  }

  async tile(box) {
    const {tiles, load} = convatlas;
    this.seen.unobserve(box);
    const atlas = await load('maps', ...box.layer.maps).catch(() => null);
    if (atlas && !('na' in atlas) && tiles.tile(atlas, box.number) >= 0) box.replaceChildren(tiles.single(atlas, tiles.tile(atlas, box.number), 88, 'viridis'));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const links = [...this.list.querySelectorAll('a')];
    const at = links.indexOf(document.activeElement);
    const go = (link) => { event.preventDefault(); (link || this.field).focus(); };
    if (event.target === this.field) {
      if (event.key === 'ArrowDown' && links.length) go(links[0]);
      else if (event.key === 'Enter' && links.length) { event.preventDefault(); links[0].click(); }
      return;
    }
    if (at < 0) return;
    const across = Math.max(1, links.filter((link) => link.getBoundingClientRect().top === links[0].getBoundingClientRect().top).length);
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across};
    if (event.key in steps) {
      const next = at + steps[event.key];
      if (next < 0) go(event.key === 'ArrowUp' ? this.field : links[0]);
      else go(links[Math.min(next, links.length - 1)]);
    } else if (event.key === 'Home') go(links[0]);
    else if (event.key === 'End') go(links.at(-1));
    else if (event.key === 'Escape') go(this.field);
  }
});
