// Matrices of named rows and columns.
(() => {
  const { make, number, width, cutAll, listen, say, rgbOf, colours, inkOn, cells } = modescape;

  const spread = (count, most) => {
    let step = 1;
    while (count > step * most) step = String(step).startsWith("2") ? (step * 5) / 2 : step * 2;
    return d3.range(0, count, step);
  };

  function printedNumber(value, decimals) {
    if (!Number.isFinite(value)) return "";
    const text = value.toFixed(decimals);
    if (Math.abs(Number(text)) === 1 || Number(text) === 0) return String(Number(text) || 0).replace("-", "−");
    return (Math.abs(Number(text)) < 1 ? text.replace("0.", ".") : text).replace("-", "−");
  }

  function matrixHeight(panel, wide, usual) {
    const names = cutAll(panel.names, 110);
    const below = d3.max(names, width) > 24 ? 12 + d3.max(names, width) : 24;
    if (panel.square) return Math.min(wide, usual + 40) + below - 20;
    return Math.max(usual, 6 + 19 * Math.min(panel.rows.length, panel.most) + below);
  }

  // arrow keys go from cell to cell, Enter chooses one
  function roam(svg, panel, x, y, lines) {
    let [row, column] = panel.chosen || [-1, 0];
    const ring = make(svg, "rect", { class: "ring", style: "display:none" });
    svg.addEventListener("blur", () => { ring.style.display = "none"; });
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && panel.choose && row >= 0) return panel.choose(row, column);
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
      if (!step) return;
      event.preventDefault();
      const [rows, columns] = [panel.rows.length, panel.names.length];
      [row, column] = row < 0 ? [0, 0] : [(row + step[0] + rows) % rows, (column + step[1] + columns) % columns];
      const [x0, x1] = d3.extent([x[column], x[column + 1]]);
      const [y0, y1] = d3.extent([y[row], y[row + 1]]);
      for (const [key, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) ring.setAttribute(key, value);
      ring.style.display = "";
      const box = svg.getBoundingClientRect();
      say(lines(row, column), box.left + (x0 + x1) / 2, box.top + (y0 + y1) / 2);
    });
  }

  // where cells begin and end, and which names stand beside them
  function layOut(panel, wide, high, bare) {
    const most = Math.min(0.38 * wide, 150);
    const rowNames = cutAll(panel.rows, most);
    const columnNames = cutAll(panel.names, 110);
    const left = bare ? 8 : 10 + d3.max(rowNames, width);
    const longest = d3.max(columnNames, width);
    let [right, top] = [wide - 6, 4];
    const each = (right - left) / panel.names.length;
    const shown = spread(panel.names.length, Math.min(panel.most, panel.square ? panel.most : Math.max(3, Math.floor((right - left) / 15))));
    const upright = longest > each * (shown.length > 1 ? shown[1] : 1) - 3 || (panel.square && longest > 24);
    let bottom = high - (upright ? 10 + longest : 22);
    if (panel.square) {
      const side = Math.min(right - left, bottom - top);
      [right, bottom] = [left + side, top + side];
    }
    const x = d3.range(panel.names.length + 1).map((at) => left + ((right - left) * at) / panel.names.length);
    const y = d3.range(panel.rows.length + 1).map((at) => top + ((bottom - top) * at) / panel.rows.length);
    return { x, y, left, right, bottom, rowNames, columnNames, shown, upright };
  }

  function drawNames(svg, panel, place, bare) {
    const { x, y, left, bottom, rowNames, columnNames, shown, upright } = place;
    const group = make(svg, "g", { class: "axes" });
    for (const at of shown) {
      const middle = (x[at] + x[at + 1]) / 2;
      const turn = upright ? { transform: `translate(${middle + 4},${bottom + 6}) rotate(-90)`, "text-anchor": "end" } : { x: middle, y: bottom + 15, "text-anchor": "middle" };
      make(group, "text", turn, columnNames[at]);
    }
    if (bare) return;
    for (const at of spread(panel.rows.length, panel.most)) make(group, "text", { x: left - 5, y: (y[at] + y[at + 1]) / 2 + 4, "text-anchor": "end" }, rowNames[at]);
  }

  function printNumbers(svg, panel, { x, y }, paint) {
    if (!panel.printed || x[1] - x[0] <= 17 || y[1] - y[0] <= 9) return;
    const size = Math.min(11, (x[1] - x[0]) / 2.3);
    panel.matrix.forEach((line, row) => line.forEach((value, column) => {
      if (!Number.isFinite(value)) return;
      const middle = { x: (x[column] + x[column + 1]) / 2, y: (y[row] + y[row + 1]) / 2 + size * 0.36, "text-anchor": "middle" };
      make(svg, "text", { ...middle, style: `fill:${inkOn(paint(value))};font-size:${size}px` }, printedNumber(value, panel.decimals));
    }));
  }

  function linesOf(panel, scale, row, column) {
    const value = panel.matrix[row] && panel.matrix[row][column];
    if (value === undefined) return null;
    const lines = [`${panel.y.label}: ${panel.rows[row]}`, `${panel.x.label}: ${panel.names[column]}`, `${scale.label || panel.title}: ${number(value)}`];
    if (panel.low && Number.isFinite(panel.low[row][column])) {
      const ends = [panel.low[row][column], panel.high[row][column]];
      lines.push(`95 % interval ${number(ends[0], 3)} to ${number(ends[1], 3)}${ends[0] <= 0 && ends[1] >= 0 ? ", includes 0" : ""}`);
      if (panel.covers) lines.push(panel.covers);
    }
    if (panel.extra) lines.push(`${number(panel.extra[row][column])} ${panel.unit || ""}`);
    return lines;
  }

  function drawMatrix(svg, panel, chart, wide, high, bare) {
    const place = layOut(panel, wide, high, bare);
    const { x, y } = place;
    const scale = chart.scales[panel.scale];
    const drawn = (value) => (scale.log ? Math.log10(value) : value);
    const [shades, paint] = [rgbOf(scale), colours(scale)];
    cells(svg, x, y, panel.matrix, (value) => shades(drawn(value)), panel.printed ? 1 : 0);
    drawNames(svg, panel, place, bare);
    printNumbers(svg, panel, place, (value) => paint(drawn(value)));
    const under = (px, py) => [d3.bisectRight(y, py) - 1, d3.bisectRight(x, px) - 1];
    listen(svg, [], (px, py) => linesOf(panel, scale, ...under(px, py)));
    roam(svg, panel, x, y, (row, column) => linesOf(panel, scale, row, column));
    if (panel.choose) svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const [row, column] = under(event.clientX - box.left, event.clientY - box.top);
      if (panel.matrix[row] && column >= 0 && column < panel.names.length) panel.choose(row, column);
    });
    if (panel.chosen) {
      const [row, column] = panel.chosen;
      make(svg, "rect", { x: x[column], y: y[row], width: x[column + 1] - x[column], height: y[row + 1] - y[row], class: "chosen" });
    }
    return place.right;
  }

  Object.assign(modescape, { matrixHeight, drawMatrix });
})();
