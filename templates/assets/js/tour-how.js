/* The numbers of a step: the figure that the layer's own page has ("How it is computed"), of the unit that was picked, at one place
 * that is kept from step to step: the visitor's, else one where the unit says much. Its data are loaded once a step is reached; a step that is only passed asks for none. */
(() => {
  const LINGER = 120;  // milliseconds

  class How {
    constructor(page) {
      this.page = page;
      this.view = document.createElement('explain-view');
      this.view.addEventListener('unit-open', (event) => { event.stopPropagation(); page.pick(page.state.s, this.here(event.detail.unit)); });
      this.view.addEventListener('explain-state', (event) => { event.stopPropagation(); this.keep(event.detail.place); });
    }

    /** The unit of this step that a unit of the page of its numbers is. */
    here(unit) {
      const {chain, k} = this.view;
      return chain.along(chain.own, unit, k) ?? unit;
    }

    /** Remember a place, with the size of the map that it is of. */
    keep(place) {
      const {size} = this.view.figure || {};
      if (place && size && size[0] * size[1] > 1) this.spot = {...place, h: size[0], w: size[1]};
    }

    /** The place on a map of another size. */
    place([, h, w]) {
      const {spot} = this;
      return spot ? {y: Math.floor((spot.y + 0.5) * h / spot.h), x: Math.floor((spot.x + 0.5) * w / spot.w)} : null;
    }

    /** What was followed to this step: {unit} of the figure shown last, where step k reads just what that one gave, at once or through what
     * has no page of its own; of the same step, of another unit, what was followed to it before. Null where it reads something else. */
    followed(data, k) {
      const {came} = this;
      if (!came || came.image !== this.page.state.i) return null;
      if (came.step === data.steps[k].name) return came.from;
      const maker = ({reads: [{flows, name}]}) => (flows === undefined ? [name] : [data.steps[flows].name, ...(data.steps[flows].page ? [] : maker(data.steps[flows]))]);
      return maker(data.steps[k]).includes(came.step) ? came : null;
    }

    /** {view}, with the figure of a step in it; {other: the name of the image that has its numbers}; null where none has. */
    async draw(number, unit, current) {
      const {page, view} = this;
      const {how} = page.columns[number].data;
      const image = page.image();
      if (!how || !image) return null;
      await new Promise((resolve) => { setTimeout(resolve, LINGER); });
      if (!current()) return null;
      const [slug, op] = how;
      const address = {key: `steps/${slug}`, path: `data/explain/steps/${slug}.js`};
      const data = await convatlas.load('explain', address.key, address.path);
      const k = op ? data.steps.findIndex(({name}) => name === op) : data.step;
      if (k < 0 || !current()) return null;
      const chain = new convatlas.explain.Chain(data, image.slug);
      if (chain.missing(k)) return null;
      const {images: there = data.images} = data.steps[k];
      if (!there.includes(image.slug)) return {other: page.data.images.find((one) => data.images.includes(one.slug))};
      if (this.slug !== slug) view.units = {};
      this.slug = slug;
      const {images} = page.data;
      const hint = [page.why(number, unit), convatlas.say(this.spot ? 'tour_placeAny' : 'tour_placeHint')].filter(Boolean).join(' ');
      const from = this.followed(data, k);
      const {shape} = data.steps[k].kind === 'linear' ? data.steps[k].reads[0] : data.steps[k];
      const told = page.columns.flatMap(({data: {told: names}}) => names || []);
      await view.show({address, from, told, image: image.slug, images: Object.fromEntries(images.map((one) => [one.slug, one.name])), classes: image.classes, unit: chain.along(k, Math.max(0, unit), chain.own) ?? Math.max(0, unit),
        op: data.steps[k].name, place: this.place(shape), settle: (loaded, at, of) => (this.spot ? {} : this.settle(loaded, at, of, from && this.came ? this.came.place : null)), colour: convatlas.colours.name(page.state.c, false), alone: true, hint});
      if (current()) this.came = {step: data.steps[k].name, unit: view.unit, image: page.state.i, from: view.wanted.from, place: this.shown(k)};
      return {view};
    }

    /** The place that the figure shows, with the size of its map; of a figure without places, what was shown before it. */
    shown(k) {
      const {figure, at, chain} = this.view;
      const [, h, w] = chain.steps[k].shape;
      return figure && figure.size && h * w > 1 ? {...at, h, w} : this.came && this.came.place;
    }

    /** {place, from}: where a unit of step k says much, since nobody has chosen a place. That of the step before stays, and what was followed
     * with it, while the unit is not silent there. */
    settle(chain, k, unit, before) {
      const {steps} = chain;
      const {shape: [, h, w], kind} = steps[k];
      if (kind === 'linear' && before) {
        const [, rows, columns] = steps[k].reads[0].shape;
        return {place: {y: Math.floor((before.y + 0.5) * rows / before.h), x: Math.floor((before.x + 0.5) * columns / before.w)}};
      }
      if (unit === null || h * w === 1 || ['volume', 'volume_pool', 'attention'].includes(kind)) return {};
      // what goes on behind it: through a normalisation, to the curve
      let end = k;
      for (let at = k + 1; at < steps.length && steps[at].follows === end && ['batch_norm', 'act'].includes(steps[at].kind) && !steps[at].na && steps[end].kind !== 'act'; at += 1) end = at;
      if (steps[end].kind !== 'act') end = k;
      const of = chain.along(k, unit, end);
      const values = chain.map(end, of === null ? unit : of);
      if (before) {
        const y = Math.floor((before.y + 0.5) * h / before.h), x = Math.floor((before.x + 0.5) * w / before.w);
        if (Math.abs(values[y * w + x]) > 1e-6) return {place: {y, x}};
      }
      return {place: convatlas.explain.telling(values, [h, w]), from: null};
    }

    /** What a step says of its numbers where they are of another image: that, and the way there. */
    elsewhere(other) {
      const {el, say} = convatlas;
      const {page} = this;
      return el('p', {class: 'ca-dim tour-elsewhere'}, say('tour_numbersOf', {image: other.name}), ' ', el('button', {type: 'button', class: 'tour-button', 'data-act': 'numbers', onclick: () => page.show(other.slug)}, say('tour_numbersSee', {image: other.name})));
    }

    /** The way to all steps of it, for a step without a page of its own. */
    link(number, unit) {
      const {el, say, url, address} = convatlas;
      const {data} = this.page.columns[number];
      if (!data.how || data.page) return null;
      const [slug, op] = data.how;
      const image = this.page.image();
      const host = this.page.data.columns.find((one) => one.slug === slug);
      const at = address.text({u: unit >= 0 && data.units ? unit : '', i: image ? image.slug : '', v: 'how', x: op});
      return el('p', {}, el('a', {href: `${url(`layers/${slug}.html`)}#${at}`, class: 'tour-pick__open'}, say('tour_openOf', {layer: host ? host.layer : slug})));
    }
  }

  convatlas.tour.How = How;
})();
