/* What stands at the head of a frame, between the lines that come in there: generator/diagrams/layout/heads.py, to the last bit. */
(() => {
  const [HIGH, INDENT, CLOSE, EDGE, STEPS] = [18, 8, 4, 5, 8];

  /** Where each word begins, from `start` on, clear of the `lines`; and where the last ends. */
  function beside(words, start, lines) {
    const found = [];
    let x = start;
    for (const [gap, wide] of words) {
      x += gap;
      for (const [left, right] of lines) if (left - CLOSE < x + wide && right + CLOSE > x) x = right + CLOSE;
      found.push(x);
      x += wide;
    }
    return [...found, x];
  }

  /** The lines of a drawing, asked for where they run through the heads of its frames, or behind other words. */
  class Heads {
    constructor(wires) {
      this.paths = wires.map((wire) => {
        const of = (rest) => wire.path.flatMap(([, numbers]) => numbers.filter((number, k) => k % 2 === rest));
        const [xs, ys] = [of(0), of(1)];
        return [wire, Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
      });
    }

    through(at, high = HIGH) {
      const [right, low] = [at.x + at.width, at.y + high];
      const found = [];
      for (const [wire, x0, x1, y0, y1] of this.paths) {
        if (x1 <= at.x || x0 >= right || y1 <= at.y || y0 >= low) continue;
        const points = pointsOf(wire);
        for (let k = 1; k < points.length; k += 1) {
          const [a, b] = [points[k - 1], points[k]];
          if (!(Math.max(a[1], b[1]) > at.y && Math.min(a[1], b[1]) < low)) continue;
          const span = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
          if (span[1] > at.x && span[0] < right) found.push(span);
        }
      }
      return found.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    }
  }

  function pointsOf(wire) {
    const found = [];
    let at = [0, 0];
    for (const [letter, numbers] of wire.path) {
      const corners = [];
      for (let k = 0; k < numbers.length; k += 2) corners.push([numbers[k], numbers[k + 1]]);
      if (letter === 'M' || letter === 'L') found.push(corners[0]);
      else {
        for (let k = 1; k <= STEPS; k += 1) {
          const t = k / STEPS;
          let some = [at, ...corners];
          while (some.length > 1) some = some.slice(1).map((b, n) => [(1 - t) * some[n][0] + t * b[0], (1 - t) * some[n][1] + t * b[1]]);
          found.push(some[0]);
        }
      }
      at = corners[corners.length - 1];
    }
    return found;
  }

  convatlas.heads = {beside, Heads, INDENT, CLOSE, EDGE};
})();
