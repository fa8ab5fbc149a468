/* A convolution: input maps -> slices of the unit's kernel -> intermediate maps -> sum + bias -> the unit's map, with the dot product
 * of one window written out. Channels stand in the order of how much they add over the whole map, so that none jumps as the window
 * slides; what is not shown is summed and said. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const FEW = 4, WRITTEN = 25;

  convatlas.explain.figures.conv = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings, shape: [units, H, W], reads: [{shape: [inputs, h, w], name, page, seen, norm}]} = chain.steps[k];
    const {kernel: [kh, kw], mode, padding, transposed} = settings;
    const weight = chain.kernels.get(k);
    const bias = chain.arrays[k].bias ? chain.arrays[k].bias[unit] : 0;
    const {channels, begins, out, strength, group} = chain.convolved(k, unit);
    const single = kh * kw === 1;
    const order = channels.map((_, j) => j).sort((a, b) => strength[b] - strength[a] || a - b);
    const {name: step} = chain.steps[k];
    const came = channels.indexOf(view.from ?? -1); // the channel that was followed to here
    const own = view.rowOf === step && order.includes(view.row) ? view.row : came >= 0 ? came : order[0]; // a chosen channel stays, of the next unit too
    const few = order.slice(0, FEW);
    const shown = view.all || order.length <= FEW + 2 ? order : few.includes(own) ? few : [...few, own];
    const rest = order.length - shown.length;
    const alone = order.length === 1;
    const side = alone ? 220 : 84;
    const maps = shown.map((j) => chain.read(k, 0, channels[j]));
    const parts = shown.map((j, n) => core.partial(settings, maps[n], [h, w], weight, begins(j), [H, W]));
    const onInput = draw.scale(...maps), onPart = draw.scale(...parts), onOutput = draw.scale(out);
    const slices = shown.map((j) => weight.subarray(begins(j), begins(j) + kh * kw));
    const onKernel = {...draw.scale(...slices), signed: true};
    onKernel.lo = -onKernel.hi;
    const pad = transposed ? [0, 0, 0, 0] : [padding[0], padding[1], padding[2], padding[3]];
    const rim = (values, y, x) => core.rim(mode, values, h, w, y, x);

    const colours = seen && channels.length === 3; // red, green and blue are told apart
    let chosen = shown.indexOf(own), place = {y: 0, x: 0};
    const rows = shown.map((j, n) => {
      const input = draw.map({values: maps[n], w, h, on: onInput, colour, side, pad, rim, label: say('xInputMap', {n: channels[j]})});
      const slice = draw.map({values: slices[n], w: kw, h: kh, on: onKernel, colour, side: side > 100 ? 96 : single ? 22 : 48, label: say('xSlice', {n: channels[j]})});
      const middle = draw.map({values: parts[n], w: W, h: H, on: onPart, colour, side, label: say('xPartMap', {n: channels[j]})});
      middle.addEventListener('pointerdown', (event) => view.move(middle.at(event)));
      const value = draw.number(0), [pixel, factor] = [draw.number(0), draw.number(slices[n][0])], comes = el('span', {}, '=');
      const from = page ? el('a', {href: `${convatlas.url(page)}#${convatlas.carried({u: channels[j]})}`, title: say('xFrom', {name})}, channels[j]) : seen && channels.length === 3 ? say(`xColour${channels[j]}`) : String(channels[j]);
      const select = single || alone ? null : el('button', {type: 'button', class: 'ca-x-pick', 'aria-pressed': 'false', title: say('xPick', {n: channels[j]}), onclick: () => pick(n)}, input);
      const row = el('li', {class: select ? 'ca-x-row ca-x-row--picks' : 'ca-x-row', 'data-channel': channels[j], title: j === came ? say('xCame') : false}, ...[el('span', {class: 'ca-x-channel'}, from), select || input, draw.sign(transposed ? '∗ᵀ' : '∗'), slice, alone ? '' : [draw.sign('='), middle],
        alone ? '' : el('span', {class: 'ca-x-sum'}, single ? [pixel, slices[n][0] < 0 ? ' × (' : ' × ', factor, slices[n][0] < 0 ? ') ' : ' ', comes, ' '] : '', value)].flat());
      // Wherever a row is clicked, but for the link in it and the map that a place is chosen on, it is the one that is written out.
      if (select) row.addEventListener('click', (event) => { if (!event.target.closest('a, button') && !middle.contains(event.target)) pick(n); });
      return {row, input, slice, middle, value, pixel, comes, select};
    });
    const output = draw.chooser(draw.map({values: out, w: W, h: H, on: onOutput, colour, side: 220}), view, say('xOutputMap', {unit}));
    const others = draw.number(0), total = draw.number(0, {class: 'ca-x-num ca-x-total'});
    const equal = draw.sign('=');
    const [window_, factors, products] = single ? [] : [draw.grid({caption: say('xWindow'), columns: kw, colour}), draw.grid({caption: say('xKernel'), columns: kw, colour}), draw.grid({caption: say('xProducts'), columns: kw, colour})];
    const title = el('h2');
    const normalised = norm ? el('p', {class: 'ca-x-written ca-dim', 'data-normalised': ''}) : '';
    const written = el('p', {class: 'ca-x-written', 'data-written': true}), summed = el('p', {class: 'ca-x-written', 'data-summed': true});

    function term(x, v, key) { return el('span', {class: 'ca-x-term', 'data-k': key}, draw.number(x), '·', v < 0 ? ['(', draw.number(v), ')'] : draw.number(v)); }
    function pick(n) {
      chosen = n;
      view.keep({row: shown[n], rowOf: step});
      write();
    }
    function write() {
      const cells = core.cells(settings, [h, w], place.y, place.x);
      if (norm) tellNormalised(cells);
      rows.forEach(({select, row}, n) => {
        if (select) select.setAttribute('aria-pressed', String(n === chosen));
        row.classList.toggle('is-chosen', single ? shown[n] === came : n === chosen);
      });
      if (!single) {
        const {terms, sum} = core.dot(cells, maps[chosen], weight, begins(shown[chosen]));
        const note = ({at, y, x}) => (at === -1 ? say('xPadding') : y < 0 || x < 0 || y >= h || x >= w ? say(`x_${mode}`) : '');
        const none = ({at}) => at === -2;
        const cls = (cell) => (none(cell) ? 'is-none' : cell.at < 0 ? 'is-pad' : '');
        window_.dress(cells.map((cell, n) => ({k: n, v: none(cell) ? null : terms[n].x, note: none(cell) ? '' : note(cell), cls: cls(cell)})), onInput);
        factors.dress(cells.map((cell, n) => ({k: n, v: terms[n].w, cls: none(cell) ? 'is-none' : ''})), onKernel);
        const on = draw.scale(terms.map(({v}) => v), [-1e-12]);
        products.dress(cells.map((cell, n) => ({k: n, v: none(cell) ? null : terms[n].v, cls: cls(cell)})), on);
        const real = terms.map((one, n) => ({...one, n})).filter(({n}) => cells[n].at !== -2);
        title.textContent = say(colours ? 'xWindowColour' : 'xWindowOf', {n: colours ? say(`xColour${channels[shown[chosen]]}`) : channels[shown[chosen]], y: place.y, x: place.x});
        const line = real.flatMap(({x, w: v, n}, at) => [at ? ' + ' : '', term(x, v, n)]);
        written.replaceChildren(...(real.length ? line : [say('xNone')]), ` ${draw.equals(real.reduce((all, {x, w: v}) => all + draw.shown(x) * draw.shown(v), 0), sum)} `, draw.number(sum, {class: 'ca-x-num ca-x-strong', 'data-part': ''}));
        equal.textContent = draw.multiplies(real, kw) ? '=' : '≈';
        draw.long(written, real.length > WRITTEN, title.textContent);
      }
      const at = place.y * W + place.x;
      const sums = parts.map((one) => one[at]);
      const more = out[at] - bias - sums.reduce((a, b) => a + b, 0);
      const hint = (words) => el('span', {class: 'ca-dim'}, words);
      const list = sums.flatMap((v, n) => [n ? ' + ' : '', ...(colours ? [hint(say(`xColour${channels[shown[n]]}`)), ' '] : []), el('span', {class: n === chosen && !single ? 'ca-x-term is-own' : 'ca-x-term', title: say('xChannel', {n: channels[shown[n]]})}, v < 0 ? ['(', draw.number(v), ')'] : draw.number(v))]).slice(0, 2 * 12);
      const hidden = sums.length > 12 ? sums.slice(12).reduce((a, b) => a + b, 0) + more : more;
      const count = rest + Math.max(0, sums.length - 12);
      const seen_ = sums.slice(0, 12).reduce((all, v) => all + draw.shown(v), 0) + (count ? draw.shown(hidden) : 0) + draw.shown(bias);
      summed.replaceChildren(el('b', {}, say('xSumOf', {y: place.y, x: place.x})), ' ', ...list, ...(count ? [' + ', hint(say('xOthers', {n: count})), ' ', draw.number(hidden, {'data-others': ''})] : []),
        ' + ', hint(say('xBias')), ' ', draw.number(bias, {'data-bias': ''}), ` ${draw.equals(seen_, out[at])} `, draw.number(out[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    }

    /** What the picture's own number is that the kernel reads nearest the middle of the window, before it was normalised. */
    function tellNormalised(cells) {
      const middle = cells[Math.floor(cells.length / 2)];
      const far = ({y, x}) => Math.abs(y - middle.y) + Math.abs(x - middle.x);
      const [nearest] = cells.filter(({at}) => at >= 0).sort((a, b) => far(a) - far(b));
      normalised.hidden = !nearest;
      if (!nearest) return;
      const c = channels[shown[single ? 0 : chosen]], n = single ? 0 : chosen;
      const [mean, std] = [norm[0][c], norm[1][c]];
      const v = maps[n][nearest.at], seen_ = Number((v * std + mean).toFixed(3));
      const colour = say(inputs === 3 ? `xColour${c}` : inputs === 1 ? 'xBrightness' : 'xChannel', {n: c});
      normalised.replaceChildren(say('xNormalised', {y: Math.floor(nearest.at / w), x: nearest.at % w, colour, seen: draw.text(seen_)}), ' (', draw.number(seen_, {'data-seen': ''}), ' − ', draw.number(mean, {}, 3), ') ÷ ', draw.number(std, {}, 3), ` ${draw.equals((seen_ - draw.shown(mean, 3)) / draw.shown(std, 3), v)} `, draw.number(v, {'data-read': ''}));
    }

    const spacing = settings.dilation.some((d) => d > 1) || transposed;
    const frame = (cells) => {
      const there = cells.filter(({at}) => at !== -2);
      if (spacing) return there;
      const [y, x] = [Math.min(...there.map((c) => c.y)), Math.min(...there.map((c) => c.x))];
      return there.length ? [{y, x, h: kh, w: kw}] : [];
    };
    const more = rest ? el('li', {class: 'ca-x-row ca-x-rest'}, el('span', {}, say('xRest', {n: rest})), el('span', {class: 'ca-x-sum'}, others)) : '';
    const legend = (caption, on) => el('span', {class: 'ca-x-legend'}, el('span', {}, caption), draw.bar(on, colour));
    const node = el('div', {class: `ca-x ca-x-conv${alone ? ' ca-x-conv--one' : ''}${single ? ' ca-x-conv--single' : ''}`},
      el('p', {class: 'ca-x-lead'}, view.lead(), channels.length < chain.steps[k].reads[0].shape[0] ? ` ${say(alone ? 'xDepthwise' : 'xGroup', {n: group + 1, of: settings.groups, first: channels[0], last: channels[channels.length - 1]})}` : ''),
      el('div', {class: 'ca-x-flow'},
        el('div', {class: 'ca-x-rows'},
          el('div', {class: 'ca-x-heads', 'aria-hidden': 'true'}, ['xHeadInput', 'xHeadKernel', alone ? '' : 'xHeadPart'].filter(Boolean).map((one) => el('span', {}, say(one)))),
          el('ul', {class: view.all && rows.length > 8 ? 'ca-x-all' : '', tabindex: view.all && rows.length > 8 ? 0 : false, 'aria-label': say('xRows')}, rows.map(({row}) => row), more,
            el('li', {class: 'ca-x-row ca-x-rest'}, el('span', {}, say('xBias')), el('span', {class: 'ca-x-sum'}, draw.number(bias)))),
          rest || view.all ? el('button', {type: 'button', class: 'ca-x-button', 'data-all': '', 'aria-pressed': String(Boolean(view.all)), onclick: () => view.option({all: !view.all})}, view.all ? say('xFew', {n: FEW}) : say('xAll', {n: order.length})) : ''),
        el('div', {class: 'ca-x-to'}, el('span', {class: 'ca-x-sign ca-x-sign--large', 'aria-hidden': 'true'}, alone ? '=' : 'Σ'), alone ? '' : el('span', {class: 'ca-x-arrow', 'aria-hidden': 'true'}, '→')),
        el('div', {class: 'ca-x-out'}, draw.part(say('xOutput', {unit, units}), output, draw.bar(onOutput, colour)), el('p', {class: 'ca-x-here'}, say('xHere'), ' ', total)),
        el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, single ? '' : [title, el('div', {class: 'ca-x-grids'}, window_, draw.sign('×'), factors, equal, products), normalised, written], single ? normalised : '', summed)),
      el('div', {class: 'ca-x-legends'}, legend(say('xScaleInput'), onInput), legend(say('xScaleKernel'), onKernel), alone ? '' : legend(say('xScalePart'), onPart)));
    // Over the window of the chosen channel, and over its slice, the cell under the pointer lights up too.
    rows.forEach(({input, slice}, n) => {
      const cell = (at) => core.cells(settings, [h, w], place.y, place.x).findIndex((one) => one.at >= 0 && one.y === at.y && one.x === at.x);
      const over = (found) => { if (n === chosen && !single) node.light(found < 0 ? null : found); };
      input.addEventListener('pointermove', (event) => over(cell(input.at(event))));
      slice.addEventListener('pointermove', (event) => { const {y, x} = slice.at(event); over(y * kw + x); });
    });
    draw.linked(node, (n) => {
      const cells = core.cells(settings, [h, w], place.y, place.x);
      const cell = n === null ? null : cells[n];
      if (rows[chosen]) rows[chosen].input.point(cell && cell.at !== -2 ? [{y: cell.y, x: cell.x}] : []);
    });

    return {
      node,
      size: [H, W],
      place(next, playing) {
        place = next;
        const at = place.y * W + place.x;
        const cells = core.cells(settings, [h, w], place.y, place.x);
        const framed = frame(cells);
        let sum = bias;
        rows.forEach(({input, middle, value, pixel, comes}, n) => {
          input.mark(framed);
          middle.mark([place]);
          middle.until(playing ? place : null);
          draw.renumber(value, parts[n][at]);
          if (single) {
            const v = cells[0].at < 0 ? 0 : maps[n][cells[0].at];
            draw.renumber(pixel, v);
            comes.textContent = draw.equals(draw.shown(v) * draw.shown(slices[n][0]), parts[n][at]);
          }
          sum += parts[n][at];
        });
        draw.renumber(others, out[at] - sum);
        draw.renumber(total, out[at]);
        output.mark([place]);
        output.until(playing ? place : null);
        write();
      },
    };
  };
})();
