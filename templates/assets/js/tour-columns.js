/* The columns of the tour: which maps of a layer stand in it, how large, on which scale. Maps come from the scripts of the
 * layers' own pages and are drawn when a column comes into sight; nothing is drawn twice. */
(() => {
  const SIDES = {4: 62, 6: 44, 12: 44, all: 26};
  const ROWS = {4: 4, 6: 6, 12: 6, all: 10};
  /** In a low window a few maps stand side by side, so that the step below is in sight; as in tour.css. */
  const low = matchMedia('(max-height: 960px) and (min-width: 701px)');
  const rows = (most) => (low.matches && most !== 'all' ? ROWS[most] / 2 : ROWS[most]);
  const GAP = 3, MOST = 4;

  /** Why a column has no maps of an image; nothing where it has. */
  const missing = (column, image) => column.na[image.slug] || column.na['*'];

  /** A promise of a column's maps on an image; {na} where there are none. */
  async function atlas(column, image) {
    if (column.role !== 'layer' || !image) return {na: ''};
    if (missing(column, image)) return {na: missing(column, image)};
    return convatlas.load('maps', `${column.slug}/${image.slug}`, `data/maps/${column.folder}/${image.slug}.js`);
  }

  /** Where the scale of a signed map ends: at the quantile that `encode.py` notes, since a loud rim would leave the rest pale; never
   * more than four times below its largest. */
  const full = (maps, tile) => (maps.full ? Math.max(maps.full[tile], maps.hi[tile] / MOST) : maps.hi[tile]);

  /** The ends of the scale that all maps of a column are drawn on, null where each has its own. */
  function ends(maps, image, scale) {
    if (scale === 'global') return maps.signed ? image.signed : image.plain;
    if (!convatlas.tiles.shares(maps, scale)) return null;
    if (!maps.signed || !maps.full) return convatlas.tiles.shared(maps);
    const top = Array.from(maps.hi, (_, k) => full(maps, k)).reduce((a, b) => Math.max(a, b), 0);
    return [-top, top];
  }
  /** The ends of the scale that one map is drawn on. */
  const span = (maps, tile, to) => to || (maps.signed ? [-full(maps, tile), full(maps, tile)] : [maps.lo[tile], maps.hi[tile]]);

  /** Bring a map from its own scale to that it is drawn on: under a veil where that is wider, with more contrast where it is narrower. */
  function dress(element, maps, tile, to) {
    const [, top] = span(maps, tile, to);
    if (to) element.style.setProperty('--veil', convatlas.tiles.veil(maps.lo[tile], maps.hi[tile], maps.signed, to));
    if (maps.signed && top > 0 && maps.hi[tile] > top) element.style.filter = `contrast(${(maps.hi[tile] / top).toFixed(3)})`;
  }

  /** Tiles by how far they come above zero, which is what goes on behind a rectifier; where none does, by how far below. */
  function order(maps) {
    const {tiles} = convatlas;
    const top = (k) => tiles.hi(maps, k);
    return tiles.order(maps, 'strongest').some((k) => top(k) > 0) ? tiles.order(maps, 'strongest').sort((a, b) => top(b) - top(a)) : tiles.order(maps, 'strongest');
  }

  /** The tiles that stand in a column, unit `first` and then the strongest; of all, by number. */
  function chosen(maps, most, first) {
    const {tiles} = convatlas;
    if (most === 'all') return tiles.order(maps, 'index');
    const at = first === undefined ? -1 : tiles.tile(maps, first);
    const rest = tiles.order(maps, 'strongest').filter((k) => k !== at);
    return [...(at < 0 ? [] : [at]), ...rest].slice(0, Number(most));
  }

  /** The address of a unit's page on this image; `how`: where it is shown how it is computed. */
  const address = (column, unit, image, how = false) => `${convatlas.url(column.page)}#${convatlas.address.text({u: unit, i: image ? image.slug : '', v: how ? 'how' : ''})}`;

  /** What is said of one map: its unit and its values. */
  function words(column, maps, tile) {
    const {say, tiles, number} = convatlas;
    return `${say('unit', {n: tiles.unit(maps, tile)})} · ${say('range', {lo: number(tiles.lo(maps, tile)), hi: number(tiles.hi(maps, tile))})}`;
  }

  /** One map, `side` px on its longer side, that leads to its unit. */
  function tile(column, maps, k, image, to) {
    const {el, tiles} = convatlas;
    const unit = tiles.unit(maps, k);
    const made = el('a', {href: address(column, unit, image), tabindex: '-1', 'data-unit': unit, 'aria-label': `${column.name}, ${words(column, maps, k)}`});
    for (const [key, value] of [['--x', tiles.x(maps, k)], ['--y', tiles.y(maps, k)]]) made.style.setProperty(key, value);
    dress(made, maps, k, to);
    return made;
  }

  /** How many maps a column of so many shows, and how wide that makes it: what is known before they are there. */
  function room(column, most) {
    const n = most === 'all' ? column.units : Math.min(Number(most), column.units);
    const across = Math.ceil(n / rows(most));
    const [h, w] = column.map;
    const side = SIDES[most] * w / Math.max(h, w);
    return {n, rows: rows(most), width: across * (side + GAP) - GAP};
  }

  /** Draw a column's maps into its place. */
  function draw(place, column, maps, {image, colour, scale, most, first}) {
    const {el, tiles, colours} = convatlas;
    const order = chosen(maps, most, first);
    const to = ends(maps, image, scale);
    const box = el('div', {class: 'ca-tiles tour-tiles', role: 'group', 'aria-label': convatlas.say('tour_maps', {layer: column.name})}, order.map((k) => tile(column, maps, k, image, to)));
    tiles.dress(box, maps, SIDES[most] / Math.max(maps.w, maps.h));
    box.classList.toggle('ca-tiles--fine', maps.w * maps.h > SIDES[most] ** 2);
    box.style.filter = colours.filter(colour, maps.signed);
    box.style.setProperty('--rows', rows(most));
    place.replaceChildren(box);
    place.classList.toggle('tour-maps--signed', Boolean(maps.signed));
    return {box, order};
  }

  convatlas.tour = {atlas, missing, order, ends, span, dress, address, words, room, draw, low, SIDES};
})();
