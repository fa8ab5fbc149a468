/* The units of a layer that were searched for: what each looks for, beside the photographs that raise it most, and under these what of
 * them did. A card opens its unit. */
(() => {
  const PHOTOS = 3, SIDE = 64, LARGEST = 96;
  /** In pixels, of a card: how wide it is at least, what stands between two, and what of it is no picture. */
  const CARD = 380, GAP = 12, EDGES = 44;

  /** "unit rank" -> its reconstruction, of a layer's answers. */
  const known = new WeakMap();
  function entries(answers) {
    if (!known.has(answers)) known.set(answers, new Map((answers.back ? answers.back.entries : []).map(([unit, rank], tile) => [`${unit} ${rank}`, tile])));
    return known.get(answers);
  }

  /** The unit's patch of that rank under a veil but where what raised the unit lies; '' where that was not asked. */
  function lit({answers, examples}, unit, entry, rank, side) {
    const tile = entries(answers).get(`${unit} ${rank}`) ?? -1;
    const blank = tile < 0 || (answers.back.guided.dead && answers.back.guided.dead[tile]);
    return blank ? '' : convatlas.answers.veiled(answers, examples[entry.image], entry, tile, side);
  }

  /** The side of a photograph with which cards fill rows of that width: three stand beside the unit's picture, twice as large. */
  function fitting(width) {
    const across = Math.max(1, Math.floor((width + GAP) / (CARD + GAP)));
    return Math.min(LARGEST, Math.max(SIDE, Math.floor(((width + GAP) / across - GAP - EDGES) / (PHOTOS + 2))));
  }

  function card({answers, examples}, pictures, findings, tile, side, pick) {
    const {el, say, tiles} = convatlas;
    const unit = tiles.unit(pictures, tile);
    const photos = convatlas.answers.list(answers, unit).slice(0, PHOTOS);
    const words = say('pair', {unit, images: photos.map(({image}) => examples[image][1]).join(', ')});
    const dead = pictures.dead && pictures.dead[tile];
    const badge = convatlas.marks.badge(findings, answers, unit);
    return el('li', {}, el('button', {type: 'button', class: 'ca-seen', 'data-unit': unit, 'aria-label': badge ? `${words}. ${badge.title}` : words, title: words, onclick: () => pick(unit)},
      el('span', {class: 'ca-seen__looks'}, dead ? el('i', {'aria-hidden': 'true'}, '∅') : tiles.single(pictures, tile, 2 * side + 4), el('b', {}, unit), badge),
      el('span', {class: 'ca-seen__photos'}, photos.map((entry, rank) => el('span', {}, convatlas.answers.cut(answers, examples[entry.image][0], entry.place, side), lit({answers, examples}, unit, entry, rank, side))))));
  }

  /** Whether a layer's page shows any card: one for each of the tiles, in that order (by index those whose search came to nothing
   * last), the open one's pressed. Cards that stand there already stay. */
  function show(page, tiles) {
    const {el, say} = convatlas;
    const {main, state, found, data: {pictures, findings}} = page;
    const order = state.o === 'index' && pictures.dead ? [...tiles].sort((a, b) => pictures.dead[a] - pictures.dead[b]) : tiles;
    page.status.textContent = page.count();
    if (!order.length) return false;
    const as = order.join();
    const kept = main.querySelector('.ca-seens');
    if (!kept || kept.dataset.order !== as) {
      const side = fitting(main.clientWidth);
      const cards = order.map((tile) => card(found, pictures, findings, tile, side, (u) => page.set({u})));
      main.replaceChildren(el('ul', {class: 'ca-seens', 'aria-label': say('pairs'), 'data-order': as, style: `--side: ${side}px`, onkeydown: walk}, cards));
    }
    const focused = main.contains(document.activeElement);
    for (const one of main.querySelectorAll('.ca-seen')) {
      const open = Number(one.dataset.unit) === state.u;
      one.setAttribute('aria-pressed', String(open));
      if (open && focused) one.focus({preventScroll: true});
    }
    return true;
  }

  /** Arrow keys on a card, while no unit is open: with one open they step through units. */
  function walk(event) {
    const all = [...event.currentTarget.querySelectorAll('.ca-seen')];
    const at = all.indexOf(document.activeElement);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey || all.some((one) => one.getAttribute('aria-pressed') === 'true')) return;
    const across = Math.max(1, all.filter((one) => one.offsetTop === all[0].offsetTop).length);
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -at, End: all.length - 1 - at};
    if (!(event.key in steps)) return;
    event.preventDefault();
    all[Math.min(all.length - 1, Math.max(0, at + steps[event.key]))].focus();
  }

  /** The units that have cards, in order. */
  const shown = (main) => Array.from(main.querySelectorAll('.ca-seen'), (one) => Number(one.dataset.unit));

  /** Bring a unit's card into sight. */
  function reveal(main, unit) { main.querySelector(`.ca-seen[data-unit="${unit}"]`)?.scrollIntoView({block: 'nearest'}); }

  convatlas.pairs = {show, shown, reveal};
})();
