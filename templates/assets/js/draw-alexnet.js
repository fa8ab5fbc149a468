/* generator/diagrams/styles/alexnet.py in a browser, to the byte. */
(() => {
  const {DASHES, EDGE, FILLS, EDGES, LINE, Frame, nothing, spread, printed, drawSkips, sized, facesOf, tops, maps, label, longest, stages, textWidth, num} = convatlas.drawing;
  const LEAST = 4;

  class Body {
    x = 0;
    y = 0;

    constructor(o, stage, top) {
      this.stage = stage;
      this.maps = maps(stage.op.shape);
      this.down = o.direction === 'down';
      const turn = o.angle * (Math.PI / 180);
      let deep;
      let said;
      if (!this.maps) {
        const size = longest(stage.op.shape);
        this.long = 2 * LEAST;
        deep = 2 * LEAST;
        this.high = sized(size, top[2], 'log', o.dense_length, 2 * LEAST);
        said = [stage.op.shape.length ? String(size) : '?', '', ''];
      } else {
        const flat = stage.op.shape.length === 2;
        if (flat) this.maps = [stage.op.shape[1], stage.op.shape[0], 1];
        const [channels, ...sides] = this.maps;
        this.long = sized(channels, top[1], o.channel_scale, o.length, LEAST);
        const [height, width] = sides.map((side) => sized(side, top[0], o.scale, o.size, LEAST));
        [this.high, deep] = this.down ? [width, height] : [height, width];
        if (flat) [this.high, deep] = [height, 2 * LEAST];
        said = [String(channels), String(sides[0]), flat ? '' : String(sides[1])];
      }
      this.into = [deep * o.foreshortening * Math.cos(turn), -deep * o.foreshortening * Math.sin(turn)];
      this.said = o.labels && !this.down ? said : ['', '', ''];
      this.text = o.labels && this.down ? label(stage.op.shape) : '';
      const wide = this.said.map((text) => (text ? textWidth(text, o.font_size) : 0));
      this.lead = Math.max(wide[1] ? wide[1] + EDGE / 2 : 0, (wide[0] - this.long) / 2);
      const behind = wide[2] ? this.into[0] / 2 + EDGE / 2 + wide[2] : 0;
      this.length = this.lead + this.long + Math.max(this.into[0], behind, (wide[0] - this.long) / 2);
      if (this.down) [this.lead, this.length] = [0, this.height];
    }

    get width() { return this.into[0] + (this.down ? this.high : this.long); }
    get height() { return (this.down ? this.long : this.high) - this.into[1]; }

    put(start) { [this.x, this.y] = this.down ? [-this.width / 2, start] : [start + this.lead, -this.height / 2]; }

    at(c, across, deep) {
      const [right, below] = this.down ? [across * this.high, c * this.long] : [c * this.long, across * this.high];
      return [this.x + right + deep * this.into[0], this.y - this.into[1] + below + deep * this.into[1]];
    }
  }

  class Picture {
    constructor(o, it, row) {
      Object.assign(this, {o, it, frame: new Frame(), down: o.direction === 'down', line: 1.25 * o.font_size});
      this.canvas = this.frame.canvas;
      const top = tops(row);
      this.bodies = row.map((stage) => new Body(o, stage, top));
      this.words = row.map((stage) => (o.names ? stage.words : []));
    }

    drawing() {
      const middles = this.place();
      this.bodies.forEach((body, k) => {
        this.body(body);
        if (this.o.kernels && k + 1 < this.bodies.length) this.between(body, this.bodies[k + 1]);
      });
      if (this.o.skips) this.skips();
      for (const body of this.bodies) this.numbers(body);
      this.names(middles);
      return this.frame.drawing(this.it.title);
    }

    wide(text) { return text ? textWidth(text, this.o.font_size) : 0; }

    place() {
      const words = this.words.map((lines) => (this.down ? lines.length * this.line : Math.max(0, ...lines.map((text) => this.wide(text)))));
      const labels = this.bodies.map((body) => (body.text ? this.line : 0));
      const [starts, middles] = spread(this.bodies.map((body) => body.length), labels, words, this.o.spacing);
      this.bodies.forEach((body, k) => body.put(starts[k]));
      return middles;
    }

    names(middles) {
      const {frame, o: {font_size: size}} = this;
      const {left, bottom} = frame;
      this.words.forEach((lines, k) => lines.forEach((text, n) => {
        const line = (n + 0.8) * this.line;
        if (this.down) frame.text([left - EDGE, middles[k] - lines.length * this.line / 2 + line], text, size, {anchor: 'end', dim: true});
        else frame.text([middles[k], bottom + EDGE + line], text, size, {anchor: 'middle', dim: true});
      }));
    }

    skips() {
      const places = this.bodies.map((body) => {
        if (!this.down) return {along: body.x + body.width / 2, reach: -body.y};
        return {along: body.y + body.height / 2, reach: body.x + body.width + (body.text ? EDGE + this.wide(body.text) : 0)};
      });
      drawSkips(this.frame, this.bodies, places, this.down);
    }

    body(body) {
      const {o, canvas} = this;
      const {kind} = body.stage.ops[0];
      const [fill, edge] = o.by_kind ? [FILLS[kind], EDGES[kind]] : [o.tensor_colour, o.border_colour];
      const border = {stroke: edge, stroke_width: o.border_width, stroke_linejoin: 'round'};
      const more = {fill, fill_opacity: o.opacity, ...border, class_: o.by_kind ? `ca-k-${kind}` : null};
      const at = (...shares) => body.at(...shares);
      this.frame.cover(body.x, body.y, body.width, body.height);
      const corner = this.down ? [1, 0, 1] : [0, 1, 1];
      canvas.group({title: body.stage.tooltip, class_: 'ca-op', data_id: body.stage.op.id}, () => {
        const hidden = {...border, stroke_opacity: 0.4, class_: 'ca-frame'};
        for (const k of [1, 2, 0]) canvas.line(at(...corner), at(...corner.map((one, n) => (n === k ? 1 - one : one))), hidden);
        const front = [at(0, 0, 0), at(1, 0, 0), at(1, 1, 0), at(0, 1, 0)];
        const right = [at(0, 1, 0), at(0, 1, 1), at(1, 1, 1), at(1, 1, 0)];
        const [upper, side] = this.down ? [right, [at(0, 0, 0), at(0, 0, 1), at(0, 1, 1), at(0, 1, 0)]]
          : [[at(0, 0, 0), at(1, 0, 0), at(1, 0, 1), at(0, 0, 1)], [at(1, 0, 0), at(1, 0, 1), at(1, 1, 1), at(1, 1, 0)]];
        canvas.polygon(upper, more);
        canvas.polygon(front, more);
        const faces = o.faces && body.maps && body.stage.op.shape.length !== 2 ? facesOf(this.it, body.stage.ops) : [];
        if (faces.length) {
          const grid = this.down ? [body.high, 0, -body.into[0], -body.into[1], ...at(0, 0, 1)] : [...body.into, 0, body.high, ...at(1, 0, 0)];
          canvas.image(0, 0, 1, 1, faces[0], {transform: `matrix(${grid.map(num).join(',')})`, image_rendering: 'pixelated'});
          canvas.polygon(side, {fill: 'none', ...border, class_: 'ca-frame'});
        } else canvas.polygon(side, more);
      });
    }

    between(a, b) {
      const {o, canvas} = this;
      const tip = b.at(0, 0.5, 0.5);
      const dashes = b.stage.dashed ? DASHES : null;
      if (!a.maps || !b.maps || !b.stage.kernel) {
        const high = 0.4 * Math.min(a.high, b.high);
        for (const cross of [-high, high]) {
          const ends = [a.at(1, 0.5, 0.5), b.at(0, 0.5, 0.5)].map(([x, y]) => (this.down ? [x + cross, y] : [x, y + cross]));
          canvas.line(...ends, {stroke: LINE, stroke_width: 0.8, stroke_dasharray: dashes, class_: 'ca-line'});
        }
        return;
      }
      const [high, deep] = (this.down ? [1, 0] : [0, 1]).map((k) => Math.max(LEAST / a.high, Math.min(1, b.stage.kernel[k] / a.maps[1 + k])) / 2);
      const low = [0.5 - high, 0.5 + high];
      const near = [0.5 - deep, 0.5 + deep];
      const ring = (x) => [a.at(x, low[0], near[0]), a.at(x, low[0], near[1]), a.at(x, low[1], near[1]), a.at(x, low[1], near[0])];
      const [front, inner] = [ring(1), ring(0)];
      const line = {stroke: o.kernel_colour, stroke_width: o.border_width};
      canvas.group({class_: 'ca-window'}, () => {
        canvas.polygon(inner, {fill: 'none', stroke_opacity: 0.5, ...line});
        inner.forEach((one, k) => canvas.line(one, front[k], {stroke_opacity: 0.5, ...line}));
        canvas.polygon(front, {fill: o.kernel_colour, fill_opacity: 0.2, ...line});
        front.forEach((one, k) => canvas.polygon([one, front[(k + 1) % 4], tip], {fill: o.pyramid_colour, fill_opacity: o.pyramid_opacity}));
        for (const corner of front) canvas.line(corner, tip, {stroke: o.pyramid_colour, stroke_width: 0.7, stroke_opacity: 0.6, stroke_dasharray: dashes});
      });
    }

    numbers(body) {
      const {frame, o: {font_size: size}} = this;
      if (body.text) frame.text([body.x + body.width + EDGE, body.y + body.height / 2 + 0.35 * size], body.text, size);
      const [channels, height, width] = body.said;
      const left = body.at(0, 1, 0);
      const right = body.at(1, 1, 0.5);
      if (channels) frame.text([left[0] + body.long / 2, left[1] + size + 2], channels, size, {anchor: 'middle'});
      if (height) frame.text([left[0] - EDGE / 2, Math.max(left[1] - 2, 0.75 * size + 3)], height, size, {anchor: 'end'});
      if (width) frame.text([right[0] + EDGE / 2, right[1] + size * 0.8], width, size);
    }
  }

  convatlas.styles.alexnet = {
    draw(it, o) {
      const row = stages(it, o.tensors, o.depth);
      return row.length ? printed(o.size, 105, o.font_size, (size) => new Picture({...o, size}, it, row).drawing()) : nothing(it.title, 'No operation is known.', o.font_size);
    },
  };
})();
