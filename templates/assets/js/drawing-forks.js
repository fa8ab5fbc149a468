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
    const found = [];
    solids.forEach((size, join) => {
      if (size.form !== 'ball') return;
      const lanes = [];
      const sources = new Set();
      for (const last of sorted[join]) {
        let at = last;
        while (readers[at].size === 1 && sorted[at].length === 1 && it.ops[at].kind !== 'input' && solids[at].form !== 'ball') [at] = sorted[at];
        sources.add(at);
        if (at !== last) lanes.push(lane(sorted, at, last));
      }
      lanes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      if (lanes.length < 2 || sources.size !== 1) return;
      const [source] = sources;
      const ends = [source + 1, ...lanes.map(([, stop]) => stop)];
      if (![...lanes.map(([start]) => start), join].every((start, k) => start === ends[k])) return;
      const held = new Set();
      for (let k = lanes[0][0]; k <= join; k += 1) held.add(frames.map(([a, b]) => a <= k && k < b).join());
      if (held.size === 1) found.push({source, lanes, join});
    });
    return found;
  }

  /** The numbers of a chain from behind `source` to `last`; [0, 0] where others run between them. */
  function lane(into, source, last) {
    let [at, many] = [last, 1];
    while (into[at][0] !== source) [at, many] = [into[at][0], many + 1];
    return many === last + 1 - at ? [at, last + 1] : [0, 0];
  }

  convatlas.drawing.forks = forks;
})();
