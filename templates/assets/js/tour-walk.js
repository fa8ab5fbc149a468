/* <tour-walk>: one step of the walk: what happens in a sentence or two, its figure, what may be read on, and the way to the steps
 * before and after. In a wide window the words stay in sight over their figure. In a
 * narrow window the buttons stand at its lower edge, under the thumb, whatever else moves. */
customElements.define('tour-walk', class extends HTMLElement {
  build() {
    const {el, say} = convatlas;
    const go = (detail) => this.dispatchEvent(new CustomEvent('tour-step', {bubbles: true, detail}));
    this.before = el('button', {type: 'button', class: 'tour-button', 'data-act': 'before', onclick: () => go({by: -1})}, '‹ ', say('tour_before'));
    this.after = el('button', {type: 'button', class: 'tour-button tour-button--go', 'data-act': 'after', onclick: () => go({by: 1})}, say('tour_after'), ' ›');
    this.count = el('span', {class: 'ca-dim ca-num', 'aria-live': 'polite'});
    this.jump = el('select', {class: 'tour-jump', 'data-act': 'jump', 'aria-label': say('tour_jump'), onchange: () => go({to: Number(this.jump.value)})});
    this.name = el('h2', {tabindex: '-1'});
    this.acts = el('div', {class: 'tour-walk__acts'}, this.count, this.jump, this.before, this.after);
    this.head = el('div', {class: 'tour-walk__head'}, this.name, this.acts);
    this.text = el('div', {class: 'tour-walk__text'});
    this.top = el('div', {class: 'tour-walk__top'}, this.head, this.text);
    this.picture = el('div', {class: 'tour-walk__figure'});
    this.first = el('div', {class: 'tour-walk__first'});
    this.units = el('div', {class: 'tour-walk__units'});
    this.more = el('div', {class: 'tour-walk__more'});
    this.replaceChildren(this.top, this.picture, this.first, this.units, this.more);
  }

  /** The steps that can be gone to, [{number, name}]; the list is made anew only where they are others. */
  list(steps) {
    const {el} = convatlas;
    if (!this.name) this.build();
    const key = steps.map(({number}) => number).join(' ');
    if (this.listed === key) return;
    this.listed = key;
    this.jump.replaceChildren(...steps.map(({number, name}, k) => el('option', {value: number}, `${k + 1} · ${name}`)));
  }

  /** The words of a step, its kind before its name; `said` is the column's own text, `more` what there is to say of the image,
   * `skipped` what lies between this step and the one before. What must be read first stands before the unit's lists. */
  tell({number, of, at, kind, name, what, page, said, more = '', skipped = []}) {
    const {el, say, url, breaks} = convatlas;
    this.count.textContent = say('tour_step', {n: number, of});
    this.jump.value = String(at);
    this.before.disabled = number === 1;
    this.after.disabled = number === of;
    const own = kind ? {class: 'tour-walk__name'} : {};
    this.name.replaceChildren(kind ? `${kind} ` : '', page ? el('a', {href: url(page), ...own}, breaks(name)) : el('span', own, breaks(name)), ' ', el('span', {class: 'ca-dim'}, what));
    const nodes = [...said.childNodes].map((node) => node.cloneNode(true));
    const fold = (node) => node.nodeName === 'DETAILS';
    this.text.replaceChildren(skipped.length ? el('p', {'data-skipped': ''}, skipped) : '', ...nodes.filter((node) => !fold(node)), more ? el('p', {'data-more': ''}, more) : '');
    const first = (node) => fold(node) && 'first' in node.dataset;
    this.first.replaceChildren(...nodes.filter(first));
    this.more.replaceChildren(...nodes.filter((node) => fold(node) && !first(node)));
  }

  /** The figure of the step, and of its unit what it reads and feeds. What stands there already stays, with its focus. */
  show(figure, units) {
    if (figure.length !== this.picture.childElementCount || figure.some((one, k) => one !== this.picture.children[k])) this.picture.replaceChildren(...figure);
    this.units.replaceChildren(...units);
  }

  /** Go to what leads on from the unit that is shown. */
  ahead() {
    const link = this.querySelector('.tour-pick__open');
    if (link) link.focus();
  }
});
