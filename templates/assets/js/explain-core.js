/* How operations are computed, as plain arithmetic: nothing in here knows of pages, so that a test runs it against torch.
 *
 *   settings + a place of the output --> the cells of the window: which number of the input meets which of the kernel
 *
 * Maps are rows of numbers, (h * w). Sums are taken in double precision. */
(() => {
  const POWERS = Float64Array.from({length: 32}, (_, field) => 2 ** (Math.max(field, 1) - 15));
  /** n numbers of twenty bits (sign, 5 bits of exponent, 14 of fraction): all high bytes, all middle ones, the low halves of bytes; times
   * 2 ** -power. */
  const floats = (bytes, n, power) => {
    const scale = 2 ** -power;
    const out = new Float32Array(n);
    for (let k = 0; k < n; k += 1) {
      const pair = bytes[2 * n + (k >> 1)];
      const code = bytes[k] << 12 | bytes[n + k] << 4 | (k & 1 ? pair & 15 : pair >> 4);
      const field = code >> 14 & 31, fraction = code & 16383;
      const size = field === 31 ? (fraction ? NaN : Infinity) : (fraction + (field ? 16384 : 0)) / 16384 * POWERS[field] * scale;
      out[k] = code >> 19 ? -size : size;
    }
    return out;
  };

  /** Where a place beside the map lies in it, as a padding mode has it; -1 where there is a zero. */
  const folded = (at, n, mode) => {
    if (at >= 0 && at < n) return at;
    if (mode === 'reflect') return at < 0 ? -at : 2 * (n - 1) - at;
    if (mode === 'replicate') return at < 0 ? 0 : n - 1;
    if (mode === 'circular') return (at % n + n) % n;
    return -1;
  };
  /** What a padded map has at (y, x), beside it too. */
  const rim = (mode, values, h, w, y, x) => {
    const [row, column] = [folded(y, h, mode), folded(x, w, mode)];
    return row < 0 || column < 0 ? 0 : values[row * w + column];
  };
  /** Which place of an axis of n the k-th element of a kernel meets at output place `at`: {from, to}: where it stands, which may be
   * beside the map, and which number that is, -1 for a zero, -2 where a transposed convolution has none. */
  const meets = ({stride, dilation, padding, mode, transposed}, axis, at, k, n) => {
    const s = stride[axis], d = dilation[axis], p = padding[2 * axis];
    if (!transposed) {
      const from = at * s - p + k * d;
      return {from, to: folded(from, n, mode)};
    }
    const shifted = at + p - k * d;
    const from = shifted / s;
    return {from, to: shifted % s === 0 && from >= 0 && from < n ? from : -2};
  };
  /** The cells of a convolution's window at output place (y, x): [{ky, kx, y, x, at}], at: the place in the map, row by row, -1 for a
   * padded zero and -2 for none. (y, x) is where the cell stands, beside the map too. */
  const cells = (settings, [h, w], y, x) => {
    const [kh, kw] = settings.kernel;
    const found = [];
    for (let ky = 0; ky < kh; ky += 1) {
      const row = meets(settings, 0, y, ky, h);
      for (let kx = 0; kx < kw; kx += 1) {
        const column = meets(settings, 1, x, kx, w);
        const none = row.to === -2 || column.to === -2;
        found.push({ky, kx, y: row.from, x: column.from, at: none ? -2 : row.to < 0 || column.to < 0 ? -1 : row.to * w + column.to});
      }
    }
    return found;
  };
  /** The input channels that a unit reads, and where its kernel's slice of the j-th of them begins. */
  const reads = ({groups, kernel, transposed}, channels, units, unit) => {
    const each = channels / groups, own = units / groups;
    const group = Math.floor(unit / own);
    const size = kernel.reduce((a, b) => a * b, 1);
    const first = group * each;
    return {group, channels: Array.from({length: each}, (_, j) => first + j), begins: (j) => (transposed ? (first + j) * own + unit % own : unit * each + j) * size};
  };
  /** What one input channel adds to a unit's map: (H * W) numbers. */
  const partial = (settings, x, [h, w], weight, begins, [H, W]) => {
    const [kh, kw] = settings.kernel;
    const out = new Float64Array(H * W);
    const columns = Array.from({length: kw}, (_, k) => Int32Array.from({length: W}, (_, at) => meets(settings, 1, at, k, w).to));
    for (let ky = 0; ky < kh; ky += 1) {
      for (let Y = 0; Y < H; Y += 1) {
        const y = meets(settings, 0, Y, ky, h).to;
        if (y < 0) continue;
        const row = y * w, start = Y * W;
        for (let kx = 0; kx < kw; kx += 1) {
          const v = weight[begins + ky * kw + kx], column = columns[kx];
          for (let k = 0; k < W; k += 1) if (column[k] >= 0) out[start + k] += v * x[row + column[k]];
        }
      }
    }
    return out;
  };
  /** The cells of a window over depth, height and width at output place (z, y, x): [{kz, ky, kx, z, y, x, at}], at: the place in the
   * volume, slice by slice, row by row, -1 for a padded zero and -2 for none. */
  const cubes = (settings, [d, h, w], z, y, x) => {
    const [kd, kh, kw] = settings.kernel;
    const found = [];
    for (let kz = 0; kz < kd; kz += 1) {
      const slice = meets(settings, 0, z, kz, d);
      for (let ky = 0; ky < kh; ky += 1) {
        const row = meets(settings, 1, y, ky, h);
        for (let kx = 0; kx < kw; kx += 1) {
          const column = meets(settings, 2, x, kx, w);
          const none = slice.to === -2 || row.to === -2 || column.to === -2, beside = slice.to < 0 || row.to < 0 || column.to < 0;
          found.push({kz, ky, kx, z: slice.from, y: row.from, x: column.from, at: none ? -2 : beside ? -1 : (slice.to * h + row.to) * w + column.to});
        }
      }
    }
    return found;
  };
  /** What one input channel adds to a unit's volume: (D * H * W) numbers. */
  const bulk = (settings, x, [d, h, w], weight, begins, [D, H, W]) => {
    const [kd, kh, kw] = settings.kernel;
    const out = new Float64Array(D * H * W);
    for (let kz = 0; kz < kd; kz += 1) {
      const flat = {...settings, kernel: [kh, kw], stride: settings.stride.slice(1), dilation: settings.dilation.slice(1), padding: settings.padding.slice(2)};
      for (let Z = 0; Z < D; Z += 1) {
        const z = meets(settings, 0, Z, kz, d).to;
        if (z < 0) continue;
        const part = partial(flat, x.subarray(z * h * w, (z + 1) * h * w), [h, w], weight, begins + kz * kh * kw, [H, W]);
        for (let k = 0; k < part.length; k += 1) out[Z * H * W + k] += part[k];
      }
    }
    return out;
  };
  /** `convolve` of a volume: its slices stand one below the other. */
  const convolveBulk = (settings, channel, channels, weight, bias, unit, [units, rows, W]) => {
    const read = reads(settings, channels, units, unit);
    const size = [settings.depth, rows / settings.depth, W];
    const out = new Float64Array(rows * W).fill(bias);
    const strength = read.channels.map((c, j) => {
      const part = bulk(settings, channel(c), settings.size, weight, read.begins(j), size);
      part.forEach((v, k) => { out[k] += v; });
      return part.reduce((sum, v) => sum + Math.abs(v), 0);
    });
    return {...read, out, strength};
  };
  /** A unit's map with its bias, and how much each channel adds to it: the sum of absolute values over the map. */
  const convolve = (settings, channel, shape, weight, bias, unit, [units, H, W]) => {
    const read = reads(settings, shape[0], units, unit);
    const out = new Float64Array(H * W).fill(bias);
    const strength = read.channels.map((c, j) => {
      const part = partial(settings, channel(c), [shape[1], shape[2]], weight, read.begins(j), [H, W]);
      let sum = 0;
      for (let k = 0; k < part.length; k += 1) {
        out[k] += part[k];
        sum += Math.abs(part[k]);
      }
      return sum;
    });
    return {...read, out, strength};
  };
  /** The products at one place, and their sum. */
  const dot = (found, x, weight, begins) => {
    const terms = found.map(({at}, k) => ({x: at < 0 ? 0 : x[at], w: weight[begins + k], v: at < 0 ? 0 : x[at] * weight[begins + k]}));
    return {terms, sum: terms.reduce((sum, {v}) => sum + v, 0)};
  };

  /** Along one axis of n numbers, the window of a pool at output place `at` of N: [{k, from, to}], to: -1 beside the map. */
  const along = ({how, adaptive, kernel, stride, padding, dilation}, axis, n, N, at) => {
    if (adaptive) {
      const first = Math.floor(at * n / N);
      return Array.from({length: Math.ceil((at + 1) * n / N) - first}, (_, k) => ({k, from: first + k, to: first + k}));
    }
    const first = at * stride[axis] - padding[2 * axis], end = n + padding[2 * axis + 1];
    const found = Array.from({length: kernel[axis]}, (_, k) => first + k * dilation[axis]).map((from, k) => ({k, from, to: from >= 0 && from < n ? from : -1}));
    return how === 'max' ? found : found.filter(({from}) => from < end); // the last window of a mean is cut where it reaches beyond the padding
  };
  /** What a pool makes of a window: {cells, divisor, at: which cell is the largest, -1 where all lie beside the map, sum, v}. */
  const taken = ({how, counts_padding: counts, divisor: own}, x, cells) => {
    const divisor = own || (counts ? cells.length : cells.filter(({at}) => at >= 0).length);
    let at = -1, sum = 0;
    cells.forEach((cell, k) => {
      if (cell.at < 0) return;
      sum += x[cell.at];
      if (at < 0 || x[cell.at] > x[cells[at].at] || Number.isNaN(x[cell.at])) at = k;
    });
    return {cells, divisor, at, sum, v: how === 'avg' ? sum / divisor : at < 0 ? -Infinity : x[cells[at].at]};
  };
  /** A pool's window at output place (Y, X), its cells {ky, kx, y, x, at}. */
  const pooled = (settings, x, [h, w], [H, W], Y, X) => {
    const columns = along(settings, 1, w, W, X);
    return taken(settings, x, along(settings, 0, h, H, Y).flatMap(({k: ky, from: y, to: row}) => columns.map(({k: kx, from, to}) => ({ky, kx, y, x: from, at: row < 0 || to < 0 ? -1 : row * w + to}))));
  };
  /** The same over depth, height and width, its cells {kz, ky, kx, z, y, x, at}. */
  const pooledBulk = (settings, x, [d, h, w], [D, H, W], Z, Y, X) => {
    const rows = along(settings, 1, h, H, Y), columns = along(settings, 2, w, W, X);
    return taken(settings, x, along(settings, 0, d, D, Z).flatMap(({k: kz, from: z, to: slice}) => rows.flatMap(({k: ky, from: y, to: row}) => columns.map(({k: kx, from, to}) => ({kz, ky, kx, z, y, x: from, at: slice < 0 || row < 0 || to < 0 ? -1 : (slice * h + row) * w + to})))));
  };
  /** A whole pooled map, or volume; of a maximum also where it was found in the input, its switches. */
  const all = (n, window) => {
    const out = new Float64Array(n), switches = new Int32Array(n).fill(-1);
    for (let k = 0; k < n; k += 1) {
      const one = window(k);
      out[k] = one.v;
      if (one.at >= 0) switches[k] = one.cells[one.at].at;
    }
    return {out, switches};
  };
  const pool = (settings, x, size, [H, W]) => all(H * W, (k) => pooled(settings, x, size, [H, W], Math.floor(k / W), k % W));
  const poolBulk = (settings, x, size, [D, H, W]) => all(D * H * W, (k) => pooledBulk(settings, x, size, [D, H, W], Math.floor(k / (H * W)), Math.floor(k / W) % H, k % W));

  /** The complement of the error function, to seven digits wherever it is taken. */
  const erfc = (x) => {
    const z = Math.abs(x), t = 1 / (1 + 0.5 * z);
    const r = t * Math.exp(-z * z - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
    return x >= 0 ? r : 2 - r;
  };
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const log1pexp = (x) => (x > 30 ? x : Math.log1p(Math.exp(x)));
  const clip = (x, lo, hi) => Math.min(hi ?? Infinity, Math.max(lo ?? -Infinity, x));
  const ACTS = {
    clip: (x, {lo, hi}) => clip(x, lo, hi),
    leaky_relu: (x, {negative_slope}) => (x >= 0 ? x : negative_slope * x),
    prelu: (x, _, slope) => (x >= 0 ? x : slope * x),
    elu: (x, {alpha}) => (x > 0 ? x : alpha * Math.expm1(x)),
    celu: (x, {alpha}) => (x > 0 ? x : alpha * Math.expm1(x / alpha)),
    selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
    gelu: (x) => 0.5 * x * erfc(-x / Math.SQRT2),
    gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    silu: (x) => x * sigmoid(x),
    mish: (x) => x * Math.tanh(log1pexp(x)),
    hardswish: (x) => x * clip(x + 3, 0, 6) / 6,
    hardsigmoid: (x) => clip(x + 3, 0, 6) / 6,
    sigmoid,
    logsigmoid: (x) => -log1pexp(-x),
    tanh: Math.tanh,
    softsign: (x) => x / (1 + Math.abs(x)),
    tanhshrink: (x) => x - Math.tanh(x),
    softplus: (x, {beta, threshold}) => (beta * x > threshold ? x : Math.log1p(Math.exp(beta * x)) / beta),
    hardshrink: (x, {lambd}) => (Math.abs(x) > lambd ? x : 0),
    softshrink: (x, {lambd}) => (x > lambd ? x - lambd : x < -lambd ? x + lambd : 0),
    threshold: (x, {threshold, value}) => (x > threshold ? x : value),
  };
  const act = (settings, x, slope) => ACTS[settings.fn](x, settings, slope);

  /** A batch norm at one channel as a factor and a shift: gamma (x - mean) / sqrt(var + eps) + beta = a x + b. */
  const scale = ({mean, var: variance, weight, bias}, eps, unit) => {
    const gamma = weight ? weight[unit] : 1, beta = bias ? bias[unit] : 0;
    const a = gamma / Math.sqrt(variance[unit] + eps);
    return {mean: mean[unit], var: variance[unit], gamma, beta, a, b: beta - mean[unit] * a};
  };
  /** Mean, variance and how many numbers, of those that a layer, group or instance norm takes together with one place of a unit:
   * of a norm over channels all channels there, else all places of the unit's group. */
  const statistics = ({over, groups, rms}, values, [c, h, w], unit, place) => {
    const size = h * w;
    const each = c / groups, first = over === 'channel' ? 0 : Math.floor(unit / each) * each;
    const last = over === 'channel' ? c : first + each;
    const from = over === 'channel' ? place : 0, to = over === 'channel' ? place + 1 : size;
    const n = (last - first) * (to - from);
    let sum = 0, square = 0;
    for (let k = first; k < last; k += 1) for (let at = from; at < to; at += 1) sum += values[k * size + at];
    const mean = rms ? 0 : sum / n;
    for (let k = first; k < last; k += 1) for (let at = from; at < to; at += 1) square += (values[k * size + at] - mean) ** 2;
    return {mean, var: square / n, n, first, last};
  };
  /** A unit's normalised map; weights of one number a channel, or one a place where as many were given. */
  const normalised = (settings, values, shape, unit, weight, bias) => {
    const size = shape[1] * shape[2];
    const out = new Float64Array(size);
    let found = null;
    const one = (array, k, otherwise) => (!array ? otherwise : array.length > shape[0] ? array[unit * size + k] : array[unit]);
    for (let k = 0; k < size; k += 1) {
      if (!found || settings.over === 'channel') found = statistics(settings, values, shape, unit, k);
      out[k] = (values[unit * size + k] - found.mean) / Math.sqrt(found.var + settings.eps) * one(weight, k, 1) + one(bias, k, 0);
    }
    return out;
  };

  /** A response norm at one place of a unit, of the numbers of all channels there by `at(c)`: the channels around it, the sum of their
   * squares, and what the number is divided by. */
  const response = ({size, alpha, beta, k}, at, channels, unit) => {
    const first = Math.max(0, unit - Math.floor(size / 2)), last = Math.min(channels - 1, unit + Math.floor((size - 1) / 2));
    const around = Array.from({length: last - first + 1}, (_, n) => ({channel: first + n, x: at(first + n), v: at(first + n) ** 2}));
    const sum = around.reduce((total, {v}) => total + v, 0);
    const base = k + alpha / size * sum;
    return {around, first, last, sum, base, divisor: base ** beta, v: at(unit) / base ** beta};
  };

  /** Which channel a shuffle among so many groups puts at `unit`, and where it puts one. */
  const unshuffled = (groups, channels, unit) => unit % groups * (channels / groups) + Math.floor(unit / groups);
  const shuffled = (groups, channels, unit) => unit % (channels / groups) * groups + Math.floor(unit / (channels / groups));

  /** What a token asks of all n: the product of its query with each key, that as a score, and the share of the softmax. Queries and
   * keys lie channel by channel, (c * n), those of a head side by side; a mask, (1 or heads) * n * n, is added to the scores. */
  const attend = ({scale: factor, heads}, query, key, n, head, token, mask = null) => {
    const width = query.length / n / heads;
    const dots = new Float64Array(n);
    for (let c = head * width; c < (head + 1) * width; c += 1) {
      const q = query[c * n + token], row = c * n;
      for (let t = 0; t < n; t += 1) dots[t] += q * key[row + t];
    }
    const from = mask ? ((mask.length > n * n ? head : 0) * n + token) * n : 0;
    const added = mask ? mask.subarray(from, from + n) : null;
    const scores = dots.map((v, t) => v * factor + (added ? added[t] : 0));
    return {width, dots, added, scores, ...softmax(scores)};
  };
  /** The sum of one channel's values, each by its token's share. */
  const gathered = (shares, value, channel) => {
    const row = channel * shares.length;
    let sum = 0;
    for (let t = 0; t < shares.length; t += 1) sum += shares[t] * value[row + t];
    return sum;
  };

  const SIGNS = {'+': (a, b) => a + b, '−': (a, b) => a - b, '×': (a, b) => a * b, '÷': (a, b) => a / b};
  /** Two maps, or a map and one number for all its places, place by place. */
  const merged = (sign, a, b, n) => Float64Array.from({length: n}, (_, k) => SIGNS[sign](a.length === 1 ? a[0] : a[k], b.length === 1 ? b[0] : b[k]));
  /** A map of one row or one column, the same in every row or column of a whole one. */
  const stretched = (values, [, h, w], [, H, W]) => Float64Array.from({length: H * W}, (_, k) => values[(h === 1 ? 0 : Math.floor(k / W)) * w + (w === 1 ? 0 : k % W)]);
  /** All outputs of a linear layer. */
  const linear = (x, weight, bias, rows) => {
    const n = x.length;
    return Float64Array.from({length: rows}, (_, row) => {
      let sum = bias ? bias[row] : 0;
      for (let k = 0; k < n; k += 1) sum += x[k] * weight[row * n + k];
      return sum;
    });
  };
  /** Probabilities of scores at a temperature, and what they are made of: e to the score less the largest. */
  const softmax = (z, temperature = 1) => {
    const top = z.reduce((a, b) => Math.max(a, b), -Infinity);
    const e = Float64Array.from(z, (v) => Math.exp((v - top) / temperature));
    const sum = e.reduce((a, b) => a + b, 0);
    return {top, e, sum, p: e.map((v) => v / sum)};
  };
  /** The least and the largest of some maps; none of no numbers. */
  const ends = (maps) => {
    let lo = Infinity, hi = -Infinity;
    for (const map of maps) {
      for (let k = 0; k < map.length; k += 1) {
        if (map[k] < lo) lo = map[k];
        if (map[k] > hi) hi = map[k];
      }
    }
    return hi < lo ? [0, 0] : [lo, hi];
  };

  const WHOLE = 60000, SHORT = 60, LONG = 700;
  /** How a window plays over a map of h x w: {every: milliseconds a place, stride: places to the right, down: rows}. The whole map takes a
   * minute at speed 1, less where it is small: then no place is passed over. */
  const sweep = ([h, w], speed = 1) => {
    const whole = WHOLE / speed, beats = Math.floor(whole / (SHORT / Math.min(4, Math.max(1, speed))));
    const row = Math.max(1, Math.min(w, Math.floor(beats / h)));
    const [stride, down] = h * w <= beats ? [1, 1] : [Math.ceil(w / row), Math.max(1, Math.ceil(h / beats))];
    return {every: Math.min(LONG / speed, whole / (Math.ceil(w / stride) * Math.ceil(h / down))), stride, down};
  };
  /** The place after (y, x) as it plays, and null after the last: rows are gone along from their beginning. */
  const after = ([h, w], {stride, down}, {y, x}) => {
    if (x + stride < w) return {y, x: x + stride};
    return y + down < h ? {y: y + down, x: 0} : null;
  };

  /** Whether a place of a map lies at its rim, where a kernel sees what was put around the map: never of a small one. */
  const atRim = ([h, w], y, x) => {
    const [dy, dx] = [h, w].map((side) => (side < 8 ? 0 : Math.max(1, Math.round(side / 16))));
    return y < dy || x < dx || y >= h - dy || x >= w - dx;
  };
  /** A place of a map (h * w) worth looking at: where it is largest (of several, nearest the middle), not at its rim; where nothing is above
   * zero, where it is furthest from it. */
  const telling = (values, size) => {
    const [h, w] = size;
    let best = null;
    const better = (v, far) => !best || v > best.v || (v === best.v && far < best.far);
    const look = (worth) => {
      for (let k = 0; k < h * w; k += 1) {
        const [y, x] = [Math.floor(k / w), k % w];
        if (atRim(size, y, x)) continue;
        const v = worth(values[k]), far = Math.abs(y - (h - 1) / 2) + Math.abs(x - (w - 1) / 2);
        if (Number.isFinite(v) && better(v, far)) best = {v, far, y, x};
      }
    };
    look((v) => v);
    if (!best || best.v <= 0) {
      best = null;
      look(Math.abs);
    }
    return best && {y: best.y, x: best.x};
  };

  self.convatlas.explain = {sweep, after, atRim, telling, floats, rim, cells, cubes, reads, partial, bulk, convolve, convolveBulk, dot, pooled, pooledBulk, pool, poolBulk, act, acts: Object.keys(ACTS), scale, statistics, normalised, response, shuffled, unshuffled, attend, gathered, merged, stretched, linear, softmax, ends};
})();
