/* What the live page works out of maps and scores: pure functions of arrays, as the report's methods have them. */
(() => {
  const SIDE = 4096; // pixels of an atlas, at most, where its tiles allow it

  /** Values (h, w) at another size, bilinear with align_corners=False, as torch has it. */
  const resize = (values, w, h, W, H) => {
    const axis = (from, to) => Array.from({length: to}, (_, k) => {
      const at = Math.max(0, (k + 0.5) * from / to - 0.5), low = Math.min(from - 1, Math.floor(at));
      return [low, Math.min(from - 1, low + 1), at - low];
    });
    const columns = axis(w, W), out = new Float32Array(W * H);
    axis(h, H).forEach(([top, below, part], row) => columns.forEach(([left, right, share], k) => {
      const upper = values[top * w + left] + (values[top * w + right] - values[top * w + left]) * share;
      const lower = values[below * w + left] + (values[below * w + right] - values[below * w + left]) * share;
      out[row * W + k] = upper + (lower - upper) * part;
    }));
    return out;
  };
  const ends = (values) => {
    let lo = Infinity, hi = -Infinity;
    for (const v of values) { if (v < lo) lo = v; if (v > hi) hi = v; }
    return [lo, hi];
  };
  /** Values as 0..255 from lo to hi; signed ones symmetric, with zero at 128. */
  const gray = (values, lo, hi, signed) => Uint8Array.from(values, (v) => (signed ? 128 + Math.round(hi ? v / hi * 127 : 0) : hi > lo ? Math.round((v - lo) / (hi - lo) * 255) : 0));

  self.liveMaths = {
    resize,
    ends,
    gray,
    /** (units, h, w) as equal tiles on one gray picture, row by row, one pixel apart: as `Atlas` in generator/pages/views.py. */
    atlas(values, units, h, w) {
      const tiles = Array.from({length: units}, (_, k) => values.subarray(k * h * w, (k + 1) * h * w));
      const raw = tiles.map(ends), signed = raw.some(([lo]) => lo < 0);
      const cols = Math.max(1, Math.min(units, Math.ceil(Math.sqrt(units * (h + 1) / (w + 1))), Math.floor(SIDE / (w + 1)) || 1));
      const rows = Math.ceil(units / cols), aw = cols * (w + 1) - 1, ah = rows * (h + 1) - 1;
      const out = new Uint8Array(aw * ah);
      const scales = raw.map(([lo, hi]) => (signed ? [-Math.max(-lo, hi), Math.max(-lo, hi)] : [lo, hi]));
      tiles.forEach((tile, k) => {
        const bytes = gray(tile, ...scales[k], signed), x = k % cols * (w + 1), y = Math.floor(k / cols) * (h + 1);
        for (let row = 0; row < h; row += 1) out.set(bytes.subarray(row * w, (row + 1) * w), (y + row) * aw + x);
      });
      return {gray: out, aw, ah, cols, w, h, n: units, signed, rgb: false, lo: scales.map(([lo]) => lo), hi: scales.map(([, hi]) => hi), rlo: raw.map(([lo]) => lo), rhi: raw.map(([, hi]) => hi), means: tiles.map((tile) => tile.reduce((a, b) => a + Math.abs(b), 0) / tile.length)};
    },
    /** Probabilities of scores by the kind of head; null where scores are none. */
    probabilities(scores, {kind, activated}) {
      if (kind === 'regression') return null;
      if (activated || kind === 'segmentation') return scores;
      const sigmoid = (v) => 1 / (1 + Math.exp(-v));
      if (kind === 'multilabel') return scores.map(sigmoid);
      if (kind === 'binary') return Float32Array.of(1 - sigmoid(scores[1]), sigmoid(scores[1]));
      return liveMaths.softmax(scores);
    },
    softmax(scores) {
      const most = Math.max(...scores), parts = Float64Array.from(scores, (v) => Math.exp(v - most));
      const whole = parts.reduce((a, b) => a + b, 0);
      return Float32Array.from(parts, (v) => v / whole);
    },
    /** Squares of `window` pixels every `stride` pixels, [top, bottom, left, right], the last cut off at the edge. */
    windows(h, w, window, stride) {
      const along = (side) => Array.from({length: Math.ceil(Math.max(side - window, 0) / stride) + 1}, (_, k) => [k * stride, Math.min(k * stride + window, side)]);
      return along(h).flatMap(([top, bottom]) => along(w).map(([left, right]) => [top, bottom, left, right]));
    },
    /** The colour that covers: half-way from black to white, black, or the mean colour. */
    cover(settings, fill) {
      const {level} = livePreprocess;
      if (fill === 'zero') return settings.mean.map(() => 0);
      const black = level(0, settings), white = level(1, settings);
      return fill === 'black' ? black : black.map((low, k) => Math.fround((low + white[k]) / 2));
    },
    covered(input, [top, bottom, left, right], colour, channels, h, w) {
      for (let c = 0; c < channels; c += 1) for (let y = top; y < bottom; y += 1) input.fill(colour[c], (c * h + y) * w + left, (c * h + y) * w + right);
    },
    /** The mean fall of the score over the windows that cover a place; scores[0] is that of the whole picture. */
    averaged(places, scores, h, w) {
      const total = new Float64Array(h * w), times = new Uint32Array(h * w);
      places.forEach(([top, bottom, left, right], k) => {
        for (let y = top; y < bottom; y += 1) for (let n = y * w + left; n < y * w + right; n += 1) { total[n] += scores[0] - scores[k + 1]; times[n] += 1; }
      });
      return Float32Array.from(total, (v, k) => v / times[k]);
    },
    /** The `many` units (0: all) of the highest mean, in their own order; of equal ones, the first. */
    strongest(maps, units, size, many) {
      const means = Array.from({length: units}, (_, k) => maps.subarray(k * size, (k + 1) * size).reduce((a, b) => a + b, 0) / size);
      return means.map((_, k) => k).sort((a, b) => means[b] - means[a] || a - b).slice(0, many || units).sort((a, b) => a - b);
    },
    /** A map enlarged to the input and stretched to 0..1; one with one value throughout lets nothing through. */
    mask(map, w, h, W, H) {
      const large = resize(map, w, h, W, H), [lo, hi] = ends(large);
      return large.map((v) => (hi > lo ? (v - lo) / (hi - lo) : 0));
    },
    /** The weighted sum of chosen maps, of which what is above zero. */
    summed(maps, chosen, weights, size) {
      const out = new Float32Array(size);
      chosen.forEach((unit, k) => { for (let n = 0; n < size; n += 1) out[n] += weights[k] * maps[unit * size + n]; });
      return out.map((v) => Math.max(0, v));
    },
  };
})();
