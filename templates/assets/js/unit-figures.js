/* Everything of one unit for its panel, whatever the view: its map, its picture, its thread, what it answers to, its wires,
 * its kernel, and the layer's Grad-CAM. `page` is the layer's page: its data and its state are read, nothing is changed. */
(() => {
  const answered = (atlas) => !('na' in atlas);

  /** The unit's feature map on the image that is shown. */
  function map(page, maps, side) {
    const {say, tiles, number} = convatlas;
    const {u, c, s} = page.state;
    const tile = maps ? tiles.tile(maps, u) : -1;
    if (tile < 0) return [];
    const to = tiles.shares(maps, s) ? tiles.shared(maps) : null;
    const flat = maps.lo[tile] === maps.hi[tile];
    return [{title: say('map', {image: page.image().name}), body: tiles.single(maps, tile, side, c, to), note: flat ? say('flat', {v: number(maps.lo[tile])}) : `${maps.w} × ${maps.h}`,
      bar: to ? tiles.bar(to[0], to[1], c, maps.signed) : tiles.bar(maps.lo[tile], maps.hi[tile], c, maps.signed)}];
  }

  /** What the unit looks for, where that was searched; where its channel is another unit's, what that one looks for. */
  function looksFor(page, side) {
    const {say, tiles, number} = convatlas;
    const {pictures, units, behind} = page.data;
    const tile = answered(pictures) ? tiles.tile(pictures, page.state.u) : -1;
    const other = tile < 0 ? tiles.behind(behind, page.state.u) : null;
    if (other) return [{title: say('looksFor'), body: tiles.single(other.pictures, other.tile, side, page.state.c), note: handed(other)}];
    if (!answered(pictures)) return [];
    if (tile < 0) return [{title: '', body: '', note: say('notSearched', {n: pictures.n, all: units}), kind: 'ca-panel__line'}];
    const note = pictures.dead && pictures.dead[tile] ? page.dead(pictures, tile) : pictures.scores ? say('score', {v: number(pictures.scores[tile])}) : '';
    return [{title: say('looksFor'), body: tiles.single(pictures, tile, side, page.state.c), note}];
  }

  /** Whose picture it is that stands for a unit, as a link. */
  function handed({name, page, unit}) {
    const {el, say, url, breaks} = convatlas;
    return [`${say('looksForBehind')} `, el('a', {href: `${url(page)}#${convatlas.carried({u: unit})}`}, breaks(name), ' ', el('b', {}, unit)), '.'];
  }

  /** The unit's thread back to the first layer; of one that nothing raises, that there is none. */
  function thread(page, threads, wires, found) {
    const {say, tiles, answers} = convatlas;
    const {pictures, name} = page.data;
    const unit = page.state.u;
    const silent = Boolean(found) && answers.silent(found.answers, unit);
    const never = silent ? [{title: say('thread'), kind: 'ca-panel__line', body: '', note: say('threadNever')}] : [];
    const body = (side) => {
      const tile = answered(pictures) ? tiles.tile(pictures, unit) : -1;
      if (tile >= 0 && !(pictures.dead && pictures.dead[tile])) return tiles.single(pictures, tile, side);
      const entry = found && answers.list(found.answers, unit)[0];
      return entry ? answers.cut(found.answers, found.examples[entry.image][0], entry.place, side) : '';
    };
    const figure = convatlas.threads.figure(threads, found && found.examples, {name, unit, body, silent}, convatlas.wires.lead(wires, unit), page.state.t);
    if (!figure) return never;
    return silent ? [{...figure, note: `${say('threadNever')} ${say('threadCame')}`}] : [figure];
  }

  /** How the unit's picture came about; that there could be more of it, where it has no more. */
  function course(page) {
    const all = page.data.searched || {};
    const {pictures} = page.data;
    const tile = answered(pictures) ? convatlas.tiles.tile(pictures, page.state.u) : -1;
    const entry = all[page.state.u], plain = Boolean(entry) && !entry.course && !entry.variants;
    return convatlas.course.figures(entry, 116, tile >= 0 && pictures.scores ? pictures.scores[tile] : null, plain);
  }

  /** A small picture of an input, where its layer is one that threads come by. */
  function small(threads, found, name, unit) {
    const layer = threads.byName.get(name);
    return layer ? convatlas.el('span', {class: 'ca-wire__picture'}, convatlas.threads.picture(threads, found && found.examples, layer, unit, 26)) : '';
  }

  /** What an input channel of the page's layer is called: of an image in colours, red, green or blue. */
  const channel = (page, n) => (page.data.kernels.rgb && Object.keys(page.data.kernelInputs).length === 3 ? convatlas.say(`xColour${n}`) : n);

  /** The unit's kernel at every input channel, on one scale, so that strong and weak inputs can be told apart. */
  function slices(page) {
    const {el, say, tiles} = convatlas;
    const {u, c} = page.state;
    const every = Object.entries(page.data.kernelInputs);
    if (every.length < 2) return [];
    const found = every.map(([input, atlas]) => [input, atlas, tiles.tile(atlas, u)]).filter(([, atlas, tile]) => tile >= 0 && !atlas.rgb);
    const top = Math.max(...found.map(([, atlas, tile]) => atlas.hi[tile]));
    const side = Math.max(14, Math.min(44, 12 * Math.max(...found.map(([, atlas]) => Math.max(atlas.w, atlas.h)))));
    const body = el('span', {class: 'ca-slices'}, found.map(([input, atlas, tile]) => {
      const one = tiles.single(atlas, tile, side, c, [-top, top]);
      one.title = `${say('input')} ${channel(page, input)}`;
      return one;
    }));
    return [{title: say('slices', {n: found.length}), body, bar: tiles.bar(-top, top, c, true)}];
  }

  /** The kernel as the wall has it. */
  function kernel(page, side) {
    const {say, tiles, number} = convatlas;
    const {kernels, kernelNote} = page.data;
    const tile = answered(kernels) ? tiles.tile(kernels, page.state.u) : -1;
    if (tile < 0) return [];
    const body = tiles.single(kernels, tile, Math.min(side, 44 * Math.max(kernels.w, kernels.h)), page.state.c);
    const note = kernels.norms ? `${kernelNote} ${say('norm', {v: number(kernels.norms[tile])})}` : kernelNote;
    return [{title: say('kernel'), body, note, bar: kernels.rgb ? null : tiles.bar(kernels.lo[tile], kernels.hi[tile], page.state.c, kernels.signed)}];
  }

  /** A promise of what `unit-panel` opens with; null where `current` says that another unit was asked for meanwhile. */
  convatlas.channel = channel;
  convatlas.figures = async (page, current) => {
    const {el, say, url, load, answers, wires, threads, marks, tiles} = convatlas;
    const {data, state, dataset} = page;
    const image = page.image();
    const or = (promise) => promise.catch(() => null);
    const [maps, found, wired, led] = await Promise.all([
      image && image.maps ? or(load('maps', `${dataset.layer}/${image.slug}`, image.maps)) : null,
      page.answers(), or(wires.load(dataset.layer, data.wires)), or(threads.load(data.threads))]);
    const lead = wired ? wires.lead(wired, state.u) : null;
    if (led) await or(threads.follow(led, [threads.begun(state.t), data.name, ...(lead ? [lead.name] : [])]));
    if (!current()) return null;
    const side = Math.min(176, (Math.min(innerWidth, 400) - 46) / 2);
    const input = led ? (name, unit) => small(led, found, name, unit) : null;
    const own = found ? answers.figures(found.answers, found.examples, state.u, 96) : [];
    const cam = data.cams.map((m) => [m, m.maps[state.i]]).find(([, heat]) => heat && !('na' in heat));
    return {
      figures: [...map(page, maps, side), ...looksFor(page, side)],
      wide: [...marks.figures(data.findings, found && found.answers, state.u), ...own.filter((one) => !one.late), ...(led && wired ? thread(page, led, wired, found) : []), ...course(page), ...own.filter((one) => one.late), ...(wired ? wires.figures(wired, state.u, input, led && threads.goes(led, data.name, state.u)) : []), ...slices(page)],
      last: [...kernel(page, side), ...(cam && image ? [{title: say('camHere', {method: cam[0].title}), body: page.overlay(image, cam[1]), note: say('camLayer', {image: image.name})}] : [])],
      ...(maps && tiles.tile(maps, state.u) >= 0 ? {signed: maps.signed} : {}),
      more: image ? el('p', {}, el('a', {href: url(`images/${image.slug}.html`)}, say('imagePage', {image: image.name}))) : null,
    };
  };
})();
