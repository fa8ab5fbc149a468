/* What a step of the walk shows beside its words: the figure that fits its operation, fed with the maps of the unit that was
 * picked and of those that it reads, and the two lists of what it reads and feeds. */
(() => {
  const LISTED = 6, TERMS = 3, TOP = 6;

  /** A unit as a figure needs it: its map on the image, by itself on its own scale. Null where there is none. */
  async function source(page, number, unit, scale = 'unit') {
    const {data} = page.columns[number];
    if (data.role === 'image') return {photo: page.image().photo, size: [page.data.input[1], page.data.input[2]], words: page.image().name};
    const maps = await page.strip.maps(number);
    const tile = 'na' in maps ? -1 : convatlas.tiles.tile(maps, unit);
    if (tile < 0) return null;
    const {tiles, say} = convatlas;
    const to = convatlas.tour.ends(maps, page.image(), scale);
    const [lo, hi] = convatlas.tour.span(maps, tile, to);
    return {maps, tile, colour: page.state.c, to, bar: tiles.bar(lo, hi, page.state.c, maps.signed), words: say('tour_map', {layer: data.name, n: unit})};
  }

  /** An input's part of the whole that all inputs make, as the unit's panel has it. */
  const part = (link) => link.share ** 2;
  const percent = (link) => `${Math.round(100 * part(link))} %`;

  /** What the unit reads itself, strongest first: the links that end in it, one for each unit. */
  const read = (links, number, unit) => links.filter(({to}) => to[0] === number && to[1] === unit).sort((a, b) => b.share - a.share);
  const fed = (links, number, unit) => links.filter(({from}) => from[0] === number && from[1] === unit).sort((a, b) => b.share - a.share);

  /** How much a source comes to on this image: how strongly it is looked at, times how strongly it answers. */
  const weight = ({link, source: {photo, maps, tile}}) => link.share * (photo ? 1 : Math.max(Math.abs(convatlas.tiles.lo(maps, tile)), Math.abs(convatlas.tiles.hi(maps, tile))));

  /** The sources of a step whose maps are there: those that come to most on this image. */
  async function sources(page, number, unit, links, most) {
    const found = await Promise.all(read(links, number, unit).map(async (link) => ({link, source: await source(page, ...link.from).catch(() => null)})));
    return found.filter((one) => one.source).sort((a, b) => weight(b) - weight(a)).slice(0, most);
  }

  /** The slices of the unit's kernel at what it reads, as pictures: of the picture's own colours all of them. */
  function kernels(wires, unit, all, link) {
    const {wires: {slice}, tourFigure: {framed, sign}, say, el} = convatlas;
    if (!wires || !wires.weighted) return [];
    if (!wires.window.length || !wires.window[0]) {
      if (!link) return [];
      const way = link.sign > 0 ? 'for' : link.sign < 0 ? 'against' : 'open';
      return [sign('×'), framed(el('span', {class: `tour-weight tour-weight--${way}`}, `${link.sign < 0 ? '\u2212' : '+'}${percent(link)}`), say('tour_weight'))];
    }
    const {k, arrays} = wires;
    const found = [];
    for (let at = unit * k.in; at < (unit + 1) * k.in && found.length < (all ? 3 : 1); at += 1) if (arrays.channel[at] >= 0) found.push([arrays.channel[at], slice(wires, at)]);
    if (!found.length) return [];
    if (all) found.sort(([a], [b]) => a - b);
    const box = el('span', {class: 'tour-kernels'}, found.map(([, made]) => made));
    return [sign('×'), framed(box, say(all && found.length === 3 ? 'tour_kernelColours' : 'tour_kernel'))];
  }

  /** What normalises before a curve without a column of its own: the map that the step reads is not the one that is drawn. */
  function through({through: name}) {
    const {tourFigure: {framed, sign}, el, say} = convatlas;
    return name ? [sign('→'), framed(el('span', {class: 'tour-weight', 'data-through': ''}, convatlas.breaks(name)), say('tour_through')), sign('→')] : [];
  }

  /** The figure of a step from its maps alone, where its numbers are not at hand; null where there is none to draw. */
  async function figure(page, number, unit, wires, links) {
    const {tourFigure, say, number: digits} = convatlas;
    const {data} = page.columns[number];
    if (data.role === 'image') return page.image() ? tourFigure.colours(page.image(), page.data.input[0]) : null;
    if (data.role === 'answer') return answer(page);
    if (data.role !== 'layer' || unit < 0) return null;
    const output = await source(page, number, unit);
    if (!output) return null;
    let found = await sources(page, number, unit, links, data.kind === 'merge' || data.kind === 'block' ? TERMS : 1);
    if (!found.length && number > 0) {
      // Wires that are not known: the column before, where its units are these, one by one.
      const other = page.columns[number - 1].data;
      const alike = other.role === 'image' ? data.first : other.units === data.units && ['act', 'norm', 'pool'].includes(data.kind);
      const made = alike ? await source(page, number - 1, unit).catch(() => null) : null;
      if (made) found = [{link: null, source: made}];
    }
    const words = {output: say('tour_map', {layer: data.name, n: unit}), bar: output.bar};
    const [first] = found;
    if (first && data.window && ['conv', 'pool'].includes(data.kind)) {
      const {k} = data.window;
      const share = first.link && first.link.share < 1 ? ` (${percent(first.link)})` : '';
      const of = first.source.photo ? first.source.words : `${first.source.words}${share}`;
      return tourFigure.sliding(first.source, output, data.window, data.kind === 'conv' ? kernels(wires, unit, data.first, first.link) : [], {input: of, window: say('tour_window', {h: digits(k[0]), w: digits(k[1])}), more: data.kind === 'conv' && !first.source.photo && data.reads > 1 ? say('tour_more', {n: digits(data.reads - 1)}) : '', ...words});
    }
    if (!found.length) return tourFigure.framed(tourFigure.shown(output, 150).box, words.output, output.bar);
    const middle = (data.act && tourFigure.curve(data.act, data.op)) || tourFigure.sign(found.length > 1 ? '=' : '→');
    return tourFigure.before(found.map((one) => one.source), output, [...through(data), middle], words);
  }

  /** The last maps, and what the model says. */
  async function answer(page) {
    const {tourFigure: {bars, shown, framed, sign}, el, tiles, say} = convatlas;
    const image = page.image();
    if (!image || !image.says.length) return null;
    const last = page.columns.findLastIndex((one) => one.data.role === 'layer');
    const maps = last < 0 ? {na: ''} : await page.strip.maps(last).catch(() => ({na: ''}));
    const best = 'na' in maps ? [] : tiles.order(maps, 'strongest').slice(0, TOP);
    const drawn = await Promise.all(best.map((k) => source(page, last, tiles.unit(maps, k))));
    const wall = el('span', {class: 'tour-last'}, drawn.map((one) => shown(one, 76).box));
    return el('div', {class: 'tour-row'}, drawn.length ? [framed(wall, say('tour_last', {n: best.length, layer: page.columns[last].data.name})), sign('→')] : '', framed(bars(image.says), say(page.data.says, {image: image.name})));
  }

  /** A unit in a list is gone to within the tour; its link is for a new tab. */
  function walk(event, page, number, unit) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    page.visit(number, unit);
  }

  /** A list of units with their maps, as links. */
  async function list(page, title, links, end, weighted = links.some(({share}) => share < 1)) {
    const {el, tour, say} = convatlas;
    if (!links.length) return null;
    const rows = await Promise.all(links.slice(0, LISTED).map(async (link) => {
      const [number, unit] = link[end];
      const {data} = page.columns[number];
      const one = data.role === 'layer' ? await source(page, number, unit, page.state.sc).catch(() => null) : null;
      const colour = data.role === 'image' && page.data.input[0] === 3 ? say(['tour_red', 'tour_green', 'tour_blue'][unit]) : '';
      const mark = link.sign > 0 ? '+' : link.sign < 0 ? '\u2212' : '';
      const inside = [one ? convatlas.tiles.single(one.maps, one.tile, 40, one.colour, one.to) : '', el('b', {}, data.role === 'image' ? colour : unit), el('small', {}, convatlas.breaks(data.layer || data.name)), weighted ? el('span', {class: 'ca-num'}, `${mark}${percent(link)}`) : ''];
      return el('li', {class: `tour-unit tour-unit--${link.sign > 0 ? 'for' : link.sign < 0 ? 'against' : 'open'}${one ? '' : ' tour-unit--bare'}`}, data.page ? el('a', {href: tour.address(data, unit, page.image()), onclick: (event) => walk(event, page, number, unit)}, inside) : el('span', {}, inside));
    }));
    const rest = end === 'from' && weighted ? 1 - links.slice(0, LISTED).reduce((sum, link) => sum + part(link), 0) : 0;
    if (rest > 0.005) rows.push(el('li', {class: 'tour-unit tour-unit--open'}, el('span', {}, el('small', {}, say('tour_rest')), el('span', {class: 'ca-num'}, `${Math.round(100 * rest)} %`))));
    return el('section', {class: 'tour-units'}, el('h3', {}, title), el('ul', {}, rows));
  }

  /** The unit that was picked, with a way to the next, what it reads and what it feeds. */
  async function units(page, number, unit, links, wires) {
    const wired = Boolean(wires);
    const {el, say, tour} = convatlas;
    const {data} = page.columns[number];
    if (data.role !== 'layer' || unit < 0) return [];
    const step = (by) => () => page.pick(number, page.strip.beside(number, unit, by));
    const head = el('div', {class: 'tour-pick'}, el('button', {type: 'button', class: 'tour-button', 'aria-label': say('tour_unitBefore'), 'data-unit-step': '-1', onclick: step(-1)}, '‹'),
      el('a', {href: tour.address(data, unit, page.image(), Boolean(data.how)), class: 'tour-pick__open'}, say('tour_open', {n: unit, layer: data.name})), el('button', {type: 'button', class: 'tour-button', 'aria-label': say('tour_unitAfter'), 'data-unit-step': '1', onclick: step(1)}, '›'));
    const inputs = data.first && data.how && page.data.input[0] === 3 ? [] : read(links, number, unit); // red, green and blue stand in the figure, all three
    // A kernel may look at several maps of which one alone is on: that is still one of those that it reads.
    const weighed = inputs.some(({share}) => share < 1) || Boolean(wires && wires.weighted && data.reads > 1 && inputs.length);
    const [reads, feeds] = await Promise.all([list(page, say(weighed ? 'tour_reads' : 'tour_made_of'), inputs, 'from', weighed), list(page, say('tour_feeds'), fed(links, number, unit), 'to')]);
    const none = wired ? '' : el('p', {class: 'ca-dim'}, say('tour_unwired'));
    const [own, others] = [reads && weighed, feeds];
    const kind = !wires || !wires.arrays ? '' : wires.arrays.driven && wires.arrays.driven[unit] ? 'Driven' : wires.active ? 'Active' : '';
    // Before its list, so that nobody holds the percentages against the figure.
    if (own) reads.querySelector('h3').after(el('p', {class: 'ca-dim tour-how', 'data-how': ''}, say(`tour_how${kind}`), ' ', say('tour_howSign')));
    if (others) feeds.append(el('p', {class: 'ca-dim tour-how'}, say('tour_howFeeds'), own ? '' : ` ${say('tour_howSign')}`));
    return [head, reads, feeds, reads || feeds ? null : none].filter(Boolean);
  }

  convatlas.tourStep = {figure, units};
})();
