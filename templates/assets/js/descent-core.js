/* What torch.optim does on the toy surfaces, in doubles and without a page: generator/descent/ in a browser. The surfaces' derivatives
 * are written by hand; the updates are torch's own, in torch's order. Held to torch.optim in float64 by tests/descent/test_descent_core.py. */
(() => {
  const SURFACES = {
    two_wells: {
      value: (x, y) => 0.12 * (x * x + y * y) - 0.55 * Math.exp(-((x - 1) ** 2 + y * y) / 0.5) - 1.3 * Math.exp(-((x + 1.1) ** 2 + y * y) / 0.6),
      gradient(x, y) {
        const right = 0.55 * Math.exp(-((x - 1) ** 2 + y * y) / 0.5) / 0.5;
        const left = 1.3 * Math.exp(-((x + 1.1) ** 2 + y * y) / 0.6) / 0.6;
        return [0.24 * x + right * 2 * (x - 1) + left * 2 * (x + 1.1), 0.24 * y + right * 2 * y + left * 2 * y];
      },
    },
    beale: {
      value: (x, y) => (1.5 - x + x * y) ** 2 + (2.25 - x + x * y * y) ** 2 + (2.625 - x + x * y ** 3) ** 2,
      gradient(x, y) {
        const [a, b, c] = [1.5 - x + x * y, 2.25 - x + x * y * y, 2.625 - x + x * y ** 3];
        return [2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y ** 3 - 1), 2 * a * x + 4 * b * x * y + 6 * c * x * y * y];
      },
    },
    saddle: {
      value: (x, y) => x * x - y * y + y ** 4 / 4,
      gradient: (x, y) => [2 * x, -2 * y + y ** 3],
    },
    ravine: {
      value: (x, y) => x * x / 20 + y * y,
      gradient: (x, y) => [x / 10, 2 * y],
    },
    rosenbrock: {
      value: (x, y) => (1 - x) ** 2 + 100 * (y - x * x) ** 2,
      gradient: (x, y) => [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
    },
  };

  /* Each: one update of one weight. w: the weight; g: its gradient; s: {m, v}, which it changes; t: the step, from 1; o: the settings. */
  const adam = (w, g, s, t, o) => {
    s.m += (1 - o.beta1) * (g - s.m); // lerp, as in torch
    s.v = o.beta2 * s.v + (1 - o.beta2) * g * g;
    return w - o.lr / (1 - o.beta1 ** t) * (s.m / (Math.sqrt(s.v) / Math.sqrt(1 - o.beta2 ** t) + 1e-8));
  };
  const momentum = (g, s, t, o) => { s.m = t === 1 ? g : o.momentum * s.m + g; };
  const UPDATES = {
    sgd: (w, g, s, t, o) => w - o.lr * g,
    momentum(w, g, s, t, o) { momentum(g, s, t, o); return w - o.lr * s.m; },
    nesterov(w, g, s, t, o) { momentum(g, s, t, o); return w - o.lr * (g + o.momentum * s.m); },
    adagrad(w, g, s, t, o) { s.v += g * g; return w - o.lr * (g / (Math.sqrt(s.v) + 1e-10)); },
    rmsprop(w, g, s, t, o) { s.v = o.alpha * s.v + (1 - o.alpha) * g * g; return w - o.lr * (g / (Math.sqrt(s.v) + 1e-8)); },
    adam,
    adamw: (w, g, s, t, o) => adam(w * (1 - o.lr * o.weight_decay), g, s, t, o),
    lion(w, g, s, t, o) {
      const made = w * (1 - o.lr * o.weight_decay) - o.lr * Math.sign(o.beta1 * s.m + (1 - o.beta1) * g);
      s.m = o.beta2 * s.m + (1 - o.beta2) * g;
      return made;
    },
  };

  /** What an optimizer remembers of a weight, before the first step. */
  const fresh = () => ({m: 0, v: 0});

  /** A run: points [x0, y0, x1, y1, …] and losses, of steps + 1 places. */
  function run(surface, optimizer, settings, [x, y], steps) {
    const {value, gradient} = SURFACES[surface];
    const update = UPDATES[optimizer];
    const points = new Float64Array(2 * steps + 2);
    const losses = new Float64Array(steps + 1);
    const [a, b] = [fresh(), fresh()];
    points[0] = x;
    points[1] = y;
    losses[0] = value(x, y);
    for (let t = 1; t <= steps; t++) {
      const [gx, gy] = gradient(x, y);
      x = update(x, gx, a, t, settings);
      y = update(y, gy, b, t, settings);
      points[2 * t] = x;
      points[2 * t + 1] = y;
      losses[t] = value(x, y);
    }
    return {points, losses};
  }

  /** One step downhill: Newton's with the size of each curvature, so that it leads down, no longer than `longest`. */
  function stepped({value, gradient}, [x, y], damping, longest) {
    const h = 1e-5 * Math.max(1, Math.abs(x), Math.abs(y));
    const [gx, gy] = gradient(x, y);
    const [right, left, up, down] = [gradient(x + h, y), gradient(x - h, y), gradient(x, y + h), gradient(x, y - h)];
    const [a, b, c] = [(right[0] - left[0]) / 2 / h, (up[0] - down[0]) / 2 / h, (up[1] - down[1]) / 2 / h];
    const [middle, turn] = [(a + c) / 2, Math.atan2(2 * b, a - c) / 2];
    const apart = Math.hypot((a - c) / 2, b);
    const sizes = [Math.abs(middle + apart), Math.abs(middle - apart)];
    const [most, least] = sizes.map((v) => v + damping * Math.max(...sizes) + 1e-12);
    const [u, v] = [Math.cos(turn), Math.sin(turn)]; // the direction that is bent most; (-v, u) is the other
    const [p, q] = [(u * gx + v * gy) / most, (u * gy - v * gx) / least];
    const step = [v * q - u * p, -v * p - u * q];
    const length = Math.hypot(...step), part = Math.min(1, longest / length);
    const there = [x + step[0] * part, y + step[1] * part];
    return value(...there) < value(x, y) ? {at: there, damping: Math.max(1e-9, damping / 3), length} : {at: [x, y], damping: damping * 4, length};
  }

  /** In which valley a place lies: which of the minima one comes to by going downhill only, -1 for none (generator/descent/downhill.py). */
  function valley({name, box, minima}, at) {
    if (!at.every((v) => Math.abs(v) < 1e6)) return -1;
    const width = box[1] - box[0];
    let damping = 1e-3, length = 1;
    for (let k = 0; k < 400 && length > 1e-9 && damping < 1e9; k++) ({at, damping, length} = stepped(SURFACES[name], at, damping, width / 50));
    return minima.findIndex(([x, y]) => Math.hypot(at[0] - x, at[1] - y) <= 1e-3 * width);
  }

  /** In which of the minima [[x, y], …] a run ends, the one downhill of its last point (-1: in none); since which step it never left
   * that minimum's radius; and how far from it it is. */
  function arrival(surface, points) {
    const {minima, radius} = surface;
    const last = points.length / 2 - 1;
    const far = (t, [x, y]) => Math.hypot(points[2 * t] - x, points[2 * t + 1] - y);
    const which = valley(surface, [points[2 * last], points[2 * last + 1]]);
    if (which < 0) return {which, since: last, distance: NaN, there: false};
    let since = last;
    const there = far(last, minima[which]) <= radius;
    if (there) while (since > 0 && far(since - 1, minima[which]) <= radius) since -= 1;
    return {which, since, distance: far(last, minima[which]), there};
  }

  /** `arrival` from the middle of each cell of the box, row by row from the top, as far as `time()` lets it; goes on where it stopped. */
  function* basins(surface, optimizer, settings, steps, columns, rows) {
    const {name, box: [x0, x1, y0, y1]} = surface;
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        const start = [x0 + (i + 0.5) * (x1 - x0) / columns, y1 - (j + 0.5) * (y1 - y0) / rows];
        yield arrival(surface, run(name, optimizer, settings, start, steps).points);
      }
    }
  }

  convatlas.descent = {SURFACES, UPDATES, fresh, run, valley, arrival, basins};
})();
