/* <sort-table>: a table whose columns sort by their heads; where it has a filter, its rows filter by any part of any word, and
 * by kind. A head with data-first="descending" starts with the largest; rows without a number stay last either way. */
customElements.define('sort-table', class extends HTMLElement {
  connectedCallback() {
    this.body = this.querySelector('tbody');
    this.rows = [...this.body.rows];
    [...this.querySelectorAll('th[data-sort]')].forEach((head) => {
      const button = convatlas.el('button', {type: 'button', onclick: () => this.sort(head)}, ...head.childNodes);
      head.append(button);
    });
    this.input = this.querySelector('[data-filter]');
    if (!this.input) return;
    this.words = new Map(this.rows.map((row) => [row, `${row.querySelector('th').textContent} ${row.querySelector('.ca-kind').textContent}`.toLowerCase()]));
    this.status = this.querySelector('.ca-status');
    this.input.addEventListener('input', () => this.filter());
    this.addEventListener('change', () => this.filter());
    const asked = convatlas.address.read().q;
    if (asked) { this.input.value = asked; this.filter(); }
  }

  filter() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = this.querySelector('[name=kind]:checked').value;
    let n = 0;
    for (const row of this.rows) {
      const fits = (!kind || row.dataset.kind === kind) && words.every((w) => this.words.get(row).includes(w));
      row.hidden = !fits;
      n += fits;
    }
    this.status.textContent = convatlas.say('shown', {n, all: this.rows.length});
    this.querySelector('[data-none]').hidden = n > 0;
  }

  sort(head) {
    const now = head.getAttribute('aria-sort');
    const up = now ? now !== 'ascending' : head.dataset.first !== 'descending';
    for (const other of this.querySelectorAll('th[aria-sort]')) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    this.again();
  }

  /** Put the rows in the order of the sorted column once more: their numbers have changed. */
  again() {
    const head = this.querySelector('th[aria-sort]');
    if (!head) return;
    const up = head.getAttribute('aria-sort') === 'ascending';
    const at = head.cellIndex;
    const number = head.dataset.sort === 'number';
    const value = (row) => (number ? row.cells[at].dataset.value : row.cells[at].textContent.trim());
    const order = number ? (a, b) => (a === '') - (b === '') || (up ? 1 : -1) * (a - b) : (a, b) => (up ? 1 : -1) * new Intl.Collator('en', {numeric: true}).compare(a, b);
    this.rows.sort((a, b) => order(value(a), value(b)));
    this.body.append(...this.rows);
  }
});
