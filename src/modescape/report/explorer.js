// The explorer: tabs of views. One state for all of them, in the address of the page.
(() => {
  const { element, read, show } = modescape;
  const place = document.querySelector(".explorer");
  if (!place) return;
  const data = read("explored");
  const FIRST = "explorer";
  const state = { tab: data.tabs[0][0] };

  // --- the state in the address: #explorer&tab=size&score=nll; a link opens the same view wherever it is followed
  const plain = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
  function fromAddress() {
    const [id, ...parts] = location.hash.slice(1).split("&").map(plain);
    if (id !== FIRST) return false;
    if (parts.length) for (const name of Object.keys(state)) delete state[name];
    for (const part of parts) {
      const at = part.indexOf("=");
      if (at > 0) state[part.slice(0, at)] = part.slice(at + 1);
    }
    if (!data.tabs.some(([tab]) => tab === state.tab)) state.tab = data.tabs[0][0];
    return true;
  }
  function toAddress() {
    const parts = Object.entries(state).filter(([, value]) => value !== undefined).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    history.replaceState(null, "", `#${[FIRST, ...parts].join("&")}`);
  }

  function set(changes) {
    Object.assign(state, changes);
    toAddress();
    refresh();
  }

  // the value of a choice: what the state says, where the view knows it, else its first
  const valueOf = ({ name, options, last, initial = last ? options.length - 1 : 0 }) => (options.some(([value]) => value === state[name]) ? state[name] : options[initial][0]);

  // the entry for the values of the choices, or for the first of them where the others do not matter
  function entry(entries, values) {
    for (let count = values.length; count >= 0; count -= 1) {
      const key = values.slice(0, count).join("|");
      if (key in entries) return entries[key];
    }
    return null;
  }

  // --- controls
  function control(choice) {
    const { name, label, options, slider } = choice;
    if (options.length < 2) return null;
    if (slider) {
      const input = element("input", { type: "range", min: 0, max: options.length - 1, step: 1 });
      const output = element("output");
      const refresh = () => {
        const at = options.findIndex(([value]) => value === valueOf(choice));
        input.value = at;
        output.textContent = options[at][1];
        input.setAttribute("aria-valuetext", options[at][1]);
      };
      input.addEventListener("input", () => set({ [name]: options[input.value][0] }));
      refresh();
      return { node: element("label", { class: "choice" }, `${label} `, input, output), refresh };
    }
    const entries = options.map(([value, words]) => element("option", { value }, words));
    const groups = [...new Set(options.map(([, , group]) => group))];
    const grouped = groups.map((group) => element("optgroup", { label: group }, ...entries.filter((_, at) => options[at][2] === group)));
    const list = element("select", {}, ...(groups.length > 1 ? grouped : entries));
    const refresh = () => { list.value = valueOf(choice); };
    list.addEventListener("change", () => set({ [name]: list.value }));
    refresh();
    return { node: element("label", { class: "choice" }, `${label} `, list), refresh };
  }

  // --- a view: its choices, its chart, its sentence
  function chartView(view) {
    const box = element("div", { class: "plot" });
    const said = element("p", { class: "said-of", role: "status" });
    const controls = view.choices.map(control).filter(Boolean);
    const node = element("section", { class: "view" }, element("h3", {}, view.title),
      element("div", { class: "explorer-controls" }, ...controls.map((one) => one.node)), said, element("div", { class: "plot-box" }, box));
    if (view.about) node.append(element("p", { class: "kicker" }, view.about));
    let seen = null;
    function refresh() {
      controls.forEach((one) => one.refresh());
      const values = view.choices.map(valueOf);
      const chart = entry(view.charts, values);
      const slid = view.choices.findIndex((choice) => choice.slider);
      said.textContent = entry(view.sentences, values) || "";
      said.hidden = !said.textContent;
      if (!chart) return;
      const at = slid >= 0 ? Number(values[slid]) : undefined;
      if (chart === seen && at === chart.at) return;
      chart.at = at;
      seen = chart;
      show(box, chart);
    }
    return { node, refresh };
  }

  // --- a figure that stands below: whole, some of its panels, or one at a time
  function rotated(list, first) {
    return [...list.slice(first), ...list.slice(0, first)];
  }

  // the pair that is chosen, where it is two of these names
  function pairAmong(names) {
    const pair = modescape.namesIn(state.pair || "");
    return pair.length === 2 && pair[0] !== pair[1] && pair.every((one) => names.includes(one)) ? pair : null;
  }

  // a path ends at a step; members that are not averaged are left out, and those of no chosen pair are grey
  function cut(series, step) {
    const { networks } = data;
    const pair = networks && pairAmong(networks.members);
    if (step !== undefined && pair && networks.members.includes(series.group) && !pair.includes(series.group)) series = { ...series, colour: "#9a9a9a", width: 0.7 };
    if (networks && state.members !== undefined && networks.members.includes(series.group) && !modescape.namesIn(state.members).includes(series.group)) return null;
    if (step === undefined || !series.numbers) return series;
    const kept = Array.from(series.x, (_, at) => at).filter((at) => series.numbers[1][at] <= step);
    const take = (list) => kept.map((at) => list[at]);
    const size = typeof series.size === "number" ? series.size : take(series.size).map((one, at) => (at === kept.length - 1 ? Math.max(one, 5) : one));
    return { ...series, x: take(series.x), y: take(series.y), size, numbers: [series.numbers[0], take(series.numbers[1])] };
  }

  function whenNear(place, act) {
    const near = new IntersectionObserver((entries) => {
      if (entries.some((one) => one.isIntersecting)) { near.disconnect(); if (!place.firstChild) act(); }
    }, { rootMargin: "300px" });
    near.observe(place);
  }

  // a press on a cell of a matrix of members chooses that pair
  function choosing(panel) {
    const held = data.networks && data.networks.members;
    if (!held || !panel.matrix || !panel.rows || String(panel.rows) !== String(panel.names) || !panel.rows.some((name) => held.includes(name))) return panel;
    const rows = panel.rows.map(String);
    const pair = pairAmong(rows) || held.slice(0, 2);
    const choose = (row, column) => { if (row !== column) set({ pair: modescape.listOf([rows[row], rows[column]]) }); };
    const places = pair.map((name) => rows.indexOf(String(name)));
    return { ...panel, chosen: places.every((one) => one >= 0) ? places : undefined, choose };
  }

  const charts = {};
  const chartOf = (name) => (charts[name] ||= read(`figure-${name}`));

  // the layers of a figure that can be chosen, each with the name of the figure that it is of
  function layersOf(view) {
    const { panels } = chartOf(view.figure);
    const places = view.only || panels.map((_, at) => at);
    const named = places.map((at) => [`${view.figure}.${at}`, (panels[at].title || `${at + 1}`).split("\n")[0].replace(/:$/, ""), view.title]);
    return rotated(named, view.first || 0);
  }

  // one or more figures of which one layer is seen at a time, or one figure whole
  function figureView(views) {
    const [{ layers, choices, until }] = views;
    const layer = layers && { name: "layer", label: "Layer", options: views.flatMap(layersOf) };
    const box = element("div", { class: "plot" });
    const below = element("div", { class: "below" });
    const about = element("p", { class: "kicker" });
    const link = element("a", {}, "How to read it, its numbers and its data");
    const controls = [...(layers ? [layer] : []), ...choices].map(control).filter(Boolean);
    const title = element("h3", {}, views[0].title);
    const node = element("section", { class: "view" }, title);
    if (controls.length) node.append(element("div", { class: "explorer-controls" }, ...controls.map((one) => one.node)));
    const said = element("p", { class: "said-of", role: "status" });
    node.append(said, element("div", { class: "plot-box" }, box), below, about, element("p", { class: "kicker" }, link));
    let seen = null, held = null;
    function refresh() {
      controls.forEach((one) => one.refresh());
      const step = until ? Number(valueOf(choices[0])) : undefined;
      const chosen = layers && valueOf(layer).split(/\.(?=\d+$)/);
      const now = JSON.stringify([chosen, step, state.members, state.pair]);
      if (seen === now) return;
      seen = now;
      const view = layers ? views.find((one) => one.figure === chosen[0]) : views[0];
      const chart = chartOf(view.figure);
      const shown = layers ? [Number(chosen[1])] : view.only || chart.panels.map((_, at) => at);
      const panels = shown.map((at) => choosing(chart.panels[at])).map((panel) => ({ ...panel, shares: false, series: panel.series && panel.series.map((one) => cut(one, step)).filter(Boolean) }));
      const groups = new Set(panels.flatMap((panel) => (panel.series || []).map((series) => series.group)));
      const legend = shown.length < chart.panels.length ? chart.legend.filter((key) => groups.has(key.group)) : chart.legend;
      const single = shown.length === 1;
      if (until) panels.forEach((panel, at) => hold(panel, chart.panels[shown[at]]));
      const bounded = panels.some((panel) => (panel.series || []).some((one) => one.band || one.bars));
      show(box, { ...chart, panels, legend, intervals: bounded ? chart.intervals : null, columns: single ? 1 : Math.min(chart.columns, shown.length), height: single ? 440 : chart.height });
      if (held === view) return;
      held = view;
      title.textContent = view.title;
      said.textContent = entry(view.sentences, []) || "";
      said.hidden = !said.textContent;
      about.textContent = view.about || "";
      about.hidden = !view.about;
      link.href = `#${view.figure}`;
      below.replaceChildren();
      if (layers && chart.scene) {
        const space = element("div", { class: "space" });
        below.append(element("div", { class: "plot-box" }, space));
        whenNear(space, () => modescape.showScene(space, chart));
      }
    }
    return { node, refresh };
  }

  // the axes stay where they are for the whole path
  function hold(panel, whole) {
    for (const axis of ["x", "y"]) {
      const [low, high] = d3.extent(whole.series.flatMap((one) => Array.from(one[axis]).filter(Number.isFinite)));
      if (low < high) panel[axis] = { ...panel[axis], range: [low - 0.04 * (high - low), high + 0.04 * (high - low)] };
    }
  }

  // --- tabs
  const bar = element("div", { role: "tablist", "aria-label": "Views" });
  const body = element("div", { role: "tabpanel", id: "explorer-view", tabindex: "-1" });
  const made = {};
  // figures that are seen a layer at a time, and have no other choice, are one view
  function together(all) {
    const layered = all.filter((view) => view.layers && !view.choices.length);
    return all.filter((view) => !layered.slice(1).includes(view)).map((view) => (view === layered[0] ? layered : [view]));
  }

  // views that the page computes come first; that of members takes the matrices of all test examples in
  function views(tab) {
    if (made[tab]) return made[tab];
    const computed = Object.values(modescape.computed).filter((one) => one.tab === tab && data.networks);
    const own = data.views.filter((view) => view.tab === tab);
    const pairs = computed.some((one) => one.pairs) ? own.filter((view) => view.layers && choosing(chartOf(view.figure).panels[0]).choose) : [];
    const others = together(own.filter((view) => !pairs.includes(view)));
    const page = { state, set, control, valueOf, choosing, pairAmong, matrix: pairs.length ? figureView(pairs) : null };
    made[tab] = computed.map((one) => one.make(data.networks, page)).concat(others.map((some) => (some[0].figure ? figureView(some) : chartView(some[0]))));
    return made[tab];
  }

  for (const [tab, name] of data.tabs) {
    const button = element("button", { role: "tab", type: "button", id: `tab-${tab}`, "aria-controls": "explorer-view" }, name);
    button.addEventListener("click", () => set({ tab }));
    bar.append(button);
  }
  bar.addEventListener("keydown", (event) => {
    const [at, count] = [data.tabs.findIndex(([tab]) => tab === state.tab), data.tabs.length];
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: count - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const [tab] = data.tabs[(to + count) % count];
    set({ tab });
    document.getElementById(`tab-${tab}`).focus();
  });

  // the first view of a tab that is opened is drawn at once, the others one by one as the browser has time: each is an
  // answer that others do not wait for. What is asked of the whole page is answered by those that are drawn
  const soon = (act) => (window.requestIdleCallback ? requestIdleCallback(act, { timeout: 200 }) : setTimeout(act, 0));
  let open = null, waiting = [];
  function drawNext() {
    const view = waiting.shift();
    if (!view) return;
    view.refresh();
    body.setAttribute("aria-busy", String(waiting.length > 0));
    soon(drawNext);
  }

  // what opening a tab takes beside drawing is made ready before it is asked for
  function makeReady() {
    const acts = data.tabs.map(([tab]) => () => views(tab)).concat(data.views.filter((view) => view.figure).map((view) => () => chartOf(view.figure)));
    const next = () => { const act = acts.shift(); if (act) { act(); soon(next); } };
    soon(next);
  }

  function refresh() {
    for (const button of bar.children) {
      const on = button.id === `tab-${state.tab}`;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    }
    body.setAttribute("aria-labelledby", `tab-${state.tab}`);
    const now = views(state.tab);
    if (open !== state.tab) {
      open = state.tab;
      body.replaceChildren(...now.map((view) => view.node));
      waiting = now.slice(1);
      soon(drawNext);
    }
    now.filter((view) => !waiting.includes(view)).forEach((view) => view.refresh());
    body.setAttribute("aria-busy", String(waiting.length > 0));
    if ((state.set || "") !== highlighted) modescape.setOff(state.set || "");
  }

  // what is set off in one figure is set off in all, and stands in the address with the rest
  let highlighted = "";
  document.addEventListener("modescape:highlight", (event) => {
    highlighted = event.detail;
    if ((state.set || "") !== highlighted) { state.set = highlighted || undefined; if (begun) toAddress(); }
  });

  place.append(bar, body);
  let begun = false;
  const begin = () => { if (begun) return; begun = true; refresh(); makeReady(); };
  if (fromAddress()) begin();
  new IntersectionObserver((entries) => { if (entries.some((one) => one.isIntersecting)) begin(); }, { rootMargin: "300px" }).observe(place);
  window.addEventListener("hashchange", () => { if (fromAddress()) { begin(); refresh(); } });
})();
