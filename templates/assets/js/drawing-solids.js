/* generator/diagrams/solids in a browser, to the byte: sizes.py and layout.py, behind captions.py and forks.py, each
 * in a file of its own. draw-blocks.js goes on. */
(() => {
  const {textWidth, forks} = convatlas.drawing;
  const {caption, span, shortened, tail, levels, without, most, NAME, LABEL, LEADING, WIDEST} = convatlas.drawing.captions;
  const THIN = ['pool', 'resample', 'norm', 'act', 'softmax'];
  const BAND = 3, BALL = 8, SMALLEST = 5, MARGIN = 10, FRAME = 8, STEP = 9, SPLIT = 12, BELOW = 12, OFF = 9.5, BENEATH = 12.5, UNDER = 3.5, CLEAR = 2.5, NEARER = [0.6, 0.5];
  const grouped = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  const rounded = (value) => Math.floor(value * 100 + 0.5) / 100;
  const least = (values, none) => (values.length ? Math.min(...values) : none);

  // Sizes

  function measured(ops) {
    let side = 1, deepest = 1, longest = 1;
    const square = ops.filter((op) => op.kind === 'input' && op.op !== 'Parameter').every((op) => op.shape.length > 1 ? op.shape.at(-2) === op.shape.at(-1) : !op.shape.length);
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
    const side = form === 'map' ? `${h}×${w}` : form === 'tokens' ? `${grouped(h)} token${h === 1 ? '' : 's'}` : '';
    const deep = form !== 'unknown' ? grouped(c) : shortened(without(op.op, 'F.'), WIDEST);
    const bands = bandsOf(op);
    if (sign) return {form: 'ball', w: 2 * BALL, h: 2 * BALL, dx: 0, dy: 0, bands, sign, side, deep};
    const more = BAND * bands.length;
    let tall, wide, far;
    if (form === 'vector') [tall, wide, far] = [by.height * share(c, by.longest, by.scale), 9 + more, 8];
    else if (form === 'unknown') [tall, wide, far] = [0.25 * by.height, 10 + more, 0.25 * by.height * by.slant];
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
    pools = [];
    forks = [];
    left = 0;
    right = 0;
    middle = 0;
    row = 0;

    constructor(items, said) { Object.assign(this, {items, caption: said}); }
    laneOf(level) { return level < this.forks.length ? this.forks[level].lanes.findIndex(([a, b]) => a <= this.items[0].index && this.items[0].index < b) : -1; }
    get x() { return this.items[0].x; }
    get bottom() { return Math.max(...this.items.map((item) => item.bottom)) + 3 + LEADING * most([...this.labels, ...this.pools].map(([, , level]) => level + 1), 0); }
    get lane() { return this.laneOf(0); }
    get low() { return this.bottom + (this.lane >= 0 && this.caption.lines ? 6 + this.caption.lines * LEADING : 0); }
  }

  function laidOut(it, solids, o, angle) {
    const frames = it.blocks.filter((b) => b.times > 1 && b.stop - b.start > 1);
    const placed = it.ops.map((op, index) => {
      let times = op.times;
      for (const block of it.blocks) if (block.times > 1 && block.start === index && block.stop === index + 1) times *= block.times;
      return new Placed(op, index, solids[index], times);
    });
    let split = forks(it, solids, frames.map((b) => [b.start, b.stop]));
    const runs = runsOf(it, placed, frames, split);
    sides(placed, runs, o.sizes);
    const groups = runs.map((run) => group(run, o.labels, o.captions, prefixOf(run[0].index, frames), angle, o.sizes));
    split = stacked(groups, frames, split, o.spacing, 0.75 * (o.width - 2 * MARGIN));
    let widest = o.width - 2 * MARGIN, gap = o.spacing;
    let rows = rowsOf(groups, frames, widest, gap, true);
    for (const share of NEARER) {
      if (rows > 1 && rowsOf(groups, frames, widest, share * o.spacing, true) === 1) [rows, gap] = [1, share * o.spacing];
    }
    for (let k = rows > 1 ? 0 : 4; k < 4; k++) {
      widest = Math.min(widest, o.width - 2 * (MARGIN + 10 + STEP * Math.max(2, crossing(it, groups, split) - 1)));
      rows = rowsOf(groups, frames, widest, gap, true);
    }
    const lower = rowsOf(groups, frames, widest, gap, false) > rows;
    while (rows > 1 && widest - 20 > 200 && rowsOf(groups, frames, widest - 20, gap, lower) === rows) widest -= 20;
    rowsOf(groups, frames, widest, gap, lower);
    return {placed, groups, rows, frames, forks: split};
  }

  const rowById = (layout) => new Map(layout.groups.flatMap((g) => g.items.map((item) => [item.op.id, g.row])));

  function crossing(it, groups, split) {
    const row = rowById({groups});
    const others = new Set(split.flatMap((fork) => fork.lanes.slice(1).map(([start]) => it.ops[start].id)));
    return it.edges.filter(({source, target}) => row.get(source) !== row.get(target) && !others.has(target)).length;
  }

  function stacked(groups, frames, found, spacing, widest) {
    return found.filter((fork) => {
      const held = groups.filter((g) => fork.lanes[0][0] <= g.items[0].index && g.items[0].index <= fork.join);
      const middles = held.map((g) => g.middle);
      for (const g of held) {
        g.forks = [fork, ...g.forks];
        if (g.lane >= 0) g.middle = Math.max(g.middle, g.left + g.caption.width / 2);
      }
      if (putUnit(unitsOf(held)[0], null, frames, spacing, false).items[0].right > widest) {
        held.forEach((g, k) => Object.assign(g, {forks: g.forks.slice(1), middle: middles[k]}));
        return false;
      }
      const lanes = fork.lanes.map((_, k) => held.filter((g) => g.lane === k));
      const tops = lanes.map((lane) => Math.min(...lane.flatMap((g) => g.items.map((i) => i.top - (i.times > 1 ? 15 : 0)))));
      const highs = lanes.map((lane, k) => Math.max(...lane.map((g) => g.low)) - tops[k]);
      let y = -(highs.reduce((sum, high) => sum + high, 0) + BELOW * (highs.length - 1)) / 2;
      lanes.forEach((lane, k) => {
        for (const g of lane) for (const item of g.items) item.axis += y - tops[k];
        y += highs[k] + BELOW;
      });
      return true;
    });
  }

  /** The x at which the lines to the branches of a fork part. */
  function partOf(layout, fork) {
    const starts = fork.lanes.map(([start]) => start);
    return Math.min(...layout.groups.filter((g) => starts.includes(g.items[0].index)).map((g) => g.x + g.left)) - 8;
  }

  const inside = (block, index) => block.start <= index && index < block.stop;
  const aroundOf = (index, frames) => frames.filter((b) => inside(b, index));
  const prefixOf = (index, frames) => (aroundOf(index, frames).at(-1) || {path: ''}).path;
  const same = (a, b) => a.length === b.length && a.every((one, k) => one === b[k]);

  function runsOf(it, placed, frames, split) {
    const first = new Set(split.flatMap((fork) => fork.lanes.map(([start]) => start)));
    const inputs = new Map(it.ops.map((op) => [op.id, []]));
    for (const edge of it.edges) inputs.get(edge.target).push(edge.source);
    const runs = [];
    for (const item of placed) {
      const before = runs.length ? runs.at(-1).at(-1) : null;
      if (before && !first.has(item.index) && touch(inputs, placed, before, item) && same(aroundOf(before.index, frames), aroundOf(item.index, frames))) runs.at(-1).push(item);
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

  function group(run, labels, captions, prefix, angle, sizes) {
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
    if (sizes) made.pools = poolsOf(run, most(made.labels.map(([, , level]) => level + 1), 1));
    const halves = [...made.labels, ...made.pools].map(([middle, text]) => [middle, textWidth(text, LABEL) / 2]);
    made.left = Math.min(least(halves.map(([middle, half]) => middle - half), 0), 0);
    made.right = Math.max(right, ...halves.map(([middle, half]) => middle + half));
    made.middle = x / 2;
    return made;
  }

  function sideLabel(item, [cos, sin]) {
    const long = textWidth(item.side, LABEL), edge = (item.solid.dx + item.solid.dy) / (cos + sin);
    const x = item.x + item.solid.w, y = item.bottom;
    const beyond = (textWidth(item.solid.deep, LABEL) - item.solid.w) / 2 + CLEAR;
    if (edge < 0.6 * long) {
      const beneath = y + 1 < item.axis + BENEATH;
      const left = beneath ? Math.max(x + item.solid.dx / 2 + 4, x + beyond) : x + item.solid.dx / 2 + 4;
      return [left, beneath ? item.axis + BENEATH : y + 1, false, left + long];
    }
    const spare = Math.max(Math.max(0, (edge - long) / 2) + Math.max(0, 30 * (cos - 0.71)), Math.min(beyond * cos - UNDER * sin, (OFF * cos - UNDER + CLEAR) / sin));
    const at = x + spare * cos + OFF * sin;
    return [at, y - spare * sin + OFF * cos, true, at + long * cos];
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

  function poolsOf(run, first) {
    const found = run.slice(1).filter((item, k) => item.solid.side !== run[k].solid.side);
    const middles = found.map((item) => [item.x + item.solid.w / 2, `${item.op.kind} ${item.solid.side}`]);
    const at = levels(middles.map(([m, text]) => [m - textWidth(text, LABEL) / 2, m + textWidth(text, LABEL) / 2]), 2);
    return middles.map(([m, text], k) => [m, text, first + at[k]]);
  }

  function rowsOf(groups, frames, widest, spacing, lower) {
    let row = 0, before = null;
    for (const chunk of chunks(groups, frames)) {
      if (before && chunk.length > 1 && endOf(chunk, before, frames, spacing, lower) > widest) [row, before] = [row + 1, null];
      for (const unit of unitsOf(chunk)) {
        let last = putUnit(unit, before, frames, spacing, lower);
        const end = last.x + reachOf(last);
        if (before && end > widest) {
          row += 1;
          last = putUnit(unit, null, frames, spacing, lower);
        }
        for (const one of unit.flat()) one.row = row;
        before = last;
      }
    }
    return row + 1;
  }

  function unitsOf(chunk, level = 0) {
    const found = [];
    for (const one of chunk) {
      const last = found.length ? found.at(-1).at(-1).at(-1) : null;
      if (level >= one.forks.length || !last || last.forks[level] !== one.forks[level]) found.push([[one]]);
      else if (last.laneOf(level) === one.laneOf(level)) found.at(-1).at(-1).push(one);
      else found.at(-1).push([one]);
    }
    return found;
  }

  function putUnit(unit, before, frames, spacing, lower, level = 0) {
    if (unit.length === 1) {
      put(unit[0][0], before, frames, spacing, lower && (!before || !before.forks.length));
      return unit[0][0];
    }
    const lanes = unit.slice(0, -1), [join] = unit.at(-1);
    for (const lane of lanes) put(lane[0], before, frames, spacing, false);
    const x = Math.max(...lanes.map((lane) => lane[0].x)) + SPLIT;
    let far = 0;
    for (const lane of lanes) {
      move(lane[0], x);
      let [last] = lane;
      for (const inner of unitsOf(lane.slice(1), level + 1)) last = putUnit(inner, last, frames, spacing, false, level + 1);
      put(join, last, frames, spacing, false);
      far = Math.max(far, join.x);
    }
    move(join, far);
    return join;
  }

  function chunks(groups, frames) {
    const found = [];
    for (const one of groups) {
      const around = aroundOf(one.items[0].index, frames)[0];
      const last = found.length ? found.at(-1).at(-1) : null;
      if (last && around && aroundOf(last.items[0].index, frames)[0] === around) found.at(-1).push(one);
      else if (last && one.forks.length && last.forks[0] === one.forks[0] && !around) found.at(-1).push(one);
      else found.push([one]);
    }
    return found;
  }

  function endOf(chunk, first, frames, spacing, lower) {
    let before = first;
    for (const unit of unitsOf(chunk)) before = putUnit(unit, before, frames, spacing, lower);
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
    move(one, x);
  }

  function move(one, x) {
    const by = x - one.x;
    for (const item of one.items) item.x += by;
  }

  convatlas.drawing.solids = {measured, solid, span, tail, levels, laidOut, partOf, sideLabel, rowById, BAND, NAME, LABEL, LEADING, MARGIN, FRAME, STEP, grouped, rounded, most};
})();
