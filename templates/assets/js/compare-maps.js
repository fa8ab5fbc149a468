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
    /** A promise of a map's whole numbers and its scale: {q, w, h, levels, lo, hi, signed, top}. */
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
      return {q, w: head.w, h: head.h, levels, lo, hi, signed: Boolean(head.signed), top: head.top};
    },
    /** Its values, (h * w) floats. */
    values({q, levels, lo, hi, signed}) {
      const zero = (levels + 1) / 2;
      return Float32Array.from(q, signed ? (k) => (k - zero) / (zero - 1) * hi : (k) => lo + k / levels * (hi - lo));
    },
    /** One value, half the distance to the next one that could be told from it, and whether it is only known to be at least that. */
    value(map, x, y) {
      const k = map.q[y * map.w + x];
      const zero = (map.levels + 1) / 2;
      const v = map.signed ? (k - zero) / (zero - 1) * map.hi : map.lo + k / map.levels * (map.hi - map.lo);
      const half = map.signed ? map.hi / (zero - 1) / 2 : (map.hi - map.lo) / map.levels / 2;
      return {v, half, more: k === map.levels && map.top > map.hi};
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
      const span = signed ? hi || 1 : hi - lo || 1;
      for (let k = 0; k < values.length; k += 1) {
        const v = signed ? 128 + Math.round(Math.min(1, Math.max(-1, values[k] / span)) * 127) : Math.round(Math.min(1, Math.max(0, (values[k] - lo) / span)) * 255);
        out[k] = v;
      }
      return out;
    },
    /** A map as {rgb, w, h}: at least `side` pixels on its longer side where smooth, as computed otherwise. */
    picture(map, {to, colour, smooth, side, w, h}) {
      const {values, resize, entries} = convatlas.maps;
      const scale = smooth ? Math.max(1, side / Math.max(map.w, map.h)) : 1;
      // A layer's map need not have the photograph's proportions to the pixel: the photograph's are kept.
      const W = smooth && w ? Math.max(map.w, Math.round(side * Math.min(1, w / h))) : Math.round(map.w * scale);
      const H = smooth && w ? Math.max(map.h, Math.round(side * Math.min(1, h / w))) : Math.round(map.h * scale);
      const gray = entries(resize(values(map), map.w, map.h, W, H), to, map.signed);
      const table = Uint8Array.from(convatlas.colours.table[convatlas.colours.name(colour, map.signed)].flat());
      const rgb = new Uint8Array(W * H * 3);
      for (let k = 0, n = 0; k < gray.length; k += 1, n += 3) {
        const entry = 3 * gray[k];
        rgb[n] = table[entry];
        rgb[n + 1] = table[entry + 1];
        rgb[n + 2] = table[entry + 2];
      }
      return {rgb, w: W, h: H};
    },
    /** Paint a picture onto a canvas, which takes its size. */
    paint(canvas, {rgb, w, h}) {
      Object.assign(canvas, {width: w, height: h});
      const pen = canvas.getContext('2d');
      const image = pen.createImageData(w, h);
      for (let k = 0, n = 0; k < image.data.length; k += 4, n += 3) {
        image.data[k] = rgb[n];
        image.data[k + 1] = rgb[n + 1];
        image.data[k + 2] = rgb[n + 2];
        image.data[k + 3] = 255;
      }
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
