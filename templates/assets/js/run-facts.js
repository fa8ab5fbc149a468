/* <run-facts>: passes and times of the latest run. They change when nothing else does, and so are no part of the page. */
customElements.define('run-facts', class extends HTMLElement {
  connectedCallback() {
    const facts = convatlas.get('run', 'facts');
    if (!facts || this.filled) return;
    this.filled = true;
    const {el} = convatlas;
    this.querySelector('[data-kept]').hidden = facts.run.some(Boolean);
    const cell = (text) => el('td', {class: 'ca-r ca-num'}, text);
    for (const row of this.querySelectorAll('[data-row]')) row.append(...facts[row.dataset.row].map((n) => cell(n.toLocaleString('en'))));
    this.querySelector('[data-times]').append(...facts.timings.map(([stage, time]) => el('tr', {}, el('th', {scope: 'row'}, stage), cell(time))));
  }
});
