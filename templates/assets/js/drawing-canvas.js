/* The shapes of generator/diagrams/svg.py in a browser, to the byte, so that a drawing whose options were changed in the page is
 * what `convatlas draw` would write. A style is convatlas.styles[name] = {draw(architecture, options) -> Drawing}; the architecture
 * is that of generator/diagrams/architecture.py with the same names, its tuples as arrays. */
(() => {
  const FONT = 'Helvetica, Arial, Liberation Sans, sans-serif';
  const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  const clean = (text) => String(text).replace(BIDI, '').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
  const escaped = (text) => clean(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&#34;').replace(/'/g, '&#39;');

  function num(value) {
    const text = (Math.floor(value * 100 + 0.5) / 100).toFixed(2).replace(/\.?0+$/, '');
    return text === '-0' ? '0' : text;
  }

  const points = (corners) => corners.map(([x, y]) => `${num(x)},${num(y)}`).join(' ');

  function written(attributes) {
    return Object.entries(attributes).filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => ` ${name.replace(/_+$/, '').replace(/_/g, '-')}="${escaped(typeof value === 'number' ? num(value) : value)}"`).join('');
  }

  class Canvas {
    parts = [];

    shape(tag, attributes) { this.parts.push(`<${tag}${written(attributes)}/>`); }
    rect(x, y, width, height, more = {}) { this.shape('rect', {x, y, width, height, ...more}); }
    line(a, b, more = {}) { this.shape('line', {x1: a[0], y1: a[1], x2: b[0], y2: b[1], ...more}); }
    polygon(corners, more = {}) { this.shape('polygon', {points: points(corners), ...more}); }
    path(d, more = {}) { this.shape('path', {d, ...more}); }
    circle(centre, radius, more = {}) { this.shape('circle', {cx: centre[0], cy: centre[1], r: radius, ...more}); }
    image(x, y, width, height, href, more = {}) { this.shape('image', {x, y, width, height, preserveAspectRatio: 'none', href, ...more}); }

    text(at, words, size, more = {}) {
      this.parts.push(`<text${written({x: at[0], y: at[1], font_family: FONT, font_size: size, ...more})}>${escaped(words)}</text>`);
    }

    arrowhead(tip, angle, size, more = {}) {
      const corners = [tip];
      for (const side of [-1, 1]) {
        const turned = angle + Math.PI + side * 0.42;
        corners.push([tip[0] + size * Math.cos(turned), tip[1] + size * Math.sin(turned)]);
      }
      this.polygon(corners, more);
    }

    /** Shapes that `inside` draws belong together. */
    group({title = '', href = '', ...attributes}, inside) {
      if (href) this.parts.push(`<a${written({'xlink:href': href})}>`);
      this.parts.push(`<g${written(attributes)}>`);
      if (title) this.parts.push(`<title>${escaped(title)}</title>`);
      inside();
      this.parts.push('</g>');
      if (href) this.parts.push('</a>');
    }

    drawing(width, height, {title, x = 0, y = 0}) {
      const box = `${num(x)} ${num(y)} ${num(width)} ${num(height)}`;
      const head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        + `width="${num(width)}" height="${num(height)}" viewBox="${box}" role="img" aria-label="${escaped(title)}">`;
      return {width, height, svg: `${head}${this.parts.join('')}</svg>`};
    }
  }

  const WIDTHS = {};
  for (const [letters, width] of [["ijl'|", 222], [' ,.:;/\\!ft[]I', 278], ['-()r`', 333], ['csJkvxyz*', 500], ['abdeghnopquL0123456789_$?#', 556],
    ['+=<>~×÷', 584], ['FTZ', 611], ['ABEKPSVXY&', 667], ['CDHNRUw', 722], ['GOQ', 778], ['mM', 833], ['W%', 944], ['@→…', 1000], ['·', 278]]) {
    for (const letter of letters) WIDTHS[letter] = width;
  }
  const ROOM = 1.14;

  function textWidth(words, size, bold = false) {
    let wide = 0;
    for (const c of clean(words)) wide += WIDTHS[c] ?? (c.codePointAt(0) < 0x2e80 ? 700 : 1000);
    return wide / 1000 * size * ROOM * (bold ? 1.07 : 1.0);
  }

  convatlas.styles = convatlas.styles || {};
  convatlas.drawing = {...convatlas.drawing, Canvas, num, points, textWidth, clean};
})();
