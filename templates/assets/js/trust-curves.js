/* <trust-curves>: one stage of the randomisation under the slider, or under the pointer over any curve, marked in all of them. */
customElements.define('trust-curves', class extends HTMLElement {
  connectedCallback() {
    const box = this.querySelector('.tr-stage');
    this.slider = box.querySelector('input');
    this.output = box.querySelector('[data-stage]');
    this.stages = JSON.parse(this.slider.dataset.stages);
    if (this.stages.length < 2) return;
    box.hidden = false;
    this.curves = [...this.querySelectorAll('.tr-curve')].map((svg) => ({
      svg,
      cursor: svg.querySelector('.tr-cursor'),
      at: svg.closest('figure').querySelector('[data-at]'),
      values: JSON.parse(svg.dataset.values),
    }));
    this.slider.addEventListener('input', () => this.show(Number(this.slider.value)));
    for (const {svg} of this.curves) {
      const follow = (event) => {
        const box = svg.getBoundingClientRect();
        const [left, , width] = svg.getAttribute('viewBox').split(' ').map(Number);
        const x = left + (event.clientX - box.left) / box.width * width;
        this.show(Math.min(this.stages.length - 1, Math.max(0, Math.round(x / 200 * (this.stages.length - 1)))));
      };
      svg.addEventListener('pointermove', follow);
      svg.addEventListener('pointerdown', follow);
    }
    this.show(this.stages.length - 1);
  }

  show(k) {
    if (k === this.k) return;
    this.k = k;
    const last = this.stages.length - 1;
    const stage = convatlas.say('trustStage', {stage: this.stages[k], k, n: last});
    this.slider.value = k;
    this.slider.setAttribute('aria-valuetext', stage);
    this.output.textContent = stage;
    const x = 200 * k / last;
    for (const {cursor, at, values} of this.curves) {
      cursor.setAttribute('x1', x);
      cursor.setAttribute('x2', x);
      cursor.toggleAttribute('hidden', false);
      at.textContent = values[k];
    }
  }
});
