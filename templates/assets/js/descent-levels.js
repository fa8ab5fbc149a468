/* A surface from above as a canvas: flat tints between levels, and lines of even width where they meet. The width is known from the slope:
 * a pixel's distance to a level is the difference in height over the steepness, so that no line need be traced. */
convatlas.descentLevels = ({box}, heights, width, height, dense, alpha = 0.34) => {
  const {LEVELS, dark, shade} = convatlas.descentDraw;
  const [x0, x1, y0, y1] = box;
  const t = new Float32Array(width * height);
  for (let j = 0, k = 0; j < height; j++) {
    const y = y1 - (j + 0.5) / height * (y1 - y0);
    for (let i = 0; i < width; i++, k++) t[k] = heights.of(x0 + (i + 0.5) / width * (x1 - x0), y) * LEVELS;
  }
  const made = document.createElement('canvas');
  Object.assign(made, {width, height});
  const pen = made.getContext('2d');
  const image = pen.createImageData(width, height);
  const tints = Array.from({length: LEVELS + 1}, (_, k) => shade(k / LEVELS + 1e-6));
  const ink = dark() ? 255 : 20;
  for (let j = 0, k = 0; j < height; j++) {
    for (let i = 0; i < width; i++, k++) {
      const dx = (t[j * width + Math.min(width - 1, i + 1)] - t[j * width + Math.max(0, i - 1)]) / 2;
      const dy = (t[Math.min(height - 1, j + 1) * width + i] - t[Math.max(0, j - 1) * width + i]) / 2;
      const level = Math.round(t[k]);
      const away = Math.abs(t[k] - level) / Math.max(1e-9, Math.hypot(dx, dy));
      const part = level > 0 ? alpha * Math.max(0, Math.min(1, 0.5 + dense * 0.5 - away)) * (dark() ? 0.6 : 1) : 0;
      const [r, g, b] = tints[Math.min(LEVELS, Math.max(0, Math.floor(t[k])))];
      image.data[4 * k] = r + (ink - r) * part;
      image.data[4 * k + 1] = g + (ink - g) * part;
      image.data[4 * k + 2] = b + (ink - b) * part;
      image.data[4 * k + 3] = 255;
    }
  }
  pen.putImageData(image, 0, 0);
  return made;
};
