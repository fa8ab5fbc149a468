/* <graph-card>: all that is known of a box. It follows the pointer and the focus; picked, it stays and its links can be pressed. */
customElements.define('graph-card', class extends HTMLElement {
  hide() { this.hidden = true; }

  /** Of an op of the view, beside its box on the screen. */
  show(op, pages, place, kept, hows = {}) {
    const {el, say, breaks} = convatlas;
    const {clean} = convatlas.drawing;
    const {title, called, about} = convatlas.graphWords;
    const name = clean(op.id === '@input' ? 'input' : op.id === '@output' ? 'output' : convatlas.graphWords.named(op, ''));
    // Of what is fused, each part says what the one before has not said.
    const facts = (of, before) => about(of).filter(([key, value]) => !(before && ['output', 'receptive field'].includes(key) && about(before).some(([k, v]) => k === key && v === value))).map(([key, value]) => el('div', {}, el('dt', {}, clean(key === 'output' ? say('gr_out') : key)), el('dd', {}, clean(value))));
    const head = el('p', {class: 'gr-card__head'}, el('i', {class: `gr-dot ca-k-${op.kind}`}), el('b', {}, breaks(name)), kept ? el('button', {type: 'button', 'data-act': 'hide', 'aria-label': say('gr_shut')}, '×') : null);
    const link = (of, words) => (pages[of.id] ? el('a', {href: convatlas.url(pages[of.id])}, words) : null);
    const how = (of) => (hows[of.id] ? [' ', el('a', {href: convatlas.url(hows[of.id])}, say('gr_how'))] : '');
    const body = op.kind === 'block'
      ? [el('p', {}, `${clean(called(op))} · ${say('gr_holds', {n: convatlas.simplify.count(op)})}`), el('dl', {}, facts(op)), el('p', {class: 'gr-card__ways'}, kept ? el('button', {type: 'button', 'data-act': 'turn'}, say('gr_open', {name: op.last ? name : name.split('.').pop()})) : null, link(op, say('gr_page')))]
      : op.parts.length
        ? op.parts.map((part, k) => el('section', {}, el('p', {}, el('i', {class: `gr-dot ca-k-${part.kind}`}), clean(title(part)), ' ', link(part, say('gr_page')), how(part)), el('dl', {}, facts(part, k ? op.parts[k - 1] : null))))
        : [el('p', {}, clean(title(op)), ' ', link(op, say('gr_page')), how(op)), el('dl', {}, facts(op))];
    const many = op.times > 1 ? el('p', {class: 'gr-card__ways'}, say('gr_all', {n: op.times}), kept ? el('button', {type: 'button', 'data-act': 'fold'}, say('gr_each', {n: op.times, name})) : null) : null;
    this.replaceChildren(head, ...(many ? [many] : []), ...body);
    this.classList.toggle('gr-kept', kept);
    this.hidden = false;
    this.place(place);
  }

  /** Beside the box where there is room, else below or above it. */
  place({box, view}) {
    const gap = 10;
    const [wide, high] = [this.offsetWidth, this.offsetHeight];
    const at = {left: box.left - view.left, right: box.right - view.left, top: box.top - view.top, bottom: box.bottom - view.top};
    const within = (value, most) => Math.max(4, Math.min(value, most - 4));
    let left = at.right + gap;
    let top = within(at.top, view.height - high);
    if (left + wide > view.width) left = at.left - gap - wide;
    if (left < 4) {
      left = within((at.left + at.right - wide) / 2, view.width - wide);
      top = at.bottom + gap + high <= view.height || at.top - gap < high ? within(at.bottom + gap, view.height - 40) : at.top - gap - high;
    }
    this.style.left = `${left}px`;
    this.style.top = `${top}px`;
  }
});
