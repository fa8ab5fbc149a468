/* <learn-norm>: a batch normalised, by hand; <learn-fold>: the same scale and shift folded into a convolution. */
(() => {
  const {el, number} = convatlas;
  const {core, own, parts: {say, bracket, svg, formula, line, gives, slider, segments, cells, define}} = convatlas.learn;
  const BATCH = [-1.5, 0.5, 1, 2.5, 3, 4.5];
  const KEPT = {mean: 1, variance: 4};
  const round = (v) => Math.round(v * 1000) / 1000;

  define('learn-norm', () => {
    const state = {batch: [...BATCH], gamma: 1, beta: 0, mode: 'batch', eps: 1e-5};
    const picture = svg('svg', {class: 'ln-norm', role: 'img', viewBox: '0 0 600 215'});
    const sum = el('div', {class: 'ln-live formula', tabindex: 0, role: 'group', 'aria-label': say('formula')});
    const table = el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-label': say('normNumbers')});
    const kept = el('p', {class: 'ln-verdict', 'aria-live': 'polite'});
    const mode = segments({label: say('normWith'), options: [['batch', say('normBatch')], ['running', say('normRunning')]], value: 'batch', on: (v) => { state.mode = v; draw(); }});
    const gamma = slider({label: 'γ', mark: 1, min: -2, max: 3, step: 0.1, value: 1, told: (v) => number(round(v)), on: (v) => { state.gamma = v; draw(); }});
    const beta = slider({label: 'β', mark: 2, min: -3, max: 3, step: 0.1, value: 0, told: (v) => number(round(v)), on: (v) => { state.beta = v; draw(); }});
    const entries = cells({label: say('batchValues'), height: 1, width: BATCH.length, editable: true, step: 0.5, on: (_, x, v) => { state.batch[x] = v; draw(); }});
    const x = (v) => 300 + Math.max(-7.2, Math.min(7.2, v)) * 40;

    function draw() {
      const batch = core.statistics(state.batch);
      const used = state.mode === 'batch' ? batch : KEPT;
      const middle = state.batch.map((v) => core.normalised(v, {...used, eps: state.eps}));
      const out = state.batch.map((v) => core.scaled(v, {...used, ...state}));
      entries.show([state.batch]);
      const levels = [[state.batch, 40, 'normIn'], [middle, 105, 'normMiddle'], [out, 170, 'normOut']];
      const axis = (at, name) => [svg('line', {class: 'ln-a-axis', x1: 12, x2: 588, y1: at, y2: at}), ...[-6, -3, 0, 3, 6].flatMap((v) => [svg('line', {class: v ? 'ln-a-tick' : 'ln-a-zero', x1: x(v), x2: x(v), y1: at - 5, y2: at + 5}), svg('text', {class: 'ln-a-number', x: x(v), y: at + 19, 'text-anchor': 'middle'}, String(v).replace('-', '−'))]), svg('text', {class: 'ln-c-name', x: 12, y: at - 14}, say(name))];
      picture.setAttribute('aria-label', say('normAlt', {mean: number(round(used.mean)), variance: number(round(used.variance))}));
      picture.replaceChildren(
        ...levels.flatMap(([, at, name]) => axis(at, name)),
        ...state.batch.map((_, k) => svg('path', {class: 'ln-a-way', d: levels.map(([values, at], n) => `${n ? 'L' : 'M'}${x(values[k])} ${at}`).join('')})),
        ...levels.flatMap(([values, at], n) => values.map((v, k) => svg('circle', {class: n ? 'ln-a-out' : 'ln-a-dot', cx: x(v), cy: at, r: 5.5}, svg('title', {}, `${k + 1}: ${number(v)}`)))));
      sum.replaceChildren(formula('y =', {mark: 1, is: number(round(state.gamma))}, '·', {over: [['x −', number(round(used.mean))], {root: [number(round(used.variance)), '+ 0.00001']}]}, '+', {mark: 2, is: number(round(state.beta))}));
      const line = (name, values) => el('tr', {}, el('th', {scope: 'row'}, say(name)), values.map((v) => el('td', {class: 'ca-num ca-r'}, number(round(v)))));
      table.replaceChildren(el('table', {class: 'ca-table ln-plain-table'}, el('tbody', {}, line('normIn', state.batch), line('normMiddle', middle), line('normOut', out))));
      const next = core.remembered(KEPT, batch, 0.1);
      kept.textContent = state.mode === 'batch'
        ? say('normKept', {mean: number(round(batch.mean)), variance: number(round(batch.variance)), unbiased: number(round(batch.unbiased)), m: number(round(next.mean)), v: number(round(next.variance))})
        : say('normUsed', {mean: number(KEPT.mean), variance: number(KEPT.variance)});
    }
    draw();
    return [el('div', {class: 'ln-controls'}, mode.root, gamma.root, beta.root), el('div', {class: 'ln-row'}, entries.root), picture, sum, table, kept];
  });

  define('learn-fold', () => {
    const made = {weights: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], bias: 0, mean: 0.5, variance: 4, gamma: 1.5, beta: -0.5, eps: 1e-5};
    const patch = [[0, 1, 2], [1, 1, 3], [0, 2, 2]];
    const norm = own.norm && own.norm.convolution && own.kernels && own.kernels.layer === own.norm.convolution && own.kernels.weight[0][0].length === 3 && own.kernels.weight[0][0][0].length === 3 ? own.norm : null;
    const state = {unit: 0, mine: Boolean(norm), patch};
    const maps = el('div', {class: 'ln-row'});
    const said = el('div', {class: 'ln-terms', tabindex: 0, role: 'group', 'aria-label': say('formula')});
    const unit = norm ? slider({label: say('unit'), min: 0, max: norm.mean.length - 1, value: 0, on: (v) => { state.unit = v; draw(); }}) : null;
    const which = norm ? segments({label: say('numbersOf'), options: [['own', say('numbersOwn')], ['made', say('numbersMade')]], value: 'own', on: (v) => { state.mine = v === 'own'; unit.root.hidden = !state.mine; draw(); }}) : null;
    const tables = {
      patch: cells({label: say('foldPatch'), height: 3, width: 3, editable: true, step: 1, on: (y, x, v) => { state.patch[y][x] = v; draw(); }}),
      before: cells({label: say('foldBefore'), height: 3, width: 3}),
      after: cells({label: say('foldAfter'), height: 3, width: 3}),
    };
    maps.append(...Object.values(tables).map((one) => one.root));

    function draw() {
      const of = state.mine ? {weights: own.kernels.weight[state.unit][0], bias: norm.bias ? norm.bias[state.unit] : 0, mean: norm.mean[state.unit], variance: norm.variance[state.unit], gamma: norm.gamma[state.unit], beta: norm.beta[state.unit], eps: norm.eps} : made;
      const fold = core.folded(of.weights.flat(), of.bias, of);
      const dot = (weights) => state.patch.flat().reduce((a, v, k) => a + v * weights[k], 0);
      const plain = dot(of.weights.flat()) + of.bias;
      const rows = of.weights.map((row, y) => row.map((_, x) => fold.weights[3 * y + x]));
      tables.patch.show(state.patch);
      tables.before.show(of.weights);
      tables.after.show(rows);
      said.replaceChildren(
        line('γ /', {root: [{sup: ['σ', 2]}, '+ ε']}, '=', number(of.gamma), '/', {root: [number(of.variance), '+', number(of.eps)]}, gives(of.gamma, of.variance, fold.factor), number(fold.factor)),
        line('b′', '=', '(', number(of.bias), '−', bracket(of.mean), ') ·', bracket(fold.factor), '+', bracket(of.beta), gives(of.bias, of.mean, fold.factor, of.beta, fold.bias), number(fold.bias)),
        el('div', {class: 'ln-total'}, say('foldFirst', {a: number(plain), b: number(core.scaled(plain, of))})),
        el('div', {class: 'ln-total'}, say('foldThen', {a: number(dot(fold.weights)), b: number(fold.bias), c: number(dot(fold.weights) + fold.bias), is: gives(dot(fold.weights), fold.bias, dot(fold.weights) + fold.bias)})));
    }
    draw();
    return [norm ? el('div', {class: 'ln-controls'}, which.root, unit.root) : null, maps, said].filter(Boolean);
  });
})();
