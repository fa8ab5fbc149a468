/* Pooling: a window over one map, its largest number or its mean, and the switches: where each largest stood. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const MANY = 100;

  core.figures.pool = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings, shape: [units, H, W], reads: [{shape: [, h, w]}]} = chain.steps[k];
    const x = chain.read(k, 0, unit);
    const {out, switches} = core.pool(settings, x, [h, w], [H, W]);
    const max = settings.how === 'max';
    const on = draw.scale(x);
    const pad = settings.adaptive ? [0, 0, 0, 0] : settings.padding;
    const input = draw.map({values: x, w, h, on, colour, side: 240, pad, label: say('xInputOf', {unit})});
    const output = draw.chooser(draw.map({values: out, w: W, h: H, on, colour, side: 200}), view, say('xOutputMap', {unit}));
    const line = el('p', {class: 'ca-x-written', 'data-written': ''});
    let place = {y: 0, x: 0}, window_ = null, switched = Boolean(view.switches);
    const holder = el('div', {class: 'ca-x-grids'});
    const marks = () => (max && switched ? [...new Set(switches)].filter((at) => at >= 0).map((at) => ({y: Math.floor(at / w), x: at % w})) : []);
    const write = () => {
      const {cells, divisor, at, sum, v} = core.pooled(settings, x, [h, w], [H, W], place.y, place.x);
      const columns = cells.length ? Math.max(...cells.map(({kx}) => kx)) + 1 : 1;
      if (cells.length <= MANY) {
        window_ = draw.grid({caption: max ? say('xPoolMax') : say('xPoolMean'), columns, colour});
        window_.dress(cells.map((cell, n) => ({k: n, v: cell.at < 0 ? (max ? null : 0) : x[cell.at], note: cell.at < 0 ? say('xPadding') : '', cls: cell.at < 0 ? 'is-pad' : max && n === at ? 'is-max' : ''})), on);
        holder.replaceChildren(window_);
      } else holder.replaceChildren(el('p', {class: 'ca-dim'}, say('xPoolWhole', {n: cells.length})));
      const real = cells.filter(({at: one}) => one >= 0);
      const sign = (n, of) => (of && n ? ' + ' : of ? '' : n ? ', ' : '');
      if (max) line.replaceChildren('max(', ...real.slice(0, 25).flatMap((cell, n) => [sign(n, false), draw.number(x[cell.at], {'data-k': cells.indexOf(cell)})]), real.length > 25 ? `, … ${real.length - 25}` : '', ') = ', draw.number(v, {class: 'ca-x-num ca-x-strong', 'data-out': ''}), ' ', el('span', {class: 'ca-dim'}, at < 0 ? say('xAllBeside') : say('xArgmax', {y: cells[at].y, x: cells[at].x})));
      else line.replaceChildren('(', ...(real.length <= 25 ? real.flatMap((cell, n) => [sign(n, true), draw.number(x[cell.at], {'data-k': cells.indexOf(cell)})]) : [say('xPoolSum', {n: real.length}), ' ', draw.number(sum)]), ') ÷ ', String(divisor), ` ${draw.equals((real.length <= 25 ? real.reduce((all, cell) => all + draw.shown(x[cell.at]), 0) : draw.shown(sum)) / divisor, v)} `, draw.number(v, {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    };
    const turn = (one) => { switched = one; view.keep({switches: one}); input.point(marks()); };
    const node = el('div', {class: 'ca-x ca-x-pool'}, el('p', {class: 'ca-x-lead'}, view.lead()),
      el('div', {class: 'ca-x-flow'},
        draw.part(say('xInputOf', {unit}), input, draw.bar(on, colour)), draw.sign('→'),
        el('div', {class: 'ca-x-middle'}, holder), draw.sign('→'),
        draw.part(say('xOutput', {unit, units}), output, draw.bar(on, colour))),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, line),
      max ? el('label', {class: 'ca-x-check'}, el('input', {type: 'checkbox', 'data-switches': '', checked: switched, onchange: (event) => turn(event.target.checked)}), ` ${say('xSwitches')}`) : '');
    draw.linked(node, (n) => {
      const {cells} = core.pooled(settings, x, [h, w], [H, W], place.y, place.x);
      input.point(n === null || !cells[n] || cells[n].at < 0 ? marks() : [{y: cells[n].y, x: cells[n].x}]);
    });
    input.point(marks());
    return {
      node,
      size: [H, W],
      place(next, playing) {
        place = next;
        const {cells} = core.pooled(settings, x, [h, w], [H, W], place.y, place.x);
        const [y, left] = [Math.min(...cells.map((c) => c.y)), Math.min(...cells.map((c) => c.x))];
        input.mark([{y, x: left, h: Math.max(...cells.map((c) => c.y)) - y + 1, w: Math.max(...cells.map((c) => c.x)) - left + 1}]);
        output.mark([place]);
        output.until(playing ? place : null);
        write();
      },
    };
  };
})();
