/* What a reader takes away: a file from bytes made here, tables as CSV, arrays as NPZ. */
(() => {
  const text = (value) => new TextEncoder().encode(value);
  const joined = (parts) => {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { out.set(part, at); at += part.length; }
    return out;
  };
  /** A field of a CSV. Text that a spreadsheet would take for a formula gets a mark in front. */
  const field = (value) => {
    if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
    const said = String(value === null || value === undefined ? '' : value);
    const safe = /^[=+\-@\t\r]/.test(said) ? `'${said}` : said;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };

  const CRC = Uint32Array.from({length: 256}, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ c >>> 1 : c >>> 1;
    return c;
  });
  const crc = (data) => {
    let c = 0xffffffff;
    for (const byte of data) c = CRC[(c ^ byte) & 255] ^ c >>> 8;
    return (c ^ 0xffffffff) >>> 0;
  };
  /** Numbers as little-endian bytes: [size, value, size, value, …]. */
  const packed = (...pairs) => {
    const out = [];
    for (let k = 0; k < pairs.length; k += 2) for (let b = 0; b < pairs[k]; b += 1) out.push(pairs[k + 1] / 2 ** (8 * b) & 255);
    return Uint8Array.from(out);
  };
  /** A .npy file of float32 values. */
  const npy = (values, shape) => {
    const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
    const fill = ' '.repeat(63 - (10 + head.length) % 64);
    const said = text(`${head}${fill}\n`);
    const data = new DataView(new ArrayBuffer(values.length * 4));
    values.forEach((v, k) => data.setFloat32(4 * k, v, true));
    return joined([Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]), packed(2, said.length), said, new Uint8Array(data.buffer)]);
  };
  /** A .npy file of text of several lines: one string, UCS-4. */
  const words = (said) => {
    const letters = [...said].map((c) => c.codePointAt(0));
    const head = `{'descr': '<U${letters.length || 1}', 'fortran_order': False, 'shape': (), }`;
    const filled = text(`${head}${' '.repeat(63 - (10 + head.length) % 64)}\n`);
    return joined([Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]), packed(2, filled.length), filled, packed(...(letters.length ? letters : [0]).flatMap((c) => [4, c]))]);
  };

  convatlas.save = {
    text,
    joined,
    /** Hand bytes, or a Blob, to the browser as a file. */
    file(name, data, type) {
      const address = URL.createObjectURL(data instanceof Blob ? data : new Blob([data], {type}));
      const link = convatlas.el('a', {href: address, download: name, hidden: true});
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    },
    /** Rows of strings and numbers as CSV (RFC 4180). */
    csv: (rows) => rows.map((row) => row.map(field).join(',')).join('\r\n') + '\r\n',
    npy,
    words,
    /** A zip archive of [[name, bytes], …], deflated. */
    async zip(entries) {
      const parts = [], directory = [];
      let at = 0;
      for (const [name, data] of entries) {
        const said = text(name);
        const small = await convatlas.maps.deflate(data, 'deflate-raw');
        // Version 2.0, names in UTF-8, deflated, dated 1980-01-01.
        const facts = packed(2, 20, 2, 0x800, 2, 8, 2, 0, 2, 0x21, 4, crc(data), 4, small.length, 4, data.length, 2, said.length, 2, 0);
        parts.push(packed(4, 0x04034b50), facts, said, small);
        directory.push(packed(4, 0x02014b50, 2, 20), facts, packed(2, 0, 2, 0, 2, 0, 4, 0, 4, at), said);
        at += 4 + facts.length + said.length + small.length;
      }
      const size = directory.reduce((sum, part) => sum + part.length, 0);
      return joined([...parts, ...directory, packed(4, 0x06054b50, 2, 0, 2, 0, 2, entries.length, 2, entries.length, 4, size, 4, at, 2, 0)]);
    },
    /** A name as a file has it on any system. */
    plain: (name) => name.normalize('NFKD').replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '').toLowerCase().slice(0, 60) || 'x',
  };
})();
