/* Buttons with data-csv="table | curves | matrix": the numbers on the page as a file. data-key says of which image ('': the set). */
(() => {
  /** A text that a spreadsheet would take for a formula is marked as text. */
  const cell = (value) => {
    if (value === null || value === undefined) return '';
    if (typeof value === 'number') return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const rows = {
    table: (data) => data.csv,
    curves: (data) => data.curves,
    matrix: ({matrix}) => [['', ...matrix.of], ...matrix.rows.map((row, k) => [matrix.of[k], ...row])],
  };
  for (const button of document.querySelectorAll('[data-csv]')) {
    button.disabled = !convatlas.get('trust', button.dataset.key || '');
    button.addEventListener('click', () => {
      const key = button.dataset.key || '';
      const text = rows[button.dataset.csv](convatlas.get('trust', key)).map((row) => row.map(cell).join(',')).join('\r\n');
      const address = URL.createObjectURL(new Blob(['\ufeff', text, '\r\n'], {type: 'text/csv;charset=utf-8'}));
      convatlas.el('a', {href: address, download: `${['trust', button.dataset.csv, key].filter(Boolean).join('-')}.csv`}).click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
    });
  }
})();
