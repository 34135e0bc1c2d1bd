// Axes of a panel: how far they go, where their ticks are.
(() => {
  const { make, number, width, foldedAll } = modescape;

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

  function axes(svg, room, x, y, bare) {
    const group = make(svg, "g", { class: "axes" });
    for (const [at, label] of x.ticks) {
      const place = x.scale(at);
      make(group, "line", { x1: place, x2: place, y1: room.top, y2: room.bottom, class: "grid" });
      const half = width(label) / 2;  // the last label ends within the figure
      make(group, "text", { x: Math.min(place, room.right + 9 - half), y: room.bottom + 15, "text-anchor": "middle" }, label);
    }
    const names = y.names && foldedAll(y.ticks.map(([, label]) => label), room.left - 10);
    for (const [row, [at, label]] of y.ticks.entries()) {
      const place = y.scale(at);
      if (!y.names) make(group, "line", { x1: room.left, x2: room.right, y1: place, y2: place, class: "grid" });
      if (bare) continue;
      const lines = names ? names[row] : [label];
      lines.forEach((line, number) => make(group, "text", {
        x: room.left - 7, y: place + 4 + 12 * (number - (lines.length - 1) / 2), "text-anchor": "end",
      }, line));
    }
    make(group, "line", { x1: room.left, x2: room.right, y1: room.bottom, y2: room.bottom, class: "axis" });
  }

  Object.assign(modescape, { finite, scaleOf, ticksOf, evened, axes });
})();
