// Values on a plane: cells of matrices and of fields, as a picture, since thousands of rectangles would be slow.
(() => {
  const { element, make, number, rgbOf, ABSENT } = modescape;

  const GREY = [128, 128, 128, 89];

  const isEven = (edges) => {
    const step = (edges[edges.length - 1] - edges[0]) / (edges.length - 1);
    return edges.every((edge, at) => Math.abs(edge - edges[0] - at * step) < 0.5);
  };

  // a value that is undefined is clear, one that is not a number grey
  function cells(parent, xs, ys, values, rgb, gap = 0) {
    const [left, right] = d3.extent([xs[0], xs[xs.length - 1]]);
    const [top, bottom] = d3.extent([ys[0], ys[ys.length - 1]]);
    const paint = !gap && isEven(xs) && isEven(ys) ? evenCells : unevenCells;
    const canvas = paint(xs, ys, values, rgb, gap, { left, right, top, bottom });
    make(parent, "image", { x: left, y: top, width: right - left, height: bottom - top, href: canvas.toDataURL(), preserveAspectRatio: "none", class: "cells" });
  }

  function evenCells(xs, ys, values, rgb) {
    const [rows, columns] = [values.length, values[0].length];
    const canvas = element("canvas", { width: columns, height: rows });
    const brush = canvas.getContext("2d");
    const image = brush.createImageData(columns, rows);
    const [mirrored, turned] = [xs[0] > xs[columns], ys[0] > ys[rows]];
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const value = values[row][column];
        if (value === undefined) continue;
        const at = 4 * ((turned ? rows - 1 - row : row) * columns + (mirrored ? columns - 1 - column : column));
        if (Number.isFinite(value)) {
          const { r, g, b } = rgb(value);
          image.data.set([r, g, b, 255], at);
        } else image.data.set(GREY, at);
      }
    }
    brush.putImageData(image, 0, 0);
    return canvas;
  }

  function unevenCells(xs, ys, values, rgb, gap, { left, right, top, bottom }) {
    const dense = Math.min(2, window.devicePixelRatio || 1) * (right - left < 400 ? 1.5 : 1);
    const canvas = element("canvas", { width: Math.ceil((right - left) * dense), height: Math.ceil((bottom - top) * dense) });
    const brush = canvas.getContext("2d");
    const between = Math.ceil(gap * dense); // at least a pixel of the screen, or some of the lines would not be drawn
    const own = (edges, start) => Array.from(edges, (edge) => Math.round((edge - start) * dense));
    const [columns, rows] = [own(xs, left), own(ys, top)];
    values.forEach((line, row) => line.forEach((value, column) => {
      if (value === undefined) return;
      brush.fillStyle = Number.isFinite(value) ? rgb(value).formatHex() : ABSENT;
      const [x0, x1] = d3.extent([columns[column], columns[column + 1]]);
      const [y0, y1] = d3.extent([rows[row], rows[row + 1]]);
      brush.fillRect(x0, y0, Math.max(1, x1 - x0 - between), Math.max(1, y1 - y0 - between));
    }));
    return canvas;
  }

  // a sector as a raster of squares, bilinear between radii and angles; undefined outside, NaN where there is no value
  const RASTER = 150;
  function raster({ x: radii, y: angles, values }) {
    const last = (list) => list[list.length - 1];
    const rim = d3.range(0, 181).map((at) => angles[0] + ((last(angles) - angles[0]) * at) / 180);
    const [left, right] = d3.extent(rim.flatMap((turn) => [radii[0] * Math.cos(turn), last(radii) * Math.cos(turn)]));
    const [low, high] = d3.extent(rim.flatMap((turn) => [radii[0] * Math.sin(turn), last(radii) * Math.sin(turn)]));
    const step = Math.max(right - left, high - low) / RASTER;
    const edges = (from, to) => d3.range(Math.round((to - from) / step) + 1).map((at) => from + step * at);
    const spot = (list, value) => {
      const at = Math.min(list.length - 2, Math.max(0, d3.bisectRight(list, value) - 1));
      return [at, (value - list[at]) / (list[at + 1] - list[at])];
    };
    const [xs, ys] = [edges(left, right), edges(low, high)];
    const round = 2 * Math.PI;
    const filled = ys.slice(0, -1).map((y) => xs.slice(0, -1).map((x) => {
      const [a, b] = [x + step / 2, y + step / 2];
      const far = Math.hypot(a, b);
      const turn = angles[0] + ((((Math.atan2(b, a) - angles[0] + 1e-9) % round) + round) % round);
      if (turn > last(angles) + 1e-6 || far < radii[0] || far > last(radii)) return undefined;
      const [[row, down], [column, over]] = [spot(angles, turn), spot(radii, far)];
      const [one, two] = [values[row], values[row + 1]];
      return (one[column] * (1 - over) + one[column + 1] * over) * (1 - down) + (two[column] * (1 - over) + two[column + 1] * over) * down;
    }));
    return { xs, ys, filled };
  }

  function drawField(svg, panel, scales, x, y) {
    const { field } = panel;
    const [xs, ys] = [Array.from(field.x, x), Array.from(field.y, y)];
    cells(svg, xs, ys, field.values, rgbOf(scales[field.scale]));
    if (!field.levels) return;
    const middle = (edges) => Array.from({ length: edges.length - 1 }, (_, at) => (edges[at] + edges[at + 1]) / 2);
    const [columns, rows] = [middle(field.x), middle(field.y)];
    const flat = Float64Array.from(field.values.flatMap((line) => Array.from(line)));
    const at = (places, share) => {
      const low = Math.min(places.length - 1, Math.max(0, Math.floor(share - 0.5)));
      const high = Math.min(places.length - 1, low + 1);
      return places[low] + (share - 0.5 - low) * (places[high] - places[low]);
    };
    const project = d3.geoTransform({ point(a, b) { this.stream.point(x(at(columns, a)), y(at(rows, b))); } });
    const shapes = d3.contours().size([columns.length, rows.length]).thresholds(field.levels)(flat);
    const clip = `clip-${Math.random().toString(36).slice(2)}`;
    const [x0, x1] = d3.extent(xs); const [y0, y1] = d3.extent(ys);
    make(make(svg, "clipPath", { id: clip }), "rect", { x: x0 + 1, y: y0 + 1, width: x1 - x0 - 2, height: y1 - y0 - 2 });
    const lines = make(svg, "g", { "clip-path": `url(#${clip})` });
    for (const shape of shapes) make(lines, "path", { d: d3.geoPath(project)(shape), fill: "none", stroke: "#444", "stroke-width": 0.8 });
  }

  function fieldLines(panel, scales, x, y) {
    const { field } = panel;
    const scale = scales[field.scale];
    return (px, py) => {
      const [a, b] = [x.invert(px), y.invert(py)];
      const [column, row] = [d3.bisectRight(field.x, a) - 1, d3.bisectRight(field.y, b) - 1];
      const value = field.values[row] && field.values[row][column];
      if (value === undefined || !Number.isFinite(value)) return null;
      const shown = scale.log ? 10 ** value : value;
      return [panel.title, `at (${number(a, 3)}, ${number(b, 3)}): ${number(shown, 3)}${field.unit ? ` ${field.unit}` : ""}`];
    };
  }

  Object.assign(modescape, { cells, raster, drawField, fieldLines });
})();
