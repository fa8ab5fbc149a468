/* <graph-card>: all that is known of a box. It follows the pointer and the focus; picked, it stays and its links can be pressed. */
customElements.define('graph-card', class extends HTMLElement {
  gap = 10; // to its box, in pixels

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
    const how = (of) => (hows[of.id] ? el('a', {href: convatlas.url(hows[of.id])}, say('gr_how')) : null);
    const line = (of, dot) => {
      const links = [link(of, say('gr_page')), how(of)].filter(Boolean);
      return el('p', {class: 'gr-card__op'}, el('span', {}, dot, clean(title(of))), links.length ? el('span', {}, links) : null);
    };
    const body = op.kind === 'block'
      ? [el('p', {}, `${clean(called(op))} · ${say('gr_holds', {n: convatlas.simplify.count(op)})}`), el('dl', {}, facts(op)), el('p', {class: 'gr-card__ways'}, kept ? el('button', {type: 'button', 'data-act': 'turn'}, say('gr_open', {name: op.last ? name : name.split('.').pop()})) : null, link(op, say('gr_page')))]
      : op.parts.length
        ? op.parts.map((part, k) => el('section', {}, line(part, el('i', {class: `gr-dot ca-k-${part.kind}`})), el('dl', {}, facts(part, k ? op.parts[k - 1] : null))))
        : [line(op, null), el('dl', {}, facts(op))];
    const many = op.times > 1 ? el('p', {class: 'gr-card__ways'}, say('gr_all', {n: op.times}), kept ? el('button', {type: 'button', 'data-act': 'fold'}, say('gr_each', {n: op.times, name})) : null) : null;
    this.replaceChildren(head, ...(many ? [many] : []), ...body);
    this.classList.toggle('gr-kept', kept);
    this.hidden = false;
    this.place(place);
  }

  /** Where it hides least: never its own box where that can be, what comes before it least of all, then what comes after, then others.
   * `boxes` are rectangles in the window, each with its `weight`; of equal places the first is taken, which is beside the box. Where it
   * hides its own box wherever it stands, it is as high as there is room above or below, and scrolls. */
  place(around) {
    const {box, view} = around;
    this.style.maxHeight = '';
    this.stand(around);
    const now = this.getBoundingClientRect();
    const hides = Math.min(box.right, now.right) > Math.max(box.left, now.left) && Math.min(box.bottom, now.bottom) > Math.max(box.top, now.top);
    if (!hides) return;
    this.style.maxHeight = `${Math.max(96, Math.max(box.top - view.top, view.bottom - box.bottom) - this.gap - 4)}px`;
    this.stand(around);
  }

  stand({box, view, boxes}) {
    const [wide, high] = [this.offsetWidth, this.offsetHeight];
    const within = (value, most) => Math.max(4, Math.min(value, most - 4));
    const [x, y] = [view.width - wide, view.height - high];
    const level = box.top - view.top;
    const middle = (box.left + box.right - wide) / 2 - view.left;
    const places = [[box.right - view.left + this.gap, level], [box.left - view.left - this.gap - wide, level], [x, level], [0, level], [middle, box.bottom - view.top + this.gap],
      [x, y], [0, y], [x, 0], [0, 0], [middle, box.top - view.top - this.gap - high]].map(([left, top]) => [within(left, x), within(top, y)]);
    const hidden = ([left, top]) => boxes.reduce((all, one) => {
      const across = Math.min(left + wide, one.right - view.left) - Math.max(left, one.left - view.left);
      const along = Math.min(top + high, one.bottom - view.top) - Math.max(top, one.top - view.top);
      return all + (across > 0 && along > 0 ? across * along * one.weight : 0);
    }, 0);
    const costs = places.map(hidden);
    const [left, top] = places[costs.indexOf(Math.min(...costs))];
    this.style.left = `${left}px`;
    this.style.top = `${top}px`;
  }
});
