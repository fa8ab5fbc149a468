/* Through which weights a unit is wired: what feeds it, what it feeds, which classes, and which units have its weights.
 * Data are arrays of all units of a layer, packed by generator/pages/wires.py. */
(() => {
  const FEW = 4;  // units named that hand a channel on
  const LEAST = 0.02;  // part of a reader's squared weights below which it is not named
  const UNREAD = 1e-4;  // part below which no reader looks at it at all
  const NEARLY = 0.9;  // cosine from which two kernels are nearly one
  const kept = new Map();

  /** The text of an address of another unit's panel, which opens on the same image, in the same view and colour. */
  convatlas.carried = (parts) => {
    const page = document.querySelector('layer-page');
    return convatlas.address.text({...parts, ...(page && page.state ? page.carried() : {})});
  };

  /** Where the row to the first layer goes on, as a link that keeps the row which one came by, or which begins at the unit that is open. */
  function onward([name, page], unit) {
    const {el, url, say} = convatlas;
    const {data, state} = document.querySelector('layer-page');
    const from = state.t || `${data.name}/${state.u}`;
    const words = say('wireThread');
    if (!page) return el('span', {class: 'ca-wire__via'}, words);
    return el('a', {class: 'ca-wire__via ca-wire__on', href: `${url(page)}#${convatlas.carried({u: unit, t: from})}`, 'aria-label': `${words}: ${name} ${unit}`}, words);
  }

  /** The same of a unit of this page's own layer: as the page is, in order and filter too. */
  convatlas.beside = (parts) => {
    const page = document.querySelector('layer-page');
    return convatlas.address.text({...(page && page.state ? page.whole() : {}), t: '', ...parts});
  };

  /** A layer's wires, unpacked. */
  async function load(slug, address) {
    if (!address) return null;
    const value = await convatlas.load('wires', slug, address);
    if (!kept.has(slug)) kept.set(slug, convatlas.answers.unpacked(value));
    return kept.get(slug);
  }

  /** The units that really mix behind one input channel, nearest first, each with what hands it on: [{layer, unit, way, via}]. */
  function ends(wires, channel) {
    const {arrays: {starts, endLayer, endUnit, endWay, viaStarts, viaLayer, viaUnit, viaWay}} = wires;
    const found = [];
    for (let at = starts[channel]; at < starts[channel + 1]; at += 1) {
      const via = [];
      for (let k = viaStarts[at]; k < viaStarts[at + 1]; k += 1) via.push({layer: viaLayer[k], unit: viaUnit[k], way: viaWay[k] - 1});
      found.push({layer: endLayer[at], unit: endUnit[at], way: endWay[at] - 1, via});
    }
    return found;
  }

  /** A link to a unit of any layer; of this one, or of a layer without a page, as it may be. */
  function link(wires, layer, unit) {
    const {el, url, breaks, say} = convatlas;
    const [name, page, colours] = wires.layers[layer];
    const text = [el('span', {class: 'ca-wire__layer'}, breaks(name)), ' ', el('b', {}, colours === 3 ? say(`xColour${unit}`) : unit)];
    return page ? el('a', {href: `${url(page)}#${convatlas.carried({u: unit})}`}, text) : el('span', {}, text);
  }

  /** Whole percentages of parts of one whole, which make 100 together: those that lose most by rounding down are rounded up. */
  function percentages(parts) {
    const sum = parts.reduce((a, b) => a + b, 0) || 1;
    const exact = parts.map((v) => 100 * v / sum);
    const found = exact.map(Math.floor);
    const order = exact.map((v, n) => [v - found[n], n]).sort(([a], [b]) => b - a);
    const missing = 100 - found.reduce((a, b) => a + b, 0);
    for (const [, n] of order.slice(0, missing)) found[n] += 1;
    return found;
  }

  /** The part of a kernel's squared weights that a slice has, of its length's share of the kernel's. */
  const part = (share) => share ** 2;

  /** A share in whole per cent, below one in tenths. What is read with next to nothing is not written as nothing: in eight bits it is. */
  const whole = (share) => (share >= 0.0095 ? Math.round(100 * share) : share < 1e-3 ? '<\u202f0.1' : (100 * share).toFixed(1));

  /** How much, and whether for or against: a bar of that length in the colour of the sign, and of a kernel of one place the weight. */
  function strength(percent, sign, weight, driven = false) {
    const {el, say, number} = convatlas;
    const words = driven ? ['wireDrives', 'wireHolds', 'wireMoves'] : ['wireFor', 'wireAgainst', 'wireOpen'];
    const bar = el('i', {class: `ca-wire__bar ca-wire__bar--${sign > 0 ? 'for' : sign < 0 ? 'against' : 'open'}`});
    bar.style.setProperty('--share', (Number(percent) || 0.5) / 100);
    const share = `${percent || '<\u202f1'} %`;
    const said = `${sign > 0 ? '+' : sign < 0 ? '\u2212' : ''}${share}`;
    return el('span', {class: 'ca-wire__strength', title: say(words[sign > 0 ? 0 : sign < 0 ? 1 : 2], {share})}, bar, el('span', {'data-percent': percent}, said), weight === undefined ? '' : el('small', {class: 'ca-wire__weight', 'data-weight': weight}, say('wireWeight', {v: number(weight)})));
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

  /** What hands a unit on, on the way: a link in a line of its own; of several how many, and they themselves on demand. */
  function passed(wires, via) {
    const {el, say} = convatlas;
    if (!via.length) return '';
    const links = via.slice(0, FEW).flatMap(({layer, unit}, n) => [n ? ', ' : '', link(wires, layer, unit)]);
    if (via.length === 1) return el('span', {class: 'ca-wire__via'}, `${say('wireVia')} `, links);
    return el('details', {class: 'ca-wire__via'}, el('summary', {}, say('wireViaMany', {n: via.length})), links, via.length > FEW ? say('wireMore', {n: via.length - FEW}) : '');
  }

  /** The names of a channel's ends, and the way of them all. */
  function named(wires, channel) {
    const {el, say} = convatlas;
    const from = ends(wires, channel);
    if (!from.length) return {way: 0, names: el('span', {class: 'ca-dim'}, say('wireChannel', {n: channel}))};
    const names = from.flatMap(({layer, unit}, n) => (n ? [el('span', {class: 'ca-dim'}, ' + '), link(wires, layer, unit)] : [link(wires, layer, unit)]));
    if (wires.arrays.more[channel]) names.push(el('span', {class: 'ca-dim'}, say('wireOthers')));
    return {first: from[0], way: from.every((one) => one.way === from[0].way) ? from[0].way : 0, names: [...names, passed(wires, from[0].via)]};
  }

  /** Those of a unit's inputs; `goes` is where its thread goes first, which is marked. */
  function inputs(wires, unit, shown, goes) {
    const {el, say} = convatlas;
    const {k: {in: k}, arrays, window} = wires;
    const rows = [];
    const driven = Boolean(arrays.driven && arrays.driven[unit]);
    let marked = !goes;
    // What adds so little that eight bits have it as nothing is part of the rest.
    const known = Array.from({length: k}, (_, n) => unit * k + n).filter((at) => arrays.channel[at] >= 0 && (arrays.share[at] || !wires.weighted));
    const percents = percentages([...known.map((at) => part(arrays.share[at] / 255)), arrays.rest[unit] / 255]);
    for (const [n, at] of known.entries()) {
      const channel = arrays.channel[at];
      const {first, way, names} = named(wires, channel);
      const picture = first && shown ? shown(wires.layers[first.layer][0], first.unit) : '';
      const on = !marked && first && first.unit === goes.unit && wires.layers[first.layer][0] === goes.name;
      marked ||= on;
      const mark = on ? onward(wires.layers[first.layer], first.unit) : '';
      rows.push(row(picture, wires.weighted && window.length && window[0] ? slice(wires, at) : '', el('span', {class: 'ca-wire__names'}, names, mark), wires.weighted ? strength(percents[n], (arrays.sign[at] - 1) * way, arrays.weight.length ? arrays.weight[at] : undefined, driven) : ''));
    }
    if (rows.length && wires.weighted && percents[known.length]) rows.push(row('', '', el('span', {class: 'ca-wire__names ca-dim'}, say('wireRest')), strength(percents[known.length], 0)));
    if (!rows.length) return wires.noInputs ? {title: say('fedBy'), body: '', note: say('wireNone', {why: wires.noInputs})} : null;
    return {title: say(wires.weighted ? 'fedBy' : 'madeOf'), body: el('ul', {class: 'ca-wires'}, rows), note: wires.weighted ? say(driven ? 'fedHowDriven' : wires.active ? 'fedHowActive' : 'fedHow') : ''};
  }

  /** Where a unit that only hands on leads: the nearest end of its channel, {name, unit, way}. */
  function lead(wires, unit) {
    const channel = wires.k.in ? wires.arrays.channel[unit * wires.k.in] : -1;
    const first = channel < 0 ? null : ends(wires, channel)[0];
    return first ? {name: wires.layers[first.layer][0], unit: first.unit, way: first.way * (wires.weighted ? wires.arrays.sign[unit * wires.k.in] - 1 : 1)} : null;
  }

  function feeds(wires, unit) {
    const {el, say} = convatlas;
    const {k: {out: k}, arrays} = wires;
    const share = (at) => part(arrays.feedsShare[at] / 255);
    const known = Array.from({length: k}, (_, n) => unit * k + n).filter((at) => arrays.feedsUnit[at] >= 0);
    // The strongest stand first: of those that look at it with next to nothing only the first is named.
    const named = Math.max(1, known.filter((at) => share(at) >= LEAST).length);
    if (known.length && share(known[0]) < UNREAD) return {title: say('feeds'), body: '', note: say('feedsNone')};
    const rows = known.slice(0, named).map((at) => row('', el('span', {class: 'ca-wire__names'}, link(wires, arrays.feedsLayer[at], arrays.feedsUnit[at])), strength(whole(share(at)), arrays.feedsSign[at] - 1)));
    if (known.length > named) rows.push(row('', el('span', {class: 'ca-wire__names ca-dim'}, say('feedsRest', {share: `${whole(share(known[named]))} %`}))));
    return rows.length ? {title: say('feeds'), body: el('ul', {class: 'ca-wires'}, rows), note: say('feedsHow')} : null;
  }

  function classes(wires, unit) {
    const {el, say} = convatlas;
    const {k: {classes: k}, arrays} = wires;
    const rows = [];
    for (let at = unit * k; at < (unit + 1) * k; at += 1) {
      if (arrays.classShare[at]) rows.push(row('', el('span', {class: 'ca-wire__names'}, wires.classes[arrays.classIndex[at]]), strength(whole(part(arrays.classShare[at] / 255)), arrays.classSign[at] - 1)));
    }
    return rows.length ? {title: say('feedsClasses'), body: el('ul', {class: 'ca-wires'}, rows), note: say('feedsClassesHow')} : null;
  }

  function near(wires, unit) {
    const {say, number} = convatlas;
    const {k: {near: k}, arrays} = wires;
    const found = [];
    for (let at = unit * k; at < (unit + 1) * k; at += 1) if (arrays.nearUnit[at] >= 0) found.push([arrays.nearUnit[at], arrays.nearCosine[at], number(arrays.nearCosine[at])]);
    const same = found.filter(([, cosine]) => cosine >= NEARLY);
    if (same.length) return {title: say('nearWeights'), body: convatlas.answers.units(same, say('cosine')), note: ''};
    return found.length ? {title: say('nextWeights'), body: convatlas.answers.units(found, say('cosine')), note: say('nextWeightsHow')} : null;
  }

  convatlas.wires = {
    load,
    lead,
    ends,
    slice,
    part,
    whole,
    percentages,
    /** Figures of a unit, as `unit-panel` takes them; `shown` makes the small picture of an input, or ''. */
    figures: (wires, unit, shown, goes) => [inputs(wires, unit, shown, goes), feeds(wires, unit), classes(wires, unit), near(wires, unit)].filter(Boolean),
  };
})();
