/* How the picture of what a unit looks for came about: the objective step by step, the course as an animation that plays
 * when asked to, and other pictures of the same unit. */
(() => {
  /** The objective over the steps, with its ends as numbers. */
  function curve(values) {
    const {el, number, say} = convatlas;
    const known = values.filter((v) => v !== null);
    if (known.length < 2) return '';
    const lo = Math.min(...known), hi = Math.max(...known);
    const points = values.flatMap((v, k) => (v === null ? [] : [`${(k / (values.length - 1) * 100).toFixed(2)},${(30 - (hi > lo ? (v - lo) / (hi - lo) : 0.5) * 28 - 1).toFixed(2)}`]));
    const NS = 'http://www.w3.org/2000/svg';
    const drawn = document.createElementNS(NS, 'svg');
    for (const [key, value] of Object.entries({viewBox: '0 0 100 30', preserveAspectRatio: 'none', class: 'ca-course__curve', role: 'img', 'aria-label': say('curveOf', {lo: number(known[0]), hi: number(known[known.length - 1]), n: values.length})})) drawn.setAttribute(key, value);
    const line = document.createElementNS(NS, 'polyline');
    line.setAttribute('points', points.join(' '));
    line.setAttribute('vector-effect', 'non-scaling-stroke');
    drawn.append(line);
    return el('span', {class: 'ca-course'}, drawn, el('span', {class: 'ca-bins__ends'}, el('span', {}, number(known[0])), el('span', {}, say('steps', {n: values.length})), el('span', {}, number(known[known.length - 1]))));
  }

  /** A button that plays the course once, in place of the picture beside it. */
  function film(path) {
    const {el, say, url} = convatlas;
    const shown = el('img', {class: 'ca-course__film', alt: say('filmOf'), hidden: true});
    const button = el('button', {type: 'button', class: 'ca-course__play', onclick() {
      const on = shown.hidden;
      shown.hidden = !on;
      if (on) shown.src = url(path);
      else shown.removeAttribute('src');
      button.textContent = say(on ? 'filmStop' : 'filmPlay');
      button.setAttribute('aria-pressed', String(on));
    }, 'aria-pressed': 'false'}, say('filmPlay'));
    return el('span', {class: 'ca-course__box'}, button, shown);
  }

  convatlas.course = {
    /** Figures of one unit, as `unit-panel` takes them; none where it was not searched for. `score` is what its picture reached;
     * `plain` says that it has neither a film nor several pictures. */
    figures(entry, side, score, plain) {
      const {el, say, tiles, url, number} = convatlas;
      if (!entry) return [];
      const made = [];
      if (entry.variants && entry.variants.n > 1) {
        const all = Array.from({length: entry.variants.n}, (_, k) => tiles.single(entry.variants, k, side));
        made.push({title: say('variants', {n: entry.variants.n}), body: el('div', {class: 'ca-patches'}, all), note: say('variantsHow')});
      }
      if (entry.opacity) made.push({title: say('opacity'), body: el('img', {class: 'ca-course__film', src: url(entry.opacity), alt: say('opacity')}), note: say('opacityHow')});
      const drawn = curve(entry.curve || []);
      if (drawn || entry.course) made.push({title: say('courseOf'), body: el('div', {}, drawn, entry.course ? film(entry.course) : ''), note: [drawn && score !== null ? say('curveHow', {v: number(score)}) : '', plain ? say('courseMore') : ''].filter(Boolean).join(' ')});
      return made;
    },
  };
})();
