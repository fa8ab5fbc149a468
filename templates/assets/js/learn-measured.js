/* <learn-measured>: the effective receptive fields of the model's own layers, beside those that they could have. */
(() => {
  const {el, number} = convatlas;
  const {own, parts: {say, svg, player, define}} = convatlas.learn;
  const SIDE = 336;

  define('learn-measured', (host) => {
    const {effective: {fields}, input: [height, width]} = own;
    const outer = svg('rect', {class: 'ln-m-outer'});
    const inner = svg('rect', {class: 'ln-m-inner'});
    const picture = svg('svg', {class: 'ln-nested', role: 'img', viewBox: `0 0 ${width} ${height}`},
      host.dataset.photo ? svg('image', {href: host.dataset.photo, width, height}) : svg('rect', {class: 'ln-w-input', width, height}), outer, inner);
    const canvas = el('canvas', {class: 'ln-m-field', role: 'img'});
    const bar = el('span', {class: 'ca-bar'}, el('span', {}, '0'), el('span', {class: 'ca-bar__ramp', style: `background:${convatlas.colours.ramp('viridis', false)}`}), el('span', {}, say('measuredMost')));
    const said = el('p', {class: 'ln-nested__said', 'aria-live': 'polite'});
    const put = (rect, [top, left, bottom, right]) => {
      for (const [key, value] of Object.entries({x: left, y: top, width: right - left, height: bottom - top})) rect.setAttribute(key, value);
    };
    const sides = ([top, left, bottom, right]) => ({h: bottom - top, w: right - left});

    /** The weights of the field alone, and the square that holds most of them. */
    function paint({box: [top, left, bottom, right], inner: square, columns, values}) {
      const rows = values.length / columns;
      const scale = SIDE / Math.max(bottom - top, right - left);
      canvas.width = Math.round((right - left) * scale);
      canvas.height = Math.round((bottom - top) * scale);
      const pen = canvas.getContext('2d');
      const table = convatlas.colours.table.viridis;
      values.forEach((v, k) => {
        const [i, j] = [k % columns, Math.floor(k / columns)];
        const [x, y] = [Math.round(i * canvas.width / columns), Math.round(j * canvas.height / rows)];
        pen.fillStyle = `rgb(${table[v].join(',')})`;
        pen.fillRect(x, y, Math.round((i + 1) * canvas.width / columns) - x, Math.round((j + 1) * canvas.height / rows) - y);
      });
      for (const [colour, line] of [['#000000', 5], ['#ffffff', 2.5]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = line;
        pen.strokeRect((square[1] - left) * scale, (square[0] - top) * scale, (square[3] - square[1]) * scale, (square[2] - square[0]) * scale);
      }
    }

    const go = player({count: fields.length, pace: 1200, told: (at) => say('layerCount', {k: at + 1, n: fields.length}), on(at) {
      const one = fields[at];
      put(outer, one.box);
      put(inner, one.inner);
      paint(one);
      const [all, most] = [sides(one.box), sides(one.inner)];
      const share = number(Math.round(100 * most.h * most.w / (all.h * all.w)));
      const words = say('measuredSaid', {h: all.h, w: all.w, ih: most.h, iw: most.w, share});
      said.replaceChildren(one.page ? el('a', {href: convatlas.url(one.page)}, convatlas.breaks(one.layer)) : el('b', {}, convatlas.breaks(one.layer)), ' ', words);
      picture.setAttribute('aria-label', say('measuredAlt', {name: one.layer}));
      canvas.setAttribute('aria-label', say('measuredField', {name: one.layer}));
    }});
    go.go(fields.length - 1);
    return [el('div', {class: 'ln-row ln-row--nested'}, picture, el('div', {class: 'ln-m-beside'}, canvas, bar)), said, go.root];
  });
})();
