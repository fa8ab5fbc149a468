/* What the comparison shows, apart from how: its state, which the address holds; how things are called; which map stands where, and
 * what it is judged by. */
(() => {
  const AXES = ['method', 'image', 'layer', 'target'];
  const KEY = {method: 'm', image: 'i', layer: 'l', target: 't'};
  const MANY = 12;

  const View = class extends HTMLElement {
    // State and address

    member(axis, id) { return this.members[axis].find((one) => one.id === id) || this.members[axis][0]; }

    /** What all of it is when the address says nothing. */
    initial() {
      const first = (axis) => (this.members[axis][0] || {id: ''}).id;
      const some = this.members.image.slice(0, MANY).map((one) => one.id);
      return {
        rows: 'method', columns: 'image',
        shown: {method: this.members.method.map((one) => one.id), image: some, layer: this.members.layer.map((one) => one.id), target: this.members.target.map((one) => one.id)},
        at: {method: first('method'), image: first('image'), layer: this.data.layer || first('layer'), target: first('target')},
        s: 'own', r: 'smooth', k: this.menu.value, a: 65, o: '', large: null,
      };
    }

    read() {
      const given = convatlas.address.read();
      const state = this.initial();
      if (AXES.includes(given.rows)) state.rows = given.rows;
      if (AXES.includes(given.cols)) state.columns = given.cols;
      if (state.rows === state.columns) state.columns = AXES.find((axis) => axis !== state.rows);
      for (const axis of AXES) {
        const ids = (given[KEY[axis]] || '').split('.').filter((id) => this.members[axis].some((one) => one.id === id));
        if (!ids.length) continue;
        if (axis === state.rows || axis === state.columns) state.shown[axis] = this.members[axis].map((one) => one.id).filter((id) => ids.includes(id));
        else [state.at[axis]] = ids;
      }
      if (['own', 'row', 'column', 'all'].includes(given.s)) state.s = given.s;
      if (['smooth', 'raw'].includes(given.r)) state.r = given.r;
      if (convatlas.colours.names.includes(given.c)) { state.k = given.c; this.menu.choose(given.c); }
      if (/^\d{1,3}$/.test(given.overlay)) state.a = Math.min(100, Number(given.overlay));
      if (this.data.metrics.some((metric) => metric.id === given.o)) state.o = given.o;
      if (this.members.image.some((one) => one.id === given.large)) {
        const side = (text) => {
          const [method, layer, target] = (text || '').split('.');
          return this.members.method.some((one) => one.id === method) ? {method, layer: this.member('layer', layer || state.at.layer)?.id || '', target: this.member('target', target)?.id || ''} : null;
        };
        state.large = {image: given.large, left: side(given.left), right: side(given.right), wipe: /^\d{1,3}$/.test(given.wipe) ? Math.min(100, Number(given.wipe)) : 50, both: given.both === '1'};
      }
      this.state = state;
    }

    /** The state as the address has it: what is as at first is left out, but for the colours, which each reader may have chosen. */
    write(step = true) {
      const {state} = this;
      const first = this.initial();
      const other = (key, value, usual) => (value === usual ? '' : value);
      const parts = {rows: other('rows', state.rows, first.rows), cols: other('cols', state.columns, first.columns)};
      for (const axis of AXES) {
        const free = axis === state.rows || axis === state.columns;
        parts[KEY[axis]] = free ? other(axis, state.shown[axis].join('.'), first.shown[axis].join('.')) : other(axis, state.at[axis], first.at[axis]);
      }
      Object.assign(parts, {s: other('s', state.s, 'own'), r: other('r', state.r, 'smooth'), c: state.k, overlay: other('a', state.a, 65), o: state.o});
      if (state.large) {
        const side = (one) => (one ? [one.method, one.layer, one.target].join('.') : 'photo');
        const {image, left, right, wipe, both} = state.large;
        Object.assign(parts, {large: image, left: side(left), right: side(right), wipe, both: both ? 1 : ''});
      }
      const hash = `#${convatlas.address.text(parts)}`;
      if (hash === location.hash) return;
      if (step) history.pushState(null, '', hash);
      else history.replaceState(history.state, '', hash);
    }

    // Words

    /** A member as it is called: where an image is known, its own class, and how that was chosen. */
    title(axis, one, image = null) {
      if (axis === 'method') return one.title;
      if (axis !== 'target') return one.name;
      const own = image && image.targets[Number(one.id)];
      return own && one.role ? `${own.label} (${one.role})` : one.name;
    }

    /** A method's own sentence on its map, filled in. */
    caption(method, layer, target, image) {
      const own = image.targets[Number(target)];
      const words = {layer: layer ? layer.name : convatlas.say('theInput'), image: image.name, target: own ? own.label : ''};
      return method.caption.replace(/\{(\w+)\}/g, (all, part) => words[part] || all);
    }

    /** A target's probability, where it has one. */
    share(target) {
      if (!target || target.p === null) return '';
      return ` ${target.p < 0.0005 ? '<\u202f0.1' : (100 * target.p).toFixed(1)}\u202f%`;
    }

    /** A metric's number with its unit. */
    amount(metric, v) { return `${convatlas.number(v)}${metric.unit ? ` ${metric.unit}` : ''}`; }

    /** What is said under one map that no heading can say: its class where images and classes are rows and columns, and the metric
     * that the rows are ordered by. */
    note(place) {
      const {rows, columns, o} = this.state;
      const target = this.member('image', place.image).targets[Number(place.target)];
      const own = [rows, columns].includes('image') && [rows, columns].includes('target') && target ? `${target.label}${this.share(target)}` : '';
      const judged = o && this.judged(place).find((one) => one.metric.id === o);
      return [own, judged ? `${judged.metric.title} ${this.amount(judged.metric, judged.v)}` : ''].filter(Boolean).join(', ');
    }

    /** What stands under a heading: {title, lines, page}. */
    heading(axis, one) {
      const {state} = this;
      const fixed = (other) => other !== state.rows && other !== state.columns;
      if (axis === 'method') return {title: one.title, lines: [one.input && fixed('layer') ? convatlas.say('onInput') : '', one.note].filter(Boolean), page: one.page};
      if (axis === 'layer') return {title: one.name, lines: [one.size].filter(Boolean), page: one.page};
      if (axis === 'image') {
        const target = fixed('target') && one.targets[Number(state.at.target)];
        return {title: one.name, lines: target ? [`${target.label}${this.share(target)}`] : [], page: one.page, photo: one.photo};
      }
      const target = fixed('image') && this.members.image.length ? this.member('image', state.at.image).targets[Number(one.id)] : null;
      return {title: target && one.role ? target.label : one.name, lines: target ? [`${one.role}${this.share(target)}`.trim()].filter(Boolean) : []};
    }

    /** What the two fixed ones are, in a sentence. */
    fixed() {
      const {say} = convatlas;
      return AXES.filter((axis) => axis !== this.state.rows && axis !== this.state.columns && this.members[axis].length).map((axis) => {
        const one = this.member(axis, this.state.at[axis]);
        const image = axis === 'target' && this.state.rows !== 'image' && this.state.columns !== 'image' ? this.member('image', this.state.at.image) : null;
        if (axis === 'layer') return say('fixedLayer', {layer: one.name, size: one.size});
        return say({method: 'fixedMethod', image: 'fixedImage', target: 'fixedTarget'}[axis], {one: this.title(axis, one, image)});
      });
    }

    about() {
      const {say} = convatlas;
      const {state} = this;
      const count = (axis) => `${state.shown[axis].length} ${say(`many_${axis}`)}`;
      return [`${count(state.rows)} × ${count(state.columns)}`, ...this.fixed()].join(', ');
    }

    scaleNote() { return convatlas.say({own: 'scaleOwn', row: 'scaleRow', column: 'scaleColumn', all: 'scaleAll'}[this.state.s]); }

    // Data

    /** The data of these images, once each. */
    heads(images) { return Promise.all(images.map((image) => convatlas.load('compare', image.id, image.data))); }

    /** A place's map: {head}, or {na: reason}, once its image's data is there. */
    entry({method, image, layer, target}) {
      const data = convatlas.get('compare', image);
      const at = this.member('method', method).input ? 'input' : layer;
      const found = (((data.maps[method] || {})[at] || [])[Number(target)]);
      if (found === undefined) return {na: convatlas.say('notAsked')};
      return typeof found === 'number' ? {na: data.why[found]} : {head: found};
    }

    own(head) { return head.signed ? [-head.hi, head.hi] : [head.lo, head.hi]; }

    /** The numbers that say how far a map is to be believed: known of the first target alone. */
    judged({method, image, layer, target}) {
      const data = convatlas.get('compare', image);
      if (target !== '0' && this.members.target.length) return [];
      const numbers = (((data && data.trust) || {})[method] || {})[this.member('method', method).input ? 'input' : layer] || {};
      return this.data.metrics.filter((metric) => metric.id in numbers).map((metric) => ({metric, v: numbers[metric.id]}));
    }

    /** Whether a place's maps fail the sanity check: then no number speaks for them. */
    fails({method, layer}) { return (this.data.failed[method] || []).includes(this.member('method', method).input ? 'input' : layer); }

    /** Whether a row is of maps that fail it. */
    failing(row) { return this.state.columns !== 'method' && this.state.shown[this.state.columns].some((column) => this.fails(this.place(row, column))); }

    /** The baselines that were drawn: what every number is held against. */
    baselines() { return this.members.method.filter((one) => this.data.baselines.includes(one.id)); }

    /** A baseline's number on one image, or undefined. */
    ground(metric, method, image) {
      const found = this.judged({...this.state.at, method, image, target: '0'}).find((one) => one.metric === metric);
      return found && found.v;
    }

    /** Whether a number is better than every other. */
    beats(metric, v, others) { return others.every((other) => other === undefined || (metric.better === 'higher' ? v > other : v < other)); }

    /** A baseline's mean over the images in view, {mean, n}, or null. */
    groundMean(metric, method) {
      const free = this.state.rows === 'image' || this.state.columns === 'image';
      const values = (free ? this.state.shown.image : [this.state.at.image]).map((image) => this.ground(metric, method, image)).filter((v) => v !== undefined);
      return values.length ? {mean: values.reduce((sum, v) => sum + v, 0) / values.length, n: values.length} : null;
    }

    /** A metric's mean over a row, {mean, n}, or null. */
    mean(metric, row) {
      const values = this.state.shown[this.state.columns].flatMap((column) => this.judged(this.place(row, column)).filter((one) => one.metric === metric).map((one) => one.v));
      return values.length ? {mean: values.reduce((sum, v) => sum + v, 0) / values.length, n: values.length} : null;
    }

    /** Why a row has no number by a metric: its maps are of another class or layer than those that were judged, or rank nothing. */
    unjudged(metric, row) {
      const {say} = convatlas;
      const {state} = this;
      const method = this.member('method', {[state.rows]: row}.method || state.at.method);
      const free = state.rows === 'image' || state.columns === 'image';
      const target = {[state.rows]: row}.target || (state.columns === 'target' ? '0' : state.at.target);
      if (target !== '0' && this.members.target.length) return say('notJudgedClass');
      if (method.input || state.columns === 'method' || state.columns === 'layer') return say('notJudged');
      const places = new Set((free ? state.shown.image : [state.at.image]).flatMap((image) => Object.entries((((convatlas.get('compare', image) || {}).trust || {})[method.id]) || {}).filter(([, numbers]) => metric.id in numbers).map(([layer]) => layer)));
      if (!places.size) return say('notJudged');
      return say('notJudgedHere', {layers: [...places].map((layer) => this.member('layer', layer).name).join(', ')});
    }

    place(row, column) { return {...this.state.at, [this.state.rows]: row, [this.state.columns]: column}; }

    /** The rows in the order asked for: best first. */
    ordered() {
      const {state} = this;
      const metric = this.data.metrics.find((one) => one.id === state.o);
      const rows = state.shown[state.rows];
      if (!metric) return rows;
      const means = new Map(rows.map((row) => [row, this.mean(metric, row)]));
      const sign = metric.better === 'higher' ? -1 : 1;
      return [...rows].sort((a, b) => {
        const [x, y] = [means.get(a), means.get(b)];
        return x && y ? sign * (x.mean - y.mean) : Number(!x) - Number(!y);
      });
    }
  };

  convatlas.compare = {AXES, View};
})();
