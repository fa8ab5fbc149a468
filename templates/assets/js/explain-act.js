/* An activation function: the map before, the curve with the chosen place's number moving on it, the map after. Behind the curve
 * stands how often each number occurs in the map. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const [W, H] = [320, 240], BINS = 48, STEPS = 240;

  /** The function as a formula, with its parameters put in. */
  const formula = ({fn, lo, hi, negative_slope: slope, alpha, beta, lambd, threshold, value}) => {
    const t = draw.text;
    if (fn === 'clip') return hi === null ? (lo === null ? 'x' : `max(${t(lo)}, x)`) : lo === null ? `min(x, ${t(hi)})` : `min(max(${t(lo)}, x), ${t(hi)})`;
    return {
      leaky_relu: `x ≥ 0 ? x : ${t(slope ?? 0)} x`, prelu: 'x ≥ 0 ? x : a x', elu: `x > 0 ? x : ${t(alpha ?? 1)} (eˣ − 1)`, celu: `x > 0 ? x : ${t(alpha ?? 1)} (e^(x / ${t(alpha ?? 1)}) − 1)`,
      selu: '1.0507 · (x > 0 ? x : 1.6733 (eˣ − 1))', gelu: 'x Φ(x)', gelu_tanh: '½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))', silu: 'x · sigmoid(x)', mish: 'x · tanh(ln(1 + eˣ))',
      hardswish: 'x · min(max(0, x + 3), 6) / 6', hardsigmoid: 'min(max(0, x + 3), 6) / 6', sigmoid: '1 / (1 + e⁻ˣ)', logsigmoid: '−ln(1 + e⁻ˣ)', tanh: 'tanh(x)', softsign: 'x / (1 + |x|)',
      tanhshrink: 'x − tanh(x)', softplus: `ln(1 + e^(${t(beta ?? 1)} x)) / ${t(beta ?? 1)}`, hardshrink: `|x| > ${t(lambd ?? 0)} ? x : 0`, softshrink: `sign(x) · max(|x| − ${t(lambd ?? 0)}, 0)`, threshold: `x > ${t(threshold ?? 0)} ? x : ${t(value ?? 0)}`,
    }[fn];
  };

  core.figures.act = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings, shape: [units, h, w], op, name} = chain.steps[k];
    const {slope: slopes} = chain.arrays[k];
    const slope = slopes ? slopes[slopes.length > 1 ? unit : 0] : 0;
    const x = chain.read(k, 0, unit), out = chain.map(k, unit);
    const f = (v) => core.act(settings, v, slope);
    const [onInput, onOutput] = [draw.scale(x), draw.scale(out)];
    const input = draw.map({values: x, w, h, on: onInput, colour, side: 200, label: say('xInputOf', {unit})});
    input.addEventListener('pointerdown', (event) => view.move(input.at(event)));
    const output = draw.chooser(draw.map({values: out, w, h, on: onOutput, colour, side: 200}), view, say('xOutputMap', {unit}));

    const [x0, x1] = [onInput.lo, onInput.hi]; // as far as the colour bar of what goes in
    const curve = Array.from({length: STEPS + 1}, (_, n) => x0 + (x1 - x0) * n / STEPS);
    if (x0 < 0 && x1 > 0) curve.push(0);
    for (const bend of [settings.lo, settings.hi]) if (typeof bend === 'number' && bend > x0 && bend < x1) curve.push(bend);
    curve.sort((a, b) => a - b);
    const [y0, y1] = (([a, b]) => [Math.min(a, 0) - (b - a || 1) * 0.08, Math.max(b, 0) + (b - a || 1) * 0.08])(core.ends([curve.map(f)]));
    const X = (v) => (v - x0) / (x1 - x0) * W, Y = (v) => H - (v - y0) / (y1 - y0) * H;
    const counts = new Array(BINS).fill(0);
    for (const v of x) counts[Math.min(BINS - 1, Math.floor((v - x0) / (x1 - x0) * BINS))] += 1;
    const most = Math.max(...counts);
    const {shape} = draw;
    const svg = shape('svg', {viewBox: `-8 -8 ${W + 16} ${H + 16}`, class: 'ca-x-curve', role: 'img'});
    const title = el('span', {class: 'ca-x-of'});
    counts.forEach((n, k_) => { if (n) svg.append(shape('rect', {x: k_ * W / BINS, y: H - n / most * H * 0.4, width: W / BINS - 0.6, height: n / most * H * 0.4, class: 'ca-x-count'})); });
    svg.append(shape('line', {x1: 0, x2: W, y1: Y(0), y2: Y(0), class: 'ca-x-axis'}), shape('line', {x1: X(0), x2: X(0), y1: 0, y2: H, class: 'ca-x-axis'}),
      shape('path', {d: curve.map((v, n) => `${n ? 'L' : 'M'}${X(v).toFixed(2)} ${Y(f(v)).toFixed(2)}`).join(''), class: 'ca-x-function'}));
    const [low, high] = core.ends([curve.map(f)]);
    for (const v of new Set([low, 0, high])) {
      if (v && Math.abs(Y(v) - Y(0)) < 14) continue;
      const text = shape('text', {x: X(0) + (X(0) > W * 0.8 ? -5 : 5), y: Y(v) - 4, class: 'ca-x-value', 'text-anchor': X(0) > W * 0.8 ? 'end' : 'start', 'aria-hidden': 'true'});
      text.textContent = convatlas.number(v);
      svg.append(text);
    }
    const drop = shape('path', {class: 'ca-x-drop'}), point = shape('circle', {r: 6, class: 'ca-x-point'});
    svg.append(drop, point);
    const ticks = el('div', {class: 'ca-x-ticks', 'aria-hidden': 'true'}, el('span', {}, convatlas.number(x0)), el('span', {}, say('xBefore')), el('span', {}, convatlas.number(x1)));
    const line = el('p', {class: 'ca-x-written', 'data-written': ''});
    let changed = 0;
    for (let n = 0; n < out.length; n += 1) if (Math.abs(out[n] - x[n]) > 1e-9) changed += 1;
    const node = el('div', {class: 'ca-x ca-x-act'}, el('p', {class: 'ca-x-lead'}, view.lead(), ` ${say('xChanged', {share: convatlas.percent(changed / out.length)})}`),
      el('div', {class: 'ca-x-flow'},
        draw.part(say('xInputOf', {unit}), input, draw.bar(onInput, colour)), draw.sign('→'),
        draw.part([title, el('br'), say('xFunction', {formula: formula(settings)})], el('div', {class: 'ca-x-plot'}, svg, ticks)), draw.sign('→'),
        draw.part(say('xOutput', {unit, units}), output, draw.bar(onOutput, colour))),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, line));
    return {
      node,
      size: [h, w],
      place(next, playing) {
        const at = next.y * w + next.x;
        input.mark([next]);
        output.mark([next]);
        output.until(playing ? next : null);
        title.textContent = say('xCurveOf', {op, name, unit, image: view.image || chain.image, ...next});
        svg.setAttribute('aria-label', title.textContent);
        point.setAttribute('cx', X(x[at]));
        point.setAttribute('cy', Y(out[at]));
        drop.setAttribute('d', `M${X(x[at])} ${Y(0)}V${Y(out[at])}H${X(0)}`);
        line.replaceChildren('f(', draw.number(x[at], {'data-in': ''}), `) ${draw.equals(core.act(settings, draw.shown(x[at]), draw.shown(slope)), out[at])} `, draw.number(out[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}), ...(settings.fn === 'prelu' ? [' ', el('span', {class: 'ca-dim'}, `a = ${draw.text(slope)}`)] : []));
      },
    };
  };
})();
