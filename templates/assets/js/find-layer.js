/* Layers whose name has the typed words anywhere in it, above what Material's search finds: that one knows whole words and
 * their beginnings alone. The names come with data/names.js when the box is first used. */
(() => {
  const MOST = 100;
  const input = document.querySelector('[data-md-component=search-query]');
  const result = document.querySelector('[data-md-component=search-result]');
  const theirs = result && result.querySelector('.md-search-result__list');
  if (!input || !theirs) return;
  const {el} = convatlas;
  const mine = el('ol', {class: 'md-search-result__list ca-found', role: 'presentation'});
  // Between the two, because Material takes the first and the last child of the result for its own.
  result.insertBefore(mine, theirs);

  /** Names that are the text, then names that have all of its words; otherwise in order of execution. */
  const find = (names, text) => {
    const whole = text.trim().toLowerCase();
    const words = whole.split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const found = names.map(([name, address]) => [name, address, name.toLowerCase()]).filter(([, , low]) => words.every((word) => low.includes(word)));
    return found.sort((a, b) => (b[2] === whole) - (a[2] === whole)).slice(0, MOST);
  };

  /** A page found by both is listed once, here. */
  const once = () => {
    const here = new Set([...mine.querySelectorAll('a')].map((link) => link.href));
    for (const item of theirs.children) {
      const link = item.querySelector('a');
      const hidden = Boolean(link) && here.has(link.href.split(/[?#]/)[0]);
      if (item.hidden !== hidden) item.hidden = hidden;
    }
  };

  const draw = async () => {
    let names;
    try {
      names = await convatlas.load('names', 'layers', 'data/names.js');
    } catch {
      return; // Without the names, Material's search is what there is.
    }
    // The article and its score are what Material looks for at Enter: the first of these is then the best of all.
    mine.replaceChildren(...find(names, input.value).map(([name, address], k) => el('li', {class: 'md-search-result__item'},
      el('a', {class: 'md-search-result__link', href: convatlas.url(address), tabindex: '-1'},
        el('article', {class: 'md-search-result__article md-typeset', 'data-md-score': 1e6 - k}, el('h1', {}, convatlas.breaks(name)))))));
    once();
  };
  for (const kind of ['focus', 'input']) input.addEventListener(kind, draw);
  input.form.addEventListener('reset', () => setTimeout(draw));
  new MutationObserver(once).observe(theirs, {childList: true});
  if (input.value) draw();
})();
