/* generator/diagrams/solids/forks.py in a browser: what leaves one box, runs side by side, and is joined again. */
(() => {
  /** Op number `source` is read by the first op of each of the `lanes` [start, stop], whose last ops number `join` joins. */
  function forks(it, solids, frames) {
    const number = new Map(it.ops.map((op, k) => [op.id, k]));
    const into = it.ops.map(() => new Set());
    const readers = it.ops.map(() => new Set());
    for (const {source, target} of it.edges) {
      into[number.get(target)].add(number.get(source));
      readers[number.get(source)].add(target);
    }
    const sorted = into.map((all) => [...all].sort((a, b) => a - b));
    const read = readers.map((all) => [...all].map((id) => number.get(id)).sort((a, b) => a - b));
    const passed = it.ops.map((op, k) => sorted[k].length === 1 && op.kind !== 'input' && solids[k].form !== 'ball');
    const found = new Map();
    solids.forEach((size, join) => {
      if (size.form !== 'ball') return;
      const lanes = [];
      const sources = new Set();
      for (const last of sorted[join]) {
        const [source, held] = lane(last, sorted, read, passed, found);
        sources.add(source);
        if (source !== last) lanes.push(held);
      }
      lanes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      if (lanes.length < 2 || sources.size !== 1) return;
      const [source] = sources;
      const ends = [source + 1, ...lanes.map(([, stop]) => stop)];
      if (![...lanes.map(([start]) => start), join].every((start, k) => start === ends[k])) return;
      const held = new Set();
      for (let k = lanes[0][0]; k <= join; k += 1) held.add(frames.map(([a, b]) => a <= k && k < b).join());
      if (held.size === 1) found.set(join, {source, lanes, join});
    });
    return [...found.values()];
  }

  /** Where a chain to `last` comes from, and the numbers of what is in it; [0, 0] where others run between them. */
  function lane(last, into, read, passed, found) {
    let [at, start, many] = [last, last, 0];
    while (read[at].length === 1) {
      const inner = found.get(at);
      const whole = inner && read[inner.source].join() === inner.lanes.map(([a]) => a).join();
      const first = whole ? inner.source : at;
      if (!passed[first]) break;
      [start, many] = [first, many + at - first + 1];
      [at] = into[first];
    }
    return [at, many === last + 1 - start ? [start, last + 1] : [0, 0]];
  }

  convatlas.drawing.forks = forks;
})();
