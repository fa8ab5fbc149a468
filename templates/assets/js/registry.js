/* Where data arrives: a data script calls convatlas.put(kind, key, value); an element calls get, or load.
 * Scripts and not fetch, because fetch is refused on file://. */
(() => {
  const root = new URL('../../', document.currentScript.src).href;
  const shelves = new Map();
  const loading = new Map();
  const name = (kind, key) => `${kind}\n${key}`;
  self.convatlas = {
    /** The site's own root, for addresses in data, which are all relative to it. */
    url: (path) => (path.startsWith('blob:') ? path : root + path), // a picture made in the page has an address of its own
    put: (kind, key, value) => void shelves.set(name(kind, key), value),
    get: (kind, key) => shelves.get(name(kind, key)),
    /** A promise of the value, loading its script once; rejects with the script's path. */
    load(kind, key, path) {
      const id = name(kind, key);
      if (shelves.has(id)) return Promise.resolve(shelves.get(id));
      if (!loading.has(id)) {
        loading.set(id, new Promise((resolve, reject) => {
          const script = document.createElement('script');
          script.src = root + path;
          script.onload = () => (shelves.has(id) ? resolve(shelves.get(id)) : reject(new Error(path)));
          script.onerror = () => { loading.delete(id); reject(new Error(path)); };
          document.head.appendChild(script);
        }));
      }
      return loading.get(id);
    },
    /** A word of the interface, with {parts} filled in. */
    say(key, parts = {}) {
      const text = (convatlas.get('strings', 'en') || {})[key] || key;
      return text.replace(/\{(\w+)\}/g, (all, part) => (part in parts ? parts[part] : all));
    },
    /** An element: attributes by name, `on…` as listeners, children as nodes or text. Never as HTML. */
    el(tag, attributes = {}, ...children) {
      const made = document.createElement(tag);
      for (const [key, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
        else made.setAttribute(key, value === true ? '' : value);
      }
      made.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
      return made;
    },
    /** A dotted name as text with places where a line may break. */
    breaks: (name) => name.split(/(?<=[./])(?=[^./])|(?<=[^._/]_)(?=[^._/])|(?<=[a-z])(?=[A-Z][a-z])/).flatMap((part, k) => (k ? [document.createElement('wbr'), part] : [part])),
    /** Three significant digits, as on the pages. */
    number(v) {
      if (v === null || v === undefined) return '–';
      const size = Math.abs(v);
      if (v === 0) return '0';
      if (size >= 1e5 || size < 1e-3) return v.toExponential(2).replace('+', '').replace(/-/g, '\u2212');
      const rounded = size < 1000 ? Number(v.toPrecision(3)) : Math.sign(v) * Math.round(size);
      const text = Math.abs(rounded) >= 1000 ? rounded.toLocaleString('en') : String(rounded);
      return text.replace(/-/g, '\u2212');
    },
    /** A share of one. */
    percent: (v) => (v === null || v === undefined ? '–' : `${convatlas.number(100 * v)} %`),
    /** What stands after # as an object, and back, without a step in the history. */
    address: {
      read: () => Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
      text: (parts) => new URLSearchParams(Object.entries(parts).filter(([, v]) => v !== null && v !== undefined && v !== '')).toString(),
      write(parts) { history.replaceState(history.state, '', '#' + convatlas.address.text(parts)); },
    },
    /** A choice that outlives the page, where the browser lets it. */
    kept: {
      get(key, otherwise) { try { return localStorage.getItem(`convatlas.${key}`) || otherwise; } catch { return otherwise; } },
      set(key, value) { try { localStorage.setItem(`convatlas.${key}`, value); } catch { /* not allowed here: the choice lasts as long as the page */ } },
    },
  };
})();
