/* Dark from the first paint for those who asked their system for it and have not chosen here. */
(() => {
  const kept = self.__md_get && __md_get('__palette');
  if (!(kept && kept.color) && matchMedia('(prefers-color-scheme: dark)').matches) document.body.setAttribute('data-md-color-scheme', 'slate');
})();
