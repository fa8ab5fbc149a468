/* The model, in a thread of its own: decoding, preprocessing, inference, and whatever is worked out of many inferences.
 *
 *   page ──▶ {id, ask, …} ──▶ worker ──▶ {id, progress | done | failed}      big things are handed over, never copied
 *
 * Maps stay here: the page is given the one that it shows. Nothing is fetched but the site's own files. */
importScripts('live-preprocess.js', 'live-maths.js');

const KEEP = 192e6; // bytes of maps kept from one run; a model with more is run again for the layer that is asked for
let model, sessions = {}, held = null, stopped = new Set();

const at = (path) => model.root + path;
const get = async (path) => {
  const answer = await fetch(at(path));
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
};

/** A file's bytes, telling how many have come. */
const download = async (path, told) => {
  const reader = (await get(path)).body.getReader(), parts = [];
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    parts.push(value);
    told(value.length);
  }
  return parts;
};
const joined = (parts) => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let place = 0;
  for (const part of parts) { out.set(part, place); place += part.length; }
  return out;
};

/** A session of one of the graphs, made once. Weights are read again for the second: the browser has them by then. */
const session = (name, say = () => {}) => {
  sessions[name] ??= (async () => {
    const all = model.graphs[name][1] + model.weights.reduce((n, [, bytes]) => n + bytes, 0);
    let come = 0;
    const told = (n) => { come += n; say({part: come / all, bytes: come, all}); };
    const graph = joined(await download(model.graphs[name][0], told));
    const parts = [];
    for (const [path] of model.weights) parts.push(...await download(path, told));
    const weights = model.weights.length ? {externalData: [{path: 'weights.bin', data: joined(parts)}]} : {};
    return ort.InferenceSession.create(graph, {executionProviders: ['wasm'], graphOptimizationLevel: 'all', ...weights});
  })().catch((error) => { delete sessions[name]; throw error; });
  return sessions[name];
};

const run = async (name, input, outputs) => {
  const {size: [h, w], channels} = model.preprocess;
  const found = await (await session(name)).run({image: new ort.Tensor('float32', input, [1, channels, h, w])}, outputs);
  return Object.fromEntries(Object.entries(found).map(([key, {data, dims}]) => [key, {data, dims}]));
};

/** The pixels of a picture, as they stand in its file, turned upright. */
const pixels = async (picture) => {
  const bitmap = await createImageBitmap(picture, {colorSpaceConversion: 'none', premultiplyAlpha: 'none', imageOrientation: 'from-image'});
  const {width: w, height: h} = bitmap;
  const pen = new OffscreenCanvas(w, h).getContext('2d', {willReadFrequently: true});
  if (model.preprocess.channels !== 4) {
    pen.fillStyle = '#fff'; // see-through places stand on white
    pen.fillRect(0, 0, w, h);
  }
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  return {rgba: pen.getImageData(0, 0, w, h).data, w, h};
};

/** Gray bytes as a PNG, which the page colours. */
const png = (gray, w, h) => {
  const canvas = new OffscreenCanvas(w, h), pen = canvas.getContext('2d'), image = pen.createImageData(w, h);
  const pixel = new Uint32Array(image.data.buffer);
  for (let k = 0; k < gray.length; k += 1) pixel[k] = 0xff000000 | gray[k] * 0x010101;
  pen.putImageData(image, 0, 0);
  return canvas.convertToBlob({type: 'image/png'});
};

/** (units, h, w) of a layer, for the picture of the last run. */
const values = async (layer) => {
  if (!held.maps.has(layer)) held.maps = new Map([[layer, (await run('maps', held.input, [`m${layer}`]))[`m${layer}`].data]]);
  return held.maps.get(layer);
};
const alive = (id) => { if (stopped.delete(id)) throw new Error('stopped'); };
/** Lets messages in between two runs: the one that says stop, above all. */
const breathe = () => new Promise((go) => { const {port1, port2} = new MessageChannel(); port1.onmessage = () => { port1.close(); go(); }; port2.postMessage(0); });

/** The score of class `index` for each of `many` inputs that make(k) writes. */
const scored = async (id, many, make, index, say) => {
  await session('scores', (loading) => say({loading}));
  const out = new Float32Array(many), input = new Float32Array(held.input.length);
  for (let k = 0; k < many; k += 1) {
    make(k, input);
    out[k] = (await run('scores', input, ['scores'])).scores.data[index];
    say({done: k + 1, all: many});
    await breathe();
    alive(id);
  }
  return out;
};

/** Whether the maps of one run are kept, all of them. */
const keeps = () => model.layers.reduce((n, {units, h, w}) => n + 4 * units * h * w, 0) <= (model.keep ?? KEEP);
/** What a run gives: the scores, class activation maps, and the maps that are kept. */
const wanted = () => ['scores', ...(model.averaged ? ['cams'] : []), ...(keeps() ? model.layers.map((_, k) => `m${k}`) : [])];

