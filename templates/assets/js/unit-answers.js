/* What a unit answers to in the dataset: patches cut out of the images by CSS, its histogram, units that answer alike.
 * Data are arrays of all units of a layer, packed by generator/pages/units.py. */
(() => {
  const KINDS = {f: Float32Array, i: Int32Array, u: Uint16Array, b: Uint8Array};

  const SELDOM = 0.01;  // share of places below which a unit is seldom on
  const FEW = 150;  // pixels across, below which a picture shown large shows them
  const kept = new Map();

  /** A value with its arrays unpacked, each when it is first read. */
  function open(value) {
    const made = {};
    const arrays = {};
    for (const [name, [kind, text]] of Object.entries(value.arrays)) {
      Object.defineProperty(arrays, name, {get() {
        if (!made[name]) {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          made[name] = new KINDS[kind](bytes.buffer);
        }
        return made[name];
      }});
    }
    return {...value, arrays};
  }

  /** The unit's list: [{image, place, value}], strongest first. */
  function list(answers, unit) {
    const {k, arrays} = answers;
    const found = [];
    for (let at = unit * k; at < (unit + 1) * k; at += 1) {
      if (arrays.images[at] >= 0) found.push({image: arrays.images[at], place: arrays.places[at], value: arrays.values[at]});
    }
    return found;
  }

  /** What the unit sees from a place, in pixels from the input's corner: {x, y, w, h}, and the place's centre {cx, cy}. */
  function view(answers, place) {
    const {map: [rows, columns], input: [height, width], field, jump, offset} = answers;
    const row = Math.floor(place / columns), column = place % columns;
    if (!field || !jump) return {x: 0, y: 0, w: width, h: height, cx: (column + 0.5) * width / columns, cy: (row + 0.5) * height / rows, whole: true};
    // Behind an enlargement fields do not lie even: then there is an offset for each of some places in turn.
    const centre = (axis, at) => { const turn = [offset[axis]].flat(); return turn[at % turn.length] + at * jump[axis] + 0.5; };
    const cy = centre(0, row), cx = centre(1, column);
    // A field larger than the picture: the picture whole, and where in it the unit stands.
    if (field[0] >= height && field[1] >= width) return {x: 0, y: 0, w: width, h: height, cx, cy, whole: true};
    return {x: cx - field[1] / 2, y: cy - field[0] / 2, w: field[1], h: field[0], cx, cy, whole: false};
  }

  /** What the unit sees of a picture from a place, `side` px on its longer side; what lies outside the picture is hatched. */
  function cut(answers, picture, place, side) {
    const {el, url} = convatlas;
    const {x, y, w, h, cx, cy, whole} = view(answers, place);
    const scale = side / Math.max(w, h);
    const [height, width] = answers.input;
    const img = el('img', {src: url(picture), alt: '', loading: 'lazy'});
    Object.assign(img.style, {width: `${width * scale}px`, height: `${height * scale}px`, left: `${-x * scale}px`, top: `${-y * scale}px`});
    if (scale > 2) img.style.imageRendering = 'pixelated';
    const box = el('span', {class: 'ca-patch__box'}, img);
    Object.assign(box.style, {width: `${w * scale}px`, height: `${h * scale}px`});
    if (whole) {
      const mark = el('i', {class: 'ca-patch__mark'});
      Object.assign(mark.style, {left: `${Math.min(w, Math.max(0, cx)) * scale}px`, top: `${Math.min(h, Math.max(0, cy)) * scale}px`});
      box.append(mark);
    }
    return box;
  }

  /** The whole picture, with what the unit sees from a place framed, and where in it the unit stands. */
  function placed(answers, example, entry) {
    const {el, say, url, number} = convatlas;
    const [picture, name, page] = example;
    const [height, width] = answers.input;
    const [rows, columns] = answers.map;
    const {x, y, w, h, cx, cy, whole} = view(answers, entry.place);
    const part = (value, of) => `${100 * value / of}%`;
    const at = {row: Math.floor(entry.place / columns), column: entry.place % columns};
    const img = el('img', {src: url(picture), alt: name, width, height});
    if (width < FEW) img.style.imageRendering = 'pixelated';
    const box = el('span', {class: 'ca-place__box'}, img);
    if (!whole) {
      const frame = el('i', {class: 'ca-place__frame'});
      Object.assign(frame.style, {left: part(x, width), top: part(y, height), width: part(w, width), height: part(h, height)});
      box.append(frame);
    }
    const mark = el('i', {class: 'ca-patch__mark'});
    Object.assign(mark.style, {left: part(Math.min(width, Math.max(0, cx)), width), top: part(Math.min(height, Math.max(0, cy)), height)});
    box.append(mark);
    const outside = !whole && (x < 0 || y < 0 || x + w > width || y + h > height);
    const words = [say('placeAt', {...at, rows, columns, v: number(entry.value)}), whole ? say('placeWhole') : say('placeSees', {w: number(w), h: number(h)}), outside ? say('placeOutside') : ''];
    return [box, el('p', {class: 'ca-dim'}, words.filter(Boolean).join(' '), page ? [' ', el('a', {href: url(page)}, say('imagePage', {image: name}))] : '')];
  }

  /** Put an opened patch's place under the row in which the patch stands, and bring all of it into sight, the row too where there is room. */
  function under(button, spot) {
    const low = button.getBoundingClientRect().bottom;
    let last = button;
    for (let next = button.nextElementSibling; next; next = next.nextElementSibling) if (next !== spot && next.getBoundingClientRect().top < low) last = next;
    last.after(spot);
    spot.scrollIntoView({block: 'nearest'});
  }

  /** One patch, with its value; picked, it shows its place on the picture in `spot`, and Escape leads back to it. */
  function patch(answers, example, entry, side, spot) {
    const {el, say, number} = convatlas;
    const [picture, name, , label, said] = example;
    const words = say('patch', {image: name, v: number(entry.value)}) + (label ? ` · ${label}` : '') + (said ? ` · ${say('patchSaid', {label: said})}` : '');
    return el('button', {type: 'button', class: 'ca-patch', title: `${words} · ${say('patchWhere')}`, 'aria-label': words, 'aria-expanded': 'false', onclick({currentTarget}) {
      const open = currentTarget.getAttribute('aria-expanded') === 'true';
      for (const other of currentTarget.parentNode.querySelectorAll('.ca-patch')) other.setAttribute('aria-expanded', 'false');
      currentTarget.setAttribute('aria-expanded', String(!open));
      spot.hidden = open;
      spot.replaceChildren(...(open ? [] : placed(answers, example, entry)));
      if (!open) under(currentTarget, spot);
    }}, cut(answers, picture, entry.place, side), el('b', {}, number(entry.value)));
  }

  /** Patches in a grid, and in it the room in which one shows its place. */
  function patches(kind, make) {
    const {el} = convatlas;
    const spot = el('div', {class: 'ca-place', hidden: true, 'aria-live': 'polite'});
    return el('div', {}, el('div', {class: kind}, make(spot), spot));
  }

  /** Close the place that is shown of a patch, if any: of several the one that has the focus. The patch has it then. */
  function shut(panel) {
    const all = [...panel.querySelectorAll('.ca-patch[aria-expanded="true"]')];
    const open = all.find((one) => one.parentNode.contains(document.activeElement)) || all[all.length - 1];
    if (!open) return false;
    open.click();
    open.focus();
    return true;
  }

  /** The unit's values at a sample of places, as bars with zero marked. */
  function histogram(answers, unit) {
    const {el, number, say} = convatlas;
    const {arrays, bins} = answers;
    const lo = arrays.lo[unit], hi = arrays.hi[unit];
    const NS = 'http://www.w3.org/2000/svg';
    const svg = (tag, attributes) => {
      const made = document.createElementNS(NS, tag);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      return made;
    };
    const drawn = svg('svg', {viewBox: `0 0 ${bins * 10} 60`, preserveAspectRatio: 'none', class: 'ca-bins', role: 'img'});
    drawn.setAttribute('aria-label', say('binsOf', {lo: number(lo), hi: number(hi)}));
    for (let k = 0; k < bins; k += 1) {
      const tall = Math.sqrt(arrays.bins[unit * bins + k] / 255) * 58;
      if (tall) drawn.append(svg('rect', {x: k * 10 + 0.5, y: 60 - tall, width: 9, height: tall}));
    }
    if (lo < 0 && hi > 0) drawn.append(svg('line', {x1: -lo / (hi - lo) * bins * 10, x2: -lo / (hi - lo) * bins * 10, y1: 0, y2: 60, class: 'ca-bins__zero', 'vector-effect': 'non-scaling-stroke'}));
    return el('span', {class: 'ca-bins__frame'}, drawn, el('span', {class: 'ca-bins__ends'}, lo === hi ? el('span', {}, say('binsOne', {v: number(lo)})) : [el('span', {}, number(lo)), el('span', {}, number(hi))]));
  }

  /** Links to other units of the layer: [[unit, value]]. */
  function units(pairs, words) {
    const {el} = convatlas;
    return el('ul', {class: 'ca-units'}, pairs.map(([unit, value, text]) => el('li', {}, el('a', {href: `#${convatlas.beside({u: unit})}`, 'data-unit': unit}, el('b', {}, unit), el('span', {title: words}, text)))));
  }

  function alike(answers, unit) {
    const {arrays, near} = answers;
    const found = [];
    for (let at = unit * near; at < (unit + 1) * near; at += 1) if (arrays.alike[at] >= 0) found.push([arrays.alike[at], arrays.r[at]]);
    return found;
  }

  /** What came back to the pixels; where nothing did, the sign of that, and why. */
  function returned(atlas, tile, side) {
    const {el, say, tiles} = convatlas;
    if (!atlas.dead || !atlas.dead[tile]) return tiles.single(atlas, tile, side);
    const made = el('span', {class: 'ca-blank', title: say('blank', {why: atlas.why[tile]}), role: 'img', 'aria-label': say('blank', {why: atlas.why[tile]})}, '∅');
    made.style.width = made.style.height = `${side}px`;
    return made;
  }

  /** The patch with a veil over all but where the guided reconstruction lies. */
  function veiled(answers, example, entry, tile, side) {
    const box = cut(answers, example[0], entry.place, side);
    box.querySelectorAll('.ca-patch__mark').forEach((mark) => mark.remove());
    const over = convatlas.tiles.single(answers.back.veil, tile, side);
    over.classList.add('ca-lit__veil');
    box.append(over);
    return box;
  }

  /** That, and how little of the patch holds half of the reconstruction. */
  function lit(answers, example, entry, tile, side) {
    const {el, say} = convatlas;
    const {half, guided} = answers.back;
    if (guided.dead && guided.dead[tile]) return el('span', {});
    const box = veiled(answers, example, entry, tile, side);
    const share = half[tile] === null ? '' : say('litHalf', {share: half[tile] < 0.01 ? '<\u202f1 %' : `${Math.round(100 * half[tile])} %`});
    return el('span', {class: 'ca-lit', role: 'img', title: say('litOf', {image: example[1]}), 'aria-label': `${say('litOf', {image: example[1]})} ${share}`}, box, el('b', {'aria-hidden': 'true'}, share));
  }

  /** Zeiler and Fergus' figure 2: each patch, the patch lit where its evidence lies, and what came back to the pixels. The
   * deconvnet stands beside them where it tells units apart; else it waits behind, with the reason. */
  function reconstructions(answers, examples, entries, back) {
    const {el, say} = convatlas;
    const {vague, ranks, deconv} = answers.back;
    const shown = entries.map((entry, rank) => [entry, rank]).filter(([, rank]) => back[rank] >= 0);
    const beside = !vague && shown.every(([, rank]) => rank < ranks);
    const columns = ['patch', 'lit', 'guided', ...(beside ? ['deconv'] : [])];
    const side = Math.floor((Math.min(innerWidth, 400) - 46 - 7 * (columns.length - 1)) / columns.length);
    const heads = columns.map((key) => el('span', {class: 'ca-dim'}, say(`${key}Head`)));
    const make = {
      patch: ([entry], spot) => patch(answers, examples[entry.image], entry, side, spot),
      lit: ([entry, rank]) => lit(answers, examples[entry.image], entry, back[rank], side),
      guided: ([, rank]) => returned(answers.back.guided, back[rank], side),
      deconv: ([, rank]) => returned(deconv, back[rank], side),
    };
    const body = patches('ca-patches ca-patches--back', (spot) => [...heads, ...shown.flatMap((one) => columns.map((key) => make[key](one, spot)))]);
    body.firstChild.style.setProperty('--columns', columns.length);
    if (!beside) body.append(el('details', {class: 'ca-deconv'}, el('summary', {}, say('deconvToo')),
      el('span', {class: 'ca-deconv__tiles'}, shown.filter(([, rank]) => rank < ranks).map((one) => make.deconv(one))), el('p', {class: 'ca-dim'}, vague || say('deconvFew'))));
    return {title: say('patches'), kind: 'ca-panel__patches', body, note: say('backHow')};
  }

  /** What the panel shows of a unit: figures as `unit-panel` takes them. */
  function figures(answers, examples, unit, side) {
    const {el, say, number, percent} = convatlas;
    const {arrays} = answers;
    const entries = list(answers, unit);
    const made = [];
    const back = entries.map((entry, rank) => (answers.back ? answers.back.entries.findIndex(([u, r]) => u === unit && r === rank) : -1));
    const backed = back.filter((tile) => tile >= 0).length;
    if (backed) made.push(reconstructions(answers, examples, entries, back));
    if (entries.length > backed) {
      entries.splice(0, backed);
      made.push({title: say(backed ? 'patchesMore' : 'patches'), kind: 'ca-panel__patches', body: patches('ca-patches', (spot) => entries.map((entry) => patch(answers, examples[entry.image], entry, side, spot))),
        note: answers.seen <= answers.k ? say('patchesFew', {n: answers.seen}) : say('patchesOf', {n: answers.seen.toLocaleString('en')})});
    } else if (!backed) made.push({title: say('patchesNone'), body: '', note: say(Number.isNaN(arrays.mean[unit]) ? 'binsNone' : arrays.highest[unit] ? 'patchesNoneOne' : 'patchesNoneHow', {n: answers.seen.toLocaleString('en'), v: number(arrays.highest[unit])})});
    const chosen = arrays.chosen && !Number.isNaN(arrays.selectivity[unit]) ? say(answers.byModel ? 'selectiveSaid' : 'selective', {label: answers.classes[arrays.chosen[unit]], v: number(arrays.selectivity[unit])}) : '';
    const coloured = arrays.colour && !Number.isNaN(arrays.colour[unit]) ? say('coloured', {v: number(arrays.colour[unit])}) : '';
    const seldom = arrays.highest[unit] > 0 && 1 - arrays.sparsity[unit] < SELDOM ? say('binsSeldom') : '';
    const below = arrays.highest[unit] < 0 && !Number.isNaN(arrays.mean[unit]) ? say('binsBelow') : '';
    made.push({late: true, title: say('bins'), body: histogram(answers, unit), note: [Number.isNaN(arrays.mean[unit]) ? say('binsNone') : say('binsHow', {n: answers.sampled.toLocaleString('en'), share: seldom ? say('binsUnder') : percent(1 - arrays.sparsity[unit]), mean: number(arrays.mean[unit]), top: number(arrays.highest[unit])}), below, seldom, chosen, coloured].filter(Boolean).join(' ')});
    const near = alike(answers, unit).filter(([, r]) => r > 0.3);
    if (near.length) made.push({late: true, title: say('alike'), body: units(near.map(([other, r]) => [other, r, number(r)]), 'r'), note: ''});
    return made;
  }

  /** What a unit is sorted by, highest first. */
  const SORTS = {
    highest: ({arrays}, unit) => arrays.highest[unit],
    mean: ({arrays}, unit) => arrays.mean[unit],
    fires: ({arrays}, unit) => -arrays.sparsity[unit],
    rare: ({arrays}, unit) => arrays.sparsity[unit],
    selectivity: ({arrays}, unit) => (arrays.selectivity && !Number.isNaN(arrays.selectivity[unit]) ? arrays.selectivity[unit] : -1),
    colour: ({arrays}, unit) => (arrays.colour && !Number.isNaN(arrays.colour[unit]) ? arrays.colour[unit] : -2),
  };

  /** The tiles of an atlas, sorted. */
  function order(answers, atlas, how) {
    const {unit} = convatlas.tiles;
    const of = (tile) => {
      const value = SORTS[how](answers, unit(atlas, tile));
      return Number.isNaN(value) ? -Infinity : value;  // a unit that gave no number comes last, and leaves the others in order
    };
    return Array.from({length: atlas.n}, (_, tile) => tile).sort((a, b) => of(b) - of(a) || a - b);
  }

  /** Those of the tiles whose unit has the mark. */
  function filtered(answers, atlas, tiles, mark) { return tiles.filter((tile) => answers.arrays.marks[convatlas.tiles.unit(atlas, tile)] & convatlas.marks.bits[mark]); }

  /** Whether no image raises the unit. */
  const silent = (answers, unit) => Boolean(answers.arrays.marks[unit] & convatlas.marks.bits.never_on);

  convatlas.answers = {
    sorts: new Set(Object.keys(SORTS)),
    order, filtered,
    /** A promise of a layer's answers and the dataset's images; null where its units were not asked. */
    async load(slug, address) {
      if (!address) return null;
      const [value, examples] = await Promise.all([convatlas.load('units', slug, address), convatlas.load('examples', 'all', 'data/examples.js')]);
      if (!kept.has(slug)) kept.set(slug, open(value));
      return {answers: kept.get(slug), examples};
    },
    SELDOM, figures, shut, view, list, alike, silent, units, cut, veiled, unpacked: open,
  };
})();
