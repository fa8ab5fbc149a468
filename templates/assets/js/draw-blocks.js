/* 3-D blocks, generator/diagrams/styles/blocks.py, in a browser, to the byte: paint.py, behind drawing-solids.js,
 * drawing-wires.js and drawing-scene.js. What it is given was prepared there (opened and folded): `Blocks.prepared`. */
(() => {
  const {textWidth, mirrored, toSvg, FILLS, EDGES, INK, DIM, LINE, SHARED, tint} = convatlas.drawing;
  const {
    measured, solid, span, tail, levels, laidOut, sideLabel, rowById, grouped, rounded, most, BAND, NAME, LABEL, LEADING, MARGIN, STEP,
  } = convatlas.drawing.solids;
  const {split, branches, arcs, straight, around, lanesOf, inRow, upright} = convatlas.drawing.wires;
  const CLASS = 10, HEAD = 7, BETWEEN = 16, ASIDE = 4;
  const WORDS = {
    input: 'input', conv: 'convolution', norm: 'normalisation', act: 'activation', pool: 'pooling', linear: 'linear', attention: 'attention',
    merge: 'sum or join', softmax: 'softmax', resample: 'resampling', block: 'block', other: 'other',
  };

  // Paint

  const area = (corners, fill, stroke, classes, opacity = 1) => ({is: 'area', corners, fill, stroke, classes, opacity});
  const wire = (points, stroke, classes, thickness = 1.5, dashed = false) => ({is: 'wire', points, stroke, classes, thickness, dashed});
  const disc = (centre, radius, fill, stroke, classes) => ({is: 'disc', centre, radius, fill, stroke, classes});
  const words = (at, text, size, fill, classes, anchor = 'middle', angle = 0, bold = false) => ({is: 'words', at, text, size, fill, classes, anchor, angle, bold});

  function painted(it, layout, look) {
    const [near, far, across] = split(it, layout);
    const routed = arcs(it, layout, far);
    const lanes = lanesOf(layout, across);
    const track = STEP * Math.max(0, across.length - 1);
    const left = MARGIN + (across.length ? track + 10 : 0);
    for (const item of layout.placed) item.x += left;
    const aside = upright(layout, far, across);
    for (const arrow of routed.arrows) arrow.points = arrow.points.map(([x, y]) => [x + left, y]);
    for (const frame of routed.frames) frame.x += left;
    const edge = Math.max(
      ...layout.groups.map((g) => Math.max(g.x + g.right, g.x + g.middle + g.caption.width / 2)), ...routed.frames.map((frame) => frame.x + frame.width),
    );
    const scene = {width: edge + MARGIN + (across.length ? track + 10 : 0), height: 0, shapes: []};
    const notes = [], tops = [], axes = [];
    let y = MARGIN;
    for (let row = 0; row < layout.rows; row++) {
      const groups = inRow(layout, row);
      const frames = routed.frames.filter((frame) => frame.row === row);
      const axis = y + STEP * lanes[row] + (lanes[row] ? 6 : 0) - routed.tops[row];
      axes.push(axis);
      tops.push(axis + routed.tops[row]);
      for (const g of groups) for (const item of g.items) item.axis += axis;
      for (const frame of frames) frame.y += axis;
      const base = Math.max(...groups.filter((g) => g.lane < 0).map((g) => g.bottom), ...frames.map((f) => f.y + f.height)) + 6;
      const [said, below] = captionsOf(groups.filter((g) => g.lane < 0), base);
      notes.push(...said);
      y = below;
      for (const g of groups.filter((one) => one.lane >= 0)) {
        const [own, low] = captionsOf([g], g.bottom);
        notes.push(...own);
        y = Math.max(y, low);
      }
      y += BETWEEN;
    }
    for (const arrow of routed.arrows) {
      const axis = axes[layout.groups.find((g) => g.items.some((item) => item.index === arrow.after)).row];
      arrow.points = arrow.points.map(([x, at]) => [x, at + axis]);
    }
    const wrap = around(layout, across, tops, left - 4, edge + 6);
    for (const frame of routed.frames) paintFrame(scene, frame, layout, [...routed.arrows, ...wrap]);
    const rowOf = rowById(layout);
    const inner = straight(layout, near);
    const [parted, dots] = branches(layout);
    for (const item of layout.placed) {
      for (const arrow of [...inner, ...wrap, ...parted]) if (arrow.after === item.index) paintArrow(scene, arrow, layout);
      box(scene, item, look, axes[rowOf.get(item.op.id)], aside.get(item.index) ?? Infinity);
    }
    for (const arrow of routed.arrows) paintArrow(scene, arrow, layout);
    for (const dot of dots) scene.shapes.push(disc(dot, 3, LINE, LINE, 'ca-head'));
    for (const g of layout.groups) labelsOf(scene, g, look);
    scene.shapes.push(...notes);
    scene.height = y - BETWEEN + MARGIN;
    if (look.legend) legend(scene, layout, look);
    return scene;
  }

  function captionsOf(groups, base) {
    const said = groups.filter((g) => g.caption.lines);
    const middles = said.map((g) => g.x + g.middle);
    const at = levels(said.map((g, k) => [middles[k] - g.caption.width / 2, middles[k] + g.caption.width / 2]), 5);
    const tops = [base];
    for (let level = 0; level < most(at, -1) + 1; level++) {
      const lines = Math.max(...said.filter((_, k) => at[k] === level).map((g) => g.caption.lines));
      tops.push(tops.at(-1) + lines * LEADING + 4);
    }
    const found = [];
    said.forEach((g, k) => {
      const middle = middles[k];
      if (at[k]) found.push(wire([[middle, g.bottom + 3], [middle, tops[at[k]] + 1]], LINE, 'ca-line', 0.5));
      let y = tops[at[k]] + LEADING - 2;
      for (const line of g.caption.names) {
        found.push(words([middle, y], line, NAME, INK, 'ca-ink'));
        y += LEADING;
      }
      for (const line of g.caption.classes) {
        found.push(words([middle, y], line, CLASS, DIM, 'ca-dim'));
        y += LEADING;
      }
    });
    return [found, tops.at(-1)];
  }

  function box(scene, item, look, axis, line) {
    const {solid: s, op} = item;
    const kind = s.form !== 'ball' ? op.kind : 'merge';
    scene.shapes.push({is: 'open', title: saidOf(item), classes: 'ca-op', id: op.id});
    if (s.form === 'ball') {
      const centre = [item.x + s.w / 2, item.axis];
      const ring = s.bands.at(-1);
      if (ring) scene.shapes.push(disc(centre, s.w / 2 + 2, look.fills[ring], look.edges[ring], `ca-k-${ring}`));
      scene.shapes.push(disc(centre, s.w / 2, look.fills[kind], look.edges[kind], `ca-k-${kind}`));
      signed(scene, s.sign, centre);
    } else {
      const top = item.axis + s.dy / 2 - s.h / 2;
      const cuts = [0];
      for (let k = s.bands.length; k >= 0; k--) cuts.push(s.w - BAND * k);
      for (let k = 0; k + 1 < cuts.length; k++) {
        slab(scene, item, [item.x + cuts[k], item.x + cuts[k + 1], top], [op.kind, ...s.bands][k], look, k === cuts.length - 2);
      }
      if (op.kind === 'input' && look.picture && op.op !== 'Parameter') {
        const x = item.x + s.w;
        scene.shapes.push({is: 'photo', at: [x, top], width: s.dx, height: s.h, slant: -look.angle, rise: s.dy, href: look.picture});
        scene.shapes.push(area([[x, top], [x + s.dx, top - s.dy], [x + s.dx, top - s.dy + s.h], [x, top + s.h]], 'none', look.edges[kind], 'ca-line'));
      }
    }
    const above = item.arch === undefined ? item.top : axis + item.arch;
    let middle = item.x + (s.w + s.dx) / 2;
    if (item.times > 1) {
      const times = `×${item.times}`;
      middle = Math.min(middle, line - ASIDE - textWidth(times, 11, true) / 2);
      scene.shapes.push(words([middle, above - 4], times, 11, INK, 'ca-ink', 'middle', 0, true));
    }
    if (op.shared && s.form !== 'ball') share(scene, [item.times > 1 ? middle - 22 : Math.min(middle, line - ASIDE - 6.5), above - 8], op.shared);
    scene.shapes.push({is: 'close'});
  }

  function share(scene, at, number) {
    scene.shapes.push(disc(at, 6.5, tint(number), tint(number), 'ca-share'));
    scene.shapes.push(words([at[0], at[1] + 3.2], String(number), 9, '#ffffff', 'ca-share-n', 'middle', 0, true));
  }

  function slab(scene, item, [x0, x1, top], kind, look, last) {
    const s = item.solid, fill = look.fills[kind], low = top + s.h, up = top - s.dy;
    const face = (corners, colour, name) => scene.shapes.push({...area(corners, colour, look.edges[kind], `ca-k-${kind} ca-${name}`, look.opacity), dashed: item.op.kind === 'input' && item.op.op === '?'});
    face([[x0, top], [x1, top], [x1, low], [x0, low]], fill, 'front');
    face([[x0, top], [x0 + s.dx, up], [x1 + s.dx, up], [x1, top]], mixed(fill, '#ffffff', 0.45), 'top');
    if (last) face([[x1, top], [x1 + s.dx, up], [x1 + s.dx, low - s.dy], [x1, low]], mixed(fill, '#000000', 0.09), 'side');
  }

  function signed(scene, sign, [x, y]) {
    const r = 4.5;
    const strokes = {
      '+': [[-r, 0, r, 0], [0, -r, 0, r]],
      '−': [[-r, 0, r, 0]],
      '×': [[-3.2, -3.2, 3.2, 3.2], [-3.2, 3.2, 3.2, -3.2]],
      '∥': [[-2, -r, -2, r], [2, -r, 2, r]],
      '÷': [[-r, 0, r, 0], [0, -3.9, 0, -2.5], [0, 2.5, 0, 3.9]],
      max: [[-r, 2.5, 0, -2.5], [0, -2.5, r, 2.5]],
    };
    for (const [a, b, c, d] of strokes[sign]) scene.shapes.push(wire([[x + a, y + b], [x + c, y + d]], INK, 'ca-ink-line', 1.25));
  }

  function labelsOf(scene, g, look) {
    const below = Math.max(...g.items.map((item) => item.bottom));
    for (const [middle, text, level] of g.labels) {
      const own = most(g.items.filter((i) => i.x - g.x <= middle && middle <= i.x - g.x + i.solid.w).map((i) => i.bottom), below);
      const y = (g.labels.length === 1 ? own : below) + LABEL + 1 + level * LEADING;
      scene.shapes.push(words([g.x + middle, y], text, LABEL, INK, 'ca-ink'));
    }
    for (const [middle, text, level] of g.pools) scene.shapes.push(words([g.x + middle, below + LABEL + 1 + level * LEADING], text, LABEL, DIM, 'ca-dim'));
    for (const item of g.items) {
      if (!item.side) continue;
      const [x, y, slanted] = sideLabel(item, look.turn);
      scene.shapes.push(words([x, y], item.side, LABEL, DIM, 'ca-dim', 'start', slanted ? -look.angle : 0));
    }
  }

  function paintArrow(scene, arrow, layout) {
    scene.shapes.push(wire(arrow.points, LINE, 'ca-line', 1.75, arrow.dashed));
    const [[x0, y0], [x1, y1]] = arrow.points.slice(-2);
    let x = x1;
    if (arrow.middle) x = (Math.min(layout.placed[arrow.after - 1].right, x1 - HEAD) + x1 + HEAD) / 2;
    const dx = x1 > x0 ? 1 : 0, dy = y1 > y0 ? 1 : y1 < y0 ? -1 : 0, wide = 3.5;
    const corners = [[x, y1], [x - HEAD * dx + wide * dy, y1 - HEAD * dy + wide * dx], [x - HEAD * dx - wide * dy, y1 - HEAD * dy - wide * dx]];
    scene.shapes.push(area(corners, LINE, '', 'ca-head'));
  }

  /** Dashed, with how many there are and their names above, up to the first of the `lines` that comes down through these. */
  function paintFrame(scene, frame, layout, lines) {
    const {x, y, block} = frame;
    const x1 = x + frame.width, y1 = y + frame.height;
    scene.shapes.push(wire([[x, y], [x1, y], [x1, y1], [x, y1], [x, y]], LINE, 'ca-frame', 1, true));
    const times = `×${block.times}`;
    const name = span([block.op ? block.id : layout.placed[block.start].op.id, block.last], block.times + 1 - (block.op ? 1 : 0));
    const start = x + 8 + textWidth(times, 11, true);
    scene.shapes.push(words([x + 2, y - 4], times, 11, INK, 'ca-ink', 'start', 0, true));
    let end = x1;
    for (const {points} of lines) {
      for (let k = 1; k < points.length; k += 1) {
        const [[a, high], [b, low]] = [points[k - 1], points[k]];
        if (a === b && start < a && a < x1 && Math.min(high, low) < y - 2 && Math.max(high, low) > y - 13) end = Math.min(end, a - 3);
      }
    }
    const room = Math.max(0, end - start), both = `${name} · ${block.op}`;
    const said = block.op && textWidth(both, NAME) <= room ? both : tail(name, room);
    if (said) scene.shapes.push(words([start, y - 4], said, NAME, DIM, 'ca-dim', 'start'));
  }

  function legend(scene, layout, look) {
    const kinds = new Set(layout.placed.flatMap((item) => [item.solid.form === 'ball' ? 'merge' : item.op.kind, ...item.solid.bands]));
    let x = MARGIN, y = scene.height + 6;
    for (const kind of Object.keys(FILLS)) {
      if (!kinds.has(kind) || !(kind in WORDS) || kind === 'input') continue;
      const wide = 14 + textWidth(WORDS[kind], LABEL) + 14;
      if (x > MARGIN && x + wide > scene.width) [x, y] = [MARGIN, y + LEADING + 2];
      scene.shapes.push(area([[x, y - 8], [x + 9, y - 8], [x + 9, y + 1], [x, y + 1]], look.fills[kind], look.edges[kind], `ca-k-${kind}`));
      scene.shapes.push(words([x + 14, y], WORDS[kind], LABEL, DIM, 'ca-dim', 'start'));
      x += wide;
    }
    const shared = layout.placed.map((item) => item.op.shared).filter(Boolean);
    if (shared.length) {
      if (x > MARGIN && x + 28 + textWidth(SHARED, LABEL) > scene.width) [x, y] = [MARGIN, y + LEADING + 2];
      share(scene, [x + 4.5, y - 3.5], Math.min(...shared));
      scene.shapes.push(words([x + 14, y], SHARED, LABEL, DIM, 'ca-dim', 'start'));
    }
    scene.height = y + MARGIN;
  }

  function saidOf(item) {
    const op = item.op;
    const said = [op.last ? `${op.id} … ${op.last}` : op.id, op.op, op.shape.length ? op.shape.map(grouped).join(' × ') : '?'];
    if (op.kind !== 'block') said.push(...op.parts.slice(1).map((part) => part.op));
    if (item.times > 1) said.push(`×${item.times}`);
    for (const [name, value] of op.attributes) if (name === 'kernel' || name === 'stride') said.push(`${name} ${value}`);
    if (op.parameters) said.push(`${grouped(op.parameters)} parameters`);
    if (op.note) said.push(op.note);
    return said.join(' · ');
  }

  function mixed(colour, other, part) {
    return `#${[1, 3, 5].map((k) => {
      const a = parseInt(colour.slice(k, k + 2), 16), b = parseInt(other.slice(k, k + 2), 16);
      return Math.floor(a + (b - a) * part + 0.5).toString(16).padStart(2, '0');
    }).join('')}`;
  }

  function colours(text) {
    const fills = {...FILLS}, edges = {...EDGES};
    for (const word of text.replaceAll(',', ' ').split(/\s+/).filter(Boolean)) {
      const [kind, colour] = [word.split('=')[0], word.slice(word.indexOf('=') + 1).toLowerCase()];
      if (!Object.hasOwn(FILLS, kind) || !/^#[0-9a-f]{6}$/.test(colour)) continue;  // half typed
      fills[kind] = colour;
      edges[kind] = mixed(colour, '#000000', 0.5);
    }
    return [fills, edges];
  }

  function draw(it, o) {
    const radians = o.angle * Math.PI / 180;
    const turn = [rounded(Math.cos(radians)), rounded(Math.sin(radians))];
    const by = {...o, cos: turn[0], sin: turn[1], ...measured(it.ops)};
    const layout = laidOut(it, it.ops.map((op) => solid(op, by)), o, turn);
    const [fills, edges] = colours(o.colours);
    const scene = painted(it, layout, {fills, edges, opacity: o.opacity, angle: o.angle, turn, legend: o.legend, picture: o.picture});
    if (o.direction === 'left') scene.shapes = scene.shapes.map((shape) => mirrored(shape, scene.width));
    return toSvg(scene, it.title);
  }

  convatlas.styles.blocks = {draw};
})();
