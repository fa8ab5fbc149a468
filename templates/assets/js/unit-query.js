/* Which units a query means, and in which order. Data are arrays of all units, packed by generator/pages/search.py.
 *
 *   query  = term {space term}            every term must hold of a unit; words that are a class together are one term
 *   term   = [-] (word | scope:word | number)
 *   word   = espresso | "red wine" | 17   begins a word of a class that it fires for or feeds, of its strongest image or what is on
 *                                         it, its layer, a mark, or one of the words below; or is the unit's number
 *   scope  = fires | feeds | image | layer | kind | unit          layer:"stem" is the layer of just that name, where there is one
 *   number = (on | colour | selectivity) (< | <= | > | >= | =) 0.5 or 50% */
(() => {
  const NOTHING = 65535;
  const FIRES = 3, FEEDS = 2;
  const MARKS = [['dead', 16], ['never on', 1], ['always on', 2], ['saturated', 4], ['redundant', 8]];
  const BITS = 2 ** 20;
  /** What fits as well or better is of equal rank: in it units with a picture stand first. A class that raises a unit clearly; one
   * that raises it at all; a mark. What fits less well stands in its own order: */
  const RANKS = [1.25, 1, 0.8];
  const FED = [0.6, 0.19];  // one of the few units that feed a class most, and what the share adds
  const FEEDING = [0.5, 0.09];  // a unit that feeds no class more
  const NAMED = 0.5;  // a word of the layer
  const SEEN = [0.2, 0.2];  // the strongest image is of it; depth, lead over the next image and strength add: edges are on any image
  const NUMBERED = 1;
  /** Words that a number stands behind: when they hold, and how well. */
  const DERIVED = [
    ['colour-selective', 'colour', (v) => v >= 0.5, (v) => v], ['color-selective', 'colour', (v) => v >= 0.5, (v) => v],
    ['class-selective', 'selectivity', (v) => v >= 0.5, (v) => v],
    ['sparse', 'on', (v) => v < 0.05, (v) => 1 - v], ['dense', 'on', (v) => v > 0.75, (v) => v],
  ];
  const FILLER = /^\s*(?:(?:all|which|what|show|find|the)\s+)*(?:units?|neurons?)\s+(?:that\s+|which\s+)?(?:(?:fires?|firing|looks?|looking)\s+for\s+|for\s+|(?:answers?|responds?)\s+to\s+|feed(?:s|ing)?\s+|(?:is|are|of|in)\s+)?|^\s*(?:(?:fires?|looks?)\s+for|feeds?)\s+/i;

  /** A query without the words around what it asks for; "units that feed espresso" asks for what feeds, "unit 17" for a number. */
  const plain = (text) => text.replace(/\bunits?\s+#?(\d+)(?=\s|$)/gi, 'unit:$1').replace(FILLER, (said) => (/\bfeed(?:s|ing)?\s+$/i.test(said) ? 'feeds:' : ''));

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

  /** Which of the entries have the words: a byte for each, null where none has. `exact`: those that have them as whole words, where
   * there are any; `alone`: those that are just them, where there are any. */
  function among(entries, words, {exact = false, alone = false} = {}) {
    const one = (holds) => Uint8Array.from(entries, holds);
    const tries = [...(alone ? [(entry) => entry.length === words.length && has(entry, words, true)] : []), ...(exact ? [(entry) => has(entry, words, true)] : []), (entry) => has(entry, words)];
    for (const holds of tries) {
      const found = one(holds);
      if (found.includes(1)) return found;
    }
    const last = words[words.length - 1] || '';  // cats: what begins with cat
    return last.length > 3 && last.endsWith('s') ? among(entries, [...words.slice(0, -1), last.slice(0, -1)], {exact, alone}) : null;
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
      this.fed = value.fed ? {layer: this.layers[value.fed[0]], few: value.fed[1]} : null;
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

    /** The few units that feed the classes most of which `classes` has a byte: unit -> [class, share, how many feed it more]. */
    feeders(classes) {
      const found = new Map();
      if (!this.fed || !classes) return found;
      const {arrays: {fedClass, fedUnit, fedShare}, fed: {layer, few}} = this;
      for (let row = 0; row < fedClass.length; row += 1) {
        for (let k = 0; classes[fedClass[row]] && k < few && fedUnit[row * few + k] !== NOTHING; k += 1) {
          const unit = layer.start + fedUnit[row * few + k], share = fedShare[row * few + k] / 255;
          if (!found.has(unit) || found.get(unit)[1] < share) found.set(unit, [fedClass[row], share, k]);
        }
      }
      return found;
    }

    /** Whether one of the classes is said to raise it beyond chance. */
    firesFor(unit, classes) {
      const {fires} = this.arrays;
      if (!fires || this.seldom(unit)) return false;
      for (let k = unit * FIRES; k < (unit + 1) * FIRES; k += 1) if (fires[k] !== NOTHING && classes[fires[k]]) return true;
      return false;
    }

    /** Pictures of the set that show one of the classes; NaN where that was not counted. */
    pictures(classes) { return this.arrays.shown ? this.arrays.shown.reduce((sum, count, k) => sum + (classes[k] ? count : 0), 0) : NaN; }

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
    const {fires: fired, share, strength, feeds: fed, speaks, image, lead, marks} = units.arrays;
    const words = tokens(text);
    if (!words.length) return () => 1;
    const wants = (name) => !scope || scope === name;
    const classes = wants('fires') || wants('feeds') ? among(units.words.classes, words, {exact: true, alone: true}) : null;
    const fires = wants('fires') && fired ? classes : null, feeds = wants('feeds') && fed ? classes : null;
    const feeders = units.feeders(feeds);
    const images = wants('image') && image ? among(units.words.images, words) : null;
    const shown = wants('image') && image ? among(units.words.shown, words, {exact: true, alone: true}) : null;
    const layers = wants('layer') ? called(units, scope, text) || among(units.words.layers, words, {exact: true}) : null;
    const kinds = wants('kind') ? among(units.words.kinds, words) : null;
    const bits = scope || !marks ? 0 : MARKS.reduce((sum, [name, bit]) => sum | (has(tokens(name), words) ? bit : 0), 0);
    const derived = scope ? [] : DERIVED.filter(([name]) => has(tokens(name), words));
    const numbered = !scope && /^#?\d+$/.test(text) ? Number(words[0]) : -1;
    return (unit, at) => {
      let best = unit - units.layers[at].start === numbered ? NUMBERED : 0;
      if (fires) {
        for (let k = unit * FIRES; k < (unit + 1) * FIRES; k += 1) if (fired[k] !== NOTHING && fires[fired[k]]) best = Math.max(best, 1 + share[k] * strength[unit] / 65025);
        if (best > 1 && units.seldom(unit)) best = Math.min(best, RANKS[0] - 1e-3);
      }
      if (feeds && units.layers[at].feeds >= 0) {
        const layer = units.layers[at];
        const most = feeders.get(unit);
        if (most) best = Math.max(best, FED[0] + FED[1] * most[1] - 1e-4 * most[2]);
        const from = (layer.feeds + unit - layer.start) * FEEDS;
        for (let k = from; k < from + FEEDS; k += 1) if (fed[k] !== NOTHING && feeds[fed[k]]) best = Math.max(best, FEEDING[0] + FEEDING[1] * speaks[k] / 255);
      }
      if (bits && marks[unit] & bits) best = Math.max(best, 0.9);
      for (const [, number, holds, well] of derived) {
        const v = units.number(number, unit);
        if (holds(v)) best = Math.max(best, 0.8 + 0.2 * well(v));
      }
      if (image && image[unit] !== NOTHING && ((images && images[image[unit]]) || (shown && shown[image[unit]]))) best = Math.max(best, SEEN[0] + SEEN[1] * (at + 1) / units.layers.length * (lead[unit] / 255) * (strength ? strength[unit] / 255 : 1));
      if ((layers && layers[at]) || (kinds && kinds[at])) best = Math.max(best, NAMED);
      return best;
    };
  }

  /** The rank of a fit. */
  const ranked = (well) => RANKS.find((rank) => well >= rank) ?? well;

  const COMPARES = {'<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b, '>=': (a, b) => a >= b, '=': (a, b) => Math.abs(a - b) < 0.005};

  /** Whether a word only holds others together: "dead units", "sparse in conv3". */
  function idle(units, piece, next) {
    const {classes, layers} = units.words;
    if (/^(?:units?|neurons?)$/i.test(piece)) return !among(classes, tokens(piece));
    return /^(?:in|of)$/i.test(piece) && next !== undefined && Boolean(among(layers, tokens(next)));
  }

  /** The pieces of a query; bare words behind one another that are a class's together stay together, behind a scope too. */
  function pieces(units, text) {
    const all = plain(text).match(/-?(?:\w+:)?"[^"]*"?|\S+/g) || [];
    const found = all.filter((piece, at) => all.length < 2 || !idle(units, piece, all[at + 1]));
    const bare = (piece) => /^[\p{L}\p{N}]/u.test(piece) && !/[:<>="]/.test(piece);
    const made = [];
    for (let at = 0; at < found.length;) {
      const [, scope = '', first] = /^(-?(?:fires|feeds):)?(.*)$/i.exec(found[at]);
      const joined = (end) => [first, ...found.slice(at + 1, end)].join(' ');
      let end = at + 1, most = at + 1;
      while (bare(first) && end < found.length && bare(found[end])) {
        end += 1;
        if (among(units.words.classes, tokens(joined(end)))) most = end;
      }
      made.push(most > at + 1 ? `${scope}"${joined(most)}"` : found[at]);
      at = most;
    }
    return made;
  }

  /** [{not, holds}], what is wrong with the query, as a key of the words of the interface and its parts, null where nothing is, and
   * the classes that it asks for: {text, classes}, null where it asks for none or for several. */
  function terms(units, text) {
    const found = [], asked = [];
    let problem = null;
    for (const piece of pieces(units, text)) {
      const not = piece.length > 1 && piece.startsWith('-');
      const bare = not ? piece.slice(1) : piece;
      const compared = /^([a-z]+)(<=|>=|<|>|=)(.*)$/i.exec(bare);
      const scoped = /^(fires|feeds|image|layer|kind|unit):(.*)$/i.exec(bare);
      const scope = scoped ? scoped[1].toLowerCase() : '';
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
      } else if (scope === 'unit') {
        found.push({not, holds: (unit, at) => Number(unit - units.layers[at].start === Number(scoped[2]) && scoped[2] !== '')});
      } else {
        const said = scoped ? scoped[2] : bare;
        found.push({not, holds: worded(units, said, scope)});
        const words = tokens(said);
        const classes = !not && words.length && ['', 'fires'].includes(scope) ? among(units.words.classes, words, {exact: true, alone: true}) : null;
        if (classes) asked.push({text: said.replace(/"/g, ''), classes, scope});
      }
    }
    return {found, problem, asked: asked.length === 1 ? asked[0] : null};
  }

  /** What a query for a class found, to be said above it: {name, scope, pictures, fires, feeds, seen, layer, feeders}. `name` is the
   * class's, or '' where it may be one of several that begin so, `text` then what was asked; `fires`, `feeds` and `seen` count the
   * units said to fire for it, those that feed it most, and the others. */
  function told(units, {text, classes, scope}, found) {
    const feeders = units.feeders(classes);
    const names = units.classes.filter((_, k) => classes[k]);
    const counts = {fires: 0, feeds: 0, seen: 0};
    for (const unit of found) counts[units.firesFor(unit, classes) ? 'fires' : feeders.has(unit) ? 'feeds' : 'seen'] += 1;
    return {name: names.length === 1 ? names[0] : '', text, scope, pictures: units.pictures(classes), layer: units.fed ? units.fed.layer.name : '', feeders, ...counts};
  }

  /** What units are sorted by, best first, other than how well they fit. */
  const SORTS = {
    colour: (units, unit) => units.number('colour', unit), selectivity: (units, unit) => units.number('selectivity', unit),
    fires: (units, unit) => units.number('on', unit), rare: (units, unit) => -units.number('on', unit),
  };

  /** {units, problem, told}: the numbers of the units that the query means, in order; of equal rank, those with a picture first; and
   * what is to be said of them where it asks for a class, else null. */
  function find(units, text, sort = '') {
    const {found, problem, asked} = terms(units, text);
    if (!found.length && !sort) return {units: units.opening(), problem, told: null};
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
    const fit = Uint32Array.from(ordered, (key) => key % BITS);
    return {units: fit, problem, told: asked && told(units, asked, fit)};
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
