/* The figures of the walk: the window of a kernel or of a pool on what it reads, enlarged, and the place of the new map that
 * comes of it; a map before and after a curve; ways that meet; a picture as its colours; how the last maps become a class. */
(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const BIG = 150, CUT = 112;
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const svg = (tag, attributes, ...children) => {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  /** A picture with its caption. */
  const framed = (body, caption, bar = null) => convatlas.el('figure', {class: 'tour-fig'}, body, bar, convatlas.el('figcaption', {}, caption));
  const sign = (text) => convatlas.el('span', {class: 'tour-sign', 'aria-hidden': 'true'}, text);

  /** A map or the photograph, enlarged: {box, size: [h, w], part(cell)}; `part` is the whole of it at `cell` px a place. */
  function shown(source, side) {
    const {el, tiles, url} = convatlas;
    if (source.photo) {
      const [h, w] = source.size;
      const sized = (scale) => { const img = el('img', {src: url(source.photo), alt: '', class: 'tour-whole'}); Object.assign(img.style, {width: `${w * scale}px`, height: `${h * scale}px`}); return img; };
      const box = el('span', {class: 'tour-big'}, sized(side / Math.max(h, w)));
      return {box, size: [h, w], part: sized};
    }
    const {maps, tile, colour, to} = source;
    const sized = (scale) => {
      const made = tiles.single(maps, tile, scale * Math.max(maps.h, maps.w), colour, to);
      convatlas.tour.dress(made.firstElementChild, maps, tile, to);
      return made;
    };
    return {box: el('span', {class: 'tour-big'}, sized(side / Math.max(maps.h, maps.w))), size: [maps.h, maps.w], part: sized};
  }

  const percent = (value, of) => `${100 * value / of}%`;

  /** A frame over a picture of h x w places. */
  function frame(kind, [h, w], {x, y, wide, high}) {
    const made = convatlas.el('i', {class: kind});
    Object.assign(made.style, {left: percent(x, w), top: percent(y, h), width: percent(wide, w), height: percent(high, h)});
    return made;
  }

  /** The window on its way over a map: what it reads, enlarged, and what comes of it. `kernels` are drawn between. */
  function sliding(input, output, {k, s, p, d}, kernels, words) {
    const {el, say} = convatlas;
    const from = shown(input, BIG), to = shown(output, BIG);
    const [H, W] = to.size;
    const high = (k[0] - 1) * d[0] + 1, wide = (k[1] - 1) * d[1] + 1;
    const cell = Math.max(2, Math.min(40, Math.floor(CUT / Math.max(high, wide))));
    const lens = el('span', {class: 'tour-lens'});
    Object.assign(lens.style, {width: `${wide * cell}px`, height: `${high * cell}px`});
    lens.style.setProperty('--cell', `${cell * d[1]}px`);
    const seen = from.part(cell);
    lens.append(seen);
    let looking = null, made = null, at = 0, timer = 0;
    const slider = el('input', {type: 'range', min: '0', max: String(H * W - 1), step: '1', 'aria-label': say('tour_place')});
    const told = el('output', {class: 'ca-dim ca-num'});
    const go = (to_) => {
      at = (to_ + H * W) % (H * W);
      const row = Math.floor(at / W), column = at % W;
      const y = row * s[0] - p[0], x = column * s[1] - p[1];
      if (looking) looking.remove();
      if (made) made.remove();
      looking = frame('tour-window', from.size, {x, y, wide, high});
      made = frame('tour-point', to.size, {x: column, y: row, wide: 1, high: 1});
      from.box.append(looking);
      to.box.append(made);
      Object.assign(seen.style, {left: `${-x * cell}px`, top: `${-y * cell}px`});
      slider.value = String(at);
      slider.setAttribute('aria-valuetext', say('tour_at', {row, column}));
      told.textContent = say('tour_at', {row, column});
    };
    const pace = convatlas.explain.sweep([H, W]);
    const on = () => { const next = convatlas.explain.after([H, W], pace, {y: Math.floor(at / W), x: at % W}) || {y: 0, x: 0}; go(next.y * W + next.x); };
    const stop = () => { clearInterval(timer); timer = 0; play.textContent = say('tour_play'); play.setAttribute('aria-pressed', 'false'); };
    const start = () => { timer = setInterval(() => { if (!play.isConnected) return stop(); if (!document.hidden) on(); return undefined; }, pace.every); play.textContent = say('tour_pause'); play.setAttribute('aria-pressed', 'true'); };
    const play = el('button', {type: 'button', class: 'tour-button', 'aria-pressed': 'false', onclick: () => (timer ? stop() : start())}, say('tour_play'));
    slider.addEventListener('input', () => { stop(); go(Number(slider.value)); });
    // Either side may be pointed at: a place of the new map, or where the window lies.
    const pick = (box, [h, w], place) => {
      const follow = (event) => {
        const r = box.getBoundingClientRect();
        const row = Math.min(h - 1, Math.max(0, Math.floor((event.clientY - r.top) / r.height * h)));
        const column = Math.min(w - 1, Math.max(0, Math.floor((event.clientX - r.left) / r.width * w)));
        stop();
        go(place(row, column));
      };
      box.addEventListener('pointermove', (event) => { if (event.pointerType === 'mouse' || event.buttons) follow(event); });
      box.addEventListener('pointerdown', follow);
    };
    pick(to.box, to.size, (row, column) => row * W + column);
    const nearest = (place, step, pad, reach, most) => Math.min(most - 1, Math.max(0, Math.round((place + pad - (reach - 1) / 2) / step)));
    pick(from.box, from.size, (row, column) => nearest(row, s[0], p[0], high, H) * W + nearest(column, s[1], p[1], wide, W));
    go(still.matches ? Math.floor(H / 3) * W + Math.floor(W / 3) : 0);
    if (!still.matches) start();
    const more = words.more ? el('span', {class: 'tour-sign tour-sign--more'}, words.more) : '';
    const parts = [framed(from.box, words.input), framed(lens, words.window), ...kernels, more, sign('→'), framed(to.box, words.output, words.bar)];
    return el('div', {class: 'tour-sliding'}, el('div', {class: 'tour-row'}, parts), el('div', {class: 'tour-drive'}, play, slider, told));
  }

  /** The curve of an activation function with its settings, over -4 … 4, further where it bends beyond. */
  function curve(settings, name) {
    const {act} = convatlas.explain;
    const far = Math.max(4, ...[settings.lo, settings.hi].filter(Number.isFinite).map((bend) => Math.abs(bend) * 4 / 3));
    const points = Array.from({length: 161}, (_, k) => { const x = -far + k * far / 80; return `${x},${-act(settings, x)}`; });
    return svg('svg', {viewBox: `${-far} ${-far} ${2 * far} ${2 * far}`, class: 'tour-curve', role: 'img', 'aria-label': convatlas.say('tour_curve', {op: name})},
      svg('path', {d: `M${-far} 0H${far}M0 ${-far}V${far}`, class: 'tour-curve__axes'}), svg('polyline', {points: points.join(' '), class: 'tour-curve__line'}));
  }

  /** Maps before, a sign or a curve, the map after. */
  function before(sources, output, middle, words) {
    const {el} = convatlas;
    const parts = sources.flatMap((source, n) => [n ? sign('+') : '', framed(shown(source, BIG).box, source.words, source.bar)]);
    return el('div', {class: 'tour-row'}, parts, ...middle, framed(shown(output, BIG).box, words.output, words.bar));
  }

  /** The picture as its colours: one map each. */
  function colours(photo, channels) {
    const {el, url, say} = convatlas;
    const plain = framed(el('img', {src: url(photo.photo), alt: photo.name, class: 'tour-large'}), photo.name);
    if (channels !== 3) return el('div', {class: 'tour-row'}, plain);
    const one = (name, at) => {
      const row = [0, 1, 2].map((k) => (k === at ? 1 : 0)).join(' ');
      const filter = svg('filter', {id: `tour-${name}`, 'color-interpolation-filters': 'sRGB'}, svg('feColorMatrix', {values: `${row} 0 0 ${row} 0 0 ${row} 0 0 0 0 0 1 0`}));
      const img = el('img', {src: url(photo.photo), alt: '', class: 'tour-large'});
      img.style.filter = `url(#tour-${name})`;
      return [framed(img, say(`tour_${name}`)), filter];
    };
    const made = ['red', 'green', 'blue'].map(one);
    return el('div', {class: 'tour-row'}, plain, sign('='), made.map(([figure]) => figure), svg('svg', {width: 0, height: 0, 'aria-hidden': 'true', class: 'ca-filters'}, ...made.map(([, filter]) => filter)));
  }

  /** What the model says, as bars; without probabilities, as its numbers. */
  function bars(says) {
    const {el, number, percent: share} = convatlas;
    return el('ol', {class: 'ca-bars ca-bars--stacked tour-bars'}, says.map(([label, p, logit]) => {
      const fill = el('span');
      if (p !== null) fill.style.width = `${100 * p}%`;
      return el('li', {'data-class': label}, el('span', {class: 'ca-bars__label'}, label), p === null ? '' : el('span', {class: 'ca-bars__track', 'aria-hidden': 'true'}, fill), el('span', {class: 'ca-bars__value'}, p === null ? number(logit) : p < 0.0005 ? '< 0.1 %' : share(p)));
    }));
  }

  convatlas.tourFigure = {sliding, before, curve, colours, bars, framed, shown, sign};
})();
