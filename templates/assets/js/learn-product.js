/* <learn-product>: what a convolution computes at one place, with every number: products of the kernel and what lies under it. */
(() => {
  const {el, number} = convatlas;
  const {core, own, parts: {say, bracket, beside, gives, slider, segments, cells, player, define}} = convatlas.learn;
  const SIZE = 7;
  const PICTURES = {
    step: (y, x) => (x > 3 ? 2 : 0),
    bar: (y, x) => (x === 3 ? 2 : 0),
    diagonal: (y, x) => (x === y ? 2 : 0),
    checks: (y, x) => ((x + y) % 2 ? 0 : 2),
  };
  const KERNELS = {
    upright: [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    level: [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    blur: [[0.1, 0.1, 0.1], [0.1, 0.2, 0.1], [0.1, 0.1, 0.1]],
    sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
  };

  define('learn-product', () => {
    const state = {map: core.zeros(SIZE, SIZE), kernel: [], at: 0, unit: 0, channel: 0};
    const mine = own.kernels && own.kernels.weight[0][0].length <= SIZE && own.kernels.weight[0][0][0].length <= SIZE ? own.kernels : null;
    const maps = el('div', {class: 'ln-row ln-row--pair'});
    const terms = el('div', {class: 'ln-terms', tabindex: 0, role: 'group', 'aria-label': say('product')});
    let shown = {};

    const picture = segments({label: say('picture'), options: Object.keys(PICTURES).map((key) => [key, say(`picture_${key}`)]), value: 'step', on: (key) => { state.map = core.each(state.map, (_, y, x) => PICTURES[key](y, x)); compute(); }});
    const choose = el('select', {onchange: () => weights()}, Object.keys(KERNELS).map((key) => el('option', {value: key}, say(`kernel_${key}`))), mine ? el('option', {value: 'own'}, say('kernelOwn', {layer: mine.layer})) : null,
      el('option', {value: 'changed', hidden: true}, say('kernelChanged')));  // shown once a cell was written in, so that any kernel can be chosen anew
    const unit = mine ? slider({label: say('unit'), min: 0, max: mine.weight.length - 1, value: 0, on: (v) => { state.unit = v; choose.value = 'own'; weights(); }}) : null;
    const channels = mine ? mine.weight[0].length : 0;
    const channel = channels > 1 ? segments({label: say('channel'), options: core.range(channels).map((c) => [String(c), channels === 3 ? say(`channel_${c}`) : String(c)]), value: '0', on: (v) => { state.channel = Number(v); choose.value = 'own'; weights(); }}) : null;
    const go = player({count: 1, pace: 500, on: (at) => { state.at = at; place(); }, told: (at) => (shown.out ? say('placeOf', {row: Math.floor(at / shown.out.width), column: at % shown.out.width}) : '')});

    function weights() {
      const isOwn = choose.value === 'own';
      state.kernel = (isOwn ? mine.weight[state.unit][state.channel] : KERNELS[choose.value]).map((row) => [...row]);
      for (const part of [unit, channel]) if (part) part.root.hidden = !isOwn;
      build();
    }

    /** Tables for a kernel of this size. */
    function build() {
      const [kh, kw] = [state.kernel.length, state.kernel[0].length];
      if (shown.kh !== kh || shown.kw !== kw) {
        const out = {height: SIZE - kh + 1, width: SIZE - kw + 1};
        const to = (y, x) => go.go(Math.min(out.height - 1, Math.max(0, y)) * out.width + Math.min(out.width - 1, Math.max(0, x)));
        shown = {
          kh, kw, out,
          input: cells({label: say('input'), height: SIZE, width: SIZE, editable: true, step: 1, on: (y, x, v) => { state.map[y][x] = v; picture.set(''); compute(); }, place: (y, x) => to(y - Math.floor(kh / 2), x - Math.floor(kw / 2))}),
          kernel: cells({label: say('kernelName'), height: kh, width: kw, editable: true, step: 0.1, on: (y, x, v) => { state.kernel[y][x] = v; choose.value = 'changed'; compute(); }}),
          given: cells({label: say('output'), height: out.height, width: out.width, place: to}),
        };
        maps.replaceChildren(shown.input.root, beside('∗', shown.kernel.root), beside('=', shown.given.root));
        compute(true);
      } else compute();
    }

    function compute(anew) {
      shown.result = core.conv(state.map, state.kernel);
      shown.kernel.show(state.kernel);
      if (anew) go.count(shown.out.height * shown.out.width);
      else place();
    }

    function place() {
      const {kh, kw, out, result} = shown;
      const [y, x] = [Math.floor(state.at / out.width), state.at % out.width];
      const under = (r, c) => (r >= y && r < y + kh && c >= x && c < x + kw ? 'ln-under' : '');
      shown.input.show(state.map, {marked: under});
      shown.given.show(result, {marked: (r, c) => (r === y && c === x ? 'ln-under' : '')});
      const rows = state.kernel.map((row, i) => el('div', {}, row.map((w, j) => el('span', {class: 'ln-term'}, `${i + j ? '+ ' : ''}${i + j ? bracket(state.map[y + i][x + j]) : number(state.map[y + i][x + j])} · ${bracket(w)}`))));
      terms.replaceChildren(...rows, el('div', {class: 'ln-total'}, `${gives(result[y][x], ...state.kernel.flat())} ${number(result[y][x])}`));
    }

    state.map = core.each(state.map, (_, y, x) => PICTURES.step(y, x));
    weights();
    go.go(2);  // where the edge is: nine zeros would say nothing
    return [el('div', {class: 'ln-controls'}, picture.root, el('label', {class: 'ca-select ln-select'}, el('span', {}, say('kernelName')), choose), unit && unit.root, channel && channel.root), maps, go.root, terms];
  });
})();
