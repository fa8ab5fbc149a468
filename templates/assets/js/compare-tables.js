/* The numbers of the comparison as tables: how rows are judged, and every map of the view; both to be saved as CSV. */
convatlas.compare.Tables = class extends convatlas.compare.View {
  /** One row a row of the view, one column a metric: means over the columns shown. */
  judge() {
    const place = this.querySelector('[data-judged]');
    if (!place) return;
    const {el, say, number} = convatlas;
    const {state} = this;
    const {metrics} = this.data;
    const note = this.querySelector('[data-judged-note]');
    const rows = this.ordered();
    const known = rows.map((row) => [row, metrics.map((metric) => this.mean(metric, row))]).filter(([, means]) => means.some(Boolean));
    const most = Math.max(0, ...known.flatMap(([, means]) => means.map((one) => (one ? one.n : 0))));
    note.replaceChildren(known.length ? say('judgedNote', {n: most, columns: say(`many_${state.columns}`)}) : say('judgedNone'), ' ', el('a', {href: convatlas.url('trust.html')}, say('toTrust')));
    if (!known.length) { place.replaceChildren(); return; }
    const isBase = (row) => state.rows === 'method' && this.data.baselines.includes(row);
    const fixed = state.rows !== 'method' && state.columns !== 'method' ? state.at.method : '';
    // Baselines that are not among the rows stand under them.
    const under = this.baselines().filter((one) => one.id !== fixed && !known.some(([row]) => isBase(row) && row === one.id))
      .map((one) => [one, metrics.map((metric) => this.groundMean(metric, one.id))]).filter(([, means]) => means.some(Boolean));
    // The best of a column, unless all are alike, or a baseline is as good.
    const best = metrics.map((metric, k) => {
      const values = known.filter(([row]) => !isBase(row) && !this.failing(row)).map(([, means]) => means[k]).filter(Boolean).map((one) => one.mean);
      if (!values.length || (values.length > 1 && values.every((v) => v === values[0]))) return null;
      const top = metric.better === 'higher' ? Math.max(...values) : Math.min(...values);
      const ground = [...known.filter(([row]) => isBase(row)), ...under].map(([, means]) => (means[k] || {}).mean);
      return this.beats(metric, top, ground) ? top : null;
    });
    const sort = (metric) => () => { state.o = state.o === metric.id ? '' : metric.id; this.write(); this.draw(); };
    const said = (metric) => say(metric.better === 'higher' ? 'higherBetter' : 'lowerBetter');
    const table = el('table', {class: 'ca-table ca-judged'}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, say(`one_${state.rows}`)), metrics.map((metric) => el('th', {scope: 'col', class: 'ca-r', title: metric.summary, 'aria-sort': state.o === metric.id ? (metric.better === 'higher' ? 'descending' : 'ascending') : false}, el('button', {type: 'button', onclick: sort(metric)}, metric.title), el('span', {class: 'ca-dim'}, said(metric)))))),
      el('tbody', {}, [...known.map(([row, means]) => [this.heading(state.rows, this.member(state.rows, row)).title, means, isBase(row), this.failing(row)]), ...under.map(([one, means]) => [one.title, means, true, false])]
        .map(([title, means, base, failing]) => el('tr', {}, el('th', {scope: 'row'}, title, base ? el('span', {class: 'ca-dim'}, ` ${say('baseline')}`) : '', failing ? el('span', {class: 'ca-mark'}, say('insane')) : ''),
          means.map((one, k) => el('td', {class: 'ca-r ca-num'}, one ? (one.mean === best[k] && !base && !failing ? el('b', {}, number(one.mean)) : number(one.mean)) : '–', one && one.n < most ? el('span', {class: 'ca-dim'}, ` n ${one.n}`) : ''))))));
    const rowsOfCsv = () => [[say(`one_${state.rows}`), ...metrics.flatMap((metric) => [metric.unit ? `${metric.title} (${metric.unit})` : metric.title, `${metric.title}, n`])], ...[...known.map(([row, means]) => [this.heading(state.rows, this.member(state.rows, row)).title, means]), ...under.map(([one, means]) => [one.title, means])].map(([title, means]) => [title, ...means.flatMap((one) => (one ? [one.mean, one.n] : ['', '']))])];
    place.replaceChildren(el('div', {class: 'ca-scroll', tabindex: 0, role: 'group', 'aria-labelledby': 'judged'}, table), this.csvButton('judged', rowsOfCsv));
  }

  csvButton(name, rows) {
    return convatlas.el('p', {class: 'ca-csv'}, convatlas.el('button', {type: 'button', 'data-csv': name, onclick: () => convatlas.save.file(`${this.stem()}-${name}.csv`, convatlas.save.text(convatlas.save.csv(rows())), 'text/csv')}, convatlas.say('saveCsv')));
  }

  /** Every map of the view as a row of numbers: for the table and for CSV. */
  listing() {
    const {say} = convatlas;
    const {metrics} = this.data;
    const head = [say('one_method'), say('one_image'), say('one_layer'), say('one_target'), say('scaleFrom'), say('scaleTo'), say('largestValue'), say('smallestValue'), say('sizeWord'), ...metrics.map((metric) => metric.title)];
    const rows = this.cells.map((cell) => {
      const {place, head: map} = cell;
      const image = this.member('image', place.image), method = this.member('method', place.method);
      const judged = new Map(this.judged(place).map((one) => [one.metric.id, one.v]));
      return [method.title, image.name, method.input ? say('theInput') : this.member('layer', place.layer).name, this.members.target.length ? this.title('target', this.member('target', place.target), image) : '', cell.to[0], cell.to[1], map.top ?? map.hi, map.bottom ?? null, `${map.h} × ${map.w}`, ...metrics.map((metric) => judged.get(metric.id) ?? null)];
    });
    return [head, ...rows];
  }

  table() {
    const {el, number} = convatlas;
    const [head, ...rows] = this.listing();
    const cell = (value) => el('td', {class: value === null || typeof value === 'number' ? 'ca-r ca-num' : ''}, value === null || typeof value === 'number' ? number(value) : value);
    this.querySelector('[data-table]').replaceChildren(this.csvButton('maps', () => this.listing()), el('div', {class: 'ca-scroll ca-listing', tabindex: 0, role: 'group', 'aria-labelledby': 'numbers'},
      el('table', {class: 'ca-table'}, el('thead', {}, el('tr', {}, head.map((name, k) => el('th', {scope: 'col', class: k > 3 ? 'ca-r' : ''}, name)))), el('tbody', {}, rows.map(([first, ...rest]) => el('tr', {}, el('th', {scope: 'row'}, first), rest.map(cell)))))));
  }
};
