/* The view as a figure to keep: laid out once, in points, as a list of things to draw, and drawn by one of three pens.
 *
 *   {title, lines, columns, rows, cells} --> lay --> {width, height, things} --> canvas (PNG) | svg | compare-pdf.js
 *
 * Text stays text and colour bars stay vectors in SVG and PDF; only photographs and maps are pictures there. */
(() => {
  const WIDTHS = {
    plain: '278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584',
    bold: '278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 778 556 556 500 389 280 389 584',
  };
  const widths = Object.fromEntries(Object.entries(WIDTHS).map(([name, list]) => [name, list.split(' ').map(Number)]));
  /** The width of a text in Helvetica, by the font's own table; letters beyond ASCII are taken for wide ones. */
  const measure = (text, size, bold = false) => [...text].reduce((sum, c) => {
    const code = c.codePointAt(0);
    return sum + (widths[bold ? 'bold' : 'plain'][code - 32] || (code > 0x2e80 ? 1000 : 584));
  }, 0) * size / 1000;

  /** A text in lines no wider than `width`, at most so many; names may break after a dot, a slash or an underscore. */
  const wrap = (text, width, size, {bold = false, most = 2} = {}) => {
    const wide = (line) => measure(line, size, bold);
    const lines = [''];
    for (const part of String(text).split(/(?<=[\s._/-])/)) {
      for (const piece of wide(part.trim()) > width ? [...part] : [part]) {
        const longer = lines.at(-1) + piece;
        if (wide(longer.trimEnd()) <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
        else lines.push(piece);
      }
    }
    const kept = lines.slice(0, most).map((line) => line.trim());
    if (lines.length > most) {
      let last = kept.at(-1);
      while (last && wide(`${last}…`) > width) last = last.slice(0, -1);
      kept[most - 1] = `${last.trim()}…`;
    }
    return kept;
  };

  const INK = '#12151c', DIM = '#596174', LINE = '#c9cdd8', PAPER = '#ffffff';
  const MARGIN = 18, GAP = 9;

  /** {title, lines: [text], columns: [{title, lines}], rows: [{title, lines}], cells: [[cell]]}, with cells {photo, w, h, map,
   * to, empty} or {na} and in common {colour, smooth, opacity}; -> {width, height, things}. */
  const lay = ({title, lines, columns, rows, cells, colour, smooth, opacity}) => {
    const things = [];
    const across = columns.length;
    // A figure of many maps is looked at from further away.
    const side = across * rows.length > 60 ? 150 : across * rows.length > 6 ? 240 : 480;
    const cell = across <= 3 ? 168 : across <= 5 ? 128 : across <= 9 ? 100 : 82;
    const head = rows.some((row) => row.title) ? Math.min(120, Math.max(46, ...rows.map((row) => Math.max(measure(row.title, 8, true), ...row.lines.map((line) => measure(line, 7)))))) + GAP : 0;
    const width = Math.max(2 * MARGIN + head + across * (cell + GAP) - GAP, 300);
    const room = width - 2 * MARGIN;
    const text = (x, y, said, size, more = {}) => things.push({kind: 'text', x, y, text: said, size, colour: INK, anchor: 'start', bold: false, ...more});
    let y = MARGIN + 11;
    for (const line of wrap(title, room, 13, {bold: true, most: 2})) { text(MARGIN, y, line, 13, {bold: true}); y += 15; }
    for (const said of lines) for (const line of wrap(said, room, 8, {most: 4})) { text(MARGIN, y, line, 8, {colour: DIM}); y += 10.5; }
    y += 10;
    const x = (c) => MARGIN + head + c * (cell + GAP);
    const heads = columns.map((column) => [...wrap(column.title, cell, 8, {bold: true}).map((line) => [line, true]), ...column.lines.flatMap((line) => wrap(line, cell, 7, {most: 2}).map((part) => [part, false]))]);
    const tall = Math.max(0, ...heads.map((h) => h.length));
    heads.forEach((h, c) => h.forEach(([line, bold], k) => text(x(c), y + (tall - h.length + k) * 9.5, line, bold ? 8 : 7, {bold, colour: bold ? INK : DIM})));
    y += tall * 9.5 - 4;
    rows.forEach((row, r) => {
      const height = Math.max(0, ...cells[r].map((one) => cell * one.h / one.w));
      const said = [...wrap(row.title, head - GAP, 8, {bold: true, most: 3}).map((line) => [line, true]), ...row.lines.flatMap((line) => wrap(line, head - GAP, 7, {most: 2}).map((part) => [part, false]))];
      const top = y + height / 2 - said.length * 9.5 / 2 + 7;
      if (head) said.forEach(([line, bold], k) => text(MARGIN, top + k * 9.5, line, bold ? 8 : 7, {bold, colour: bold ? INK : DIM}));
      cells[r].forEach((one, c) => {
        const high = cell * one.h / one.w;
        const place = {x: x(c), y, w: cell, h: high};
        const note = one.note ? 8.5 : 0;
        if (note) text(x(c), y + high + 8, wrap(one.note, cell, 7, {most: 1})[0], 7, {colour: DIM});
        if (one.na !== undefined) {
          things.push({kind: 'box', ...place, dashed: true, stroke: LINE});
          const most = Math.max(1, Math.floor((high - 8) / 7.5));
          wrap(one.na, cell - 10, 6, {most}).forEach((line, k) => text(x(c) + 5, y + 10 + k * 7.5, line, 6, {colour: DIM}));
          return;
        }
        things.push({kind: 'photo', ...place, photo: one.photo, size: [one.w, one.h]});
        if (one.empty) {
          things.push({kind: 'box', ...place, fill: '#0a0c10', alpha: 0.62});
          wrap(one.empty, cell - 10, 7).forEach((line, k) => text(x(c) + cell / 2, y + high / 2 + k * 8.5, line, 7, {colour: PAPER, anchor: 'middle'}));
        } else if (one.map) {
          things.push({kind: 'map', ...place, map: one.map, to: one.to, size: [one.w, one.h], colour, smooth, opacity, side});
          const ends = one.to.map(convatlas.number);
          const [left, right] = ends.map((end) => measure(end, 6) * 1.2 + 2);
          const under = y + high + 8 + note;
          text(x(c), under, ends[0], 6, {colour: DIM});
          text(x(c) + cell, under, ends[1], 6, {colour: DIM, anchor: 'end'});
          things.push({kind: 'ramp', x: x(c) + left, y: under - 4.6, w: Math.max(4, cell - left - right), h: 4.4, name: convatlas.colours.name(colour, one.map.signed)});
        }
      });
      y += height + 20 + (cells[r].some((one) => one.note) ? 8.5 : 0);
    });
    return {width, height: y - 8 + MARGIN, things};
  };

  /** The picture of a map in a figure, once for all pens. */
  const drawn = (thing) => convatlas.maps.picture(thing.map, {to: thing.to, colour: thing.colour, smooth: thing.smooth, side: thing.side, w: thing.size[0], h: thing.size[1]});
  const FONT = 'Helvetica, Arial, "Liberation Sans", "Nimbus Sans", sans-serif';
  const photos = async (things) => {
    const found = new Map();
    for (const {kind, photo} of things) {
      if (kind !== 'photo' || found.has(photo)) continue;
      const image = new Image();
      image.src = photo;
      await image.decode();
      found.set(photo, image);
    }
    return found;
  };

  /** On a canvas, `scale` pixels a point, less where the canvas would be larger than browsers make them. */
  const onCanvas = async ({width, height, things}, scale = 3) => {
    const fits = Math.min(scale, Math.sqrt(12e6 / (width * height)), 16000 / Math.max(width, height));
    const canvas = document.createElement('canvas');
    Object.assign(canvas, {width: Math.round(width * fits), height: Math.round(height * fits)});
    const pen = canvas.getContext('2d');
    pen.scale(fits, fits);
    pen.fillStyle = PAPER;
    pen.fillRect(0, 0, width, height);
    const have = await photos(things);
    const small = document.createElement('canvas');
    for (const thing of things) {
      const {kind, x, y, w, h} = thing;
      pen.globalAlpha = 1;
      pen.imageSmoothingEnabled = true;
      pen.imageSmoothingQuality = 'high';
      if (kind === 'text') {
        pen.font = `${thing.bold ? 'bold ' : ''}${thing.size}px ${FONT}`;
        pen.textAlign = {start: 'left', middle: 'center', end: 'right'}[thing.anchor];
        pen.fillStyle = thing.colour;
        pen.fillText(thing.text, x, y);
      } else if (kind === 'photo') pen.drawImage(have.get(thing.photo), x, y, w, h);
      else if (kind === 'map') {
        pen.globalAlpha = thing.opacity;
        pen.imageSmoothingEnabled = thing.smooth || thing.map.w > w * fits;
        pen.drawImage(convatlas.maps.paint(small, drawn(thing)), x, y, w, h);
      } else if (kind === 'ramp') {
        const ramp = pen.createLinearGradient(x, 0, x + w, 0);
        convatlas.colours.table[thing.name].forEach((rgb, k) => ramp.addColorStop(k / 255, `rgb(${rgb.join(',')})`));
        pen.fillStyle = ramp;
        pen.fillRect(x, y, w, h);
      } else {
        pen.globalAlpha = thing.alpha || 1;
        if (thing.fill) { pen.fillStyle = thing.fill; pen.fillRect(x, y, w, h); }
        if (thing.stroke) { pen.strokeStyle = thing.stroke; pen.lineWidth = 0.7; pen.setLineDash(thing.dashed ? [3, 2] : []); pen.strokeRect(x, y, w, h); }
      }
    }
    return canvas;
  };

  const xml = (said) => String(said).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ' ').replace(/[&<>"']/g, (c) => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'})[c]);
  const n = (value) => Number(value.toFixed(2));

  /** As SVG: photographs once each, maps as embedded pictures, the rest vectors and text. */
  const asSvg = ({width, height, things}, title) => {
    const ids = new Map(), ramps = new Set(), small = document.createElement('canvas');
    const defs = [], body = [];
    for (const thing of things) {
      const {kind, x, y, w, h} = thing;
      const box = kind === 'text' ? '' : `x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}"`;
      if (kind === 'text') body.push(`<text x="${n(x)}" y="${n(y)}" font-size="${thing.size}" fill="${thing.colour}"${thing.bold ? ' font-weight="bold"' : ''}${thing.anchor === 'start' ? '' : ` text-anchor="${thing.anchor}"`}>${xml(thing.text)}</text>`);
      else if (kind === 'photo') {
        const [pw, ph] = thing.size;
        if (!ids.has(thing.photo)) {
          ids.set(thing.photo, `photo-${ids.size}`);
          defs.push(`<image id="${ids.get(thing.photo)}" width="${pw}" height="${ph}" preserveAspectRatio="none" xlink:href="${xml(thing.photo)}"/>`);
        }
        body.push(`<use xlink:href="#${ids.get(thing.photo)}" transform="translate(${n(x)} ${n(y)}) scale(${(w / pw).toFixed(5)} ${(h / ph).toFixed(5)})"/>`);
      } else if (kind === 'map') {
        const crisp = thing.smooth ? '' : ' image-rendering="optimizeSpeed" style="image-rendering:pixelated"';
        body.push(`<image ${box} preserveAspectRatio="none" opacity="${thing.opacity}"${crisp} xlink:href="${convatlas.maps.paint(small, drawn(thing)).toDataURL('image/png')}"/>`);
      } else if (kind === 'ramp') {
        if (!ramps.has(thing.name)) {
          ramps.add(thing.name);
          const table = convatlas.colours.table[thing.name];
          const stops = Array.from({length: 52}, (_, k) => `<stop offset="${(k * 5 / 255).toFixed(4)}" stop-color="rgb(${table[k * 5].join(',')})"/>`);
          defs.push(`<linearGradient id="ramp-${thing.name}">${stops.join('')}</linearGradient>`);
        }
        body.push(`<rect ${box} fill="url(#ramp-${thing.name})"/>`);
      } else body.push(`<rect ${box} fill="${thing.fill || 'none'}"${thing.alpha ? ` fill-opacity="${thing.alpha}"` : ''}${thing.stroke ? ` stroke="${thing.stroke}" stroke-width="0.7"${thing.dashed ? ' stroke-dasharray="3 2"' : ''}` : ''}/>`);
    }
    return `<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${n(width)}pt" height="${n(height)}pt" viewBox="0 0 ${n(width)} ${n(height)}" font-family="${xml(FONT)}"><title>${xml(title)}</title><defs>${defs.join('')}</defs><rect width="100%" height="100%" fill="${PAPER}"/>${body.join('\n')}</svg>\n`;
  };

  convatlas.figure = {lay, measure, wrap, drawn, onCanvas, asSvg};
})();
