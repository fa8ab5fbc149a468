/* On a telephone the ways stand in one line that scrolls: the one that is open is brought into sight. */
(() => {
  const nav = document.querySelector('.ca-nav');
  const here = nav && nav.querySelector('[aria-current]');
  if (here) nav.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - nav.clientWidth / 2 - nav.offsetLeft;
})();
