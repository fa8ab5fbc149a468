/* <drawing-studio>: the network in a style, and the style's options as a form. What is shown is drawn here, by the ports of the
 * styles; the address after # holds the style (s), the image (i), the size (z) and every option that was changed. */
(() => {
  const {el, say, address} = convatlas;
  const OWN = ['s', 'i', 'z'];
  const NONE = '-';
  const PIXELS = 2;
  const FITS = 40;  // boxes where no depth is asked for
  const SIDE = 16000;  // a canvas may not be longer
  const quoted = (text) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

  customElements.define('drawing-studio', class extends HTMLElement {
    connectedCallback() {
      this.data = convatlas.get('drawings', 'index');
      if (!this.data || this.stage) return;
      this.stage = this.querySelector('[data-stage]');
      this.form = this.querySelector('[data-form]');
      this.fields = this.querySelector('[data-fields]');
      this.images = this.querySelector('[data-control=image]');
      this.status = this.querySelector('[data-status]');
      this.names = new Set(this.data.styles.flatMap((style) => style.options.map((option) => option.name)));
      this.form.addEventListener('input', (event) => this.changed(event.target));
      this.form.addEventListener('submit', (event) => event.preventDefault());
      this.form.addEventListener('reset', (event) => { event.preventDefault(); this.values = {}; this.fill(); this.write(); this.draw(); });
      this.addEventListener('change', ({target}) => this.control(target));
      this.addEventListener('click', ({target}) => { if (target.dataset && target.dataset.save) this.save(target.dataset.save); });
      addEventListener('hashchange', () => { if (this.said !== location.hash) { this.read(); this.show(); } });
      this.read();
      this.show();
    }

    get style_() { return this.data.styles.find((style) => style.name === this.name); }

    // The address

    read() {
      const said = address.read();
      const known = this.data.styles.map((style) => style.name);
      this.name = known.includes(said.s) ? said.s : known[0];
      const slugs = this.data.images.map((image) => image.slug);
      this.image = slugs.includes(said.i) || said.i === NONE ? said.i : slugs[0] || NONE;
      this.zoom = ['fit', 'full'].includes(said.z) ? said.z : matchMedia('(max-width: 700px)').matches ? 'full' : 'fit';
      this.values = {};
      for (const option of this.style_.options) if (option.name in said) this.set(option, said[option.name]);
    }

    /** Keep a value that the option may have; what is as it was unasked is not kept. */
    set(option, text) {
      let value = text;
      if (option.kind === 'picture') return;
      if (option.kind === 'number') {
        value = Number(text);
        if (text === '' || !Number.isFinite(value)) return;
        value = Math.min(option.most, Math.max(option.least, value));
        if (option.step === 1) value = Math.round(value);
      } else if (option.kind === 'flag') value = String(text) === 'true';
      else if (option.kind === 'choice' && !option.choices.includes(text)) return;
      else if (option.kind === 'names') value = text.split(',').map((name) => name.trim()).filter(Boolean);
      else if (option.kind === 'colour' && !/^#[0-9a-fA-F]{6}$/.test(text)) return;
      if (String(value) === String(option.default)) delete this.values[option.name];
      else this.values[option.name] = value;
    }

    write() {
      const others = Object.entries(address.read()).filter(([key]) => !OWN.includes(key) && !this.names.has(key));
      const first = this.data.images.length ? this.data.images[0].slug : NONE;
      address.write({...Object.fromEntries(others), s: this.name, i: this.image === first ? '' : this.image, z: this.zoom === 'fit' ? '' : this.zoom, ...this.values});
      this.said = location.hash;
    }

    // The controls

    control(target) {
      if (target.name === 'dw-style') { this.name = target.value; this.values = {}; }
      else if (target.name === 'dw-zoom') this.zoom = target.value;
      else if (target === this.images) this.image = target.value;
      else return;
      this.write();
      this.show(target.name === 'dw-style');
    }

    changed(input) {
      const option = this.style_.options.find((one) => one.name === input.dataset.option);
      if (!option) return;
      this.set(option, option.kind === 'flag' ? String(input.checked) : input.value);
      this.tell(option);
      this.write();
      this.later();
    }

    /** Draw once a frame, however fast a slider moves. */
    later() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
    }

    async show(built = false) {
      for (const radio of this.querySelectorAll('[name=dw-style]')) radio.checked = radio.value === this.name;
      for (const radio of this.querySelectorAll('[name=dw-zoom]')) radio.checked = radio.value === this.zoom;
      for (const about of this.querySelectorAll('[data-about]')) about.hidden = about.dataset.about !== this.name;
      for (const files of this.querySelectorAll('[data-files]')) files.hidden = files.dataset.files !== this.name;
      if (this.images) this.images.value = this.image;
      if (this.built !== this.name) this.build();
      else if (!built) this.fill();
      const turn = this.turn = (this.turn || 0) + 1;
      const {prepared} = this.style_;
      const image = this.data.images.find((one) => one.slug === this.image);
      const [faces, found] = await Promise.all([
        this.fetched('faces', image && image.slug, image && image.script),
        this.fetched('prepared', this.name, prepared),
      ]);
      if (turn !== this.turn) return;
      this.prepared = found;
      this.missing = image && !faces ? image.script : '';
      this.picture = (faces || {})[(this.data.architecture.ops.find((op) => op.kind === 'input') || {}).id] || '';
      const extra = {...this.data.architecture.extra};
      for (const [op, addresses] of Object.entries(faces || {})) extra[`face:${op}`] = addresses;
      this.extra = extra;
      this.draw();
    }

    /** What a script of data holds; null where there is none to load, or where it does not load. */
    async fetched(kind, key, path) {
      if (!path) return null;
      try {
        const found = await convatlas.load(kind, key, path);
        return found && typeof found === 'object' ? found : null;
      } catch {
        return null;
      }
    }

    /** The form of a style: made from its options. */
    build() {
      this.built = this.name;
      const port = convatlas.styles[this.name];
      this.fields.replaceChildren(...(port ? this.style_.options.filter((option) => option.kind !== 'picture').map((option) => this.field(option)) : [el('p', {class: 'ca-note'}, say('drawingNoPort'))]));
      this.form.querySelector('[type=reset]').hidden = !port;
      this.fill();
    }

    field(option) {
      const id = `dw-${option.name}`;
      const title = option.name.replace(/_/g, ' ');
      const known = {id, 'data-option': option.name, 'aria-describedby': `${id}-doc`};
      const doc = el('p', {class: 'dw-doc', id: `${id}-doc`}, option.doc);
      if (option.kind === 'choice') {
        const choices = option.choices.map((choice) => el('label', {}, el('input', {type: 'radio', name: id, value: choice, 'data-option': option.name}), el('span', {}, choice)));
        return el('fieldset', {class: 'dw-field dw-field--choice', 'aria-describedby': `${id}-doc`}, el('legend', {}, title), el('div', {class: 'ca-seg'}, choices), doc);
      }
      const label = el('label', {for: id}, title);
      if (option.kind === 'flag') return el('div', {class: 'dw-field dw-field--flag'}, label, el('input', {...known, type: 'checkbox', role: 'switch'}), doc);
      if (option.kind === 'colour') return el('div', {class: 'dw-field dw-field--colour'}, label, el('input', {...known, type: 'color'}), doc);
      if (option.kind === 'text' || option.kind === 'names') return el('div', {class: 'dw-field dw-field--text'}, label, el('input', {...known, type: 'text', spellcheck: 'false', autocomplete: 'off'}), doc);
      const out = el('output', {for: id});
      return el('div', {class: 'dw-field dw-field--number'}, label, out, el('input', {...known, type: 'range', min: option.least, max: option.most, step: option.step}), doc);
    }

    /** The network as the style's port reads it: as it is, or as it was prepared for these options. */
    get network() {
      const {prepared: file, options} = this.style_;
      if (!file) return {...this.data.architecture, extra: this.extra};
      const {by = [], of = {}, architectures = []} = this.prepared || {};
      const values = by.map((name) => this.value(options.find((option) => option.name === name) || {})).join(' ');
      const found = architectures[of[values]];
      if (!found) throw Object.assign(new Error(say('failed', {file})), {told: true});  // drawn as it is, it would be another drawing
      return {...found, extra: this.extra};
    }

    value(option) {
      if (option.kind === 'picture') return this.picture;
      return option.name in this.values ? this.values[option.name] : option.default;
    }

    /** Make every control say what is. */
    fill() {
      for (const option of this.style_.options) {
        const value = this.value(option);
        for (const input of this.fields.querySelectorAll(`[data-option="${option.name}"]`)) {
          if (option.kind === 'choice') input.checked = input.value === value;
          else if (option.kind === 'flag') input.checked = value;
          else input.value = option.kind === 'names' ? value.join(', ') : value;
        }
        this.tell(option);
      }
    }

    tell(option) {
      const out = this.fields.querySelector(`output[for="dw-${option.name}"]`);
      if (!out) return;
      const value = this.value(option);
      out.textContent = value < 0 && option.least < 0 ? say('drawingAuto') : String(value);
      this.fields.querySelector(`#dw-${option.name}`).setAttribute('aria-valuetext', out.textContent);
    }

    // The drawing

    draw() {
      const port = convatlas.styles[this.name];
      const label = this.stage.getAttribute('aria-label').split(':')[0];
      this.stage.setAttribute('aria-label', `${label}: ${this.style_.title}`);
      const {why} = this.style_;
      this.form.hidden = this.querySelector('.dw-command').hidden = this.querySelector('.dw-take').hidden = Boolean(why);
      this.command();
      // a colour in which nothing is drawn cannot be chosen, as the command refuses it
      for (const option of this.style_.options) for (const input of this.fields.querySelectorAll(`[data-option="${option.name}"]`)) input.disabled = !this.used(option);
      if (!port || why) { this.still(why); return; }
      const options = Object.fromEntries(this.style_.options.map((option) => [option.name, this.value(option)]));
      try {
        this.drawing = port.draw(this.network, options);
      } catch (error) {
        this.still(error.told ? error.message : say('drawingFailed', {why: error.message}));
        return;
      }
      const {svg, width, height} = this.drawing;
      // Parsed as XML, where nothing runs: names in it are strangers'.
      const made = document.importNode(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement, true);
      this.stage.classList.toggle('dw-stage--full', this.zoom === 'full');
      this.stage.style.setProperty('--dw-width', `${width}px`);
      this.stage.replaceChildren(made);
      const size = say('drawingSize', {w: Math.round(width), h: Math.round(height), kb: Math.max(1, Math.round(svg.length / 1000))});
      this.status.textContent = this.missing ? say('failed', {file: this.missing}) : [this.vain(), size].filter(Boolean).join(' ');
      this.saves(true);
    }

    /** Names that an option was given and that this network does not have, in a sentence; the field says that it is wrong. */
    vain() {
      const asked = this.style_.options.filter((option) => option.kind === 'names');
      const known = asked.some((option) => this.value(option).length) ? this.known() : {};
      return asked.map((option) => {
        const names = this.value(option).filter((name) => !known[option.name === 'each' ? 'heads' : 'blocks'].has(name));
        const input = this.fields.querySelector(`#dw-${option.name}`);
        if (names.length) input.setAttribute('aria-invalid', 'true');
        else input.removeAttribute('aria-invalid');
        return names.length ? say('drawingNoBlock', {names: names.join(', '), option: option.name}) : '';
      }).filter(Boolean).join(' ');
    }

    /** What of this network can be named: blocks, lists of modules among them, and the heads of what repeats. */
    known() {
      const {prepared, opening, folding, fitting, isRun} = convatlas.simplify;
      const all = Object.fromEntries(this.style_.options.map((option) => [option.name, this.value(option)]));
      const whole = prepared(this.network, all);
      const depth = all.depth >= 0 ? all.depth : fitting(whole, FITS, {fold: all.fold});
      const [open] = opening(whole, depth, all.opened, all.shut, false, []);
      const heads = [whole, open].flatMap((it) => folding(it, []).found.map((run) => run.head));
      return {blocks: new Set(whole.blocks.filter((block) => !isRun(block)).map((block) => block.id)), heads: new Set(heads)};
    }

    /** What cannot be drawn here: the file that was drawn when the site was made, and why. */
    still(why = '') {
      this.drawing = null;
      const file = this.querySelector(`[data-files="${this.name}"] a`);
      const said = why ? [el('p', {class: 'ca-na', role: 'alert'}, why)] : [];
      this.stage.replaceChildren(...said, ...(file ? [el('img', {src: file.href, alt: this.stage.getAttribute('aria-label')})] : []));
      this.saves(false);
      this.status.textContent = '';
    }

    saves(can) { for (const button of this.querySelectorAll('[data-save]')) button.disabled = !can; }

    /** Whether anything is drawn in a colour, as the other options are. */
    used(option) {
      const {options} = this.style_;
      return Object.entries(option.where || {}).every(([other, value]) => this.value(options.find(({name}) => name === other)) === value);
    }

    command() {
      const parts = ['convatlas', 'draw', quoted(this.data.source), '--style', this.name, '--input', this.data.input];
      const option = (asked) => this.style_.options.find(({name}) => name === asked);
      for (const [name, value] of Object.entries(this.values)) if (this.used(option(name))) parts.push('--set', quoted(`${name}=${Array.isArray(value) ? JSON.stringify(value) : value}`));
      this.querySelector('[data-command]').textContent = `${parts.join(' ')} -o ${this.name}.svg`;
    }

    async save(kind) {
      const {svg, width, height} = this.drawing;
      const name = `${convatlas.save.plain(this.dataset.model)}-${this.name}`;
      if (kind === 'svg') { convatlas.save.file(`${name}.svg`, svg, 'image/svg+xml'); return; }
      const picture = new Image();
      picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
      await picture.decode();
      const scale = Math.min(PIXELS, SIDE / width, SIDE / height);
      const canvas = el('canvas', {width: Math.ceil(width * scale), height: Math.ceil(height * scale)});
      const context = canvas.getContext('2d');
      context.fillStyle = '#ffffff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => convatlas.save.file(`${name}.png`, blob, 'image/png'), 'image/png');
    }
  });
})();
