// Series of points between two axes.
(() => {
  const { make, number, width, listen, NEAR, markPath, DASH, colours, toggle, setOff, finite, scaleOf, ticksOf, evened, axes, raster, drawField, fieldLines } = modescape;

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
      if (ends && Number.isFinite(ends[0][at])) lines.push(`95 % interval ${number(ends[0][at])} to ${number(ends[1][at])}`, series.covers);
    }
    return lines.filter((line) => line !== undefined && line !== "");
  }

  // ends of every series, bands and bars too
  function ends(panel, axis) {
    const values = [];
    for (const series of panel.series) {
      const drawn = [series[axis]];
      if (axis === "y" && series.band) drawn.push(...series.band);
      if (series.bars && (series.along === "x") === (axis === "x")) drawn.push(...series.bars);
      for (const one of drawn) for (const value of finite(one)) values.push(value);  // spread, a hundred thousand would be too many arguments
    }
    if (panel.field) values.push(...d3.extent(panel.field[axis]));
    return panel[axis].log ? values.filter((value) => value > 0) : values;
  }

  // what lies beyond the axes is not drawn; marks on them are whole
  const EDGE = 8;
  let clips = 0;
  function clipped(svg, { left, right, top, bottom }) {
    const id = `room-${clips += 1}`;
    make(make(svg, "clipPath", { id }), "rect", { x: left - EDGE, y: top - EDGE, width: right - left + 2 * EDGE, height: bottom - top + 2 * EDGE });
    const within = ({ x, y }) => x > left - EDGE && x < right + EDGE && y > top - EDGE && y < bottom + EDGE;
    return { layer: make(svg, "g", { "clip-path": `url(#${id})` }), within };
  }

  function drawPanel(svg, panel, chart, wide, high, bare) {
    if (panel.field && panel.field.polar) {
      const { xs, ys, filled } = raster(panel.field);
      panel.field = { ...panel.field, x: xs, y: ys, values: filled, polar: false };
    }
    const room = { top: 6, right: wide - 10, bottom: high - 22, left: 10 };
    let y;
    if (panel.rows) {
      y = { scale: d3.scaleLinear([Math.max(panel.rows.length, 1) - 0.5, -0.5], [room.bottom, room.top]), names: true };
      y.ticks = panel.rows.map((name, at) => [at, name]);
      room.left = bare ? 8 : Math.min(0.42 * wide, 14 + (d3.max(panel.rows, width) || 0));
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
    const { layer, within } = clipped(svg, room);
    for (const series of bands) drawBand(make(layer, "g", { class: "series", "data-group": series.group }), series, place, opacity);
    const points = panel.series.flatMap((series) => drawSeries(layer, series, place, chart.scales, opacity)).filter(within);
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
      toggle(near.series.group);
    });
    listen(svg, shown, panel.field ? fieldLines(panel, chart.scales, x.scale, y.scale) : null, (point) => toggle(point.series.group));
  }

  Object.assign(modescape, { drawPanel });
})();
