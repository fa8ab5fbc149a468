/* <tour-walk>: one step of the walk in words, with its figure, and the way to the steps before and after. */
customElements.define('tour-walk', class extends HTMLElement {
  build() {
    const {el, say} = convatlas;
    const go = (by) => () => this.dispatchEvent(new CustomEvent('tour-step', {bubbles: true, detail: {by}}));
    this.before = el('button', {type: 'button', class: 'tour-button', 'data-act': 'before', onclick: go(-1)}, '‹ ', say('tour_before'));
    this.after = el('button', {type: 'button', class: 'tour-button tour-button--go', 'data-act': 'after', onclick: go(1)}, say('tour_after'), ' ›');
    this.count = el('span', {class: 'ca-dim ca-num', 'aria-live': 'polite'});
    this.name = el('h2', {tabindex: '-1'});
    this.text = el('div', {class: 'tour-walk__text'});
    this.picture = el('div', {class: 'tour-walk__figure'});
    this.units = el('div', {class: 'tour-walk__units'});
    this.replaceChildren(el('div', {class: 'tour-walk__head'}, this.name, el('div', {class: 'tour-walk__acts'}, this.count, this.before, this.after)),
      el('div', {class: 'tour-walk__body'}, this.text, el('div', {class: 'tour-walk__side'}, this.picture, this.units)));
  }

  /** The words of a step; `said` is the column's own text. */
  tell({number, of, name, what, page, said}) {
    const {el, say, url, breaks} = convatlas;
    if (!this.name) this.build();
    this.count.textContent = say('tour_step', {n: number, of});
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
