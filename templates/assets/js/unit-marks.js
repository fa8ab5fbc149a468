/* What is wrong with a unit: what findings say of it, each with its gravity and a link there; then the marks of which no finding speaks. */
(() => {
  const BITS = {certain: 16, never_on: 1, always_on: 2, saturated: 4, redundant: 8};
  const WORDS = {certain: 'markDead', never_on: 'markNeverOn', always_on: 'markAlwaysOn', saturated: 'markSaturated', redundant: 'markRedundant'};
  /** The finding that would speak of a mark, where it would, and what the link to it says. */
  const MORE = {certain: ['dead_units', 'markMore'], never_on: ['dead_units', 'markNeverOnMore'], always_on: ['always_on', 'markAlwaysOnMore']};
  const SIGNS = {serious: '■', warning: '▲', note: '●'};

  /** [{severity, text, name, more}] of a unit, gravest first; `severity` is '' where no finding names it. `findings` are the
   * page's, `answers` what its units answer to, or null. */
  function of(findings, answers, unit) {
    const {say} = convatlas;
    const told = findings.filter(({units}) => units.includes(unit));
    const made = told.map(({severity, said, units, by, name}) => ({severity, name, more: 'markMore', text: said[said.length === 1 ? 0 : units.indexOf(unit)] + (by ? ` ${say('markBy', {layer: by})}` : '')}));
    const bits = answers ? answers.arrays.marks[unit] : 0;
    // What is dead is never on: that goes without saying.
    const marks = told.map(({mark}) => mark);
    const silent = new Set([...marks, ...(bits & BITS.certain || marks.includes('certain') ? ['never_on'] : [])]);
    for (const [mark, bit] of Object.entries(BITS)) {
      if (!(bits & bit) || silent.has(mark)) continue;
      const [name, more] = MORE[mark] || ['', ''];
      made.push({severity: '', name, more, text: say(WORDS[mark])});
    }
    return made;
  }

  const sign = (severity) => (SIGNS[severity] ? convatlas.el('span', {class: `fi-mark fi-mark--${severity}`, role: 'img', 'aria-label': convatlas.say(`mark_${severity}`)}, SIGNS[severity]) : '');

  /** Of a unit's panel; none where nothing is to be said. */
  function figures(findings, answers, unit) {
    const {el, say, url} = convatlas;
    const made = of(findings, answers, unit);
    if (!made.length) return [];
    const rows = made.map(({severity, text, name, more}) => el('li', {}, sign(severity), severity ? ' ' : '', text, name ? [' ', el('a', {href: url(`findings.html#${name}`)}, say(more))] : ''));
    return [{title: '', body: el('ul', {class: 'ca-marks'}, rows), note: ''}];
  }

  /** On a unit's card: the sign of the gravest, with all that is said as its title; '' where nothing is. */
  function badge(findings, answers, unit) {
    const made = of(findings, answers, unit);
    if (!made.length) return '';
    const text = made.map((one) => one.text).join(' ');
    return convatlas.el('span', {class: `ca-seen__mark fi-mark fi-mark--${made[0].severity || 'note'}`, title: text, role: 'img', 'aria-label': text}, SIGNS[made[0].severity] || '○');
  }

  convatlas.marks = {bits: BITS, of, figures, badge};
})();
