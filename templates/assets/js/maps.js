/* Maps as numbers: unpacked from data scripts, made larger as torch does, coloured into a canvas. No picture is ever read
 * back, so that all of it works on file:// too.
 *
 *   head {at: [script, n], w, h, lo, hi, …} --> script --> whole numbers q --> values v --> (bilinear) --> colours
 *
 * Unsigned: v = lo + q / levels * (hi - lo). Signed, with the zero z = (levels + 1) / 2: v = (q - z) / (z - 1) * hi. */
(() => {
  /** Text with seven bits a character back into bytes. */
  const bytes = (text) => {
    const out = new Uint8Array(Math.floor(text.length * 7 / 8));
    let held = 0, bits = 0, at = 0;
    for (let k = 0; k < text.length; k += 1) {
      held = (held << 7 | text.charCodeAt(k)) & 0x7fff;
      bits += 7;
      if (bits < 8) continue;
      bits -= 8;
      out[at] = held >> bits;
      at += 1;
    }
    return out;
  };
  const through = async (stream, data) => new Uint8Array(await new Response(new Blob([data]).stream().pipeThrough(stream)).arrayBuffer());
  const inflate = (data) => through(new DecompressionStream('deflate'), data);

  const opened = new Map();
  /** The script's maps, once: a promise of {heads, data}. */
  const script = (name) => {
    if (!opened.has(name)) {
      opened.set(name, convatlas.load('maps', name, `data/compare/${name}.js`).then(async ([heads, text]) => ({heads, data: await inflate(bytes(text))})).catch((error) => {
        opened.delete(name);
        throw error;
      }));
    }
    return opened.get(name);
  };

  convatlas.maps = {
    bytes,
    inflate,
    deflate: (data, kind = 'deflate') => through(new CompressionStream(kind), data),
    /** A promise of a map's whole numbers and its scale: {q, w, h, levels, lo, hi, signed, top, bottom}. */
    async load(head) {
      const [name, n] = head.at;
      const {heads, data} = await script(name);
      const [levels, lo, hi, offset] = heads[n];
      const size = head.w * head.h;
      let q = data.subarray(offset, offset + size);
      if (levels > 255) {
        const low = data.subarray(offset + size, offset + 2 * size);
        q = Uint16Array.from(q, (high, k) => high << 8 | low[k]);
      }
      return {q, w: head.w, h: head.h, levels, lo, hi, signed: Boolean(head.signed), top: head.top, bottom: head.bottom};
    },
    /** Its values, (h * w) floats. */
    values({q, levels, lo, hi, signed}) {
      const out = new Float32Array(q.length);
      const zero = signed ? (levels + 1) / 2 : 0;
      const from = signed ? 0 : lo, step = signed ? hi / (zero - 1) : (hi - lo) / levels;
      for (let k = 0; k < q.length; k += 1) out[k] = from + (q[k] - zero) * step;
      return out;
    },
    /** One value, half the distance to the next one that could be told from it, and whether it is only known to be at least, or at
     * most, that. */
    value(map, x, y) {
      const k = map.q[y * map.w + x];
      const zero = (map.levels + 1) / 2;
      const v = map.signed ? (k - zero) / (zero - 1) * map.hi : map.lo + k / map.levels * (map.hi - map.lo);
      const half = map.signed ? map.hi / (zero - 1) / 2 : (map.hi - map.lo) / map.levels / 2;
      return {v, half, more: k === map.levels && map.top > map.hi, less: map.signed && k === 1 && map.bottom < -map.hi};
    },
    /** Values (h, w) at another size, bilinear with align_corners=False: the number torch gives. */
    resize(values, w, h, W, H) {
      if (w === W && h === H) return values;
      const axis = (from, to) => Array.from({length: to}, (_, k) => {
        const at = Math.max(0, (k + 0.5) * from / to - 0.5);
        const low = Math.min(from - 1, Math.floor(at));
        return [low, Math.min(from - 1, low + 1), at - low];
      });
      const columns = axis(w, W);
      const out = new Float32Array(W * H);
      axis(h, H).forEach(([top, below, part], row) => {
        const a = top * w, b = below * w, start = row * W;
        for (let k = 0; k < W; k += 1) {
          const [left, right, share] = columns[k];
          const upper = values[a + left] + (values[a + right] - values[a + left]) * share;
          const lower = values[b + left] + (values[b + right] - values[b + left]) * share;
          out[start + k] = upper + (lower - upper) * part;
        }
      });
      return out;
    },
    /** Values as entries 0..255 of a colour table on the scale `to`; a signed scale is symmetric, with zero at 128. */
    entries(values, [lo, hi], signed) {
      const out = new Uint8Array(values.length);
      const from = signed ? 0 : lo, zero = signed ? 128 : 0, least = signed ? -1 : 0, most = signed ? 127 : 255;
      const span = signed ? hi || 1 : hi - lo || 1;
      for (let k = 0; k < values.length; k += 1) out[k] = zero + Math.round(Math.min(1, Math.max(least, (values[k] - from) / span)) * most);
      return out;
    },
    /** A map as entries of a colour table, {entries, name, w, h}: at least `side` pixels on its longer side where smooth, as computed
     * otherwise. A layer's map need not have the photograph's proportions (w, h) to the pixel: smooth, it gets them. */
    picture(map, {to, colour, smooth, side, w, h}) {
      const {values, resize, entries} = convatlas.maps;
      const W = smooth ? Math.max(map.w, Math.round(side * Math.min(1, w / h))) : map.w;
      const H = smooth ? Math.max(map.h, Math.round(side * Math.min(1, h / w))) : map.h;
      return {entries: entries(resize(values(map), map.w, map.h, W, H), to, map.signed), name: convatlas.colours.name(colour, map.signed), w: W, h: H};
    },
    /** Its colours, three bytes a pixel. */
    rgb({entries, name}) {
      const table = Uint8Array.from(convatlas.colours.table[name].flat());
      const out = new Uint8Array(entries.length * 3);
      for (let k = 0, n = 0; k < entries.length; k += 1, n += 3) {
        const entry = 3 * entries[k];
        out[n] = table[entry];
        out[n + 1] = table[entry + 1];
        out[n + 2] = table[entry + 2];
      }
      return out;
    },
    /** Paint a picture onto a canvas, which takes its size. */
    paint(canvas, {entries, name, w, h}) {
      Object.assign(canvas, {width: w, height: h});
      const pen = canvas.getContext('2d');
      const image = pen.createImageData(w, h);
      const table = Uint8ClampedArray.from(convatlas.colours.table[name].flatMap((rgb) => [...rgb, 255]));
      const colours = new Uint32Array(table.buffer), pixels = new Uint32Array(image.data.buffer);
      for (let k = 0; k < pixels.length; k += 1) pixels[k] = colours[entries[k]];
      pen.putImageData(image, 0, 0);
      return canvas;
    },
    /** Paint values 0..255 onto a canvas, which takes the size w x h, as gray. */
    gray(canvas, values, w, h) {
      Object.assign(canvas, {width: w, height: h});
      const pen = canvas.getContext('2d');
      const image = pen.createImageData(w, h);
      const pixels = new Uint32Array(image.data.buffer);
      for (let k = 0; k < pixels.length; k += 1) pixels[k] = 0xff000000 | Math.round(values[k]) * 0x010101;
      pen.putImageData(image, 0, 0);
      return canvas;
    },
    /** The scale that several heads share: [lo, hi], symmetric for signed ones; null where none has a value above zero. */
    shared(heads, signed) {
      const some = heads.filter((head) => !head.empty && Boolean(head.signed) === signed);
      if (!some.length) return null;
      const hi = Math.max(...some.map((head) => head.hi));
      return [signed ? -hi : Math.min(...some.map((head) => head.lo)), hi];
    },
  };
})();
