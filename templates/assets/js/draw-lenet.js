/* generator/diagrams/styles/lenet.py in a browser, to the byte. */
(() => {
  const {DASHES, EDGE, FILLS, EDGES, INK, LINE, Frame, nothing, spread, printed, drawSkips, grown, sized, facesOf, tops, maps, label, longest, stages, textWidth} = convatlas.drawing;
  const THIN = 9;
  const LEAN = 0.3;
  const LEAST = 4;

  function sheetsOf(channels, top, o) {
    if (top <= o.sheets || channels <= 1) return Math.max(1, Math.min(channels, o.sheets));
    const wanted = o.sheets * grown(channels, o.channel_scale) / grown(top, o.channel_scale);
    return Math.max(1, Math.min(channels, o.sheets, Math.max(3, Math.floor(wanted + 0.5))));
  }

  class Body {
    x = 0;
    y = 0;

    constructor(o, stage, top) {
      this.stage = stage;
      this.offset = o.offset;
      this.down = o.direction === 'down';
      this.maps = maps(stage.op.shape);
      if (!this.maps) {
        const length = sized(longest(stage.op.shape), top[2], o.channel_scale, o.dense_length, 2 * LEAST);
        this.sheets = 1;
        this.sheet = this.down ? [length, THIN] : [THIN, length];
        this.width = this.sheet[0] + (this.down ? 0 : LEAN * length);
        this.height = this.sheet[1] + (this.down ? LEAN * length : 0);
        return;
      }
      const [channels, height, width] = this.maps;
      this.sheets = sheetsOf(channels, top[1], o);
      const largest = stage.op.shape.length === 2 ? Math.max(height, width) : top[0];
      this.sheet = [sized(width, largest, o.scale, o.size, LEAST), sized(height, largest, o.scale, o.size, LEAST)];
      const behind = (this.sheets - 1) * o.offset;
      this.width = this.sheet[0] + behind;
      this.height = this.sheet[1] + behind;
    }

    get front() { return [this.x + this.width - this.sheet[0], this.y + this.height - this.sheet[1]]; }
    get along() { return this.down ? [this.y, this.height] : [this.x, this.width]; }
    get across() { return this.down ? [this.x, this.width] : [this.y, this.height]; }

    ends(cross) {
      const [start, length] = this.along;
      const [first, wide] = this.across;
      if (!this.maps) {
        const near = start + LEAN * (cross - first);
        return [near, near + THIN];
      }
      const steps = (this.sheets - 1) * this.offset;
      const sheet = wide - steps;
      const near = start + this.offset * Math.ceil(Math.max(0, cross - first - sheet) / this.offset);
      const far = start + length - this.offset * Math.ceil(Math.max(0, first + steps - cross) / this.offset);
      return [near, far];
    }
  }

  function corners(body) {
    const start = body.along[0];
    const length = body.across[1];
    const flat = [[0, 0], [THIN, 0], [THIN + LEAN * length, length], [LEAN * length, length]];
    return flat.map(([a, b]) => (body.down ? [body.x + b, start + a] : [start + a, body.y + b]));
  }

  class Picture {
    constructor(o, it, row) {
      Object.assign(this, {o, it, frame: new Frame(), down: o.direction === 'down', line: o.font_size * 1.25});
      this.canvas = this.frame.canvas;
      const top = tops(row);
      this.bodies = row.map((stage) => new Body(o, stage, top));
      this.texts = row.map((stage) => (o.labels ? label(stage.op.shape) : ''));
      this.words = row.map((stage) => (o.names ? stage.words : []));
    }

    drawing() {
      const middles = this.place();
      for (const body of this.bodies) this.body(body);
      if (this.o.kernels) for (let k = 1; k < this.bodies.length; k++) this.between(this.bodies[k - 1], this.bodies[k]);
      if (this.o.skips) this.skips();
      this.captions(middles);
      return this.frame.drawing(this.it.title);
    }

    wide(text) { return text ? textWidth(text, this.o.font_size) : 0; }

    labelWide(k) {
      const body = this.bodies[k];
      const beside = !body.maps && this.texts[k] ? body.width - THIN : 0;
      return this.wide(this.texts[k]) + beside;
    }

    place() {
      const labels = this.texts.map((text, k) => (this.down ? (text ? this.line : 0) : this.labelWide(k)));
      const words = this.words.map((lines) => (this.down ? lines.length * this.line : Math.max(0, ...lines.map((text) => this.wide(text)))));
      const [starts, middles] = spread(this.bodies.map((body) => body.along[1]), labels, words, this.o.spacing);
      this.bodies.forEach((body, k) => {
        const across = -body.across[1] / 2;
        [body.x, body.y] = this.down ? [across, starts[k]] : [starts[k], across];
      });
      return middles;
    }

    body(body) {
      const {o, canvas} = this;
      const {kind} = body.stage.ops[0];
      const two = o.colours === 'two';
      const pictures = o.faces && body.maps && body.stage.op.shape.length !== 2 ? facesOf(this.it, body.stage.ops) : [];
      const border = {stroke: two ? o.border_colour : EDGES[kind], stroke_width: o.border_width};
      const name = two ? null : `ca-k-${kind}`;
      this.frame.cover(body.x, body.y, body.width, body.height);
      canvas.group({title: body.stage.tooltip, class_: 'ca-op', data_id: body.stage.op.id}, () => {
        for (let k = 0; k < body.sheets; k++) {
          const fill = two ? (k % 2 === 0 ? o.first_colour : o.second_colour) : FILLS[kind];
          const filled = {fill, fill_opacity: o.opacity, ...border, class_: name};
          const [x, y] = [body.x + k * o.offset, body.y + k * o.offset];
          const picture = body.sheets - 1 - k;
          if (!body.maps) canvas.polygon(corners(body), filled);
          else if (picture < pictures.length) {
            canvas.image(x, y, ...body.sheet, pictures[picture], {image_rendering: 'pixelated'});
            canvas.rect(x, y, ...body.sheet, {fill: 'none', ...border, class_: 'ca-frame'});
          } else canvas.rect(x, y, ...body.sheet, filled);
        }
      });
    }

    between(a, b) {
      const thin = {stroke: LINE, stroke_width: 0.8, stroke_dasharray: b.stage.dashed ? DASHES : null, class_: 'ca-line'};
      if (!a.maps || !b.maps || !b.stage.kernel) {
        const reach = Math.min(a.across[1], b.across[1]) / 2;
        for (const cross of [-reach, reach]) {
          const far = a.ends(cross)[1];
          const near = b.ends(cross)[0];
          this.canvas.line(...(this.down ? [[cross, far], [cross, near]] : [[far, cross], [near, cross]]), thin);
        }
        return;
      }
      const [x, y] = a.front;
      const [wide, high] = a.sheet;
      const w = Math.max(LEAST, Math.min(wide, b.stage.kernel[1] / a.maps[2] * wide));
      const h = Math.max(LEAST, Math.min(high, b.stage.kernel[0] / a.maps[1] * high));
      const left = x + 0.68 * (wide - w);
      const upper = y + 0.68 * (high - h);
      const tip = [b.front[0] + 0.32 * b.sheet[0], b.front[1] + 0.5 * b.sheet[1]];
      const from = this.down ? [[left, upper + h], [left + w, upper + h]] : [[left + w, upper], [left + w, upper + h]];
      for (const corner of from) this.canvas.line(corner, tip, thin);
      this.canvas.rect(left, upper, w, h, {fill: '#ffffff', fill_opacity: 0.55, stroke: INK, stroke_width: 0.8});
    }

    skips() {
      const places = this.bodies.map((body, k) => {
        const [[start, long], [first, wide]] = [body.along, body.across];
        const beyond = this.texts[k] ? EDGE + (this.down ? this.wide(this.texts[k]) : this.o.font_size) : 0;
        return {along: start + long / 2, reach: (this.down ? first + wide : -first) + beyond};
      });
      drawSkips(this.frame, this.bodies, places, this.down);
    }

    captions(middles) {
      const {frame, o: {font_size: size}} = this;
      const {left, bottom} = frame;
      this.bodies.forEach((body, k) => {
        const middle = body.maps ? body.width / 2 : THIN / 2;
        if (this.texts[k] && this.down) frame.text([body.x + body.width + EDGE, body.y + body.height / 2 + 0.35 * size], this.texts[k], size);
        else if (this.texts[k]) frame.text([body.x + middle, body.y - EDGE], this.texts[k], size, {anchor: 'middle'});
        const high = this.words[k].length * this.line;
        this.words[k].forEach((text, n) => {
          const line = (n + 0.8) * this.line;
          if (this.down) frame.text([left - EDGE, middles[k] - high / 2 + line], text, size, {anchor: 'end', dim: true});
          else frame.text([middles[k], bottom + EDGE + line], text, size, {anchor: 'middle', dim: true});
        });
      });
    }
  }

  convatlas.styles.lenet = {
    draw(it, o) {
      const row = stages(it, o.tensors, o.depth);
      return row.length ? printed(o.size, 90, o.font_size, (size) => new Picture({...o, size}, it, row).drawing()) : nothing(it.title, 'No operation is known.', o.font_size);
    },
  };
})();
