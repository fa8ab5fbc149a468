/* <live-page>: the visitor's picture, in by file, drop, paste, camera or from the report; run in a worker; shown. */
customElements.define('live-page', class extends HTMLElement {
  connectedCallback() {
    this.model = convatlas.get('live', 'model');
    if (location.protocol === 'file:') return void (this.querySelector('[data-file]').hidden = false);
    if (!this.model) return;
    this.find = (name) => this.querySelector(`[data-${name}]`);
    this.find('app').hidden = false;
    this.intake();
    const {l, u} = convatlas.address.read();
    this.state = {layer: this.numbered(l, this.model.layers.length) ?? 0, unit: /^\d+$/.test(u || '') ? Number(u) : -1, index: 0, name: '', some: true};
  }

  numbered(text, below) { return /^\d+$/.test(text || '') && Number(text) < below ? Number(text) : null; }
  status(text) { this.find('status').textContent = text; }

  /* ---- the picture comes in */

  intake() {
    const drop = this.find('drop'), pick = this.find('pick');
    this.addEventListener('click', (event) => {
      const act = event.target.closest('[data-act]');
      if (!act) return;
      if (act.dataset.act === 'choose') { pick.click(); this.begin(); }
      else if (act.dataset.act === 'camera') this.camera();
    });
    pick.addEventListener('change', () => { if (pick.files[0]) this.take(pick.files[0]); pick.value = ''; });
    for (const kind of ['dragenter', 'dragover']) document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add('lv-drop--over'); });
    document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) drop.classList.remove('lv-drop--over'); });
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      drop.classList.remove('lv-drop--over');
      if (event.dataTransfer && !event.dataTransfer.files.length) this.status(convatlas.say('liveNoFile')); // words, or a link
      this.takeFirst(event.dataTransfer);
    });
    document.addEventListener('paste', (event) => this.takeFirst(event.clipboardData));
    this.addEventListener('change', (event) => { if (event.target.name === 'sample') this.sample(Number(event.target.value)); });
  }

  /** The first picture among what was dropped or pasted. */
  takeFirst(data) {
    const files = [...(data ? data.files : [])];
    const picture = files.find((file) => file.type.startsWith('image/'));
    if (picture) this.take(picture);
    else if (files.length) this.status(convatlas.say('liveNoPicture', {name: files[0].name}));
  }

  take(file) {
    for (const input of this.querySelectorAll('[name=sample]')) input.checked = false;
    return this.run({blob: file}, file.name || convatlas.say('livePasted'));
  }

  sample(number) { return this.run({sample: number}, this.model.samples[number].name, this.model.samples[number]); }

  /** What the camera sees, and a button that takes it. Asked for again, what was on is off first: one stream at a time. */
  async camera() {
    const {el, say} = convatlas;
    const box = this.find('camera');
    if (!navigator.mediaDevices) return void this.status(say('liveNoCamera'));
    if (this.off) this.off();
    const turn = this.filming = (this.filming || 0) + 1;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}});
    } catch (error) {
      return void (turn === this.filming && this.status(say('liveCameraNo', {why: error.message || error.name})));
    }
    const off = () => { for (const track of stream.getTracks()) track.stop(); };
    if (turn !== this.filming) return off();
    this.off = off;
    this.begin();
    const video = el('video', {playsinline: true, muted: true, 'aria-label': say('liveCamera')});
    const end = () => { off(); box.hidden = true; box.replaceChildren(); this.querySelector('[data-act=camera]').focus(); };
    const shoot = () => {
      const canvas = el('canvas', {width: video.videoWidth, height: video.videoHeight});
      canvas.getContext('2d').drawImage(video, 0, 0);
      end();
      canvas.toBlob((blob) => this.take(new File([blob], say('liveShot'))), 'image/png');
    };
    const button = el('button', {type: 'button', class: 'lv-button lv-button--main', onclick: shoot}, say('liveShoot'));
    box.replaceChildren(video, el('div', {class: 'lv-task'}, button, el('button', {type: 'button', class: 'lv-button', onclick: end}, say('close'))));
    box.hidden = false;
    video.srcObject = stream;
    await video.play().catch(() => null); // another one came in its place
    if (turn === this.filming) button.focus();
    return undefined;
  }

  /* ---- it is run */

  /** Load the model while the visitor chooses. What fails here is told when a picture is run. */
  begin() { this.client().then(() => { if (!this.turn) this.status(convatlas.say('liveReady')); }, () => this.status('')); }

  /** The worker with the model loaded, once. */
  client() {
    this.ready ??= (async () => {
      const {say} = convatlas;
      const bar = this.find('progress');
      const client = new convatlas.LiveClient();
      bar.hidden = false;
      try {
        await client.ask('load', {value: {...this.model, root: convatlas.url('')}}, ({part, bytes, all}) => {
          bar.value = part;
          this.status(part < 1 ? say('liveLoading', {mb: (bytes / 1e6).toFixed(1), all: (all / 1e6).toFixed(1)}) : say('livePreparing'));
        });
      } finally {
        bar.hidden = true;
      }
      return client;
    })();
    this.ready.catch(() => { this.ready = null; });
    return this.ready;
  }

  async run(given, name, sample = null) {
    const {say, number} = convatlas;
    const turn = this.turn = (this.turn || 0) + 1;
    this.status(say('liveRunning'));
    for (const task of this.querySelectorAll('live-task')) if (task.running) task.halt(); // one thread: they would come first
    try {
      const client = await this.client();
      const found = await client.ask('infer', given);
      if (turn !== this.turn) return;
      this.classList.add('lv-begun');
      this.worker = client;
      this.found = found;
      this.state.name = name;
      this.state.sample = sample;
      this.state.index = found.scores.indexOf(Math.max(...found.scores));
      await this.show();
      this.status(say(found.all ? 'liveRan' : 'liveRanSome', {ms: number(found.ms), n: this.model.layers.length}));
    } catch (error) {
      if (turn === this.turn) this.status(say('liveFailed', {name, why: error.message}));
    }
  }

  /* ---- it is shown */

  async show() {
    const {el, say, liveViews} = convatlas;
    const {found, model, state} = this;
    if (this.photo) URL.revokeObjectURL(this.photo);
    const canvas = liveViews.seen(found.rgba, found.w, found.h, say('liveSeenAlt', {name: state.name}));
    this.photo = URL.createObjectURL(await new Promise((made) => canvas.toBlob(made)));
    this.classes = el('div', {});
    this.where = el('div', {class: 'lv-maps'});
    this.layers = document.createElement('live-layers');
    const [w, h] = found.from;
    const about = state.sample ? [say('liveFromReport'), ' ', el('a', {href: convatlas.url(state.sample.page)}, say('liveImagePage'))] : [say('liveSeen', {w, h, W: found.w, H: found.h})];
    this.find('found').replaceChildren(
      el('div', {class: 'lv-first'},
        el('figure', {}, canvas, el('figcaption', {}, el('b', {}, state.name), ' · ', ...about)),
        el('section', {class: 'lv-says'}, el('h2', {}, say('liveSays')), this.classes, this.other())),
      el('section', {}, el('h2', {}, say('liveWhere')), this.where),
      el('section', {}, el('h2', {}, say('liveMaps')), el('p', {class: 'ca-note'}, say('liveMapsHow')), this.layers));
    this.layers.set(this.worker, model, this.photo, state);
    this.choose(state.index);
  }

  /** A field for any class that is not among the first. */
  other() {
    const {el, say, liveViews} = convatlas;
    const {model} = this;
    if (model.classes <= 5) return null;
    const options = el('datalist', {id: 'lv-labels'}), told = el('span', {class: 'ca-dim', role: 'status'});
    const field = el('input', {type: 'search', list: 'lv-labels', placeholder: say('liveOther'), 'aria-label': say('liveOther'), autocomplete: 'off', spellcheck: 'false'});
    field.addEventListener('focus', () => { if (!options.firstChild) options.append(...Array.from({length: model.classes}, (_, k) => el('option', {value: liveViews.label(model, k)}))); }, {once: true});
    field.addEventListener('change', () => {
      const text = field.value.trim().toLowerCase();
      const labels = Array.from({length: model.classes}, (_, k) => liveViews.label(model, k).toLowerCase());
      const index = labels.indexOf(text) >= 0 ? labels.indexOf(text) : this.numbered(text, model.classes) ?? labels.findIndex((one) => text && one.includes(text));
      told.textContent = text && index < 0 ? say('liveNoClass', {name: field.value.trim()}) : '';
      if (index >= 0) { field.value = ''; this.choose(index); }
    });
    return el('p', {class: 'ca-filter lv-other'}, field, told, options);
  }

  choose(index) {
    const {liveViews} = convatlas;
    const focused = this.classes.contains(document.activeElement);
    this.state.index = index;
    this.classes.replaceChildren(liveViews.predictions(this.model, this.found.scores, (k) => this.choose(k), index));
    if (focused) this.classes.querySelector(':checked').focus();
    this.locate();
  }

  /** The maps that say where: exact ones at once, others when asked for. */
  locate() {
    this.where.replaceChildren(this.cam(), this.scorecam(), this.occlusion());
  }

  figure(title, how, drawn, task = null) {
    const {el} = convatlas;
    return el('figure', {class: 'lv-map'}, el('figcaption', {}, el('b', {}, title), el('span', {class: 'lv-map__how'}, how)), drawn, task);
  }

  cam() {
    const {el, say, number, liveViews} = convatlas;
    const {model, state, worker} = this;
    const name = liveViews.label(model, state.index), place = el('div', {class: 'lv-map__place'});
    if (!model.averaged) {
      place.append(liveViews.na(say('liveCamNo'), ' ', say('liveCamNext')));
      return this.figure(say('liveCam'), '', place);
    }
    worker.ask('cam', {index: state.index}).then(({data, w, h, mean}) => {
      const sum = mean + (model.biases[state.index] || 0), score = this.found.scores[state.index];
      place.replaceChildren(liveViews.overlay(this.photo, liveViews.heat(data, w, h, true), say('at', {method: say('liveCam'), layer: model.averaged}), 'diverging'),
        el('p', {class: 'ca-note', 'data-adds': sum}, say('liveAdds', {mean: number(mean), bias: number(model.biases[state.index] || 0), sum: number(sum), score: number(score)})));
    }).catch((error) => place.replaceChildren(liveViews.na(error.message)));
    return this.figure(say('liveCam'), say('liveCamHow', {layer: model.averaged, label: name}), place);
  }

  scorecam() {
    const {el, say, liveViews} = convatlas;
    const {model, state, worker} = this;
    const place = el('div', {class: 'lv-map__place'}, el('img', {src: this.photo, alt: ''}));
    if (model.deepest < 0) return this.figure(say('liveScoreCam'), '', liveViews.na(say('liveNoPlaces')));
    const {units} = model.layers[model.deepest];
    const layer = el('select', {}, model.layers.map((one, k) => (one.h * one.w > 1 ? el('option', {value: k, selected: k === model.deepest}, one.name) : null)));
    const many = el('select', {}, [8, 32, 128].map((n) => el('option', {value: n, selected: n === 32}, String(n))), el('option', {value: 0}, say('liveAllUnits')));
    const task = document.createElement('live-task');
    task.set({
      text: say('liveCompute'),
      controls: [el('label', {class: 'ca-select'}, el('span', {}, say('layerWord')), layer), el('label', {class: 'ca-select'}, el('span', {}, say('liveUnits')), many)],
      changed: () => say('liveRuns', {n: Math.min(Number(many.value) || Infinity, model.layers[layer.value].units)}),
      start: (progress) => worker.ask('scorecam', {index: state.index, layer: Number(layer.value), units: Number(many.value)}, progress),
      stop: (promise) => worker.stop(promise),
      drawn: ({data, w, h}) => place.replaceChildren(liveViews.overlay(this.photo, liveViews.heat(data, w, h, false), say('at', {method: say('liveScoreCam'), layer: model.layers[layer.value].name}), 'inferno')),
    });
    return this.figure(say('liveScoreCam'), say('liveScoreCamHow', {label: liveViews.label(model, state.index), units}), place, task);
  }

  occlusion() {
    const {el, say, liveViews} = convatlas;
    const {model, state, worker} = this;
    const [h, w] = model.preprocess.size;
    const place = el('div', {class: 'lv-map__place'}, el('img', {src: this.photo, alt: ''}));
    const seventh = Math.min(Math.max(1, Math.round(Math.min(h, w) / 7)), Math.max(h, w));
    const sizes = [...new Set([seventh, Math.max(1, Math.round(seventh / 2)), seventh * 2])].sort((a, b) => b - a);
    const window = el('select', {}, sizes.map((n) => el('option', {value: n, selected: n === seventh}, `${n} px`)));
    const fill = el('select', {}, ['grey', 'black', 'zero'].map((name) => el('option', {value: name}, say(`liveFill_${name}`))));
    const settings = () => ({index: state.index, window: Number(window.value), stride: Math.max(1, Math.floor(Number(window.value) / 2)), fill: fill.value});
    const task = document.createElement('live-task');
    task.set({
      text: say('liveCompute'),
      controls: [el('label', {class: 'ca-select'}, el('span', {}, say('liveWindow')), window), el('label', {class: 'ca-select'}, el('span', {}, say('liveCover')), fill)],
      changed: () => { const {window: side, stride} = settings(); return say('liveRuns', {n: liveMaths.windows(h, w, side, stride).length + 1}); },
      start: (progress) => worker.ask('occlusion', settings(), progress),
      stop: (promise) => worker.stop(promise),
      drawn: ({data, w: W, h: H}) => place.replaceChildren(liveViews.overlay(this.photo, liveViews.heat(data, W, H, true), say('liveOcclusion'), 'diverging')),
    });
    return this.figure(say('liveOcclusion'), say('liveOcclusionHow', {label: liveViews.label(model, state.index)}), place, task);
  }
});
