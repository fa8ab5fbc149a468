/* <learn-window>: where the windows of a convolution or a pooling go: sizes, the output's size, and what is never read. */
(() => {
  const {el} = convatlas;
  const {core, own, parts: {say, svg, formula, slider, player, define}} = convatlas.learn;
  const SETTINGS = {size: 7, kernel: 3, stride: 2, before: 1, after: 1, dilation: 1};
  const SHORT = {size: 'n', kernel: 'k', stride: 's', before: 'p', after: 'q', dilation: 'd'};
  const MOST = {size: 32, kernel: 7, stride: 5, padding: 5, dilation: 4};
  /** What the address may say at most: a kernel is as many cells as its square, all drawn. */
  const SAID = {kernel: Math.max(32, ...own.windows.map((one) => one.kernel))};

  /** What the address says, within bounds. */
  function read() {
    const said = convatlas.address.read();
    const found = {...SETTINGS};
    for (const [name, letter] of Object.entries(SHORT)) {
      const value = Number(said[letter]);
      const least = name === 'before' || name === 'after' ? 0 : 1;
      if (said[letter] !== undefined && Number.isInteger(value) && value >= least && value <= (SAID[name] || 1024)) found[name] = value;
    }
    if (said.p !== undefined && said.q === undefined) found.after = found.before;
    return found;
  }

  /** A grid of n × n cells as one path. */
  const lines = (n, at = 0) => core.range(n + 1).map((k) => `M${at + k} 0V${n}M${at} ${k}H${at + n}`).join('');

  define('learn-window', () => {
    let now = read();
    let shape = core.side(now);
    const picture = svg('svg', {class: 'ln-window', role: 'img', preserveAspectRatio: 'xMinYMid'});
    const verdict = el('p', {class: 'ln-verdict', 'aria-live': 'polite'});
    const names = el('p', {class: 'ln-names'});
    const sum = el('div', {class: 'ln-live ln-live--lines formula', tabindex: 0, role: 'group', 'aria-label': say('formula')});
    const change = (name) => (value) => { now = name === 'padding' ? {...now, before: value, after: value} : {...now, [name]: value}; choose.value = ''; draw(); };
    const bars = Object.fromEntries(['size', 'kernel', 'stride', 'padding', 'dilation'].map((name, k) => [name, slider({
      label: say(name), mark: k + 1, min: name === 'padding' ? 0 : 1, max: MOST[name], value: 1, on: change(name),
      told: (value) => (name === 'padding' && now.before !== now.after ? `${now.before} + ${now.after}` : String(value)),
    })]));
    const choose = el('select', {onchange: () => { if (choose.value !== '') { now = {...own.windows[Number(choose.value)]}; draw(); } }},
      el('option', {value: ''}, say('ownChoose')),
      own.windows.map((one, k) => el('option', {value: k}, say(one.layers > 1 ? 'ownWindows' : 'ownWindow', {...one, others: one.layers - 1}))));
    const go = player({count: 1, on: slide, told: (at) => (shape.out ? say('placeOf', {row: Math.floor(at / shape.out), column: at % shape.out}) : '')});

    /** Everything that the settings change. */
    function draw() {
      shape = core.side(now);
      for (const name of ['size', 'kernel', 'stride', 'dilation']) bars[name].set(now[name], Math.max(MOST[name], now[name]));
      bars.padding.set(now.before, Math.max(MOST.padding, now.before));
      const {padded, out, unread} = shape;
      const gap = Math.max(2, padded / 8);
      const [left, top] = [padded + gap, (padded - out) / 2];
      const unreadSet = new Set(unread);
      const strips = unread.flatMap((c) => [svg('rect', {x: c, y: 0, width: 1, height: padded}), svg('rect', {x: 0, y: c, width: padded, height: 1})]);
      picture.setAttribute('viewBox', `-0.1 -0.1 ${padded + gap + Math.max(out, 1) + 0.2} ${padded + 0.2}`);
      picture.setAttribute('aria-label', say('windowAlt', {...now, padded, out, unread: unreadSet.size}));
      picture.replaceChildren(
        svg('rect', {class: 'ln-w-padding', x: 0, y: 0, width: padded, height: padded}),
        svg('rect', {class: 'ln-w-input', x: now.before, y: now.before, width: now.size, height: now.size}),
        svg('g', {class: 'ln-w-unread'}, strips),
        svg('path', {class: 'ln-w-lines', d: lines(padded)}),
        svg('g', {class: 'ln-w-taps'}),
        svg('rect', {class: 'ln-w-frame', width: shape.reach, height: shape.reach}),
        svg('g', {transform: `translate(${left} ${top})`}, svg('path', {class: 'ln-w-done'}), svg('path', {class: 'ln-w-lines', d: lines(out)}), svg('rect', {class: 'ln-w-cell', width: 1, height: 1})),
        svg('path', {class: 'ln-w-arrow', d: `M${padded + gap * 0.25} ${padded / 2}h${gap * 0.5}l${-gap * 0.15} ${-gap * 0.12}m${gap * 0.15} ${gap * 0.12}l${-gap * 0.15} ${gap * 0.12}`}));
      names.textContent = say('windowNames', {padded, out});
      sum.replaceChildren(...written());
      verdict.className = `ln-verdict ${shape.lost.length || !out ? 'ln-verdict--bad' : unread.length ? 'ln-verdict--some' : 'ln-verdict--good'}`;
      verdict.textContent = judged();
      go.count(out * out, out > 12 ? 120 : 600);
      const parts = Object.fromEntries(Object.entries(SHORT).map(([name, letter]) => [letter, now[name] === SETTINGS[name] ? null : now[name]]));
      if (Object.values(parts).some((v) => v !== null) || location.hash) convatlas.address.write(parts.p !== null && parts.q === null ? {...parts, q: now.after} : parts);
    }

    function written() {
      const {size, kernel, stride, before, after, dilation} = now;
      const paddings = before === after ? ['2 ·', {mark: 4, is: before}] : [{mark: 4, is: [before, '+', after]}];
      const above = [{mark: 1, is: size}, '+', ...paddings, '−', {mark: 5, is: dilation}, '· (', {mark: 2, is: kernel}, '− 1 ) − 1'];
      const left = shape.padded - shape.reach;
      if (left < 0) return [formula({over: [above, {mark: 3, is: stride}]}, '<', 0)];
      return [formula('⌊', {over: [above, {mark: 3, is: stride}]}, '⌋ + 1'), formula('= ⌊', {over: [left, {mark: 3, is: stride}]}, '⌋ + 1'), formula('=', shape.out)];
    }

    /** Whether it fits, and what is never read. */
    function judged() {
      const {out, rest, unread, lost, padded, reach} = shape;
      if (!out) return say('noFit', {reach, padded});
      if (!unread.length) return say('fits', {out});
      const inner = unread.filter((column) => column < padded - rest).length;
      const told = [];
      if (rest) told.push(say(rest === 1 ? 'restOne' : 'rest', {rest}));
      if (inner) told.push(say(inner === 1 ? 'gapOne' : 'gaps', {n: inner, why: say(now.stride > reach ? 'gapStride' : 'gapDilation')}));
      told.push(lost.length ? say(lost.length === 1 ? 'lostOne' : 'lost', {n: lost.length, size: now.size}) : say('lostNone'));
      return told.join(' ');
    }

    /** The window at one place of the output. */
    function slide(at) {
      const {out, reach} = shape;
      const [frame, cell, group, done] = ['.ln-w-frame', '.ln-w-cell', '.ln-w-taps', '.ln-w-done'].map((name) => picture.querySelector(name));
      for (const part of [frame, cell, group, done]) part.style.display = out ? '' : 'none';
      if (!out) return;
      const [y, x] = [Math.floor(at / out), at % out];
      frame.style.transform = `translate(${x * now.stride}px, ${y * now.stride}px)`;
      frame.setAttribute('width', reach);
      cell.style.transform = `translate(${x}px, ${y}px)`;
      done.setAttribute('d', `M0 0H${out}V${y}H0Z${x ? `M0 ${y}H${x}V${y + 1}H0Z` : ''}`);
      group.replaceChildren(...core.taps(y, x, now).map(([r, c]) => svg('rect', {x: c, y: r, width: 1, height: 1})));
    }

    /** The place under the pointer: of the output, or of the window whose middle is nearest. */
    function point(event) {
      const {out, padded, reach} = shape;
      if (!out) return;
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
      const gap = Math.max(2, padded / 8);
      const inside = (v) => Math.max(0, Math.min(out - 1, v));
      const [x, y] = at.x > padded + gap / 2
        ? [Math.floor(at.x - padded - gap), Math.floor(at.y - (padded - out) / 2)]
        : [Math.round((at.x - reach / 2) / now.stride), Math.round((at.y - reach / 2) / now.stride)];
      go.go(inside(y) * out + inside(x));
    }
    picture.addEventListener('pointermove', (event) => { if (event.pointerType === 'mouse') point(event); });
    picture.addEventListener('pointerdown', point);
    addEventListener('hashchange', () => { now = read(); draw(); });

    draw();
    const preset = own.windows.length ? el('label', {class: 'ca-select ln-select'}, el('span', {}, say('ownLabel')), choose) : null;
    return [el('div', {class: 'ln-controls'}, Object.values(bars).map((bar) => bar.root), preset), el('div', {class: 'ln-stage'}, names, picture, go.root, sum, verdict)].filter(Boolean);
  });
})();
