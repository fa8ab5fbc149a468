/* <unit-film>: around a link with a picture that was made from noise, whose film of how it came about plays in its place while it is
 * pointed at or has the focus. Where motion is not wanted it is held still; a button plays it for whoever asks. */
customElements.define('unit-film', class extends HTMLElement {
  connectedCallback() {
    if (this.button) return;
    this.shown = this.querySelector('[data-still]');
    this.still = this.shown.src;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    const {el} = convatlas;
    this.button = el('button', {type: 'button', class: 'ca-home__play', onclick: () => this.play(!this.asked, true)});
    this.append(this.button);
    this.play(false, true);
    const link = this.querySelector('a');
    for (const on of ['pointerenter', 'focus']) link.addEventListener(on, (event) => { if (!this.calm.matches && event.pointerType !== 'touch') this.play(true); });
    for (const off of ['pointerleave', 'blur']) link.addEventListener(off, () => this.play(this.asked));
  }

  /** Show the film, or the picture; `asked`: by the button, so that it goes on when nothing points at it any more. */
  play(on, asked = false) {
    const {film, play, stop} = this.dataset;
    if (asked) {
      this.asked = on;
      this.button.textContent = on ? '\u25a0' : '\u25b6';
      this.button.title = on ? stop : play;
      this.button.setAttribute('aria-label', this.button.title);
      this.button.setAttribute('aria-pressed', String(on));
    }
    const wanted = on ? convatlas.url(film) : this.still;
    if (this.shown.src !== wanted) this.shown.src = wanted;
  }
});
