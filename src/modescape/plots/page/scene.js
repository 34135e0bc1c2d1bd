// Surfaces that are turned with the pointer, with buttons or with keys: cells painted on a canvas, the far ones first.
(() => {
  const { element, colours, number, markPath } = modescape;
  const TURNS = { left: [-0.26, 0], right: [0.26, 0], up: [0, 0.17], down: [0, -0.17] };
  const FLAT = 0.62;  // height of the box over its sides
  const FONT = "12px system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";
  const BEYOND = [["left", "◀", "Turn left"], ["right", "▶", "Turn right"], ["up", "▲", "From higher up"], ["down", "▼", "From lower down"], ["nearer", "+", "Nearer"], ["farther", "−", "Farther"], ["back", "Back", "Back to the first view"]];

  function box(view, scale) {
    const span = (values) => [values[0], values[values.length - 1]];
    const [x, y] = [span(view.x.at), span(view.y.at)];
    const unit = ([low, high]) => (value) => (high > low ? (2 * (value - low)) / (high - low) - 1 : 0);
    return { x: unit(x), y: unit(y), z: (value) => FLAT * unit([scale.low, scale.high])(Math.min(scale.high, Math.max(scale.low, value))), ends: { x, y } };
  }

  // places in the box, sides from -1 to 1, as they are seen: right, down, and how far away
  function camera(turn, above, zoom, wide, high) {
    const [s, c, up, flat] = [Math.sin(turn), Math.cos(turn), Math.sin(above), Math.cos(above)];
    const size = Math.min(0.33 * wide, 0.35 * high) * zoom;  // the front corner below is seen
    return (x, y, z) => {
      const [a, b] = [x * c - y * s, x * s + y * c];
      const far = b * flat - z * up;
      const near = 4.2 / (4.2 + far);
      return [wide / 2 + a * size * near, 0.42 * high - (b * up + z * flat) * size * near, far];
    };
  }

  function facets(view, fit, see, paint) {
    const made = [];
    const spots = view.values.map((line, row) => Array.from(line, (value, column) => (Number.isFinite(value) ? see(fit.x(view.x.at[column]), fit.y(view.y.at[row]), fit.z(value)) : null)));
    for (let row = 0; row + 1 < spots.length; row += 1) {
      for (let column = 0; column + 1 < spots[row].length; column += 1) {
        const four = [spots[row][column], spots[row][column + 1], spots[row + 1][column + 1], spots[row + 1][column]];
        if (four.some((spot) => spot === null)) continue;
        const values = [view.values[row][column], view.values[row][column + 1], view.values[row + 1][column + 1], view.values[row + 1][column]];
        const slope = (values[1] + values[2] - values[0] - values[3]) / 4;
        const steep = (values[2] + values[3] - values[0] - values[1]) / 4;
        made.push({ far: d3.mean(four, (spot) => spot[2]), four, colour: paint(d3.mean(values)), light: [slope, steep], place: [view.x.at[column], view.y.at[row], values[0]] });
      }
    }
    return made.sort((one, other) => other.far - one.far);
  }

  function shade(colour, [slope, steep], range) {
    const tilt = (8 * (slope - 0.6 * steep)) / (range || 1);
    const light = Math.max(-0.28, Math.min(0.28, 0.35 * tilt));
    const { r, g, b } = d3.rgb(colour);
    const mix = (one) => Math.round(light > 0 ? one + (255 - one) * light : one * (1 + light));
    return `rgb(${mix(r)},${mix(g)},${mix(b)})`;
  }

  // where a text begins, ends or has its middle, so that all of it is seen
  function inside(brush, text, x, align) {
    const wide = brush.canvas.clientWidth;
    const [before, after] = { center: [0.5, 0.5], left: [0, 1], right: [1, 0] }[align].map((share) => share * brush.measureText(text).width + 3);
    return Math.max(before, Math.min(wide - after, x));
  }

  function frame(brush, see, ink) {
    const z = { low: -FLAT, high: FLAT };
    const line = (from, to) => { const [a, b] = [see(...from), see(...to)]; brush.moveTo(a[0], a[1]); brush.lineTo(b[0], b[1]); };
    brush.strokeStyle = ink.grid;
    brush.lineWidth = 1;
    brush.beginPath();
    for (const [x, y] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) line([x, y, z.low], [x, y, z.high]);
    for (const height of [z.low, z.high]) [[-1, -1], [1, -1], [1, 1], [-1, 1]].forEach(([x, y], at, all) => line([x, y, height], [...all[(at + 1) % 4], height]));
    brush.stroke();
  }

  // names and numbers of the axes, before the surface where a narrow window leaves no room beside it
  function names(brush, see, ink, scene, view, fit) {
    const z = { low: -FLAT };
    [brush.fillStyle, brush.strokeStyle, brush.lineWidth, brush.lineJoin] = [ink.quiet, ink.paper, 3, "round"];
    brush.font = FONT;
    const say = (text, place, align = "center") => {
      const spot = see(...place);
      brush.textAlign = align;
      for (const put of ["strokeText", "fillText"]) brush[put](text, inside(brush, text, spot[0], align), spot[1]);
    };
    const nearest = [[-1, -1], [1, -1], [1, 1], [-1, 1]].sort((one, other) => see(...one, z.low)[2] - see(...other, z.low)[2]);
    const [corner] = nearest;
    const [alongX, alongY] = [[0, corner[1] * 1.28, z.low], [corner[0] * 1.28, 0, z.low]];
    say(view.x.label, alongX); say(view.y.label, alongY);
    for (const share of [0, 0.5, 1]) {
      const at = (ends) => number(ends[0] + share * (ends[1] - ends[0]), 2);
      say(at(fit.ends.x), [2 * share - 1, corner[1] * 1.11, z.low]);
      say(at(fit.ends.y), [corner[0] * 1.11, 2 * share - 1, z.low]);
    }
    const left = [[-1, -1], [1, -1], [1, 1], [-1, 1]].sort((one, other) => see(...one, 0)[0] - see(...other, 0)[0])[0];
    for (const [height, text] of scene.ticks) say(text, [...left.map((side) => side * 1.03), fit.z(height)], "right");
  }

  function paint(canvas, scene, view, scale, turn) {
    const wide = canvas.clientWidth;
    const high = canvas.clientHeight;
    const dense = Math.min(2, window.devicePixelRatio || 1);
    [canvas.width, canvas.height] = [wide * dense, high * dense];
    const brush = canvas.getContext("2d");
    brush.scale(dense, dense);
    const style = getComputedStyle(canvas);
    const ink = { grid: style.getPropertyValue("--grid"), quiet: style.getPropertyValue("--quiet"), paper: style.getPropertyValue("--surface"), ink: style.getPropertyValue("--ink") };
    const fit = box(view, scale);
    const see = camera(turn.round, turn.above, turn.zoom, wide, high);
    frame(brush, see, ink);
    const sorted = facets(view, fit, see, colours(scale));
    for (const { four, colour, light } of sorted) {
      brush.beginPath();
      four.forEach(([x, y], at) => (at ? brush.lineTo(x, y) : brush.moveTo(x, y)));
      brush.closePath();
      brush.fillStyle = brush.strokeStyle = shade(colour, light, scale.high - scale.low);
      brush.lineWidth = 0.6;
      brush.fill(); brush.stroke();
    }
    names(brush, see, ink, scene, view, fit);
    for (const series of view.series) trail(brush, series, fit, see, ink);
    return sorted;
  }

  function trail(brush, series, fit, see, ink) {
    const spots = Array.from(series.x, (_, at) => (Number.isFinite(series.z[at]) ? see(fit.x(series.x[at]), fit.y(series.y[at]), fit.z(series.z[at]) + 0.015) : null));
    if (series.line) {
      for (const [colour, more] of [["#fff", 2.5], [series.colour, 0]]) {
        brush.beginPath();
        spots.forEach((spot, at) => { if (spot) spots[at - 1] ? brush.lineTo(spot[0], spot[1]) : brush.moveTo(spot[0], spot[1]); });
        brush.strokeStyle = colour; brush.lineWidth = series.width + 0.8 + more; brush.setLineDash(series.line === "dash" && !more ? [6, 4] : []); brush.stroke();
      }
      brush.setLineDash([]);
    }
    spots.forEach((spot, at) => {
      if (!spot || !series.marker) return;
      if (series.letters) {
        const top = see(fit.x(series.x[at]), fit.y(series.y[at]), FLAT * 1.08);
        brush.beginPath(); brush.moveTo(spot[0], spot[1]); brush.lineTo(top[0], top[1]); brush.strokeStyle = ink.quiet; brush.lineWidth = 1.2; brush.stroke();
        brush.fillStyle = ink.ink; brush.textAlign = "center"; brush.fillText(series.letters[at], top[0], top[1] - 4);
        return;
      }
      const shape = new Path2D(markPath(series.marker, Math.max(2.4, 0.6 * series.size)));
      brush.save(); brush.translate(spot[0], spot[1]); brush.fillStyle = series.colour; brush.strokeStyle = "#fff"; brush.lineWidth = 1; brush.fill(shape); brush.stroke(shape); brush.restore();
    });
  }

  function show(place, chart) {
    const { scene } = chart;
    const scale = chart.scales[scene.scale];
    scene.ticks = scene.z.ticks || d3.ticks(scale.low, scale.high, 4).map((tick) => [tick, number(tick, 3)]);
    const start = { round: -0.63, above: 0.5, zoom: 1 };
    const turn = { ...start };
    let view = scene.views[0];
    const canvas = element("canvas", { class: "scene", tabindex: "0", role: "img", "aria-label": `${scene.title}. Turn it with the arrow keys.` });
    canvas.style.height = `${Math.min(scene.height, Math.max(300, place.clientWidth))}px`;
    const list = element("select", {}, ...scene.views.map((one, at) => element("option", { value: at }, one.name)));
    const bar = element("div", { class: "turn", role: "toolbar", "aria-label": "What is seen, and from where" });
    if (scene.views.length > 1) bar.append(element("label", {}, "Seen: ", list));
    for (const [way, sign, words] of BEYOND) bar.append(element("button", { type: "button", "data-turn": way, "aria-label": words }, sign));
    let waiting = 0;
    const draw = () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(() => canvas.clientWidth && paint(canvas, scene, view, scale, turn)); };
    const by = (round, above) => { turn.round += round; turn.above = Math.max(0.05, Math.min(1.5, turn.above + above)); draw(); };
    bar.addEventListener("click", (event) => {
      const way = event.target.dataset.turn;
      if (way in TURNS) by(...TURNS[way]);
      if (way === "nearer") turn.zoom *= 1.15;
      if (way === "farther") turn.zoom /= 1.15;
      if (way === "back") Object.assign(turn, start);
      draw();
    });
    list.addEventListener("change", () => { view = scene.views[list.value]; draw(); });
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" }[event.key];
      if (way) { event.preventDefault(); by(...TURNS[way]); }
    });
    let held = null;
    canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      by((event.clientX - held[0]) * 0.01, (event.clientY - held[1]) * 0.008);
      held = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { held = null; });
    place.replaceChildren(element("p", { class: "panel-title" }, `${scene.title}. Height: ${scene.z.label}`), bar, canvas);
    new ResizeObserver(draw).observe(canvas);
    document.addEventListener("modescape:colours", draw);
    draw();
  }

  modescape.showScene = show;
})();
