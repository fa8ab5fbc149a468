/* Normalisations. A batch norm has its statistics from training and is one factor and one shift a unit: so it can be folded into the
 * convolution before it, which the figure shows. Layer, group and instance norms take theirs from the image itself, a response norm
 * its divisor from the channels around. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;

  /** The map before, something between, the map after, with one place on both. */
  const between = (view, x, middle, more, lines = []) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {shape: [units, h, w]} = chain.steps[k];
    const out = chain.map(k, unit);
    const [onInput, onOutput] = [draw.scale(x), draw.scale(out)];
    const input = draw.map({values: x, w, h, on: onInput, colour, side: 200, label: say('xInputOf', {unit})});
    input.addEventListener('pointerdown', (event) => view.move(input.at(event)));
    const output = draw.chooser(draw.map({values: out, w, h, on: onOutput, colour, side: 200}), view, say('xOutputMap', {unit}));
    const line = el('p', {class: 'ca-x-written', 'data-written': ''});
    const [before, after] = [draw.histogram(x, lines), draw.histogram(out, [])];
    const node = el('div', {class: 'ca-x ca-x-norm'}, el('p', {class: 'ca-x-lead'}, view.lead()),
      el('div', {class: 'ca-x-flow'}, draw.part(say('xBeforeNorm'), input, el('span', {}, draw.bar(onInput, colour), before)), draw.sign('→'), middle, draw.sign('→'), draw.part(say('xAfterNorm', {unit, units}), output, el('span', {}, draw.bar(onOutput, colour), after))),
      lines.length ? el('p', {class: 'ca-dim'}, say('xSpread')) : '',
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, line), more || '');
    const spread = (at) => { before.firstChild.point(x[at]); after.firstChild.point(out[at]); };
    return {node, size: [h, w], input, output, line, out, spread, at: ({y, x: column}) => y * w + column};
  };
  /** "=" or "≈" of a norm written out: whether the shown numbers give the shown result. */
  const comes = (...all) => {
    const [x, mean, variance, eps, gamma, beta] = all.map((v) => draw.shown(v));
    return ` ${draw.equals((x - mean) / Math.sqrt(variance + eps) * gamma + beta, all.at(-1))} `;
  };
  const facts = (rows) => convatlas.el('dl', {class: 'ca-x-facts'}, rows.map(([name, v, key]) => convatlas.el('div', {}, convatlas.el('dt', {}, name), convatlas.el('dd', {}, draw.number(v, key ? {'data-fact': key} : {})))));

  core.figures.batch_norm = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings: {eps}, reads: [{flows}]} = chain.steps[k];
    const x = chain.read(k, 0, unit);
    const found = core.scale(chain.arrays[k], eps, unit);
    const n = draw.number;
    const middle = draw.part(say('xStatistics'), el('div', {}, facts([[say('xMean'), found.mean, 'mean'], [say('xVariance'), found.var, 'var'], ['γ', found.gamma, 'gamma'], ['β', found.beta, 'beta'], ['ε', eps, 'eps']]),
      el('p', {class: 'ca-x-formula'}, say('xScaleShift'), el('br'), n(found.a, {'data-fact': 'a'}), ' x ', found.b < 0 ? '− ' : '+ ', n(Math.abs(found.b)))));
    let folded = '';
    const before = flows === undefined ? null : chain.steps[flows];
    if (before && before.kind === 'conv') {
      const {settings: {kernel: [kh, kw], linear}} = before;
      const {channels, begins, strength} = chain.convolved(flows, unit);
      const weight = chain.kernels.get(flows);
      const few = channels.map((_, j) => j).sort((a, b) => strength[b] - strength[a]).slice(0, 6);
      const bias = chain.arrays[flows].bias ? chain.arrays[flows].bias[unit] : 0;
      const slices = few.map((j) => weight.slice(begins(j), begins(j) + kh * kw));
      const after = slices.map((one) => one.map((v) => v * found.a));
      const both = draw.scale([-1e-9], ...slices, ...after); // one scale, so that what the factor does is seen
      const side = kh * kw === 1 ? 22 : 48;
      const row = (many) => many.map((one, at) => draw.map({values: one, w: kw, h: kh, on: both, colour, side, label: say('xSlice', {n: channels[few[at]]})}));
      folded = el('details', {class: 'ca-x-folded', open: view.folded, ontoggle: (event) => view.keep({folded: event.target.open})}, el('summary', {}, say(linear ? 'xFoldLinear' : 'xFold')), el('p', {}, say('xFoldHow')),
        el('table', {class: 'ca-x-fold'}, el('thead', {}, el('tr', {}, ['', 'xKernel', 'xBias'].map((one) => el(one ? 'th' : 'td', one ? {scope: 'col'} : {}, one ? say(one) : '')))),
          el('tbody', {}, el('tr', {}, el('th', {scope: 'row'}, say('xFoldBefore')), el('td', {}, el('span', {class: 'ca-x-slices'}, row(slices))), el('td', {}, n(bias))),
            el('tr', {}, el('th', {scope: 'row'}, say('xFoldAfter')), el('td', {}, el('span', {class: 'ca-x-slices'}, row(after)), el('span', {class: 'ca-x-legend', 'data-both': ''}, el('span', {}, say('xScaleBoth')), draw.bar(both, colour))), el('td', {}, n(found.a * bias + found.b, {'data-fact': 'folded'}))))));
    }
    const deviation = Math.sqrt(found.var);
    const made = between(view, x, middle, folded, [[found.mean, 'ca-x-mean'], [found.mean - deviation, 'ca-x-deviation'], [found.mean + deviation, 'ca-x-deviation']]);
    return {...made, place(next, playing) {
      const at = made.at(next);
      made.input.mark([next]);
      made.spread(at);
      made.output.mark([next]);
      made.output.until(playing ? next : null);
      made.line.replaceChildren('(', n(x[at], {'data-in': ''}), ' − ', found.mean < 0 ? '(' : '', n(found.mean), found.mean < 0 ? ')' : '', ') ÷ √(', n(found.var), ' + ', n(eps), ') · ', n(found.gamma), ' + ', found.beta < 0 ? '(' : '', n(found.beta), found.beta < 0 ? ')' : '', comes(x[at], found.mean, found.var, eps, found.gamma, found.beta, made.out[at]), n(made.out[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    }};
  };

  core.figures.lrn = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings, shape: [units, h, w]} = chain.steps[k];
    const {values} = chain.whole(k);
    const size = h * w, n = draw.number;
    const at = (place) => (c) => values[c * size + place];
    const {first, last} = core.response(settings, at(0), units, unit);
    const near = Array.from({length: last - first + 1}, (_, c) => first + c);
    const channels = near.map((c) => chain.whole(k).channel(c));
    const on = draw.scale(...channels);
    const maps = channels.map((one, c) => draw.map({values: one, w, h, on, colour, side: 56, label: say('xInputMap', {n: near[c]})}));
    const cells = near.map(() => ({x: n(0), v: n(0, {'data-square': ''}), comes: el('span', {}, '=')}));
    const rows = near.map((c, row) => el('tr', {class: c === unit ? 'is-own' : '', 'data-channel': c}, el('th', {scope: 'row'}, c), el('td', {}, maps[row]), el('td', {}, cells[row].x), el('td', {}, '²'), el('td', {}, cells[row].comes), el('td', {}, cells[row].v)));
    const sum = n(0, {'data-fact': 'sum'});
    const table = el('table', {class: 'ca-x-terms'}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, say('xHeadChannel')), el('td'), el('th', {scope: 'col'}, say('xHeadValue')), el('td'), el('td'), el('th', {scope: 'col'}, say('xHeadSquare')))),
      el('tbody', {}, rows, el('tr', {class: 'ca-x-last'}, el('th', {scope: 'row', colspan: 5}, say('xSum')), el('td', {}, sum))));
    const holder = el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-label': say('xAround', {n: near.length})}, table);
    const divisor = n(0, {'data-fact': 'divisor'}), base = n(0, {'data-fact': 'base'}), formula = el('p', {class: 'ca-x-written', 'data-divisor': ''});
    const made = between(view, values.subarray(unit * size, (unit + 1) * size), draw.part(say('xAround', {n: near.length}), holder, draw.bar(on, colour)), '');
    made.line.before(formula);
    return {...made, place(next, playing) {
      const place = made.at(next);
      const found = core.response(settings, at(place), units, unit);
      found.around.forEach(({x, v}, row) => { maps[row].mark([next]); draw.renumber(cells[row].x, x); draw.renumber(cells[row].v, v); cells[row].comes.textContent = draw.equals(draw.shown(x) ** 2, v); });
      for (const [element, v] of [[sum, found.sum], [base, found.base], [divisor, found.divisor]]) draw.renumber(element, v);
      made.input.mark([next]);
      made.spread(place);
      made.output.mark([next]);
      made.output.until(playing ? next : null);
      formula.replaceChildren(say('xDivisor'), ' (', n(settings.k), ' + ', n(settings.alpha), ' ÷ ', String(settings.size), ' · ', n(found.sum), ')^', n(settings.beta), ` ${draw.equals(draw.shown(settings.k) + draw.shown(settings.alpha) / settings.size * draw.shown(found.sum), found.base)} `, base, '^', n(settings.beta), ` ${draw.equals(draw.shown(found.base) ** draw.shown(settings.beta), found.divisor)} `, divisor);
      made.line.replaceChildren(n(at(place)(unit), {'data-in': ''}), ' ÷ ', n(found.divisor), ` ${draw.equals(draw.shown(at(place)(unit)) / draw.shown(found.divisor), made.out[place])} `, n(made.out[place], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    }};
  };

  core.figures.norm = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit} = view;
    const {settings, reads: [{shape}]} = chain.steps[k];
    const {weight, bias} = chain.arrays[k];
    const {values} = chain.whole(k);
    const x = chain.read(k, 0, unit);
    const size = shape[1] * shape[2];
    const of = (array, at, otherwise) => (!array ? otherwise : array.length > shape[0] ? array[unit * size + at] : array[unit]);
    const n = draw.number;
    const holder = el('div');
    /** How often numbers occur among the channels of this place, the mean and a deviation to either side, and the unit's own. */
    const here = ({mean, var: variance}, at) => {
      const deviation = Math.sqrt(variance);
      const drawn = draw.histogram(Float64Array.from({length: shape[0]}, (_, c) => values[c * size + at]), [[mean, 'ca-x-mean'], [mean - deviation, 'ca-x-deviation'], [mean + deviation, 'ca-x-deviation']]);
      drawn.firstChild.point(x[at]);
      return drawn;
    };
    const made = between(view, x, draw.part(say(settings.over === 'channel' ? 'xOverChannels' : 'xOverGroup'), holder), '');
    return {...made, place(next, playing) {
      const at = made.at(next);
      const found = core.statistics(settings, values, shape, unit, at);
      const [gamma, beta] = [of(weight, at, 1), of(bias, at, 0)];
      holder.replaceChildren(facts([[say('xNumbers'), found.n, 'n'], ...(settings.rms ? [] : [[say('xMean'), found.mean, 'mean']]), [say(settings.rms ? 'xMeanSquare' : 'xVariance'), found.var, 'var'], ['γ', gamma, 'gamma'], ['β', beta, 'beta'], ['ε', settings.eps, 'eps']]),
        el('p', {class: 'ca-dim'}, settings.over === 'channel' ? say('xOfPlace', {y: next.y, x: next.x, n: found.n}) : say('xOfGroup', {first: found.first, last: found.last - 1})),
        settings.over === 'channel' ? here(found, at) : '');
      made.input.mark([next]);
      made.spread(at);
      made.output.mark([next]);
      made.output.until(playing ? next : null);
      made.line.replaceChildren('(', n(x[at], {'data-in': ''}), ' − ', found.mean < 0 ? '(' : '', n(found.mean), found.mean < 0 ? ')' : '', ') ÷ √(', n(found.var), ' + ', n(settings.eps), ') · ', n(gamma), ' + ', beta < 0 ? '(' : '', n(beta), beta < 0 ? ')' : '', comes(x[at], found.mean, found.var, settings.eps, gamma, beta, made.out[at]), n(made.out[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    }};
  };
})();
