/* generator/diagrams/stages.py and dense.py in a browser: a network as a row of tensors, and its dense layers as columns. */
(() => {
  const {without, fused, levels, atDepth, joints} = convatlas.simplify;
  const WORDS = {conv: 'Convolution', linear: 'Dense', attention: 'Attention', resample: 'Resize', other: '', input: 'Input', merge: 'Sum'};
  const LINES = 3;
  const OWN = ['conv', 'linear', 'attention', 'block', 'resample', 'pool'];

  function maps(shape) {
    if (shape.length < 2) return null;
    if (shape.length === 2) return [1, ...shape];
    const [channels, height, width] = shape.slice(-3);
    return height === 1 && width === 1 ? null : [channels, height, width];
  }

  const sizeWords = (shape) => (shape.length ? shape.map((side) => String(side).replace(/\B(?=(\d{3})+$)/g, ',')).join(' × ') : '?');
  const longest = (shape) => (shape.length ? Math.max(...shape) : 1);

  function label(shape) {
    const found = maps(shape);
    if (!found) return shape.length ? String(Math.max(...shape)) : '?';
    const [channels, height, width] = found;
    return shape.length === 2 ? `${height}×${width}` : `${channels}@${height}×${width}`;
  }

  /** Maps whose channels come last, turned: those that are square only so, of a square image. */
  function channelsFirst(it) {
    const given = (it.ops.find((op) => op.kind === 'input') || {shape: []}).shape;
    if (given.length !== 3 || given[1] !== given[2]) return it;
    const turned = (one) => {
      const {shape} = one;
      return shape.length === 3 && shape[0] === shape[1] && shape[1] !== shape[2] ? {...one, shape: [shape[2], shape[0], shape[1]]} : one;
    };
    return {...it, ops: it.ops.map(turned), blocks: it.blocks.map(turned)};
  }

  const branches = (it) => new Set(it.edges.map(({source, target}) => JSON.stringify([source, target]))).size - it.ops.length + 1;

  function mainPath(it) {
    const inputs = joints(it).into;
    const ops = new Map(it.ops.map((op) => [op.id, op]));
    const length = new Map();
    const came = new Map();
    for (const op of it.ops) {
      length.set(op.id, 1);
      for (const edge of inputs.get(op.id)) {
        if (length.has(edge.source) && length.get(edge.source) + 1 > length.get(op.id)) {
          length.set(op.id, length.get(edge.source) + 1);
          came.set(op.id, edge.source);
        }
      }
    }
    let at;
    for (const [name, steps] of length) if (at === undefined || steps > length.get(at)) at = name;
    const found = [];
    for (; at !== undefined; at = came.get(at)) found.unshift(ops.get(at));
    return found;
  }

  function shown(path) {
    const found = [];
    for (const op of path) {
      if (op.kind === 'output' && found.length) continue;
      const before = found.length ? JSON.stringify(found.at(-1).at(-1).shape) : null;
      const own = OWN.includes(op.kind) && !(op.kind === 'pool' && op.op.startsWith('Adaptive'));
      if (own || before === null || JSON.stringify(op.shape) !== before) found.push([op]);
      else found.at(-1).push(op);
    }
    return found;
  }

  function word(op) {
    const name = op.op.replace(/^F\./, '');
    const lower = name.toLowerCase();
    if (op.kind === 'block' || op.kind === 'output') return name.replace(/^_+/, '');
    if (op.kind === 'pool') {
      const said = [op.op, ...op.attributes.map(([, value]) => value)].join(' ').toLowerCase();
      if (!maps(op.shape)) return 'Global pool';
      return said.includes('max') ? 'Max-Pool' : said.includes('lp') ? 'Lp-Pool' : 'Avg-Pool';
    }
    if (op.kind === 'conv' && lower.replaceAll('deconv', 'transpose').includes('transpose')) return 'Up-convolution';
    if (op.kind === 'merge' && (lower.includes('cat') || ['stack', 'hstack', 'vstack'].includes(lower))) return 'Concatenation';
    return WORDS[op.kind] || name;
  }

  function windowOf(op) {
    const kernel = op.attributes.findLast(([key]) => key === 'kernel');
    const said = (kernel ? kernel[1] : '').replaceAll('x', '×').split('×');
    return said.every((side) => /^[0-9]+$/.test(side)) ? [Number(said[0]), Number(said.at(-1))] : null;
  }

  const simple = (op) => (op.kind !== 'block' ? [op] : op.parts.filter((part) => part.kind === 'conv' || part.kind === 'block').flatMap(simple));

  function kernelOf(op) {
    let best = null;
    for (const one of simple(op)) {
      const size = one.kind === 'conv' || one.kind === 'pool' ? windowOf(one) : null;
      if (size && (!best || size[0] * size[1] > best[0] * best[1])) best = size;
    }
    return best;
  }

  function stage(group, first, skips) {
    const ops = group.flat();
    const counted = [];
    for (const part of group) {
      const said = word(part[0]);
      if (counted.length && counted.at(-1)[0] === said) counted.at(-1)[1] += part[0].times;
      else counted.push([said, part[0].times]);
    }
    let lines = counted.map(([said, times]) => (times === 1 ? said : `${said} ×${times}`));
    if (counted.length === 1 && counted[0][1] > 1) lines = [counted[0][0], `×${counted[0][1]}`];
    else if (lines.length === 1 && lines[0].startsWith('Up-')) lines = ['Up-', lines[0].slice(3)];
    if (lines.length > LINES) lines = [...lines.slice(0, LINES - 1), '…'];
    const kernel = group.map((part) => kernelOf(part[0])).find(Boolean) || null;
    const op = ops.at(-1);
    const names = ops[0] === op ? op.id : `${ops[0].id} … ${op.id}`;
    return {op, ops, words: first ? [] : lines, kernel: first ? null : kernel, skips, tooltip: `${names}: ${op.op}, ${sizeWords(op.shape)}`};
  }

  function runs(parts, key) {
    const found = [];
    let last;
    for (const part of parts) {
      const now = JSON.stringify(key(part));
      if (found.length && now === last) found.at(-1).push(part);
      else found.push([part]);
      last = now;
    }
    return found;
  }

  const SAME = [
    (ops) => (ops[0].kind === 'block' ? [ops.at(-1).shape, word(ops[0])] : ops[0].id),
    (ops) => [ops.at(-1).shape, word(ops[0])],
    (ops) => ops.at(-1).shape,
    (ops) => (maps(ops.at(-1).shape) || [0]).slice(1),
  ];

  function shortened(it, most) {
    const parts = shown(mainPath(it));
    let row = [];
    for (const key of SAME) {
      row = parts.length ? [parts.slice(0, 1), ...runs(parts.slice(1), key)] : [];
      if (row.length <= most) break;
    }
    const read = skips(it, row);
    const open = opens(it);
    return row.map((group, k) => ({...stage(group, k === 0, read[k]), dashed: group.flat().some((op) => open.has(op.id))}));
  }

  /** The ops that a dashed line leads to. */
  const opens = (it) => new Set(it.edges.filter((edge) => edge.dashed).map((edge) => edge.target));

  function skips(it, row) {
    const inputs = joints(it).into;
    const place = new Map(row.flatMap((group, k) => group.flat().map((op) => [op.id, k])));
    const found = new Map();
    const read = row.map(() => new Set());
    for (const op of it.ops) {
      const made = new Set(inputs.get(op.id).flatMap((edge) => [...(found.get(edge.source) || [])]));
      const here = place.get(op.id);
      if (here !== undefined) for (const k of made) if (k < here - 1) read[here].add(k);
      found.set(op.id, here === undefined ? made : new Set([here]));
    }
    return read.map((one) => [...one].sort((a, b) => a - b));
  }

  function stages(it, most, depth) {
    const plain = channelsFirst(fused(without(it)));
    if (depth >= 0) return shortened(atDepth(plain, depth), most);
    const least = atDepth(plain, 0);
    let best = shortened(least, most);
    const deepest = Math.max(-1, ...levels(plain).values()) + 1;
    for (let level = 1; level <= deepest; level++) {
      const deeper = atDepth(plain, level);
      if (branches(deeper) > branches(least)) break;
      const row = shortened(deeper, most);
      if (row.length <= most) best = row;
    }
    return best;
  }

  /** {sizes, ops, dashed}: the last chain of dense layers on the main path. */
  function columns(it) {
    const plain = without(it);
    const inputs = joints(plain).into;
    let sizes = [];
    let ops = [];
    for (const op of mainPath(plain)) {
      if (op.kind !== 'linear' || op.shape.length !== 1) continue;
      const said = op.attributes.findLast(([key]) => key === 'channels');
      const first = (said ? said[1] : '').split(' ')[0];
      const into = inputs.get(op.id);
      const read = /^[0-9]+$/.test(first) ? Number(first) : into.length ? into[0].shape.reduce((a, b) => a * b, 1) : 0;
      if (!sizes.length || sizes.at(-1) !== read) [sizes, ops] = [[read], []];
      sizes.push(op.shape[0]);
      ops.push(op);
    }
    const open = opens(plain);
    return {sizes, ops, dashed: ops.map((op) => open.has(op.id))};
  }

  Object.assign(convatlas.drawing, {maps, label, longest, stages, columns});
})();
