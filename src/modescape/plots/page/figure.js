// Whole figures that `plots/plain_chart.py` has written as data: panels of series, matrices and fields, drawn by D3, with
// their legend.
(() => {
  const { element, make, SVG, legend, key, applyHighlight, drawPanel, matrixHeight, drawMatrix } = modescape;

  const LEAST = 290;  // pixels of a panel: fewer stand side by side in a narrow window
  const MOST = 660;  // pixels of a panel with a plane or a square matrix

  function drawChart(box, chart) {
    box.classList.add("chart");
    const wide = box.clientWidth;
    if (!wide) return;
    box.dataset.drawn = String(wide);
    const columns = Math.max(1, Math.min(chart.columns, Math.floor(wide / LEAST)));
    const each = (wide - 18 * (columns - 1)) / columns;
    const head = element("div", { class: "chart-head" });
    if (chart.legend.length > 1 || chart.intervals) head.append(legend(chart));
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
      const end = (panel.matrix ? drawMatrix : drawPanel)(svg, panel, chart, across, high, bare);
      const names = panel.rows && !panel.matrix && !panel.rows.some((name) => /^\d+$/.test(name)); // numbers do not say what they are
      const named = bare || names ? "" : panel.y.label;
      const below = element("p", { class: "axis-name below" }, panel.x.label);
      if (panel.square) below.style.maxWidth = `${Math.ceil(end) + 10}px`;  // the name ends where the matrix does
      const one = element("div", { class: "panel" }, element("p", { class: "panel-title" }, panel.title || ""), element("p", { class: "axis-name" }, named || " "), svg, below);
      if (panel.wide) one.style.gridColumn = "1 / -1";
      one.style.maxWidth = `${across}px`;
      grid.append(one);
    });
    const focused = [...box.querySelectorAll("svg[tabindex], .legend button")].indexOf(document.activeElement);
    box.replaceChildren(...(head.childNodes.length ? [head] : []), grid);
    applyHighlight(box);
    if (focused >= 0) [...box.querySelectorAll("svg[tabindex], .legend button")][focused]?.focus({ preventScroll: true });  // keys go on from there
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

  Object.assign(modescape, { show });
})();
