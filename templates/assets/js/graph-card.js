/* <graph-card>: all that is known of a box. It follows the pointer and the focus; picked, it stays and its links can be pressed. */
customElements.define('graph-card', class extends HTMLElement {
  hide() { this.hidden = true; }

  /** Of an op of the view, beside its box on the screen. */
  show(op, pages, place, kept) {
    const {el, say, breaks} = convatlas;
    const {clean} = convatlas.drawing;
    const {title, called, about, short, grouped} = convatlas.graphWords;
    const name = clean(op.id === '@input' ? 'input' : op.id === '@output' ? 'output' : op.id);
    const facts = (of) => about(of).map(([key, value]) => el('div', {}, el('dt', {}, clean(key === 'output' ? say('gr_out') : key)), el('dd', {}, clean(value))));
    const head = el('p', {class: 'gr-card__head'}, el('i', {class: `gr-dot ca-k-${op.kind}`}), el('b', {}, breaks(name)), kept ? el('button', {type: 'button', 'data-act': 'hide', 'aria-label': say('gr_shut')}, '×') : null);
    const link = (of, words) => (pages[of.id] ? el('a', {href: convatlas.url(pages[of.id])}, words) : null);
    const body = op.kind === 'block'
      ? [el('p', {}, `${clean(called(op))} · ${say('gr_holds', {n: convatlas.simplify.count(op)})}`), el('dl', {}, facts(op)), el('p', {class: 'gr-card__ways'}, kept ? el('button', {type: 'button', 'data-act': 'turn'}, say('gr_open', {name})) : null, link(op, say('gr_page')))]
      : op.parts.length
        ? [el('p', {class: 'ca-dim'}, say('gr_fused')), ...op.parts.map((part) => el('section', {}, el('p', {}, el('i', {class: `gr-dot ca-k-${part.kind}`}), clean(title(part)), ' ', link(part, say('gr_page'))), el('dl', {}, facts(part))))]
        : [el('p', {}, clean(title(op)), ' ', link(op, say('gr_page'))), el('dl', {}, facts(op))];
    this.replaceChildren(head, ...body);
    this.classList.toggle('gr-kept', kept);
    this.hidden = false;
    this.place(place);
    return [short, grouped];
  }

  place({box, view}) {
    if (!box) return;
    const gap = 10;
    const right = box.right - view.left + gap;
    const fits = right + this.offsetWidth <= view.width;
    const left = fits ? right : Math.max(4, box.left - view.left - gap - this.offsetWidth);
    this.style.left = `${Math.min(left, Math.max(4, view.width - this.offsetWidth - 4))}px`;
    this.style.top = `${Math.max(4, Math.min(box.top - view.top, view.height - this.offsetHeight - 4))}px`;
  }
});
