/* What the figures of the articles are made of: words, sliders, choices, tables of numbers, a player. */
(() => {
  const {el, number} = convatlas;
  const {core, formulas} = convatlas.learn;
  const all = convatlas.get('learn', 'all');
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const narrow = matchMedia('(max-width: 700px)');
  let names = 0;

  /** A word of the figures, with {parts} filled in; a sign stays with its number. */
  const say = (key, parts = {}) => (all.words[key] || key).replace(/\{(\w+)\}/g, (whole, part) => (part in parts ? parts[part] : whole)).replace(/ %/g, '\u00a0%').replace(/ > /g, '\u00a0>\u00a0');

  /** A range with its name and its value. `told` writes the value. */
  function slider({label, mark, min, max, step = 1, value, told = String, on}) {
    const input = el('input', {type: 'range', min, max, step});
    const output = el('output', {});
    const show = () => {
      output.textContent = told(Number(input.value));
      input.setAttribute('aria-valuetext', output.textContent);
    };
    input.value = value;
    input.addEventListener('input', () => { show(); on(Number(input.value)); });
    show();
    const root = el('label', {class: 'ln-slider'}, el('span', {class: mark ? `ln-mark ln-mark--${mark}` : null}, label), input, output);
    return {root, input, get value() { return Number(input.value); }, set(v, most) { if (most) input.max = most; input.value = v; show(); }};
  }

  /** A choice of few: radio buttons that look like one control. options: [[value, text], …] */
  function segments({label, options, value, on}) {
    const name = `ln-choice-${names += 1}`;
    const inputs = options.map(([v]) => el('input', {type: 'radio', name, value: v, checked: v === value, onchange: () => on(v)}));
    const root = el('fieldset', {class: 'ca-seg ln-seg'}, el('legend', {}, label), options.map(([, text], k) => el('label', {}, inputs[k], el('span', {}, text))));
    return {root, get value() { return inputs.find((input) => input.checked).value; }, set(v) { for (const input of inputs) input.checked = input.value === v; }};
  }

  /** A number for a cell: without its leading zero where there is little room. */
  const brief = (v) => (narrow.matches ? number(v).replace(/^(−?)0\./, '$1.') : number(v));
  /** A number in a field, in so few characters as a cell has room for; the field keeps all its digits. */
  const fit = (v) => {
    const room = 5;
    const plain = Math.abs(v) < 1e5 ? [6, 5, 4, 3, 2, 1].map((digits) => String(Number(v.toPrecision(digits))).replace(/^(-?)0\./, '$1.')) : [];
    return plain.find((one) => one.length <= room && !one.includes('e')) || (Math.abs(v) < 1e-3 ? '0' : v.toExponential(0).replace('e+', 'e'));
  };
  const MOST = 1e6;
  const taken = (text) => text !== '' && Number.isFinite(Number(text)) && Math.abs(Number(text)) < MOST;
  /** A map as a table of numbers, tinted by their sign and size; editable, its cells are fields.
   * place(y, x) is called when a cell is pointed at or focused. */
  function cells({label, height, width, editable = false, step = 0.5, on, place, head = label}) {
    const inputs = [];
    const refused = el('p', {class: 'ln-refused', role: 'status'});
    const body = core.range(height).map((y) => el('tr', {}, core.range(width).map((x) => {
      const cell = el('td', {});
      if (editable) {
        const input = el('input', {type: 'number', step, 'aria-label': say('cell', {label, row: y, column: x})});
        input.addEventListener('input', () => {
          if (taken(input.value)) input.removeAttribute('aria-invalid'); else input.setAttribute('aria-invalid', 'true');
          if (!taken(input.value)) return;
          refused.textContent = '';
          on(y, x, Number(input.value));
        });
        input.addEventListener('change', () => {
          if (taken(input.value)) return;
          refused.textContent = say('cellRefused', {v: number(Number(input.dataset.last)), most: number(MOST)});
          input.removeAttribute('aria-invalid');
          input.value = input.dataset.last;
        });
        input.addEventListener('focus', () => { if (input.value !== input.dataset.last) { input.value = input.dataset.last; input.select(); } });
        input.addEventListener('blur', () => { input.value = fit(Number(input.dataset.last)); });
        inputs.push(input);
        cell.append(input);
      }
      if (place) {
        cell.addEventListener('pointerenter', (event) => { if (event.pointerType === 'mouse') place(y, x); });
        cell.addEventListener('click', () => place(y, x));
        if (editable) inputs.at(-1).addEventListener('focus', () => place(y, x));
      }
      return cell;
    })));
    const table = el('table', {class: `ln-cells${editable ? ' ln-cells--edit' : ''}${place ? ' ln-cells--place' : ''}`, 'aria-label': label}, el('tbody', {}, body));
    const root = el('div', {class: 'ln-map'}, head ? el('div', {class: 'ln-map__head'}, head) : null, table, editable ? refused : null);
    return {
      root, table, headEl: root.querySelector('.ln-map__head'),
      /** Show `map`; a cell's class says what `marked(y, x)` says of it. */
      show(map, {most = null, marked = null, text = brief} = {}) {
        const top = most || Math.max(1e-12, ...map.flat().map((v) => Math.abs(v)).filter(Number.isFinite));
        map.forEach((row, y) => row.forEach((v, x) => {
          const cell = body[y].children[x];
          cell.style.setProperty('--share', `${Math.round(42 * Math.min(1, Math.abs(v) / top))}%`);
          cell.className = [v > 0 ? 'ln-for' : v < 0 ? 'ln-against' : '', (marked && marked(y, x)) || ''].join(' ').trim();
          if (!editable) {
            const said = text(v, y, x);
            const long = typeof v === 'number' && Number.isFinite(v) && said.length > (narrow.matches ? 5 : 6);
            cell.textContent = long && text === brief ? fit(v).replace(/-/g, '\u2212') : said;
            if (long) cell.title = number(v); else cell.removeAttribute('title');
          }
          else {
            const input = cell.firstChild;
            input.dataset.last = v;
            input.title = number(v);
            if (document.activeElement !== input) input.value = fit(v);
            else if (Number(input.value) !== v) input.value = v;
          }
        }));
      },
    };
  }

  /** Maps with the sign that stands before them: they go to the next line together. */
  const beside = (sign, ...maps) => el('div', {class: 'ln-beside'}, el('span', {class: 'ln-sign', 'aria-hidden': 'true'}, sign), maps);

  /** What stands at the two ends of a drawing. */
  const ends = (...words) => el('p', {class: 'ln-names ln-ends'}, words.map((one) => el('span', {}, one)));

  /** Play, one back, one on, and a scrubber over `count` places. Nothing moves until it is pressed; where motion is not wanted, play is
   * a step at a time. */
  function player({count, told, on, pace = 600}) {
    let [at, timer] = [0, 0];
    const scrub = el('input', {type: 'range', min: 0, max: count - 1, step: 1, value: 0, 'aria-label': say('place')});
    const button = (label, text, press) => el('button', {type: 'button', class: 'ln-button', 'aria-label': label, title: label, onclick: press}, text);
    const play = button(say('play'), '▶', () => (timer ? stop() : start()));
    const output = el('output', {class: 'ln-told'});
    function start() {
      if (still.matches) { go(at === count - 1 ? 0 : at + 1); return; }
      if (at === count - 1) go(0);
      play.textContent = '❚❚';
      play.setAttribute('aria-label', say('pause'));
      play.title = say('pause');
      timer = setInterval(() => (at < count - 1 ? go(at + 1) : stop()), pace);
    }
    function stop() {
      clearInterval(timer);
      timer = 0;
      play.textContent = '▶';
      play.setAttribute('aria-label', say('play'));
      play.title = say('play');
    }
    function go(k) {
      at = Math.max(0, Math.min(count - 1, k));
      scrub.value = at;
      output.textContent = told(at);
      scrub.setAttribute('aria-valuetext', output.textContent);
      on(at);
    }
    scrub.addEventListener('input', () => { stop(); go(Number(scrub.value)); });
    const root = el('div', {class: 'ln-player', role: 'group', 'aria-label': say('player')}, play, button(say('stepBack'), '‹', () => { stop(); go(at - 1); }), button(say('stepOn'), '›', () => { stop(); go(at + 1); }), scrub, output);
    return {
      root, stop, get at() { return at; },
      go(k) { stop(); go(k); },
      /** Another number of places. */
      count(n, speed = pace) { stop(); count = Math.max(1, n); pace = speed; scrub.max = count - 1; for (const part of root.querySelectorAll('button, input')) part.disabled = n < 2; go(Math.min(at, count - 1)); },
    };
  }

  /** An element whose content is made once its page is there. */
  function define(name, make) {
    customElements.define(name, class extends HTMLElement {
      connectedCallback() {
        if (this.made) return;
        this.made = true;
        this.replaceChildren(...make(this));
      }
    });
  }

  Object.assign(convatlas.learn, {own: all.own, parts: {...formulas, say, beside, ends, slider, segments, cells, player, define}});
})();
