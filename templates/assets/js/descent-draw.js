/* What the figures of descents share: heights as shares of one, their levels, the optimizers' colours and marks. */
(() => {
  const dark = () => document.body.getAttribute('data-md-color-scheme') === 'slate';
  const token = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  /** The colour of an optimizer in this scheme. */
  const colour = (name) => token(`--de-${name}`);

  /** Heights of a surface in its box: `of` a place 0 … 1, as it is drawn, and the loss `at` such a height. */
  function heights({name, box, log}, minima) {
    const {value} = convatlas.descent.SURFACES[name];
    let [low, high] = [Math.min(...minima.map(([x, y]) => value(x, y))), -Infinity];
    for (let j = 0; j <= 60; j++) {
      for (let i = 0; i <= 60; i++) {
        const f = value(box[0] + (box[1] - box[0]) * i / 60, box[2] + (box[3] - box[2]) * j / 60);
        low = Math.min(low, f);
        high = Math.max(high, f);
      }
    }
    const whole = log ? Math.log1p(high - low) : high - low;
    return {low, high, at: (t) => low + (log ? Math.expm1(t * whole) : t * whole), of: (x, y) => (log ? Math.log1p(Math.max(0, value(x, y) - low)) : value(x, y) - low) / whole};
  }

  const LEVELS = 14;
  const mix = (a, b, t) => a.map((v, k) => Math.round(v + (b[k] - v) * t));
  const LIGHT = [[158, 172, 206], [247, 248, 251]];
  const DARK = [[10, 14, 26], [66, 76, 98]];

  /** [r, g, b] of a height: wells are deep, rims are pale. Flat between two levels, so that the levels are seen. */
  function shade(t) {
    const [low, high] = dark() ? DARK : LIGHT;
    const band = Math.min(LEVELS, Math.max(0, Math.floor(t * LEVELS)));
    return mix(low, high, Math.sqrt(band / LEVELS));
  }

  /** A mark's outline around (x, y) into a canvas's or a Path2D's path. */
  function outline(path, shape, x, y, r) {
    const polygon = (corners) => corners.forEach(([a, b], k) => (k ? path.lineTo(x + a * r, y + b * r) : path.moveTo(x + a * r, y + b * r)));
    const turned = (n, inner, from = -Math.PI / 2) => Array.from({length: inner ? 2 * n : n}, (_, k) => {
      const angle = from + 2 * Math.PI * k / (inner ? 2 * n : n);
      const size = inner && k % 2 ? inner : 1.15;
      return [size * Math.cos(angle), size * Math.sin(angle)];
    });
    const third = 0.36;
    const shapes = {
      square: () => polygon([[-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]]),
      diamond: () => polygon([[0, -1.25], [1.05, 0], [0, 1.25], [-1.05, 0]]),
      up: () => polygon(turned(3, 0)),
      down: () => polygon(turned(3, 0, Math.PI / 2)),
      pentagon: () => polygon(turned(5, 0)),
      star: () => polygon(turned(5, 0.5)),
      cross: () => polygon([[-third, -1.1], [third, -1.1], [third, -third], [1.1, -third], [1.1, third], [third, third], [third, 1.1], [-third, 1.1], [-third, third], [-1.1, third], [-1.1, -third], [-third, -third]]),
    };
    if (shape === 'circle') path.arc(x, y, r, 0, 2 * Math.PI);
    else shapes[shape]();
    path.closePath();
  }

  /** A mark with a rim of paper, so that it stands out from what is under it. */
  function mark(pen, shape, x, y, r, fill) {
    pen.beginPath();
    outline(pen, shape, x, y, r);
    pen.lineJoin = 'round';
    pen.lineWidth = 3;
    pen.strokeStyle = token('--ca-paper');
    pen.stroke();
    pen.fillStyle = fill;
    pen.fill();
  }

  /** Marks [{x, y, …}] that would cover each other, on an arc above (near the top: below) where they meet, `gap` apart: the same
   * list, each with where it stands, {at: [x, y]}. */
  function fanned(marks, gap, least = 22) {
    const groups = [];
    for (const one of marks) {
      const near = groups.find((group) => group.some(({x, y}) => Math.hypot(x - one.x, y - one.y) < gap));
      if (near) near.push(one);
      else groups.push([one]);
    }
    return groups.flatMap((group) => {
      if (group.length === 1) return [{...group[0], at: [group[0].x, group[0].y]}];
      const middle = ['x', 'y'].map((key) => group.reduce((sum, one) => sum + one[key], 0) / group.length);
      const order = [...group].sort((a, b) => a.x - b.x);
      const radius = Math.max(least, gap * (group.length - 1) / 2.4);
      const span = Math.min(0.76 * Math.PI, (order.length - 1) * 1.3 * gap / radius);
      const up = middle[1] > radius + gap ? -1 : 1;
      return order.map((one, k) => {
        const angle = Math.PI / 2 + span * (k / (order.length - 1) - 0.5);
        return {...one, at: [middle[0] - radius * Math.cos(angle), middle[1] + up * radius * Math.sin(angle)]};
      });
    });
  }

  /** Heights in a column, `gap` apart at least, as near to where they belong as that lets them, between `top` and `foot`. */
  function spread(heights, gap, top, foot) {
    const order = heights.map((v, k) => [v, k]).sort(([a], [b]) => a - b);
    const found = [];
    let next = top;
    for (const [v, k] of order) { found[k] = Math.max(v, next); next = found[k] + gap; }
    let last = foot;
    for (const [, k] of order.reverse()) { found[k] = Math.min(found[k], last); last = found[k] - gap; }
    return found;
  }

  /** The same mark as a small SVG, for legends. */
  function sign(shape, name) {
    const parts = [];
    const at = (v) => v.toFixed(2);
    const path = {moveTo: (x, y) => parts.push(`M${at(x)} ${at(y)}`), lineTo: (x, y) => parts.push(`L${at(x)} ${at(y)}`), closePath: () => parts.push('Z'), arc: (x, y, r) => parts.push(`M${x - r} ${y}A${r} ${r} 0 1 0 ${x + r} ${y}A${r} ${r} 0 1 0 ${x - r} ${y}`)};
    outline(path, shape, 8, 8, 5.6);
    const made = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    for (const [key, v] of Object.entries({viewBox: '0 0 16 16', class: `de-mark de-is-${name}`, 'aria-hidden': 'true'})) made.setAttribute(key, v);
    const shown = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    shown.setAttribute('d', parts.join(''));
    made.append(shown);
    return made;
  }

  /** A canvas as sharp as the screen: its pen in CSS pixels, emptied. */
  function sharp(canvas, width, height) {
    const dense = Math.min(3, devicePixelRatio || 1);
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  /** Tell when colours change with the scheme. */
  const onScheme = (then) => new MutationObserver(then).observe(document.body, {attributes: true, attributeFilter: ['data-md-color-scheme']});

  convatlas.descentDraw = {LEVELS, colour, dark, fanned, heights, mark, mix, onScheme, shade, sharp, sign, spread, token};
})();
