/* Tiles of one gray atlas as elements with a background: placed, enlarged and rescaled without reading a pixel.
 *
 * A tile's gray g stands for lo + g / 255 * (hi - lo). On a scale shared by all tiles, L to H, it is a * g + b, and since
 * L <= lo and hi <= H, a and b lie in 0..1: a translucent gray over the tile does it, (1 - alpha) * g + alpha * c. */
(() => {
  const LARGEST = 448;
  const SIZES = [0.125, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48];
  convatlas.tiles = {
    /** The background of all tiles inside `box`, at `zoom` screen pixels a map pixel. */
    dress(box, atlas, zoom) {
      const set = (key, value) => box.style.setProperty(key, value);
      set('--atlas', `url("${convatlas.url(atlas.src)}")`);
      set('--aw', atlas.aw);
      set('--ah', atlas.ah);
      set('--tw', atlas.w);
      set('--th', atlas.h);
      set('--z', zoom);
      box.classList.toggle('ca-tiles--fine', zoom < 1 || (atlas.rgb && atlas.w > 15));
    },
    x: (atlas, k) => (k % atlas.cols) * (atlas.w + 1),
    y: (atlas, k) => Math.floor(k / atlas.cols) * (atlas.h + 1),
    unit: (atlas, k) => (atlas.units ? atlas.units[k] : k),
    tile: (atlas, unit) => (atlas.units ? atlas.units.indexOf(unit) : unit < atlas.n ? unit : -1),
    /** The picture that stands for a unit which only hands a channel on: {name, page, unit, pictures, tile}; null where none does. */
    behind(others, unit) {
      for (const one of others) {
        const tile = convatlas.tiles.tile(one.pictures, unit);
        if (tile >= 0) return {...one, unit: one.own[tile], tile};
      }
      return null;
    },
    lo: (atlas, k) => (atlas.rlo || atlas.lo)[k],
    hi: (atlas, k) => (atlas.rhi || atlas.hi)[k],
    /** A map of one pixel has no scale of its own: all of them then share one. */
    shares: (atlas, how) => !atlas.rgb && (how === 'layer' || atlas.w * atlas.h === 1),
    /** The ends of the scale that all tiles share; null where none is coloured. */
    shared(atlas) {
      if (!atlas.lo || !atlas.lo.length) return null;
      let lo = Infinity, hi = -Infinity;
      for (const v of atlas.lo) if (v !== null && v < lo) lo = v;
      for (const v of atlas.hi) if (v !== null && v > hi) hi = v;
      return [lo, hi];
    },
    /** The translucent gray that moves a map from its own scale to `to`, as a CSS colour. */
    veil(lo, hi, signed, to) {
      if (!to || lo === null || hi === null) return 'transparent';
      const a = signed ? (to[1] ? hi / to[1] : 1) : to[1] > to[0] ? (hi - lo) / (to[1] - to[0]) : 1;
      if (a >= 1) return 'transparent';
      const gray = signed ? 128 : 255 * (lo - to[0]) / (to[1] - to[0]) / (1 - a);
      return `rgb(${gray.toFixed(2)} ${gray.toFixed(2)} ${gray.toFixed(2)} / ${(1 - a).toFixed(5)})`;
    },
    /** Tiles in the order asked for: index, strongest or weakest. */
    order(atlas, how) {
      const all = Array.from({length: atlas.n}, (_, k) => k);
      if (how === 'index') return atlas.units ? all.sort((a, b) => atlas.units[a] - atlas.units[b]) : all;
      const size = atlas.scores ? (k) => atlas.scores[k] : atlas.lo && atlas.lo.length ? (k) => Math.max(Math.abs(convatlas.tiles.lo(atlas, k)), Math.abs(convatlas.tiles.hi(atlas, k))) : () => 0;
      const sign = how === 'strongest' ? -1 : 1;
      return all.sort((a, b) => sign * (size(a) - size(b)) || a - b);
    },
    /** Tiles by the length of their units' kernels, longest first; those without one last. */
    longest(atlas, kernels) {
      const norm = (k) => { const at = convatlas.tiles.tile(kernels, convatlas.tiles.unit(atlas, k)); return at < 0 ? -1 : kernels.norms[at] ?? -1; };
      return convatlas.tiles.order(atlas, 'index').sort((a, b) => norm(b) - norm(a) || a - b);
    },
    /** The zoom by which few pictures fill a wall of this width and height: large, in whole rows that are as wide as the wall;
     * that of `fit` where there are many. */
    fill(atlas, width, height) {
      const {w, h, n} = atlas;
      let best = {zoom: 0, worth: 0};
      for (let across = 1; across <= n; across += 1) {
        const rows = Math.ceil(n / across);
        const zoom = Math.min(Math.floor((width + 2) / across - 2) / w, Math.floor((height + 2) / rows - 2) / h, LARGEST / Math.max(w, h));
        const worth = zoom * (across * w * zoom / width) * (n / (across * rows));
        if (zoom > 0 && worth > best.worth) best = {zoom, worth};
      }
      return Math.max(best.zoom, convatlas.tiles.fit(atlas, width, height));
    },
    /** The zoom that fills a wall of this width and height best, never under 26 px a tile, or 32 px where tiles are signed and stand further apart; whole steps. */
    fit(atlas, width, height) {
      const natural = Math.max(atlas.w, atlas.h);
      const side = Math.min(150, Math.max(atlas.signed ? 32 : 26, Math.sqrt(width * height / atlas.n) - 2), width / 2);
      const sizes = atlas.signed ? SIZES.filter((z) => z * natural >= 32 || z === SIZES.at(-1)) : SIZES;
      return sizes.reduce((best, z) => (Math.abs(z * natural - side) < Math.abs(best * natural - side) ? z : best), sizes[0]);
    },
    /** The next zoom up or down that keeps a tile between 8 and 448 px. */
    step(atlas, zoom, by) {
      const natural = Math.max(atlas.w, atlas.h);
      const fine = natural <= 2 ? [...SIZES, 64, 96, 128] : SIZES;
      const next = by > 0 ? fine.find((z) => z > zoom) ?? zoom : [...fine].reverse().find((z) => z < zoom) ?? zoom;
      return next * natural < 8 || next * natural > LARGEST ? zoom : next;
    },
    /** One tile by itself, `side` px on its longer side. */
    single(atlas, k, side, colour, to = null) {
      const box = convatlas.el('span', {class: 'ca-tiles ca-single'});
      convatlas.tiles.dress(box, atlas, side / Math.max(atlas.w, atlas.h));
      if (!atlas.rgb) box.style.filter = convatlas.colours.filter(colour, atlas.signed);
      const tile = convatlas.el('i');
      tile.style.setProperty('--x', convatlas.tiles.x(atlas, k));
      tile.style.setProperty('--y', convatlas.tiles.y(atlas, k));
      if (to) tile.style.setProperty('--veil', convatlas.tiles.veil(atlas.lo[k], atlas.hi[k], atlas.signed, to));
      box.append(tile);
      return box;
    },
    /** A colour bar with the raw numbers at its ends, and at zero where the data is signed. */
    bar(lo, hi, colour, signed) {
      const n = convatlas.number;
      return convatlas.el('span', {class: `ca-bar${signed && lo === -hi ? ' ca-bar--signed' : ''}`, role: 'img', 'aria-label': convatlas.say('bar', {lo: n(lo), hi: n(hi)})},
        convatlas.el('span', {}, n(lo)), convatlas.el('span', {class: 'ca-bar__ramp', style: `background:${convatlas.colours.ramp(colour, signed)}`}), convatlas.el('span', {}, n(hi)));
    },
  };
})();
