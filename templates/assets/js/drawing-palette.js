/* generator/diagrams/palette.py in a browser: one colour for each kind of operation, the same in every style, and that of texts and lines. */
(() => {
  const FILLS = {
    input: '#e9ecf3', conv: '#ffd28a', norm: '#cfe0f7', act: '#f6b7a0', pool: '#b6d7a8', linear: '#c9b8ec', attention: '#f3b4d0', merge: '#a9dde0',
    softmax: '#e3a5a5', resample: '#9fd6bb', reshape: '#eceef2', copy: '#eceef2', block: '#f4f1e6', other: '#dfe3ea', output: '#e9ecf3',
  };
  const EDGES = {
    input: '#69738a', conv: '#a86a00', norm: '#3d6aa8', act: '#b04a26', pool: '#4a7d35', linear: '#6644b0', attention: '#a83b72', merge: '#1f7d84',
    softmax: '#9c3a3a', resample: '#22785a', reshape: '#7c8494', copy: '#7c8494', block: '#85795a', other: '#69738a', output: '#69738a',
  };
  const [INK, DIM, LINE] = ['#12151c', '#596174', '#8a91a3'];
  const TINTS = ['#a83b72', '#2f62b3', '#22785a', '#8a5600', '#6644b0', '#9c3a3a'];
  const DASHES = '4 3';
  const SHARED = 'shared weights';
  const tint = (number) => TINTS[(number - 1) % TINTS.length];

  Object.assign(convatlas.drawing, {FILLS, EDGES, INK, DIM, LINE, DASHES, SHARED, tint});
})();
