/* <learn-pool>: a pooling and its way back: windows, winners, switches; the gradient, and a deconvnet's unpooling. */
(() => {
  const {el, number} = convatlas;
  const {core, parts: {say, beside, gives, segments, cells, slider, define}} = convatlas.learn;
  const SIZE = 6;
  const START = [[1, 3, 2, 0, 1, 2], [4, 2, 1, 1, 5, 0], [0, 1, 7, 3, 2, 2], [2, 2, 1, 6, 0, 1], [3, 0, 2, 1, 1, 4], [1, 5, 0, 2, 3, 1]];

  define('learn-pool', () => {
    const state = {map: START.map((row) => [...row]), kernel: 2, stride: 2, kind: 'max', rule: 'gradient', at: null, grad: []};
    const row = el('div', {class: 'ln-row ln-row--pair'});
    const back = el('div', {class: 'ln-row ln-row--pair'});
    const said = el('p', {class: 'ln-verdict', 'aria-live': 'polite'});
    const kind = segments({label: say('pooling'), options: [['max', say('poolMax')], ['average', say('poolAverage')]], value: 'max', on: (v) => { state.kind = v; compute(); }});
    const kernel = slider({label: say('kernel'), mark: 2, min: 2, max: SIZE, value: 2, on: (v) => { state.kernel = v; build(); }});
    const stride = slider({label: say('stride'), mark: 3, min: 1, max: 3, value: 2, on: (v) => { state.stride = v; build(); }});
    const rule = segments({label: say('wayBack'), options: [['gradient', say('wayGradient')], ['unpool', say('wayUnpool')]], value: 'gradient', on: (v) => { state.rule = v; compute(); }});
    const input = cells({label: say('input'), height: SIZE, width: SIZE, editable: true, step: 1, on: (y, x, v) => { state.map[y][x] = v; compute(); }});
    const given = cells({label: say('backMap'), height: SIZE, width: SIZE});
    let [pooled, grad] = [null, null];

    function build() {
      const out = Math.floor((SIZE - state.kernel) / state.stride) + 1;
      const point = (y, x) => { state.at = [y, x]; show(); };
      state.at = [0, 0];
      pooled = cells({label: say('output'), height: out, width: out, place: point});
      grad = cells({label: say('gradAbove'), height: out, width: out, editable: true, step: 1, place: point, on: (y, x, v) => { state.grad[y][x] = v; compute(); }});
      state.grad = core.each(core.zeros(out, out), (_, y, x) => (y + x) % 3 + 1);
      row.replaceChildren(input.root, beside('→', pooled.root));
      back.replaceChildren(given.root, beside('←', grad.root));
      compute();
    }

    function compute() {
      state.made = core.pool(state.map, state);
      const up = state.kind === 'max' && state.rule === 'unpool';
      state.back = up ? core.unpool(state.grad, state.made, SIZE, SIZE) : core.poolBack(state.grad, state.made, SIZE, SIZE);
      rule.root.hidden = state.kind !== 'max';
      given.headEl.textContent = say(up ? 'backUnpool' : 'backMap');
      grad.headEl.textContent = say(up ? 'unpoolAbove' : 'gradAbove');
      show();
    }

    function show() {
      const {made, at} = state;
      const [y, x] = at;
      const inside = new Set(core.taps(y, x, {kernel: state.kernel, stride: state.stride, dilation: 1}).map(String));
      const winners = new Set(made.switches ? made.switches.flat().map(String) : []);
      const marked = (r, c) => [inside.has(String([r, c])) ? 'ln-under' : '', winners.has(String([r, c])) ? 'ln-switch' : ''].join(' ');
      const here = (r, c) => (r === y && c === x ? 'ln-under' : '');
      input.show(state.map, {marked});
      pooled.show(made.values, {marked: here});
      grad.show(state.grad, {marked: here});
      given.show(state.back, {marked});
      const values = core.taps(y, x, {kernel: state.kernel, stride: state.stride, dilation: 1}).map(([r, c]) => number(state.map[r][c]));
      said.textContent = state.kind === 'max'
        ? say('poolSaidMax', {values: values.join(', '), v: number(made.values[y][x]), row: made.switches[y][x][0], column: made.switches[y][x][1]})
        : say('poolSaidAverage', {values: values.join(' + '), n: values.length, v: number(made.values[y][x]), is: gives(made.values[y][x])});
    }

    build();
    return [el('div', {class: 'ln-controls'}, kind.root, kernel.root, stride.root), row, said, el('div', {class: 'ln-controls ln-controls--next'}, el('b', {}, say('backTitle')), rule.root), back];
  });
})();
