/* <trust-page>: the table and the matrix of the set, or the same rows and cells with the numbers of one image.
 * An image's numbers come with its data script when it is picked; the address says which. */
customElements.define('trust-page', class extends HTMLElement {
  connectedCallback() {
    this.whole = convatlas.get('trust', '');
    this.pickers = [...this.querySelectorAll('.tr-picker')];
    if (!this.whole || !this.pickers.length) return;
    this.status = this.querySelector('[data-status]');
    this.words = this.status && this.status.textContent;
    this.matrix = this.querySelector('trust-matrix');
    this.matrixWords = this.matrix && this.matrix.querySelector('[data-readout]').textContent;
    for (const picker of this.pickers) {
      picker.disabled = false;
      picker.addEventListener('change', ({target}) => {
        convatlas.address.write({i: target.value});
        this.pick(target);
      });
    }
    addEventListener('hashchange', () => this.follow());
    this.follow();
  }

  follow() {
    const {i} = convatlas.address.read();
    const input = [...this.pickers[0].elements].find((one) => one.value === (i || ''));
    if (input && input.value !== (this.slug || '')) this.pick(input);
  }

  async pick(input) {
    const slug = input.value;
    this.slug = slug;
    for (const picker of this.pickers) for (const other of picker.elements) other.checked = other.value === slug;
    const name = slug && input.nextElementSibling.alt;
    let data = this.whole;
    if (slug) {
      try {
        data = await convatlas.load('trust', slug, input.dataset.script);
      } catch (error) {
        if (this.status) this.status.textContent = convatlas.say('failed', {file: error.message});
        return;
      }
    }
    if (this.slug !== slug) return; // another was picked meanwhile
    for (const button of document.querySelectorAll('[data-csv=table], [data-csv=matrix]')) button.dataset.key = slug;
    if (this.status) {
      this.fill(data);
      this.status.textContent = slug ? convatlas.say('trustImage', {image: name}) : this.words;
    }
    if (this.matrix) this.matrix.show(data.matrix, this.whole.matrix, slug ? convatlas.say('trustMatrixImage', {image: name}) : this.matrixWords);
  }

  fill(data) {
    const {say} = convatlas;
    this.querySelector('[data-key-better]').textContent = say(data.by === 'interval' ? 'trustBetterInterval' : 'trustBetterNumber');
    for (const n of this.querySelectorAll('[data-n]')) n.hidden = data.by === 'number';
    [...this.querySelectorAll('.tr-unit')].forEach((unit, k) => { unit.textContent = data.columns[k].unit; });
    [...this.querySelectorAll('.tr-axis')].forEach((axis, k) => {
      axis.querySelector('[data-left]').textContent = data.columns[k].left;
      axis.querySelector('[data-log]').textContent = data.columns[k].log ? say('trustLog') : '';
      axis.querySelector('[data-right]').textContent = data.columns[k].right;
    });
    for (const row of this.querySelectorAll('.tr-table tbody tr')) {
      const found = data.rows[row.dataset.map];
      const wins = row.querySelector('.tr-wins');
      wins.dataset.value = found && found.judged ? found.wins : '';
      wins.replaceChildren(...(found && found.judged ? [convatlas.el('span', {style: `--part:${found.wins / found.judged}`}, say('trustOf', {k: found.wins, n: found.judged}))] : []));
      [...row.querySelectorAll('.tr-cell')].forEach((cell, k) => this.cell(cell, found ? found.cells[k] : null, data.columns[k].lines));
    }
    this.querySelector('sort-table').again();
  }

  cell(cell, value, lines) {
    const {el, say} = convatlas;
    const made = value || {t: '–', v: null, s: '', m: [], i: ''};
    cell.className = `tr-cell${cell.classList.contains('tr-minor') ? ' tr-minor' : ''}${made.s ? ` tr-${made.s}` : ''}${made.best ? ' tr-best' : ''}`;
    cell.dataset.value = made.v === null ? '' : made.v;
    const words = made.m.map((stand, k) => (stand ? say(`trust_${stand}`, {baseline: this.whole.baselines[k]}) : '')).filter(Boolean);
    if (made.best) words.push(say('trustBest'));
    const plot = cell.querySelector('.tr-plot');
    this.draw(plot, made, lines);
    cell.replaceChildren(plot, el('span', {class: 'tr-number'}, made.t), el('span', {class: 'tr-marks'}, made.m.map((stand) => el('i', {class: `tr-mark tr-mark--${stand || 'none'}`}))),
      el('span', {class: 'ca-hidden'}, words.map((word) => `, ${word}`).join('')), ...(made.i ? [el('span', {class: 'tr-ends'}, made.i)] : []));
  }

  draw(svg, {at, lo, hi}, lines) {
    const shape = (tag, attributes) => {
      const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      return made;
    };
    const there = (x) => x !== null && x !== undefined;
    svg.replaceChildren(
      ...lines.flatMap((x, k) => (there(x) ? [shape('line', {class: `tr-base tr-base--${k}`, x1: `${x}%`, x2: `${x}%`, y1: '0', y2: '100%'})] : [])),
      ...(there(lo) ? [shape('line', {class: 'tr-interval', x1: `${lo}%`, x2: `${hi}%`, y1: '50%', y2: '50%'})] : []),
      ...(there(at) ? [shape('circle', {cx: `${at}%`, cy: '50%', r: '3.6'})] : []));
  }
});
