/* <tour-walk>: one step of the walk in words, with its figure, and the way to the steps before and after. */
customElements.define('tour-walk', class extends HTMLElement {
  build() {
    const {el, say} = convatlas;
    const go = (by) => () => this.dispatchEvent(new CustomEvent('tour-step', {bubbles: true, detail: {by}}));
    this.before = el('button', {type: 'button', class: 'tr-button', 'data-act': 'before', onclick: go(-1)}, '‹ ', say('tr_before'));
    this.after = el('button', {type: 'button', class: 'tr-button tr-button--go', 'data-act': 'after', onclick: go(1)}, say('tr_after'), ' ›');
    this.count = el('span', {class: 'ca-dim ca-num', 'aria-live': 'polite'});
    this.name = el('h2', {tabindex: '-1'});
    this.text = el('div', {class: 'tr-walk__text'});
    this.picture = el('div', {class: 'tr-walk__figure'});
    this.units = el('div', {class: 'tr-walk__units'});
    this.replaceChildren(el('div', {class: 'tr-walk__head'}, this.name, el('div', {class: 'tr-walk__acts'}, this.count, this.before, this.after)),
      el('div', {class: 'tr-walk__body'}, this.text, el('div', {class: 'tr-walk__side'}, this.picture, this.units)));
  }

  /** The words of a step; `said` is the column's own text. */
  tell({number, of, name, what, page, said}) {
    const {el, say, url, breaks} = convatlas;
    if (!this.name) this.build();
    this.count.textContent = say('tr_step', {n: number, of});
    this.before.disabled = number === 1;
    this.after.disabled = number === of;
    this.name.replaceChildren(page ? el('a', {href: url(page)}, breaks(name)) : el('span', {}, breaks(name)), ' ', el('span', {class: 'ca-dim'}, what));
    this.text.replaceChildren(...[...said.childNodes].map((node) => node.cloneNode(true)));
  }

  /** The figure of the step, and of its unit what it reads and feeds. */
  show(figure, units) {
    this.picture.replaceChildren(...(figure ? [figure] : []));
    this.units.replaceChildren(...units);
  }
});
