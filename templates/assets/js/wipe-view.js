/* <wipe-view>: a large dialog with two maps of one photograph, one over the other, and a line to wipe between them. */
customElements.define('wipe-view', class extends HTMLElement {
  /** photo: address; entries: [{key, label, heat or src}]; left, right: keys; paint: {colour, smooth}; common(entry) gives the shared scale or null. */
  open({photo, entries, left, right, paint, alt}) {
    const {el, say} = convatlas;
    this.entries = new Map(entries.map((entry) => [entry.key, entry]));
    this.options = {photo, paint, alt};
    const pick = (side, chosen) => el('label', {class: 'ca-select'}, el('span', {}, say(side)), el('select', {onchange: (event) => { this[side] = event.target.value; this.draw(); }},
      entries.map((entry) => el('option', {value: entry.key, selected: entry.key === chosen}, entry.label))));
    Object.assign(this, {left, right});
    this.stage = el('div', {class: 'ca-wipe__stage'});
    this.slider = el('input', {type: 'range', min: 0, max: 100, value: 50, 'aria-label': say('wipe'), oninput: () => this.cut()});
    this.bars = el('div', {class: 'ca-wipe__bars'});
    this.dialog = el('dialog', {class: 'ca ca-wipe', 'aria-label': say('large')},
      el('div', {class: 'ca-wipe__head'}, pick('left', left), pick('right', right), el('button', {type: 'button', class: 'ca-close', 'aria-label': say('close'), onclick: () => this.dialog.close()}, '×')),
      this.stage, this.slider, this.bars);
    this.dialog.addEventListener('close', () => this.replaceChildren());
    this.dialog.addEventListener('click', (event) => { if (event.target === this.dialog) this.dialog.close(); });
    const drag = (event) => {
      const box = this.stage.getBoundingClientRect();
      this.slider.value = String(Math.round(100 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))));
      this.cut();
    };
    this.stage.addEventListener('pointerdown', (event) => { this.stage.setPointerCapture(event.pointerId); drag(event); });
    this.stage.addEventListener('pointermove', (event) => { if (this.stage.hasPointerCapture(event.pointerId)) drag(event); });
    this.replaceChildren(this.dialog);
    this.draw();
    this.dialog.showModal();
    this.slider.focus();
  }

  side(key) {
    const {el} = convatlas;
    const entry = this.entries.get(key);
    if (entry.src) return el('span', {class: 'ca-overlay'}, el('img', {class: 'ca-overlay__photo', src: convatlas.url(entry.src), alt: entry.label, draggable: 'false'}));
    if (!entry.heat) return el('span', {class: 'ca-overlay'}, el('img', {class: 'ca-overlay__photo', src: this.options.photo, alt: this.options.alt, draggable: 'false'}));
    const made = document.createElement('heat-overlay');
    Object.assign(made, {photo: this.options.photo, alt: entry.label, heat: entry.heat});
    made.paint({...this.options.paint, to: entry.to || null});
    return made;
  }

  draw() {
    const {el} = convatlas;
    const sides = [this.side(this.left), this.side(this.right)];
    this.bars.replaceChildren(...sides.map((side, k) => el('div', {}, el('b', {}, this.entries.get(k ? this.right : this.left).label), side.querySelector('.ca-bar') || '')));
    this.over = el('div', {class: 'ca-wipe__over'}, sides[1]);
    this.line = el('span', {class: 'ca-wipe__line', 'aria-hidden': 'true'});
    this.stage.replaceChildren(sides[0], this.over, this.line);
    this.cut();
  }

  cut() {
    const at = Number(this.slider.value);
    this.over.style.clipPath = `inset(0 0 0 ${at}%)`;
    this.line.style.left = `${at}%`;
  }
});
