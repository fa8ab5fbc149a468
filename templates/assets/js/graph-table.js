/* <graph-table>: what the graph shows, row by row: an open block above what it holds. Sorted by a column, the boxes alone. */
customElements.define('graph-table', class extends HTMLElement {
  connectedCallback() {
    this.body = this.querySelector('tbody');
    this.by = null;
    for (const head of this.querySelectorAll('thead th')) {
      head.append(convatlas.el('button', {type: 'button', onclick: () => this.sort(head)}, ...head.childNodes));
    }
    this.body.addEventListener('click', (event) => this.click(event));
    this.body.addEventListener('pointerover', (event) => this.tell('graph-point', {id: this.idAt(event.target), by: 'row'}));
    this.body.addEventListener('pointerleave', () => this.tell('graph-point', {id: null}));
  }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, {bubbles: true, detail})); }

  idAt(target) {
    const row = target.closest('tr');
    return row && row.dataset.box !== undefined ? row.dataset.id : null;
  }

  click(event) {
    const button = event.target.closest('button');
    if (button && button.dataset.fold !== undefined) return this.tell('graph-fold', {head: button.dataset.fold});
    if (button) return this.tell('graph-turn', {id: button.dataset.turn, by: 'row'});
    if (!event.target.closest('a')) this.tell('graph-pick', {id: this.idAt(event.target), by: 'row'});
    return undefined;
  }

  sort(head) {
    const text = ['name', 'what', 'in', 'out'].includes(head.dataset.key);
    const ways = text ? ['ascending', 'descending', null] : ['descending', 'ascending', null];
    const next = ways[(ways.indexOf(head.getAttribute('aria-sort')) + 1) % 3];
    for (const other of this.querySelectorAll('th[aria-sort]')) other.removeAttribute('aria-sort');
    if (next) head.setAttribute('aria-sort', next);
    this.by = next ? {key: head.dataset.key, up: next === 'ascending', text} : null;
    this.draw();
  }

  show(scene, pages) {
    this.scene = scene;
    this.pages = pages;
    this.draw();
  }

  /** What a row says: of a box, or of a block that is open. */
  facts() {
    const {it} = this.scene;
    const {shapeWords, title} = convatlas.graphWords;
    const {isRun} = convatlas.simplify;
    const {into} = convatlas.simplify.joints(it);
    const place = new Map(it.ops.map((op, k) => [op.id, k]));
    const size = (shape) => shape.reduce((all, side) => all * side, shape.length ? 1 : 0);
    const given = (edges) => [...new Map(edges.map((edge) => [edge.source, edge.shape])).values()];
    const row = (one, shapes, more) => ({id: one.id, op: one, in: shapes.length ? `${shapeWords(shapes[0])}${shapes.length > 1 ? ` +${shapes.length - 1}` : ''}` : '', out: one.shape.length ? shapeWords(one.shape) : '',
      sizeIn: shapes.length ? size(shapes[0]) : 0, sizeOut: size(one.shape), parameters: one.parameters, macs: one.macs, uncounted: one.uncounted, field: one.receptive_field ? one.receptive_field[0] * one.receptive_field[1] : Infinity, ...more});
    const inner = (blocks) => {
      const named = blocks.filter((block) => !isRun(block));
      return {level: blocks.length, around: named.length ? named[named.length - 1].path || named[named.length - 1].id : ''};
    };
    const boxes = it.ops.map((op, k) => row(op, given(into.get(op.id)), {box: true, ...inner(it.blocks.filter((block) => block.start <= k && k < block.stop)), memory: op.memory,
      what: op.kind === 'block' ? convatlas.graphWords.called(op) : op.parts.length ? op.parts.map(title).join(' · ') : title(op)}));
    const blocks = it.blocks.map((block) => {
      const inside = it.ops.slice(block.start, block.stop);
      const entering = inside.flatMap((op) => into.get(op.id)).filter((edge) => place.get(edge.source) < block.start);
      const sum = (key) => inside.reduce((all, op) => all + op[key], 0);
      const last = inside[inside.length - 1];
      const around = it.blocks.slice(0, it.blocks.indexOf(block)).filter((other) => other.start <= block.start && block.stop <= other.stop);
      const run = isRun(block) ? {shape: last.shape, receptive_field: last.receptive_field} : {};
      return row({...block, ...run, kind: 'block', parts: []}, given(entering), {box: false, ...inner(around), memory: sum('memory'), what: block.op, start: block.start,
        parameters: block.parameters || sum('parameters'), macs: block.macs || sum('macs'), uncounted: inside.some((op) => op.uncounted)});
    });
    return {boxes, blocks};
  }

  draw() {
    const {boxes, blocks} = this.facts();
    const rows = [];
    if (this.by) {
      const {key, up, text} = this.by;
      const value = {name: (r) => r.id, what: (r) => r.what, in: (r) => r.sizeIn, out: (r) => r.sizeOut}[key] || ((r) => r[key]);
      const words = new Intl.Collator('en', {numeric: true}).compare;
      const order = text && !['in', 'out'].includes(key) ? (a, b) => words(value(a), value(b)) : (a, b) => (value(a) === value(b) ? 0 : value(a) - value(b));
      rows.push(...boxes.filter((r) => !['input', 'output'].includes(r.op.kind)).sort((a, b) => (up ? 1 : -1) * order(a, b)));
    } else {
      boxes.forEach((box, k) => rows.push(...blocks.filter((block) => block.start === k), box));
    }
    const held = this.contains(document.activeElement) ? document.activeElement.dataset.turn ?? document.activeElement.dataset.fold : undefined;
    this.body.replaceChildren(...rows.map((row) => this.row(row)));
    const again = held !== undefined && [...this.body.querySelectorAll('[data-turn], [data-fold]')].find((one) => (one.dataset.turn ?? one.dataset.fold) === held);
    if (again) again.focus({preventScroll: true});
    this.mark(this.marked || {});
  }

  row({id, op, box, level, around, what, ...says}) {
    const {el, breaks} = convatlas;
    const {short, grouped, named} = convatlas.graphWords;
    const {isRun, headOf} = convatlas.simplify;
    const {clean} = convatlas.drawing;
    const said = (inside) => clean(id === '@input' ? 'input' : id === '@output' ? 'output' : named(op, inside));
    const name = said('');
    const run = op.start !== undefined && isRun(op);
    const block = op.kind === 'block' && !run;
    const shown = said(this.by ? '' : around);
    const folds = op.times > 1 || run ? el('button', {type: 'button', class: 'gr-times', 'data-fold': op.start === undefined ? id : headOf(op), 'aria-label': convatlas.say(op.times > 1 ? 'gr_each' : 'gr_fold', {n: op.times, name})}, op.times > 1 ? `×${op.times}` : convatlas.say('gr_fold_short')) : null;
    const words = convatlas.say(box ? 'gr_open' : 'gr_close', {name});
    const number = (value) => el('td', {class: 'ca-r', title: value ? grouped(value) : null}, value ? short(value) : '–');
    const macs = !says.uncounted ? number(says.macs) : el('td', {class: 'ca-r', title: says.macs ? convatlas.say('gr_at_least', {n: grouped(says.macs)}) : null}, says.macs ? `≥ ${short(says.macs)}` : convatlas.say('gr_uncounted'));
    return el('tr', {title: name, 'data-id': id, 'data-box': box, class: `${box ? '' : 'gr-opened '}gr-row-${op.kind}`},
      el('th', {scope: 'row', style: `--level:${this.by ? 0 : level}`}, block ? el('button', {type: 'button', class: 'gr-turn', 'data-turn': id, 'aria-expanded': String(!box), 'aria-label': words, title: words}, box ? '+' : '−') : run ? null : el('i', {class: `gr-dot ca-k-${op.kind}`}),
        this.pages[id] ? el('a', {href: convatlas.url(this.pages[id])}, breaks(shown)) : el('span', {}, breaks(shown)), folds),
      el('td', {}, clean(what).split(' ').flatMap((word, k) => [k ? ' ' : '', ...(word.length > 14 ? breaks(word) : [word])])), el('td', {class: 'ca-r'}, says.in), el('td', {class: 'ca-r'}, says.out),
      number(says.parameters), macs, el('td', {class: 'ca-r'}, op.kind === 'input' || !says.memory ? '–' : bytes(says.memory)),
      el('td', {class: 'ca-r'}, ['input', 'output'].includes(op.kind) ? '–' : op.receptive_field ? op.receptive_field[0] === op.receptive_field[1] ? grouped(op.receptive_field[0]) : op.receptive_field.map(grouped).join(' × ') : convatlas.say('gr_whole')));

    function bytes(value) {
      for (const [step, unit] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']]) if (value >= step) return `${Number((value / step).toPrecision(3))} ${unit}`;
      return `${value} B`;
    }
  }

  mark(marked) {
    this.marked = marked;
    for (const row of this.body.rows) {
      const {id} = row.dataset;
      const box = row.dataset.box !== undefined;
      row.classList.toggle('gr-picked', box && id === marked.picked);
      row.classList.toggle('gr-pointed', box && id === marked.pointed);
      row.classList.toggle('gr-found', box && Boolean(marked.found) && marked.found.has(id));
    }
  }

  /** Bring a box's row into sight, inside the table alone. */
  reveal(id) {
    const row = [...this.body.rows].find((one) => one.dataset.id === id && one.dataset.box !== undefined);
    if (!row || this.scrollHeight <= this.clientHeight) return;
    const head = this.querySelector('thead').offsetHeight;
    const foot = this.querySelector('tfoot').offsetHeight;
    const top = row.getBoundingClientRect().top - this.getBoundingClientRect().top;
    if (top < head || top + row.offsetHeight > this.clientHeight - foot) this.scrollTop += top - (this.clientHeight - row.offsetHeight) / 2;
  }
});
