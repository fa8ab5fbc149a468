/* generator/diagrams/solids and styles/blocks.py in a browser, to the byte. What it is given was prepared there (opened and folded):
 * `Blocks.prepared`. The functions are those of sizes.py, captions.py, layout.py, wires.py, paint.py and scene.py, in this order. */
(() => {
  const {Canvas, num, textWidth} = convatlas.drawing;
  const FILLS = {
    input: '#e9ecf3', conv: '#ffd28a', norm: '#cfe0f7', act: '#f6b7a0', pool: '#b6d7a8', linear: '#c9b8ec', attention: '#f3b4d0', merge: '#a9dde0',
    softmax: '#e3a5a5', resample: '#9fd6bb', reshape: '#eceef2', copy: '#eceef2', block: '#f4f1e6', other: '#dfe3ea', output: '#e9ecf3',
  };
  const EDGES = {
    input: '#69738a', conv: '#a86a00', norm: '#3d6aa8', act: '#b04a26', pool: '#4a7d35', linear: '#6644b0', attention: '#a83b72', merge: '#1f7d84',
    softmax: '#9c3a3a', resample: '#22785a', reshape: '#7c8494', copy: '#7c8494', block: '#85795a', other: '#69738a', output: '#69738a',
  };
  const INK = '#12151c', DIM = '#596174', LINE = '#8a91a3';
  const THIN = ['pool', 'resample', 'norm', 'act', 'softmax'];
  const BAND = 3, BALL = 8, SMALLEST = 5;
  const NAME = 10, CLASS = 10, LABEL = 10, LEADING = 12, WIDEST = 110;
  const MARGIN = 10, FRAME = 8;
  const CLEAR = 9, STEP = 9, OFF = 4;
  const HEAD = 7, BETWEEN = 16;
  const WORDS = {
    input: 'input', conv: 'convolution', norm: 'normalisation', act: 'activation', pool: 'pooling', linear: 'linear', attention: 'attention',
    merge: 'sum or join', softmax: 'softmax', resample: 'resampling', block: 'block', other: 'other',
  };
  const grouped = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  const rounded = (value) => Math.floor(value * 100 + 0.5) / 100;
  const without = (text, start) => (text.startsWith(start) ? text.slice(start.length) : text);
  const least = (values, none) => (values.length ? Math.min(...values) : none);
  const most = (values, none) => (values.length ? Math.max(...values) : none);

  // Sizes

  function measured(ops) {
    let side = 1, deepest = 1, longest = 1;
    const square = ops.filter((op) => op.kind === 'input').every((op) => op.shape.length > 1 ? op.shape.at(-2) === op.shape.at(-1) : !op.shape.length);
    for (const op of ops) {
      const [form, c, h, w] = extent(op.shape, square);
      if (form === 'vector') longest = Math.max(longest, c);
      else if (form !== 'unknown') [side, deepest] = [Math.max(side, h, form === 'map' ? w : 1), Math.max(deepest, c)];
    }
    return {side, most: deepest, longest, square};
  }

  function extent(shape, square) {
    if (shape.length === 1) return ['vector', shape[0], 1, 1];
    if (shape.length === 2) return ['tokens', shape[1], shape[0], 1];
    if (shape.length >= 3) {
      const [c, h, w] = shape.slice(-3);
      return square && c === h && h !== w && shape.length === 3 ? ['map', w, c, h] : ['map', c, h, w];
    }
    return ['unknown', 1, 1, 1];
  }

  function solid(op, by) {
    const sign = signOf(op);
    const [form, c, h, w] = extent(op.shape, by.square);
    const side = form === 'map' ? `${h}×${w}` : form === 'tokens' ? `${h} tokens` : '';
    const deep = form !== 'unknown' ? grouped(c) : '?';
    const bands = bandsOf(op);
    if (sign) return {form: 'ball', w: 2 * BALL, h: 2 * BALL, dx: 0, dy: 0, bands, sign, side, deep};
    const more = BAND * bands.length;
    let tall, wide, far;
    if (form === 'vector') [tall, wide, far] = [by.height * share(c, by.longest, by.scale), 9 + more, 8];
    else if (form === 'unknown') [tall, wide, far] = [0.4 * by.height, 14 + more, 0.4 * by.height * by.slant];
    else {
      tall = by.height * share(h, by.side, by.scale);
      wide = (THIN.includes(op.kind) ? 6 : Math.max(SMALLEST, by.thickness * share(c, by.most, by.channels))) + more;
      far = form === 'map' ? by.slant * by.height * share(w, by.side, by.scale) : 8;
      if (op.kind === 'input') wide = 4;
    }
    far = rounded(Math.max(4, far));
    return {form, w: rounded(wide), h: rounded(Math.max(8, tall)), dx: rounded(far * by.cos), dy: rounded(far * by.sin), bands, sign: '', side, deep};
  }

  const bandsOf = (op) => (op.kind === 'block' ? [] : op.parts.slice(1).map((part) => part.kind).filter((kind) => kind === 'norm' || kind === 'act'));

  function share(value, largest, scale) {
    if (scale === 'log') return Math.log(1 + value) / Math.log(1 + largest);
    return scale === 'sqrt' ? Math.sqrt(value / largest) : value / largest;
  }

  function signOf(op) {
    let said = without(op.op.toLowerCase(), 'f.').replace(/^_+/, '');
    if (op.kind !== 'merge') {
      if (['iadd', 'imul', 'isub', 'idiv'].includes(said)) said = said.slice(1);
      return op.kind === 'other' ? {add: '+', mul: '×', sub: '−', div: '÷'}[said] || '' : '';
    }
    const how = (op.attributes.filter(([name]) => name === 'operation').at(-1) || ['', ''])[1].toLowerCase();
    for (const [words, sign] of [['cat stack', '∥'], ['mul prod', '×'], ['max', 'max'], ['sub', '−'], ['div', '÷']]) {
      if (words.split(' ').some((word) => said.includes(word) || how.includes(word))) return sign;
    }
    return '+';
  }

  // Captions

  function caption(ops, prefix, what) {
    const names = ['both', 'name'].includes(what) ? wrapped(span(namesOf(ops, prefix), ops.reduce((sum, op) => sum + op.times, 0))) : [];
    const said = [];
    for (const op of ops) {
      const name = op.kind === 'input' ? '' : without(op.op, 'F.');
      if (said.length && said.at(-1)[0] === name) said.at(-1)[1] += op.times;
      else said.push([name, op.times]);
    }
    const words = said.map(([name, times]) => (times > 1 ? `${name} ×${times}` : name)).join(', ');
    const classes = ['both', 'class'].includes(what) ? wrapped(words) : [];
    return {names, classes, width: most([...names, ...classes].map((line) => textWidth(line, NAME)), 0), lines: names.length + classes.length};
  }

  function namesOf(ops, prefix) {
    const found = [];
    for (const op of ops) {
      for (const name of [op.id, op.last]) {
        if (!name) continue;
        const plain = op.kind === 'input' ? 'input' : name;
        found.push(prefix && plain.startsWith(`${prefix}.`) ? plain.slice(prefix.length + 1) : plain);
      }
    }
    return found;
  }

  function span(names, many) {
    const first = names[0];
    let last = names.at(-1);
    if (first === last) return first;
    const common = first.lastIndexOf('.') + 1;
    if (common && last.startsWith(first.slice(0, common))) last = last.slice(common);
    return many === 2 ? `${first}, ${last}` : `${first} … ${last}`;
  }

  function wrapped(words, widest = WIDEST) {
    const lines = [];
    for (const word of words.replaceAll('… ', '…\u00a0').split(' ')) {
      if (lines.length && textWidth(`${lines.at(-1)} ${word}`, NAME) <= widest) {
        lines[lines.length - 1] = `${lines.at(-1)} ${word}`;
        continue;
      }
      pieces(word, widest).forEach((piece, k) => {
        if (k && textWidth(lines.at(-1) + piece, NAME) <= widest) lines[lines.length - 1] += piece;
        else if (piece) lines.push(piece);
      });
    }
    return lines;
  }

  function pieces(text, widest) {
    if (textWidth(text, NAME) <= widest) return [text];
    const word = [...text];
    const parts = [];
    let start = 0;
    for (let k = 1; k < word.length; k++) {
      const point = word[k - 1] === '.' && k - start > 2;
      const capital = /^[A-Z]$/.test(word[k]) && /^[a-z]$/.test(word[k - 1]);
      if (!point && !capital) continue;
      parts.push(word.slice(start, k).join(''));
      start = k;
    }
    return [...parts, word.slice(start).join('')].map((part) => shortened(part, widest));
  }

  function shortened(word, widest) {
    if (textWidth(word, NAME) <= widest) return word;
    let characters = [...word];
    while (characters.length && textWidth(`${characters.join('')}…`, NAME) > widest) characters = characters.slice(0, -1);
    return `${characters.join('')}…`;
  }

  function levels(wanted, apart) {
    const ends = [];
    return wanted.map(([left, right]) => {
      const free = ends.findIndex((end) => left >= end + apart);
      const level = free < 0 ? ends.length : free;
      ends[level] = right;
      return level;
    });
  }

  // Layout

  class Placed {
    x = 0;
    axis = 0;
    side = '';

    constructor(op, index, size, times) { Object.assign(this, {op, index, solid: size, times}); }
    get right() { return this.x + this.solid.w + this.solid.dx; }
    get top() { return this.axis - this.solid.h / 2 - this.solid.dy / 2; }
    get bottom() { return this.axis + this.solid.h / 2 + this.solid.dy / 2; }
  }

  class Group {
    labels = [];
    left = 0;
    right = 0;
    middle = 0;
    row = 0;

    constructor(items, said) { Object.assign(this, {items, caption: said}); }
    get x() { return this.items[0].x; }
    get bottom() { return Math.max(...this.items.map((item) => item.bottom)) + 3 + LEADING * most(this.labels.map(([, , level]) => level + 1), 0); }
  }

  function laidOut(it, solids, o, angle) {
    const frames = it.blocks.filter((b) => b.times > 1 && b.stop - b.start > 1);
    const placed = it.ops.map((op, index) => {
      let times = op.times;
      for (const block of it.blocks) if (block.times > 1 && block.start === index && block.stop === index + 1) times *= block.times;
      return new Placed(op, index, solids[index], times);
    });
    const runs = runsOf(it, placed, frames);
    sides(placed, runs, o.sizes);
    const groups = runs.map((run) => group(run, o.labels, o.captions, prefixOf(run[0].index, frames), angle));
    let widest = o.width - 2 * MARGIN, gap = o.spacing;
    let rows = rowsOf(groups, frames, widest, gap, true);
    if (rows > 1 && rowsOf(groups, frames, widest, 0.6 * o.spacing, true) === 1) [rows, gap] = [1, 0.6 * o.spacing];
    for (let k = rows > 1 ? 0 : 4; k < 4; k++) {
      widest = Math.min(widest, o.width - 2 * (MARGIN + 10 + STEP * Math.max(2, crossing(it, groups) - 1)));
      rows = rowsOf(groups, frames, widest, gap, true);
    }
    const lower = rowsOf(groups, frames, widest, gap, false) > rows;
    while (rows > 1 && widest - 20 > 200 && rowsOf(groups, frames, widest - 20, gap, lower) === rows) widest -= 20;
    rowsOf(groups, frames, widest, gap, lower);
    return {placed, groups, rows, frames};
  }

  function crossing(it, groups) {
    const row = rowById({groups});
    return it.edges.filter(({source, target}) => row.get(source) !== row.get(target)).length;
  }

  const inside = (block, index) => block.start <= index && index < block.stop;
  const aroundOf = (index, frames) => frames.filter((b) => inside(b, index));
  const prefixOf = (index, frames) => (aroundOf(index, frames).at(-1) || {path: ''}).path;
  const same = (a, b) => a.length === b.length && a.every((one, k) => one === b[k]);

  function runsOf(it, placed, frames) {
    const inputs = new Map(it.ops.map((op) => [op.id, []]));
    for (const edge of it.edges) inputs.get(edge.target).push(edge.source);
    const runs = [];
    for (const item of placed) {
      const before = runs.length ? runs.at(-1).at(-1) : null;
      if (before && touch(inputs, placed, before, item) && same(aroundOf(before.index, frames), aroundOf(item.index, frames))) runs.at(-1).push(item);
      else runs.push([item]);
    }
    return runs;
  }

  function touch(inputs, placed, a, b) {
    if ([a, b].some((one) => one.solid.form !== 'map' || one.op.kind === 'input' || one.op.kind === 'block')) return false;
    if (!same(inputs.get(b.op.id), [a.op.id])) return false;
    if (['pool', 'resample'].includes(a.op.kind)) return false;
    if (a.solid.h === b.solid.h && a.solid.dx === b.solid.dx) return true;
    const after = placed.slice(b.index + 1).find((item) => item.solid.form !== 'ball');
    const told = after && after.solid.side === b.solid.side;
    return Boolean(told) && THIN.includes(b.op.kind) && a.solid.h / 2 <= b.solid.h && b.solid.h <= a.solid.h && b.solid.dx <= a.solid.dx;
  }

  function sides(placed, runs, sizes) {
    const last = new Set(runs.map((run) => run.at(-1).index));
    const shown = placed.filter((item) => item.solid.form !== 'ball');
    shown.forEach((item, k) => {
      const before = shown[k - 1], after = shown[k + 1];
      let told;
      if (item.solid.form === 'tokens') told = !before || before.solid.side !== item.solid.side;
      else told = !after || after.solid.side !== item.solid.side || (last.has(item.index) && !THIN.includes(item.op.kind));
      item.side = sizes && told ? item.solid.side : '';
    });
  }

  function group(run, labels, captions, prefix, angle) {
    let x = 0, right = 0;
    for (const item of run) {
      item.x = x;
      let reach = item.solid.dx;
      if (item.side) reach = Math.max(reach, sideLabel(item, angle)[3] - item.x - item.solid.w);
      right = Math.max(right, x + item.solid.w + reach);
      x += item.solid.w;
    }
    const ball = run[0].solid.form === 'ball';
    const made = new Group(run, caption(ball ? [] : run.map((item) => item.op), prefix, ball ? 'none' : captions));
    if (labels && !ball) made.labels = channels(run);
    const halves = made.labels.map(([middle, text]) => [middle, textWidth(text, LABEL) / 2]);
    made.left = Math.min(least(halves.map(([middle, half]) => middle - half), 0), 0);
    made.right = Math.max(right, ...halves.map(([middle, half]) => middle + half));
    made.middle = x / 2;
    return made;
  }

  function sideLabel(item, [cos, sin]) {
    const long = textWidth(item.side, LABEL), edge = (item.solid.dx + item.solid.dy) / (cos + sin);
    const x = item.x + item.solid.w, y = item.bottom;
    if (edge < 0.6 * long) return [x + item.solid.dx / 2 + 4, y + 1, false, x + item.solid.dx / 2 + 4 + long];
    const spare = Math.max(0, (edge - long) / 2) + Math.max(0, 30 * (cos - 0.71));
    const at = x + spare * cos + 9.5 * sin;
    return [at, y - spare * sin + 9.5 * cos - 2, true, at + long * cos];
  }

  function channels(run) {
    const parts = [];
    for (const item of run) {
      if (parts.length && parts.at(-1)[0].solid.deep === item.solid.deep) parts.at(-1).push(item);
      else parts.push([item]);
    }
    const middles = parts.map((part) => [(part[0].x + part.at(-1).x + part.at(-1).solid.w) / 2, part[0].solid.deep]);
    const at = levels(middles.map(([m, text]) => [m - textWidth(text, LABEL) / 2, m + textWidth(text, LABEL) / 2]), 2);
    return middles.map(([m, text], k) => [m, text, at[k]]);
  }

  function rowsOf(groups, frames, widest, spacing, lower) {
    let row = 0, before = null;
    for (const chunk of chunks(groups, frames)) {
      if (before && chunk.length > 1 && endOf(chunk, before, frames, spacing, lower) > widest) [row, before] = [row + 1, null];
      for (const one of chunk) {
        put(one, before, frames, spacing, lower);
        const end = one.x + reachOf(one);
        if (before && end > widest) {
          row += 1;
          put(one, null, frames, spacing, lower);
        }
        one.row = row;
        before = one;
      }
    }
    return row + 1;
  }

  function chunks(groups, frames) {
    const found = [];
    for (const one of groups) {
      const around = aroundOf(one.items[0].index, frames)[0];
      if (around && found.length && aroundOf(found.at(-1).at(-1).items[0].index, frames)[0] === around) found.at(-1).push(one);
      else found.push([one]);
    }
    return found;
  }

  function endOf(chunk, first, frames, spacing, lower) {
    let before = first;
    for (const one of chunk) {
      put(one, before, frames, spacing, lower);
      before = one;
    }
    return before.x + reachOf(before);
  }

  const reachOf = (one) => Math.max(one.right, one.middle + one.caption.width / 2) + FRAME;

  function put(one, before, frames, spacing, lower) {
    const half = one.caption.width / 2;
    let x;
    if (!before) x = Math.max(-one.left, half - one.middle) + FRAME;
    else {
      x = before.x + before.right + spacing - one.left;
      const a = aroundOf(before.items[0].index, frames), b = aroundOf(one.items[0].index, frames);
      x += FRAME * [...a, ...b].filter((block) => a.includes(block) !== b.includes(block)).length;
      const other = before.caption.width / 2;
      const apart = (lower ? Math.max(half, other) : half + other) + 5;
      x = Math.max(x, before.x + before.middle + apart - one.middle);
    }
    const by = x - one.x;
    for (const item of one.items) item.x += by;
  }

  // Wires

  function leaves(item) {
    const s = item.solid;
    return s.form === 'ball' ? [item.x + s.w / 2 + OFF, item.axis - 6.93] : [item.x + s.w + s.dx / 2, item.axis - s.h / 2];
  }

  function enters(item) {
    const s = item.solid;
    return s.form === 'ball' ? [item.x + s.w / 2 - OFF, item.axis - 6.93] : [item.x + s.dx / 2, item.axis - s.h / 2];
  }

  const outOf = (item) => [item.x + item.solid.w + item.solid.dx / 2, item.axis];
  const over = (item) => item.top - (item.times > 1 ? 15 : 0);
  const byId = (layout) => new Map(layout.placed.map((item) => [item.op.id, item]));
  const rowById = (layout) => new Map(layout.groups.flatMap((g) => g.items.map((item) => [item.op.id, g.row])));
  const inRow = (layout, row) => layout.groups.filter((g) => g.row === row);

  function split(it, layout) {
    const at = byId(layout), row = rowById(layout);
    const touching = new Set(layout.groups.flatMap((g) => g.items.slice(1).map((item) => item.op.id)));
    const near = [], far = [], across = [];
    for (const edge of it.edges) {
      if (row.get(edge.source) !== row.get(edge.target)) across.push(edge);
      else if (at.get(edge.target).index !== at.get(edge.source).index + 1) far.push(edge);
      else if (!touching.has(edge.target)) near.push(edge);
    }
    return [near, far, across];
  }

  function arcs(layout, edges) {
    const at = byId(layout);
    const rows = [], bottoms = [];
    for (let row = 0; row < layout.rows; row++) {
      rows.push(inRow(layout, row).flatMap((g) => g.items));
      bottoms.push(inRow(layout, row).map((g) => [g.x + g.left, g.x + g.right, g.bottom, g.items[0].index]));
    }
    const wanted = edges.map((edge) => {
      const a = at.get(edge.source).index, b = at.get(edge.target).index;
      return [b - a, a, b, edge, false];
    });
    for (const b of layout.frames) wanted.push([b.stop - b.start - 1, b.start, b.stop - 1, b, true]);
    wanted.sort((p, q) => p[0] - q[0] || p[1] - q[1] || p[2] - q[2]);
    const routed = {arrows: [], frames: [], tops: rows.map((row) => Math.min(...row.map(over)))};
    const taken = [];
    for (const [, a, b, what, isFrame] of wanted) {
      rows.forEach((row, number) => {
        const held = row.filter((item) => a <= item.index && item.index <= b);
        if (!held.length) return;
        let y;
        if (isFrame) {
          const around = bottoms[number].filter(([, , , index]) => a <= index && index <= b);
          const x0 = Math.min(...around.map(([from]) => from)) - FRAME + 3, x1 = Math.max(...around.map(([, to]) => to)) + FRAME - 3;
          y = free(number, x0, x1, Math.min(...held.map(over)), taken);
          const low = Math.max(...around.map(([, , bottom]) => bottom));
          routed.frames.push({block: what, x: x0, y, width: x1 - x0, height: low + 4 - y, row: number});
          taken.push([number, x0, x1, y - 14]);
          y -= 14;
        } else {
          const [x0, y0] = leaves(held[0]), [x1, y1] = enters(held.at(-1));
          const passed = [...held.slice(1, -1).map(over), held[0].top, held.at(-1).top];
          if (held[0].times > 1) passed.push(over(held[0]));
          y = free(number, x0, x1, Math.min(...passed), taken);
          routed.arrows.push({points: [[x0, y0], [x0, y], [x1, y], [x1, y1]], middle: false, dashed: what.dashed, after: b});
          taken.push([number, x0, x1, y]);
        }
        routed.tops[number] = Math.min(routed.tops[number], y);
      });
    }
    return routed;
  }

  function free(row, x0, x1, above, taken) {
    let y = above - CLEAR;
    for (const [number, a, b, height] of taken) if (number === row && a < x1 && x0 < b) y = Math.min(y, height - STEP);
    return y;
  }

  function straight(layout, edges) {
    const at = byId(layout);
    return edges.map(({source, target, dashed}) => {
      const to = at.get(target);
      return {points: [outOf(at.get(source)), [to.x, to.axis]], middle: true, dashed, after: to.index};
    });
  }

  function around(layout, edges, tops, left, right) {
    const at = byId(layout), row = rowById(layout);
    const rows = tops.map((_, number) => inRow(layout, number).flatMap((g) => g.items.map((item) => item.index)));
    const open = tops.map((top) => top - STEP);
    const lanes = [];
    const ends = (edge) => at.get(edge.source).index === Math.max(...rows[row.get(edge.source)]);
    for (const edge of edges) {
      lanes.push(open[row.get(edge.source)]);
      if (!ends(edge)) open[row.get(edge.source)] -= STEP;
    }
    return edges.map((edge, k) => {
      const a = at.get(edge.source), b = at.get(edge.target);
      const x0 = left - STEP * k, x1 = right + STEP * k, y = open[row.get(edge.target)];
      open[row.get(edge.target)] -= STEP;
      const way = ends(edge) ? [outOf(a), [x1, a.axis]] : [leaves(a), [leaves(a)[0], lanes[k]], [x1, lanes[k]]];
      way.push([x1, y]);
      if (b.index === Math.min(...rows[row.get(edge.target)])) way.push([x0, y], [x0, b.axis], [b.x, b.axis]);
      else way.push([enters(b)[0], y], enters(b));
      return {points: way, middle: false, dashed: edge.dashed, after: b.index};
    });
  }

  function lanesOf(layout, edges) {
    const row = rowById(layout);
    const last = new Map(layout.groups.map((g) => [g.row, g.items.at(-1).op.id]));
    const found = Array(layout.rows).fill(0);
    for (const edge of edges) {
      found[row.get(edge.target)] += 1;
      if (edge.source !== last.get(row.get(edge.source))) found[row.get(edge.source)] += 1;
    }
    return found;
  }

  // Paint

  const area = (corners, fill, stroke, classes, opacity = 1) => ({is: 'area', corners, fill, stroke, classes, opacity});
  const wire = (points, stroke, classes, thickness = 1.5, dashed = false) => ({is: 'wire', points, stroke, classes, thickness, dashed});
  const disc = (centre, radius, fill, stroke, classes) => ({is: 'disc', centre, radius, fill, stroke, classes});
  const words = (at, text, size, fill, classes, anchor = 'middle', angle = 0, bold = false) => ({is: 'words', at, text, size, fill, classes, anchor, angle, bold});

  function painted(it, layout, look) {
    const [near, far, across] = split(it, layout);
    const routed = arcs(layout, far);
    const lanes = lanesOf(layout, across);
    const track = STEP * Math.max(0, across.length - 1);
    const left = MARGIN + (across.length ? track + 10 : 0);
    for (const item of layout.placed) item.x += left;
    for (const arrow of routed.arrows) arrow.points = arrow.points.map(([x, y]) => [x + left, y]);
    for (const frame of routed.frames) frame.x += left;
    const edge = Math.max(
      ...layout.groups.map((g) => Math.max(g.x + g.right, g.x + g.middle + g.caption.width / 2)), ...routed.frames.map((frame) => frame.x + frame.width),
    );
    const scene = {width: edge + MARGIN + (across.length ? track + 10 : 0), height: 0, shapes: []};
    const notes = [], tops = [], axes = [];
    let y = MARGIN;
    for (let row = 0; row < layout.rows; row++) {
      const groups = inRow(layout, row);
      const frames = routed.frames.filter((frame) => frame.row === row);
      const axis = y + STEP * lanes[row] + (lanes[row] ? 6 : 0) - routed.tops[row];
      axes.push(axis);
      tops.push(axis + routed.tops[row]);
      for (const g of groups) for (const item of g.items) item.axis = axis;
      for (const frame of frames) frame.y += axis;
      const base = Math.max(...groups.map((g) => g.bottom), ...frames.map((f) => f.y + f.height)) + 6;
      const [said, below] = captionsOf(groups, base);
      notes.push(...said);
      y = below + BETWEEN;
    }
    for (const arrow of routed.arrows) {
      const axis = axes[layout.groups.find((g) => g.items.some((item) => item.index === arrow.after)).row];
      arrow.points = arrow.points.map(([x, at]) => [x, at + axis]);
    }
    const wrap = around(layout, across, tops, left - 4, edge + 6);
    for (const frame of routed.frames) paintFrame(scene, frame, layout);
    const inner = straight(layout, near);
    for (const item of layout.placed) {
      for (const arrow of [...inner, ...wrap]) if (arrow.after === item.index) paintArrow(scene, arrow, layout);
      box(scene, item, look);
    }
    for (const arrow of routed.arrows) paintArrow(scene, arrow, layout);
    for (const g of layout.groups) labelsOf(scene, g, look);
    scene.shapes.push(...notes);
    scene.height = y - BETWEEN + MARGIN;
    if (look.legend) legend(scene, layout, look);
    return scene;
  }

  function captionsOf(groups, base) {
    const said = groups.filter((g) => g.caption.lines);
    const middles = said.map((g) => g.x + g.middle);
    const at = levels(said.map((g, k) => [middles[k] - g.caption.width / 2, middles[k] + g.caption.width / 2]), 5);
    const tops = [base];
    for (let level = 0; level < most(at, -1) + 1; level++) {
      const lines = Math.max(...said.filter((_, k) => at[k] === level).map((g) => g.caption.lines));
      tops.push(tops.at(-1) + lines * LEADING + 4);
    }
    const found = [];
    said.forEach((g, k) => {
      const middle = middles[k];
      if (at[k]) found.push(wire([[middle, g.bottom + 3], [middle, tops[at[k]] + 1]], LINE, 'ca-line', 0.5));
      let y = tops[at[k]] + LEADING - 2;
      for (const line of g.caption.names) {
        found.push(words([middle, y], line, NAME, INK, 'ca-ink'));
        y += LEADING;
      }
      for (const line of g.caption.classes) {
        found.push(words([middle, y], line, CLASS, DIM, 'ca-dim'));
        y += LEADING;
      }
    });
    return [found, tops.at(-1)];
  }

  function box(scene, item, look) {
    const {solid: s, op} = item;
    const kind = s.form !== 'ball' ? op.kind : 'merge';
    scene.shapes.push({is: 'open', title: saidOf(item), classes: 'ca-op', id: op.id});
    if (s.form === 'ball') {
      const centre = [item.x + s.w / 2, item.axis];
      const ring = s.bands.at(-1);
      if (ring) scene.shapes.push(disc(centre, s.w / 2 + 2, look.fills[ring], look.edges[ring], `ca-k-${ring}`));
      scene.shapes.push(disc(centre, s.w / 2, look.fills[kind], look.edges[kind], `ca-k-${kind}`));
      signed(scene, s.sign, centre);
    } else {
      const top = item.axis + s.dy / 2 - s.h / 2;
      const cuts = [0];
      for (let k = s.bands.length; k >= 0; k--) cuts.push(s.w - BAND * k);
      for (let k = 0; k + 1 < cuts.length; k++) {
        slab(scene, item, [item.x + cuts[k], item.x + cuts[k + 1], top], [op.kind, ...s.bands][k], look, k === cuts.length - 2);
      }
      if (op.kind === 'input' && look.picture) {
        const x = item.x + s.w;
        scene.shapes.push({is: 'photo', at: [x, top], width: s.dx, height: s.h, slant: -look.angle, rise: s.dy, href: look.picture});
        scene.shapes.push(area([[x, top], [x + s.dx, top - s.dy], [x + s.dx, top - s.dy + s.h], [x, top + s.h]], 'none', look.edges[kind], 'ca-line'));
      }
    }
    if (item.times > 1) scene.shapes.push(words([item.x + (s.w + s.dx) / 2, item.top - 4], `×${item.times}`, 11, INK, 'ca-ink', 'middle', 0, true));
    scene.shapes.push({is: 'close'});
  }

  function slab(scene, item, [x0, x1, top], kind, look, last) {
    const s = item.solid, fill = look.fills[kind], low = top + s.h, up = top - s.dy;
    const face = (corners, colour, name) => scene.shapes.push(area(corners, colour, look.edges[kind], `ca-k-${kind} ca-${name}`, look.opacity));
    face([[x0, top], [x1, top], [x1, low], [x0, low]], fill, 'front');
    face([[x0, top], [x0 + s.dx, up], [x1 + s.dx, up], [x1, top]], mixed(fill, '#ffffff', 0.45), 'top');
    if (last) face([[x1, top], [x1 + s.dx, up], [x1 + s.dx, low - s.dy], [x1, low]], mixed(fill, '#000000', 0.09), 'side');
  }

  function signed(scene, sign, [x, y]) {
    const r = 4.5;
    const strokes = {
      '+': [[-r, 0, r, 0], [0, -r, 0, r]],
      '−': [[-r, 0, r, 0]],
      '×': [[-3.2, -3.2, 3.2, 3.2], [-3.2, 3.2, 3.2, -3.2]],
      '∥': [[-2, -r, -2, r], [2, -r, 2, r]],
      '÷': [[-r, 0, r, 0], [0, -3.9, 0, -2.5], [0, 2.5, 0, 3.9]],
      max: [[-r, 2.5, 0, -2.5], [0, -2.5, r, 2.5]],
    };
    for (const [a, b, c, d] of strokes[sign]) scene.shapes.push(wire([[x + a, y + b], [x + c, y + d]], INK, 'ca-ink-line', 1.25));
  }

  function labelsOf(scene, g, look) {
    const below = Math.max(...g.items.map((item) => item.bottom));
    for (const [middle, text, level] of g.labels) {
      const own = most(g.items.filter((i) => i.x - g.x <= middle && middle <= i.x - g.x + i.solid.w).map((i) => i.bottom), below);
      const y = (g.labels.length === 1 ? own : below) + LABEL + 1 + level * LEADING;
      scene.shapes.push(words([g.x + middle, y], text, LABEL, INK, 'ca-ink'));
    }
    for (const item of g.items) {
      if (!item.side) continue;
      const [x, y, slanted] = sideLabel(item, look.turn);
      scene.shapes.push(words([x, y], item.side, LABEL, DIM, 'ca-dim', 'start', slanted ? -look.angle : 0));
    }
  }

  function paintArrow(scene, arrow, layout) {
    scene.shapes.push(wire(arrow.points, LINE, 'ca-line', 1.75, arrow.dashed));
    const [[x0, y0], [x1, y1]] = arrow.points.slice(-2);
    let x = x1;
    if (arrow.middle) x = (Math.min(layout.placed[arrow.after - 1].right, x1 - HEAD) + x1 + HEAD) / 2;
    const dx = x1 > x0 ? 1 : 0, dy = y1 > y0 ? 1 : 0, wide = 3.5;
    const corners = [[x, y1], [x - HEAD * dx + wide * dy, y1 - HEAD * dy + wide * dx], [x - HEAD * dx - wide * dy, y1 - HEAD * dy - wide * dx]];
    scene.shapes.push(area(corners, LINE, '', 'ca-head'));
  }

  function paintFrame(scene, frame, layout) {
    const {x, y, block} = frame;
    const x1 = x + frame.width, y1 = y + frame.height;
    scene.shapes.push(wire([[x, y], [x1, y], [x1, y1], [x, y1], [x, y]], LINE, 'ca-frame', 1, true));
    const times = `×${block.times}`;
    const name = span([block.op ? block.id : layout.placed[block.start].op.id, block.last], block.times + 1 - (block.op ? 1 : 0));
    const start = x + 8 + textWidth(times, 11, true);
    scene.shapes.push(words([x + 2, y - 4], times, 11, INK, 'ca-ink', 'start', 0, true));
    const room = Math.max(0, x1 - start), both = `${name} · ${block.op}`;
    scene.shapes.push(words([start, y - 4], block.op && textWidth(both, NAME) <= room ? both : shortened(name, room), NAME, DIM, 'ca-dim', 'start'));
  }

  function legend(scene, layout, look) {
    const kinds = new Set(layout.placed.flatMap((item) => [item.solid.form === 'ball' ? 'merge' : item.op.kind, ...item.solid.bands]));
    let x = MARGIN, y = scene.height + 6;
    for (const kind of Object.keys(FILLS)) {
      if (!kinds.has(kind) || !(kind in WORDS) || kind === 'input') continue;
      const wide = 14 + textWidth(WORDS[kind], LABEL) + 14;
      if (x > MARGIN && x + wide > scene.width) [x, y] = [MARGIN, y + LEADING + 2];
      scene.shapes.push(area([[x, y - 8], [x + 9, y - 8], [x + 9, y + 1], [x, y + 1]], look.fills[kind], look.edges[kind], `ca-k-${kind}`));
      scene.shapes.push(words([x + 14, y], WORDS[kind], LABEL, DIM, 'ca-dim', 'start'));
      x += wide;
    }
    scene.height = y + MARGIN;
  }

  function saidOf(item) {
    const op = item.op;
    const said = [op.last ? `${op.id} … ${op.last}` : op.id, op.op, op.shape.length ? op.shape.map(grouped).join(' × ') : '?'];
    if (op.kind !== 'block') said.push(...op.parts.slice(1).map((part) => part.op));
    if (item.times > 1) said.push(`×${item.times}`);
    for (const [name, value] of op.attributes) if (name === 'kernel' || name === 'stride') said.push(`${name} ${value}`);
    if (op.parameters) said.push(`${grouped(op.parameters)} parameters`);
    if (op.note) said.push(op.note);
    return said.join(' · ');
  }

  function mixed(colour, other, part) {
    return `#${[1, 3, 5].map((k) => {
      const a = parseInt(colour.slice(k, k + 2), 16), b = parseInt(other.slice(k, k + 2), 16);
      return Math.floor(a + (b - a) * part + 0.5).toString(16).padStart(2, '0');
    }).join('')}`;
  }

  function colours(text) {
    const fills = {...FILLS}, edges = {...EDGES};
    for (const word of text.replaceAll(',', ' ').split(/\s+/).filter(Boolean)) {
      const [kind, colour] = [word.split('=')[0], word.slice(word.indexOf('=') + 1).toLowerCase()];
      if (!Object.hasOwn(FILLS, kind) || !/^#[0-9a-f]{6}$/.test(colour)) continue;  // half typed
      fills[kind] = colour;
      edges[kind] = mixed(colour, '#000000', 0.5);
    }
    return [fills, edges];
  }

  // Scene

  function mirrored(shape, width) {
    const turn = (points) => points.map(([x, y]) => [width - x, y]);
    if (shape.is === 'area') return {...shape, corners: turn(shape.corners)};
    if (shape.is === 'wire') return {...shape, points: turn(shape.points)};
    if (shape.is === 'disc') return {...shape, centre: [width - shape.centre[0], shape.centre[1]]};
    if (shape.is === 'words') {
      return {...shape, at: [width - shape.at[0], shape.at[1]], anchor: {start: 'end', end: 'start'}[shape.anchor] || shape.anchor, angle: -shape.angle};
    }
    if (shape.is === 'photo') return {...shape, at: [width - shape.at[0] - shape.width, shape.at[1] - shape.rise], slant: -shape.slant, rise: -shape.rise};
    return shape;
  }

  function toSvg(scene, title) {
    const canvas = new Canvas();
    let close = 0;
    const one = (s) => {
      if (s.is === 'area') {
        canvas.polygon(s.corners, {
          fill: s.fill, fill_opacity: s.opacity < 1 ? s.opacity : null, stroke: s.stroke || null, stroke_width: s.stroke ? 0.75 : null,
          stroke_linejoin: s.stroke ? 'round' : null, class_: s.classes,
        });
      } else if (s.is === 'wire') {
        canvas.path(`M${s.points.map(([x, y]) => `${num(x)} ${num(y)}`).join('L')}`, {
          fill: 'none', stroke: s.stroke, stroke_width: s.thickness, stroke_dasharray: s.dashed ? '4 3' : null, stroke_linejoin: 'round', class_: s.classes,
        });
      } else if (s.is === 'disc') {
        canvas.circle(s.centre, s.radius, {fill: s.fill, stroke: s.stroke, stroke_width: 1, class_: s.classes});
      } else if (s.is === 'words') {
        canvas.text(s.at, s.text, s.size, {
          fill: s.fill, text_anchor: s.anchor === 'start' ? null : s.anchor, font_weight: s.bold ? 'bold' : null,
          transform: s.angle ? `rotate(${num(s.angle)} ${num(s.at[0])} ${num(s.at[1])})` : null, class_: s.classes,
        });
      } else if (s.is === 'photo') {
        canvas.image(0, 0, s.width, s.height, s.href, {transform: `translate(${num(s.at[0])} ${num(s.at[1])}) skewY(${num(s.slant)})`, class_: 'ca-photo'});
      }
    };
    for (let k = 0; k < scene.shapes.length; k = close + 1) {
      close = k;
      const shape = scene.shapes[k];
      if (shape.is !== 'open') {
        one(shape);
        continue;
      }
      while (scene.shapes[close].is !== 'close') close += 1;
      canvas.group({title: shape.title, class_: shape.classes, data_id: shape.id || null}, () => scene.shapes.slice(k + 1, close).forEach(one));
    }
    return canvas.drawing(scene.width, scene.height, {title});
  }

  function draw(it, o) {
    const radians = o.angle * Math.PI / 180;
    const turn = [rounded(Math.cos(radians)), rounded(Math.sin(radians))];
    const by = {...o, cos: turn[0], sin: turn[1], ...measured(it.ops)};
    const layout = laidOut(it, it.ops.map((op) => solid(op, by)), o, turn);
    const [fills, edges] = colours(o.colours);
    const scene = painted(it, layout, {fills, edges, opacity: o.opacity, angle: o.angle, turn, legend: o.legend, picture: o.picture});
    if (o.direction === 'left') scene.shapes = scene.shapes.map((shape) => mirrored(shape, scene.width));
    return toSvg(scene, it.title);
  }

  convatlas.styles.blocks = {draw};
})();
