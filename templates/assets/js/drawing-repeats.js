/* Repetitions as one of them, "x n", as generator/diagrams/repeats.py has it: what stands one behind the other and is built alike is
 * drawn once. A repetition is named by its first op or block. */
(() => {
  const LONGEST = 12;
  const {joints, rebuilt, isRun, sum} = convatlas.simplify;
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  /** What must be the same in two ops that are folded. */
  const signature = (op) => [op.kind, op.op, op.shape, op.attributes, op.weights, op.times, op.parts.map(signature)];

  /** Which op stands for which, as it is found, innermost blocks first. */
  class Folder {
    constructor(it, alone) {
      Object.assign(this, {it, alone, found: [], stands: new Map(), times: new Map(), blocks: new Map(), chains: []});
      this.number = new Map(it.ops.map((op, k) => [op.id, k]));
      this.joints = joints(it);
      this.fold(0, it.ops.length, []);
    }

    drawn(index) {
      let at = index;
      while (this.stands.has(at)) at = this.stands.get(at);
      return at;
    }

    /** The items of an interval of ops after folding; `around` are the blocks that hold it. */
    fold(start, stop, around) {
      const inside = this.it.blocks.filter((b) => start <= b.start && b.stop <= stop && !around.includes(b));
      const items = [];
      for (let at = start; at < stop;) {
        const block = inside.find((b) => b.start === at);
        if (!block) {
          items.push({kept: [at], stop: at + 1, signature: JSON.stringify(signature(this.it.ops[at])), block: null});
          at += 1;
          continue;
        }
        const held = this.fold(block.start, block.stop, [...around, block]);
        const said = JSON.stringify(['block', block.op, block.times, held.map((item) => [item.signature, this.count(item)])]);
        items.push({kept: held.flatMap((item) => item.kept), stop: block.stop, signature: said, block});
        at = block.stop;
      }
      return this.runs(items);
    }

    count(item) {
      const found = item.block ? this.blocks.get(item.block) : this.times.get(item.kept[0]);
      return found ? found[0] : 1;
    }

    /** The items with each run of alike ones as the first of them. */
    runs(items) {
      const left = [];
      for (let at = 0; at < items.length;) {
        let [length, often] = [1, 1];
        for (let some = 1; some <= Math.min(LONGEST, Math.floor((items.length - at) / 2)); some += 1) {
          const times = this.often(items, at, some);
          if (times > 1 && some * times > length * often) [length, often] = [some, times];
        }
        if (often > 1) this.note(items, at, length, often);
        left.push(...items.slice(at, at + length));
        at += length * often;
      }
      return left;
    }

    /** How many chains of `length` items from number `at` on are alike. */
    often(items, at, length) {
      if (items.slice(at, at + length).some((item) => this.alone.has(this.name(item)))) return 1;
      const alike = (k) => {
        for (let j = 0; j < length; j += 1) {
          const other = items[at + k * length + j];
          if (!other || other.signature !== items[at + j].signature) return false;
        }
        return true;
      };
      const kept = (k) => items.slice(at + k * length, at + (k + 1) * length).flatMap((item) => item.kept);
      const [copies, place, reads] = [[], new Map(), []];
      for (let k = 0; k === 0 || alike(k); k += 1) {
        const copy = kept(k);
        copy.forEach((index, j) => place.set(index, [k, j]));
        const said = this.reads(copy, k, place);
        if (k && !said.some((each) => each.some(([where]) => where === 'before'))) break;
        if (k > 1 && !same(said, reads[1])) break;
        copies.push(copy);
        reads.push(said);
      }
      let often = copies.length;
      while (often > 1 && !this.linked(copies.slice(0, often), reads)) often -= 1;
      return often;
    }

    /** Whether the second of these chains, each of which reads the one before, does so in the way of the first, and only the
     * last is read from outside. */
    linked(copies, reads) {
      const place = new Map(copies.flatMap((copy, k) => copy.map((index, j) => [index, [k, j]])));
      for (let n = 0; n < reads[0].length; n += 1) {
        const [first, then] = [reads[0][n], reads[1][n]];
        if (first.length !== then.length || first.some((a, k) => !same(a, then[k]) && then[k][0] !== 'before')) return false;
      }
      const last = new Set(copies[copies.length - 1]);
      for (const [index, [copy]] of place) {
        if (last.has(index)) continue;
        for (const edge of this.joints.out.get(this.it.ops[index].id)) {
          const to = place.get(this.drawn(this.number.get(edge.target)));
          if (!to || (to[0] !== copy && to[0] !== copy + 1)) return false;
        }
      }
      return true;
    }

    /** Of each op of copy number `k`, what it reads: ["here", j], ["before", j] or ["outside", number of the op]. */
    reads(copy, k, place) {
      return copy.map((index) => {
        const said = this.joints.into.get(this.it.ops[index].id).map((edge) => {
          const source = this.drawn(this.number.get(edge.source));
          const [where, j] = place.get(source) || [-1, source];
          return [where === k ? 'here' : where >= 0 && where === k - 1 ? 'before' : 'outside', j];
        });
        return said.filter((one, n) => said.findIndex((other) => same(one, other)) === n);
      });
    }

    /** Write down that the chain at `at` stands for `often` of them. */
    note(items, at, length, often) {
      const chain = items.slice(at, at + length);
      for (let k = 1; k < often; k += 1) {
        chain.forEach((first, j) => first.kept.forEach((a, n) => this.stands.set(items[at + k * length + j].kept[n], a)));
      }
      const every = items.slice(at, at + length * often);
      const [only] = chain;
      const last = this.name(every[every.length - 1]);
      const size = chain[chain.length - 1].stop - only.kept[0];
      this.found.push({head: this.name(only), start: only.kept[0], size, often, members: every.map((item) => this.name(item)), frame: this.frame(every, 1, last)});
      if (length > 1) this.chains.push(this.frame(chain, often, last));
      else if (only.block) this.blocks.set(only.block, [often, last]);
      else this.times.set(only.kept[0], [often, last]);
    }

    /** What is around a chain that stands for `often` of them, up to the one named `last`. */
    frame(chain, often, last) {
      return {id: `${this.name(chain[0])} … ${last}`, op: '', start: chain[0].kept[0], stop: chain[chain.length - 1].stop, shape: [],
        parameters: 0, macs: 0, path: '', receptive_field: null, layer: null, times: often, last, shared: 0};
    }

    /** The repetitions that hide op number `index` behind the first of them. */
    hiding(index) { return this.found.filter((run) => run.start + run.size <= index && index < run.start + run.size * run.often); }

    /** The names of the repetition `head` in every copy of what it is in, its own among them. */
    copies(head) {
      const run = this.found.find((one) => one.head === head);
      return run ? this.found.filter((one) => this.drawn(one.start) === this.drawn(run.start) && one.size === run.size).map((one) => one.head) : [head];
    }

    name(item) { return item.block ? item.block.id : this.it.ops[item.kept[0]].id; }

    result() {
      const {it} = this;
      const members = new Map();
      it.ops.forEach((op, k) => {
        const at = this.drawn(k);
        if (!members.has(at)) members.set(at, []);
        members.get(at).push(op);
      });
      const kept = [...members.keys()].sort((a, b) => a - b);
      const ops = kept.map((k) => this.op(k, members.get(k)));
      const name = new Map(it.ops.map((op, k) => [op.id, it.ops[this.drawn(k)].id]));
      const edges = it.edges.map((edge) => ({...edge, source: name.get(edge.source), target: name.get(edge.target)}));
      const first = new Map();
      const forward = edges.filter((e) => this.number.get(e.source) < this.number.get(e.target)).filter((e) => {
        const key = JSON.stringify([e.source, e.target]);
        return !first.has(key) && first.set(key, e);
      });
      const blocks = it.blocks.filter((block) => members.has(block.start)).map((block) => {
        if (!this.blocks.has(block)) return block;
        const inside = kept.filter((k) => block.start <= k && k < block.stop).flatMap((k) => members.get(k));
        const [times, last] = this.blocks.get(block);
        const reach = it.blocks.find((one) => one.id === last).receptive_field;
        return {...block, times, last, parameters: sum(inside, 'parameters'), macs: sum(inside, 'macs'), receptive_field: reach};
      });
      blocks.push(...this.chains.filter((block) => members.has(block.start)));
      blocks.sort((a, b) => a.start - b.start || b.stop - a.stop);
      return rebuilt({...it, blocks}, ops, forward, kept);
    }

    op(index, members) {
      const op = this.it.ops[index];
      const [times, last] = this.times.get(index) || [op.times, op.last];
      if (members.length === 1) return op;
      return {...op, times, last, parameters: sum(members, 'parameters'), macs: sum(members, 'macs'), uncounted: members.some((one) => one.uncounted), memory: sum(members, 'memory'), receptive_field: members[members.length - 1].receptive_field};
    }
  }

  /** What folds in `it`, but for what is named in `alone`: `result()` is what is drawn, `drawn` says which op stands for which. */
  const folding = (it, alone = []) => new Folder(it, new Set(alone));

  /** The same with a frame around each repetition named in `each`, and the names of all that shall not fold. */
  function separated(it, each, alone = []) {
    if (!each.length) return [it, alone];
    const found = folding(it, alone);
    const key = (start, size) => `${start} ${size}`;
    const names = new Map(found.found.map((run) => [key(run.start, run.size), run.head]));
    const runs = found.found.filter((run) => each.includes(run.head) || each.includes(names.get(key(found.drawn(run.start), run.size))));
    const blocks = [...it.blocks, ...runs.map((run) => run.frame)].sort((a, b) => a.start - b.start || b.stop - a.stop);
    return [{...it, blocks}, [...alone, ...runs.flatMap((run) => run.members)]];
  }

  /** The block that each block is drawn as, by id: itself, or the first of those that fold with it. */
  function alike(it, alone = []) {
    const found = folding(it, alone);
    const at = new Map(it.blocks.filter((block) => !isRun(block)).map((block) => [`${block.start} ${block.stop}`, block.id]));
    return new Map(it.blocks.map((block) => {
      const by = found.drawn(block.start) - block.start;
      return [block.id, at.get(`${block.start + by} ${block.stop + by}`) ?? block.id];
    }));
  }

  Object.assign(convatlas.simplify, {folding, separated, alike, folded: (it, alone) => folding(it, alone).result()});
})();
