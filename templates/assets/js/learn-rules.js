/* <learn-rules>: one rectifier on nine places: what goes forward, and what three backward rules let back. */
(() => {
  const {el, number} = convatlas;
  const {core, parts: {say, beside, cells, define}} = convatlas.learn;
  const RULES = ['plain', 'deconv', 'guided'];
  const START = {x: [[2, -1, 3], [-2, 1, -3], [4, -0.5, 0]], g: [[1, -2, -1], [3, 2, -2], [-3, 1, 2]]};

  define('learn-rules', () => {
    const state = {x: START.x.map((row) => [...row]), g: START.g.map((row) => [...row]), at: [1, 0]};
    const point = (y, x) => { state.at = [y, x]; draw(); };
    const table = (label, editable) => cells({label: say(label), height: 3, width: 3, place: point, editable: Boolean(editable), step: 0.5, on: (y, x, v) => { state[editable][y][x] = v; draw(); }});
    const [x, y, g] = [table('ruleIn', 'x'), table('ruleOut'), table('ruleGrad', 'g')];
    const columns = RULES.map((rule) => ({rule, mask: table(`mask_${rule}`), back: table(`back_${rule}`)}));
    const said = el('p', {class: 'ln-verdict', 'aria-live': 'polite'});
    const reset = el('button', {type: 'button', class: 'ln-button', onclick: () => { for (const key of ['x', 'g']) state[key] = START[key].map((row) => [...row]); draw(); }}, say('reset'));

    function draw() {
      const [r, c] = state.at;
      const here = (row, column) => (row === r && column === c ? 'ln-under' : '');
      x.show(state.x, {marked: here});
      y.show(core.relu(state.x), {marked: here});
      g.show(state.g, {marked: here});
      const passed = columns.map(({rule, mask, back}) => {
        const made = core.rectified(state.x, state.g, rule);
        mask.show(core.each(made.passes, Number), {marked: (row, column) => [here(row, column), made.passes[row][column] ? 'ln-pass' : 'ln-stop'].join(' '), text: (v) => (v ? '✓' : '·')});
        back.show(made.back, {marked: here, most: Math.max(...state.g.flat().map(Math.abs))});
        return made.passes[r][c];
      });
      const on = state.x[r][c] > 0;
      const up = state.g[r][c] > 0;
      said.textContent = say('ruleSaid', {
        row: r, column: c, x: number(state.x[r][c]), g: number(state.g[r][c]),
        state: say(on ? 'ruleOn' : 'ruleOff'), sign: say(up ? 'ruleUp' : state.g[r][c] < 0 ? 'ruleDown' : 'ruleNone'),
        who: passed.some(Boolean) ? RULES.filter((_, k) => passed[k]).map((rule) => say(`rule_${rule}`)).join(', ') : say('ruleNobody'),
      });
    }
    draw();
    const column = (title, ...parts) => el('div', {class: 'ln-rule', role: 'group', 'aria-label': title}, el('b', {}, title.replace('backprop', 'back\u00adprop')), parts);
    return [
      el('div', {class: 'ln-units'}, x.root, beside('→', y.root), beside('⇠', g.root)),
      el('div', {class: 'ln-rules'}, columns.map(({rule, mask, back}) => column(say(`rule_${rule}`), mask.root, back.root))),
      said, el('div', {class: 'ln-controls ln-controls--below'}, reset)];
  });
})();
