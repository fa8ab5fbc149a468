/* generator/diagrams/frame.py, row.py, skips.py, scale.py and extras.py in a browser: what the styles share. */
(() => {
  const {Canvas, textWidth, num, INK, DIM, LINE, DASHES} = convatlas.drawing;
  const EDGE = 8;
  const PAD = 10;
  const CLEAR = 5;

  class Frame {
    canvas = new Canvas();
    left = Infinity;
    top = Infinity;
    right = -Infinity;
    bottom = -Infinity;

    cover(x, y, width, height) {
      this.left = Math.min(this.left, x);
      this.top = Math.min(this.top, y);
      this.right = Math.max(this.right, x + width);
      this.bottom = Math.max(this.bottom, y + height);
    }

    text(at, words, size, {anchor = 'start', dim = false} = {}) {
      const wide = textWidth(words, size);
      this.cover(at[0] - {start: 0, middle: wide / 2, end: wide}[anchor], at[1] - 0.8 * size, wide, (0.8 + 0.25) * size);
      this.canvas.text(at, words, size, {text_anchor: anchor === 'start' ? null : anchor, fill: dim ? DIM : INK, class_: dim ? 'ca-dim' : 'ca-ink'});
    }

    drawing(title) {
      const width = this.right - this.left + 2 * EDGE;
      const height = this.bottom - this.top + 2 * EDGE;
      return this.canvas.drawing(width, height, {title, x: this.left - EDGE, y: this.top - EDGE});
    }
  }

  function nothing(title, words, size) {
    const frame = new Frame();
    frame.text([0, 0], words, size, {dim: true});
    return frame.drawing(title);
  }

  /** [where each body begins, where each word's middle is]: see row.py. */
  const PRINT = 17.5 / 2.54 * 72 / 5.5;
  const SHARES = [0.9, 0.8, 0.7, 0.6, 0.5];

  function printed(size, most, letters, draw) {
    let made = draw(size || most);
    for (const share of SHARES) {
      if (size || made.width <= PRINT * letters) break;
      made = draw(share * most);
    }
    return made;
  }

  function spread(bodies, labels, words, spacing) {
    const starts = [];
    const middles = [];
    bodies.forEach((body, k) => {
      if (k === 0) { starts.push(0); middles.push(0); return; }
      const end = starts.at(-1) + bodies[k - 1];
      let start = end + spacing;
      start = Math.max(start, starts.at(-1) + bodies[k - 1] / 2 + (labels[k - 1] + labels[k]) / 2 + PAD - body / 2);
      if (labels[k]) start = Math.max(start, end + CLEAR + (labels[k] - body) / 2);
      if (labels[k - 1]) start = Math.max(start, starts.at(-1) + (bodies[k - 1] + labels[k - 1]) / 2 + CLEAR);
      if (words[k] > 0 && words[k - 1] > 0) start = Math.max(start, 2 * (middles.at(-1) + (words[k - 1] + words[k]) / 2 + PAD) - end);
      starts.push(start);
      middles.push((end + start) / 2);
    });
    return [starts, middles];
  }

  const [LANE, ROUND, APART, TIP, GAP] = [9, 5, 4, 6, 3];

  function lanes(spans, places) {
    const found = [];
    for (const [start, stop] of [...spans].sort((a, b) => (a[1] - a[0]) - (b[1] - b[0]) || a[0] - b[0])) {
      const under = places.slice(start, stop + 1).map((place) => place.reach + TIP);
      for (const [a, b, far] of found) if (a < stop && start < b) under.push(far);
      found.push([start, stop, Math.max(...under) + LANE]);
    }
    return found;
  }

  /** Arcs over a row of bodies: see skips.py. */
  function drawSkips(frame, bodies, places, down) {
    const spans = bodies.flatMap((body, stop) => body.stage.skips.map((start) => [start, stop]));
    const far = new Map(lanes(spans, places).map(([start, stop, out]) => [`${start} ${stop}`, out]));
    for (const [start, stop] of spans) {
      const out = far.get(`${start} ${stop}`);
      const [a, b] = [places[start], places[stop]];
      const [first, last] = [a.along + APART, b.along - APART];
      const corners = [[first, a.reach + GAP], [first, out], [last, out], [last, b.reach + GAP]];
      arc(frame, corners.map(([along, reach]) => (down ? [reach, along] : [along, -reach])), down, bodies[stop].stage.dashed);
    }
  }

  function arc(frame, [[x0, y0], [x1, y1], [x2, y2], [x3, y3]], down, dashed) {
    const turns = down
      ? `H${num(x1 - ROUND)} Q${num(x1)},${num(y1)} ${num(x1)},${num(y1 + ROUND)} V${num(y2 - ROUND)} Q${num(x2)},${num(y2)} ${num(x2 - ROUND)},${num(y2)} H${num(x3 + TIP - 1)}`
      : `V${num(y1 + ROUND)} Q${num(x1)},${num(y1)} ${num(x1 + ROUND)},${num(y1)} H${num(x2 - ROUND)} Q${num(x2)},${num(y2)} ${num(x2)},${num(y2 + ROUND)} V${num(y3 - TIP + 1)}`;
    frame.cover(Math.min(x0, x1, x3), Math.min(y0, y1, y3), down ? Math.abs(x1 - x0) : Math.abs(x2 - x1), down ? Math.abs(y2 - y1) : 0);
    frame.canvas.group({class_: 'ca-skip'}, () => {
      frame.canvas.path(`M${num(x0)},${num(y0)} ${turns}`, {fill: 'none', stroke: LINE, stroke_width: 1.3, stroke_dasharray: dashed ? DASHES : null, class_: 'ca-line'});
      const head = down ? [[x3, y3], [x3 + TIP, y3 - 2.5], [x3 + TIP, y3 + 2.5]] : [[x3, y3], [x3 - 2.5, y3 - TIP], [x3 + 2.5, y3 - TIP]];
      frame.canvas.polygon(head, {fill: LINE, class_: 'ca-head'});
    });
  }

  const grown = (value, scale) => (scale === 'log' ? Math.log(1 + value) : scale === 'sqrt' ? Math.sqrt(value) : value);

  function sized(value, top, scale, largest, least) {
    const share = top > 0 ? grown(value, scale) / grown(top, scale) : 1;
    return Math.max(least, Math.min(largest, largest * share));
  }

  function facesOf(it, ops) {
    for (const op of [...ops].reverse()) {
      const own = (it.extra[`face:${op.id}`] || '').split(' ').filter(Boolean);
      const found = own.length ? own : facesOf(it, op.parts);
      if (found.length) return found;
    }
    return [];
  }

  function denseOf(it, op) {
    for (const one of [op, ...op.parts]) {
      const text = it.extra[`dense:${one.id}`];
      if (text !== undefined) return JSON.parse(text);
    }
    return null;
  }

  /** The largest side of a row's maps, their channels, and the longest of its vectors. */
  function tops(row) {
    const {maps, longest} = convatlas.drawing;
    const found = row.map((stage) => maps(stage.op.shape)).filter(Boolean);
    const flat = found.filter((size) => size[0] > 1);
    const square = (flat.length ? flat : found).map((size) => Math.max(size[1], size[2]));
    const vectors = row.filter((stage) => !maps(stage.op.shape)).map((stage) => longest(stage.op.shape));
    const most = (values) => (values.length ? Math.max(...values) : 1);
    return [most(square), most(found.map((size) => size[0])), most(vectors)];
  }

  Object.assign(convatlas.drawing, {EDGE, Frame, nothing, spread, printed, drawSkips, grown, sized, facesOf, denseOf, tops});
})();
