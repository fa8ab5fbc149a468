/* The third pen: a figure as a PDF of one page, its own size. Helvetica by name, photographs as the JPEG files they are, maps as
 * deflated colours, colour bars as shadings. Text that Helvetica has no letters for is drawn as a picture of itself. */
(() => {
  const {text, joined} = convatlas.save;
  /* Code points of Windows' code page beyond Latin-1, and what stands in for a few that it lacks. */
  const ANSI = {'€': 128, '‚': 130, 'ƒ': 131, '„': 132, '…': 133, '†': 134, '‡': 135, 'ˆ': 136, '‰': 137, 'Š': 138, '‹': 139, 'Œ': 140, 'Ž': 142, '‘': 145, '’': 146,
    '“': 147, '”': 148, '•': 149, '–': 150, '—': 151, '˜': 152, '™': 153, 'š': 154, '›': 155, 'œ': 156, 'ž': 158, 'Ÿ': 159, '\u2212': 150, '\u202f': 32, '\u2009': 32};
  /** The bytes of a text in that code page, or null where it lacks a letter. */
  const ansi = (said) => {
    const out = [];
    for (const c of said) {
      const code = c.codePointAt(0);
      const byte = code >= 32 && code < 127 || code >= 160 && code < 256 ? code : ANSI[c];
      if (!byte) return null;
      out.push(byte);
    }
    return out;
  };
  const literal = (codes) => `(${codes.map((c) => (c === 40 || c === 41 || c === 92 ? `\\${String.fromCharCode(c)}` : c < 32 || c > 126 ? `\\${c.toString(8).padStart(3, '0')}` : String.fromCharCode(c))).join('')})`;
  const utf16 = (said) => `<FEFF${[...Array(said.length).keys()].map((k) => said.charCodeAt(k).toString(16).padStart(4, '0')).join('')}>`;
  const n = (v) => String(Number(v.toFixed(3)));
  const rgb = (hex) => [1, 3, 5].map((k) => n(parseInt(hex.slice(k, k + 2), 16) / 255)).join(' ');

  /** JPEG as {data, w, h, colours}, or null for anything else. */
  const jpeg = (address) => {
    const [head, body] = address.split(',');
    if (!head.startsWith('data:image/jpeg')) return null;
    const data = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
    for (let k = 2; k + 9 < data.length;) {
      const kind = data[k + 1];
      if (kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind)) return {data, h: data[k + 5] << 8 | data[k + 6], w: data[k + 7] << 8 | data[k + 8], colours: data[k + 9]};
      k += 2 + (data[k + 2] << 8 | data[k + 3]);
    }
    return null;
  };
  /** What a canvas shows, without its alpha. */
  const pixels = (canvas) => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const out = new Uint8Array(data.length / 4 * 3);
    for (let k = 0, m = 0; k < data.length; k += 4, m += 3) out.set(data.subarray(k, k + 3), m);
    return {rgb: out, w: canvas.width, h: canvas.height};
  };
  const flat = (picture) => ({rgb: convatlas.maps.rgb(picture), w: picture.w, h: picture.h});
  /** A line of text as a picture, on the colour behind it. */
  const lettered = (thing) => {
    const canvas = document.createElement('canvas');
    const pen = canvas.getContext('2d');
    const font = `${thing.bold ? 'bold ' : ''}${thing.size * 4}px sans-serif`;
    pen.font = font;
    Object.assign(canvas, {width: Math.max(1, Math.ceil(pen.measureText(thing.text).width)), height: Math.ceil(thing.size * 5.4)});
    pen.fillStyle = thing.colour === '#ffffff' ? '#333333' : '#ffffff';
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.font = font;
    pen.fillStyle = thing.colour;
    pen.fillText(thing.text, 0, thing.size * 4.2);
    return pixels(canvas);
  };

  const asPdf = async ({width, height, things}, {title, subject = ''}) => {
    const objects = [];
    /** Add an object, a dictionary's inside and perhaps a stream; returns its number. */
    const add = (inside, stream) => objects.push({inside, stream});
    const packed = async (inside, data) => add(`${inside} /Filter /FlateDecode`, await convatlas.maps.deflate(data));
    const image = async ({rgb: data, w, h}, smooth) => packed(`/Type /XObject /Subtype /Image /Width ${w} /Height ${h} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Interpolate ${Boolean(smooth)}`, data);
    const catalog = add(''), tree = add(''), page = add('');
    const fonts = ['Helvetica', 'Helvetica-Bold'].map((name) => add(`/Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding`));
    const pictures = new Map(), alphas = new Map(), shadings = new Map(), known = new Map();
    const named = (map, key, number) => { if (!map.has(key)) map.set(key, number); return key; };
    const out = [];
    for (const thing of things) {
      const {kind, x, y, w, h} = thing;
      const below = height - y;
      const alpha = kind === 'map' ? thing.opacity : thing.alpha || 1;
      if (!known.has(`alpha ${alpha}`)) { known.set(`alpha ${alpha}`, `A${alphas.size}`); alphas.set(`A${alphas.size}`, add(`/Type /ExtGState /ca ${n(alpha)} /CA ${n(alpha)}`)); }
      const place = (name) => out.push(`q /${known.get(`alpha ${alpha}`)} gs ${n(w)} 0 0 ${n(h)} ${n(x)} ${n(below - h)} cm /${name} Do Q`);
      if (kind === 'text') {
        const codes = ansi(thing.text);
        const wide = convatlas.figure.measure(thing.text, thing.size, thing.bold);
        if (codes) {
          const start = x - {start: 0, middle: wide / 2, end: wide}[thing.anchor];
          out.push(`BT ${rgb(thing.colour)} rg /F${thing.bold ? 2 : 1} ${n(thing.size)} Tf ${n(start)} ${n(below)} Td ${literal(codes)} Tj ET`);
        } else {
          const picture = lettered(thing);
          const [pw, ph] = [picture.w / 4, picture.h / 4];
          const start = x - {start: 0, middle: pw / 2, end: pw}[thing.anchor];
          const name = named(pictures, `I${pictures.size}`, await image(picture, true));
          out.push(`q ${n(pw)} 0 0 ${n(ph)} ${n(start)} ${n(below + thing.size * 1.05 - ph)} cm /${name} Do Q`);
        }
      } else if (kind === 'photo') {
        if (!known.has(thing.photo)) {
          const found = jpeg(thing.photo);
          let number;
          if (found && found.colours !== 4) number = add(`/Type /XObject /Subtype /Image /Width ${found.w} /Height ${found.h} /ColorSpace /${found.colours === 1 ? 'DeviceGray' : 'DeviceRGB'} /BitsPerComponent 8 /Filter /DCTDecode`, found.data);
          else {
            const picture = new Image();
            picture.src = thing.photo;
            await picture.decode();
            const canvas = document.createElement('canvas');
            Object.assign(canvas, {width: picture.naturalWidth, height: picture.naturalHeight});
            canvas.getContext('2d').drawImage(picture, 0, 0);
            number = await image(pixels(canvas), true);
          }
          known.set(thing.photo, named(pictures, `I${pictures.size}`, number));
        }
        place(known.get(thing.photo));
      } else if (kind === 'map') place(named(pictures, `I${pictures.size}`, await image(flat(convatlas.figure.drawn(thing)), thing.smooth)));
      else if (kind === 'ramp') {
        if (!known.has(`ramp ${thing.name}`)) {
          const table = await packed('/FunctionType 0 /Domain [0 1] /Range [0 1 0 1 0 1] /Size [256] /BitsPerSample 8', Uint8Array.from(convatlas.colours.table[thing.name].flat()));
          known.set(`ramp ${thing.name}`, named(shadings, `S${shadings.size}`, add(`/ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 1 0] /Function ${table} 0 R`)));
        }
        out.push(`q ${n(x)} ${n(below - h)} ${n(w)} ${n(h)} re W n ${n(w)} 0 0 1 ${n(x)} 0 cm /${known.get(`ramp ${thing.name}`)} sh Q`);
      } else {
        const box = `${n(x)} ${n(below - h)} ${n(w)} ${n(h)} re`;
        if (thing.fill) out.push(`q /${known.get(`alpha ${alpha}`)} gs ${rgb(thing.fill)} rg ${box} f Q`);
        if (thing.stroke) out.push(`q 0.7 w ${thing.dashed ? '[3 2] 0 d ' : ''}${rgb(thing.stroke)} RG ${box} S Q`);
      }
    }
    const content = await packed('', text(out.join('\n')));
    const list = (map) => [...map].map(([name, number]) => `/${name} ${number} 0 R`).join(' ');
    objects[catalog - 1].inside = `/Type /Catalog /Pages ${tree} 0 R`;
    objects[tree - 1].inside = `/Type /Pages /Kids [${page} 0 R] /Count 1`;
    objects[page - 1].inside = `/Type /Page /Parent ${tree} 0 R /MediaBox [0 0 ${n(width)} ${n(height)}] /Contents ${content} 0 R /Resources << /Font << /F1 ${fonts[0]} 0 R /F2 ${fonts[1]} 0 R >> /XObject << ${list(pictures)} >> /ExtGState << ${list(alphas)} >> /Shading << ${list(shadings)} >> >>`;
    const info = add(`/Title ${utf16(title)} /Subject ${utf16(subject)} /Creator (Conv Atlas)`);

    const parts = [Uint8Array.from([...text('%PDF-1.4\n%'), 0xe2, 0xe3, 0xcf, 0xd3, 10])];
    const starts = [];
    let at = parts[0].length;
    const write = (data) => { const part = typeof data === 'string' ? text(data) : data; parts.push(part); at += part.length; };
    objects.forEach(({inside, stream}, k) => {
      starts.push(at);
      write(`${k + 1} 0 obj\n<< ${inside}${stream ? ` /Length ${stream.length}` : ''} >>\n`);
      if (stream) { write('stream\n'); write(stream); write('\nendstream\n'); }
      write('endobj\n');
    });
    const table = at;
    write(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${starts.map((start) => `${String(start).padStart(10, '0')} 00000 n \n`).join('')}trailer\n<< /Size ${objects.length + 1} /Root ${catalog} 0 R /Info ${info} 0 R >>\nstartxref\n${table}\n%%EOF\n`);
    return joined(parts);
  };

  Object.assign(convatlas.figure, {asPdf, ansi});
})();
