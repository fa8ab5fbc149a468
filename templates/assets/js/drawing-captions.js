/* generator/diagrams/solids/captions.py in a browser, to the byte: what stands under the boxes, and that no two lines of it touch. */
(() => {
  const {textWidth} = convatlas.drawing;
  const NAME = 10, LABEL = 10, LEADING = 12, WIDEST = 110;
  const without = (text, start) => (text.startsWith(start) ? text.slice(start.length) : text);
  const most = (values, none) => (values.length ? Math.max(...values) : none);

  function caption(ops, prefix, what) {
    const functions = ops.length && ops.every((op) => op.id.startsWith('F.') && op.id.split('@')[0].split('#')[0] === op.op);
    const names = ['both', 'name'].includes(what) && !(functions && what === 'both') ? inTwo(span(namesOf(ops, prefix), ops.reduce((sum, op) => sum + op.times, 0))) : [];
    const said = [];
    for (const op of ops) {
      const name = op.kind === 'input' ? '' : without(op.op, 'F.');
      if (said.length && said.at(-1)[0] === name) said.at(-1)[1] += op.times;
      else said.push([name, op.times]);
    }
    const words = said.map(([name, times]) => (times > 1 ? `${name} ×${times}` : name)).join(', ');
    const classes = ['both', 'class'].includes(what) ? wrapped(words) : [];
    return {names, classes, width: most([...names, ...classes].map((line) => textWidth(line, NAME)), 0), lines: names.length + classes.length};
  }

  /** Names on two lines where they can be: what is outermost goes, and an ellipsis tells. */
  function inTwo(words) {
    const all = wrapped(words);
    let lines = all;
    for (let rest = words; lines.length > 2;) {
      const cut = rest.indexOf('.') + 1;
      const end = rest.indexOf(' ');
      if (!cut || (end >= 0 && end < cut)) return all;
      rest = rest.slice(cut);
      lines = wrapped(`…${rest}`);
    }
    return lines;
  }

  function namesOf(ops, prefix) {
    const found = [];
    for (const op of ops) {
      for (const name of [op.id, op.last]) {
        if (!name) continue;
        const given = op.kind === 'input' && op.op !== 'Parameter';
        const plain = given && op.op === '?' ? `${name} ?` : given ? 'input' : name;
        found.push(prefix && plain.startsWith(`${prefix}.`) ? plain.slice(prefix.length + 1) : plain);
      }
    }
    return found;
  }

  function span(names, many) {
    const first = names[0];
    let last = names.at(-1);
    if (first === last) return first;
    const common = first.lastIndexOf('.') + 1;
    if (common && last.startsWith(first.slice(0, common))) last = last.slice(common);
    const stem = first.slice(common).replace(/[0-9]+$/, '');
    if (many > 2 && stem && stem === last.replace(/[0-9]+$/, '') && stem !== last) last = last.slice(stem.length);
    return many === 2 ? `${first}, ${last}` : `${first} … ${last}`;
  }

  function wrapped(words, widest = WIDEST) {
    const lines = [];
    for (const word of words.replaceAll('… ', '…\u00a0').split(' ')) {
      if (lines.length && textWidth(`${lines.at(-1)} ${word}`, NAME) <= widest) {
        lines[lines.length - 1] = `${lines.at(-1)} ${word}`;
        continue;
      }
      pieces(word, widest).forEach((piece, k) => {
        if (k && textWidth(lines.at(-1) + piece, NAME) <= widest) lines[lines.length - 1] += piece;
        else if (piece) lines.push(piece);
      });
    }
    return lines;
  }

  function pieces(text, widest) {
    if (textWidth(text, NAME) <= widest) return [text];
    const word = [...text];
    const parts = [];
    let start = 0;
    for (let k = 1; k < word.length; k++) {
      const point = word[k - 1] === '.' && k - start > 2;
      const capital = /^[A-Z]$/.test(word[k]) && /^[a-z]$/.test(word[k - 1]);
      if (!point && !capital) continue;
      parts.push(word.slice(start, k).join(''));
      start = k;
    }
    const broken = (part) => (textWidth(part, NAME) <= widest ? [part] : part.match(/[^_]*_|[^_]+$/g));
    return [...parts, word.slice(start).join('')].flatMap(broken).map((part) => shortened(part, widest));
  }

  function shortened(word, widest) {
    if (textWidth(word, NAME) <= widest) return word;
    let characters = [...word];
    while (characters.length && textWidth(`${characters.join('')}…`, NAME) > widest) characters = characters.slice(0, -1);
    return `${characters.join('')}…`;
  }

  function tail(name, widest) {
    const first = name.split(',')[0].split(' ')[0];
    if (textWidth(name, NAME) <= widest || !first.includes('.')) return shortened(name, widest);
    const ends = [...first.matchAll(/\./g)].map(({index}) => `…${name.slice(index + 1)}`);
    return ends.find((end) => textWidth(end, NAME) <= widest) || '';
  }

  function levels(wanted, apart) {
    const ends = [];
    return wanted.map(([left, right]) => {
      const free = ends.findIndex((end) => left >= end + apart);
      const level = free < 0 ? ends.length : free;
      ends[level] = right;
      return level;
    });
  }

  convatlas.drawing.captions = {caption, span, wrapped, shortened, tail, levels, without, most, NAME, LABEL, LEADING, WIDEST};
})();
