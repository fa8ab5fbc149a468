/* What the figures of the articles compute with: windows that slide. No document in here, so that tests run it beside torch.
 * Maps are arrays of rows of numbers, one channel. */
(() => {
  const range = (n) => Array.from({length: Math.max(0, n)}, (_, k) => k);
  const zeros = (h, w) => range(h).map(() => range(w).map(() => 0));
  const each = (map, change) => map.map((row, y) => row.map((v, x) => change(v, y, x)));
  const sum = (map) => map.flat().reduce((a, b) => a + b, 0);

  /** One side of a window operation: input columns, kernel, stride, padding before and after, dilation.
   * reach: columns from a window's first tap to its last; rest: padded columns behind the last window's end;
   * unread: padded columns that no tap of any window reads, of which `lost` are columns of the input itself. */
  function side({size, kernel, stride, before, after = before, dilation}) {
    const padded = size + before + after;
    const reach = dilation * (kernel - 1) + 1;
    const out = padded < reach ? 0 : Math.floor((padded - reach) / stride) + 1;
    const read = new Set(range(out).flatMap((o) => range(kernel).map((t) => o * stride + t * dilation)));
    const unread = range(padded).filter((column) => !read.has(column));
    return {
      padded, reach, out, unread,
      rest: out ? (padded - reach) % stride : padded,
      lost: unread.filter((column) => column >= before && column < before + size),
    };
  }

  /** The padded places that window (y, x) reads, in the kernel's order: [[row, column], …]. */
  const taps = (y, x, {kernel, stride, dilation}) =>
    range(kernel).flatMap((i) => range(kernel).map((j) => [y * stride + i * dilation, x * stride + j * dilation]));

  /** A map with a border of `value`. */
  function pad(map, before, after = before, value = 0) {
    const width = map[0].length + before + after;
    const border = (n) => range(n).map(() => range(width).map(() => value));
    return [...border(before), ...map.map((row) => [...range(before).map(() => value), ...row, ...range(after).map(() => value)]), ...border(after)];
  }

  /** torch.nn.functional.conv2d of one channel (a cross-correlation: the kernel is not turned round). */
  function conv(map, weight, {stride = 1, padding = 0, dilation = 1, bias = 0} = {}) {
    const wide = pad(map, padding);
    const [kh, kw] = [weight.length, weight[0].length];
    const size = (n, k) => Math.floor((n - dilation * (k - 1) - 1) / stride) + 1;
    return zeros(size(wide.length, kh), size(wide[0].length, kw)).map((row, y) => row.map((_, x) => {
      let total = bias;
      for (let i = 0; i < kh; i += 1) for (let j = 0; j < kw; j += 1) total += weight[i][j] * wide[y * stride + i * dilation][x * stride + j * dilation];
      return total;
    }));
  }

  /** Max- or average-pooling without padding: the values, and for the maximum the switches, [row, column] of each winner.
   * Of equal values the first in reading order wins, as in torch. */
  function pool(map, {kernel, stride, kind}) {
    const out = (n) => Math.floor((n - kernel) / stride) + 1;
    const places = zeros(out(map.length), out(map[0].length));
    const windows = each(places, (_, y, x) => taps(y, x, {kernel, stride, dilation: 1}));
    if (kind === 'average') return {values: each(windows, (all) => all.reduce((a, [r, c]) => a + map[r][c], 0) / all.length), windows};
    const switches = each(windows, (all) => all.reduce((best, at) => (map[at[0]][at[1]] > map[best[0]][best[1]] ? at : best)));
    return {values: each(switches, ([r, c]) => map[r][c]), switches, windows};
  }

  /** The gradient at the input of a pooling, from the one at its output. Where windows overlap, their shares add up. */
  function poolBack(grad, {switches, windows}, height, width) {
    const given = zeros(height, width);
    each(grad, (g, y, x) => {
      if (switches) given[switches[y][x][0]][switches[y][x][1]] += g;
      else for (const [r, c] of windows[y][x]) given[r][c] += g / windows[y][x].length;
    });
    return given;
  }

  /** A deconvnet's unpooling: each value back to its switch, zero elsewhere. Where windows overlap, the last one stays. */
  function unpool(values, {switches}, height, width) {
    const given = zeros(height, width);
    each(values, (v, y, x) => { given[switches[y][x][0]][switches[y][x][1]] = v; });
    return given;
  }

  /** Receptive fields along a chain of windows {kernel, stride, dilation}: [{field, jump}] behind each, from one pixel on. */
  function fields(chain) {
    let [field, jump] = [1, 1];
    return chain.map(({kernel, stride, dilation}) => {
      field += (kernel - 1) * dilation * jump;
      jump *= stride;
      return {field, jump};
    });
  }

  /** Which columns of each level the unit in the middle of the last one reads, from the input (level 0) to that unit itself:
   * arrays of whole numbers, without a border. */
  function cone(chain) {
    const levels = [[0]];
    for (const {kernel, stride, dilation} of [...chain].reverse()) {
      const read = new Set(levels[0].flatMap((at) => range(kernel).map((t) => at * stride + t * dilation)));
      levels.unshift([...read].sort((a, b) => a - b));
    }
    return levels;
  }

  /** How much each column of the receptive field weighs in a unit where all weights are equal: they sum to one. */
  function influence(chain) {
    let weights = [1];
    for (const {kernel, stride, dilation} of [...chain].reverse()) {
      const next = new Array((weights.length - 1) * stride + (kernel - 1) * dilation + 1).fill(0);
      weights.forEach((w, at) => { for (let t = 0; t < kernel; t += 1) next[at * stride + t * dilation] += w / kernel; });
      weights = next;
    }
    return weights;
  }

  /** The standard deviation of `influence`, in columns. */
  function spread(weights) {
    const mean = weights.reduce((a, w, k) => a + w * k, 0);
    return Math.sqrt(weights.reduce((a, w, k) => a + w * (k - mean) ** 2, 0));
  }

  self.convatlas.learn = {core: {range, zeros, each, sum, side, taps, pad, conv, pool, poolBack, unpool, fields, cone, influence, spread}};
})();
