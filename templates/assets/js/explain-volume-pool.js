/* Pooling over depth, height and width: the slices of one volume with the window on those that it meets, the numbers in it slice by
 * slice, the largest of them or their mean, the slices of the new volume, and the switches. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const MANY = 100, WRITTEN = 25;

  core.figures.volume_pool = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings, shape: [units, rows, W]} = chain.steps[k];
    const {size, depth: D} = settings;
    const [d, h, w] = size;
    const H = rows / D;
    const x = chain.read(k, 0, unit);
    const {out, switches} = core.poolBulk(settings, x, size, [D, H, W]);
    const max = settings.how === 'max';
    const on = draw.scale(x);
    const side = (n) => Math.max(56, Math.min(120, 420 / n));
    const inputs = draw.slices(x, size, on, colour, side(d), (z) => `${say('xInputOf', {unit})}, ${say('xSliceAt', {z})}`);
    const outputs = draw.slices(out, [D, H, W], on, colour, side(D));
    outputs.forEach(({map}, z) => draw.chooser(map, {...view, move: ({y, x: column}) => view.move({y: z * H + y, x: column})}, say('xOutputSlice', {unit, z})));
    const line = el('p', {class: 'ca-x-written', 'data-written': ''}), grids = el('div', {class: 'ca-x-depths'});
    let found = null, switched = Boolean(view.switches);

    /** Dots on the slices: at these places of the volume. */
    const point = (places) => inputs.forEach(({map}, z) => map.point(places.filter((at) => Math.floor(at / (h * w)) === z).map((at) => ({y: Math.floor(at / w) % h, x: at % w}))));
    const marks = () => (max && switched ? [...new Set(switches)].filter((at) => at >= 0) : []);
    const turn = (one) => { switched = one; view.keep({switches: one}); point(marks()); };

    /** The numbers of the window in one slice. */
    function deep(own) {
      const made = draw.grid({caption: say('xWindowAt', {z: own[0].z}), columns: Math.max(...own.map(({kx}) => kx)) + 1, colour});
      made.dress(own.map((cell) => ({k: cell.n, v: cell.at < 0 ? (max ? null : 0) : x[cell.at], note: cell.at < 0 ? say('xPadding') : '', cls: cell.at < 0 ? 'is-pad' : max && cell.n === found.at ? 'is-max' : ''})), on);
      return el('div', {class: 'ca-x-grids', 'data-depth': own[0].kz}, made);
    }
    function write() {
      const {at, divisor, sum, v} = found;
      const cells = found.cells.map((cell, n) => ({...cell, n}));
      const deepest = Math.max(-1, ...cells.map(({kz}) => kz));
      grids.replaceChildren(...(cells.length <= MANY ? Array.from({length: deepest + 1}, (_, kz) => deep(cells.filter((cell) => cell.kz === kz))) : [el('p', {class: 'ca-dim'}, say('xPoolWhole', {n: cells.length}))]));
      const real = cells.filter((cell) => cell.at >= 0);
      const listed = (between) => real.slice(0, WRITTEN).flatMap((cell, n) => [n ? between : '', draw.number(x[cell.at], {'data-k': cell.n})]);
      const result = draw.number(v, {class: 'ca-x-num ca-x-strong', 'data-out': ''});
      if (max) line.replaceChildren('max(', ...listed(', '), real.length > WRITTEN ? `, … ${real.length - WRITTEN}` : '', ') = ', result, ' ', el('span', {class: 'ca-dim'}, at < 0 ? say('xAllBeside') : say('xArgmaxDeep', {z: cells[at].z, y: cells[at].y, x: cells[at].x})));
      else line.replaceChildren('(', ...(real.length <= WRITTEN ? listed(' + ') : [say('xPoolSum', {n: real.length}), ' ', draw.number(sum)]), ') ÷ ', String(divisor), ` ${draw.equals((real.length <= WRITTEN ? real.reduce((all, cell) => all + draw.shown(x[cell.at]), 0) : draw.shown(sum)) / divisor, v)} `, result);
    }

    const row = (name, many) => el('section', {class: 'ca-x-volume__row', 'aria-label': name}, el('h2', {}, name), el('div', {class: 'ca-x-slices-row'}, many.map((one) => one.part)), el('div', {class: 'ca-x-bar-short'}, draw.bar(on, colour)));
    const node = el('div', {class: 'ca-x ca-x-volume'}, el('p', {class: 'ca-x-lead'}, view.lead()), row(say('xInputOf', {unit}), inputs), row(say('xOutput', {unit, units}), outputs),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, grids, line),
      max ? el('label', {class: 'ca-x-check'}, el('input', {type: 'checkbox', 'data-switches': '', checked: switched, onchange: (event) => turn(event.target.checked)}), ` ${say('xSwitches')}`) : '');
    draw.linked(node, (n) => point(n === null || !found || !found.cells[n] || found.cells[n].at < 0 ? marks() : [found.cells[n].at]));
    point(marks());
    return {
      node,
      size: [rows, W],
      said: ({y, x: column}) => say('xPlaceDeep', {z: Math.floor(y / H), y: y % H, x: column}),
      place(next, playing) {
        const [Z, Y] = [Math.floor(next.y / H), next.y % H];
        found = core.pooledBulk(settings, x, size, [D, H, W], Z, Y, next.x);
        inputs.forEach(({map}, z) => {
          const there = found.cells.filter((cell) => cell.z === z);
          const ends = (key) => [Math.min(...there.map((cell) => cell[key])), Math.max(...there.map((cell) => cell[key]))];
          const [[top, bottom], [left, right]] = [ends('y'), ends('x')];
          map.mark(there.length ? [{y: top, x: left, h: bottom - top + 1, w: right - left + 1}] : []);
        });
        outputs.forEach(({map}, z) => {
          map.mark(z === Z ? [{y: Y, x: next.x}] : []);
          map.until(!playing || z < Z ? null : z === Z ? {y: Y, x: next.x} : {y: -1, x: W - 1});
        });
        write();
      },
    };
  };
})();
