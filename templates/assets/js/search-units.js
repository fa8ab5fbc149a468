/* Above what the search over pages finds: a link that carries what is typed to the search over all units. */
(() => {
  const input = document.querySelector('[data-md-component=search-query]');
  const result = document.querySelector('[data-md-component=search-result]');
  if (!input || !result) return;
  const {el, say, url, address} = convatlas;
  const close = () => { const toggle = document.querySelector('#__search'); if (toggle) toggle.checked = false; };
  // Where the units' page is open already nothing is loaded anew: the dialog gives way to it.
  const link = el('a', {href: url('units.html'), onclick: close});
  const line = el('p', {class: 'ca-search-units', hidden: true}, link);
  result.before(line);
  const tell = () => {
    const text = input.value.trim();
    line.hidden = !text;
    link.href = `${url('units.html')}#${address.text({q: text})}`;
    link.replaceChildren(say('searchUnits', {text}), ' ', el('span', {'aria-hidden': 'true'}, '›'));
  };
  for (const kind of ['input', 'focus', 'change']) input.addEventListener(kind, tell);
  input.form?.addEventListener('reset', () => { line.hidden = true; });
})();
