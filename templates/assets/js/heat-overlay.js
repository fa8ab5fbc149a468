/* <heat-overlay data-photo data-heat='{…}'>: a map laid over its photograph, with its colour bar.
 *
 * `heat`, `photo` and `paint({colour, smooth, to})` change it; its opacity is the CSS variable --ca-overlay of whatever is around.
 * Without scripts the plain photograph stands there. */
customElements.define('heat-overlay', class extends HTMLElement {
  connectedCallback() {
    if (this.heat || !this.dataset.heat) return;
    this.photo = this.dataset.photo ? new URL(this.dataset.photo, document.baseURI).href : '';
    this.heat = JSON.parse(this.dataset.heat);
    this.alt = (this.querySelector('img') || {}).alt || '';
    this.paint({colour: this.dataset.colour || convatlas.kept.get('colour.inferno', 'inferno'), smooth: true, to: null});
  }

  /** colour: map's name; smooth: upsampled or as computed; to: shared [lo, hi] or null for its own scale. */
  paint({colour, smooth, to}) {
    const {el, say, tiles} = convatlas;
    const {heat} = this;
    const ends = heat.empty ? null : to || [heat.lo, heat.hi];
    const stage = el('span', {class: 'ca-overlay'});
    if (this.photo) stage.append(el('img', {class: 'ca-overlay__photo', src: this.photo, alt: this.alt || '', draggable: 'false'}));
    if (heat.empty) stage.append(el('span', {class: 'ca-overlay__empty'}, say('empty')));
    else {
      const map = el('span', {class: `ca-overlay__map${smooth ? '' : ' ca-crisp'}${this.photo ? '' : ' ca-overlay__map--alone'}`}, this.drawn(smooth));
      map.style.filter = convatlas.colours.filter(colour, heat.signed);
      const veil = tiles.veil(heat.lo, heat.hi, heat.signed, to);
      if (veil !== 'transparent') map.append(el('i', {style: `background:${veil}`}));
      stage.append(map);
    }
    this.replaceChildren(stage, ends ? tiles.bar(ends[0], ends[1], colour, heat.signed) : el('span', {class: 'ca-bar ca-bar--none'}, ''));
  }

  /** The map in gray, which a filter colours: a picture, or the bytes themselves, where smooth enlarged as torch does. */
  drawn(smooth) {
    const {el, maps, url} = convatlas;
    const {heat} = this;
    const alt = this.photo ? '' : this.alt || '';
    if (heat.src) return el('img', {src: url(heat.src), alt, draggable: 'false'});
    const canvas = el('canvas', alt ? {role: 'img', 'aria-label': alt} : {'aria-hidden': 'true'});
    const times = smooth ? Math.ceil(224 / Math.max(heat.w, heat.h)) : 1;
    const [w, h] = [heat.w * times, heat.h * times];
    return maps.gray(canvas, maps.resize(Uint8Array.from(atob(heat.gray), (c) => c.charCodeAt(0)), heat.w, heat.h, w, h), w, h);
  }
});
