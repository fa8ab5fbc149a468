/* generator/diagrams/scene.py in a browser, to the byte: shapes as plain objects, mirrored, and written as SVG. */
(() => {
  const {Canvas, num} = convatlas.drawing;

  function mirrored(shape, width) {
    const turn = (points) => points.map(([x, y]) => [width - x, y]);
    if (shape.is === 'area') return {...shape, corners: turn(shape.corners)};
    if (shape.is === 'wire') return {...shape, points: turn(shape.points)};
    if (shape.is === 'disc') return {...shape, centre: [width - shape.centre[0], shape.centre[1]]};
    if (shape.is === 'words') {
      return {...shape, at: [width - shape.at[0], shape.at[1]], anchor: {start: 'end', end: 'start'}[shape.anchor] || shape.anchor, angle: -shape.angle};
    }
    if (shape.is === 'photo') return {...shape, at: [width - shape.at[0] - shape.width, shape.at[1] - shape.rise], slant: -shape.slant, rise: -shape.rise};
    return shape;
  }

  function toSvg(scene, title) {
    const canvas = new Canvas();
    let close = 0;
    const one = (s) => {
      if (s.is === 'area') {
        canvas.polygon(s.corners, {
          fill: s.fill, fill_opacity: s.opacity < 1 ? s.opacity : null, stroke: s.stroke || null, stroke_width: s.stroke ? 0.75 : null,
          stroke_dasharray: s.dashed ? '4 3' : null, stroke_linejoin: s.stroke ? 'round' : null, class_: s.classes,
        });
      } else if (s.is === 'wire') {
        canvas.path(`M${s.points.map(([x, y]) => `${num(x)} ${num(y)}`).join('L')}`, {
          fill: 'none', stroke: s.stroke, stroke_width: s.thickness, stroke_dasharray: s.dashed ? '4 3' : null, stroke_linejoin: 'round', class_: s.classes,
        });
      } else if (s.is === 'disc') {
        canvas.circle(s.centre, s.radius, {fill: s.fill, stroke: s.stroke, stroke_width: 1, class_: s.classes});
      } else if (s.is === 'words') {
        canvas.text(s.at, s.text, s.size, {
          fill: s.fill, text_anchor: s.anchor === 'start' ? null : s.anchor, font_weight: s.bold ? 'bold' : null,
          transform: s.angle ? `rotate(${num(s.angle)} ${num(s.at[0])} ${num(s.at[1])})` : null, class_: s.classes,
        });
      } else if (s.is === 'photo') {
        canvas.image(0, 0, s.width, s.height, s.href, {transform: `translate(${num(s.at[0])} ${num(s.at[1])}) skewY(${num(s.slant)})`, class_: 'ca-face'});
      }
    };
    for (let k = 0; k < scene.shapes.length; k = close + 1) {
      close = k;
      const shape = scene.shapes[k];
      if (shape.is !== 'open') {
        one(shape);
        continue;
      }
      while (scene.shapes[close].is !== 'close') close += 1;
      canvas.group({title: shape.title, class_: shape.classes, data_id: shape.id || null}, () => scene.shapes.slice(k + 1, close).forEach(one));
    }
    return canvas.drawing(scene.width, scene.height, {title});
  }

  Object.assign(convatlas.drawing, {mirrored, toSvg});
})();
