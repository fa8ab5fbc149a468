/* <colour-menu data-chosen="viridis">: pick a colour map by its swatch. Fires `change`; `value` is the map's name. */
customElements.define('colour-menu', class extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    this.value = convatlas.kept.get(`colour.${this.dataset.chosen}`, this.dataset.chosen);
    if (!convatlas.colours.names.includes(this.value)) this.value = this.dataset.chosen;
    const {el} = convatlas;
    this.swatch = el('span', {class: 'ca-swatch'});
    this.text = el('span', {});
    const summary = el('summary', {'aria-label': this.dataset.label}, this.swatch, this.text);
    const group = 'colour';
    this.list = el('div', {class: 'ca-menu__list', role: 'radiogroup', 'aria-label': this.dataset.label}, [...convatlas.colours.names, 'diverging'].map((name) => {
      const swatch = el('span', {class: 'ca-swatch', style: `background:${convatlas.colours.ramp(name, name === 'diverging')}`});
      return el('label', {}, el('input', {type: 'radio', name: group, value: name, checked: name === this.value}), swatch, el('span', {}, name));
    }));
    this.details = el('details', {}, summary, this.list);
    this.append(this.details);
    this.list.addEventListener('change', (event) => {
      event.stopPropagation();
      this.choose(event.target.value);
      convatlas.kept.set(`colour.${this.dataset.chosen}`, this.value);
      this.dispatchEvent(new Event('change', {bubbles: true}));
    });
    this.list.addEventListener('click', (event) => { if (event.detail && event.target.matches('input')) this.details.open = false; });
    this.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !this.details.open) return;
      event.stopPropagation();
      this.details.open = false;
      summary.focus();
    });
    document.addEventListener('pointerdown', (event) => { if (!this.contains(event.target)) this.details.open = false; });
    this.choose(this.value);
  }

  choose(name) {
    if (name === 'diverging') {
      // Asked for while it shows signed data: anything but gray is diverging there, and what it was elsewhere.
      if (this.value === 'gray') this.value = this.dataset.chosen;
    } else if (convatlas.colours.names.includes(name)) this.value = name;
    this.show(this.signed);
  }

  /** Another family of maps for a while, with a choice of its own: `family` is where that is kept. */
  lend(family, name) {
    this.dataset.chosen = family;
    this.choose(name);
  }

  /** Offer what suits the data: diverging or gray for signed, the rest otherwise. */
  show(signed = false) {
    this.signed = signed;
    const shown = convatlas.colours.name(this.value, signed);
    this.text.textContent = shown;
    this.swatch.style.background = convatlas.colours.ramp(this.value, signed);
    for (const input of this.list.querySelectorAll('input')) {
      input.checked = input.value === shown;
      input.parentNode.hidden = signed ? !['diverging', 'gray'].includes(input.value) : input.value === 'diverging';
    }
  }
});
