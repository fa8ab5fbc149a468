/* <atlas-mini data-src data-w data-h data-tiles="x,y x,y …">: a few tiles of an atlas, drawn when they come into view. */
(() => {
  const draw = (mini) => {
    const {src, w, h, aw, ah, tiles} = mini.dataset;
    const box = convatlas.el('span', {class: 'ca-tiles ca-mini__tiles', 'aria-hidden': 'true'});
    const set = (key, value) => box.style.setProperty(key, value);
    set('--atlas', `url("${new URL(src, document.baseURI).href}")`);
    for (const [key, value] of [['--tw', w], ['--th', h], ['--aw', aw], ['--ah', ah]]) set(key, value);
    const across = Number(mini.dataset.across || 0);
    const side = across ? (mini.clientWidth - 2 * (across - 1)) / across : parseFloat(getComputedStyle(mini).getPropertyValue('--mini')) || 28;
    if (across) Object.assign(box.style, {display: 'grid', gridTemplateColumns: `repeat(${across}, max-content)`});
    const zoom = side / Math.max(w, h);
    set('--z', zoom);
    box.classList.toggle('ca-tiles--fine', zoom < 1 || 'rgb' in mini.dataset);
    if (!('rgb' in mini.dataset)) box.style.filter = convatlas.colours.filter('viridis', 'signed' in mini.dataset);
    for (const pair of tiles.split(' ')) {
      const [x, y] = pair.split(',');
      box.append(convatlas.el('i', {style: `--x:${Number(x)};--y:${Number(y)}`}));
    }
    mini.replaceChildren(box);
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, {rootMargin: '300px'});
  customElements.define('atlas-mini', class extends HTMLElement {
    connectedCallback() { seen.observe(this); }
    disconnectedCallback() { seen.unobserve(this); }
  });
})();
