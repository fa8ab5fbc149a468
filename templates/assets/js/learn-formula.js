/* Formulas of the figures, as MathML that is made from numbers: broken where a line is too narrow, and honest about what was rounded. */
(() => {
  const {el, number} = convatlas;

  const made = (space) => (tag, attributes = {}, ...children) => {
    const node = document.createElementNS(space, tag);
    for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
    node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  };
  const svg = made('http://www.w3.org/2000/svg');
  const mathml = made('http://www.w3.org/1998/Math/MathML');

  /** A number for a sum, in brackets where it is negative. */
  const bracket = (v) => (v < 0 ? `(${number(v)})` : number(v));

  /** Which of its places a sign takes: a minus after another sign or a bracket belongs to its number, and brackets keep close to what they hold. */
  const form = (sign, before) => ('(⌊'.includes(sign) ? 'prefix' : ')⌋'.includes(sign) ? 'postfix' : '−+'.includes(sign) && (!before || '(⌊=≈·+−/→<'.includes(before)) ? 'prefix' : null);

  /** A formula as MathML from text: numbers, names and signs one by one; {over: [a, b]} is a fraction, {sub: [a, b]} an index, {sup: [a, b]} a power,
   * {both: [a, below, above]} both, {root: a} a square root, {mark: n, is: …} a part in the colour of number n. `after`: what stands before it, on another formula. */
  function written(parts, after) {
    const row = (some, before = '') => {
      let last = before;
      return mathml('mrow', {}, some.flatMap((part) => {
        const made = piece(part, last);
        last = made.length && made.at(-1).localName === 'mo' ? made.at(-1).textContent : 'x';
        return made;
      }));
    };
    const of = (one) => row([one].flat());
    function piece(part, last) {
      if (Array.isArray(part)) return [row(part)];
      if (typeof part !== 'object') {
        let before = last;
        return (String(part).match(/[0-9][0-9.,]*(?:e[−-]?[0-9]+)?|[A-Za-zα-ω]+|[^\s]/g) || []).map((token) => {
          const kind = /^[0-9]/.test(token) ? 'mn' : /^[A-Za-zα-ω]/.test(token) ? 'mi' : 'mo';
          const made = mathml(kind, {form: kind === 'mo' ? form(token, before) : null, stretchy: '()'.includes(token) ? 'false' : null}, token);
          before = kind === 'mo' ? token : 'x';
          return made;
        });
      }
      if (part.over) return [mathml('mfrac', {displaystyle: 'true'}, of(part.over[0]), of(part.over[1]))];
      if (part.both) return [mathml('msubsup', {}, part.both.map(of))];
      if (part.sub) return [mathml('msub', {}, part.sub.map(of))];
      if (part.sup) return [mathml('msup', {}, part.sup.map(of))];
      if (part.root) return [mathml('msqrt', {}, of(part.root))];
      return [mathml('mrow', {class: `ln-mark ln-mark--${part.mark}`}, [part.is].flat().flatMap((one) => piece(one, last)))];
    }
    const made = mathml('math', {display: 'inline', displaystyle: 'true'}, row(parts));
    const first = made.firstChild.firstChild;
    if (after && first.localName === 'mo') first.setAttribute('form', 'infix');
    return made;
  }
  const formula = (...parts) => written(parts, false);

  /** The same as a line that may break before each sign that stands by itself or begins a part: its pieces, with spaces between. */
  function line(...parts) {
    const pieces = [];
    for (const part of parts) {
      if (!pieces.length || (typeof part === 'string' && /^[=≈+→,]/.test(part))) pieces.push([]);
      pieces.at(-1).push(part);
    }
    return el('div', {class: 'ln-line'}, pieces.flatMap((some, k) => (k ? [el('wbr'), written(some, true)] : [written(some, false)])));
  }

  /** Whether three digits say all of these numbers. */
  const whole = (...values) => values.every((v) => Math.abs(Number(number(v).replace(/,/g, '').replace(/−/g, '-')) - v) <= 1e-12 * Math.max(1, Math.abs(v)));
  /** The sign between what is written and its result: ≈ where one of them was rounded to be written. */
  const gives = (...values) => (whole(...values) ? '=' : '≈');

  convatlas.learn.formulas = {svg, bracket, formula, line, gives};
})();
