/* Where boxes stand and lines run: generator/diagrams/layout, to the last bit, so that a graph opened and closed in the page is
 * what Python draws. What each step is for is said there. */
(() => {
  const DENSE = 1.5;
  const ENTRY = 0.5;
  const EXIT = 0.25;
  const LINE = 2;
  const WIDER = 60;
  const {beside, INDENT, CLOSE, EDGE} = convatlas.heads;
  const SPACING = {gap: 36, side: 22, lane: 12, pad: 12, head: 20, before: 0, radius: 8};

  /** Numbers of the edges that only shorten a way which exists. */
  function redundant(count, edges) {
    const words = (count + 31) >> 5;
    const out = Array.from({length: count}, () => []);
    for (const [a, b] of edges) out[a].push(b);
    const reach = Array.from({length: count}, () => new Int32Array(words));
    const beyond = Array.from({length: count}, () => new Int32Array(words));
    for (let a = count - 1; a >= 0; a -= 1) {
      for (const b of out[a]) {
        for (let w = 0; w < words; w += 1) {
          beyond[a][w] |= reach[b][w];
          reach[a][w] |= reach[b][w];
        }
        reach[a][b >> 5] |= 1 << (b & 31);
      }
    }
    return new Set(edges.map((edge, k) => k).filter((k) => beyond[edges[k][0]][edges[k][1] >> 5] >> (edges[k][1] & 31) & 1));
  }

  // ---- one level

  function place(things, links, spacing, framed, least) {
    const skips = redundant(things.length, links.map(({a, b}) => [a, b]));
    const spine = links.map((link, k) => k).filter((k) => !skips.has(k));
    const layers = layersOf(things, links);
    const trunk = trunkOf(things, links, spine);
    const {strips, of, runs} = stripsOf(things, links, spine, layers, trunk);
    for (const strip of strips.slice(1)) {
      const beside = trunk.filter((n) => strip.low <= layers[n] && layers[n] <= strip.high);
      if (beside.length && strip.order < beside[0]) strip.side = -1;
    }
    const {lanes, sided} = lanesOf(things, links, [...skips].sort((a, b) => a - b), layers, strips, trunk, spacing);
    pack(strips, [...lanes.values()], spacing);
    const {tops, bottoms} = heights(things, layers, spacing, framed, least);
    const x = things.map((thing, k) => of[k].x);
    const y = things.map((thing, k) => (tops[layers[k]] + bottoms[layers[k]] - thing.height) / 2);
    const paths = [];
    const ends = [];
    links.forEach((link, k) => {
      const a = things[link.a];
      const b = things[link.b];
      const start = [x[link.a] + (a.outs.get(link.source) ?? 0), y[link.a] + a.height];
      const stop = [x[link.b] + (b.ins.get(link.source) ?? 0), y[link.b]];
      const low = layers[link.a];
      const high = layers[link.b];
      if (skips.has(k)) {
        const side = sided.has(k) ? [x[link.b] + b.right, y[link.b] + b.height / 2] : null;
        paths.push(around(start, stop, side, lanes.get(k).x, tops, low, high, spacing.radius));
      } else paths.push(down(start, stop, runs.has(k) ? runs.get(k).x : null, tops, bottoms, low, high));
      ends.push(sided.has(k) ? 'back' : 'along');
    });
    const everything = [...strips, ...lanes.values()];
    return {x, y, paths, ends, skips, left: Math.max(0, ...everything.map((strip) => strip.left - strip.x)),
      right: Math.max(0, ...everything.map((strip) => strip.right + strip.x)), height: bottoms.length ? bottoms[bottoms.length - 1] : 0};
  }

  function layersOf(things, links) {
    const entered = things.some((thing) => thing.role === 'entry');
    const into = things.map(() => []);
    const out = things.map(() => []);
    for (const {a, b} of links) {
      into[b].push(a);
      out[a].push(b);
    }
    const layers = [];
    things.forEach((thing, k) => layers.push(Math.max(thing.role === 'entry' || !entered ? 0 : 1, ...into[k].map((a) => layers[a] + 1))));
    for (let k = things.length - 1; k >= 0; k -= 1) {
      if (!into[k].length && out[k].length && things[k].role === 'item') layers[k] = Math.max(layers[k], Math.min(...out[k].map((b) => layers[b])) - 1);
    }
    const last = Math.max(0, ...layers.filter((layer, k) => things[k].role !== 'exit')) + 1;
    return layers.map((layer, k) => (things[k].role === 'exit' ? last : layer));
  }

  function trunkOf(things, links, spine) {
    const best = things.map((thing) => thing.weight);
    const before = things.map(() => -1);
    const into = things.map(() => []);
    for (const k of spine) into[links[k].b].push(links[k].a);
    things.forEach((thing, b) => {
      for (const a of into[b]) {
        if (best[a] + thing.weight > best[b]) {
          best[b] = best[a] + thing.weight;
          before[b] = a;
        }
      }
    });
    let at = -1;
    for (let k = 0; k < things.length; k += 1) if (at < 0 || best[k] > best[at]) at = k;
    const found = [];
    for (; at >= 0; at = before[at]) found.unshift(at);
    return found;
  }

  const strip = (order, low, high, left = 0, right = 0) => ({order, low, high, left, right, side: 1, x: 0, at: new Map()});

  function stripsOf(things, links, spine, layers, trunk) {
    const out = things.map(() => 0);
    const into = things.map(() => 0);
    const feeds = new Map();
    for (const k of spine) {
      out[links[k].a] += 1;
      into[links[k].b] += 1;
      feeds.set(links[k].b, links[k].a);
    }
    const position = new Map(trunk.map((n, k) => [n, k]));
    const main = strip(-1, layers[trunk[0]], layers[trunk[trunk.length - 1]]);
    const strips = [main];
    const of = things.map(() => main);
    things.forEach((thing, k) => {
      if (!position.has(k)) {
        const a = feeds.get(k) ?? -1;
        if (into[k] === 1 && out[a] === 1 && !position.has(a)) of[k] = of[a];
        else {
          of[k] = strip(thing.role === 'item' ? k : things.length + k, layers[k], layers[k]);
          strips.push(of[k]);
        }
      }
      const here = of[k];
      here.low = Math.min(here.low, layers[k]);
      here.high = Math.max(here.high, layers[k]);
      const [left, right] = here.at.get(layers[k]) ?? [0, 0];
      here.at.set(layers[k], [Math.max(left, thing.left), Math.max(right, thing.right, thing.reach ?? 0)]);
      here.left = Math.max(here.left, thing.left);
      here.right = Math.max(here.right, thing.right, thing.reach ?? 0);
    });
    const runs = new Map();
    for (const k of spine) {
      const {a, b} = links[k];
      const low = layers[a] + 1;
      const high = layers[b] - 1;
      if (low > high) continue;
      let here;
      if (position.has(a) && position.has(b) && position.get(b) === position.get(a) + 1) here = main;
      else if (out[a] === 1 && !position.has(a)) here = of[a];
      else if (into[b] === 1 && !position.has(b)) here = of[b];
      else strips.push(here = strip(a + 0.5, low, high, 2, 2));
      here.low = Math.min(here.low, low);
      here.high = Math.max(here.high, high);
      runs.set(k, here);
    }
    return {strips, of, runs};
  }

  function lanesOf(things, links, skips, layers, strips, trunk, spacing) {
    const lanes = new Map();
    const sided = new Set();
    for (const k of skips) {
      const {a, b} = links[k];
      const free = strips.slice(1).every((other) => other.side < 0 || !(other.low <= layers[b] && layers[b] <= other.high));
      if (trunk.includes(b) && things[b].plain && things[b].role === 'item' && free) sided.add(k);
      const low = layers[a] + 1;
      const high = layers[b] - (sided.has(k) ? 0 : 1);
      lanes.set(k, strip(high - low, low, high, spacing.lane / 2, spacing.lane / 2));
    }
    return {lanes, sided};
  }

  /** How far a strip reaches to the left and to the right, over some of its layers. */
  function reaches(one, low, high) {
    if (!one.at.size) return [one.left, one.right];
    let [left, right] = [0, 0];
    for (let layer = Math.max(low, one.low); layer <= Math.min(high, one.high); layer += 1) {
      const [a, b] = one.at.get(layer) ?? [LINE, LINE];
      left = Math.max(left, a);
      right = Math.max(right, b);
    }
    return [left, right];
  }

  function pack(strips, lanes, spacing) {
    const left = strips.slice(1).filter((one) => one.side < 0).sort((a, b) => b.order - a.order);
    const right = strips.slice(1).filter((one) => one.side > 0).sort((a, b) => a.order - b.order);
    const ordered = lanes.sort((a, b) => a.order - b.order || a.low - b.low);
    const line = (one) => (one.left + one.right <= spacing.lane ? 1 : 0);
    const rooms = [spacing.side, spacing.lane / 2, 0];
    for (const [side, group] of [[-1, left], [1, [...right, ...ordered]]]) {
      const placed = [strips[0]];
      for (const one of group) {
        let far = 0;
        for (const other of placed) {
          if (other.low > one.high || one.low > other.high) continue;
          const there = reaches(other, one.low, one.high);
          const here = reaches(one, other.low, other.high);
          const reach = side * other.x + (side > 0 ? there[1] : there[0]);
          far = Math.max(far, reach + rooms[line(other) + line(one)] + (side > 0 ? here[0] : here[1]));
        }
        one.x = far * side;
        placed.push(one);
      }
    }
  }

  function heights(things, layers, spacing, framed, least) {
    const count = Math.max(-1, ...layers) + 1;
    const high = new Array(count).fill(0);
    things.forEach((thing, k) => { high[layers[k]] = Math.max(high[layers[k]], thing.height); });
    const exits = things.filter((thing) => thing.role === 'exit').length;
    const entered = things.some((thing) => thing.role === 'entry');
    const tops = [];
    const bottoms = [];
    let at = framed && !entered ? spacing.head + spacing.pad : 0;
    for (let layer = 0; layer < count; layer += 1) {
      tops.push(at);
      bottoms.push(at + high[layer]);
      at += high[layer] + spacing.gap;
      if (layer === 0 && framed && entered) at += spacing.head - spacing.gap / 4;
      if (exits && layer === count - 2) at -= exits === 1 ? spacing.gap / 2 : spacing.gap / 4;
    }
    if (count && bottoms[count - 1] < least) {
      tops[count - 1] = least - high[count - 1];
      bottoms[count - 1] = least;
    }
    return {tops, bottoms};
  }

  function down(start, stop, run, tops, bottoms, low, high) {
    const found = [['M', start]];
    let [x, y] = start;
    for (let layer = low; layer < high; layer += 1) {
      const to = layer === high - 1 ? stop[0] : run === null ? x : run;
      if (to === x) continue;
      const bottom = tops[layer + 1];
      const top = (bottoms[layer] + bottom) / 2;
      const middle = (top + bottom) / 2;
      found.push(['L', [x, top]]);
      found.push(['C', [x, middle, to, middle, to, bottom]]);
      x = to;
      y = bottom;
    }
    if (y !== stop[1]) found.push(['L', stop]);
    return found;
  }

  function around(start, stop, side, lane, tops, low, high, r) {
    const found = [['M', start], ...over(start[0], lane, tops[low + 1] - 16, r)];
    if (side) return [...found, ['L', [lane, side[1] - r]], ['Q', [lane, side[1], lane - r, side[1]]], ['L', side]];
    return [...found, ...over(lane, stop[0], tops[high] - 16, r), ['L', stop]];
  }

  function over(x, to, y, radius) {
    const r = Math.min(radius, Math.abs(to - x) / 2);
    const on = to > x ? r : -r;
    return [['L', [x, y - r]], ['Q', [x, y, x + on, y]], ['L', [to - on, y]], ['Q', [to, y, to, y + r]]];
  }

  // ---- all levels

  function arrange(boxes, edges, frames = [], asked = {}) {
    const spacing = {...SPACING, ...asked};
    const arcs = edges.length > DENSE * boxes.length ? redundant(boxes.length, edges) : new Set();
    const root = nested(boxes.length, frames);
    carry(root, edges, arcs);
    settle(root, boxes, frames, spacing);
    const found = {boxes: new Array(boxes.length), frames: new Array(frames.length), wires: [], width: root.placed.left + root.placed.right, height: root.placed.height};
    spread(root, root.placed.left, 0, found, boxes);
    for (const k of [...arcs].sort((a, b) => a - b)) {
      const {wire, reach} = arc(k, edges[k], found.boxes);
      found.wires.push(wire);
      found.width = Math.max(found.width, reach);
    }
    return found;
  }

  const level = (frame, start, stop) => ({frame, start, stop, items: [], entries: [], exits: [], things: [], links: []});

  function nested(count, frames) {
    const root = level(-1, 0, count);
    const stack = [root];
    let at = 0;
    const fill = (upto) => {
      for (;;) {
        while (stack.length > 1 && stack[stack.length - 1].stop <= at) stack.pop();
        if (at >= upto) return;
        stack[stack.length - 1].items.push(at);
        at += 1;
      }
    };
    frames.forEach((frame, k) => {
      fill(frame.start);
      const one = level(k, frame.start, frame.stop);
      stack[stack.length - 1].items.push(one);
      stack.push(one);
    });
    fill(count);
    return root;
  }

  function carry(root, edges, arcs) {
    const way = [];
    const all = [];
    const walk = (one, above) => {
      all.push(one);
      one.items.forEach((item, n) => {
        const here = [...above, [one, n]];
        if (typeof item === 'number') way[item] = here;
        else walk(item, here);
      });
    };
    walk(root, []);
    const inside = [];
    edges.forEach(([a, b], k) => {
      if (arcs.has(k)) return;
      let common = 0;
      while (way[a][common][0] === way[b][common][0] && way[a][common][1] === way[b][common][1]) common += 1;
      for (const [one, n] of way[a].slice(common + 1)) {
        if (!one.exits.includes(a)) one.exits.push(a);
        inside.push([one, 'exit', n, -1, a, k]);
      }
      inside.push([way[a][common][0], 'inner', way[a][common][1], way[b][common][1], a, k]);
      for (const [one, n] of way[b].slice(common + 1)) {
        if (!one.entries.includes(a)) one.entries.push(a);
        inside.push([one, 'entry', -1, n, a, k]);
      }
    });
    for (const one of all) {
      one.entries.sort((a, b) => a - b);
      one.exits.sort((a, b) => a - b);
      one.known = new Map();
    }
    for (const [one, what, n, m, source, k] of inside) {
      const first = one.entries.length;
      const a = what === 'entry' ? one.entries.indexOf(source) : first + n;
      const b = what === 'exit' ? first + one.items.length + one.exits.indexOf(source) : first + m;
      const key = `${a} ${b} ${source}`;
      if (!one.known.has(key)) {
        one.known.set(key, {a, b, source, edges: []});
        one.links.push(one.known.get(key));
      }
      one.known.get(key).edges.push(k);
    }
  }

  function settle(one, boxes, frames, spacing) {
    const port = (role, source) => ({left: 2, right: 2, height: 0, weight: role === 'entry' ? ENTRY : EXIT, role, plain: true, ins: new Map(role === 'exit' ? [[source, 0]] : []), outs: new Map(role === 'entry' ? [[source, 0]] : [])});
    for (const source of one.entries) one.things.push(port('entry', source));
    for (const item of one.items) {
      if (typeof item === 'number') {
        const half = boxes[item].width / 2;
        one.things.push({left: half, right: half, height: boxes[item].height, weight: boxes[item].weight ?? 1, role: 'item', plain: true, ins: new Map(), outs: new Map(), reach: boxes[item].reach});
      } else {
        settle(item, boxes, frames, spacing);
        one.things.push(frameOf(item, frames[item.frame], spacing));
      }
    }
    for (const source of one.exits) one.things.push(port('exit', source));
    one.placed = place(one.things, one.links, spacing, one.frame >= 0, one.frame >= 0 ? frames[one.frame].height : 0);
  }

  function frameOf(one, frame, spacing) {
    const {placed} = one;
    const left = placed.left + spacing.pad + spacing.before;
    const right = placed.right + spacing.pad;
    const more = Math.max(0, frame.width - left - right) / 2;
    const first = one.entries.length;
    const sides = [left + more, right + more];
    if (frame.words && frame.words.length && first) {
      const [before, behind] = lacks(frame.words, ...sides, one.entries.map((source, k) => placed.x[k]).sort((a, b) => a - b));
      if (before + behind <= WIDER) { sides[0] += before; sides[1] += behind; }
    }
    return {left: sides[0], right: sides[1], height: placed.height + (one.exits.length ? 0 : spacing.pad), weight: one.things.reduce((all, thing) => all + (thing.role === 'item' ? thing.weight : 0), 0), role: 'item', plain: false,
      ins: new Map(one.entries.map((source, k) => [source, placed.x[k]])), outs: new Map(one.exits.map((source, k) => [source, placed.x[first + one.items.length + k]]))};
  }

  function lacks(words, left, right, lines) {
    const spans = lines.map((x) => [x, x]);
    const end = (start) => beside(words, start, spans).pop();
    const plain = Math.max(0, end(INDENT - left) + EDGE - right);
    const before = Math.max(0, INDENT + words[0][1] + CLOSE - left - lines[0]);
    const behind = Math.max(0, end(INDENT - left - before) + EDGE - right);
    return plain <= before + behind ? [0, plain] : [before, behind];
  }

  function spread(one, x, y, found, boxes) {
    const {placed} = one;
    const first = one.entries.length;
    one.items.forEach((item, n) => {
      const thing = one.things[first + n];
      const at = x + placed.x[first + n];
      const top = y + placed.y[first + n];
      if (typeof item === 'number') found.boxes[item] = {x: at - thing.left, y: top, width: boxes[item].width, height: boxes[item].height};
      else {
        found.frames[item.frame] = {x: at - thing.left, y: top, width: thing.left + thing.right, height: thing.height};
        spread(item, at, top, found, boxes);
      }
    });
    one.links.forEach((link, k) => {
      const path = placed.paths[k].map(([letter, numbers]) => [letter, numbers.map((number, n) => number + (n % 2 ? y : x))]);
      const target = one.things[link.b];
      const tip = target.plain && target.role === 'item' ? [...path[path.length - 1][1].slice(-2), placed.ends[k]] : null;
      found.wires.push({source: link.source, edges: link.edges, path, tip, kind: placed.skips.has(k) ? 'skip' : 'trunk', start: path[0][1]});
    });
  }

  const CLEAR = 4;

  function arc(k, edge, found) {
    const a = found[edge[0]];
    const b = found[edge[1]];
    const start = [a.x + a.width, a.y + a.height / 2];
    const stop = [b.x + b.width, b.y + b.height / 2];
    const span = stop[1] - start[1];
    let reach = Math.max(start[0], stop[0]) + 20 + 220 * span / (span + 900);
    let path = [['M', start], ['C', [reach, start[1], reach, stop[1], ...stop]]];
    const least = Math.min(start[0], stop[0]);
    const beside = found.slice(edge[0] + 1, edge[1]).filter((box) => box.x + box.width + CLEAR > least);
    if (beside.some((box) => crossed(box, start, stop, reach))) {
      reach = Math.max(...beside.map((box) => box.x + box.width)) + 20 + 60 * span / (span + 900);
      const top = Math.max(start[1], Math.min(...beside.map((box) => box.y)));
      const bottom = Math.min(stop[1], Math.max(...beside.map((box) => box.y + box.height)));
      path = [['M', start], ['Q', [reach, start[1], reach, top]], ['L', [reach, bottom]], ['Q', [reach, stop[1], ...stop]]];
    }
    return {reach, wire: {source: edge[0], edges: [k], path, tip: [...stop, 'back'], kind: 'arc', start}};
  }

  function crossed(box, start, stop, bulge) {
    return [box.y, box.y + box.height].some((y) => {
      const share = Math.min(1, Math.max(0, (y - start[1]) / (stop[1] - start[1])));
      const t = 0.5 - Math.sin(Math.asin(1 - 2 * share) / 3);
      return (1 - t) ** 3 * start[0] + 3 * t * (1 - t) * bulge + t ** 3 * stop[0] < box.x + box.width + CLEAR;
    });
  }

  convatlas.layout = {arrange};
})();
