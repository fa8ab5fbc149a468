/* <unit-panel>: beside the wall. With no unit open it says what the wall shows and how to read it (`about`);
 * with one it shows the unit large: its map with raw numbers, what it looks for, its kernel, the layer's Grad-CAM. */
customElements.define('unit-panel', class extends HTMLElement {
  began = -1;  // the unit among the strongest by whose button the panel was opened

  fire(kind, detail = {}) { this.dispatchEvent(new CustomEvent(kind, {bubbles: true, detail})); }

  /** {title, how, scale, bar, strongest: [{tile, unit, hi}], by: what they are strongest by, atlas, colour, missing: the unit asked for that is not there} */
  about({title, how, scale, bar, strongest, by, atlas, colour, photo, missing, hint = true}) {
    const {el, say, tiles, number} = convatlas;
    const back = this.contains(document.activeElement) ? this.began : -1;
    this.began = -1;
    this.classList.remove('ca-panel--open');
    this.removeAttribute('role');
    this.removeAttribute('aria-label');
    this.replaceChildren(
      missing ? el('p', {class: 'ca-panel__missing', role: 'alert'}, missing) : '',
      photo ? el('img', {class: 'ca-panel__photo', src: convatlas.url(photo), alt: '', width: 64, height: 64}) : '',
      el('h2', {}, convatlas.breaks(title)),
      el('p', {}, how),
      bar || '',
      scale ? el('p', {class: 'ca-dim'}, scale) : '',
      strongest && strongest.length ? el('h3', {}, by) : '',
      strongest && strongest.length ? el('ul', {class: 'ca-strongest'}, strongest.map(({tile, unit, value}) => el('li', {},
        el('button', {type: 'button', 'data-unit': unit, onclick: () => this.pick(tile, unit)}, tiles.single(atlas, tile, 56, colour), el('b', {}, unit), el('span', {}, number(value)))))) : '',
      hint ? el('p', {class: 'ca-dim ca-panel__hint'}, say('hint')) : '',
    );
    if (back >= 0) (this.querySelector(`[data-unit="${back}"]`) || this.querySelector('button'))?.focus();
  }

  /** Open one of the strongest units: its button is where Escape leads back to. */
  pick(tile, unit) {
    this.began = unit;
    this.fire('unit-open', {tile, unit});
  }

  /** {unit, of, figures: [{title, body, bar, note}], wide: [...], last: [...]}: figures two to a row, wide ones, two to a row; `before`
   * and `after`: whether there is a unit to step to; `aside`: a sentence on top, or ''. */
  open({unit, of, figures, wide, last, more, aside = '', before = true, after = true}) {
    const {el, say} = convatlas;
    const inside = this.contains(document.activeElement);
    const focused = inside ? document.activeElement.dataset.act : '';
    this.classList.add('ca-panel--open');
    this.setAttribute('role', 'region');
    this.setAttribute('aria-label', say('unit', {n: unit}));
    const act = (name, label, text, on, off) => el('button', {type: 'button', 'data-act': name, 'aria-label': label, title: label, disabled: off, onclick: on}, text);
    const figure = ({title, body, bar, note, kind}) => el('figure', {class: kind || ''}, title ? el('figcaption', {}, title) : '', body, bar || '', note ? el('p', {class: 'ca-dim'}, note) : '');
    this.replaceChildren(
      el('div', {class: 'ca-panel__head'}, el('h2', {tabindex: '-1'}, say('unit', {n: unit}), el('span', {class: 'ca-dim'}, ` ${'/'} ${of}`)),
        el('span', {class: 'ca-panel__acts'},
          act('before', say('before'), '‹', () => this.fire('unit-step', {by: -1}), !before),
          act('after', say('after'), '›', () => this.fire('unit-step', {by: 1}), !after),
          act('link', say('link'), '#', (event) => this.copy(event.currentTarget)),
          act('close', say('close'), '×', () => this.fire('unit-close')))),
      aside,
      el('div', {class: 'ca-panel__pair'}, figures.map(figure)),
      ...(wide || []).map(figure),
      el('div', {class: 'ca-panel__pair'}, (last || []).map(figure)),
      more || '',
      el('p', {class: 'ca-dim ca-panel__hint'}, say('hintOpen')),
    );
    // What had the focus is gone: its like has it, else the heading, so that Tab goes on from here.
    if (inside) ((focused && this.querySelector(`[data-act="${focused}"]:not(:disabled)`)) || this.querySelector('h2')).focus();
  }

  async copy(button) {
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      // Without a clipboard the address bar has the link already.
    }
    button.textContent = '✓';
    button.setAttribute('aria-label', convatlas.say('linked'));
  }
});
