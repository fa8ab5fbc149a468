/* Through which weights a unit is wired: what feeds it, what it feeds, which classes, and which units have its weights.
 * Data are arrays of all units of a layer, packed by generator/pages/wires.py. */
(() => {
  const kept = new Map();

  /** A layer's wires, unpacked. */
  async function load(slug, address) {
    if (!address) return null;
    const value = await convatlas.load('wires', slug, address);
    if (!kept.has(slug)) kept.set(slug, convatlas.answers.unpacked(value));
    return kept.get(slug);
  }

  /** The layers and units that one input channel is: [{layer, unit, way}]. */
  function sources(wires, channel) {
    const {arrays: {starts, sourceLayer, sourceUnit, sourceWay}} = wires;
    const found = [];
    for (let at = starts[channel]; at < starts[channel + 1]; at += 1) found.push({layer: sourceLayer[at], unit: sourceUnit[at], way: sourceWay[at] - 1});
    return found;
  }

  /** A link to a unit of any layer; of this one, or of a layer without a page, as it may be. */
  function link(wires, layer, unit) {
    const {el, url, breaks} = convatlas;
    const [name, page] = wires.layers[layer];
    const text = [el('span', {class: 'ca-wire__layer'}, breaks(name)), ' ', el('b', {}, unit)];
    return page ? el('a', {href: `${url(page)}#u=${unit}`}, text) : el('span', {}, text);
  }

  /** How much, and whether for or against: a bar of that length in the colour of the sign. */
  function strength(share, sign) {
    const {el, say, percent} = convatlas;
    const bar = el('i', {class: `ca-wire__bar ca-wire__bar--${sign > 0 ? 'for' : sign < 0 ? 'against' : 'open'}`});
    bar.style.setProperty('--share', share);
    return el('span', {class: 'ca-wire__strength', title: say(sign > 0 ? 'wireFor' : sign < 0 ? 'wireAgainst' : 'wireOpen', {share: percent(share)})}, bar, el('span', {}, `${sign > 0 ? '+' : sign < 0 ? '\u2212' : ''}${Math.round(share * 100)} %`));
  }

  /** A slice of a kernel, red for weights above zero and blue for those below. */
  function slice(wires, at) {
    const {window: [h, w], arrays} = wires;
    const NS = 'http://www.w3.org/2000/svg';
    const made = document.createElementNS(NS, 'svg');
    made.setAttribute('viewBox', `0 0 ${w} ${h}`);
    made.setAttribute('class', 'ca-wire__slice');
    made.setAttribute('aria-hidden', 'true');
    for (let k = 0; k < h * w; k += 1) {
      const v = (arrays.slices[at * h * w + k] - 128) / 127;
      const cell = document.createElementNS(NS, 'rect');
      for (const [key, value] of Object.entries({x: k % w, y: Math.floor(k / w), width: 1.02, height: 1.02, fill: v < 0 ? 'var(--ca-against)' : 'var(--ca-for)', 'fill-opacity': Math.abs(v).toFixed(3)})) cell.setAttribute(key, value);
      made.append(cell);
    }
    return made;
  }

  const row = (...parts) => convatlas.el('li', {class: 'ca-wire'}, parts);

  function inputs(wires, unit) {
    const {el, say} = convatlas;
    const {k: {in: k}, arrays, window} = wires;
    const rows = [];
    let several = false;
    for (let at = unit * k; at < (unit + 1) * k; at += 1) {
      const channel = arrays.channel[at];
      if (channel < 0) continue;
      const from = sources(wires, channel);
      several ||= from.length > 1;
      const way = from.length && from.every((one) => one.way === from[0].way) ? from[0].way : 0;
      const sign = (arrays.sign[at] - 1) * way;
      const names = from.length ? from.slice(0, 3).flatMap(({layer, unit: other}, n) => (n ? [el('span', {class: 'ca-dim'}, ' + '), link(wires, layer, other)] : [link(wires, layer, other)])) : [el('span', {class: 'ca-dim'}, say('wireChannel', {n: channel}))];
      if (from.length > 3) names.push(el('span', {class: 'ca-dim'}, say('wireMore', {n: from.length - 3})));
      rows.push(row(wires.weighted && window.length && window[0] ? slice(wires, at) : '', el('span', {class: 'ca-wire__names'}, names), wires.weighted ? strength(arrays.share[at] / 255, sign) : ''));
    }
    if (!rows.length) return wires.noInputs ? {title: say('fedBy'), body: '', note: say('wireNone', {why: wires.noInputs})} : null;
    return {title: say(wires.weighted ? 'fedBy' : 'madeOf'), body: el('ul', {class: 'ca-wires'}, rows), note: wires.weighted ? say('fedHow') : ''};
  }

  function feeds(wires, unit) {
    const {el, say} = convatlas;
    const {k: {out: k}, arrays} = wires;
    const rows = [];
    for (let at = unit * k; at < (unit + 1) * k; at += 1) {
      if (arrays.feedsUnit[at] >= 0) rows.push(row('', el('span', {class: 'ca-wire__names'}, link(wires, arrays.feedsLayer[at], arrays.feedsUnit[at])), strength(arrays.feedsShare[at] / 255, arrays.feedsSign[at] - 1)));
    }
    return rows.length ? {title: say('feeds'), body: el('ul', {class: 'ca-wires'}, rows), note: say('feedsHow')} : null;
  }

  function classes(wires, unit) {
    const {el, say} = convatlas;
    const {k: {classes: k}, arrays} = wires;
    const rows = [];
    for (let at = unit * k; at < (unit + 1) * k; at += 1) {
      if (arrays.classShare[at]) rows.push(row('', el('span', {class: 'ca-wire__names'}, wires.classes[arrays.classIndex[at]]), strength(arrays.classShare[at] / 255, arrays.classSign[at] - 1)));
    }
    return rows.length ? {title: say('feedsClasses'), body: el('ul', {class: 'ca-wires'}, rows), note: say('feedsClassesHow')} : null;
  }

  function near(wires, unit) {
    const {el, say, number} = convatlas;
    const {k: {near: k}, arrays} = wires;
    const found = [];
    for (let at = unit * k; at < (unit + 1) * k; at += 1) if (arrays.nearUnit[at] >= 0) found.push([arrays.nearUnit[at], arrays.nearCosine[at], number(arrays.nearCosine[at])]);
    return found.length ? {title: say('nearWeights'), body: convatlas.answers.units(found, say('cosine')), note: ''} : null;
  }

  convatlas.wires = {
    load,
    figures: (wires, unit) => [inputs(wires, unit), feeds(wires, unit), classes(wires, unit), near(wires, unit)].filter(Boolean),
  };
})();
