/* Which units a query means, and in which order. Data are arrays of all units, packed by generator/pages/search.py.
 *
 *   query  = term {space term}            every term must hold of a unit
 *   term   = [-] (word | scope:word | number)
 *   word   = espresso | "red wine"        begins a word of a class that it fires for or feeds, of its strongest image or what is on
 *                                         it, its layer, a mark, or one of the words below
 *   scope  = fires | feeds | image | layer | kind | unit          layer:"stem" is the layer of just that name, where there is one
 *   number = (on | colour | selectivity) (< | <= | > | >= | =) 0.5 or 50% */
(() => {
  const NOTHING = 65535;
  const FIRES = 3, FEEDS = 2;
  const MARKS = [['dead', 16], ['never on', 1], ['always on', 2], ['saturated', 4], ['redundant', 8]];
  const BITS = 2 ** 20;
  /** What fits as well or better is of equal rank: in it units with a picture stand first. A class that raises a unit clearly; one
   * that raises it at all, or is on the one image that raises it most; a class that it feeds, or a mark. */
  const RANKS = [1.25, 1, 0.7];
  const MOST = 0.2;  // what strength and depth add where a class is that of the strongest image alone: edges are on any image
  /** Words that a number stands behind: when they hold, and how well. */
  const DERIVED = [
    ['colour-selective', 'colour', (v) => v >= 0.5, (v) => v], ['color-selective', 'colour', (v) => v >= 0.5, (v) => v],
    ['class-selective', 'selectivity', (v) => v >= 0.5, (v) => v],
    ['sparse', 'on', (v) => v < 0.05, (v) => 1 - v], ['dense', 'on', (v) => v > 0.75, (v) => v],
  ];
  const FILLER = /^\s*(?:all\s+|which\s+)?(?:units?|neurons?)\s+(?:that\s+|which\s+)?(?:(?:fires?|looks?)\s+for\s+|(?:answers?|responds?)\s+to\s+|feed(?:s|ing)?\s+|(?:is|are)\s+)?|^\s*fires?\s+for\s+/i;

  /** A query without the words around what it asks for; "units that fire for espresso" asks for what fires, not for what feeds. */
  const plain = (text) => text.replace(FILLER, (said) => (/(?:fires?|looks?)\s+for\s+$|\s+to\s+$/i.test(said) ? 'fires:' : /\bfeed(?:s|ing)?\s+$/i.test(said) ? 'feeds:' : ''));

  const tokens = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);

  /** Whether the words stand in `entry` behind one another; the last may be the beginning of one, unless it must be whole. */
  function has(entry, words, whole = false) {
    const last = words.length - 1;
    for (let at = 0; at + last < entry.length; at += 1) {
      let k = 0;
      while (k < last && entry[at + k] === words[k]) k += 1;
      if (k === last && (whole ? entry[at + k] === words[k] : entry[at + k].startsWith(words[k]))) return true;
    }
    return false;
  }

  /** Which of the entries have the words: a byte for each, null where none has. */
  function among(entries, words, exact = false) {
    const one = (whole) => Uint8Array.from(entries, (entry) => has(entry, words, whole));
    const found = exact ? one(true) : null;
    const all = found && found.includes(1) ? found : one(false);
    if (all.includes(1)) return all;
    const last = words[words.length - 1] || '';  // cats: what begins with cat
    return last.length > 3 && last.endsWith('s') ? among(entries, [...words.slice(0, -1), last.slice(0, -1)], exact) : null;
  }

  /** Searched pictures as tiles are drawn from them. */
  const pictured = ([src, aw, ah, cols, w, h, units = []]) => ({src, aw, ah, cols, w, h, units, n: units.length, rgb: true});

  class Units {
    constructor(value, examples) {
      // Plain properties: what is read for every unit of every query must not be a getter.
      const opened = convatlas.answers.unpacked(value).arrays;
      const arrays = Object.fromEntries(Object.keys(value.arrays).map((name) => [name, opened[name]]));
      Object.assign(this, {arrays, classes: value.classes, examples, input: value.input, memory: new Map()});
      let start = 0, feeds = 0;
      this.layers = value.layers.map(([name, slug, units, kind, map, field, jump, offset, maps, feeding, drawn = [], others = []]) => {
        const behind = others.map(([of, own, ...rest]) => ({name: of, own, pictures: pictured(rest)}));
        const layer = {name, slug, units, kind, map, field, jump, offset, maps, start, pictures: pictured(drawn), behind, feeds: feeding ? feeds : -1, input: value.input};
        start += units;
        feeds += feeding;
        return layer;
      });
      this.count = start;
      this.unpictured = this.withoutPictures();
      this.words = {classes: value.classes.map(tokens), images: examples.map(([, name]) => tokens(name)), shown: examples.map(([, , , label, said]) => tokens(said || label || '')), layers: this.layers.map(({name}) => tokens(name)), kinds: this.layers.map(({kind}) => tokens(kind))};
    }

    /** Of each unit 0 where its picture was searched for, 1 where one stands for it, 2 where there is none. */
    withoutPictures() {
      const found = new Uint8Array(this.count).fill(2);
      for (const {start, pictures, behind} of this.layers) {
        for (const other of behind) for (const unit of other.pictures.units) if (unit >= 0) found[start + unit] = 1;
        for (const unit of pictures.units) if (unit >= 0) found[start + unit] = 0;
      }
      return found;
    }

    /** All units where nothing is asked: those whose pictures were searched for first, one of each layer, deep ones ahead. */
    opening() {
      const shown = this.layers.flatMap((layer) => layer.pictures.units.filter((unit) => unit >= 0).map((unit, k) => ({layer, k, unit: layer.start + unit})));
      shown.sort((a, b) => a.k - b.k || b.layer.start - a.layer.start);
      const first = new Set(shown.map(({unit}) => unit));
      const all = new Uint32Array(this.count);
      let at = 0;
      for (const unit of first) { all[at] = unit; at += 1; }
      for (let unit = 0; unit < this.count; unit += 1) if (!first.has(unit)) { all[at] = unit; at += 1; }
      return all;
    }

    /** The number of a layer in which a unit stands. */
    layerOf(unit) {
      let low = 0, high = this.layers.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.layers[middle].start <= unit) low = middle; else high = middle - 1;
      }
      return low;
    }

    /** A unit's number of that name; NaN where it is not known. */
    number(name, unit) {
      const kept = this.arrays[name] ? this.arrays[name][unit] : NOTHING;
      if (kept === NOTHING) return NaN;
      return name === 'colour' ? kept / (NOTHING - 1) * 2 - 1 : kept / (NOTHING - 1);
    }

    /** Whether the report has a number of that name at all. */
    knows(name) {
      if (!this.memory.has(name)) this.memory.set(name, Boolean(this.arrays[name]) && this.arrays[name].some((kept) => kept !== NOTHING));
      return this.memory.get(name);
    }

    /** Whether any image raises it above zero. */
    raised(unit) { return Boolean(this.arrays.strength && this.arrays.strength[unit]); }

    /** Whether it is on at next to no place: what raises it then may be one place of one picture. */
    seldom(unit) { return this.number('on', unit) < convatlas.answers.SELDOM; }

    /** [[class, share]] of what the unit fires for, or of what it feeds. */
    fires(unit) { return this.pairs('fires', 'share', unit * FIRES, FIRES); }

    feeds(unit) {
      const layer = this.layers[this.layerOf(unit)];
      return layer.feeds < 0 ? [] : this.pairs('feeds', 'speaks', (layer.feeds + unit - layer.start) * FEEDS, FEEDS);
    }

    pairs(which, share, at, many) {
      const found = [];
      for (let k = at; k < at + many; k += 1) if (this.arrays[which] && this.arrays[which][k] !== NOTHING) found.push([this.arrays[which][k], this.arrays[share][k] / 255]);
      return found;
    }

    /** What is wrong with it; that what is dead is never on goes without saying. */
    marks(unit) {
      const bits = this.arrays.marks ? this.arrays.marks[unit] : 0;
      return MARKS.filter(([name, bit]) => bits & bit && !(name === 'never on' && bits & 16)).map(([name]) => name);
    }

    derived(unit) { return DERIVED.filter(([name, number, holds]) => !name.startsWith('color-') && holds(this.number(number, unit))).map(([name]) => name); }
  }

  /** The layer that has just the name in quotation marks: a byte for each layer, null where none has. */
  function called(units, scope, text) {
    const [, name] = (scope && /^"(.+)"$/.exec(text)) || [];
    const found = Uint8Array.from(units.layers, (layer) => layer.name === name);
    return found.includes(1) ? found : null;
  }

  /** How well a word holds of a unit, as a function (unit, layer) -> 0 or more; `scope` is where it is looked for, '' anywhere. */
  function worded(units, text, scope) {
    const {fires: fired, share, strength, feeds: fed, speaks, image, marks} = units.arrays;
    const words = tokens(text);
    if (!words.length) return () => 1;
    const wants = (name) => !scope || scope === name;
    const classes = wants('fires') || wants('feeds') ? among(units.words.classes, words) : null;
    const fires = wants('fires') && fired ? classes : null, feeds = wants('feeds') && fed ? classes : null;
    const images = wants('image') && image ? among(units.words.images, words) : null;
    const shown = (wants('fires') || wants('image')) && image ? among(units.words.shown, words) : null;
    const layers = wants('layer') ? called(units, scope, text) || among(units.words.layers, words, true) : null;
    const kinds = wants('kind') ? among(units.words.kinds, words) : null;
    const bits = scope || !marks ? 0 : MARKS.reduce((sum, [name, bit]) => sum | (has(tokens(name), words) ? bit : 0), 0);
    const derived = scope ? [] : DERIVED.filter(([name]) => has(tokens(name), words));
    return (unit, at) => {
      let best = 0;
      if (fires) {
        for (let k = unit * FIRES; k < (unit + 1) * FIRES; k += 1) if (fired[k] !== NOTHING && fires[fired[k]]) best = Math.max(best, 1 + share[k] * strength[unit] / 65025);
        if (best > 1 && units.seldom(unit)) best = Math.min(best, RANKS[0] - 1e-3);
      }
      if (feeds && units.layers[at].feeds >= 0) {
        const layer = units.layers[at];
        const from = (layer.feeds + unit - layer.start) * FEEDS;
        for (let k = from; k < from + FEEDS; k += 1) if (fed[k] !== NOTHING && feeds[fed[k]]) best = Math.max(best, 0.7 + speaks[k] / 255);
      }
      if (bits && marks[unit] & bits) best = Math.max(best, 0.9);
      for (const [, number, holds, well] of derived) {
        const v = units.number(number, unit);
        if (holds(v)) best = Math.max(best, 0.8 + 0.2 * well(v));
      }
      if (images && image[unit] !== NOTHING && images[image[unit]]) best = Math.max(best, 0.6);
      if (shown && image[unit] !== NOTHING && shown[image[unit]]) best = Math.max(best, 1 + MOST * (at + 1) / units.layers.length * (strength ? strength[unit] / 255 : 1));
      if ((layers && layers[at]) || (kinds && kinds[at])) best = Math.max(best, 0.5);
      return best;
    };
  }

  /** The rank of a fit. */
  const ranked = (well) => RANKS.find((rank) => well >= rank) ?? well;

  const COMPARES = {'<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b, '>=': (a, b) => a >= b, '=': (a, b) => Math.abs(a - b) < 0.005};

  /** [{not, holds}] and what is wrong with the query, as a key of the words of the interface and its parts; null where nothing is. */
  function terms(units, text) {
    const found = [];
    let problem = null;
    for (const piece of plain(text).match(/-?(?:\w+:)?"[^"]*"?|\S+/g) || []) {
      const not = piece.length > 1 && piece.startsWith('-');
      const bare = not ? piece.slice(1) : piece;
      const compared = /^([a-z]+)(<=|>=|<|>|=)(.*)$/i.exec(bare);
      const scoped = /^(fires|feeds|image|layer|kind|unit):(.*)$/i.exec(bare);
      if (compared) {
        const name = compared[1].toLowerCase().replace(/^color$/, 'colour');
        const [, value, percent] = /^(-?\d*\.?\d+)(%?)$/.exec(compared[3]) || [];
        if (!['on', 'colour', 'selectivity'].includes(name)) problem = ['searchNoNumber', {name: compared[1]}];
        else if (!units.knows(name)) problem = ['searchNotKnown', {name}];
        else if (value === undefined) {
          if (compared[3]) problem = ['searchNoValue', {text: compared[3]}];
          continue; // what is still being typed
        }
        const bound = Number(value) / (percent ? 100 : 1), compare = COMPARES[compared[2]];
        const sign = compared[2].startsWith('<') ? -1 : 1;
        found.push({not, exact: true, holds: (unit) => { const v = units.number(name, unit); return compare(v, bound) ? 2 + sign * v : 0; }});
      } else if (scoped && scoped[1].toLowerCase() === 'unit') {
        found.push({not, holds: (unit, at) => Number(unit - units.layers[at].start === Number(scoped[2]) && scoped[2] !== '')});
      } else if (scoped) found.push({not, holds: worded(units, scoped[2], scoped[1].toLowerCase())});
      else found.push({not, holds: worded(units, bare, '')});
    }
    return {found, problem};
  }

  /** What units are sorted by, best first, other than how well they fit. */
  const SORTS = {
    colour: (units, unit) => units.number('colour', unit), selectivity: (units, unit) => units.number('selectivity', unit),
    fires: (units, unit) => units.number('on', unit), rare: (units, unit) => -units.number('on', unit),
  };

  /** {units, problem}: the numbers of the units that the query means, in order; of equal rank, those with a picture first. */
  function find(units, text, sort = '') {
    const {found, problem} = terms(units, text);
    if (!found.length && !sort) return {units: units.opening(), problem};
    const keys = new Float64Array(units.count);
    let many = 0;
    for (let at = 0; at < units.layers.length; at += 1) {
      const {start, units: here} = units.layers[at];
      for (let unit = start; unit < start + here; unit += 1) {
        let score = 0, rank = 0;
        let fits = true;
        for (let k = 0; fits && k < found.length; k += 1) {
          const well = found[k].holds(unit, at);
          fits = well > 0 !== found[k].not;
          score += well;
          rank += found[k].exact ? well : ranked(well);
        }
        if (!fits) continue;
        if (sort) {
          score = SORTS[sort](units, unit);
          if (Number.isNaN(score)) score = -2;
          rank = score;
        }
        // The rank in ten-thousandths, turned over, before whether it has a picture, before the rest of the score, before the unit's
        // number: plain numbers sort many times as fast.
        const level = Math.max(0, 4e5 - Math.round(rank * 1e4)), rest = Math.max(0, 4095 - Math.round((score - rank) * 1e3));
        keys[many] = ((level * 4 + units.unpictured[unit]) * 4096 + rest) * BITS + unit;
        many += 1;
      }
    }
    const ordered = keys.subarray(0, many);
    ordered.sort();
    return {units: Uint32Array.from(ordered, (key) => key % BITS), problem};
  }

  /** Whether a text, as a class or an image's name, is what one of the query's words means. */
  function meant(text, query) {
    const entry = tokens(text);
    return (plain(query).match(/"[^"]*"?|\S+/g) || []).some((piece) => {
      const words = tokens(piece.replace(/^\w+:/, ''));
      return words.length > 0 && !piece.startsWith('-') && has(entry, words);
    });
  }

  convatlas.query = {Units, find, meant, sorts: SORTS};
})();
