/* Fewer boxes for the same network, as generator/diagrams/simplify.py and shown.py have it: what only hands on is passed through,
 * chains are fused, blocks are opened and closed. Architectures are plain objects with the dataclasses' own names; none of these
 * changes what it is given. */
(() => {
  const SILENT = ['reshape', 'copy'];
  const LIST = 'list of modules';
  const FUNCTIONS = 'functions';
  const SHARES = 'Shares its weights with';
  const TOLD = 3;
  const same = (a, b) => a.length === b.length && a.every((value, k) => value === b[k]);

  /** Edges once each, in order. */
  function unique(edges) {
    const seen = new Set();
    return edges.filter((edge) => {
      const key = JSON.stringify([edge.source, edge.target, edge.shape, edge.dashed]);
      return !seen.has(key) && seen.add(key);
    });
  }

  /** With these ops, which were number `kept` of the old ones: blocks keep their intervals, empty ones go. */
  function rebuilt(it, ops, edges, kept) {
    const place = new Map(kept.map((old, now) => [old, now]));
    const blocks = [];
    for (const block of it.blocks) {
      const inside = [];
      for (let k = block.start; k < block.stop; k += 1) if (place.has(k)) inside.push(place.get(k));
      if (inside.length && ops[inside[0]].id !== block.id) blocks.push({...block, start: inside[0], stop: inside[inside.length - 1] + 1});
    }
    return {...it, ops, edges: unique(edges), blocks};
  }

  /** The same with ops of these kinds passed through. */
  function without(it, kinds = SILENT) {
    let {edges} = it;
    const dropped = new Set(it.ops.filter((op) => kinds.includes(op.kind)).map((op) => op.id));
    for (const op of it.ops) {
      if (!dropped.has(op.id)) continue;
      const into = edges.filter((edge) => edge.target === op.id);
      const out = edges.filter((edge) => edge.source === op.id);
      const joined = into.flatMap((a) => out.map((b) => ({source: a.source, target: b.target, shape: b.shape, dashed: a.dashed || b.dashed})));
      edges = [...edges.filter((edge) => edge.source !== op.id && edge.target !== op.id), ...joined];
    }
    const kept = it.ops.map((op, k) => k).filter((k) => !dropped.has(it.ops[k].id));
    return rebuilt(it, kept.map((k) => it.ops[k]), edges, kept);
  }

  /** The edges into and out of each op. */
  function joints(it) {
    const into = new Map(it.ops.map((op) => [op.id, []]));
    const out = new Map(it.ops.map((op) => [op.id, []]));
    for (const edge of it.edges) {
      into.get(edge.target).push(edge);
      out.get(edge.source).push(edge);
    }
    return {into, out};
  }

  const sum = (ops, key) => ops.reduce((all, op) => all + op[key], 0);

  /** The same with each convolution or linear layer in one op with the normalisation and activation that alone read it. */
  function fused(it) {
    const {into, out} = joints(it);
    const index = new Map(it.ops.map((op, k) => [op.id, k]));
    const around = (op) => it.blocks.filter((block) => block.start <= index.get(op.id) && index.get(op.id) < block.stop);
    const onlyReader = (op) => {
      const read = out.get(op.id);
      if (new Set(read.map((edge) => edge.target)).size !== 1) return null;
      const after = it.ops[index.get(read[0].target)];
      return into.get(after.id).length === 1 ? after : null;
    };
    const follows = new Map();
    const taken = new Set();
    for (const op of it.ops) {
      if (!['conv', 'linear'].includes(op.kind) || taken.has(op.id)) continue;
      const chain = [op];
      let wanted = ['norm', 'act'];
      for (let after = onlyReader(op); after && wanted.includes(after.kind) && same(around(after), around(op)); after = onlyReader(after)) {
        wanted = wanted.slice(wanted.indexOf(after.kind) + (after.kind === 'norm' ? 0 : 1)); // Caffe's norms are two
        chain.push(after);
      }
      if (chain.length > 1) {
        follows.set(op.id, chain);
        for (const part of chain.slice(1)) taken.add(part.id);
      }
    }
    const heads = new Map([...follows].flatMap(([name, chain]) => chain.map((part) => [part.id, name])));
    const kept = it.ops.map((op, k) => k).filter((k) => !taken.has(it.ops[k].id));
    const ops = kept.map((k) => it.ops[k]).map((op) => {
      const parts = follows.get(op.id);
      if (!parts) return op;
      const last = parts[parts.length - 1];
      return {...op, shape: last.shape, parameters: sum(parts, 'parameters'), macs: sum(parts, 'macs'), uncounted: parts.some((part) => part.uncounted), memory: sum(parts, 'memory'),
        receptive_field: last.receptive_field, parts, note: [...new Set(parts.map(ownNote)), op.note.slice(ownNote(op).length).trim()].filter(Boolean).join(' ')};
    });
    const edges = it.edges.filter((edge) => !taken.has(edge.target)).map((edge) => ({...edge, source: heads.get(edge.source) ?? edge.source}));
    return rebuilt(it, ops, edges, kept);
  }

  /** The same with every outermost block that is not `opened(block)` as one op of kind "block". */
  function collapsed(it, opened) {
    const closed = [];
    let until = 0;
    for (const block of it.blocks) {
      if (block.start >= until && !opened(block)) {
        closed.push(block);
        until = block.stop;
      }
    }
    const inside = new Map(closed.flatMap((block) => it.ops.slice(block.start, block.stop).map((op, k) => [block.start + k, block])));
    const ops = [];
    const kept = [];
    const heads = new Map();
    it.ops.forEach((op, k) => {
      const around = inside.get(k);
      if (!around) {
        ops.push(op);
        kept.push(k);
        return;
      }
      heads.set(op.id, around.id);
      if (k === around.start) {
        ops.push(asOp(around, it.ops.slice(around.start, around.stop)));
        kept.push(k);
      }
    });
    const edges = it.edges.map((edge) => ({...edge, source: heads.get(edge.source) ?? edge.source, target: heads.get(edge.target) ?? edge.target}));
    return rebuilt(it, ops, edges.filter((edge) => edge.source !== edge.target), kept);
  }

  function asOp(block, ops) {
    return {id: block.id, kind: 'block', op: block.op, shape: block.shape.length ? block.shape : ops[ops.length - 1].shape, path: block.path, call: 1, attributes: [],
      parameters: block.parameters || sum(ops, 'parameters'), weights: ops.flatMap((op) => op.weights), macs: block.macs, uncounted: ops.some((op) => op.uncounted), memory: sum(ops, 'memory'), receptive_field: block.receptive_field, in_place: false,
      layer: block.layer, parts: ops, times: 1, last: '', shared: block.shared, residual: false, note: noted(ops)};
  }

  /** An op's note without what is said of others. */
  const ownNote = (op) => (op.kind === 'input' && op.op === 'Parameter' ? '' : op.note.split(SHARES)[0].trim());

  /** What is special inside a closed block: each sentence once, with the first op that it is said of. */
  function noted(ops) {
    const first = new Map();
    for (const op of ops) if (ownNote(op) && !first.has(ownNote(op))) first.set(ownNote(op), op.id);
    const said = [...first].map(([note, name]) => `${name}: ${note}`);
    return [...said.slice(0, TOLD), ...(said.length > TOLD ? [`And ${said.length - TOLD} more such notes.`] : [])].join(' ');
  }

  /** Without blocks that hold one op, or the same ops as the one around them. */
  function tidied(it) {
    const seen = new Set();
    return {...it, blocks: it.blocks.filter((block) => {
      const key = `${block.start} ${block.stop}`;
      return isRun(block) || (block.stop - block.start > 1 && !seen.has(key) && seen.add(key));
    })};
  }

  function prepared(it, {fuse = true, silent = false} = {}) {
    const some = silent ? it : without(it);
    return tidied(listed(fuse ? fused(some) : some));
  }

  /** The same with a block around what runs one behind the other and stands in one list of modules, which is no call itself. */
  function listed(it) {
    const made = [];
    walk(it, 0, it.ops.length, '', it.blocks, made);
    const names = new Set([...it.ops, ...it.blocks].map((one) => one.id));
    for (const block of made) {
      block.id = block.path;
      for (let again = 2; names.has(block.id); again += 1) block.id = `${block.path}@${again}`;
      names.add(block.id);
    }
    return {...it, blocks: [...it.blocks, ...made].sort((a, b) => a.start - b.start || b.stop - a.stop)};
  }

  function walk(it, start, stop, path, blocks, made) {
    const groups = [];
    let many = 0;
    for (let at = start; at < stop; many += 1) {
      const block = blocks.find((one) => one.start === at);
      const end = block ? block.stop : at + 1;
      const name = block ? block.path || block.id : it.ops[at].path;
      if (block) walk(it, at, end, name, blocks.filter((one) => one !== block && at <= one.start && one.stop <= end), made);
      const list = listOf(name, path);
      const last = groups[groups.length - 1];
      if (last && last.list === list) Object.assign(last, {stop: end, many: last.many + 1});
      else groups.push({list, start: at, stop: end, many: 1});
      at = end;
    }
    for (const group of groups) {
      if (!group.list || group.many < 2 || group.many === many) continue;
      const ops = it.ops.slice(group.start, group.stop);
      const last = ops[ops.length - 1];
      made.push({id: '', op: LIST, start: group.start, stop: group.stop, shape: last.shape, parameters: sum(ops, 'parameters'), macs: sum(ops, 'macs'), path: group.list,
        receptive_field: last.receptive_field, layer: null, times: 1, last: '', shared: 0});
    }
  }

  /** The list that the module `name` of the module `path` stands in; nothing where it is a part of that itself. */
  function listOf(name, path) {
    const start = path ? `${path}.` : '';
    const parts = name.startsWith(start) ? name.slice(start.length).split('.') : [];
    return parts.length > 1 ? start + parts[0] : '';
  }

  /** How many blocks are around each block; of functions in a row one more than of any module: they open last. */
  function levels(it) {
    const found = new Map();
    const around = [];
    let last = 0;
    for (const block of it.blocks) {
      while (around.length && around[around.length - 1].stop <= block.start) around.pop();
      found.set(block.id, around.length);
      if (block.op !== FUNCTIONS) last = Math.max(last, around.length + 1);
      around.push(block);
    }
    for (const block of it.blocks) if (block.op === FUNCTIONS) found.set(block.id, last);
    return found;
  }

  /** The same with blocks opened `depth` levels deep: 0 shows the outermost blocks alone. */
  function atDepth(it, depth) {
    const level = levels(it);
    return collapsed(it, (block) => level.get(block.id) < depth);
  }

  /** What is open and what closed before repetitions are folded, and what names no part of one; what is open in the first of
   * them is open in all. */
  function opening(whole, depth, opened, shut, fold, each) {
    const {separated, alike} = convatlas.simplify;
    const level = levels(whole);
    const [it, alone] = fold ? separated(whole, each) : [whole, []];
    const first = fold ? alike(it, alone) : new Map();
    const isOpen = (block) => {
      const name = first.get(block.id) ?? block.id;
      return isRun(block) || (!shut.includes(name) && (level.get(block.id) < depth || opened.includes(name)));
    };
    const found = tidied(collapsed(it, isOpen));
    return fold ? separated(found, each, alone) : [found, []];
  }

  function view(it, depth, opened = [], shut = [], {fold = false, each = []} = {}) {
    const [found, alone] = opening(it, depth, opened, shut, fold, each);
    return fold ? convatlas.simplify.folded(found, alone) : found;
  }

  function fitting(it, most = 20, how = {}) {
    const deepest = Math.max(-1, ...levels(it).values()) + 1;
    let depth = 0;
    while (depth < deepest && view(it, depth + 1, [], [], how).ops.length <= most) depth += 1;
    return depth;
  }

  const count = (op) => op.times * (op.parts.length ? op.parts.reduce((all, part) => all + count(part), 0) : Number(!(op.kind === 'input' && op.op === 'Parameter')));

  /** Whether a block is no call, but what is around a repetition. */
  const isRun = (block) => Boolean(block.last) && !block.op && !block.path;
  /** What names a repetition: the id of its first op or block. */
  const headOf = (block) => (isRun(block) && block.id.endsWith(` … ${block.last}`) ? block.id.slice(0, -` … ${block.last}`.length) : block.id);
  const leaves = (op) => (op.parts.length ? op.parts.flatMap(leaves) : [op]);

  convatlas.simplify = {rebuilt, sum, listed, opening, isRun, headOf, without, fused, collapsed, atDepth, tidied, prepared, levels, view, fitting, count, leaves, joints};
})();
