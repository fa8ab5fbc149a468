/* The columns of the tour: which maps of a layer stand in it, how large, on which scale. Maps come from the scripts of the
 * layers' own pages and are drawn when a column comes into sight; nothing is drawn twice. */
(() => {
  const SIDES = {4: 62, 6: 44, 12: 44, all: 26};
  const ROWS = {4: 4, 6: 6, 12: 6, all: 10};
  const GAP = 3;

  /** Why a column has no maps of an image; nothing where it has. */
  const missing = (column, image) => column.na[image.slug] || column.na['*'];

  /** A promise of a column's maps on an image; {na} where there are none. */
  async function atlas(column, image) {
    if (column.role !== 'layer' || !image) return {na: ''};
    if (missing(column, image)) return {na: missing(column, image)};
    return convatlas.load('maps', `${column.slug}/${image.slug}`, `data/maps/${column.folder}/${image.slug}.js`);
  }

  /** The ends of the scale that a map is drawn on, null where it is its own. */
  function ends(maps, image, scale) {
    if (scale === 'global') return maps.signed ? image.signed : image.plain;
    return convatlas.tiles.shares(maps, scale) ? convatlas.tiles.shared(maps) : null;
  }

  /** The tiles that stand in a column, the strongest first; of all, by number. */
  function chosen(maps, most) {
    const {tiles} = convatlas;
    return most === 'all' ? tiles.order(maps, 'index') : tiles.order(maps, 'strongest').slice(0, Number(most));
  }

  /** The address of a unit's page on this image. */
  const address = (column, unit, image) => `${convatlas.url(column.page)}#${convatlas.address.text({u: unit, i: image ? image.slug : ''})}`;

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
    if (to) made.style.setProperty('--veil', tiles.veil(maps.lo[k], maps.hi[k], maps.signed, to));
    return made;
  }

  /** How many maps a column of so many shows, and how wide that makes it: what is known before they are there. */
  function room(column, most) {
    const n = most === 'all' ? column.units : Math.min(Number(most), column.units);
    const across = Math.ceil(n / ROWS[most]);
    const [h, w] = column.map;
    const side = SIDES[most] * w / Math.max(h, w);
    return {n, rows: ROWS[most], width: across * (side + GAP) - GAP};
  }

  /** Draw a column's maps into its place. */
  function draw(place, column, maps, {image, colour, scale, most}) {
    const {el, tiles, colours} = convatlas;
    const order = chosen(maps, most);
    const to = ends(maps, image, scale);
    const box = el('div', {class: 'ca-tiles tour-tiles', role: 'group', 'aria-label': convatlas.say('tour_maps', {layer: column.name})}, order.map((k) => tile(column, maps, k, image, to)));
    tiles.dress(box, maps, SIDES[most] / Math.max(maps.w, maps.h));
    box.classList.toggle('ca-tiles--fine', maps.w * maps.h > SIDES[most] ** 2);
    box.style.filter = colours.filter(colour, maps.signed);
    box.style.setProperty('--rows', ROWS[most]);
    place.replaceChildren(box);
    place.classList.toggle('tour-maps--signed', Boolean(maps.signed));
    return {box, order};
  }

  convatlas.tour = {atlas, missing, ends, address, words, room, draw, SIDES};
})();
