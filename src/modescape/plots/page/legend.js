// What is said above the panels, once for all: names of series, keys of colours. A press on a name sets its series off from
// the others, in every figure of the page.
(() => {
  const { element, make, number, markPath, DASH, ABSENT, colours } = modescape;

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
      button.addEventListener("click", () => toggle(entry.group));
      list.append(element("li", {}, button));
    }
    for (const one of chart.intervals || []) {
      list.append(element("li", { class: "interval" }, element("span", { class: one.band ? "band" : "bar" }), one.name));
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
  const toggle = (group) => setOff(group === highlighted ? "" : group);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && highlighted) setOff(""); });

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

  Object.assign(modescape, { legend, key, setOff, toggle, applyHighlight });
})();
