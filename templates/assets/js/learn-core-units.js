/* The other half of learn-core.js: batch normalisation, activation functions, backward rules, class activation maps. */
(() => {
  const {each, sum} = convatlas.learn.core;
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const size = (map) => map.length * map[0].length;

  // ---- batch normalisation

  /** Mean and variance of a batch, divided by n (what normalises) and by n − 1 (what is remembered). */
  function statistics(batch) {
    const middle = mean(batch);
    const squares = batch.reduce((a, v) => a + (v - middle) ** 2, 0);
    return {mean: middle, variance: squares / batch.length, unbiased: batch.length > 1 ? squares / (batch.length - 1) : NaN};
  }

  const normalised = (v, {mean: middle, variance, eps}) => (v - middle) / Math.sqrt(variance + eps);

  /** gamma · (v − mean) / √(variance + eps) + beta */
  const scaled = (v, of) => of.gamma * normalised(v, of) + of.beta;

  /** Running statistics after one batch, as torch keeps them: momentum is the share of the new one. */
  const remembered = (old, batch, momentum) => ({
    mean: (1 - momentum) * old.mean + momentum * batch.mean,
    variance: (1 - momentum) * old.variance + momentum * batch.unbiased,
  });

  /** Weights and bias of the convolution that does what a convolution and a batch normalisation after it do. */
  function folded(weights, bias, {mean: middle, variance, gamma, beta, eps}) {
    const factor = gamma / Math.sqrt(variance + eps);
    return {factor, weights: weights.map((w) => w * factor), bias: (bias - middle) * factor + beta};
  }

  // ---- activation functions

  /** erf to full precision: a series near zero, a continued fraction further out. */
  function erf(x) {
    const size = Math.abs(x);
    if (size > 6) return Math.sign(x);
    if (size < 2.5) {
      let [term, total] = [x, x];
      for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total) && n < 200; n += 1) {
        term *= -x * x / n;
        total += term / (2 * n + 1);
      }
      return 2 / Math.sqrt(Math.PI) * total;
    }
    let fraction = 0;
    for (let n = 120; n >= 1; n -= 1) fraction = n / 2 / (size + fraction);
    return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction));
  }

  const logistic = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
  /** The share of a standard normal distribution below x. */
  const below = (x) => (1 + erf(x / Math.SQRT2)) / 2;
  const bell = (x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  const SLOPE = 0.01;

  /** name -> [value, derivative]. In its corners a rectifier's derivative is what torch gives: the flat side's. */
  const activations = {
    relu: [(x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)],
    relu6: [(x) => Math.min(Math.max(x, 0), 6), (x) => (x > 0 && x < 6 ? 1 : 0)],
    leaky_relu: [(x) => (x > 0 ? x : SLOPE * x), (x) => (x > 0 ? 1 : SLOPE)],
    gelu: [(x) => x * below(x), (x) => below(x) + x * bell(x)],
    silu: [(x) => x * logistic(x), (x) => logistic(x) * (1 + x * (1 - logistic(x)))],
    sigmoid: [logistic, (x) => logistic(x) * (1 - logistic(x))],
    tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  };

  // ---- backward rules of a rectifier

  /** The gradient that a rectifier hands back, g at its output, x at its input: which places pass, and what comes through. */
  function rectified(x, g, rule) {
    const on = each(x, (v) => v > 0);
    const positive = each(g, (v) => v > 0);
    const passes = each(x, (_, r, c) => (rule === 'deconv' || on[r][c]) && (rule === 'plain' || positive[r][c]));
    return {passes, back: each(g, (v, r, c) => (passes[r][c] ? v : 0))};
  }

  // ---- class activation maps: A and G are lists of maps, w a list of weights

  const weighed = (w, maps) => each(maps[0], (_, r, c) => maps.reduce((a, map, k) => a + w[k] * map[r][c], 0));
  const relu = (map) => each(map, (v) => Math.max(v, 0));
  const cam = (A, w) => weighed(w, A);
  /** The logit of a head that averages each map: Σ w · mean(A) + b. */
  const logit = (A, w, b = 0) => A.reduce((a, map, k) => a + w[k] * mean(map.flat()), b);
  /** Its gradient: w / Z at every place. */
  const pooledGradient = (A, w) => A.map((map, k) => each(map, () => w[k] / size(map)));
  const gradWeights = (G) => G.map((map) => mean(map.flat()));
  const gradCam = (A, G) => relu(weighed(gradWeights(G), A));

  /** Grad-CAM++, eq. 19, each step by itself: alphas place by place, weights, map. */
  function gradCamPlus(A, G) {
    const sums = A.map(sum);
    const below19 = G.map((map, k) => each(map, (g) => 2 * g ** 2 + sums[k] * g ** 3));
    const alphas = G.map((map, k) => each(map, (g, r, c) => (below19[k][r][c] === 0 ? 0 : g ** 2 / below19[k][r][c])));
    const weights = alphas.map((alpha, k) => sum(each(alpha, (a, r, c) => a * Math.max(G[k][r][c], 0))));
    return {sums, below: below19, alphas, weights, map: relu(weighed(weights, A))};
  }

  Object.assign(convatlas.learn.core, {statistics, normalised, scaled, remembered, folded, erf, bell, below, activations, rectified, weighed, relu, cam, logit, pooledGradient, gradWeights, gradCam, gradCamPlus});
})();
