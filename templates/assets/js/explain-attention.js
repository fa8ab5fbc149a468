/* Attention of one head at one token: the scores of all tokens on their grid -> shares of a softmax -> the values, weighed and summed.
 * The tokens that count most are written out, the others summed; tokens without a place (a class token) stand under the grids, and may
 * ask too. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const TERMS = 6, PRODUCTS = 5, SIDE = 170;

  core.figures.attention = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings: {heads, scale, prefix, tokens, masked}, shape: [units, h, w]} = chain.steps[k];
    const [query, key, value] = [0, 1, 2].map((r) => chain.whole(k, r).values);
    const channel = unit % (units / heads), values = value.subarray(unit * tokens, (unit + 1) * tokens);
    const out = chain.map(k, unit), n = draw.number;
    const grid = (all) => all.slice(prefix, prefix + h * w);
    const beside = Array.from({length: tokens}, (_, t) => t).filter((t) => t < prefix || t >= prefix + h * w);
    const placed = (t) => ({y: Math.floor((t - prefix) / w), x: (t - prefix) % w});
    const name = (t) => (beside.includes(t) ? say('xAskToken', {n: t}) : say('xTokenAt', placed(t)));
    const onValues = draw.scale(values), onOut = draw.scale(out);
    let [onScores, onShares] = [onValues, onValues], place = {y: 0, x: 0};
    const map = (all, on, label) => {
      const made = draw.map({values: grid(all), w, h, on, colour, side: SIDE, label});
      made.addEventListener('pointerdown', (event) => view.move(made.at(event)));
      return made;
    };
    const empty = new Float64Array(tokens);
    const maps = {scores: map(empty, onValues, say('xScores', {scale: draw.text(scale, 3)})), shares: map(empty, onValues, say('xShares')), values: map(values, onValues, say('xValues', {n: channel}))};
    const output = draw.chooser(draw.map({values: out, w, h, on: onOut, colour, side: SIDE}), view, say('xOutputMap', {unit}));
    const left = el('p', {class: 'ca-dim', 'data-left-out': ''});
    const feet = {scores: el('div'), shares: el('div')};
    const body = el('tbody'), dot = el('p', {class: 'ca-x-written', 'data-dot': ''}), line = el('p', {class: 'ca-x-written', 'data-written': ''});
    const asks = el('select', {'data-ask': '', onchange: () => { view.keep({asks: Number(asks.value)}); fill(); }}, el('option', {value: -1}, say('xAskPlace')), beside.map((t) => el('option', {value: t, selected: view.asks === t}, say('xAskToken', {n: t}))));

    /** What stands under a grid: its scale, and the tokens without a place. */
    const foot = (all, on, data) => [draw.bar(on, colour), ...beside.slice(0, 4).map((t) => el('p', {class: 'ca-dim ca-x-beside', 'data-k': t}, say('xAskToken', {n: t}), ' ', n(all[t], {[data]: t}, 3)))];
    /** Products of the largest size, and the others summed. */
    const products = (token, t, {dots, width}) => {
      const head = Math.floor(unit / (units / heads)) * width;
      const all = Array.from({length: width}, (_, c) => ({q: query[(head + c) * tokens + token], k: key[(head + c) * tokens + t]})).map((one) => ({...one, v: one.q * one.k})).sort((a, b) => Math.abs(b.v) - Math.abs(a.v));
      const few = all.slice(0, PRODUCTS), rest = all.slice(PRODUCTS).reduce((sum, {v}) => sum + v, 0);
      dot.replaceChildren(el('b', {}, say('xTokenDot', {token: name(t)})), ' ', ...few.flatMap(({q, k: fits}, c) => [c ? ' + ' : '', el('span', {class: 'ca-x-term'}, signed(q), '·', signed(fits))]),
        ...(all.length > few.length ? [' + ', el('span', {class: 'ca-dim'}, say('xOthers', {n: all.length - few.length})), ' ', n(rest, {'data-dot-others': ''})] : []), ` ${draw.equals(few.reduce((sum, {q, k: fits}) => sum + draw.shown(q) * draw.shown(fits), 0) + (all.length > few.length ? draw.shown(rest) : 0), dots[t])} `, n(dots[t], {'data-dot-sum': ''}));
    };
    const signed = (v) => (v < 0 ? ['(', n(v), ')'] : [n(v)]);

    function fill() {
      const asked = beside.includes(Number(asks.value)) ? Number(asks.value) : prefix + place.y * w + place.x;
      const found = chain.attends(k, unit, asked);
      const {dots, scores, added, p} = found;
      [onScores, onShares] = [draw.scale(scores.filter(Number.isFinite)), {...draw.scale(p), lo: 0, signed: false}];
      maps.scores.paint(grid(scores).map((v) => Math.max(onScores.lo, v)), onScores);
      maps.shares.paint(grid(p), onShares);
      feet.scores.replaceChildren(...foot(scores, onScores, 'data-score'));
      feet.shares.replaceChildren(...foot(p, onShares, 'data-share'));
      const order = Array.from(p, (_, t) => t).sort((a, b) => p[b] - p[a] || a - b);
      const few = order.slice(0, TERMS), rest = order.slice(TERMS);
      const total = (of) => rest.reduce((sum, t) => sum + of(t), 0);
      const sum = core.gathered(p, value, unit);
      const row = (t) => el('tr', {'data-k': t, 'data-token': t}, el('th', {scope: 'row'}, name(t)), el('td', {}, n(dots[t], {'data-product': ''})), masked ? el('td', {}, n(added[t], {'data-mask': ''})) : '', el('td', {}, n(scores[t], {'data-scaled': ''})), el('td', {}, n(p[t], {'data-weight': ''})), el('td', {}, '×'), el('td', {}, n(values[t])), el('td', {}, draw.equals(draw.shown(p[t]) * draw.shown(values[t]), p[t] * values[t])), el('td', {}, n(p[t] * values[t], {'data-term': ''})));
      left.textContent = masked ? say('xLeftOut', {n: added.filter((v) => v === -Infinity).length, of: tokens}) : '';
      body.replaceChildren(...few.map(row),
        rest.length ? el('tr', {class: 'ca-x-last'}, el('th', {scope: 'row', colspan: masked ? 4 : 3}, say('xOtherTokens', {n: rest.length})), el('td', {}, n(total((t) => p[t]), {'data-weight': ''})), el('td', {colspan: 3}), el('td', {}, n(total((t) => p[t] * values[t]), {'data-others': ''}))) : '',
        el('tr', {class: 'ca-x-last ca-x-strong'}, el('th', {scope: 'row', colspan: masked ? 4 : 3}, say('xSum')), el('td', {}, n(p.reduce((a, b) => a + b, 0))), el('td', {colspan: 3}), el('td', {}, n(sum, {'data-sum': ''}))));
      products(asked, few[0], found);
      line.replaceChildren(el('b', {}, say('xTokenSum')), ' ', ...few.flatMap((t, c) => [c ? ' + ' : '', el('span', {class: 'ca-x-term', 'data-k': t}, n(p[t]), '·', ...signed(values[t]))]),
        ...(rest.length ? [' + ', el('span', {class: 'ca-dim'}, say('xOthers', {n: rest.length})), ' ', n(total((t) => p[t] * values[t]))] : []), ` ${draw.equals(few.reduce((all, t) => all + draw.shown(p[t]) * draw.shown(values[t]), 0) + (rest.length ? draw.shown(total((t) => p[t] * values[t])) : 0), sum)} `, n(sum, {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    }

    const head = (key_, given) => el('th', {scope: 'col'}, say(key_, given));
    const node = el('div', {class: 'ca-x ca-x-attention'}, el('p', {class: 'ca-x-lead'}, view.lead(), masked ? ` ${say('xMasked')}` : ''), left,
      beside.length ? el('label', {class: 'ca-select ca-x-check'}, say('xAsks'), ' ', asks) : '',
      el('div', {class: 'ca-x-flow'}, draw.part(say('xScores', {scale: draw.text(scale, 3)}), maps.scores, feet.scores), draw.sign('→'), draw.part(say('xShares'), maps.shares, feet.shares), draw.sign('×'),
        draw.part(say('xValues', {n: channel}), maps.values, draw.bar(onValues, colour)), draw.sign('→'), draw.part(say('xOutput', {unit, units}), output, draw.bar(onOut, colour))),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')},
        el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-label': say('xTokenSum')}, el('table', {class: 'ca-x-terms'}, el('thead', {}, el('tr', {}, head('xHeadToken'), head('xHeadDot'), masked ? head('xHeadMask') : '', head('xHeadScaled'), head('xHeadShareOf'), el('td'), head('xHeadValueOf', {n: channel}), el('td'), head('xHeadTerm'))), body)), dot, line));
    draw.linked(node, (t) => { for (const one of Object.values(maps)) one.point(t === null || beside.includes(t) ? [] : [placed(t)]); });
    return {
      node,
      size: [h, w],
      place(next, playing) {
        place = next;
        for (const one of [...Object.values(maps), output]) one.mark([next]);
        output.until(playing ? next : null);
        fill();
      },
    };
  };
})();
