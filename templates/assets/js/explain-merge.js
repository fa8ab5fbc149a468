/* Where branches meet: a sum (or product) of two maps place by place, maps put side by side, and channels dealt out anew. */
(() => {
  const core = convatlas.explain;
  const {draw} = core;

  core.figures.merge = (view) => {
    const {el, say, url} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings, shape: [units, h, w], reads} = chain.steps[k];
    const terms = chain.terms(k, unit);
    const out = chain.map(k, unit);
    const on = draw.scale(out, ...terms.filter((one) => one.length > 1 || settings.sign === '+'));
    const name = ({read, number, held}) => {
      if (number !== undefined || held) return say('xFactor');
      const {flows, name: from, page} = reads[read];
      const text = flows === undefined ? from || '' : chain.steps[flows].name;
      const at = flows === undefined ? page : chain.steps[flows].page;
      return at ? el('a', {href: `${url(at)}#${convatlas.carried({u: unit})}`}, convatlas.breaks(text)) : el('span', {}, convatlas.breaks(text));
    };
    /** Of a term that is one row or one column of numbers: that it is the same in every row or column. */
    const broad = ({read}) => {
      const [, rows, columns] = read === undefined ? [0, h, w] : reads[read].shape;
      return rows * columns === 1 || (rows === h && columns === w) ? '' : el('span', {class: 'ca-dim', 'data-broad': ''}, ` ${say(rows === h ? 'xPerRow' : 'xPerColumn')}`);
    };
    /** Of two ways that meet in a sum: which one came through the layers just before it, and which one around them. */
    const along = settings.terms.filter(({read}) => read !== undefined && reads[read].flows !== undefined);
    const way = ({read}) => (settings.sign !== '+' || read === undefined || along.length !== 1 || settings.terms.length !== 2 ? '' : el('span', {class: 'ca-dim', 'data-way': ''}, ` ${say(reads[read].flows === undefined ? 'xWayAround' : 'xWayAlong')}`));
    const maps = terms.map((one, n) => {
      if (one.length === 1) return {part: draw.part(name(settings.terms[n]), el('p', {class: 'ca-x-alone'}, draw.number(one[0]))), map: null};
      const map = draw.map({values: one, w, h, on, colour, side: 180, label: say('xTerm', {n: n + 1})});
      map.addEventListener('pointerdown', (event) => view.move(map.at(event)));
      return {part: draw.part(el('span', {}, name(settings.terms[n]), way(settings.terms[n]), broad(settings.terms[n])), map), map};
    });
    const output = draw.chooser(draw.map({values: out, w, h, on, colour, side: 180}), view, say('xOutputMap', {unit}));
    const line = el('p', {class: 'ca-x-written', 'data-written': ''});
    const node = el('div', {class: 'ca-x ca-x-merge'}, el('p', {class: 'ca-x-lead'}, view.lead()),
      el('div', {class: 'ca-x-flow'}, maps.flatMap(({part}, n) => [n ? draw.sign(settings.sign) : '', part]), draw.sign('='), draw.part(say('xOutput', {unit, units}), output)),
      el('div', {class: 'ca-x-legends'}, el('span', {class: 'ca-x-legend'}, el('span', {}, say('xScaleAll')), draw.bar(on, colour))),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, line));
    const n = (v) => (v < 0 ? ['(', draw.number(v, {'data-in': ''}), ')'] : [draw.number(v, {'data-in': ''})]);
    return {
      node,
      size: [h, w],
      place(next, playing) {
        const at = next.y * w + next.x;
        for (const {map} of maps) if (map) map.mark([next]);
        output.mark([next]);
        output.until(playing ? next : null);
        const [a, b] = terms.map((one) => one[one.length === 1 ? 0 : at]);
        const [made] = core.merged(settings.sign, [draw.shown(a)], [draw.shown(b)], 1);
        line.replaceChildren(...n(a), ` ${settings.sign} `, ...n(b), ` ${draw.equals(made, out[at])} `, draw.number(out[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
      },
    };
  };

  core.figures.cat = (view) => {
    const {el, say, url} = convatlas;
    const {chain, k, unit, colour} = view;
    const {shape: [units, h, w], reads} = chain.steps[k];
    const {part, channel} = chain.part(k, unit);
    const out = chain.map(k, unit);
    const on = draw.scale(out);
    let first = 0;
    const widths = reads.map((read, n) => {
      const from = first, text = read.flows === undefined ? read.name || '' : chain.steps[read.flows].name, page = read.flows === undefined ? read.page : chain.steps[read.flows].page;
      first += read.shape[0];
      const said = [el('b', {}, page ? el('a', {href: `${url(page)}#${convatlas.carried({u: n === part ? channel : ''})}`}, convatlas.breaks(text)) : convatlas.breaks(text)), el('span', {}, say('xChannels', {first: from, last: first - 1, n: read.shape[0]}))];
      const made = el('li', {class: n === part ? 'is-own' : '', 'data-part': n}, said);
      made.style.setProperty('--share', read.shape[0] / units);
      return made;
    });
    const output = draw.chooser(draw.map({values: out, w, h, on, colour, side: 220}), view, say('xOutputMap', {unit}));
    const line = el('p', {class: 'ca-x-written', 'data-written': ''});
    const node = el('div', {class: 'ca-x ca-x-cat'}, el('p', {class: 'ca-x-lead'}, view.lead()),
      el('div', {class: 'ca-x-flow'}, el('ol', {class: 'ca-x-parts', 'aria-label': say('xSideBySide')}, widths), draw.sign('→'), draw.part(say('xOutput', {unit, units}), output, draw.bar(on, colour))),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, line));
    return {
      node,
      size: [h, w],
      place(next, playing) {
        output.mark([next]);
        output.until(playing ? next : null);
        line.replaceChildren(say('xFromPart', {unit, channel, part: part + 1, of: reads.length}), ' ', draw.number(out[next.y * w + next.x], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
      },
    };
  };

  core.figures.shuffle = (view) => {
    const {el, say} = convatlas;
    const {chain, k, unit, colour} = view;
    const {settings: {groups}, shape: [units, h, w]} = chain.steps[k];
    const each = units / groups, from = core.unshuffled(groups, units, unit);
    const x = chain.read(k, 0, from), out = chain.map(k, unit);
    const on = draw.scale(out);
    const input = draw.map({values: x, w, h, on, colour, side: 180, label: say('xInputMap', {n: from})});
    input.addEventListener('pointerdown', (event) => view.move(input.at(event)));
    const output = draw.chooser(draw.map({values: out, w, h, on, colour, side: 180}), view, say('xOutputMap', {unit}));
    const line = el('p', {class: 'ca-x-written', 'data-written': ''});
    const node = el('div', {class: 'ca-x ca-x-shuffle'}, el('p', {class: 'ca-x-lead'}, view.lead()),
      el('div', {class: 'ca-x-flow'}, draw.part(say('xFromGroup', {channel: from, at: from % each, group: Math.floor(from / each)}), input, draw.bar(on, colour)), draw.part(say('xDealt', {groups}), dealt(groups, units, unit)), draw.part(say('xOutput', {unit, units}), output, draw.bar(on, colour))),
      el('section', {class: 'ca-x-dot-product', 'aria-label': say('xDot')}, line));
    return {
      node,
      size: [h, w],
      place(next, playing) {
        input.mark([next]);
        output.mark([next]);
        output.until(playing ? next : null);
        const at = next.y * w + next.x;
        line.replaceChildren(say('xShuffled', {unit, at: from % each, groups, group: Math.floor(from / each), each, from}), ' ', draw.number(x[at], {'data-in': '', 'data-from': from}), ' = ', draw.number(out[at], {class: 'ca-x-num ca-x-strong', 'data-out': ''}));
      },
    };
  };

  /** A line from where each channel stood to where it stands now, those of a group in one shade, a unit's own over them. */
  function dealt(groups, units, unit) {
    const [W, H] = [120, 240];
    const each = units / groups, y = (u) => (u + 0.5) / units * H;
    const svg = draw.shape('svg', {viewBox: `0 0 ${W} ${H}`, class: 'ca-x-dealt', role: 'img', 'aria-label': convatlas.say('xDealt', {groups})});
    const path = (u, name) => draw.shape('path', {d: `M0 ${y(core.unshuffled(groups, units, u))}C${W / 2} ${y(core.unshuffled(groups, units, u))} ${W / 2} ${y(u)} ${W} ${y(u)}`, class: name});
    for (let u = 0; u < units; u += 1) svg.append(path(u, `ca-x-strand${Math.floor(core.unshuffled(groups, units, u) / each) % 2 ? ' is-other' : ''}`));
    svg.append(path(unit, 'ca-x-strand is-own'));
    return svg;
  }
})();
