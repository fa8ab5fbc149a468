/* The thread of a unit: the unit, the input that speaks for it most, that one's, and so on to the first layer's kernel, as
 * pictures in a row. What only hands a channel on is gone through. Data of all layers: generator/pages/threads.py. */
(() => {
  const NOWHERE = 65535, IMAGE = 65534;
  const FEW = 8;  // pictures that stand in one row, with their layers' names
  let opened = null;

  /** The layers and steps of the whole report; null where there are none. */
  async function load(address) {
    if (!address) return null;
    const value = await convatlas.load('threads', 'all', address);
    opened ??= {...convatlas.answers.unpacked(value), byName: new Map(value.layers.map((layer) => [layer.name, layer]))};
    return opened;
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
    const own = threads.byName.get(name);
    let step = own ? next(threads, own, unit) : first && threads.byName.has(first.name) ? {layer: threads.byName.get(first.name), unit: first.unit, sign: first.way, share: 1} : null;
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

  const percent = ({sign, share}) => `${sign > 0 ? '+' : sign < 0 ? '\u2212' : ''}${Math.round(share * 100)} %`;

  /** A unit on the thread, as a link; without a step, where the thread begins. */
  function knot({layer, unit, step, body, labels}) {
    const {el, url, say, breaks} = convatlas;
    const words = step ? say('threadStep', {layer: layer.name, unit, share: percent(step)}) : say('threadHere', {layer: layer.name, unit});
    const sign = step ? ` ca-thread__tie--${step.sign > 0 ? 'for' : step.sign < 0 ? 'against' : 'open'}` : '';
    const inside = [el('span', {class: 'ca-thread__picture'}, body || el('i', {class: 'ca-thread__none'}), el('b', {}, unit)), labels ? el('small', {}, breaks(layer.name)) : ''];
    return el('li', {class: `ca-thread__knot${sign}`}, layer.page && step ? el('a', {href: `${url(layer.page)}#u=${unit}`, title: words, 'aria-label': words}, inside) : el('span', {title: words, 'aria-current': step ? null : 'true'}, inside));
  }

  /** The figure of a unit's thread, as `unit-panel` takes it; null where nothing is known of it. */
  function figure(threads, examples, here, first) {
    const {el, say} = convatlas;
    const found = steps(threads, here.name, here.unit, first);
    const knots = found.filter((step) => step.layer);
    const own = threads.byName.get(here.name);
    const end = found.length && !found[found.length - 1].layer;
    const last = knots.length ? knots[knots.length - 1] : own && {layer: own, unit: here.unit};
    if (!knots.length && !(end && own)) return null;
    const labels = knots.length < FEW;
    const side = labels ? 64 : 46;
    const seen = end && last ? kernel(last.layer, last.unit, side) : '';
    const said = el('p', {class: 'ca-thread__said ca-dim', 'aria-hidden': 'true'});
    const quiet = say('threadSaid');
    said.textContent = quiet;
    const tell = (event) => { const on = event.target.closest('[title], [data-words]'); said.textContent = on ? on.title || on.dataset.words : quiet; };
    const list = el('ol', {class: `ca-thread${labels ? ' ca-thread--named' : ''}`, onpointerover: tell, onfocusin: tell, onpointerleave() { said.textContent = quiet; }},
      knot({layer: own || {name: here.name}, unit: here.unit, body: here.body(side), labels}),
      knots.map((step) => knot({layer: step.layer, unit: step.unit, step, body: picture(threads, examples, step.layer, step.unit, side), labels})),
      seen ? el('li', {class: 'ca-thread__knot ca-thread__knot--kernel'}, el('span', {title: say('threadKernel')}, el('span', {class: 'ca-thread__picture'}, seen, labels ? '' : el('b', {}, say('threadEnd'))), labels ? el('small', {}, say('kernel')) : '')) : '');
    return {title: say('thread'), kind: 'ca-panel__thread', body: el('div', {}, list, said), note: say(end ? 'threadHow' : 'threadLost')};
  }

  convatlas.threads = {load, picture, figure};
})();
