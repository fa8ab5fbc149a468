/* The head: a map laid out as a row of numbers, the terms of a score, and the softmax over all scores. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;
  const TERMS = 12, CLASSES = 8;

  /** A bar to the right of its zero for what speaks for, to the left for what speaks against. Of what is longer than `most` a bar is
   * cut at its end, and broken: two slanted lines, as on a broken axis. */
  const bar = (v, most) => {
    const cut = Math.abs(v) > most * (1 + 1e-6); // a sum of shares may be a little more than 1
    const made = convatlas.el('span', {class: `ca-x-bar${v < 0 ? ' is-against' : ''}${cut ? ' is-cut' : ''}`, 'aria-hidden': 'true'}, convatlas.el('i'));
    made.style.setProperty('--share', cut ? 1 : most ? Math.abs(v) / most : 0);
    return made;
  };
  const label = (chain, n) => (chain.labels && chain.labels[n] ? chain.labels[n] : convatlas.say('xClass', {n}));

  core.figures.flatten = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {reads: [{shape: [c, h, w]}]} = chain.steps[k];
    const size = h * w;
    const channel = Math.floor(unit / size);
    const x = chain.whole(k).channel(channel);
    const on = draw.scale(x);
    const move = {...view, move: ({y, x: column}) => view.choose(channel * size + y * w + column)};
    const input = draw.chooser(draw.map({values: x, w, h, on, colour, side: 200}), move, say('xOutputMap', {unit: channel}));
    const row = draw.map({values: x, w: size, h: 1, on, colour, side: 480, label: say('xRow')});
    const at = unit % size;
    const place = {y: Math.floor(at / w), x: at % w};
    input.mark([place]);
    row.mark([{y: 0, x: at}]);
    const node = el('div', {class: 'ca-x ca-x-flat'}, el('p', {class: 'ca-x-lead'}, view.lead()),
      el('div', {class: 'ca-x-flow'}, draw.part(say('xMapOf', {n: channel, of: c}), input, draw.bar(on, colour)), draw.sign('→'), draw.part(say('xRowOf', {first: channel * size, last: (channel + 1) * size - 1, of: c * size}), row)),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, el('p', {class: 'ca-x-written', 'data-written': ''}, say('xIndex', {channel, h, w, y: place.y, x: place.x, unit}), ' ', draw.number(x[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}))));
    return {node, size: null};
  };

  core.figures.linear = (view) => {
    const {el, say, url} = convatlas;
    const {chain, k, unit} = view;
    const {shape: [rows], reads: [{shape: [c, h, w], page, name}]} = chain.steps[k];
    const {values: x} = chain.whole(k);
    const n = x.length, size = h * w;
    const weight = chain.kernels.get(k).subarray(unit * n, (unit + 1) * n);
    const bias = chain.arrays[k].bias ? chain.arrays[k].bias[unit] : 0;
    const out = chain.vector(k)[unit];
    const terms = Array.from({length: n}, (_, at) => ({at, v: x[at] * weight[at]})).sort((a, b) => Math.abs(b.v) - Math.abs(a.v) || a.at - b.at);
    const first = terms.slice(0, view.all ? 200 : TERMS);
    const came = terms.slice(first.length).filter(({at}) => at === view.from); // the number that was followed to here
    const shown = [...first, ...came];
    const others = terms.slice(first.length).reduce((sum, {v}) => sum + v, 0) - came.reduce((sum, {v}) => sum + v, 0);
    const most = shown.length ? Math.abs(shown[0].v) : 0;
    const own = (at) => (chain.steps[k].follows === undefined ? null : chain.along(chain.steps[k].follows, at, chain.own));
    const text = (at) => (size === 1 && own(at) !== null ? say('unit', {n: at}) : size > 1 ? say('xInputAt', {c: Math.floor(at / size), y: Math.floor(at % size / w), x: at % w}) : say('xInputNumber', {n: at}));
    const said = (at) => (page ? el('a', {href: `${url(page)}#${convatlas.carried({u: Math.floor(at / size)})}`, title: name || false}, text(at)) : size === 1 && own(at) !== null ? el('a', {href: `#v=maps&u=${own(at)}`}, text(at)) : text(at));
    const cut = [others, bias].some((v) => Math.abs(v) > most);
    const body = shown.map(({at, v}) => el('tr', {'data-term': at, class: at === view.from ? 'is-own' : false}, el('th', {scope: 'row'}, said(at), at === view.from ? el('span', {class: 'ca-dim', 'data-came': ''}, ` ${say('xCame')}`) : ''), el('td', {}, draw.number(x[at])), el('td', {}, '×'), el('td', {}, draw.number(weight[at])), el('td', {}, draw.equals(draw.shown(x[at]) * draw.shown(weight[at]), v)), el('td', {}, draw.number(v, {'data-product': ''})), el('td', {}, bar(v, most))));
    const last = (head, v, key) => el('tr', {class: 'ca-x-last'}, el('th', {scope: 'row', colspan: 5}, head), el('td', {}, draw.number(v, {[key]: ''})), el('td', {}, bar(v, most)));
    const node = el('div', {class: 'ca-x ca-x-linear'}, el('p', {class: 'ca-x-lead'}, view.lead(), ` ${say('xTerms', {n, c})}`),
      el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-label': say('xTermsOf', {label: label(chain, unit)})},
        el('table', {class: 'ca-x-terms'}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, say('xHeadFrom')), el('th', {scope: 'col'}, say('xHeadValue')), el('td'), el('th', {scope: 'col'}, say('xHeadWeight')), el('td'), el('th', {scope: 'col'}, say('xHeadTerm')), el('td'))),
          el('tbody', {}, body, n > shown.length ? last(say('xOthers', {n: n - shown.length}), others, 'data-others') : '', last(say('xBias'), bias, 'data-bias'),
            el('tr', {class: 'ca-x-last ca-x-strong'}, el('th', {scope: 'row', colspan: 5}, view.classes(k) ? say('xLogit', {label: label(chain, unit)}) : say('xUnitOf', {n: unit, of: rows})), el('td', {}, draw.number(out, {'data-out': '', class: 'ca-x-num ca-x-strong'})), el('td'))))),
      cut ? el('p', {class: 'ca-dim', 'data-cut': ''}, say('xCut')) : '',
      n > TERMS ? el('button', {type: 'button', class: 'ca-x-button', 'data-all': '', 'aria-pressed': String(Boolean(view.all)), onclick: () => view.option({all: !view.all})}, view.all ? say('xFew', {n: TERMS}) : say('xMost', {n: Math.min(200, n)})) : '');
    return {node, size: null};
  };

  core.figures.softmax = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit} = view;
    const {reads: [{flows}], added} = chain.steps[k];
    const z = flows === undefined ? chain.whole(k).values : chain.vector(flows);
    const order = Array.from(z, (_, n) => n).sort((a, b) => z[b] - z[a] || a - b);
    const few = order.slice(0, CLASSES);
    if (!few.includes(unit)) few.push(unit);
    const body = el('tbody'), line = el('p', {class: 'ca-x-written', 'data-written': ''});
    const said = el('output', {class: 'ca-x-temperature'}), power = el('span'), headExp = el('th', {scope: 'col'}, say('xHeadExp'), power);
    const slider = el('input', {type: 'range', min: -2, max: 2, step: 0.05, value: Math.log2(view.temperature || 1), 'data-temperature': '', 'aria-label': say('xTemperature'), oninput: () => fill()});
    function fill() {
      const T = 2 ** Number(slider.value);
      view.keep({temperature: T});
      said.textContent = `T = ${draw.text(T, 3)}`;
      slider.setAttribute('aria-valuetext', said.textContent);
      const {top, e, sum, p} = core.softmax(z, T);
      const rest = order.filter((n) => !few.includes(n));
      const total = (array) => rest.reduce((all, n) => all + array[n], 0);
      const row = (name, values, cls, attributes) => el('tr', {class: cls || false, ...attributes}, el('th', {scope: 'row'}, name), values.map((v) => el('td', {}, v === null ? '' : draw.number(v))), el('td', {}, bar(values[2], 1)));
      body.replaceChildren(...few.map((n) => row(label(chain, n), [z[n], e[n], p[n]], n === unit ? 'is-own' : '', {'data-class': n})), rest.length ? row(say('xOtherClasses', {n: rest.length}), [null, total(e), total(p)], 'ca-x-last', {'data-rest': ''}) : '');
      const over = T === 1 ? '' : ` ÷ ${draw.text(T, 3)}`;
      power.textContent = T === 1 ? '' : say('xHeadOver', {T: draw.text(T, 3)});
      const [open, close] = T === 1 ? ['e^(', ''] : ['e^((', ')'];
      const less = top < 0 ? [' − (', draw.number(top), ')'] : [' − ', draw.number(top)];
      line.replaceChildren(open, draw.number(z[unit]), ...less, `${close}${over}) ÷ `, draw.number(sum), ` ${draw.equals(Math.exp((draw.shown(z[unit]) - draw.shown(top)) / draw.shown(T, 3)) / draw.shown(sum), p[unit])} `, draw.number(p[unit], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
    }
    fill();
    const node = el('div', {class: 'ca-x ca-x-softmax'}, el('p', {class: 'ca-x-lead'}, view.lead(), added ? ` ${say('xAdded')}` : ''),
      el('label', {class: 'ca-x-check'}, say('xTemperature'), ' ', slider, said, el('button', {type: 'button', class: 'ca-x-button', onclick: () => { slider.value = 0; fill(); }}, say('xReset'))),
      el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-label': say('xSoftmaxOf')},
        el('table', {class: 'ca-x-terms ca-x-terms--softmax'}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, say('xHeadClass')), el('th', {scope: 'col'}, say('xHeadLogit')), headExp, el('th', {scope: 'col'}, say('xHeadShare')), el('td'))), body)),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, line, el('p', {class: 'ca-dim'}, say('xTemperatureHow'))));
    return {node, size: null};
  };
})();
