/* A chain of operations with the numbers that they read: loads them, and works a unit's map out step by step.
 *
 *   steps 0..k --> files to load --> map(k, unit): the unit's map behind step k
 *
 * A unit keeps its channel along a chain; behind a concatenation or a shuffle it has another one (`along`). */
(() => {
  const core = convatlas.explain;
  const stored = async ([key, path]) => {
    const {shape, power, text} = await convatlas.load('explain', key, path);
    const values = core.floats(await convatlas.maps.inflate(convatlas.maps.bytes(text)), shape.reduce((a, b) => a * b, 1), power);
    const size = shape.length === 3 ? shape[1] * shape[2] : 0;
    return {shape, values, channel: (c) => values.subarray(c * size, (c + 1) * size)};
  };
  const KEPT = 2e7, MADE = 4e6;
  const SUMMED = ['conv', 'volume'];
  const opened = new Map(), sizes = new Map();
  /** Numbers once unpacked are kept, the last twenty million of them. */
  const open = (file) => {
    if (!opened.has(file[0])) opened.set(file[0], stored(file).catch((error) => { opened.delete(file[0]); throw error; }));
    const found = opened.get(file[0]);
    return found.then((one) => {
      sizes.set(file[0], one.values.length);
      // the file asked for last goes to the end; the first go where it is too much
      opened.delete(file[0]);
      opened.set(file[0], found);
      let all = [...opened.keys()].reduce((sum, key) => sum + (sizes.get(key) || 0), 0);
      for (const key of [...opened.keys()].slice(0, -1)) {
        if (all <= KEPT) break;
        all -= sizes.get(key) || 0;
        opened.delete(key);
      }
      return one;
    });
  };
  const plain = ({shape, data: [, text]}) => {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    return Object.assign(new Float32Array(bytes.buffer), {shape});
  };

  class Chain {
    constructor(data, image) {
      Object.assign(this, {steps: data.steps, own: data.step, images: data.images, image});
      this.arrays = this.steps.map(({arrays}) => Object.fromEntries(Object.entries(arrays).map(([name, one]) => [name, plain(one)])));
      this.maps = new Map();
      this.kernels = new Map();
      this.known = new Map();
    }

    /** The steps whose output step k is worked out from, itself the last. */
    before(k) {
      const found = new Set([k]);
      const look = (at) => { for (const {flows} of this.steps[at].reads) if (flows !== undefined && !found.has(flows)) { found.add(flows); look(flows); } };
      look(k);
      return [...found].sort((a, b) => a - b);
    }

    /** Why step k has no figure: the reason of the first step that it needs and that has none; '' where it has one. */
    missing(k) {
      const at = this.before(k).find((one) => this.steps[one].na);
      return at === undefined ? '' : this.steps[at].na;
    }

    /** Load what steps 0..k need. */
    async load(k) {
      await Promise.all(this.before(k).flatMap((at) => {
        const {kernel, reads, files = {}} = this.steps[at];
        const of = reads.filter(({map}) => map).map(async ({map}) => { this.maps.set(map, await open([`maps/${this.image}/${map}`, `data/explain/maps/${this.image}/${map}.js`])); });
        of.push(...Object.entries(files).map(async ([name, file]) => { this.arrays[at][name] = (await open(file)).values; }));
        return kernel ? [...of, (async () => { this.kernels.set(at, (await open(kernel)).values); })()] : of;
      }));
    }

    /** The unit of step `to` that a unit of step `from` is, or goes into, or comes from; null where that is in another chain. */
    along(from, unit, to) {
      const path = (late, early) => {
        const found = [];
        for (let at = late; at !== early;) {
          const {kind, reads, follows, settings: {groups}, shape: [channels]} = this.steps[at];
          if (follows === undefined || follows < early) return null;
          const first = reads.findIndex(({flows}) => flows === follows);
          const by = kind === 'cat' ? reads.slice(0, first).reduce((sum, {shape}) => sum + shape[0], 0) : 0;
          const width = kind === 'cat' ? reads[first].shape[0] : Infinity;
          found.push(kind === 'shuffle' ? {back: (u) => core.unshuffled(groups, channels, u), on: (u) => core.shuffled(groups, channels, u)}
            : {back: (u) => (u >= by && u - by < width ? u - by : null), on: (u) => u + by});
          at = follows;
        }
        return found;
      };
      // Two steps that branch off one before them are met there.
      const up = (step) => { const found = [step]; while (this.steps[found[0]].follows !== undefined) found.unshift(this.steps[found[0]].follows); return found; };
      const meet = Math.max(...up(from).filter((one) => up(to).includes(one)), -1);
      if (meet < 0) return null;
      let u = unit;
      for (const {back} of path(from, meet)) {
        u = back(u);
        if (u === null) return null;
      }
      return path(to, meet).reduceRight((at, {on}) => on(at), u);
    }

    /** The whole of what read number r of step k is, (c * h * w); only of what is kept. */
    whole(k, r = 0) { return this.maps.get(this.steps[k].reads[r].map); }

    /** Channel c of what read number r of step k reads. */
    read(k, r, c) {
      const {flows, map, shape} = this.steps[k].reads[r];
      const channel = shape[0] === 1 ? 0 : c;
      return flows === undefined ? this.maps.get(map).channel(channel) : this.map(flows, channel);
    }

    /** A unit's map behind step k; of a vector, one number. */
    map(k, unit) {
      const {kind, shape: [, h, w]} = this.steps[k];
      if (SUMMED.includes(kind)) return this.convolved(k, unit).out;
      return this.once(`${k} ${unit}`, h * w, () => this.made(k, unit));
    }

    /** What was worked out is kept, the last four million numbers of it. */
    once(key, size, make) {
      if (!this.known.has(key)) {
        this.held = (this.held || 0) + size;
        if (this.held > MADE) {
          this.known.clear();
          this.held = size;
        }
        this.known.set(key, make());
      }
      return this.known.get(key);
    }

    /** What a convolution adds up for a unit: its map, the channels that it reads, and how much each adds. */
    convolved(k, unit) {
      const {kind, settings, shape, reads} = this.steps[k];
      const {bias} = this.arrays[k];
      const [convolve, size] = kind === 'volume' ? [core.convolveBulk, reads[0].shape[0]] : [core.convolve, reads[0].shape];
      return this.once(`conv ${k} ${unit}`, shape[1] * shape[2], () => convolve(settings, (c) => this.read(k, 0, c), size, this.kernels.get(k), bias ? bias[unit] : 0, unit, shape));
    }

    /** All numbers of a vector behind step k. */
    vector(k) {
      const {kind, shape: [n], reads} = this.steps[k];
      const {bias} = this.arrays[k];
      const input = () => (reads[0].flows === undefined ? this.whole(k).values : this.vector(reads[0].flows));
      return this.once(`all ${k}`, n, () => (kind === 'linear' ? core.linear(input(), this.kernels.get(k), bias, n) : kind === 'softmax' ? core.softmax(input()).p : kind === 'flatten' ? input() : Float64Array.from({length: n}, (_, u) => this.map(k, u)[0])));
    }

    made(k, unit) {
      const {kind, settings, shape, reads} = this.steps[k];
      const arrays = this.arrays[k];
      const n = shape[1] * shape[2];
      if (kind === 'linear' || kind === 'softmax' || kind === 'flatten') return Float64Array.of(this.vector(k)[unit]);
      if (kind === 'cat') {
        const {part, channel} = this.part(k, unit);
        return this.read(k, part, channel);
      }
      if (kind === 'shuffle') return this.read(k, 0, core.unshuffled(settings.groups, shape[0], unit));
      if (kind === 'lrn') {
        const channels = Array.from({length: shape[0]}, (_, c) => this.whole(k).channel(c));
        return Float64Array.from({length: n}, (_, at) => core.response(settings, (c) => channels[c][at], shape[0], unit).v);
      }
      if (kind === 'attention') return Float64Array.from({length: n}, (_, at) => core.gathered(this.attends(k, unit, settings.prefix + at).p, this.whole(k, 2).values, unit));
      if (kind === 'norm') return core.normalised(settings, this.whole(k).values, reads[0].shape, unit, arrays.weight, arrays.bias);
      if (kind === 'merge') {
        const [a, b] = this.terms(k, unit);
        return core.merged(settings.sign, a, b, n);
      }
      const x = this.read(k, 0, unit);
      if (kind === 'pool') return core.pool(settings, x, reads[0].shape.slice(1), shape.slice(1)).out;
      if (kind === 'volume_pool') return core.poolBulk(settings, x, settings.size, [settings.depth, shape[1] / settings.depth, shape[2]]).out;
      if (kind === 'batch_norm') {
        const {a, b} = core.scale(arrays, settings.eps, unit);
        return Float64Array.from(x, (v) => a * v + b);
      }
      const slope = arrays.slope ? arrays.slope[arrays.slope.length > 1 ? unit : 0] : 0;
      return Float64Array.from(x, (v) => core.act(settings, v, slope));
    }

    /** What token `token` asks of all others, in the head that a unit of an attention stands in. */
    attends(k, unit, token) {
      const {settings, shape} = this.steps[k];
      const head = Math.floor(unit / (shape[0] / settings.heads));
      return core.attend(settings, this.whole(k, 0).values, this.whole(k, 1).values, settings.tokens, head, token, settings.masked ? this.whole(k, 3).values : null);
    }

    /** Where a unit leaves the way back along the chain: the concatenation `at`, which of the maps put side by side there it comes from,
     * and which channel of that; null where it does not. */
    leaves(from, unit) {
      for (let at = from, u = unit; at !== undefined; at = this.steps[at].follows) {
        const {kind, reads, follows, shape: [channels], settings: {groups}} = this.steps[at];
        if (kind === 'shuffle') u = core.unshuffled(groups, channels, u);
        if (kind !== 'cat') continue;
        const {part, channel} = this.part(at, u);
        if (follows === undefined || reads[part].flows !== follows) return {at, part, channel};
        u = channel;
      }
      return null;
    }

    /** The two terms of a sum or product at a unit: maps, or one number. */
    terms(k, unit) {
      const {settings, shape, reads} = this.steps[k];
      const {factor} = this.arrays[k];
      const n = shape[1] * shape[2];
      return settings.terms.map(({read, number, held}) => {
        if (number !== undefined) return Float64Array.of(number);
        if (held) return factor.length === shape[0] ? factor.subarray(unit, unit + 1) : factor.subarray(unit * n, (unit + 1) * n);
        const one = this.read(k, read, unit);
        return one.length === 1 || one.length === n ? one : core.stretched(one, reads[read].shape, shape);
      });
    }

    /** Which of the maps put side by side a channel is from, and which channel of that. */
    part(k, unit) {
      let channel = unit, part = 0;
      for (const {shape} of this.steps[k].reads) {
        if (channel < shape[0]) break;
        channel -= shape[0];
        part += 1;
      }
      return {part, channel};
    }
  }

  convatlas.explain.Chain = Chain;
})();
