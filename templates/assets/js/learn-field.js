/* <learn-field>: how the receptive field of one unit grows, layer by layer, along one row of places. */
(() => {
  const {el, number} = convatlas;
  const {core, parts: {say, svg, formula, segments, player, define}} = convatlas.learn;
  const layer = (kernel, stride = 1, dilation = 1) => ({kernel, stride, dilation});
  const STACKS = {
    plain: [layer(3), layer(3), layer(3)],
    strided: [layer(3, 2), layer(3, 2), layer(3)],
    dilated: [layer(3), layer(3, 1, 2), layer(3, 1, 4)],
    wide: [layer(7)],
    pooled: [layer(3), layer(2, 2), layer(3), layer(2, 2)],
  };
  const BOUNDS = {kernel: [1, 7], stride: [1, 3], dilation: [1, 4]};
  const MOST = 5;

  define('learn-field', () => {
    let chain = STACKS.plain.map((one) => ({...one}));
    const picture = svg('svg', {class: 'ln-cone', role: 'img'});
    const table = el('table', {class: 'ca-table ln-chain'});
    const sum = el('div', {class: 'ln-live formula', tabindex: 0, role: 'group', 'aria-label': say('formula')});
    const stacks = segments({label: say('stack'), options: Object.keys(STACKS).map((key) => [key, say(`stack_${key}`)]), value: 'plain', on: (key) => { chain = STACKS[key].map((one) => ({...one})); build(); }});
    const go = player({count: chain.length, pace: 1200, on: draw, told: (at) => say('layerOf', {n: at + 1})});
    const more = el('button', {type: 'button', class: 'ln-button', onclick: () => { chain.push(layer(3)); build(); }}, say('layerMore'));
    const less = el('button', {type: 'button', class: 'ln-button', onclick: () => { chain.pop(); build(); }}, say('layerLess'));

    /** The table anew, and the last layer in sight. */
    function build() {
      const field = (k, name) => {
        const [min, max] = BOUNDS[name];
        const input = el('input', {type: 'number', class: 'ln-number', min, max, step: 1, 'aria-label': say('ofLayer', {what: say(name), n: k + 1})});
        input.value = chain[k][name];
        input.addEventListener('input', () => {
          const v = Number(input.value);
          if (!Number.isInteger(v) || v < min || v > max) return;
          chain[k][name] = v;
          told();
          go.go(go.at);
        });
        input.addEventListener('blur', () => { input.value = chain[k][name]; });
        return el('td', {class: 'ca-r'}, input);
      };
      table.replaceChildren(
        el('thead', {}, el('tr', {}, ['layer', 'kernel', 'stride', 'dilation', 'field', 'jump'].map((name, k) => el('th', {scope: 'col', class: k ? 'ca-r' : null}, say(name))))),
        el('tbody', {}, chain.map((_, k) => el('tr', {}, el('th', {scope: 'row'}, String(k + 1)), ['kernel', 'stride', 'dilation'].map((name) => field(k, name)), el('td', {class: 'ca-r ca-num'}), el('td', {class: 'ca-r ca-num'})))));
      more.disabled = chain.length >= MOST;
      less.disabled = chain.length <= 1;
      told();
      go.count(chain.length);
      go.go(chain.length - 1);
    }

    function told() {
      stacks.set(Object.keys(STACKS).find((key) => JSON.stringify(STACKS[key]) === JSON.stringify(chain)) || '');
      core.fields(chain).forEach(({field, jump}, k) => {
        const row = table.tBodies[0].rows[k].cells;
        row[4].textContent = field;
        row[5].textContent = jump;
      });
    }

    /** The places that one unit of layer `at` sees, level by level. */
    function draw(at) {
      const part = chain.slice(0, at + 1);
      const levels = core.cone(part);
      const jumps = [1, ...core.fields(part).map((one) => one.jump)];
      // A unit stands over the middle of what it sees: its place in input columns.
      const starts = [0];
      part.forEach((one, k) => starts.push(starts[k] + (one.dilation * (one.kernel - 1)) / 2 * jumps[k]));
      const whole = core.fields(chain).at(-1).field;
      const own = core.fields(part).at(-1).field;
      const shift = (whole - own) / 2;
      const x = (level, place) => 128 + (shift + starts[level] + place * jumps[level] + 0.5) / whole * 468;
      const gap = 46;
      const height = chain.length * gap + 40;
      const y = (level) => height - 22 - level * gap;
      const radius = Math.max(1.6, Math.min(7, 468 / whole / 2.6));
      picture.setAttribute('viewBox', `0 0 600 ${height}`);
      picture.setAttribute('aria-label', say('coneAlt', {n: at + 1, field: own, read: levels[0].length}));
      const dots = levels.map((places, level) => {
        const seen = new Set(places);
        const count = level ? Math.floor((own - 1) / jumps[level]) + 1 : own;
        const reach = places.at(-1);
        return svg('g', {}, core.range(Math.max(count, reach + 1)).filter((place) => place <= reach).map((place) => svg('circle', {class: seen.has(place) ? (level === at + 1 ? 'ln-c-unit' : 'ln-c-seen') : 'ln-c-other', cx: x(level, place), cy: y(level), r: seen.has(place) ? radius : radius * 0.7})));
      });
      const edges = part.flatMap((one, k) => levels[k + 1].flatMap((place) => core.range(one.kernel).map((t) => `M${x(k + 1, place).toFixed(2)} ${y(k + 1)}L${x(k, place * one.stride + t * one.dilation).toFixed(2)} ${y(k)}`)));
      const names = levels.map((_, level) => svg('text', {class: 'ln-c-name', x: 2, y: y(level) + 5}, level ? say('layerOf', {n: level}) : say('inputRow')));
      const bar = svg('path', {class: 'ln-c-bar', d: `M${x(0, 0) - radius} ${height - 7}H${x(0, own - 1) + radius}`});
      picture.replaceChildren(svg('path', {class: 'ln-c-edges', d: edges.join('')}), ...dots, ...names, bar);
      const before = at ? core.fields(part.slice(0, at)).at(-1) : {field: 1, jump: 1};
      const {kernel, dilation} = chain[at];
      sum.replaceChildren(formula({sub: ['r', at + 1]}, '=', before.field, '+ (', kernel, '− 1 ) ·', dilation, '·', before.jump, '=', own));
      [...table.tBodies[0].rows].forEach((row, k) => row.classList.toggle('ln-current', k === at));
    }

    build();
    return [el('div', {class: 'ln-controls'}, stacks.root), picture, go.root, sum, el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-label': say('chain')}, table), el('div', {class: 'ln-controls ln-controls--below'}, more, less)];
  });

  /* <learn-effective>: how much each column of the receptive field weighs, when a stack grows deeper. */
  define('learn-effective', () => {
    const {own, parts: {ends, slider}} = convatlas.learn;
    const below = ends();
    const state = {depth: 8, kernel: 3, mine: false};
    const mine = own.chain.length > 1;
    const picture = svg('svg', {class: 'ln-effective', role: 'img', viewBox: '0 0 600 160'});
    const said = el('p', {class: 'ln-verdict', 'aria-live': 'polite'});
    const bars = ['depth', 'kernel'].map((name) => slider({label: say(name), min: name === 'depth' ? 1 : 2, max: name === 'depth' ? 40 : 7, value: state[name], on: (v) => { state[name] = v; draw(); }}));

    const which = mine ? segments({label: say('stack'), options: [['even', say('stackMade')], ['own', say('stackOwn')]], value: 'even', on(v) {
      state.mine = v === 'own';
      state.depth = state.mine ? own.chain.length : 8;
      bars[0].set(state.depth, state.mine ? own.chain.length : 40);
      bars[1].root.hidden = state.mine;
      draw();
    }}) : null;

    function draw() {
      const chain = state.mine ? own.chain.slice(0, state.depth) : core.range(state.depth).map(() => layer(state.kernel));
      const weights = core.influence(chain);
      const spread = core.spread(weights);
      const n = weights.length;
      const middle = (n - 1) / 2;
      const reach = Math.min(n, 4 * spread);  // columns, and parts of them: two standard deviations to either side
      const most = Math.max(...weights);
      const inner = weights.reduce((a, w, k) => a + (Math.abs(k - middle) <= 2 * spread ? w : 0), 0);
      const width = 580 / n;
      picture.setAttribute('aria-label', say('effectiveAlt', {n, spread: number(spread)}));
      picture.replaceChildren(
        svg('rect', {class: 'ln-e-field', x: 10, y: 150, width: 580, height: 7, rx: 3.5}),
        svg('rect', {class: 'ln-e-inner', x: 300 - reach / 2 * width, y: 150, width: reach * width, height: 7, rx: 3.5}),
        ...weights.map((w, k) => svg('rect', {class: 'ln-e-bar', x: 10 + k * width + Math.min(0.5, width * 0.1), y: 142 - 132 * w / most, width: Math.max(0.4, width - Math.min(1, width * 0.2)), height: 132 * w / most})));
      below.replaceChildren(...ends(say('effectiveField', {n}), say('effectiveInner', {n: number(reach)})).children);
      said.textContent = say(state.mine ? 'effectiveOwn' : 'effectiveSaid', {width: own.input[1], layer: state.mine ? own.fields[state.depth - 1][0] : '', n, spread: number(spread), share: number(100 * reach / n), inner: number(Math.round(inner * 1000) / 10)});
    }
    draw();
    return [el('div', {class: 'ln-controls'}, which && which.root, bars.map((bar) => bar.root)), picture, below, said];
  });

  /* <learn-nested>: the receptive fields of the model's own layers, on one of its images. */
  define('learn-nested', (host) => {
    const {own} = convatlas.learn;
    const {fields, input: [height, width]} = own;
    const frame = svg('rect', {class: 'ln-n-field'});
    const trail = svg('g', {class: 'ln-n-trail'});
    const picture = svg('svg', {class: 'ln-nested', role: 'img', viewBox: `0 0 ${width} ${height}`},
      host.dataset.photo ? svg('image', {href: host.dataset.photo, width, height}) : svg('rect', {class: 'ln-w-input', width, height}), trail, frame);
    const said = el('p', {class: 'ln-nested__said', 'aria-live': 'polite'});
    const box = ([, h, w]) => ({x: (width - w) / 2, y: (height - h) / 2, width: w, height: h});
    const go = player({count: fields.length, pace: 500, told: (at) => say('layerCount', {k: at + 1, n: fields.length}), on(at) {
      const [name, h, w, page] = fields[at];
      for (const [key, value] of Object.entries(box(fields[at]))) frame.setAttribute(key, value);
      trail.replaceChildren(...fields.slice(0, at).map((one) => svg('rect', box(one))));
      const over = h >= height && w >= width;
      said.replaceChildren(page ? el('a', {href: convatlas.url(page)}, convatlas.breaks(name)) : el('b', {}, convatlas.breaks(name)), ' ', say(over ? 'nestedOver' : 'nestedIn', {h, w, height, width}));
      picture.setAttribute('aria-label', say('nestedAlt', {name, h, w}));
    }});
    go.go(0);
    return [el('div', {class: 'ln-row ln-row--nested'}, picture, el('div', {}, said, go.root))];
  });
})();
