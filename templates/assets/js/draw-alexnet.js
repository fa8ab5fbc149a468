/* generator/diagrams/styles/alexnet.py in a browser, to the byte. */
(() => {
  const {EDGE, FILLS, EDGES, LINE, Frame, nothing, spread, sized, facesOf, tops, maps, longest, stages, textWidth, num} = convatlas.drawing;
  const LEAST = 4;

  class Body {
    x = 0;

    constructor(o, stage, top) {
      this.stage = stage;
      this.maps = maps(stage.op.shape);
      const turn = o.angle * (Math.PI / 180);
      let deep;
      let said;
      if (!this.maps) {
        const size = longest(stage.op.shape);
        this.long = 2 * LEAST;
        this.high = sized(size, top[2], 'log', o.dense_length, 2 * LEAST);
        deep = 2 * LEAST;
        said = [stage.op.shape.length ? String(size) : '?', '', ''];
      } else {
        const [channels, height, width] = this.maps;
        this.long = sized(channels, top[1], o.channel_scale, o.length, LEAST);
        this.high = sized(height, top[0], o.scale, o.size, LEAST);
        deep = sized(width, top[0], o.scale, o.size, LEAST);
        said = [stage.op.shape.length > 2 ? String(channels) : '', String(height), String(width)];
      }
      this.into = [deep * o.foreshortening * Math.cos(turn), -deep * o.foreshortening * Math.sin(turn)];
      this.said = o.labels ? said : ['', '', ''];
      this.y = -(this.high + this.into[1]) / 2;
      const wide = this.said.map((text) => (text ? textWidth(text, o.font_size) : 0));
      this.lead = Math.max(wide[1] ? wide[1] + EDGE / 2 : 0, (wide[0] - this.long) / 2);
      const behind = wide[2] ? this.into[0] / 2 + EDGE / 2 + wide[2] : 0;
      this.length = this.lead + this.long + Math.max(this.into[0], behind, (wide[0] - this.long) / 2);
    }

    at(x, y, z) { return [this.x + x * this.long + z * this.into[0], this.y + y * this.high + z * this.into[1]]; }
  }

  class Picture {
    constructor(o, it, row) {
      Object.assign(this, {o, it, frame: new Frame()});
      this.canvas = this.frame.canvas;
      const top = tops(row);
      this.bodies = row.map((stage) => new Body(o, stage, top));
      this.words = row.map((stage) => (o.names ? stage.words : []));
    }

    drawing() {
      const size = this.o.font_size;
      const words = this.words.map((lines) => Math.max(0, ...lines.map((text) => textWidth(text, size))));
      const [starts, middles] = spread(this.bodies.map((body) => body.length), words.map(() => 0), words, this.o.spacing);
      this.bodies.forEach((body, k) => { body.x = starts[k] + body.lead; });
      this.bodies.forEach((body, k) => {
        this.body(body);
        if (this.o.kernels && k + 1 < this.bodies.length) this.between(body, this.bodies[k + 1]);
      });
      for (const body of this.bodies) this.numbers(body);
      const {bottom} = this.frame;
      this.words.forEach((lines, k) => lines.forEach((text, n) => {
        this.frame.text([middles[k], bottom + EDGE + (n + 0.8) * 1.25 * size], text, size, {anchor: 'middle', dim: true});
      }));
      return this.frame.drawing(this.it.title);
    }

    body(body) {
      const {o, canvas} = this;
      const {kind} = body.stage.ops[0];
      const [fill, edge] = o.by_kind ? [FILLS[kind], EDGES[kind]] : [o.tensor_colour, o.border_colour];
      const border = {stroke: edge, stroke_width: o.border_width, stroke_linejoin: 'round'};
      const more = {fill, fill_opacity: o.opacity, ...border, class_: o.by_kind ? `ca-k-${kind}` : null};
      const at = (x, y, z) => body.at(x, y, z);
      this.frame.cover(body.x, body.y + body.into[1], body.long + body.into[0], body.high - body.into[1]);
      canvas.group({title: body.stage.tooltip, class_: 'ca-op', data_id: body.stage.op.id}, () => {
        const hidden = {...border, stroke_opacity: 0.4, class_: 'ca-frame'};
        for (const end of [at(0, 0, 1), at(0, 1, 0), at(1, 1, 1)]) canvas.line(at(0, 1, 1), end, hidden);
        canvas.polygon([at(0, 0, 0), at(1, 0, 0), at(1, 0, 1), at(0, 0, 1)], more);
        canvas.polygon([at(0, 0, 0), at(1, 0, 0), at(1, 1, 0), at(0, 1, 0)], more);
        const side = [at(1, 0, 0), at(1, 0, 1), at(1, 1, 1), at(1, 1, 0)];
        const faces = o.faces && body.maps ? facesOf(this.it, body.stage.ops) : [];
        if (faces.length) {
          const grid = [...body.into, 0, body.high, ...at(1, 0, 0)].map(num).join(',');
          canvas.image(0, 0, 1, 1, faces[0], {transform: `matrix(${grid})`, image_rendering: 'pixelated'});
          canvas.polygon(side, {fill: 'none', ...border, class_: 'ca-frame'});
        } else canvas.polygon(side, more);
      });
    }

    between(a, b) {
      const {o, canvas} = this;
      const tip = b.at(0, 0.5, 0.5);
      if (!a.maps || !b.maps || !b.stage.kernel) {
        const high = Math.min(a.high, b.high) / 2;
        for (const cross of [-high, high]) {
          const ends = [[a, 1], [b, 0]].map(([one, share]) => [one.at(share, 0.5, 0.5)[0], one.at(0, 0.5, 0.5)[1] + cross]);
          canvas.line(...ends, {stroke: LINE, stroke_width: 0.8, class_: 'ca-line'});
        }
        return;
      }
      const high = Math.max(LEAST / a.high, Math.min(1, b.stage.kernel[0] / a.maps[1])) / 2;
      const deep = Math.max(LEAST / a.high, Math.min(1, b.stage.kernel[1] / a.maps[2])) / 2;
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
        for (const corner of front) canvas.line(corner, tip, {stroke: o.pyramid_colour, stroke_width: 0.7, stroke_opacity: 0.6});
      });
    }

    numbers(body) {
      const {frame, o: {font_size: size}} = this;
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
      return row.length ? new Picture(o, it, row).drawing() : nothing(it.title, 'No operation is known.', o.font_size);
    },
  };
})();
