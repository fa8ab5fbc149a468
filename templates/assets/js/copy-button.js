/* <copy-button><button>…</button></copy-button> before a <pre>: copies the text of that <pre>. */
customElements.define('copy-button', class extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector('button');
    const text = this.closest('.ca-code').querySelector('pre');
    const before = button.textContent;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
      } catch {
        // No clipboard without permission: the text is selected, one key away from being copied.
        getSelection().selectAllChildren(text);
        return;
      }
      button.textContent = this.dataset.copied;
      setTimeout(() => { button.textContent = before; }, 1600);
    });
  }
});
