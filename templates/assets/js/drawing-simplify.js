/* generator/diagrams/simplify.py in a browser: fewer boxes for the same network. An architecture is the plain object that
 * dataclasses.asdict makes of one; none of these changes what it is given. */
(() => {
  const SILENT = ['reshape', 'copy'];

  const byId = (it) => new Map(it.ops.map((op) => [op.id, op]));

  function grouped(it, side) {
    const found = new Map(it.ops.map((op) => [op.id, []]));
    for (const edge of it.edges) found.get(edge[side]).push(edge);
    return found;
  }
  const inputsOf = (it) => grouped(it, 'target');
  const outputsOf = (it) => grouped(it, 'source');

  function unique(edges) {
    const found = new Map();
    for (const edge of edges) {
      const key = JSON.stringify([edge.source, edge.target, edge.shape, edge.dashed]);
      if (!found.has(key)) found.set(key, edge);
    }
    return [...found.values()];
  }

  function rebuilt(it, ops, edges, kept) {
    const place = new Map(kept.map((old, now) => [old, now]));
    const blocks = [];
    for (const block of it.blocks) {
      const inside = [];
      for (let k = block.start; k < block.stop; k++) if (place.has(k)) inside.push(place.get(k));
      if (inside.length && ops[inside[0]].id !== block.id) blocks.push({...block, start: inside[0], stop: inside.at(-1) + 1});
    }
    return {...it, ops, edges: unique(edges), blocks};
  }

  /** The same with ops of these kinds passed through. */
  function without(it, kinds = SILENT) {
    let edges = it.edges;
    const dropped = new Set(it.ops.filter((op) => kinds.includes(op.kind)).map((op) => op.id));
    for (const id of dropped) {
      const into = edges.filter((edge) => edge.target === id);
      const out = edges.filter((edge) => edge.source === id);
      const joined = into.flatMap((a) => out.map((b) => ({source: a.source, target: b.target, shape: b.shape, dashed: a.dashed || b.dashed})));
      edges = [...edges.filter((edge) => edge.source !== id && edge.target !== id), ...joined];
    }
    const kept = it.ops.flatMap((op, k) => (dropped.has(op.id) ? [] : [k]));
    return rebuilt(it, kept.map((k) => it.ops[k]), edges, kept);
  }

  function joined(op, parts) {
    const sum = (name) => parts.reduce((total, part) => total + part[name], 0);
    return {...op, shape: parts.at(-1).shape, parameters: sum('parameters'), macs: sum('macs'), memory: sum('memory'), parts};
  }

  /** The same with each convolution or linear layer in one op with the normalisation and activation that alone read it. */
  function fused(it) {
    const ops = byId(it);
    const inputs = inputsOf(it);
    const outputs = outputsOf(it);
    const place = new Map(it.ops.map((op, k) => [op.id, k]));
    const around = (op) => it.blocks.filter((block) => block.start <= place.get(op.id) && place.get(op.id) < block.stop).map((block) => block.id + '\n' + block.start).join('\n');
    const onlyReader = (op) => {
      const out = outputs.get(op.id);
      if (new Set(out.map((edge) => edge.target)).size !== 1) return null;
      const after = ops.get(out[0].target);
      return inputs.get(after.id).length === 1 ? after : null;
    };
    const follows = new Map();
    const taken = new Set();
    for (const op of it.ops) {
      if ((op.kind !== 'conv' && op.kind !== 'linear') || taken.has(op.id)) continue;
      const chain = [op];
      let wanted = ['norm', 'act'];
      for (let after = onlyReader(op); after && wanted.includes(after.kind); after = onlyReader(after)) {
        if (around(after) !== around(op)) break;
        wanted = wanted.slice(wanted.indexOf(after.kind) + 1);
        chain.push(after);
      }
      if (chain.length > 1) {
        follows.set(op.id, chain);
        for (const part of chain.slice(1)) taken.add(part.id);
      }
    }
    const heads = new Map([...follows].flatMap(([id, chain]) => chain.map((part) => [part.id, id])));
    const kept = it.ops.flatMap((op, k) => (taken.has(op.id) ? [] : [k]));
    const found = kept.map((k) => (follows.has(it.ops[k].id) ? joined(it.ops[k], follows.get(it.ops[k].id)) : it.ops[k]));
    const edges = it.edges.filter((edge) => !taken.has(edge.target)).map((edge) => ({...edge, source: heads.get(edge.source) ?? edge.source}));
    return rebuilt(it, found, edges, kept);
  }

  function asOp(block, ops) {
    const sum = (name) => ops.reduce((total, op) => total + op[name], 0);
    return {
      id: block.id, kind: 'block', op: block.op, shape: block.shape.length ? block.shape : ops.at(-1).shape, path: block.path, call: 1, attributes: [],
      parameters: block.parameters || sum('parameters'), macs: block.macs, memory: sum('memory'), receptive_field: block.receptive_field,
      in_place: false, layer: block.layer, parts: ops, times: 1, note: '',
    };
  }

  /** The same with every outermost block that is not `opened(block)` as one op of kind "block". */
  function collapsed(it, opened) {
    const closed = [];
    for (const block of it.blocks) {
      if (!closed.some((other) => other.start <= block.start && block.start < other.stop) && !opened(block)) closed.push(block);
    }
    const inside = new Map();
    for (const block of closed) for (let k = block.start; k < block.stop; k++) inside.set(k, block);
    const ops = [];
    const kept = [];
    const heads = new Map();
    it.ops.forEach((op, k) => {
      const around = inside.get(k);
      if (around) heads.set(op.id, around.id);
      if (!around || k === around.start) {
        ops.push(around ? asOp(around, it.ops.slice(around.start, around.stop)) : op);
        kept.push(k);
      }
    });
    const edges = it.edges.map((edge) => ({...edge, source: heads.get(edge.source) ?? edge.source, target: heads.get(edge.target) ?? edge.target}));
    return rebuilt(it, ops, edges.filter((edge) => edge.source !== edge.target), kept);
  }

  convatlas.drawing.simplify = {without, fused, collapsed, inputsOf, outputsOf};
})();
