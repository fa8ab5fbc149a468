/* <learn-curves>: activation functions and their derivatives, with a point that moves on both; <learn-dead>: when a unit dies. */
(() => {
  const {el, number} = convatlas;
  const {core, parts: {say, svg, ends, gives, slider, segments, define}} = convatlas.learn;
  const NAMES = {relu: 'ReLU', relu6: 'ReLU6', leaky_relu: 'LeakyReLU', gelu: 'GELU', silu: 'SiLU', sigmoid: 'Sigmoid', tanh: 'Tanh'};
  const FROM = -5;
  const TO = 8;
  const round = (v) => Math.round(v * 10000) / 10000;
  const x = (v) => 20 + (v - FROM) / (TO - FROM) * 560;

  /** An SVG path through f, in pieces where it jumps. */
  const path = (f, y) => {
    let last = null;
    return core.range(561).map((k) => {
      const v = FROM + k / 560 * (TO - FROM);
      const at = f(v);
      const jump = last === null || Math.abs(at - last) > 0.3;
      last = at;
      return `${jump ? 'M' : 'L'}${x(v).toFixed(1)} ${y(at).toFixed(1)}`;
    }).join('');
  };

  define('learn-curves', () => {
    const first = Object.keys(NAMES).find((key) => convatlas.learn.own.activations.some(([op]) => op.toLowerCase().replace(/^f\.|_/g, '') === NAMES[key].toLowerCase())) || 'relu';
    const state = {name: first, at: 1.5};
    const picture = svg('svg', {class: 'ln-curves', role: 'img', viewBox: '0 0 600 330'});
    const said = el('p', {class: 'ln-verdict', 'aria-live': 'polite'});
    const which = segments({label: say('function'), options: Object.entries(NAMES), value: first, on: (v) => { state.name = v; draw(); }});
    const place = slider({label: 'x', mark: 1, min: FROM, max: TO, step: 0.05, value: state.at, told: (v) => number(round(v)), on: (v) => { state.at = v; draw(); }});

    function draw() {
      const [f, d] = core.activations[state.name];
      const [value, slope] = [f(state.at), d(state.at)];
      const y = (v) => 175 - v * 19;
      const z = (v) => 312 - v * 68;
      const ticks = core.range(14).map((k) => FROM + k);
      picture.setAttribute('aria-label', say('curveAlt', {name: NAMES[state.name], x: number(round(state.at)), y: number(round(value)), d: number(round(slope))}));
      const cut = svg('line', {class: 'ln-k-cut', x1: x(state.at), x2: x(state.at), y1: 10, y2: 312});
      picture.replaceChildren(
        svg('line', {class: 'ln-a-axis', x1: 20, x2: 580, y1: y(0), y2: y(0)}), svg('line', {class: 'ln-a-axis', x1: x(0), x2: x(0), y1: 10, y2: 205}),
        ...ticks.filter((v) => v % 2 === 0 && v).map((v) => svg('text', {class: 'ln-a-number', x: x(v), y: y(0) + 15, 'text-anchor': 'middle'}, String(v).replace('-', '−'))),
        ...[2, 4, 6, 8].map((v) => svg('text', {class: 'ln-a-number', x: x(0) - 6, y: y(v) + 4, 'text-anchor': 'end'}, String(v))),
        svg('line', {class: 'ln-a-axis', x1: 20, x2: 580, y1: z(0), y2: z(0)}), svg('line', {class: 'ln-k-one', x1: 20, x2: 580, y1: z(1), y2: z(1)}),
        svg('text', {class: 'ln-a-number', x: 16, y: z(1) + 4, 'text-anchor': 'end'}, '1'), svg('text', {class: 'ln-a-number', x: 16, y: z(0) + 4, 'text-anchor': 'end'}, '0'),
        svg('text', {class: 'ln-c-name', x: 24, y: 22}, say('theValue')), svg('text', {class: 'ln-c-name', x: 24, y: z(1) - 8}, say('theSlope')),
        cut, svg('path', {class: 'ln-k-curve', d: path(f, y)}), svg('path', {class: 'ln-k-slope', d: path(d, z)}),
        svg('circle', {class: 'ln-k-point', cx: x(state.at), cy: y(value), r: 6}), svg('circle', {class: 'ln-k-point ln-k-point--slope', cx: x(state.at), cy: z(slope), r: 6}));
      said.textContent = say('curveSaid', {name: NAMES[state.name], x: number(round(state.at)), is: gives(round(state.at), value), y: number(round(value)), d: number(round(slope))});
    }
    function point(event) {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
      state.at = Math.max(FROM, Math.min(TO, Math.round((FROM + (at.x - 20) / 560 * (TO - FROM)) * 20) / 20));
      place.set(state.at);
      draw();
    }
    picture.addEventListener('pointerdown', point);
    picture.addEventListener('pointermove', (event) => { if (event.pointerType === 'mouse' || event.buttons) point(event); });
    draw();
    return [el('div', {class: 'ln-controls'}, which.root), picture, el('div', {class: 'ln-controls ln-controls--next'}, place.root), said];
  });

  define('learn-dead', () => {
    const state = {mean: 0, spread: 1};
    const picture = svg('svg', {class: 'ln-dead', role: 'img', viewBox: '0 0 600 170'});
    const said = el('p', {class: 'ln-verdict', 'aria-live': 'polite'});
    const bars = [['mean', -6, 4], ['spread', 0.2, 3]].map(([name, min, max]) => slider({label: say(name === 'mean' ? 'preMean' : 'preSpread'), min, max, step: 0.1, value: state[name], told: (v) => number(round(v)), on: (v) => { state[name] = v; draw(); }}));
    const at = (v) => 300 + v * 36;

    function draw() {
      const {mean, spread} = state;
      const on = core.below(mean / spread);
      const top = core.bell(0) / spread;
      const curve = (from, to) => core.range(201).map((k) => { const v = from + (to - from) * k / 200; return `${at(v).toFixed(1)} ${(150 - 130 * core.bell((v - mean) / spread) / spread / top).toFixed(1)}`; });
      const area = (from, to) => `M${at(from)} 150L${curve(from, to).join('L')}L${at(to)} 150Z`;
      picture.setAttribute('aria-label', say('deadAlt', {share: number(round(100 * on))}));
      picture.replaceChildren(
        svg('path', {class: 'ln-d-off', d: area(-8, 0)}), svg('path', {class: 'ln-d-on', d: area(0, 8)}),
        svg('line', {class: 'ln-a-axis', x1: 12, x2: 588, y1: 150, y2: 150}), svg('line', {class: 'ln-k-cut', x1: at(0), x2: at(0), y1: 12, y2: 150}),
        ...[-6, -3, 0, 3, 6].map((v) => svg('text', {class: 'ln-a-number', x: at(v), y: 166, 'text-anchor': 'middle'}, String(v).replace('-', '−'))));
      const one = on > 0 ? 1 / on : Infinity;
      said.textContent = on < 1e-6 ? say('deadSaid') : say(on > 1 - 1e-6 ? 'deadAlways' : 'deadShare', {share: number(round(100 * on)), one: one < 1e5 ? number(Math.round(one)) : number(one)});
    }
    draw();
    return [el('div', {class: 'ln-controls'}, bars.map((bar) => bar.root)), picture, ends(say('deadOff'), say('deadOn')), said];
  });
})();
