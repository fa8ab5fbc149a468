/* A tall layout as columns side by side: generator/diagrams/layout/columns.py, to the last bit. What each step is for is said there. */
(() => {
  const [LEAD, TAIL, NAMED, RIM, EDGE, GUTTER, ROUND, NEAR, LOWER] = [26, 26, 22, 6, 10, 34, 8, 0.01, 0.75];

  function inColumns(laid, boxes, most, ahead, through = true) {
    const cuts = places(laid, ahead);
    let found = [];
    const depths = new Set(through ? [0, ...cuts.map((cut) => cut.frames.length)] : [0]);
    for (const deep of [...depths].sort((a, b) => a - b)) {
      const freely = chosen(cuts.filter((cut) => cut.frames.length <= deep), most, laid.height);
      if (!deep || tallest(freely, laid.height) < LOWER * tallest(found, laid.height)) found = freely;
    }
    return found.length ? apart(laid, boxes, found) : {...laid, rests: [], cuts: 0};
  }

  // ---- where

  function places(laid, ahead) {
    const spans = laid.boxes.map((box) => [box.y, box.y + box.height]);
    const runs = laid.wires.map(span);
    const found = [];
    laid.wires.forEach((wire, k) => {
      const [top, bottom] = runs[k];
      const met = ([a, b]) => a < bottom - NEAR && b > top + NEAR;
      if (wire.kind !== 'trunk' || bottom <= top || spans.some(met) || runs.some((run, n) => n !== k && met(run))) return;
      const around = laid.frames.map((at, n) => n).filter((n) => met([laid.frames[n].y, laid.frames[n].y + laid.frames[n].height]));
      if (!around.every((n) => holds(laid, laid.frames[n], top, bottom))) return;
      found.push({wire: k, top, bottom, frames: around, tail: Math.max(TAIL, ahead[wire.source] + 4) + RIM * around.length, lead: LEAD + NAMED * around.length});
    });
    return found.sort((a, b) => a.top - b.top);
  }

  function span(wire) {
    const ys = wire.path.flatMap(([, numbers]) => numbers.filter((number, n) => n % 2));
    return [Math.min(...ys), Math.max(...ys)];
  }

  function holds(laid, at, top, bottom) {
    const middles = laid.boxes.map((box) => box.y + box.height / 2);
    return middles.some((y) => at.y < y && y < top) && middles.some((y) => bottom < y && y < at.y + at.height);
  }

  const high = (first, last, height) => (last ? last.top + last.tail : height) - (first ? first.bottom - first.lead : 0);

  function tallest(cuts, height) {
    const ends = [null, ...cuts, null];
    return Math.max(...ends.slice(1).map((end, k) => high(ends[k], end, height)));
  }

  function chosen(cuts, most, height) {
    const ends = [null, ...cuts, null];
    let best = ends.map((end) => high(null, end, height));
    const ways = [];
    for (let n = 1; n < Math.min(most, cuts.length + 1); n += 1) {
      const now = ends.map(() => Infinity);
      const came = ends.map(() => 0);
      for (let b = 1; b < ends.length; b += 1) {
        for (let a = 1; a < b; a += 1) {
          const tall = Math.max(best[a], high(ends[a], ends[b], height));
          if (tall < now[b]) [now[b], came[b]] = [tall, a];
        }
      }
      best = now;
      ways.push(came);
    }
    const found = [];
    let at = ends.length - 1;
    for (const came of ways.reverse()) {
      at = came[at];
      found.push(cuts[at - 1]);
    }
    return found.reverse();
  }

  // ---- apart

  /** How many of the cuts begin before `y`. */
  const before = (cuts, y) => cuts.filter((cut) => cut.top < y).length;

  function apart(laid, boxes, cuts) {
    const columns = laid.boxes.map((at) => before(cuts, at.y + at.height / 2));
    const runs = laid.wires.map((wire) => { const [a, b] = span(wire); return before(cuts, (a + b) / 2); });
    const pieces = laid.frames.map((at, k) => piecesOf(k, at, cuts));
    const sides = [null, ...cuts].map(() => [Infinity, 0]);
    const cover = (column, left, right) => { sides[column] = [Math.min(sides[column][0], left), Math.max(sides[column][1], right)]; };
    laid.boxes.forEach((at, k) => cover(columns[k], at.x, Math.max(at.x + at.width, at.x + at.width / 2 + boxes[k].reach)));
    for (const [column, rim] of pieces.flat()) cover(column, rim.x, rim.x + rim.width);
    laid.wires.forEach((wire, k) => wire.path.forEach(([, numbers]) => numbers.forEach((x, n) => { if (n % 2 === 0) cover(runs[k], x, x); })));
    const moves = [];
    const gutters = [];
    let width = 0;
    [null, ...cuts].forEach((cut, k) => {
      gutters.push(width + GUTTER / 2);
      width += cut ? GUTTER : 0;
      moves.push([width - sides[k][0], cut ? cut.lead - cut.bottom : 0]);
      width += sides[k][1] - sides[k][0];
    });
    const lines = new Map(cuts.map((cut, n) => [cut.wire, n]));
    const wires = laid.wires.map((wire, k) => {
      const n = lines.get(k);
      return n === undefined ? movedWire(wire, moves[runs[k]]) : led(wire, cuts[n], moves[n], moves[n + 1], gutters[n + 1]);
    });
    const shifted = pieces.map((some) => some.map(([column, rim]) => moved(rim, moves[column])));
    return {boxes: laid.boxes.map((at, k) => moved(at, moves[columns[k]])), frames: shifted.map((some) => some[0]), wires, width, height: tallest(cuts, laid.height), cuts: cuts.length,
      rests: shifted.flatMap((some, k) => some.slice(1).map((rim) => [k, rim]))};
  }

  function piecesOf(k, at, cuts) {
    let column = before(cuts, at.y);
    const found = [];
    let top = at.y;
    for (; column < cuts.length && cuts[column].frames.includes(k); column += 1) {
      const cut = cuts[column];
      const deep = cut.frames.indexOf(k);
      const end = cut.top + cut.tail - EDGE - RIM * deep;
      found.push([column, {x: at.x, y: top, width: at.width, height: end - top}]);
      top = cut.bottom - cut.lead + EDGE + NAMED * deep;
    }
    return [...found, [column, {x: at.x, y: top, width: at.width, height: at.y + at.height - top}]];
  }

  const moved = (at, by) => ({x: at.x + by[0], y: at.y + by[1], width: at.width, height: at.height});

  function movedWire(wire, by) {
    const path = wire.path.map(([letter, numbers]) => [letter, numbers.map((number, n) => number + by[n % 2])]);
    return {...wire, path, tip: wire.tip && [wire.tip[0] + by[0], wire.tip[1] + by[1], wire.tip[2]], start: [wire.start[0] + by[0], wire.start[1] + by[1]]};
  }

  function led(wire, cut, out, into, gutter) {
    const [endX, endY] = wire.path[wire.path.length - 1][1].slice(-2);
    const start = [wire.start[0] + out[0], wire.start[1] + out[1]];
    const stop = [endX + into[0], endY + into[1]];
    const low = start[1] + cut.tail;
    const r = ROUND;
    const path = [['M', start], ['L', [start[0], low - r]], ['Q', [start[0], low, start[0] + r, low]], ['L', [gutter - r, low]], ['Q', [gutter, low, gutter, low - r]],
      ['L', [gutter, r]], ['Q', [gutter, 0, gutter + r, 0]], ['L', [stop[0] - r, 0]], ['Q', [stop[0], 0, stop[0], r]], ['L', stop]];
    return {...wire, path, tip: wire.tip && [...stop, wire.tip[2]], start};
  }

  convatlas.layout.inColumns = inColumns;
})();
