/* <trust-matrix>: the cell under the pointer, the finger or the arrow keys, read out with the two maps it is of.
 * `show(matrix, words)` puts the numbers of another image into the same cells. */
customElements.define('trust-matrix', class extends HTMLElement {
  connectedCallback() {
    this.table = this.querySelector('table');
    this.readout = this.querySelector('[data-readout]');
    this.body = [...this.table.tBodies[0].rows].map((row) => [...row.cells]);
    this.heads = [...this.table.tHead.rows[0].cells].slice(1);
    this.names = this.heads.map((head) => head.title);
    this.words = this.readout.textContent;
    this.mark();
    const over = (event) => {
      const cell = event.target.closest('td');
      if (cell && cell.parentNode.parentNode === this.table.tBodies[0]) this.move(cell.parentNode.sectionRowIndex, cell.cellIndex - 1);
    };
    this.table.addEventListener('pointerover', over);
    this.table.addEventListener('click', over);
    this.table.addEventListener('pointerleave', () => this.leave());
    const scroll = this.table.parentNode;
    scroll.addEventListener('keydown', (event) => this.key(event));
    scroll.addEventListener('focus', () => { if (!this.at && scroll.matches(':focus-visible')) this.move(0, 0); });
    scroll.addEventListener('blur', () => this.leave());
  }

  mark() { this.body.forEach((cells, k) => cells[k + 1].classList.add('same')); }

  key(event) {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.names.length - 1;
    const [i, j] = this.at || [0, 0];
    const to = {ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1], Home: [i, 0], End: [i, last]}[event.key];
    if (!to) return;
    event.preventDefault();
    this.move(...to.map((k) => Math.min(last, Math.max(0, k))));
    this.cell.scrollIntoView({block: 'nearest', inline: 'nearest'});
  }

  move(i, j) {
    this.unlight();
    this.at = [i, j];
    this.cell = this.body[i][j + 1];
    this.cell.classList.add('tr-on');
    this.body[i][0].classList.add('tr-lit');
    this.heads[j].classList.add('tr-lit');
    this.read();
  }

  read() {
    const {el, say} = convatlas;
    const [i, j] = this.at;
    const text = this.cell.textContent;
    const none = this.cell.classList.contains('x');
    this.readout.replaceChildren(el('b', {}, none ? '–' : text), ` ${say(none ? 'trustFlat' : 'trustPair', {one: this.names[i], other: this.names[j]})}`);
  }

  leave() {
    this.unlight();
    this.at = null;
    this.readout.textContent = this.words;
  }

  unlight() {
    for (const lit of this.table.querySelectorAll('.tr-on, .tr-lit')) lit.classList.remove('tr-on', 'tr-lit');
  }

  /** {ids, of, rows} of an image, placed by its ids; maps that it lacks have no number. */
  show(matrix, own, words) {
    const place = new Map(matrix ? matrix.ids.map((id, k) => [id, k]) : []);
    own.ids.forEach((one, i) => own.ids.forEach((other, j) => {
      const value = place.has(one) && place.has(other) ? matrix.rows[place.get(one)][place.get(other)] : null;
      const cell = this.body[i][j + 1];
      cell.textContent = this.text(value);
      cell.className = this.shade(value);
    }));
    this.mark();
    this.words = words;
    this.leave();
  }

  text(value) {
    if (value === null) return '–';
    const text = Math.abs(value).toFixed(2);
    const sign = value < 0 && Number(text) ? '\u2212' : '';
    return sign + (text === '1.00' ? '1' : text.slice(1));
  }

  shade(value) {
    if (value === null) return 'x';
    const step = Math.min(10, Math.round(Math.abs(value) * 10));
    return value < 0 && step ? `n${step}` : `p${step}`;
  }
});
