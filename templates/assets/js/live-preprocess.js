/* From a picture's pixels to the model's input, as generator/model/preprocess.py has it: the same numbers, in the worker.
 *
 *   RGBA ──▶ gray, RGB or RGBA ──▶ resize (as Pillow: whole numbers, or as torch: floats) ──▶ centre crop ──▶ (v / 255 - mean) / std
 *
 * Pictures are {data, w, h, c}: bytes, a pixel's channels side by side. Settings are those of data/live.js. */
(() => {
  const BITS = 22; // Pillow's fixed point: 32 bits, less 8 of a pixel and 2 to be safe
  const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));
  const cubic = (a) => (x) => {
    const v = Math.abs(x);
    if (v < 1) return ((a + 2) * v - (a + 3)) * v * v + 1;
    return v < 2 ? (((v - 5) * v + 8) * v - 4) * a : 0;
  };
  const FILTERS = {
    box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
    bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
    hamming: [1, (x) => (x === 0 ? 1 : Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI)))],
    bicubic: [2, cubic(-0.5)],
    lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
  };
  /** Half to even, as Python rounds. */
  const round = (x) => { const low = Math.floor(x), part = x - low; return part > 0.5 || (part === 0.5 && low % 2) ? low + 1 : low; };

  /** RGBA bytes of a picture as it stands (not multiplied by alpha) as 1, 3 or 4 channels; without alpha it stands on white. */
  const channels = (rgba, w, h, c) => {
    if (c === 4) return {data: rgba, w, h, c};
    const data = new Uint8ClampedArray(w * h * c);
    for (let k = 0, n = 0; n < data.length; k += 4, n += c) {
      let r = rgba[k], g = rgba[k + 1], b = rgba[k + 2];
      const alpha = rgba[k + 3];
      if (alpha !== 255) [r, g, b] = [r, g, b].map((v) => Math.round((v * alpha + 255 * (255 - alpha)) / 255));
      if (c === 1) data[n] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
      else { data[n] = r; data[n + 1] = g; data[n + 2] = b; }
    }
    return {data, w, h, c};
  };

  /** Pillow's weights along one axis: of each new pixel the first old one, and whole numbers in fixed point. */
  const weights = (size, from, to, wanted, [reach, filter]) => {
    const scale = (to - from) / wanted, wide = Math.max(1, scale), support = reach * wide;
    return Array.from({length: wanted}, (_, k) => {
      const centre = from + (k + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - support + 0.5));
      const last = Math.min(size, Math.trunc(centre + support + 0.5));
      const parts = Array.from({length: last - first}, (__, n) => filter((n + first - centre + 0.5) * (1 / wide)));
      const whole = parts.reduce((a, b) => a + b, 0);
      return [first, Int32Array.from(parts, (v) => { const part = (whole ? v / whole : v) * (1 << BITS); return Math.trunc(part < 0 ? part - 0.5 : part + 0.5); })];
    });
  };
  const clip = (v) => { const whole = v >> BITS; return whole < 0 ? 0 : whole > 255 ? 255 : whole; };

  const across = ({data, w, h, c}, W, from, to, filter) => {
    const out = new Uint8ClampedArray(W * h * c);
    weights(w, from, to, W, filter).forEach(([first, parts], x) => {
      for (let y = 0; y < h; y += 1) {
        for (let k = 0; k < c; k += 1) {
          let sum = 1 << (BITS - 1);
          for (let n = 0, at = (y * w + first) * c + k; n < parts.length; n += 1, at += c) sum += data[at] * parts[n];
          out[(y * W + x) * c + k] = clip(sum);
        }
      }
    });
    return {data: out, w: W, h, c};
  };
  const down = ({data, w, h, c}, H, from, to, filter) => {
    const out = new Uint8ClampedArray(w * H * c), row = w * c;
    weights(h, from, to, H, filter).forEach(([first, parts], y) => {
      for (let k = 0; k < row; k += 1) {
        let sum = 1 << (BITS - 1);
        for (let n = 0, at = first * row + k; n < parts.length; n += 1, at += row) sum += data[at] * parts[n];
        out[y * row + k] = clip(sum);
      }
    });
    return {data: out, w, h: H, c};
  };

  const pick = ({data, w, c}, xs, ys) => {
    const out = new Uint8ClampedArray(xs.length * ys.length * c);
    ys.forEach((y, row) => xs.forEach((x, column) => { for (let k = 0; k < c; k += 1) out[(row * xs.length + column) * c + k] = data[(y * w + x) * c + k]; }));
    return {data: out, w: xs.length, h: ys.length, c};
  };
  /** Pillow adds its step up, and so the same places are met. */
  const stepped = (from, to, wanted) => {
    const step = (to - from) / wanted;
    let at = from + step * 0.5;
    return Array.from({length: wanted}, () => { const place = Math.trunc(at); at += step; return place; });
  };

  /** As Pillow resizes the part [left, top, right, bottom] of a picture. Colours of see-through places count for less. */
  const pillow = (picture, W, H, name, box = [0, 0, picture.w, picture.h]) => {
    const [left, top, right, bottom] = box;
    if (name.startsWith('nearest')) return pick(picture, stepped(left, right, W), stepped(top, bottom, H));
    let made = picture.c === 4 ? multiplied(picture) : picture;
    const steps = [
      () => { if (W !== picture.w || left || right !== picture.w) made = across(made, W, left, right, FILTERS[name]); },
      () => { if (H !== picture.h || top || bottom !== picture.h) made = down(made, H, top, bottom, FILTERS[name]); },
    ];
    // Each pass rounds to bytes, so that their order shows by a level. Pillow shrinks tall pictures downwards first.
    if (H < picture.h && (picture.h > 2 * picture.w || W >= picture.w)) steps.reverse();
    steps.forEach((step) => step());
    return picture.c === 4 ? divided(made) : made;
  };
  const multiplied = ({data, ...size}) => {
    const out = Uint8ClampedArray.from(data);
    for (let k = 0; k < out.length; k += 4) {
      for (let n = 0; n < 3; n += 1) { const v = data[k + n] * data[k + 3] + 128; out[k + n] = ((v >> 8) + v) >> 8; }
    }
    return {data: out, ...size};
  };
  const divided = ({data, ...size}) => {
    const out = Uint8ClampedArray.from(data);
    for (let k = 0; k < out.length; k += 4) {
      const alpha = data[k + 3];
      if (alpha && alpha !== 255) for (let n = 0; n < 3; n += 1) out[k + n] = Math.trunc(255 * data[k + n] / alpha);
    }
    return {data: out, ...size};
  };

  /** As torch resizes a tensor without antialiasing: align_corners=False, rounded to bytes. */
  const torch = (picture, W, H, name) => {
    const {data, w, h, c} = picture;
    if (name.startsWith('nearest')) {
      const half = name === 'nearest-exact' ? 0.5 : 0;
      const places = (from, to) => Array.from({length: to}, (_, k) => Math.min(from - 1, Math.floor(Math.fround((k + half) * Math.fround(from / to)))));
      return pick(picture, places(w, W), places(h, H));
    }
    const bicubic = name === 'bicubic', filter = cubic(-0.75), f = Math.fround;
    const axis = (from, to) => { // in floats, as torch: half a level is often met exactly, and then decides
      const scale = f(from / to);
      return Array.from({length: to}, (_, k) => {
        const at = f(f(scale * f(k + 0.5)) - 0.5);
        const place = bicubic ? at : Math.max(0, at), low = Math.floor(place), part = f(place - low);
        const taps = bicubic ? [-1, 0, 1, 2].map((n) => [low + n, f(filter(part - n))]) : [[low, f(1 - part)], [low + 1, part]];
        return taps.map(([n, share]) => [Math.min(from - 1, Math.max(0, n)), share]);
      });
    };
    const columns = axis(w, W), out = new Uint8ClampedArray(W * H * c);
    axis(h, H).forEach((rows, y) => columns.forEach((taps, x) => {
      for (let k = 0; k < c; k += 1) {
        let sum = 0;
        for (const [row, share] of rows) {
          let along = 0;
          for (const [column, part] of taps) along = f(along + f(data[(row * w + column) * c + k] * part));
          sum = f(sum + f(along * share));
        }
        out[(y * W + x) * c + k] = Math.min(255, Math.max(0, round(sum)));
      }
    }));
    return {data: out, w: W, h: H, c};
  };

  /** The middle of a picture; black where it is smaller. */
  const middle = (picture, H, W) => {
    const {data, w, h, c} = picture;
    if (w === W && h === H) return picture;
    const left = w < W ? -Math.floor((W - w) / 2) : round((w - W) / 2), top = h < H ? -Math.floor((H - h) / 2) : round((h - H) / 2);
    const out = new Uint8ClampedArray(W * H * c);
    for (let y = Math.max(0, -top); y < Math.min(H, h - top); y += 1) {
      const x = Math.max(0, -left), many = Math.min(W, w - left) - x;
      out.set(data.subarray(((y + top) * w + x + left) * c, ((y + top) * w + x + left + many) * c), (y * W + x) * c);
    }
    return {data: out, w: W, h: H, c};
  };

  /** [height, width] before the crop, rounded down as torchvision does. */
  const resized = ({size, resize, crop}, h, w) => {
    const target = crop === 'none' ? size : resize;
    if (target === null) return [h, w];
    if (Array.isArray(target)) return target;
    if (target === 'cover') return size[0] * w >= size[1] * h ? [size[0], Math.floor(size[0] * w / h)] : [Math.floor(size[1] * h / w), size[1]];
    const other = Math.trunc(target * Math.max(h, w) / Math.min(h, w));
    return h <= w ? [target, other] : [other, target];
  };

  self.livePreprocess = {
    channels,
    resized,
    /** A picture of any size as the model sees it: size, crop, bytes. */
    seen(picture, settings) {
      const {size: [H, W], crop, interpolation, antialias, limit} = settings;
      const [h, w] = resized(settings, picture.h, picture.w);
      let made = picture;
      if (crop === 'center' && antialias && h * w > limit) { // only what the crop keeps: the whole would not fit
        const rows = Math.min(H, h), columns = Math.min(W, w), top = round((h - rows) / 2), left = round((w - columns) / 2);
        const x = picture.w / w, y = picture.h / h;
        made = pillow(picture, columns, rows, interpolation, [left * x, top * y, (left + columns) * x, (top + rows) * y]);
      } else if (h !== picture.h || w !== picture.w) made = (antialias ? pillow : torch)(picture, w, h, interpolation);
      return crop === 'center' ? middle(made, H, W) : made;
    },
    /** Those bytes as the model's input: floats, channel after channel. */
    input({data, w, h, c}, {mean, std}) {
      const out = new Float32Array(c * h * w), size = h * w;
      for (let k = 0; k < c; k += 1) {
        const m = Math.fround(mean[k]), s = Math.fround(std[k]);
        const table = Float32Array.from({length: 256}, (_, v) => Math.fround(Math.fround(Math.fround(v / 255) - m) / s));
        for (let n = 0, at = k; n < size; n += 1, at += c) out[k * size + n] = table[data[at]];
      }
      return out;
    },
    /** A colour 0..1 of all channels as the model reads it. */
    level: (v, {mean, std}) => mean.map((m, k) => Math.fround(Math.fround(Math.fround(v) - Math.fround(m)) / Math.fround(std[k]))),
    /** Those bytes as RGBA, to be looked at: gray is repeated. */
    rgba({data, w, h, c}) {
      if (c === 4) return Uint8ClampedArray.from(data);
      const out = new Uint8ClampedArray(4 * w * h);
      for (let k = 0, n = 0; k < out.length; k += 4, n += c) {
        out[k] = data[n];
        out[k + 1] = data[n + (c > 1 ? 1 : 0)];
        out[k + 2] = data[n + (c > 1 ? 2 : 0)];
        out[k + 3] = 255;
      }
      return out;
    },
  };
})();
