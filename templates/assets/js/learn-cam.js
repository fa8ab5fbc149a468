/* <learn-cam data-step>: from CAM to Grad-CAM++ on three maps of 3 × 3. All steps on a page share maps, weights and gradients, so that
 * a number changed in one is changed in all of them.
 *   cam    class weights and maps            grad   the gradient of a pooled head       free   any gradient, averaged
 *   plus   any gradient, every place with an alpha of its own */
(() => {
  const {el, number} = convatlas;
  const {core, parts: {say, bracket, beside, formula, line, gives, cells, define}} = convatlas.learn;
  const BIAS = 0.5;
  const START = {
    A: [[[0, 1, 1], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [1, 0, 0]], [[0.5, 0, 0], [0, 0, 0], [0, 0, 0.5]]],
    w: [2, 1.5, -1],
    G: [[[0, 1, 1], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [1, 0, 0]], [[-1, 0, 0], [0, 0, 0], [0, 0, -1]]],
  };
  const copy = (value) => (Array.isArray(value) ? value.map(copy) : value);
  const state = Object.fromEntries(Object.entries(START).map(([key, value]) => [key, copy(value)]));
  const figures = new Set();
  const change = () => { for (const draw of figures) draw(); };
  const UNITS = [0, 1, 2];
  const Z = 9;

  const power = (v, n) => ({sup: [bracket(v), n]});
  /** a · b + c · d …, with brackets around what is negative. */
  const products = (pairs) => pairs.flatMap(([a, b], k) => [k ? `+ ${bracket(a)}` : number(a), '·', bracket(b)]);
  const sumOf = (values) => values.map((v, k) => (k ? `+ ${bracket(v)}` : number(v))).join(' ');
  const tables = (name, editable, place) => UNITS.map((k) => cells({
    label: say(name, {k: k + 1}), height: 3, width: 3, editable: Boolean(editable), step: 0.5, place: place && ((y, x) => place(k, y, x)),
    on: (y, x, v) => { state[editable][k][y][x] = v; change(); },
  }));
  const of = (letter, k) => ({both: [letter, k + 1, 'c']});
  const weights = () => UNITS.map((k) => {
    const input = el('input', {type: 'number', class: 'ln-number', step: 0.5, 'aria-label': say('camWeight', {k: k + 1})});
    input.addEventListener('input', () => { const v = Number(input.value); if (input.value !== '' && Number.isFinite(v) && Math.abs(v) < 1e6) { state.w[k] = v; change(); } });
    return {root: el('label', {class: 'ln-weight'}, formula(of('w', k), '='), input), show() { if (document.activeElement !== input || Number(input.value) !== state.w[k]) input.value = state.w[k]; }};
  });
  const lines = (label) => el('div', {class: 'ln-live ln-lines', tabindex: 0, role: 'group', 'aria-label': label});
  const column = (...parts) => el('div', {class: 'ln-column'}, parts);
  const units = (make) => el('div', {class: 'ln-units'}, UNITS.map(make));
  const peak = (map) => Math.max(...map.flat());

  /** What each step shows: [nodes, draw]. */
  const STEPS = {
    cam() {
      const [maps, inputs] = [tables('camMap', 'A'), weights()];
      const result = cells({label: say('camResult'), height: 3, width: 3});
      const sums = lines(say('formula'));
      return [[el('div', {class: 'ln-row'}, units((k) => column(maps[k].root, inputs[k].root)), beside('=', result.root)), sums], () => {
        const made = core.cam(state.A, state.w);
        maps.forEach((one, k) => one.show(state.A[k]));
        inputs.forEach((one) => one.show());
        result.show(made);
        const means = state.A.map((map) => core.sum(map) / Z);
        const score = core.logit(state.A, state.w, BIAS);
        sums.replaceChildren(
          line({sup: ['y', 'c']}, '=', ...products(state.w.map((w, k) => [w, means[k]])), '+', BIAS, gives(...state.w, ...means, score), number(score)),
          line({over: [1, 'Z']}, {sub: ['Σ', 'i j']}, {both: ['M', 'i j', 'c']}, '+', {sup: ['b', 'c']}, '=', {over: [number(core.sum(made)), Z]}, '+', BIAS, gives(core.sum(made), score), number(core.sum(made) / Z + BIAS)));
      }];
    },
    grad() {
      const maps = tables('camGradient');
      const [result, cam] = [cells({label: say('gradResult'), height: 3, width: 3}), cells({label: say('camPositive'), height: 3, width: 3})];
      const sums = lines(say('formula'));
      return [[el('div', {class: 'ln-row'}, units((k) => column(maps[k].root)), beside('→', result.root, cam.root)), sums], () => {
        const G = core.pooledGradient(state.A, state.w);
        const alphas = core.gradWeights(G);
        const most = Math.max(...G.flat(2).map(Math.abs));
        maps.forEach((one, k) => one.show(G[k], {most}));
        const [ours, positive] = [core.gradCam(state.A, G), core.relu(core.cam(state.A, state.w))];
        result.show(ours);
        cam.show(positive);
        sums.replaceChildren(
          ...alphas.map((a, k) => line(of('α', k), '=', {over: [[`${Z} ·`, {over: [number(state.w[k]), Z]}], Z]}, '=', {over: [number(state.w[k]), Z]}, gives(state.w[k], a), number(a))),
          line(Z, '·', number(peak(ours)), gives(peak(ours), peak(positive)), number(peak(positive))));
      }];
    },
    free() {
      const [maps, grads] = [tables('camMap', 'A'), tables('camGradient', 'G')];
      const result = cells({label: say('gradResult'), height: 3, width: 3});
      const sums = lines(say('formula'));
      return [[el('div', {class: 'ln-row'}, units((k) => column(maps[k].root, grads[k].root)), beside('→', result.root)), sums], () => {
        maps.forEach((one, k) => one.show(state.A[k]));
        grads.forEach((one, k) => one.show(state.G[k]));
        result.show(core.gradCam(state.A, state.G));
        sums.replaceChildren(...core.gradWeights(state.G).map((a, k) => line(of('α', k), '=', {over: [sumOf(state.G[k].flat().filter((v) => v)) || 0, Z]}, gives(...state.G[k].flat(), a), number(a))));
      }];
    },
    plus() {
      const at = {k: 0, y: 0, x: 1};
      const point = (k, y, x) => { Object.assign(at, {k, y, x}); draw(); };
      const [grads, alphas] = [tables('camGradient', 'G', point), tables('plusAlpha', null, point)];
      const [result, plain] = [cells({label: say('plusResult'), height: 3, width: 3}), cells({label: say('gradResult'), height: 3, width: 3})];
      const sums = lines(say('formula'));
      function draw() {
        const made = core.gradCamPlus(state.A, state.G);
        const {k, y, x} = at;
        const here = (unit) => (r, c) => (unit === k && r === y && c === x ? 'ln-under' : '');
        grads.forEach((one, unit) => one.show(state.G[unit], {marked: here(unit)}));
        alphas.forEach((one, unit) => one.show(made.alphas[unit], {marked: here(unit), most: Math.max(1e-12, ...made.alphas.flat(2).map(Math.abs))}));
        result.show(made.map);
        plain.show(core.gradCam(state.A, state.G));
        const g = state.G[k][y][x];
        const here19 = made.alphas[k][y][x];
        const terms = made.alphas[k].flatMap((row, r) => row.map((a, c) => [a, Math.max(state.G[k][r][c], 0)])).filter(([a, v]) => a && v);
        const weights = (name, letter, values) => el('div', {class: 'ln-line'}, el('b', {}, `${name}:`), values.flatMap((v, unit) => [' ', el('span', {class: 'ln-each'}, formula(of(letter, unit), gives(v), number(v)))]));
        sums.replaceChildren(
          el('p', {}, say('plusAt', {k: k + 1, row: y, column: x})),
          line({both: ['α', `${y} ${x}`, `${k + 1} c`]}, '=', {over: [power(g, 2), ['2 ·', power(g, 2), '+', bracket(made.sums[k]), '·', power(g, 3)]]}, ...(made.below[k][y][x] === 0 ? ['→', 0] : [gives(g, made.sums[k], here19), number(here19)])),
          line(of('w', k), '=', ...(terms.length ? products(terms) : [0]), gives(...terms.flat(), made.weights[k]), number(made.weights[k])),
          weights(say('plusResult'), 'w', made.weights), weights(say('gradResult'), 'α', core.gradWeights(state.G)));
      }
      return [[el('div', {class: 'ln-row'}, units((k) => column(grads[k].root, alphas[k].root)), beside('→', result.root, plain.root)), sums], draw];
    },
  };

  define('learn-cam', (host) => {
    const [nodes, draw] = STEPS[host.dataset.step]();
    figures.add(draw);
    draw();
    const reset = el('button', {type: 'button', class: 'ln-button', onclick: () => { for (const key of Object.keys(START)) state[key] = copy(START[key]); change(); }}, say('reset'));
    return [...nodes, el('div', {class: 'ln-controls ln-controls--below'}, reset)];
  });
})();
