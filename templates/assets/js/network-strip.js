/* <network-strip>: the parts of the network above a layer's page as one stop of the Tab key; arrow keys walk along them, Home
 * and End to the ends. Without scripts each is a stop. */
customElements.define('network-strip', class extends HTMLElement {
  connectedCallback() {
    this.links = [...this.querySelectorAll('a')];
    if (!this.links.length) return;
    this.stop(this.links.find((link) => link.hasAttribute('aria-current')) || this.links[0]);
    this.addEventListener('focusin', (event) => this.stop(event.target));
    this.addEventListener('keydown', (event) => this.key(event));
  }

  stop(link) { for (const other of this.links) other.tabIndex = other === link ? 0 : -1; }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.links.indexOf(document.activeElement);
    const last = this.links.length - 1;
    const to = {ArrowRight: Math.min(at + 1, last), ArrowLeft: Math.max(at - 1, 0), Home: 0, End: last}[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();  // nor does the page step to another unit
    this.links[to].focus();
  }
});
