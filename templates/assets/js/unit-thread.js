/* The thread of a unit: the unit, the input that speaks for it most, that one's, and so on to the first layer's kernel, as
 * pictures in a row. What only hands a channel on is gone through. Data of all layers: generator/pages/threads.py. */
(() => {
  const NOWHERE = 65535, IMAGE = 65534;
  const SIDE = 52;
  let opened = null;

  /** The layers and steps of the whole report; null where there are none. */
  async function load(address) {
    if (!address) return null;
    const value = await convatlas.load('threads', 'all', address);
    opened ??= {...convatlas.answers.unpacked(value), byName: new Map(value.layers.map((layer) => [layer.name, layer])), followed: new Map()};
    return opened;
  }

  /** The threads that were followed for the units of the layers called so, where there are any. */
  async function follow(threads, names) {
    await Promise.all(names.map(async (name) => {
      const layer = threads.byName.get(name);
      if (layer && layer.rows && !threads.followed.has(name)) threads.followed.set(name, convatlas.answers.unpacked(await convatlas.load('rows', ...layer.rows)).arrays);
    }));
  }

  /** The steps that were followed for a unit itself; null where none were. */
  function own(threads, layer, unit) {
    const rows = threads.followed.get(layer.name);
    if (!rows || rows.starts[unit] === rows.starts[unit + 1]) return null;
    const found = [];
    for (let at = rows.starts[unit]; at < rows.starts[unit + 1] && rows.next[at] !== NOWHERE; at += 1) {
      found.push({layer: rows.next[at] === IMAGE ? null : threads.layers[rows.next[at]], unit: rows.unit[at], sign: rows.sign[at] - 1, share: rows.share[at] / 255});
    }
    return found;
  }

  /** One step back from a unit that mixes: {layer, unit, sign, share}; the layer is null where the image is reached. */
  function next(threads, layer, unit) {
    const at = layer.base + unit;
    const {next: to, unit: units, sign, share} = threads.arrays;
    if (to[at] === NOWHERE) return null;
    return {layer: to[at] === IMAGE ? null : threads.layers[to[at]], unit: units[at], sign: sign[at] - 1, share: share[at] / 255};
  }

  /** All steps from a unit of the layer called so; `first` is where one that only hands on leads. */
  function steps(threads, name, unit, first) {
    const found = [];
    const mine = threads.byName.get(name);
    let step = mine ? {layer: mine, unit} : first && threads.byName.has(first.name) ? {layer: threads.byName.get(first.name), unit: first.unit, sign: first.way, share: 1} : null;
    if (!step) return found;
    if (!mine) found.push(step);
    const itself = own(threads, step.layer, step.unit);
    if (itself) return [...found, ...itself];
    step = next(threads, step.layer, step.unit);
    while (step) {
      found.push(step);
      step = step.layer && next(threads, step.layer, step.unit);
    }
    return found;
  }

  /** What stands for a unit: what it looks for, where that was searched; else what raises it most; else nothing, ''. */
  function picture(threads, examples, layer, unit, side) {
    const {tiles, answers} = convatlas;
    const {pictures} = layer;
    const tile = pictures ? tiles.tile(pictures, unit) : -1;
    if (tile >= 0 && !(pictures.dead && pictures.dead[tile])) return tiles.single(pictures, tile, side);
    const image = threads.arrays.image[layer.base + unit];
    if (!examples || image >= examples.length) return '';
    return answers.cut({...layer, input: threads.input}, examples[image][0], threads.arrays.place[layer.base + unit], side);
  }

  /** The kernel through which a unit of the first layer sees the image. */
  function kernel(layer, unit, side) {
    const {tiles} = convatlas;
    const tile = layer.kernels ? tiles.tile(layer.kernels, unit) : -1;
    return tile < 0 ? '' : tiles.single(layer.kernels, tile, side, 'gray');
  }

  const percent = ({sign, share}) => `${sign > 0 ? '+' : sign < 0 ? '\u2212' : ''}${Math.round(convatlas.wires.part(share) * 100)} %`;

  /** A layer's name as it fits under a small picture: without what most names begin with, and without underscores at its ends. */
  function short(threads, name) {
    const [first, ...rest] = name.split('.');
    const common = rest.length && threads.layers.filter((layer) => layer.name.startsWith(`${first}.`)).length > threads.layers.length / 2;
    return (common ? rest : [first, ...rest]).map((part) => part.replace(/^_+|_+$/g, '') || part).join(' ');
  }

  /** A unit on the thread, as a link that keeps the row; without a step, where the row begins. */
  function knot({threads, layer, unit, step, body, here, from}) {
    const {el, url, say, breaks, carried} = convatlas;
    const words = here ? say('threadHere', {layer: layer.name, unit}) : step ? say('threadStep', {layer: layer.name, unit, share: percent(step)}) : say('threadBegan', {layer: layer.name, unit});
    const sign = step ? ` ca-thread__tie--${step.sign > 0 ? 'for' : step.sign < 0 ? 'against' : 'open'}` : '';
    const inside = [el('span', {class: 'ca-thread__picture'}, body || el('i', {class: 'ca-thread__none'}), el('b', {}, unit)), el('small', {}, breaks(short(threads, layer.name)))];
    return el('li', {class: `ca-thread__knot${sign}`}, layer.page && !here ? el('a', {href: `${url(layer.page)}#${carried({u: unit, t: from})}`, title: words, 'aria-label': words}, inside) : el('span', {title: words, 'aria-current': here ? 'true' : null}, inside));
  }

  /** The row that the address says one came by, `from` being "layer/unit" of its begin: [{layer, unit, …}]; null where it does
   * not come by the unit that is shown. */
  function kept(threads, from, here) {
    const cut = from.lastIndexOf('/');
    const layer = threads.byName.get(from.slice(0, cut)), unit = Number(from.slice(cut + 1));
    if (cut < 1 || !layer || !Number.isInteger(unit) || unit < 0 || unit >= layer.units) return null;
    const row = [{layer, unit}, ...steps(threads, layer.name, unit)];
    return row.some((one) => one.layer && one.layer.name === here.name && one.unit === here.unit) ? row : null;
  }

  /** How steps were weighed, in words. */
  function weighed(threads, row) {
    const begin = row.find((one) => one.layer && threads.byName.has(one.layer.name));
    if (begin && own(threads, begin.layer, begin.unit)) return convatlas.say('threadOwn');
    const readers = row.filter((one, k) => one.layer && one.layer.page && k < row.length - 1);
    return convatlas.say(readers.some(({layer}) => layer.active) ? 'threadActive' : 'threadWeights');
  }

  /** The figure of a unit's thread, as `unit-panel` takes it; null where nothing is known of it. `first` is where a unit that
   * only hands on leads, `from` the begin of the row that one came by. */
  function figure(threads, examples, here, first, from = '') {
    const {el, say} = convatlas;
    const mixes = threads.byName.get(here.name);
    const came = mixes && kept(threads, from, here);
    if (here.silent && !came) return null;
    const begin = {layer: mixes || {name: here.name}, unit: here.unit};
    const row = came || [begin, ...steps(threads, here.name, here.unit, first)];
    const knots = row.filter((one) => one.layer);
    const end = row.length > 1 && !row[row.length - 1].layer;
    if (knots.length < 2 && !(end && mixes)) return null;
    const root = knots.find(({layer}) => threads.byName.has(layer.name));
    const last = knots[knots.length - 1];
    const seen = end ? kernel(last.layer, last.unit, SIDE) : '';
    const said = el('p', {class: 'ca-thread__said ca-dim', 'aria-hidden': 'true'});
    const quiet = say('threadSaid');
    said.textContent = quiet;
    const tell = (event) => { const on = event.target.closest('[title], [data-words]'); said.textContent = on ? on.title || on.dataset.words : quiet; };
    const tiles = knots.map((one) => {
      const current = one.layer.name === here.name && one.unit === here.unit;
      const body = current ? here.body(SIDE) : picture(threads, examples, one.layer, one.unit, SIDE);
      return knot({threads, layer: one.layer, unit: one.unit, step: one.share === undefined ? null : one, body, here: current, from: `${root.layer.name}/${root.unit}`});
    });
    const list = el('ol', {class: 'ca-thread', onpointerover: tell, onfocusin: tell, onpointerleave() { said.textContent = quiet; }}, tiles,
      seen ? el('li', {class: 'ca-thread__knot ca-thread__knot--kernel'}, el('span', {title: say('threadKernel')}, el('span', {class: 'ca-thread__picture'}, seen), el('small', {}, say('kernel')))) : '');
    return {title: say('thread'), kind: 'ca-panel__thread', body: el('div', {}, list, said), note: `${say(end ? 'threadHow' : 'threadLost')} ${weighed(threads, row)}`};
  }

  /** Where the thread of a unit that mixes goes first: {name, unit}; null where it is not followed, or to the image. */
  function goes(threads, name, unit) {
    const [step] = steps(threads, name, unit);
    return step && step.layer ? {name: step.layer.name, unit: step.unit} : null;
  }

  /** The layer in which the row begins that the address says one came by. */
  const begun = (from) => from.slice(0, from.lastIndexOf('/'));

  convatlas.threads = {load, follow, picture, figure, goes, begun};
})();
