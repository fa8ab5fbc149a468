/* The loss around the weights. <loss-contours> says the numbers under the pointer, or where arrow keys go, <loss-line> draws the way between two checkpoints,
 * <loss-relief> the same plane as a surface that turns by drag and by arrow keys. Data: convatlas.get('landscape', 'all'). */
(() => {
  const all = () => convatlas.get('landscape', 'all');

  customElements.define('loss-contours', class extends HTMLElement {
    connectedCallback() {
      const svg = this.querySelector('svg');
      const out = this.parentElement.querySelector('.la-read');
      const found = all();
      if (!svg || !found) return;
      const {steps, rows} = found, n = steps.length;
      const {say, number, percent} = convatlas;
      const square = svg.querySelector('rect');
      const [wide, high] = ['width', 'height'].map((side) => Number(square.getAttribute(side)));
      const ring = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
      for (const [key, value] of Object.entries({r: 6, class: 'la-here', visibility: 'hidden'})) ring.setAttribute(key, value);
      square.parentNode.append(ring);
      const middle = [steps, rows].map((ticks) => ticks.reduce((best, v, k) => (Math.abs(v) < Math.abs(ticks[best]) ? k : best), 0));
      let [column, row] = middle;
      const hide = () => { ring.setAttribute('visibility', 'hidden'); out.textContent = ''; };
      const go = (x, y) => {
        [column, row] = [Math.min(n - 1, Math.max(0, x)), Math.min(rows.length - 1, Math.max(0, y))];
        const k = row * n + column;
        ring.setAttribute('cx', column / (n - 1) * wide);
        ring.setAttribute('cy', (1 - row / (rows.length - 1)) * high);
        ring.setAttribute('visibility', 'visible');
        out.textContent = say('la_here', {x: number(steps[column]), y: number(rows[row]), loss: number(found.loss[k]), right: percent(found.right[k])});
      };
      const point = (event) => {
        const box = square.getBoundingClientRect();
        const [x, y] = [Math.round((event.clientX - box.left) / box.width * (n - 1)), Math.round((box.bottom - event.clientY) / box.height * (rows.length - 1))];
        if (x < 0 || y < 0 || x >= n || y >= rows.length) hide(); else go(x, y);
      };
      svg.addEventListener('pointermove', point);
      svg.addEventListener('pointerdown', point);
      const title = svg.querySelector('title').textContent;
      for (const [key, value] of Object.entries({tabindex: 0, role: 'application', 'aria-roledescription': say('la_map'), 'aria-label': say('la_keys', {title})})) svg.setAttribute(key, value);
      svg.addEventListener('focus', () => { if (svg.matches(':focus-visible')) go(column, row); });
      svg.addEventListener('blur', hide);
      svg.addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const to = {ArrowLeft: [column - 1, row], ArrowRight: [column + 1, row], ArrowUp: [column, row + 1], ArrowDown: [column, row - 1], Home: middle}[event.key];
        if (!to) return;
        event.preventDefault();
        go(...to);
      });
    }
  });

  customElements.define('loss-line', class extends HTMLElement {
    connectedCallback() {
      const found = all();
      if (!found || !found.line) return;
      const {el, say, number, percent} = convatlas;
      const {shares, loss, right, first, last} = found.line;
      const top = Math.max(...loss.filter((v) => v !== null), 1e-9);
      const x = (v) => (v - shares[0]) / (shares.at(-1) - shares[0]) * 100;
      const NS = 'http://www.w3.org/2000/svg';
      const made = (tag, attributes) => {
        const one = document.createElementNS(NS, tag);
        for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
        return one;
      };
      const points = (values, most) => values.flatMap((v, k) => (v === null ? [] : [`${x(shares[k]).toFixed(2)},${(38 - v / most * 36).toFixed(2)}`])).join(' ');
      const svg = made('svg', {viewBox: '0 0 100 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': say('la_line', {first, last})});
      for (const at of [0, 1]) svg.append(made('line', {class: 'le-cursor', x1: x(at), x2: x(at), y1: 0, y2: 40, 'vector-effect': 'non-scaling-stroke'}));
      svg.append(made('polyline', {class: 'le-line', points: points(loss, top), 'vector-effect': 'non-scaling-stroke'}), made('polyline', {class: 'le-line la-right', points: points(right, 1), 'vector-effect': 'non-scaling-stroke'}));
      const out = el('output', {class: 'la-read', 'aria-live': 'polite'});
      const begin = shares.reduce((best, v, k) => (Math.abs(v - 1) < Math.abs(shares[best] - 1) ? k : best), 0);
      const range = el('input', {type: 'range', min: 0, max: shares.length - 1, value: begin, 'aria-label': say('la_share'), oninput: () => tell(Number(range.value))});
      const tell = (k) => {
        out.textContent = say('la_at', {share: number(shares[k]), loss: number(loss[k]), right: percent(right[k])});
        range.setAttribute('aria-valuetext', out.textContent);
        mark.style.left = `${x(shares[k])}%`;
      };
      const mark = el('i', {class: 'la-mark'});
      // On the left what the loss is at the top and at the foot, on the right the share.
      const axis = (side, ends) => ends.map((text, k) => el('span', {class: `la-y la-y--${side}`, style: `top:${k ? 95 : 5}%`}, text));
      this.replaceChildren(el('div', {class: 'la-wide'}, el('div', {class: 'la-plot'}, svg, mark, ...axis('left', [number(top), '0']), ...axis('right', [percent(1), percent(0)])), range,
        el('div', {class: 'la-ends', 'aria-hidden': 'true'}, el('span', {style: `left:${x(0)}%`}, first), el('span', {style: `left:${x(1)}%`}, last))),
      el('p', {class: 'la-legend'}, el('span', {class: 'la-key'}), `${say('la_left')} `, el('span', {class: 'la-key la-key--right'}), `${say('la_rightly')} `, out));
      tell(begin);
    }
  });
})();
