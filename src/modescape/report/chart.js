"use strict";
// Draws a figure that `plots/plain_chart.py` has written as data: panels of series, matrices and fields, with D3.
const modescape = {};
(() => {
  const TYPES = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array };
  const LEAST = 290;  // pixels of a panel: fewer stand side by side in a narrow window
  const MOST = 660;  // pixels of a panel with a plane or a square matrix
  const NEAR = 28;  // pixels between the pointer and a point that it shows
  const FONT = "11px system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";
  const SVG = "http://www.w3.org/2000/svg";
  const pen = document.createElement("canvas").getContext("2d");

  // arrays that were packed as bytes; a matrix becomes a list of rows
  function unpacked(value) {
    if (Array.isArray(value)) return value.map(unpacked);
    if (value === null || typeof value !== "object") return value;
    if ("bdata" in value) {
      const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
      const flat = new TYPES[value.dtype](bytes.buffer);
      if (!value.shape) return flat;
      const [rows, columns] = value.shape.split(",").map(Number);
      return Array.from({ length: rows }, (_, row) => flat.subarray(row * columns, (row + 1) * columns));
    }
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unpacked(inner)]));
  }

  const read = (id) => unpacked(JSON.parse(document.getElementById(id).textContent));

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function number(value, digits = 4) {
    if (!Number.isFinite(value)) return "none";
    if (value === 0) return "0";
    const size = Math.abs(value);
    const text = size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
    return text.replace("-", "−");
  }

  function width(text) {
    pen.font = FONT;
    return pen.measureText(text).width;
  }

  function cut(text, most) {
    if (width(text) <= most) return text;
    let kept = text;
    while (kept.length > 1 && width(`${kept}…`) > most) kept = kept.slice(0, -1);
    return `${kept.trimEnd()}…`;
  }

  // lines of a text that are no wider than so many pixels, two at most
  function folded(text, most) {
    if (width(text) <= most) return [text];
    const words = text.split(" ");
    let first = words.shift();
    while (words.length && width(`${first} ${words[0]}`) <= most) first += ` ${words.shift()}`;
    return words.length ? [cut(first, most), cut(words.join(" "), most)] : [cut(first, most)];
  }

  // --- marks
  const corners = (...turns) => (context, radius) => {
    turns.forEach((turn, at) => {
      const [x, y] = [radius * Math.cos(turn), radius * Math.sin(turn)];
      at ? context.lineTo(x, y) : context.moveTo(x, y);
    });
    context.closePath();
  };
  const third = (Math.PI * 2) / 3;
  const triangle = (up) => corners(up, up + third, up + 2 * third);
  const turned = (by) => Array.from({ length: 4 }, (_, at) => by + (at * Math.PI) / 2);
  const arms = (by) => (context, radius) => {
    const arm = 0.36;
    const places = [[1, arm], [arm, arm], [arm, 1], [-arm, 1], [-arm, arm], [-1, arm], [-1, -arm], [-arm, -arm], [-arm, -1], [arm, -1], [arm, -arm], [1, -arm]];
    places.forEach(([x, y], at) => {
      const [a, b] = [radius * (x * Math.cos(by) - y * Math.sin(by)), radius * (x * Math.sin(by) + y * Math.cos(by))];
      at ? context.lineTo(a, b) : context.moveTo(a, b);
    });
    context.closePath();
  };
  const MARKS = {
    circle: (context, radius) => { context.moveTo(radius, 0); context.arc(0, 0, radius, 0, 2 * Math.PI); },
    square: corners(...turned(Math.PI / 4)), diamond: corners(...turned(0)),
    "diamond-tall": (context, radius) => { context.moveTo(0, -1.2 * radius); context.lineTo(0.65 * radius, 0); context.lineTo(0, 1.2 * radius); context.lineTo(-0.65 * radius, 0); context.closePath(); },
    hexagon: corners(...Array.from({ length: 6 }, (_, at) => Math.PI / 6 + (at * Math.PI) / 3)),
    cross: arms(0), x: arms(Math.PI / 4),
    "triangle-up": triangle(-Math.PI / 2), "triangle-down": triangle(Math.PI / 2),
    "triangle-left": triangle(Math.PI), "triangle-right": triangle(0),
  };
  const AREA = { circle: 1, square: 1.2, diamond: 1.15, hexagon: 1.08, cross: 1.15, x: 1.15 };

  function markPath(name, radius) {
    const path = d3.path();
    (MARKS[name] || MARKS.circle)(path, radius * (AREA[name] || 1.2));
    return path.toString();
  }

  const DASH = { solid: null, dash: "6 4", dot: "1.5 3" };

  // --- colours by value, out of a table: pictures have ten thousands of cells
  const STEPS = 1024;
  const tables = new WeakMap();
  function tableOf(scale) {
    if (!tables.has(scale)) {
      const along = d3.scaleLinear(scale.colours.map((_, at) => at / (scale.colours.length - 1)), scale.colours);
      tables.set(scale, d3.range(STEPS + 1).map((at) => d3.color(along(at / STEPS))));
    }
    return tables.get(scale);
  }
  function rgbOf(scale) {
    const table = tableOf(scale);
    const over = scale.high - scale.low || 1;
    return (value) => {
      const share = Math.min(1, Math.max(0, (value - scale.low) / over));
      return table[Math.round(STEPS * (scale.root ? Math.sqrt(share) : share))];
    };
  }
  function colours(scale) {
    const rgb = rgbOf(scale);
    return (value) => rgb(value).formatHex();
  }

  const inkOn = (colour) => {
    const { r, g, b } = d3.rgb(colour);
    return 0.299 * r + 0.587 * g + 0.114 * b > 127 ? "#000" : "#fff";
  };

  function key(scale) {
    const paint = colours(scale);
    const stops = d3.range(0, 33).map((at) => paint(scale.low + ((scale.high - scale.low) * at) / 32));
    const share = (value) => (100 * (value - scale.low)) / (scale.high - scale.low || 1);
    const bar = element("span", { class: "key-bar" });
    bar.style.background = `linear-gradient(to right, ${stops.join(",")})`;
    const ticks = scale.ticks.length ? scale.ticks : d3.ticks(scale.low, scale.high, 4).map((tick) => [tick, number(tick)]);
    const marks = ticks.filter(([at]) => share(at) >= -0.1 && share(at) <= 100.1).map(([at, text]) => {
      const tick = element("span", { class: "key-tick" }, text);
      tick.style.left = `${share(at)}%`;
      return tick;
    });
    bar.append(...marks);
    return element("span", { class: "key" }, ...(scale.label ? [element("span", {}, scale.label)] : []), bar);
  }

  // --- the text under the pointer, one for the whole page
  const tip = element("div", { class: "tip", role: "status", hidden: "" });
  function say(lines, x, y) {
    tip.replaceChildren(...lines.map((line) => element("span", {}, line)));
    tip.hidden = false;
    const { offsetWidth, offsetHeight } = tip;
    tip.style.left = `${Math.max(4, Math.min(x + 14, window.innerWidth - offsetWidth - 6))}px`;
    tip.style.top = `${y + 18 + offsetHeight > window.innerHeight ? y - offsetHeight - 12 : y + 18}px`;
  }
  const hush = () => { tip.hidden = true; };

  // points and cells of a panel under the pointer, and one after another by the arrow keys
  function listen(svg, points, cell) {
    let at = -1;
    const ring = svg.querySelector(".ring");
    const show = (point, x, y) => {
      if (ring) { ring.hidden = false; ring.setAttribute("cx", point.x); ring.setAttribute("cy", point.y); ring.style.display = ""; }
      say(point.lines(), x, y);
    };
    const clear = () => { hush(); if (ring) ring.style.display = "none"; };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      let [best, far] = [null, NEAR];
      for (const point of points) {
        const away = Math.hypot(point.x - x, point.y - y);
        if (away < far) [best, far] = [point, away];
      }
      if (best) return show(best, event.clientX, event.clientY);
      const lines = cell && cell(x, y);
      if (lines) { if (ring) ring.style.display = "none"; return say(lines, event.clientX, event.clientY); }
      clear();
    });
    svg.addEventListener("pointerleave", clear);
    svg.addEventListener("blur", clear);
    if (!points.length) return;
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") return clear();
      if (!step) return;
      event.preventDefault();
      at = (at + step + points.length) % points.length;
      const box = svg.getBoundingClientRect();
      show(points[at], box.left + points[at].x, box.top + points[at].y);
    });
  }

  // --- axes
  const finite = (values) => Array.from(values).filter(Number.isFinite);

  function domain(axis, values) {
    if (axis.range) return axis.range;
    const [low, high] = d3.extent(values);
    if (low === undefined) return axis.log ? [1, 10] : [0, 1];
    if (axis.log) return [low / 1.12, high * 1.12];
    const more = 0.035 * (high - low) || Math.abs(high) * 0.1 || 0.5;
    return [low - more, high + more];
  }

  function scaleOf(axis, values, range) {
    const ends = domain(axis, values);
    return axis.log ? d3.scaleLog(ends, range) : d3.scaleLinear(ends, range);
  }

  function ticksOf(axis, scale, most) {
    if (axis.log) {
      const ticks = axis.ticks.filter(([at]) => at >= scale.domain()[0] && at <= scale.domain()[1]);
      return ticks.length ? ticks : [[scale.domain()[0], number(scale.domain()[0])]];
    }
    let ticks = scale.ticks(most);
    if (axis.whole) ticks = ticks.filter(Number.isInteger);
    const format = scale.tickFormat(most);
    return ticks.map((tick) => [tick, axis.whole ? String(tick) : format(tick)]);
  }

  function make(parent, name, attributes = {}, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  function axes(svg, room, x, y, bare) {
    const group = make(svg, "g", { class: "axes" });
    for (const [at, label] of x.ticks) {
      const place = x.scale(at);
      make(group, "line", { x1: place, x2: place, y1: room.top, y2: room.bottom, class: "grid" });
      const half = width(label) / 2;  // the last label ends within the figure
      make(group, "text", { x: Math.min(place, room.right + 9 - half), y: room.bottom + 15, "text-anchor": "middle" }, label);
    }
    for (const [at, label] of y.ticks) {
      const place = y.scale(at);
      if (!y.names) make(group, "line", { x1: room.left, x2: room.right, y1: place, y2: place, class: "grid" });
      if (bare) continue;
      const lines = y.names ? folded(label, room.left - 10) : [label];
      lines.forEach((line, row) => make(group, "text", {
        x: room.left - 7, y: place + 4 + 12 * (row - (lines.length - 1) / 2), "text-anchor": "end",
      }, line));
    }
    make(group, "line", { x1: room.left, x2: room.right, y1: room.bottom, y2: room.bottom, class: "axis" });
  }

  // --- cells, as a picture: thousands of rectangles would be slow
  const ABSENT = "rgba(128,128,128,.35)";
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
    const own = (edges, start) => Array.from(edges, (edge) => Math.round((edge - start) * dense));
    const [columns, rows] = [own(xs, left), own(ys, top)];
    values.forEach((line, row) => line.forEach((value, column) => {
      if (value === undefined) return;
      brush.fillStyle = Number.isFinite(value) ? rgb(value).formatHex() : ABSENT;
      const [x0, x1] = d3.extent([columns[column], columns[column + 1]]);
      const [y0, y1] = d3.extent([rows[row], rows[row + 1]]);
      brush.fillRect(x0, y0, Math.max(1, x1 - x0 - gap), Math.max(1, y1 - y0 - gap));
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

  // --- series
  function pathOf(x, y, there) {
    return d3.line((_, at) => x[at], (_, at) => y[at]).defined((_, at) => there(at));
  }

  function drawBand(group, series, place, opacity) {
    const [low, high] = series.band;
    const area = d3.area((_, at) => place.x(series.x[at]), (_, at) => place.y(low[at]), (_, at) => place.y(high[at]))
      .defined((_, at) => Number.isFinite(low[at]) && Number.isFinite(high[at]) && Number.isFinite(series.x[at]));
    make(group, "path", { d: area(series.x), fill: series.colour, "fill-opacity": opacity, stroke: "none" });
  }

  function drawBars(group, series, place) {
    const [low, high] = series.bars;
    const path = d3.path();
    low.forEach((from, at) => {
      if (!Number.isFinite(from)) return;
      if (series.along) {
        const y = place.y(series.y[at]);
        path.moveTo(place.x(from), y); path.lineTo(place.x(high[at]), y);
        for (const end of [from, high[at]]) { path.moveTo(place.x(end), y - 3); path.lineTo(place.x(end), y + 3); }
      } else {
        const x = place.x(series.x[at]);
        path.moveTo(x, place.y(from)); path.lineTo(x, place.y(high[at]));
        for (const end of [from, high[at]]) { path.moveTo(x - 3, place.y(end)); path.lineTo(x + 3, place.y(end)); }
      }
    });
    make(group, "path", { d: path.toString(), stroke: series.colour, "stroke-width": 1.4, fill: "none" });
  }

  function drawMarks(group, series, xs, ys, there, scales) {
    const one = typeof series.size === "number";
    const paint = series.values ? colours(scales[series.scale]) : null;
    series.x.forEach((_, at) => {
      if (!there(at)) return;
      const hollow = typeof series.hollow === "object" ? series.hollow[at] : series.hollow;
      const radius = 0.85 * (one ? series.size : series.size[at]);
      let [fill, stroke, wide] = [series.colour, series.halo ? "#fff" : "none", 1];
      if (paint) [fill, stroke, wide] = [paint(series.values[at]), series.colour, 1.4];
      if (hollow) [fill, stroke, wide] = ["var(--surface)", series.colour, 1.7];
      if (series.letters) [fill, stroke] = ["#fff", series.colour];
      make(group, "path", { d: markPath(series.marker, radius), transform: `translate(${xs[at].toFixed(1)},${ys[at].toFixed(1)})`, fill, stroke, "stroke-width": wide });
      if (series.letters) make(group, "text", { x: xs[at], y: ys[at] + 4, "text-anchor": "middle", style: "fill:#000" }, series.letters[at]);
    });
  }

  function drawSeries(svg, series, place, scales, opacity) {
    const [xs, ys] = [Array.from(series.x, place.x), Array.from(series.y, place.y)];
    const there = (at) => Number.isFinite(xs[at]) && Number.isFinite(ys[at]);
    const group = make(svg, "g", { class: "series", "data-group": series.group });
    if (series.line) {
      const d = pathOf(xs, ys, there)(series.x);
      const looks = { d, fill: "none", "stroke-linejoin": "round" };
      if (series.halo) make(group, "path", { ...looks, stroke: "#fff", "stroke-width": series.width + 2.5 });
      make(group, "path", { ...looks, stroke: series.colour, "stroke-width": series.width, "stroke-dasharray": DASH[series.line], "stroke-opacity": series.opacity });
    }
    if (series.bars) drawBars(group, series, place);
    if (series.marker) drawMarks(group, series, xs, ys, there, scales);
    return series.silent ? [] : Array.from(series.x, (_, at) => at).filter(there).map((at) => ({ x: xs[at], y: ys[at], at, series }));
  }

  function linesOf(panel, series, at) {
    const lines = [series.name, `${panel.x.label}: ${number(series.x[at])}`];
    if (panel.rows) lines.push(panel.rows[Math.round(series.y[at])]);
    else lines.push(`${panel.y.label}: ${number(series.y[at])}`);
    if (series.numbers) lines.push(`${series.numbers[0]} ${number(series.numbers[1][at])}`);
    if (series.hover) lines.push(series.hover[at]);
    for (const ends of [series.band, series.bars]) {
      if (ends && Number.isFinite(ends[0][at])) lines.push(`95 % interval ${number(ends[0][at])} to ${number(ends[1][at])}`);
    }
    return lines.filter((line) => line !== undefined && line !== "");
  }

  // ends of every series, bands and bars too
  function ends(panel, axis) {
    const values = [];
    for (const series of panel.series) {
      values.push(...finite(series[axis]));
      if (axis === "y" && series.band) values.push(...finite(series.band[0]), ...finite(series.band[1]));
      if (series.bars && (series.along === "x") === (axis === "x")) values.push(...finite(series.bars[0]), ...finite(series.bars[1]));
    }
    if (panel.field) values.push(...d3.extent(panel.field[axis]));
    return panel[axis].log ? values.filter((value) => value > 0) : values;
  }

  // one scale on both axes: the shorter range is widened
  function evened(x, y, room) {
    const per = (scale, pixels) => (scale.domain()[1] - scale.domain()[0]) / pixels;
    const [across, up] = [room.right - room.left, room.bottom - room.top];
    const most = Math.max(per(x, across), per(y, up));
    for (const [scale, pixels] of [[x, across], [y, up]]) {
      const middle = (scale.domain()[0] + scale.domain()[1]) / 2;
      scale.domain([middle - (most * pixels) / 2, middle + (most * pixels) / 2]);
    }
  }

  function drawPanel(svg, panel, chart, wide, high, bare) {
    if (panel.field && panel.field.polar) {
      const { xs, ys, filled } = raster(panel.field);
      panel.field = { ...panel.field, x: xs, y: ys, values: filled, polar: false };
    }
    const room = { top: 6, right: wide - 10, bottom: high - 22, left: 10 };
    let y;
    if (panel.rows) {
      y = { scale: d3.scaleLinear([panel.rows.length - 0.5, -0.5], [room.bottom, room.top]), names: true };
      y.ticks = panel.rows.map((name, at) => [at, name]);
      room.left = bare ? 8 : Math.min(0.42 * wide, 14 + d3.max(panel.rows, width));
    } else {
      y = { scale: scaleOf(panel.y, ends(panel, "y"), [room.bottom, room.top]) };
      y.ticks = ticksOf(panel.y, y.scale, Math.max(3, Math.round((room.bottom - room.top) / 45)));
      room.left = bare ? 8 : 14 + d3.max(y.ticks, ([, label]) => width(label));
    }
    const x = { scale: scaleOf(panel.x, ends(panel, "x"), [room.left, room.right]) };
    if (panel.equal) {
      evened(x.scale, y.scale, room);
      y.ticks = ticksOf(panel.y, y.scale, 5);
    }
    x.ticks = ticksOf(panel.x, x.scale, Math.max(2, Math.round((room.right - room.left) / 62)));
    axes(svg, room, x, y, bare);
    if (panel.field) drawField(svg, panel, chart.scales, x.scale, y.scale);
    const bands = panel.series.filter((series) => series.band);
    const opacity = Math.min(0.18, Math.max(0.05, 0.6 / Math.max(1, bands.length)));
    const place = { x: x.scale, y: y.scale };
    for (const series of bands) drawBand(make(svg, "g", { class: "series", "data-group": series.group }), series, place, opacity);
    const points = panel.series.flatMap((series) => drawSeries(svg, series, place, chart.scales, opacity));
    if (chart.at !== undefined && !panel.rows && chart.at >= x.scale.domain()[0] && chart.at <= x.scale.domain()[1]) {
      make(svg, "line", { x1: x.scale(chart.at), x2: x.scale(chart.at), y1: room.top, y2: room.bottom, class: "at" });
    }
    for (const [a, b, text] of panel.notes || []) make(svg, "text", { x: x.scale(a), y: y.scale(b), "text-anchor": "middle", class: "said" }, text);
    make(svg, "circle", { class: "ring", r: 7, style: "display:none" });
    const shown = points.map((point) => ({ ...point, lines: () => linesOf(panel, point.series, point.at) }));
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const near = d3.least(points, (point) => Math.hypot(point.x - event.clientX + box.left, point.y - event.clientY + box.top));
      if (!near || Math.hypot(near.x - event.clientX + box.left, near.y - event.clientY + box.top) > NEAR) return setOff("");
      setOff(near.series.group === highlighted ? "" : near.series.group);
    });
    listen(svg, shown, panel.field ? fieldLines(panel, chart.scales, x.scale, y.scale) : null);
  }

  // --- matrices
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
    const names = panel.names.map((name) => cut(name, 110));
    const below = d3.max(names, width) > 24 ? 12 + d3.max(names, width) : 24;
    if (panel.square) return Math.min(wide, usual + 40) + below - 20;
    return Math.max(usual, 6 + 19 * Math.min(panel.rows.length, panel.most) + below);
  }

  function drawMatrix(svg, panel, chart, wide, high, bare) {
    const most = Math.min(0.38 * wide, 150);
    const rowNames = panel.rows.map((name) => cut(name, most));
    const columnNames = panel.names.map((name) => cut(name, 110));
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
    const scale = chart.scales[panel.scale];
    const paint = colours(scale);
    const drawn = (value) => (scale.log ? Math.log10(value) : value);
    const shades = rgbOf(scale);
    cells(svg, x, y, panel.matrix, (value) => shades(drawn(value)), panel.printed ? 1 : 0);
    const group = make(svg, "g", { class: "axes" });
    for (const at of shown) {
      const place = (x[at] + x[at + 1]) / 2;
      const turn = upright ? { transform: `translate(${place + 4},${bottom + 6}) rotate(-90)`, "text-anchor": "end" } : { x: place, y: bottom + 15, "text-anchor": "middle" };
      make(group, "text", turn, columnNames[at]);
    }
    if (!bare) for (const at of spread(panel.rows.length, panel.most)) make(group, "text", { x: left - 5, y: (y[at] + y[at + 1]) / 2 + 4, "text-anchor": "end" }, rowNames[at]);
    const fits = (x[1] - x[0]) > 17 && (y[1] - y[0]) > 9;
    if (panel.printed && fits) {
      const size = Math.min(11, (x[1] - x[0]) / 2.3);
      panel.matrix.forEach((line, row) => line.forEach((value, column) => {
        if (!Number.isFinite(value)) return;
        make(svg, "text", { x: (x[column] + x[column + 1]) / 2, y: (y[row] + y[row + 1]) / 2 + size * 0.36, "text-anchor": "middle", style: `fill:${inkOn(paint(drawn(value)))};font-size:${size}px` }, printedNumber(value, panel.decimals));
      }));
    }
    listen(svg, [], (px, py) => {
      const [column, row] = [d3.bisectRight(x, px) - 1, d3.bisectRight(y, py) - 1];
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
    });
    if (panel.choose) svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const [column, row] = [d3.bisectRight(x, event.clientX - box.left) - 1, d3.bisectRight(y, event.clientY - box.top) - 1];
      if (panel.matrix[row] && column >= 0 && column < panel.names.length) panel.choose(row, column);
    });
    if (panel.chosen) {
      const [row, column] = panel.chosen;
      make(svg, "rect", { x: x[column], y: y[row], width: x[column + 1] - x[column], height: y[row + 1] - y[row], class: "chosen" });
    }
  }

  // --- the legend: a press sets one entry off from the others, in every figure of the page
  function swatch(entry) {
    const svg = make(document.createDocumentFragment(), "svg", { width: 26, height: 14, "aria-hidden": "true" });
    if (entry.line) make(svg, "line", { x1: 1, x2: 25, y1: 7, y2: 7, stroke: entry.colour, "stroke-width": entry.width, "stroke-dasharray": DASH[entry.line] });
    if (entry.marker) {
      const fill = entry.hollow ? "var(--surface)" : entry.outlined ? ABSENT : entry.colour;
      make(svg, "path", { d: markPath(entry.marker, 4), transform: "translate(13,7)", fill, stroke: entry.hollow || entry.outlined ? entry.colour : "none", "stroke-width": 1.5 });
    }
    return svg;
  }

  function legend(chart) {
    const list = element("ul", { class: "legend" });
    for (const entry of chart.legend) {
      const button = element("button", { type: "button", "data-group": entry.group, "aria-pressed": "false" }, swatch(entry), entry.name);
      button.addEventListener("click", () => setOff(button.getAttribute("aria-pressed") === "true" ? "" : entry.group));
      list.append(element("li", {}, button));
    }
    if (chart.band) {
      const box = element("span", { class: "band" });
      list.append(element("li", {}, box, chart.band));
    }
    return list;
  }

  let highlighted = "";
  function applyHighlight(root) {
    const known = highlighted && root.querySelector(`.series[data-group="${CSS.escape(highlighted)}"]`);
    root.classList.toggle("set-off", Boolean(known));
    root.querySelectorAll("[data-group]").forEach((one) => {
      const on = one.dataset.group === highlighted;
      if (one.tagName === "BUTTON") one.setAttribute("aria-pressed", String(on));
      else one.classList.toggle("on", on);
    });
  }
  function setOff(group) {
    highlighted = group;
    document.querySelectorAll(".chart").forEach(applyHighlight);
    document.dispatchEvent(new CustomEvent("modescape:highlight", { detail: group }));
  }

  // --- a whole figure
  function drawChart(box, chart) {
    box.classList.add("chart");
    const wide = box.clientWidth;
    if (!wide) return;
    box.dataset.drawn = String(wide);
    const columns = Math.max(1, Math.min(chart.columns, Math.floor(wide / LEAST)));
    const each = (wide - 18 * (columns - 1)) / columns;
    const head = element("div", { class: "chart-head" });
    if (chart.legend.length > 1 || chart.band) head.append(legend(chart));
    const used = new Set(chart.panels.flatMap((panel) => [panel.scale, panel.field && panel.field.scale, ...(panel.series || []).map((one) => one.scale)]));
    for (const [at, scale] of chart.scales.entries()) if (used.has(at)) head.append(key(scale));
    const grid = element("div", { class: "panels" });
    grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    chart.panels.forEach((panel, at) => {
      const across = panel.wide ? wide : panel.matrix && panel.square || panel.field ? Math.min(each, MOST) : each;
      const bare = panel.shares && columns === chart.columns;
      const usual = Math.round(Math.min(chart.height, 0.92 * across + 40) * (panel.tall || 1)) - 62;
      let high = usual;
      if (panel.matrix) high = matrixHeight(panel, across, usual);
      else if (panel.rows) high = Math.max(usual, 30 + 24 * panel.rows.length);
      else if (panel.equal && panel.field) high = Math.min(across, usual + 60);
      const svg = make(document.createDocumentFragment(), "svg", { width: across, height: high, viewBox: `0 0 ${across} ${high}`, role: "img", "aria-label": panel.title || chart.title, tabindex: 0 });
      (panel.matrix ? drawMatrix : drawPanel)(svg, panel, chart, across, high, bare);
      const named = bare || panel.rows ? "" : panel.y.label;
      const one = element("div", { class: "panel" }, element("p", { class: "panel-title" }, panel.title || ""), element("p", { class: "axis-name" }, named || " "), svg, element("p", { class: "axis-name below" }, panel.x.label));
      if (panel.wide) one.style.gridColumn = "1 / -1";
      one.style.maxWidth = `${across}px`;
      grid.append(one);
    });
    box.replaceChildren(...(head.childNodes.length ? [head] : []), grid);
    applyHighlight(box);
  }

  // drawn when its place is wide enough to be seen, and again when that changes
  const held = new WeakMap();
  const watcher = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const chart = held.get(target);
      if (chart && target.clientWidth && Math.abs(target.clientWidth - Number(target.dataset.drawn || 0)) > 2) drawChart(target, chart);
    }
  });
  function show(box, chart) {
    held.set(box, chart);
    drawChart(box, chart);
    watcher.observe(box);
  }

  document.addEventListener("DOMContentLoaded", () => document.body.append(tip));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hush(); });
  Object.assign(modescape, { read, show, element, number, make, colours, markPath, setOff, inkOn, say, hush, width, cut, key, SVG });
})();
