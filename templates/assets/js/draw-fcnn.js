/* generator/diagrams/styles/fcnn.py in a browser, to the byte. */
(() => {
  const {DASHES, EDGE, Frame, nothing, spread, denseOf, columns, textWidth, num} = convatlas.drawing;
  const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  const FAINT = 0.08;

  function columnOf(size, order, most) {
    const units = order.slice(0, most).sort((a, b) => a - b);
    if (units.length === size) return {units, slots: units.map((_, k) => k), length: size, dots: null};
    const upper = Math.floor((units.length + 1) / 2);
    return {units, slots: units.map((_, k) => (k < upper ? k : k + 1)), length: units.length + 1, dots: upper};
  }

  function weightsOf(dense, before, after) {
    if (!dense) return [];
    const column = new Map(dense.inputs.map((unit, k) => [unit, k]));
    const row = new Map(dense.outputs.map((unit, k) => [unit, k]));
    return after.map((to) => before.map((one) => dense.weights[row.get(to)][column.get(one)]));
  }

  function biasesOf(dense, after) {
    if (!dense || !dense.bias.length) return [];
    const row = new Map(dense.outputs.map((unit, k) => [unit, k]));
    return after.map((unit) => dense.bias[row.get(unit)]);
  }

  function angleOf(a, b, bezier, down) {
    if (bezier) return down ? Math.PI / 2 : 0;
    return Math.atan2(b[1] - a[1], b[0] - a[0]);
  }

  class Picture {
    constructor(o, it, found) {
      Object.assign(this, {o, it, found, frame: new Frame(), down: o.direction === 'down'});
      this.canvas = this.frame.canvas;
      this.dense = found.ops.map((op) => denseOf(it, op));
      this.columns = found.sizes.map((size, k) => columnOf(size, this.order(k, size), o.units));
    }

    order(k, size) {
      if (this.dense[k]) return this.dense[k].inputs;
      if (this.dense[k - 1]) return this.dense[k - 1].outputs;
      return Array.from({length: size}, (_, unit) => unit);
    }

    drawing() {
      const {o, frame} = this;
      const size = o.node_size;
      const texts = this.columns.map((_, k) => this.texts(k));
      const line = o.font_size * 1.3;
      const lengths = texts.map((lines) => (this.down ? lines.length * line : Math.max(0, ...lines.map((text) => textWidth(text, o.font_size)))));
      const [starts] = spread(texts.map(() => size), lengths, texts.map(() => 0), o.layer_spacing - size);
      this.along = starts.map((start) => start + size / 2);
      this.found.ops.forEach((_, k) => this.edges(k));
      this.columns.forEach((_, k) => this.nodes(k));
      const {left, bottom} = frame;
      texts.forEach((lines, k) => lines.forEach((text, n) => {
        if (this.down) frame.text([left - 2 * EDGE, this.along[k] + (n + 0.8 - lines.length / 2) * line], text, o.font_size, {anchor: 'end', dim: n > 0});
        else frame.text([this.along[k], bottom + EDGE + (n + 0.8) * line], text, o.font_size, {anchor: 'middle', dim: n > 0});
      }));
      return frame.drawing(this.it.title);
    }

    texts(k) {
      const found = [];
      if (this.o.labels) {
        const what = k === 0 ? 'Input layer' : k === this.columns.length - 1 ? 'Output layer' : 'Hidden layer';
        found.push(what, `∈ ℝ${String(this.found.sizes[k]).replace(/\d/g, (digit) => RAISED[digit])}`);
      }
      if (this.o.names && k > 0) found.push(this.found.ops[k - 1].path || this.found.ops[k - 1].id);
      return found;
    }

    at(k, slot) {
      const across = (slot - (this.columns[k].length - 1) / 2) * (this.o.node_size + this.o.node_spacing);
      return this.down ? [across, this.along[k]] : [this.along[k], across];
    }

    edges(k) {
      const [before, after, dense] = [this.columns[k], this.columns[k + 1], this.dense[k]];
      const weights = weightsOf(dense, before.units, after.units);
      const biases = biasesOf(dense, after.units);
      const sizes = [...weights.flat(), ...(this.o.bias ? biases : [])].map(Math.abs);
      const top = Math.max(0, ...sizes);
      this.canvas.group({class_: 'ca-edges'}, () => {
        after.slots.forEach((slot, row) => {
          before.slots.forEach((start, column) => this.edge(k, start, slot, weights.length ? weights[row][column] : null, top));
          if (this.o.bias) this.edge(k, -1, slot, biases.length ? biases[row] : null, top);
        });
      });
    }

    edge(k, start, slot, weight, top) {
      const {o, canvas} = this;
      const radius = o.node_size / 2;
      const share = weight === null || top === 0 ? 1 : Math.max(FAINT, Math.abs(weight) / top);
      const tint = weight === null || !o.colour_by_weight ? o.edge_colour : weight < 0 ? o.negative_colour : o.positive_colour;
      let width = o.edge_width * (o.width_by_weight ? share : 1);
      if (weight === null) width = Math.min(width, 0.6);
      const more = {stroke: tint, stroke_width: width, stroke_opacity: o.edge_opacity * (o.opacity_by_weight ? share : 1),
        stroke_dasharray: this.found.dashed[k] ? DASHES : null};
      const name = tint === o.edge_colour ? 'ca-line' : null;
      let [a, b] = [this.at(k, start), this.at(k + 1, slot)];
      let bend;
      if (this.down) {
        [a, b] = [[a[0], a[1] + radius], [b[0], b[1] - radius]];
        bend = [[a[0], (a[1] + b[1]) / 2], [b[0], (a[1] + b[1]) / 2]];
      } else {
        [a, b] = [[a[0] + radius, a[1]], [b[0] - radius, b[1]]];
        bend = [[(a[0] + b[0]) / 2, a[1]], [(a[0] + b[0]) / 2, b[1]]];
      }
      if (o.bezier) {
        const corners = [...bend, b].map(([x, y]) => `${num(x)},${num(y)}`).join(' ');
        canvas.path(`M${num(a[0])},${num(a[1])} C${corners}`, {fill: 'none', ...more, class_: name});
      } else canvas.line(a, b, {...more, class_: name});
      if (o.arrows) canvas.arrowhead(b, angleOf(a, b, o.bezier, this.down), 5, {fill: tint, fill_opacity: more.stroke_opacity});
    }

    nodes(k) {
      const {o, canvas, frame} = this;
      const column = this.columns[k];
      const radius = o.node_size / 2;
      const border = {fill: o.node_colour, stroke: o.node_border, stroke_width: o.border_width, class_: 'ca-node'};
      column.units.forEach((unit, n) => {
        const at = this.at(k, column.slots[n]);
        frame.cover(at[0] - radius, at[1] - radius, o.node_size, o.node_size);
        canvas.group({title: `unit ${unit}`}, () => canvas.circle(at, radius, border));
      });
      if (column.dots !== null) {
        const [x, y] = this.at(k, column.dots);
        for (const step of [-1, 0, 1]) {
          const shift = step * o.node_size * 0.4;
          canvas.circle(this.down ? [x + shift, y] : [x, y + shift], Math.max(1, o.node_size * 0.08), {fill: o.node_border, class_: 'ca-dots'});
        }
      }
      if (o.bias && k < this.found.ops.length) {
        const [x, y] = this.at(k, -1);
        frame.cover(x - radius, y - radius, o.node_size, o.node_size);
        canvas.group({title: 'bias'}, () => {
          canvas.circle([x, y], radius, {...border, fill: '#e9ecf3'});
          canvas.text([x, y + o.node_size * 0.25], '1', o.node_size * 0.7, {text_anchor: 'middle', fill: '#12151c'});
        });
      }
    }
  }

  convatlas.styles.fcnn = {
    draw(it, o) {
      const found = columns(it);
      return found.ops.length ? new Picture(o, it, found).drawing() : nothing(it.title, 'This network has no fully connected layer.', o.font_size);
    },
  };
})();
