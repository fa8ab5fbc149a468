/* The view, or a pair of the large view, as a file: the figure that the pens draw, the numbers, the arrays. */
convatlas.compare.Keeper = class extends convatlas.compare.Tables {
  stem() { return `${convatlas.save.plain(this.data.title)}-${this.state.rows}s-by-${this.state.columns}s`; }

  saves() {
    const {el, say} = convatlas;
    const place = this.querySelector('[data-save]');
    const details = this.menuOf(place, 'save', el('summary', {}, place.dataset.label));
    const one = (kind, words) => el('button', {type: 'button', 'data-kind': kind, onclick: () => { details.open = false; this.keep(kind); }}, el('b', {}, kind.toUpperCase()), ` ${words}`);
    details.querySelector('.ca-pick').append(one('png', say('savePng')), one('svg', say('saveSvg')), one('pdf', say('savePdf')), one('csv', say('saveNumbers')), one('npz', say('saveNpz')),
      el('button', {type: 'button', 'data-copy': true, onclick: (event) => this.copy(event.currentTarget)}, el('b', {}, '#'), ` ${say('copyView')}`),
      el('a', {href: '#arrays', onclick: (event) => { event.preventDefault(); details.open = false; document.getElementById('arrays').scrollIntoView(); }}, say('exactArrays')));
  }

  /** Put the address of this view on the clipboard. */
  async copy(button) {
    this.write(false);
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      // Without a clipboard the address bar has the link already.
    }
    button.closest('details').open = false;
    this.querySelector('[data-status]').textContent = convatlas.say('linked');
  }

  /** The view as the figure that is saved. */
  async figure() {
    const {say, maps} = convatlas;
    const {state} = this;
    const rows = this.ordered(), columns = state.shown[state.columns];
    const metric = this.data.metrics.find((one) => one.id === state.o);
    const heading = (axis, id, row) => {
      const {title, lines} = this.heading(axis, this.member(axis, id));
      const said = row && metric ? this.mean(metric, id) : null;
      return {title, lines: said ? [...lines, `${metric.title} ${this.amount(metric, said.mean)}`] : lines};
    };
    const byPlace = new Map(this.cells.map((cell) => [`${cell.row} ${cell.column}`, cell]));
    const cells = await Promise.all(rows.map((row) => Promise.all(columns.map(async (column) => {
      const place = this.place(row, column);
      const image = this.member('image', place.image);
      const size = {note: this.note(place), w: image.w, h: image.h, photo: convatlas.get('compare', image.id).photo};
      const cell = byPlace.get(`${row} ${column}`);
      if (!cell) { const found = this.entry(place); return {...size, na: found.na === undefined ? say('sameOnInput') : `${say('notDrawn')} ${found.na}`}; }
      if (cell.head.empty) return {...size, empty: say('empty')};
      return {...size, map: await maps.load(cell.head), to: cell.to};
    }))));
    return {
      title: this.data.title, lines: [`${this.about()}. ${this.scaleNote()}`],
      columns: columns.map((id) => heading(state.columns, id, false)), rows: rows.map((id) => heading(state.rows, id, true)), cells,
      colour: state.k, smooth: state.r === 'smooth', opacity: state.a / 100,
    };
  }

  /** Two maps side by side with their photograph, from the large view. */
  async saveLarge(kind, large) {
    const {say} = convatlas;
    const {image, state} = large;
    const stem = `${convatlas.save.plain(this.data.title)}-${convatlas.save.plain(image.name)}`;
    if (kind === 'npz') {
      const pair = [state.left, state.right].map((side, k) => (side && large.entries[k].head ? [this.arrayName(side), large.entries[k].head] : null));
      await this.keep(kind, null, stem, pair.filter(Boolean));
      return;
    }
    const photo = {w: image.w, h: image.h, photo: convatlas.get('compare', image.id).photo};
    const sides = [large.entries[0], large.entries[1]].map(({head, na}, k) => {
      const side = [state.left, state.right][k];
      if (!side) return null;
      const method = this.member('method', side.method);
      const layer = this.member('layer', side.layer);
      const lines = [method.input ? say('onInput') : `${layer.name}${head ? `, ${head.h} × ${head.w}` : ''}`, this.members.target.length ? this.title('target', this.member('target', side.target), image) : ''].filter(Boolean);
      const cell = na !== undefined ? {...photo, na: `${say('notDrawn')} ${na}`} : head.empty ? {...photo, empty: say('empty')} : {...photo, map: large.maps[k], to: large.scales[k]};
      return {title: method.title, lines, cell};
    });
    const columns = [{title: say('photo'), lines: [], cell: photo}, ...sides.filter(Boolean)];
    await this.keep(kind, {title: `${this.data.title}: ${image.name}`, lines: [], columns, rows: [{title: '', lines: []}], cells: [columns.map(({cell}) => cell)], colour: this.state.k, smooth: this.state.r === 'smooth', opacity: this.state.a / 100}, stem);
  }

  async keep(kind, view = null, stem = this.stem(), maps = this.inView()) {
    const {save, figure, say} = convatlas;
    const status = this.querySelector('[data-status]');
    status.textContent = say('making', {kind: kind.toUpperCase()});
    try {
      if (kind === 'csv') save.file(`${stem}-maps.csv`, save.text(save.csv(this.listing())), 'text/csv');
      else if (kind === 'npz') save.file(`${stem}.npz`, await this.arrays(maps), 'application/zip');
      else {
        const spec = view || await this.figure();
        const laid = figure.lay(spec);
        if (kind === 'png') {
          const canvas = await figure.onCanvas(laid);
          save.file(`${stem}.png`, await new Promise((resolve, reject) => { canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(say('tooLarge')))), 'image/png'); }));
        } else if (kind === 'svg') save.file(`${stem}.svg`, save.text(figure.asSvg(laid, `${spec.title} – ${spec.lines[0] || ''}`)), 'image/svg+xml');
        else save.file(`${stem}.pdf`, await figure.asPdf(laid, {title: spec.title, subject: spec.lines[0] || ''}), 'application/pdf');
      }
      status.textContent = say('saved', {kind: kind.toUpperCase()});
    } catch (error) {
      status.textContent = say('notSaved', {kind: kind.toUpperCase(), why: error.message});
    }
  }

  /** What an array is called in the archive of its image: method/layer/target. */
  arrayName({method, layer, target}) {
    return [method, this.member('method', method).input ? 'input' : this.member('layer', layer).key, Number(target) + 1].join('/');
  }

  /** The maps of this view, [name, head]: image/method/layer/target. */
  inView() { return this.cells.map(({place, head}) => [`${place.image}/${this.arrayName(place)}`, head]); }

  /** Maps, as the page has them, as NPZ. Where two layers are called alike in an archive, the second gets a number. */
  async arrays(heads) {
    const {maps, save} = convatlas;
    const entries = [], used = new Map();
    for (const [name, head] of heads) {
      const at = head.at.join();
      const same = used.get(name) || [];
      if (same.includes(at)) continue;
      used.set(name, [...same, at]);
      const map = await maps.load(head);
      entries.push([`${name}${same.length ? `-${same.length + 1}` : ''}.npy`, save.npy(maps.values(map), [map.h, map.w])]);
    }
    entries.push(['about.npy', save.words(convatlas.say('npzAbout'))]);
    return save.zip(entries);
  }
};