const asks = {
  /** Load the runtime and the model. */
  async load({value}, say) {
    model = value;
    importScripts(at(model.runtime + 'ort.wasm.min.js'));
    ort.env.wasm.numThreads = 1; // more would need headers that plain hosts of pages do not send
    ort.env.logLevel = 'error';
    ort.env.wasm.wasmPaths = {mjs: at(model.runtime + 'ort-wasm-simd-threaded.mjs'), wasm: at(model.runtime + 'ort-wasm-simd-threaded.wasm')};
    await session('maps', say);
    // The first run is the slow one: code is compiled, memory is laid out. It is done while the visitor still looks for a picture.
    const {size: [h, w], channels} = model.preprocess;
    await run('maps', new Float32Array(channels * h * w), wanted());
    return [{}];
  },
  /** Run a picture (a blob), or a sample, which is what the model sees already. */
  async infer({blob, sample}) {
    const picture = await pixels(sample === undefined ? blob : await (await get(model.samples[sample].src)).blob());
    const settings = model.preprocess, {channels, seen, input, rgba} = livePreprocess;
    const looked = seen(channels(picture.rgba, picture.w, picture.h, settings.channels), sample === undefined ? settings : {...settings, resize: null, crop: 'none'});
    const made = input(looked, settings);
    const all = keeps();
    held = null; // the maps of the picture before make room for these
    const start = performance.now();
    const found = await run('maps', made, wanted());
    const ms = performance.now() - start;
    const maps = all ? new Map(model.layers.map((_, k) => [k, found[`m${k}`].data])) : new Map();
    held = {input: made, maps, scores: found.scores.data, cams: found.cams};
    const shown = rgba(looked), scores = Float32Array.from(found.scores.data);
    return [{scores, rgba: shown, w: looked.w, h: looked.h, from: [picture.w, picture.h], ms, all}, [scores.buffer, shown.buffer]];
  },
  /** The model's input itself, (c, h, w). */
  async input() { const data = Float32Array.from(held.input); return [{data}, [data.buffer]]; },
  /** The numbers of one layer, (units, h, w). */
  async values({layer}) { const data = Float32Array.from(await values(layer)); return [{data}, [data.buffer]]; },
  /** A layer's maps as one gray atlas, and the scale of each. */
  async atlas({layer}) {
    const {units, h, w} = model.layers[layer];
    const {gray, ...facts} = liveMaths.atlas(await values(layer), units, h, w);
    return [{...facts, blob: await png(gray, facts.aw, facts.ah)}];
  },
  /** One unit's map. */
  async unit({layer, unit}) {
    const {h, w} = model.layers[layer];
    const data = (await values(layer)).slice(unit * h * w, (unit + 1) * h * w);
    return [{data, w, h}, [data.buffer]];
  },
  /** The class activation map of class `index`, and what its mean and the bias add up to. */
  async cam({index}) {
    const [, , h, w] = held.cams.dims;
    const data = held.cams.data.slice(index * h * w, (index + 1) * h * w);
    return [{data, w, h, mean: data.reduce((a, b) => a + b, 0) / data.length}, [data.buffer]];
  },
  /** How far the score of class `index` falls when a window is covered (generator/methods/occlusion.py). */
  async occlusion({id, index, window, stride, fill}, say) {
    const settings = model.preprocess, {size: [h, w], channels} = settings;
    const places = liveMaths.windows(h, w, window, stride), colour = liveMaths.cover(settings, fill), own = held.input;
    const falls = await scored(id, places.length + 1, (k, input) => {
      input.set(own);
      if (k) liveMaths.covered(input, places[k - 1], colour, channels, h, w);
    }, index, say);
    const data = liveMaths.averaged(places, falls, h, w);
    return [{data, w, h, score: falls[0], runs: falls.length}, [data.buffer]];
  },
  /** The layer's strongest units, weighted by the score of the picture seen through each (generator/methods/score_cam.py). */
  async scorecam({id, index, layer, units}, say) {
    const {size: [H, W], channels} = model.preprocess, {h, w, units: all} = model.layers[layer];
    const maps = await values(layer), own = held.input, size = h * w;
    const chosen = liveMaths.strongest(maps, all, size, units);
    const scores = await scored(id, chosen.length, (k, input) => {
      const mask = liveMaths.mask(maps.subarray(chosen[k] * size, (chosen[k] + 1) * size), w, h, W, H);
      for (let c = 0; c < channels; c += 1) for (let n = 0; n < mask.length; n += 1) input[c * mask.length + n] = own[c * mask.length + n] * mask[n];
    }, index, say);
    const data = liveMaths.summed(maps, chosen, liveMaths.softmax(scores), size);
    return [{data, w, h, runs: chosen.length}, [data.buffer]];
  },
};

let queue = Promise.resolve();
self.onmessage = ({data}) => {
  if (data.ask === 'stop') return void stopped.add(data.id);
  const say = (progress) => self.postMessage({id: data.id, progress});
  queue = queue.then(async () => {
    try {
      alive(data.id);
      if (!held && !['load', 'infer'].includes(data.ask)) throw new Error('no picture has been run');
      const [done, transfer = []] = await asks[data.ask](data, say);
      self.postMessage({id: data.id, done}, transfer);
    } catch (error) {
      self.postMessage({id: data.id, failed: error.message === 'stopped' ? 'stopped' : String(error.message || error)});
    } finally {
      stopped.delete(data.id);
    }
  });
};
