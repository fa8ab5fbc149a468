/* The units of a layer that were searched for: what each looks for, beside the photographs that raise it most, and under these what of
 * them did. A card opens its unit. */
(() => {
  const PHOTOS = 3, SIDE = 64;

  /** "unit rank" -> its reconstruction, of a layer's answers. */
  const known = new WeakMap();
  function entries(answers) {
    if (!known.has(answers)) known.set(answers, new Map((answers.back ? answers.back.entries : []).map(([unit, rank], tile) => [`${unit} ${rank}`, tile])));
    return known.get(answers);
  }

  /** What of the unit's patch of that rank came back to the pixels; '' where that was not asked. */
  function back(answers, unit, rank) {
    const {tiles} = convatlas;
    const tile = entries(answers).get(`${unit} ${rank}`) ?? -1;
    const guided = tile < 0 ? null : answers.back.guided;
    return guided && !(guided.dead && guided.dead[tile]) ? tiles.single(guided, tile, SIDE) : '';
  }

  function card({answers, examples}, pictures, tile, pick) {
    const {el, say, tiles} = convatlas;
    const unit = tiles.unit(pictures, tile);
    const photos = convatlas.answers.list(answers, unit).slice(0, PHOTOS);
    const words = say('pair', {unit, images: photos.map(({image}) => examples[image][1]).join(', ')});
    const dead = pictures.dead && pictures.dead[tile];
    return el('li', {}, el('button', {type: 'button', class: 'ca-seen', 'data-unit': unit, 'aria-label': words, title: words, onclick: () => pick(unit)},
      el('span', {class: 'ca-seen__looks'}, dead ? el('i', {'aria-hidden': 'true'}, '∅') : tiles.single(pictures, tile, 2 * SIDE + 4), el('b', {}, unit)),
      el('span', {class: 'ca-seen__photos'}, photos.map(({image, place}, rank) => el('span', {}, convatlas.answers.cut(answers, examples[image][0], place, SIDE), back(answers, unit, rank))))));
  }

  /** All cards, those whose search came to something first; `pick` is given the unit that is opened. */
  function cards(found, pictures, pick) {
    const {el, say} = convatlas;
    const dead = (tile) => Number(Boolean(pictures.dead && pictures.dead[tile]));
    const order = Array.from({length: pictures.n}, (_, tile) => tile).sort((a, b) => dead(a) - dead(b) || a - b);
    return el('ul', {class: 'ca-seens', 'aria-label': say('pairs')}, order.map((tile) => card(found, pictures, tile, pick)));
  }

  /** The unit of the card before or after that of `unit`, brought into sight; from a unit that has none the first. */
  function next(main, unit, by) {
    const all = [...main.querySelectorAll('.ca-seen')];
    const at = all.findIndex((one) => Number(one.dataset.unit) === unit);
    const found = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
    if (!found) return unit;
    found.scrollIntoView({block: 'nearest'});
    return Number(found.dataset.unit);
  }

  convatlas.pairs = {cards, next};
})();
