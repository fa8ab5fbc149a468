/* The graph: generator/diagrams/styles/graph.py and the parts it is made of, to the byte. In the page the drawing is `live`: it has
 * handles that open and close blocks, and no tooltips of its own. */
(() => {
  const {Canvas, num, textWidth, FILLS, EDGES, INK, DIM, LINE, SHARED, tint} = convatlas.drawing;
  const {beside, Heads, INDENT, EDGE} = convatlas.heads;
  const {prepared, opening, folding, fitting, count, leaves, joints, isRun, headOf} = convatlas.simplify;
  const KINDS = {conv: 'convolution', norm: 'normalisation', act: 'activation', pool: 'pooling', linear: 'linear', attention: 'attention', merge: 'merge', softmax: 'softmax',
    resample: 'resampling', reshape: 'reshaping', copy: 'copy', block: 'block, closed', other: 'other'};
  const SYMBOLS = {add: '+', iadd: '+', add_: '+', mul: '×', imul: '×', mul_: '×', sub: '−', isub: '−', div: '÷', matmul: '·'};
  const [TITLE, NAME, BAND, LABEL, MOST, LINE_MOST, LEADING, STRIPES, MARGIN, FITS, NARROW] = [11, 9.5, 9, 9, 320, 200, 13, 80, 14, 40, 1.08];
  const LEARNED = 0.25;
  const [HEAD, BELOW, UNUSED, LETTERS, COLUMNS, LARGER, PAGE] = [42, 14, 340, 200, 8, 1.1, [17.5 / 2.54 * 96, 24 / 2.54 * 96]];
  const FOLD = textWidth('fold', NAME, true) + 10;
  const DEFAULTS = {depth: -1, opened: [], shut: [], fold: true, each: [], fuse: true, silent: false, direction: 'down', columns: 1, labels: 'changes', colours: 'kind', names: true, legend: true, title: true};

  // ---- words

  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ',');
  const shapeWords = (shape) => (shape.length ? shape.map(grouped).join(' × ') : '?');

  function short(number) {
    if (number < 1000) return String(number);
    const units = [' k', ' M', ' G', ' T'];
    let value = number / 1000;
    while (value >= 999.5 && units.length > 1) {
      value /= 1000;
      units.shift();
    }
    const [unit] = units;
    const places = value < 9.995 ? 100 : value < 99.95 ? 10 : 1;
    const scaled = Math.floor(value * places + 0.5);
    const rest = String(places + scaled % places).slice(1).replace(/0+$/, '');
    return `${Math.floor(scaled / places)}${rest ? `.${rest}` : ''}${unit}`;
  }

  const called = (op) => op.op.replace(/^F\./, '');
  const symbol = (op) => (['merge', 'other'].includes(op.kind) && !op.parts.length && Object.hasOwn(SYMBOLS, called(op)) ? SYMBOLS[called(op)] : '');
  const within = (path, around) => (around && path.startsWith(`${around}.`) ? path.slice(around.length + 1) : path);

  function title(op) {
    const facts = new Map(op.attributes);
    const words = [called(op) === 'cat' ? 'concat' : called(op)];
    if (facts.has('kernel')) {
      words.push(facts.get('kernel'));
      if ((facts.get('stride') ?? '1') !== '1') words.push(`/${facts.get('stride')}`);
    }
    if (facts.has('groups')) words.push(facts.get('groups').includes('depthwise') ? 'depthwise' : `÷${facts.get('groups')}`);
    return words.join(' ');
  }

  function fitted(words, size, room, front = true) {
    if (textWidth(words, size) <= room) return words;
    const letters = [...words];
    const shown = () => (front ? `…${letters.join('')}` : `${letters.join('')}…`);
    while (letters.length && textWidth(shown(), size) > room) front ? letters.shift() : letters.pop();
    return shown();
  }

  function headed(words) {
    const cut = words.indexOf(' ');
    const parts = cut > 0 && words.slice(cut + 1) && textWidth(words, TITLE, true) > LINE_MOST ? [words.slice(0, cut), words.slice(cut + 1)] : [words];
    return parts.map((part) => fitted(part, TITLE, MOST, false));
  }

  function span([first, last], many) {
    if (first === last) return first;
    const common = first.lastIndexOf('.') + 1;
    let rest = common && last.startsWith(first.slice(0, common)) ? last.slice(common) : last;
    const stem = first.slice(common).replace(/[0-9]+$/, '');
    if (many > 2 && stem && stem === rest.replace(/[0-9]+$/, '') && stem !== rest) rest = rest.slice(stem.length);
    return many === 2 ? `${first}, ${rest}` : `${first} … ${rest}`;
  }

  /** What an op or block is called that stands in the block `inside`: "3", or "1 … 5" of a repetition. */
  function named(one, inside) {
    const names = [within(one.start === undefined ? one.id : headOf(one), inside), within(one.last, inside)];
    return one.last ? span(names, one.times) : names[0];
  }

  const pill = (times) => textWidth(`×${times}`, NAME, true) + 10;

  function counted(op) {
    if (!op.uncounted) return grouped(op.macs);
    return op.macs ? `${grouped(op.macs)}, and what is not counted` : 'not counted';
  }

  function about(op) {
    const found = [['output', op.shape.join(' × ') || '?'], ...op.attributes];
    if (op.parameters) found.push(['parameters', grouped(op.parameters)]);
    if (op.macs || op.uncounted) found.push(['MACs', counted(op)]);
    if (op.receptive_field) found.push(['receptive field', op.receptive_field.join(' × ')]);
    if (op.note) found.push(['note', op.note]);
    return found;
  }

  // ---- boxes and frames

  function insides(it) {
    const found = it.ops.map(() => '');
    for (const block of it.blocks.filter((one) => !isRun(one))) for (let k = block.start; k < block.stop; k += 1) found[k] = block.path || block.id;
    return found;
  }

  /** Whether it stands for a tensor that nothing gives. */
  const missing = (op) => op.kind === 'input' && op.op === '?';

  function look(op, inside, names) {
    const base = {title: [title(op)], name: '', bands: [], sign: ''};
    if (missing(op)) {
      const head = `${fitted(op.id, TITLE, MOST)} ?`;
      return {...base, title: [head], width: textWidth(head, TITLE, true) + 28, height: 24};
    }
    if (op.kind === 'input' || op.kind === 'output') {
      const name = op.shape.length ? shapeWords(op.shape) : '';
      const head = op.kind === 'input' && op.op === 'Parameter' ? fitted(op.id.slice(op.id.lastIndexOf('.') + 1), TITLE, MOST) : op.kind;
      return {...base, title: [head], name, width: Math.max(textWidth(head, TITLE, true), textWidth(name, NAME)) + 28, height: name ? 34 : 24};
    }
    if (op.times === 1 && symbol(op)) return {...base, sign: symbol(op), width: 22, height: 22};
    const beside = op.times > 1 ? 2 * (pill(op.times) + 4) : 0;
    if (op.kind === 'block') {
      const head = fitted(named(op, inside), TITLE, MOST - 40);
      const n = count(op);
      const name = `${called(op)} · ${op.parameters ? `${n} ${n === 1 ? 'op' : 'ops'}, ${short(op.parameters)}` : `${n} ops`}${op.times > 1 ? ' in all' : ''}`;
      return {...base, title: [head], name, width: Math.max(Math.max(textWidth(head, TITLE, true) * (op.times > 1 ? NARROW : 1) + Math.max(beside, 20), textWidth(name, NAME)) + 18, 110), height: 44};
    }
    const heads = headed(title(op));
    const name = names && !op.op.startsWith('F.') ? fitted(named(op, inside), NAME, MOST) : '';
    const bands = op.parts.slice(1);
    const widest = Math.max(textWidth(heads[0], TITLE, true) + beside, ...heads.slice(1).map((line) => textWidth(line, TITLE, true)), textWidth(name, NAME), ...bands.map((part) => textWidth(title(part), BAND)));
    return {...base, title: heads, name, bands, width: Math.max(widest + 18, 92), height: (name ? 34 : 24) + LEADING * (heads.length - 1) + 14 * bands.length};
  }

  function frameLook(block, it) {
    let inside = '';
    for (const other of it.blocks) {
      if (other === block) break;
      if (other.start <= block.start && block.stop <= other.stop && !isRun(other)) inside = other.path || other.id;
    }
    const name = fitted(named(block, inside), NAME, MOST);
    const op = fitted(block.op, NAME, MOST);
    const more = block.times > 1 ? pill(block.times) + 6 : isRun(block) ? FOLD + 6 : 0;
    const [bold, plain] = [textWidth(name, NAME, true), textWidth(op, NAME)];
    const words = [[0, bold], ...(op ? [[8, plain]] : []), ...(block.times > 1 ? [[6, pill(block.times)]] : [])];
    return {title: name, op, width: bold + plain + 39 + more, words};
  }

  function again(said) {
    const more = textWidth('… ', NAME, true);
    const [[, name], ...rest] = said.words;
    return {...said, title: `… ${said.title}`, width: said.width + more, words: [[0, name + more], ...rest]};
  }

  const paint = (kind, coloured) => ({fill: coloured ? FILLS[kind] : '#ffffff', stroke: EDGES[kind], class_: `ca-k-${kind}`});

  function handle(canvas, x, y, sign) {
    canvas.group({class_: 'ca-handle'}, () => {
      canvas.rect(x - 4, y - 4, 18, 18, {fill: '#ffffff', fill_opacity: 0});
      canvas.rect(x, y, 10, 10, {rx: 2, fill: '#ffffff', stroke: DIM, stroke_width: 0.9, class_: 'ca-knob'});
      canvas.line([x + 2.5, y + 5], [x + 7.5, y + 5], {stroke: DIM, stroke_width: 1.2});
      if (sign === '+') canvas.line([x + 5, y + 2.5], [x + 5, y + 7.5], {stroke: DIM, stroke_width: 1.2});
    });
  }

  function drawFrame(canvas, block, at) {
    canvas.group({class_: 'ca-frame', data_block: block.id}, () => {
      canvas.rect(at.x, at.y, at.width, at.height, {rx: 6, fill: '#596174', fill_opacity: 0.05, stroke: LINE, stroke_width: 0.8, stroke_opacity: 0.7, class_: 'ca-rim'});
    });
  }

  function drawCaption(canvas, block, said, at, heads, pages, live) {
    canvas.group({class_: 'ca-caption', data_block: block.id}, () => {
      const opens = live && !isRun(block);
      const folds = live && isRun(block) && block.times === 1;
      const start = at.x + (opens ? 20 : INDENT);
      const words = folds ? [...said.words, [6, FOLD]] : said.words;
      const between = beside(words, start, heads.through(at));
      const fits = between[between.length - 1] <= at.x + at.width - EDGE;
      const starts = fits ? between : beside(words, start, []);
      if (!fits) canvas.rect(at.x + 3, at.y + 3, said.width - 10 - (opens ? 0 : 12), 15, {rx: 3, fill: '#f7f8fb', class_: 'ca-chip'});
      if (opens) handle(canvas, at.x + 6, at.y + 5.5, '−');
      canvas.group({href: pages[block.id] ?? '', class_: 'ca-name'}, () => canvas.text([starts[0], at.y + 14], said.title, NAME, {font_weight: 'bold', fill: DIM, class_: 'ca-dim'}));
      if (said.op) canvas.text([starts[1], at.y + 14], said.op, NAME, {fill: DIM, class_: 'ca-dim'});
      const last = [starts[starts.length - 2], at.y + 3.5];
      if (block.times > 1) drawPill(canvas, last, `×${block.times}`, pill(block.times), headOf(block));
      else if (folds) drawPill(canvas, last, 'fold', FOLD, headOf(block));
    });
  }

  function drawPill(canvas, [x, y], words, wide, head) {
    canvas.group({class_: 'ca-times', data_head: head}, () => {
      canvas.rect(x, y, wide, 14, {rx: 7, fill: '#ffffff', stroke: DIM, stroke_width: 0.9, class_: 'ca-knob'});
      canvas.text([x + wide / 2, y + 10.5], words, NAME, {font_weight: 'bold', text_anchor: 'middle', fill: INK, class_: 'ca-ink'});
    });
  }

  function share(canvas, at, number) {
    canvas.circle(at, 7, {fill: tint(number), class_: 'ca-share'});
    canvas.text([at[0], at[1] + 3], String(number), 8, {font_weight: 'bold', text_anchor: 'middle', fill: '#ffffff'});
  }

  function drawNode(canvas, op, number, said, at, coloured, pages, live) {
    const tip = live ? '' : [`${op.last ? `${op.id} … ${op.last} ×${op.times}` : op.id} (${called(op)})`, ...about(op).map(([name, value]) => `${name} ${value}`)].join(' · ');
    canvas.group({title: tip, class_: `ca-node ca-is-${op.kind}`, data_n: String(number), data_id: op.id}, () => {
      const middle = at.x + at.width / 2;
      if (said.sign) {
        const centre = [middle, at.y + at.height / 2];
        canvas.circle(centre, 11, paint(op.kind, coloured));
        canvas.text([centre[0], centre[1] + 5], said.sign, 15, {text_anchor: 'middle', fill: INK, class_: 'ca-on'});
        return;
      }
      body(canvas, op, said, at, coloured);
      const top = at.y + (op.kind === 'block' && leaves(op).length > STRIPES ? 5 : 0);
      canvas.group({href: pages[op.id] ?? '', class_: 'ca-name'}, () => said.title.forEach((line, k) => canvas.text([middle, top + 15.5 + LEADING * k], line, TITLE, {font_weight: 'bold', text_anchor: 'middle', fill: INK, class_: 'ca-on'})));
      if (op.times > 1) drawPill(canvas, [at.x + at.width - pill(op.times) - 5, at.y + 5], `×${op.times}`, pill(op.times), op.id);
      if (said.name) canvas.text([middle, top + 28 + LEADING * (said.title.length - 1)], said.name, NAME, {text_anchor: 'middle', fill: '#3b4252', class_: 'ca-on-dim'});
      said.bands.forEach((part, k) => canvas.text([middle, at.y + at.height - 14 * (said.bands.length - k) + 10], title(part), BAND, {text_anchor: 'middle', fill: INK, class_: 'ca-on'}));
      if (op.shared) share(canvas, [at.x + at.width - 2, at.y + 2], op.shared);
      if (live && op.kind === 'block') handle(canvas, at.x + 5, at.y + 6, '+');
    });
  }

  function body(canvas, op, said, at, coloured) {
    const rx = (op.kind === 'input' || op.kind === 'output') && !missing(op) ? at.height / 2 : 4;
    if (op.kind === 'block') for (const off of [5, 2.5]) canvas.rect(at.x + off, at.y + off, at.width, at.height, {rx: 4, stroke_width: 0.8, ...paint('block', coloured)});
    canvas.rect(at.x, at.y, at.width, at.height, {rx, stroke_dasharray: missing(op) ? '4 3' : null, ...paint(op.kind, coloured)});
    said.bands.forEach((part, k) => {
      const top = at.y + at.height - 14 * (said.bands.length - k);
      const last = k === said.bands.length - 1;
      const shape = `M ${num(at.x)} ${num(top)} h ${num(at.width)} v ${last ? 10 : 14} `
        + (last ? `a 4 4 0 0 1 -4 4 h ${num(8 - at.width)} a 4 4 0 0 1 -4 -4 Z` : `h ${num(-at.width)} Z`);
      canvas.path(shape, {data_id: part.id, ...paint(part.kind, coloured)});
    });
    if (op.kind !== 'block') return;
    const inner = leaves(op);
    if (inner.length > STRIPES) return;
    const wide = (at.width - 12) / inner.length;
    inner.forEach((leaf, k) => canvas.rect(at.x + 6 + k * wide, at.y + at.height - 9, wide, 5, {fill: coloured ? FILLS[leaf.kind] : '#ffffff', stroke: EDGES[leaf.kind], stroke_width: 0.4, class_: `ca-k-${leaf.kind}`}));
  }

  // ---- lines

  function lines(canvas, laid, it, targets, isDown) {
    for (const kind of ['arc', 'skip', 'trunk']) {
      for (const wire of laid.wires) {
        if (wire.kind !== kind) continue;
        const thin = kind === 'arc';
        canvas.group({class_: `ca-wire ca-wire-${kind}`, data_from: String(wire.source), data_to: wire.edges.map((k) => targets[k]).join(' ')}, () => {
          canvas.path(wire.path.map(([letter, numbers]) => `${letter} ${numbers.map(num).join(' ')}`).join(' '), {fill: 'none', stroke: LINE, stroke_width: thin ? 0.7 : 1.4,
            stroke_opacity: thin ? 0.45 : null, stroke_dasharray: wire.edges.every((k) => it.edges[k].dashed) ? '4 3' : null});
          if (!wire.tip) return;
          const along = wire.tip[2] === 'along';
          const angle = isDown ? (along ? Math.PI / 2 : Math.PI) : (along ? 0 : -Math.PI / 2);
          canvas.arrowhead([wire.tip[0], wire.tip[1]], angle, thin ? 4 : 7, {fill: LINE, fill_opacity: thin ? 0.6 : null});
        });
      }
    }
  }

  const OFF = 5;
  const sheets = (op) => (op.kind === 'block' ? 4 : 0);
  const reach = (words, op) => (words ? OFF + sheets(op) + textWidth(words, LABEL) : 0);

  function shownShapes(it, which) {
    const {into, out} = joints(it);
    return it.ops.map((op) => {
      const shape = !out.get(op.id).length ? [] : op.shape.length ? op.shape : out.get(op.id)[0].shape;
      const read = into.get(op.id);
      const unchanged = which === 'changes' && read.length && read.every((edge) => String(edge.shape) === String(shape));
      return !shape.length || which === 'none' || unchanged ? '' : shapeWords(shape);
    });
  }

  function labels(canvas, laid, it, shapes, isDown, heads) {
    const rims = [...laid.frames, ...laid.rests.map(([, rest]) => rest)];
    it.ops.forEach((op, k) => {
      const words = shapes[k];
      if (!words) return;
      const box = laid.boxes[k];
      const off = sheets(op);
      const at = isDown ? [box.x + box.width / 2 + OFF, box.y + box.height + 12 + off / 2] : [box.x + box.width + OFF + off, box.y + box.height / 2 - 4];
      const ground = {x: at[0] - 1, y: at[1] - 8, width: textWidth(words, LABEL), height: 10};
      if (heads.through(ground, ground.height).length || rims.some((rim) => cuts(rim, ground))) canvas.rect(ground.x, ground.y, ground.width, ground.height, {fill: '#ffffff', class_: 'ca-ground'});
      canvas.text(at, words, LABEL, {fill: DIM, class_: 'ca-dim'});
    });
  }

  /** Whether a part of `at` is inside a frame, and another is not. */
  function cuts(rim, at) {
    const [right, low, out, below] = [at.x + at.width, at.y + at.height, rim.x + rim.width, rim.y + rim.height];
    if (right <= rim.x || at.x >= out || low <= rim.y || at.y >= below) return false;
    return at.x < rim.x || right > out || at.y < rim.y || low > below;
  }

  // ---- the whole

  /** The layout, by the number of columns. */
  function laidOut(made, shapes, edges, it, frames, isDown) {
    const {arrange, inColumns} = convatlas.layout;
    const wide = shapes.map((words, k) => reach(words, it.ops[k]));
    const weights = it.ops.map((op) => (op.kind === 'input' && op.op === 'Parameter' ? LEARNED : 1));
    if (isDown) {
      const boxes = made.map((one, k) => ({width: one.width, height: one.height, reach: wide[k], weight: weights[k]}));
      const tall = arrange(boxes, edges, it.blocks.map((b, k) => ({start: b.start, stop: b.stop, width: frames[k].width, height: 0, words: frames[k].words})), {gap: shapes.some(Boolean) ? 34 : 26});
      return (count) => inColumns(tall, boxes, count, boxes.map(() => 0));
    }
    const boxes = made.map((one, k) => ({width: one.height, height: one.width, reach: 0, weight: weights[k]}));
    const long = arrange(boxes, edges, it.blocks.map((b, k) => ({start: b.start, stop: b.stop, width: 0, height: frames[k].width})), {gap: Math.max(34, Math.max(0, ...wide) + 9), side: 16, head: 0, before: 18});
    return (count) => turnedLayout(inColumns(long, boxes, count, wide, false));
  }

  const turned = (box) => ({x: box.y, y: box.x, width: box.height, height: box.width});

  function turnedLayout(laid) {
    return {boxes: laid.boxes.map(turned), frames: laid.frames.map(turned), rests: [], cuts: laid.cuts, width: laid.height, height: laid.width, wires: laid.wires.map((wire) => ({...wire,
      path: wire.path.map(([letter, numbers]) => [letter, numbers.map((number, k) => numbers[k ^ 1])]), tip: wire.tip && [wire.tip[1], wire.tip[0], wire.tip[2]], start: [wire.start[1], wire.start[0]]}))};
  }

  /** How many modules and parameters nothing called, and which. */
  function unusedOf({unused}) {
    return unused.length ? fitted([...`${unused.length} unused: ${unused.join(', ')}`].slice(0, LETTERS).join(''), 10, UNUSED, false) : '';
  }

  /** Of all that is drawn, without its margins; `above` is the size of the title. */
  function sizeOf(laid, it, how, above) {
    const width = Math.max(laid.width, above[0]);
    return [width, laid.height + above[1] + (how.legend ? legend(new Canvas(), it, 0, 0, width) : 0)];
  }

  /** The layout in as many columns as are asked for, or as make the letters largest on a page. */
  function fittedLayout(layouts, it, how, above) {
    if (how.columns) return layouts(how.columns);
    let best = 0;
    let found = layouts(1);
    for (let count = 1; count <= COLUMNS; count += 1) {
      const laid = count === 1 ? found : layouts(count);
      const [width, height] = sizeOf(laid, it, how, above);
      const share = Math.min(1, PAGE[0] / (width + 2 * MARGIN), PAGE[1] / (height + 2 * MARGIN));
      if (share > best * LARGER) [best, found] = [share, laid];
    }
    return found;
  }

  function legend(canvas, it, x, y, width) {
    const seen = new Set(it.ops.flatMap((op) => [op.kind, ...leaves(op).map((leaf) => leaf.kind)]));
    let at = 0;
    let row = 0;
    for (const [kind, words] of Object.entries(KINDS)) {
      if (!seen.has(kind)) continue;
      const wide = 16 + textWidth(words, NAME) + 12;
      if (at && at + wide > width) {
        at = 0;
        row += 1;
      }
      canvas.rect(x + at, y + 16 * row, 11, 11, {rx: 2, ...paint(kind, true)});
      canvas.text([x + at + 16, y + 16 * row + 9.5], words, NAME, {fill: DIM, class_: 'ca-dim'});
      at += wide;
    }
    const shared = it.ops.map((op) => op.shared).filter(Boolean);
    if (shared.length) {
      if (at && at + 16 + textWidth(SHARED, NAME) + 12 > width) {
        at = 0;
        row += 1;
      }
      share(canvas, [x + at + 5.5, y + 16 * row + 5.5], Math.min(...shared));
      canvas.text([x + at + 16, y + 16 * row + 9.5], SHARED, NAME, {fill: DIM, class_: 'ca-dim'});
    }
    return 16 * (row + 1) + 12;
  }

  /** A drawing, and with it what is seen (`it`), before and after repetitions were folded (`open`, `fold`), and where (`laid`, `origin`). */
  function scene(architecture, options = {}, pages = Object.create(null), live = false) {
    const how = {...DEFAULTS, ...options};
    const whole = how.prepared || prepared(architecture, how);
    const depth = how.depth >= 0 ? how.depth : fitting(whole, FITS, {fold: how.fold});
    const [open, alone] = opening(whole, depth, how.opened, how.shut, how.fold, how.each);
    const fold = how.fold ? folding(open, alone) : null;
    const it = fold ? fold.result() : open;
    const canvas = new Canvas();
    const inside = insides(it);
    const made = it.ops.map((op, k) => look(op, inside[k], how.names));
    const isDown = how.direction === 'down';
    const place = new Map(it.ops.map((op, k) => [op.id, k]));
    const edges = it.edges.map((edge) => [place.get(edge.source), place.get(edge.target)]);
    const frames = it.blocks.map((block) => frameLook(block, it));
    const shapes = shownShapes(it, how.labels);
    const facts = `${short(architecture.parameters)} parameters · ${whole.ops.some((op) => op.uncounted) ? 'at least ' : ''}${short(architecture.macs)} MACs`;
    const unused = unusedOf(architecture);
    const above = how.title ? [Math.max(textWidth(architecture.title, 14, true), textWidth(facts, 10), textWidth(unused, 10)), unused ? HEAD + BELOW : HEAD] : [0, 0];
    const laid = fittedLayout(laidOut(made, shapes, edges, it, frames, isDown), it, how, above);
    const head = above[1];
    if (how.title) {
      canvas.text([MARGIN, MARGIN + 12], architecture.title, 14, {font_weight: 'bold', fill: INK, class_: 'ca-ink'});
      canvas.text([MARGIN, MARGIN + 27], facts, 10, {fill: DIM, class_: 'ca-dim'});
      if (unused) canvas.text([MARGIN, MARGIN + 27 + BELOW], unused, 10, {fill: DIM, class_: 'ca-dim'});
    }
    canvas.group({transform: `translate(${num(MARGIN)} ${num(MARGIN + head)})`}, () => {
      it.blocks.forEach((block, k) => drawFrame(canvas, block, laid.frames[k]));
      for (const [k, rest] of laid.rests) drawFrame(canvas, it.blocks[k], rest);
      lines(canvas, laid, it, edges.map(([, b]) => b), isDown);
      const heads = new Heads(laid.wires);
      it.blocks.forEach((block, k) => drawCaption(canvas, block, frames[k], laid.frames[k], heads, pages, live));
      for (const [k, rest] of laid.rests) drawCaption(canvas, it.blocks[k], again(frames[k]), rest, heads, pages, live);
      it.ops.forEach((op, k) => drawNode(canvas, op, k, made[k], laid.boxes[k], how.colours === 'kind', pages, live));
      labels(canvas, laid, it, shapes, isDown, heads);
    });
    const [width, height] = sizeOf(laid, it, how, above);
    if (how.legend) legend(canvas, it, MARGIN, MARGIN + head + laid.height + 16, width);
    const drawing = canvas.drawing(Math.ceil(width + 2 * MARGIN), Math.ceil(height + 2 * MARGIN), {title: architecture.title});
    return {drawing, it, laid, edges, open, fold, origin: [MARGIN, MARGIN + head]};
  }

  convatlas.styles.graph = {draw: (architecture, options) => scene(architecture, options).drawing, scene};
  convatlas.graphWords = {title, about, named, shapeWords, short, grouped, called};
})();
