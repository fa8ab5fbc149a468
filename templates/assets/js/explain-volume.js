/* A convolution over depth, height and width: the slices of one input volume with the window on those that it meets, the kernel
 * slice by slice, the products, and the slices of the unit's volume. Volumes lie as maps whose slices stand one below the other. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const MANY = 12;

  /** The slices of a volume as maps, each with its depth under it. */
  const slices = (values, [d, h, w], on, colour, side, label) => Array.from({length: d}, (_, z) => {
    const map = draw.map({values: values.subarray(z * h * w, (z + 1) * h * w), w, h, on, colour, side, label: label ? label(z) : ''});
    return {map, part: draw.part(convatlas.say('xSliceAt', {z}), map)};
  });

  draw.slices = slices;

  core.figures.volume = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings, shape: [units, rows, W], reads: [{shape: [all]}]} = chain.steps[k];
    const {kernel: [kd, kh, kw], size, depth: D} = settings;
    const [d, h, w] = size;
    const H = rows / D;
    const weight = chain.kernels.get(k);
    const bias = chain.arrays[k].bias ? chain.arrays[k].bias[unit] : 0;
    const {channels, begins, out, strength, group} = chain.convolved(k, unit);
    const order = channels.map((_, j) => j).sort((a, b) => strength[b] - strength[a] || a - b);
    const parts = new Map();
    const part = (j) => {
      if (!parts.has(j)) parts.set(j, core.bulk(settings, chain.read(k, 0, channels[j]), size, weight, begins(j), [D, H, W]));
      return parts.get(j);
    };
    const shown = order.slice(0, MANY);
    const onOutput = draw.scale(out);
    const onKernel = {...draw.scale(...order.map((j) => weight.subarray(begins(j), begins(j) + kd * kh * kw)), [-1e-9]), signed: true};
    const side = (n) => Math.max(56, Math.min(120, 420 / n));
    const {name: step} = chain.steps[k];
    let chosen = view.rowOf === step && order.includes(view.row) ? view.row : order[0], place = {y: 0, x: 0};
    const inputs = el('div', {class: 'ca-x-slices-row'}), inputBar = el('div', {class: 'ca-x-bar-short'});
    let inputMaps = [], onInput = null;
    const outputs = slices(out, [D, H, W], onOutput, colour, side(D));
    outputs.forEach(({map}, z) => draw.chooser(map, {...view, move: ({y, x}) => view.move({y: z * H + y, x})}, say('xOutputSlice', {unit, z})));
    const choose = el('select', {'data-volume-channel': '', onchange: () => pick(Number(choose.value))}, order.map((j) => el('option', {value: j, selected: j === chosen}, say('xChannel', {n: channels[j]}))));
    const title = el('h2'), grids = el('div', {class: 'ca-x-depths'});
    const written = el('p', {class: 'ca-x-written', 'data-written': true}), summed = el('p', {class: 'ca-x-written', 'data-summed': true});
    const bracket = (v, attributes) => (v < 0 ? ['(', draw.number(v, attributes), ')'] : [draw.number(v, attributes)]);

    function pick(j) {
      chosen = j;
      view.keep({row: j, rowOf: step});
      const x = chain.read(k, 0, channels[j]);
      onInput = draw.scale(x);
      inputMaps = slices(x, size, onInput, colour, side(d), (z) => `${say('xInputMap', {n: channels[j]})}, ${say('xSliceAt', {z})}`);
      inputs.replaceChildren(...inputMaps.map((one) => one.part));
      inputBar.replaceChildren(draw.bar(onInput, colour));
      write();
    }

    /** The window, the kernel and the products of one slice of the kernel. */
    function deep(kz, cells, terms) {
      const own = cells.map((cell, n) => ({...cell, n})).filter((cell) => cell.kz === kz);
      const none = ({at}) => at === -2;
      const [window_, factors, products] = [own.every(none) ? say('xWindowNone') : say('xWindowAt', {z: own[0].z}), say('xKernelAt', {z: kz}), say('xProducts')].map((caption) => draw.grid({caption, columns: kw, colour}));
      const beside = (cell) => (none(cell) ? 'is-none' : cell.at < 0 ? 'is-pad' : '');
      window_.dress(own.map((cell) => ({k: cell.n, v: none(cell) ? null : terms[cell.n].x, cls: beside(cell), note: none(cell) ? '' : cell.at < 0 ? say('xPadding') : cell.z < 0 || cell.z >= d || cell.y < 0 || cell.y >= h || cell.x < 0 || cell.x >= w ? say(`x_${settings.mode}`) : ''})), onInput);
      factors.dress(own.map((cell) => ({k: cell.n, v: terms[cell.n].w, cls: none(cell) ? 'is-none' : ''})), onKernel);
      products.dress(own.map((cell) => ({k: cell.n, v: none(cell) ? null : terms[cell.n].v, cls: beside(cell)})), draw.scale(terms.map(({v}) => v), [-1e-12]));
      return el('div', {class: 'ca-x-grids', 'data-depth': kz}, window_, draw.sign('×'), factors, draw.sign(draw.multiplies(own.filter((cell) => !none(cell)).map(({n}) => terms[n]), kw) ? '=' : '≈'), products);
    }

    function write() {
      const [z, y, x] = [Math.floor(place.y / H), place.y % H, place.x];
      const cells = core.cubes(settings, size, z, y, x);
      const {terms, sum} = core.dot(cells, chain.read(k, 0, channels[chosen]), weight, begins(chosen));
      inputMaps.forEach(({map}, at) => {
        const there = cells.filter((cell) => cell.z === at);
        map.mark(settings.transposed ? there.filter((cell) => cell.at >= 0) : settings.dilation.slice(1).some((v) => v > 1) ? there : there.length ? [{y: there[0].y, x: there[0].x, h: kh, w: kw}] : []);
      });
      title.textContent = say('xWindowDeep', {n: channels[chosen], z, y, x});
      grids.replaceChildren(...Array.from({length: kd}, (_, kz) => deep(kz, cells, terms)));
      const real = terms.map((one, n) => ({...one, n})).filter(({n}) => cells[n].at !== -2);
      written.replaceChildren(...(real.length ? real.flatMap(({x: v, w: own, n}, at) => [at ? ' + ' : '', el('span', {class: 'ca-x-term', 'data-k': n}, draw.number(v), '·', bracket(own))]) : [say('xNone')]), ` ${draw.equals(real.reduce((all, {x: v, w: own}) => all + draw.shown(v) * draw.shown(own), 0), sum)} `, draw.number(sum, {class: 'ca-x-num ca-x-strong', 'data-part': ''}));
      draw.long(written, real.length > 25, title.textContent);
      const at = place.y * W + place.x;
      const sums = shown.map((j) => part(j)[at]);
      const rest = out[at] - bias - sums.reduce((a, b) => a + b, 0), more = order.length - shown.length;
      const hint = (words) => el('span', {class: 'ca-dim'}, words);
      summed.replaceChildren(el('b', {}, say('xSumDeep', {z, y, x})), ' ', ...sums.flatMap((v, n) => [n ? ' + ' : '', el('span', {class: shown[n] === chosen ? 'ca-x-term is-own' : 'ca-x-term', title: say('xChannel', {n: channels[shown[n]]})}, bracket(v, {'data-channel-sum': channels[shown[n]]}))]),
        ...(more ? [' + ', hint(say('xOthers', {n: more})), ' ', draw.number(rest, {'data-others': ''})] : []), ' + ', hint(say('xBias')), ' ', draw.number(bias, {'data-bias': ''}), ` ${draw.equals(sums.reduce((all, v) => all + draw.shown(v), 0) + (more ? draw.shown(rest) : 0) + draw.shown(bias), out[at])} `, draw.number(out[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    }

    const node = el('div', {class: 'ca-x ca-x-volume'}, el('p', {class: 'ca-x-lead'}, view.lead(), channels.length < all ? ` ${say('xGroup', {n: group + 1, of: settings.groups, first: channels[0], last: channels[channels.length - 1]})}` : ''),
      el('label', {class: 'ca-select ca-x-check'}, say('xChannelPick'), ' ', choose),
      el('section', {class: 'ca-x-volume__row', 'aria-label': say('xHeadVolume')}, el('h2', {}, say('xHeadVolume')), inputs, inputBar),
      el('section', {class: 'ca-x-volume__row', 'aria-label': say('xOutput', {unit, units})}, el('h2', {}, say('xOutput', {unit, units})), el('div', {class: 'ca-x-slices-row'}, outputs.map((one) => one.part)), el('div', {class: 'ca-x-bar-short'}, draw.bar(onOutput, colour))),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, title, grids, written, summed));
    draw.linked(node);
    pick(chosen);
    return {
      node,
      size: [rows, W],
      said: ({y, x}) => say('xPlaceDeep', {z: Math.floor(y / H), y: y % H, x}),
      place(next, playing) {
        place = next;
        const at = Math.floor(place.y / H), y = place.y % H;
        outputs.forEach(({map}, z) => {
          map.mark(z === at ? [{y, x: place.x}] : []);
          map.until(!playing || z < at ? null : z === at ? {y, x: place.x} : {y: -1, x: W - 1});
        });
        write();
      },
    };
  };
})();
