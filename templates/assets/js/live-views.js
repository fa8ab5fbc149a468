/* What the live page shows of an answer: predictions, maps over the picture, the wall of a layer's units. Built from nodes and
 * text, never from HTML: labels and file names may hold anything. */
(() => {
  const {el, say, number} = convatlas;

  /** Floats as a heat for <heat-overlay>: bytes, and the scale they stand on. */
  const heat = (data, w, h, signed) => {
    const [lo, hi] = liveMaths.ends(data);
    const most = signed ? Math.max(-lo, hi) : hi, least = signed ? -most : lo;
    const bytes = liveMaths.gray(data, least, most, signed);
    let text = '';
    for (let k = 0; k < bytes.length; k += 4096) text += String.fromCharCode(...bytes.subarray(k, k + 4096));
    return {gray: btoa(text), w, h, lo: least, hi: most, rlo: lo, rhi: hi, signed, empty: signed ? most === 0 : hi <= 0 && lo === hi};
  };

  /** A map over the picture. */
  const overlay = (photo, map, alt, colour, smooth = true) => {
    const made = document.createElement('heat-overlay');
    Object.assign(made, {photo, heat: map, alt});
    made.paint({colour, smooth, to: null});
    return made;
  };

  /** A probability as the report writes it (generator/pages/numbers.py). */
  const share = (p) => (p >= 0.0005 ? `${(100 * p).toFixed(1)}\u202f%` : '<\u202f0.1\u202f%');

  const label = (model, index) => model.labels[index] ?? say('liveClass', {n: index});

  /** The classes ranked first as a choice, each with its share; `chosen(index)` hears of it. */
  const predictions = (model, scores, chosen, current, many = 5) => {
    const shares = liveMaths.probabilities(scores, model.readout);
    const ranked = Array.from(scores, (_, k) => k).sort((a, b) => scores[b] - scores[a] || a - b);
    const shown = ranked.slice(0, many);
    if (!shown.includes(current)) shown.push(current);
    return el('fieldset', {class: 'lv-classes'}, el('legend', {class: 'ca-hidden'}, say('livePick')), shown.map((index) => el('label', {class: 'lv-class'},
      el('input', {type: 'radio', name: 'class', value: index, checked: index === current, onchange: () => chosen(index)}),
      el('span', {class: 'lv-class__name'}, label(model, index), index === ranked[0] ? '' : el('span', {class: 'ca-hidden'}, ` ${say('liveRank', {n: ranked.indexOf(index) + 1})}`)),
      el('span', {class: 'lv-class__value'}, shares ? share(shares[index]) : number(scores[index])),
      shares ? el('span', {class: 'ca-bars__track', 'aria-hidden': 'true'}, el('span', {style: `width:${(100 * shares[index]).toFixed(2)}%`})) : null)));
  };

  /** The pixels that the model saw, as a canvas and as a picture with an address. */
  const seen = (rgba, w, h, alt) => {
    const canvas = el('canvas', {width: w, height: h, role: 'img', 'aria-label': alt, class: 'lv-seen'});
    canvas.getContext('2d').putImageData(new ImageData(rgba, w, h), 0, 0);
    return canvas;
  };

  const na = (reason, ...more) => el('p', {class: 'ca-na'}, el('span', {class: 'ca-na__mark', 'aria-hidden': 'true'}, '∅'), el('span', {}, el('b', {}, say('notDrawn')), ` ${reason}`, ...more));

  convatlas.liveViews = {heat, overlay, label, predictions, seen, na};
})();

/* <live-task>: something that takes many runs: a button, what it will cost, a bar while it runs, a way to stop. `start(progress)`
 * gives a promise with an `id`; `stop(promise)` ends it; `drawn(answer)` is given the answer. */
customElements.define('live-task', class extends HTMLElement {
  set({start, stop, drawn, text, controls = [], changed = null}) {
    const {el, say} = convatlas;
    Object.assign(this, {start, stop, drawn, changed});
    this.button = el('button', {type: 'button', class: 'lv-button', onclick: () => (this.running ? this.halt() : this.go())}, text);
    this.text = text;
    this.bar = el('progress', {class: 'lv-progress', max: 1, value: 0, hidden: true, 'aria-label': text});
    this.said = el('span', {class: 'ca-dim', role: 'status'});
    this.replaceChildren(el('div', {class: 'lv-task'}, ...controls, this.button), this.bar, this.said);
    this.idle = () => { this.said.textContent = this.changed ? this.changed() : ''; };
    for (const one of controls) one.addEventListener('change', () => { if (!this.running) this.idle(); });
    this.idle();
    this.wordStop = say('liveStop');
  }

  async go() {
    const {say, number} = convatlas;
    const began = performance.now();
    this.button.textContent = this.wordStop;
    this.bar.hidden = false;
    this.bar.removeAttribute('value');
    const progress = ({done, all, loading}) => {
      if (loading) return void (this.said.textContent = say('liveLoadingScores'));
      this.bar.value = done / all;
      const left = (performance.now() - began) / done * (all - done) / 1000;
      this.said.textContent = say('liveDone', {done, all, left: number(Math.max(0.1, left))});
    };
    this.running = this.start(progress);
    const mine = this.running;
    try {
      const answer = await mine;
      if (this.running === mine) { this.drawn(answer); this.said.textContent = say('liveTook', {n: answer.runs, s: number((performance.now() - began) / 1000)}); }
    } catch (error) {
      if (this.running === mine) this.said.textContent = error.message === 'stopped' ? say('liveStopped') : say('liveWrong', {why: error.message});
    } finally {
      if (this.running === mine) this.rest();
    }
  }

  rest() {
    this.running = null;
    this.button.textContent = this.text;
    this.bar.hidden = true;
  }

  halt() { this.stop(this.running); }

  disconnectedCallback() { if (this.running) { this.stop(this.running); this.running = null; } }
});
