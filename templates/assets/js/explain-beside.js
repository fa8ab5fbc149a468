/* A normalisation that has no step of its own, told with the step before it and the step behind it: what it makes of the number at
 * the place, as a line, so that a number can be followed from step to step without a gap.
 *
 *   convolution … = −5.09     batch norm: 1.9 × (−5.09) − 2.57 = −12.24     f(−12.24) = 0 */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const NORMS = ['batch_norm', 'norm', 'lrn'];

  /** How step `at` makes a unit's number at place `p`: {x, y, a, b} with y = a x + b; a response norm has no b. */
  function made(chain, at, unit, p) {
    const {kind, settings, shape, reads} = chain.steps[at];
    const {weight, bias} = chain.arrays[at];
    const [x, y] = [chain.read(at, 0, unit)[p], chain.map(at, unit)[p]];
    if (kind === 'batch_norm') {
      const {a, b} = core.scale(chain.arrays[at], settings.eps, unit);
      return {x, y, a, b};
    }
    const {values} = chain.whole(at);
    const size = shape[1] * shape[2];
    if (kind === 'lrn') return {x, y, a: 1 / core.response(settings, (c) => values[c * size + p], shape[0], unit).divisor, b: null};
    const of = (array, otherwise) => (!array ? otherwise : array.length > shape[0] ? array[unit * size + p] : array[unit]);
    const {mean, var: variance} = core.statistics(settings, values, reads[0].shape, unit, p);
    const a = of(weight, 1) / Math.sqrt(variance + settings.eps);
    return {x, y, a, b: of(bias, 0) - a * (settings.rms ? 0 : mean)};
  }

  /** The figure of step `view.k` with these lines in it: before its own numbers what was done to what it reads, after them what is
   * done to what it gives. `told` are the names of the operations that have no step of their own; `name(step)` is a step's kind as a
   * word, `link(step)` the way to its own figure. */
  core.beside = (figure, {chain, k, unit, told}, {name, link}) => {
    const {el, say} = convatlas;
    const {steps} = chain;
    const quiet = (at) => at >= 0 && told.includes(steps[at].name) && !steps[at].na;
    const before = steps[k].kind === 'act' ? steps[k].reads[0].flows ?? -1 : -1;
    const behind = steps.findIndex(({kind, reads}) => kind === 'batch_norm' && reads[0].flows === k);
    const found = [[before, 'before'], [behind, 'behind']].filter(([at]) => quiet(at) && NORMS.includes(steps[at].kind));
    const numbers = figure.node.querySelector('.ca-x-dot-product');
    if (!figure.size || !numbers || !found.length) return figure;
    const lines = found.map(([at, where]) => {
      const line = el('p', {class: 'ca-x-written', [`data-${where}`]: ''});
      if (where === 'before') numbers.prepend(line); else numbers.append(line);
      return {at, where, line};
    });
    const signed = (v, attributes = {}) => (v < 0 ? ['(', draw.number(v, attributes), ')'] : [draw.number(v, attributes)]);
    const {place} = figure;
    return {...figure, place(next, playing) {
      place(next, playing);
      for (const {at, where, line} of lines) {
        const {x, y, a, b} = made(chain, at, unit, next.y * figure.size[1] + next.x);
        line.replaceChildren(el('b', {}, say(b === null ? 'xNormScaled' : where === 'before' ? 'xNormBefore' : 'xNormBehind', {norm: name(steps[at])})), ' ', ...signed(a, {'data-scale': ''}), ' × ', ...signed(x, {'data-from': ''}),
          ...(b === null ? [] : [b < 0 ? ' − ' : ' + ', draw.number(Math.abs(b), {'data-shift': ''})]), ` ${draw.equals(draw.shown(a) * draw.shown(x) + (b === null ? 0 : draw.shown(b)), y)} `, draw.number(y, {class: 'ca-x-num ca-x-strong', 'data-to': ''}), el('span', {class: 'ca-dim'}, ' · ', link(steps[at])));
      }
    }};
  };
})();
