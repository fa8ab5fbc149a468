/* generator/diagrams/solids/wires.py in a browser, to the byte: the lines between boxes and over them, behind drawing-solids.js. */
(() => {
  const {partOf, rowById, FRAME, STEP} = convatlas.drawing.solids;
  const CLEAR = 9, OFF = 4;

  function leaves(item) {
    const s = item.solid;
    return s.form === 'ball' ? [item.x + s.w / 2 + OFF, item.axis - 6.93] : [item.x + s.w + s.dx / 2, item.axis - s.h / 2];
  }

  function enters(item) {
    const s = item.solid;
    return s.form === 'ball' ? [item.x + s.w / 2 - OFF, item.axis - 6.93] : [item.x + s.dx / 2, item.axis - s.h / 2];
  }

  /** A point of the face's upper edge, at a share of its length. */
  function lands(item, part) {
    const s = item.solid;
    return s.form === 'ball' ? leaves(item) : [item.x + s.w + part * s.dx, item.axis - s.h / 2 + s.dy * (0.5 - part)];
  }

  const outOf = (item) => [item.x + item.solid.w + item.solid.dx / 2, item.axis];
  const over = (item) => item.top - (item.op.residual ? CLEAR : 0) - (item.times > 1 || item.op.shared ? 15 : 0);
  const byId = (layout) => new Map(layout.placed.map((item) => [item.op.id, item]));
  const inRow = (layout, row) => layout.groups.filter((g) => g.row === row);

  function split(it, layout) {
    const at = byId(layout), row = rowById(layout);
    const touching = new Set(layout.groups.flatMap((g) => g.items.slice(1).map((item) => item.op.id)));
    const ends = (from, to) => `${from} ${to}`;
    const parted = new Set(layout.forks.flatMap((fork) => fork.lanes.map(([start]) => ends(fork.source, start))));
    const joined = new Set(layout.forks.flatMap((fork) => fork.lanes.map(([, stop]) => ends(stop - 1, fork.join))));
    const first = new Set(layout.forks.map((fork) => fork.lanes[0][0]));
    const near = [], far = [], across = [];
    for (const edge of it.edges) {
      const target = at.get(edge.target).index, pair = ends(at.get(edge.source).index, target);
      if (parted.has(pair) && row.get(edge.source) !== row.get(edge.target) && first.has(target)) across.push(edge);
      else if (parted.has(pair) || joined.has(pair)) continue;
      else if (row.get(edge.source) !== row.get(edge.target)) across.push(edge);
      else if (at.get(edge.target).index !== at.get(edge.source).index + 1) far.push(edge);
      else if (!touching.has(edge.target)) near.push(edge);
    }
    return [near, far, across];
  }

  /** The lines that part in front of branches and meet in the ball behind them, and where they part. */
  function branches(layout) {
    const row = new Map(layout.groups.flatMap((g) => g.items.map((item) => [item.index, g.row])));
    const arrows = [], dots = [];
    for (const fork of layout.forks) {
      const source = layout.placed[fork.source], join = layout.placed[fork.join];
      const x = partOf(layout, fork), half = join.solid.w / 2, middle = join.x + half;
      dots.push([x, join.axis]);
      for (const [start, stop] of fork.lanes) {
        const one = layout.placed[start], last = layout.placed[stop - 1];
        const way = row.get(fork.source) === row.get(fork.join) ? [outOf(source)] : [];
        arrows.push({points: [...way, [x, join.axis], [x, one.axis], [one.x, one.axis]], middle: false, dashed: false, after: start});
        const end = last.axis < join.axis ? join.axis - half : join.axis + half;
        const level = Math.abs(last.axis - join.axis) < half;
        arrows.push({points: level ? [outOf(last), [join.x, last.axis]] : [outOf(last), [middle, last.axis], [middle, end]], middle: false, dashed: false, after: fork.join});
      }
    }
    return [arrows, dots];
  }

  function arcs(it, layout, edges) {
    const at = byId(layout);
    const reads = new Map(it.ops.map((op) => [op.id, new Set()]));
    for (const {source, target} of it.edges) reads.get(target).add(source);
    const rows = [], bottoms = [];
    for (let row = 0; row < layout.rows; row++) {
      rows.push(inRow(layout, row).flatMap((g) => g.items));
      bottoms.push(inRow(layout, row).map((g) => [g.x + g.left, g.x + g.right, g.low, g.items[0].index]));
    }
    const wanted = edges.map((edge) => {
      const a = at.get(edge.source).index, b = at.get(edge.target).index;
      return [b - a, a, b, edge, 'edge'];
    });
    for (const item of layout.placed) if (item.op.residual) wanted.push([1, item.index - 1, item.index, item, 'block']);
    for (const b of layout.frames) wanted.push([b.stop - b.start - 1, b.start, b.stop - 1, b, 'frame']);
    wanted.sort((p, q) => p[0] - q[0] || p[1] - q[1] || p[2] - q[2]);
    const routed = {arrows: [], frames: [], tops: rows.map((row) => Math.min(...row.map(over)))};
    const parted = new Set(layout.forks.flatMap((fork) => fork.lanes.map(([start]) => start)));
    const before = new Map(layout.placed.map((item) => [item.index + 1, item.op.id]));
    const taken = [];
    for (const [, a, b, what, kind] of wanted) {
      rows.forEach((row, number) => {
        const held = row.filter((item) => a <= item.index && item.index <= b);
        if (!held.length) return;
        let y;
        if (kind === 'frame') {
          const around = bottoms[number].filter(([, , , index]) => a <= index && index <= b);
          const x0 = Math.min(...around.map(([from]) => from)) - FRAME + 3, x1 = Math.max(...around.map(([, to]) => to)) + FRAME - 3;
          y = free(number, x0, x1, Math.min(...held.map(over)), taken);
          const low = Math.max(...around.map(([, , bottom]) => bottom));
          routed.frames.push({block: what, x: x0, y, width: x1 - x0, height: low + 4 - y, row: number});
          taken.push([number, x0, x1, y - 14]);
          y -= 14;
        } else if (kind === 'block') {
          if (!held.includes(what)) return;
          const read = reads.get(what.op.id);
          const near = held.find((item) => item !== what && read.size === 1 && read.has(item.op.id));
          const beside = what === row[0] || parted.has(what.index) || read.has(before.get(what.index));
          const [x1, y1] = lands(what, beside ? 0.25 : beyond(what));
          const [x0, y0] = !beside ? enters(what) : near ? lands(near, 0.75) : [what.x - 7, what.axis];
          y = free(number, x0, x1, Math.min(near ? near.top : what.top, what.top), taken);
          routed.arrows.push({points: [...(beside ? [[x0, y0]] : []), [x0, y], [x1, y], [x1, y1]], middle: false, dashed: false, after: b});
          what.arch = y;
          y -= what.times > 1 || what.op.shared ? 15 : 0;
          taken.push([number, x0 - (beside ? 0 : 1), x1, y]);
        } else {
          const [x0, y0] = leaves(held[0]), [x1, y1] = enters(held.at(-1));
          const passed = [...held.slice(1, -1).map(over), held[0].top, held.at(-1).top];
          for (const end of [held[0], held.at(-1)]) if (end.times > 1) passed.push(over(end));
          y = free(number, x0, x1, Math.min(...passed), taken);
          routed.arrows.push({points: [[x0, y0], [x0, y], [x1, y], [x1, y1]], middle: false, dashed: what.dashed, after: b});
          taken.push([number, x0, x1, y]);
        }
        routed.tops[number] = Math.min(routed.tops[number], y);
      });
    }
    return routed;
  }

  const beyond = ({solid: s}) => (s.dx ? Math.min(0.9, Math.max(0.25, 0.5 + (8 - s.w) / s.dx)) : 0.25);

  function upright(layout, far, across) {
    const at = byId(layout), row = rowById(layout);
    const last = new Map(layout.groups.map((g) => [g.row, g.items.at(-1).index]));
    const first = new Map([...layout.groups].reverse().map((g) => [g.row, g.items[0].index]));
    const found = new Map();
    const keep = ({index}, x) => found.set(index, Math.min(found.get(index) ?? x, x));
    for (const {source, target} of [...far, ...across]) {
      const a = at.get(source), b = at.get(target), near = row.get(source) === row.get(target);
      if (near || b.index !== first.get(row.get(target))) keep(b, enters(b)[0]);
      if (near || a.index !== last.get(row.get(source))) keep(a, leaves(a)[0]);
    }
    return found;
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
    const parted = new Map(layout.forks.map((fork) => [fork.lanes[0][0], [partOf(layout, fork), layout.placed[fork.join].axis]]));
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
      if (b.index === Math.min(...rows[row.get(edge.target)])) {
        const to = parted.get(b.index) || [b.x, b.axis];
        way.push([x0, y], [x0, to[1]], to);
      } else way.push([enters(b)[0], y], enters(b));
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

  convatlas.drawing.wires = {split, branches, arcs, straight, around, lanesOf, inRow, upright};
})();
