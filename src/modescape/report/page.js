"use strict";
(() => {
  const root = document.documentElement;
  const plots = [...document.querySelectorAll(".plot")];
  const waiting = new Set(plots);
  const system = matchMedia("(prefers-color-scheme: dark)");
  const config = {
    responsive: true, displaylogo: false, typesetMath: false, showLink: false, plotlyServerURL: "", topojsonURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  // the colours of the page for everything in a figure that is not data, as paths of a layout
  function colours(layout) {
    const style = getComputedStyle(root);
    const [ink, quiet, grid, surface] = ["--ink", "--quiet", "--grid", "--surface"].map((name) =>
      style.getPropertyValue(name).trim());
    const update = {
      "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
      "font.color": ink, "legend.font.color": ink, "legend.bgcolor": "rgba(0,0,0,0)",
      "hoverlabel.bgcolor": surface, "hoverlabel.bordercolor": quiet, "hoverlabel.font.color": ink,
    };
    const axes = Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
    for (const axis of new Set([...axes, "xaxis", "yaxis"])) {
      update[`${axis}.gridcolor`] = update[`${axis}.zerolinecolor`] = grid;
      update[`${axis}.linecolor`] = update[`${axis}.tickcolor`] = quiet;
      update[`${axis}.tickfont.color`] = update[`${axis}.title.font.color`] = ink;
    }
    if (layout.scene) {
      for (const axis of ["xaxis", "yaxis", "zaxis"].map((name) => `scene.${name}`)) {
        update[`${axis}.gridcolor`] = update[`${axis}.linecolor`] = quiet;
        update[`${axis}.tickfont.color`] = update[`${axis}.title.font.color`] = ink;
      }
    }
    (layout.annotations || []).forEach((_, index) => { update[`annotations[${index}].font.color`] = ink; });
    for (const menus of ["updatemenus", "sliders"]) {
      (layout[menus] || []).forEach((_, index) => {
        update[`${menus}[${index}].font.color`] = ink;
        update[`${menus}[${index}].bordercolor`] = quiet;
        update[`${menus}[${index}].bgcolor`] = surface;
      });
    }
    return update;
  }

  function set(target, path, value) {
    const keys = path.replace(/\[(\d+)\]/g, ".$1").split(".");
    const last = keys.pop();
    for (const key of keys) target = target[key] ??= {};
    if (last === "color" || typeof target[last] !== "object") target[last] = value;
  }

  function draw(plot) {
    if (!waiting.delete(plot)) return;
    const figure = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
    const layout = figure.layout;
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key) && typeof layout[key].title === "string") layout[key].title = { text: layout[key].title };
    }
    for (const [path, value] of Object.entries(colours(layout))) set(layout, path, value);
    layout.autosize = true;
    if (layout.scene) turn(plot, layout);
    Plotly.newPlot(plot, figure.data, layout, config);
    reach(plot.parentElement);
  }

  // a scene: its views as a list and its turns as buttons, which keys reach, in the place of Plotly's own menu
  function turn(plot, layout) {
    const bar = plot.parentElement.querySelector(".turn");
    const list = bar.querySelector("select");
    const [menu] = layout.updatemenus || [];
    delete layout.updatemenus;
    for (const view of menu ? menu.buttons : []) list.add(new Option(view.label));
    list.parentElement.hidden = !menu;
    list.addEventListener("change", () => Plotly.update(plot, ...menu.buttons[list.selectedIndex].args));
    const camera = layout.scene.camera;
    if (plot.clientWidth < 500) {  // a narrow window sees less to the left and to the right
      plot.style.height = "400px";
      delete layout.height;
      for (const axis of ["x", "y", "z"]) {
        camera.eye[axis] *= 1.6;
        layout.scene[`${axis}axis`].title.font.size = layout.scene[`${axis}axis`].tickfont.size = 10;
      }
      const height = layout.scene.zaxis.title;  // which has no room beside the scene
      layout.title.text = `Height: ${height.text}`;
      height.text = "";
    }
    const start = { ...camera.eye };
    bar.addEventListener("click", (event) => {
      const way = event.target.dataset.turn;
      if (!way) return;
      const eye = plot.layout.scene.camera.eye;
      let [far, round] = [Math.hypot(eye.x, eye.y, eye.z), Math.atan2(eye.y, eye.x)];
      let above = Math.asin(eye.z / far);
      round += { left: -1, right: 1 }[way] * 0.26 || 0;
      above = Math.max(-1.5, Math.min(1.5, above + ({ up: 1, down: -1 }[way] * 0.17 || 0)));
      far *= { nearer: 0.87, farther: 1.15 }[way] || 1;
      const flat = far * Math.cos(above);
      const seen = { x: flat * Math.cos(round), y: flat * Math.sin(round), z: far * Math.sin(above) };
      Plotly.relayout(plot, { "scene.camera.eye": way === "back" ? start : seen });
    });
    bar.hidden = false;
  }

  // a box that scrolls can be scrolled with the keys
  function reach(box) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }

  // scenes are drawn where they are seen, and not printed: a browser holds few of them
  const flat = plots.filter((plot) => !plot.classList.contains("space"));
  const drawAll = () => flat.forEach(draw);

  function recolour() {
    for (const plot of plots) if (!waiting.has(plot)) Plotly.relayout(plot, colours(plot.layout));
  }

  const button = document.getElementById("theme");
  function show() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Switch to light colours" : "Switch to dark colours");
    recolour();
  }
  button.removeAttribute("aria-pressed");
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; show(); });
  system.addEventListener("change", show);
  show();

  document.querySelectorAll(".table-box").forEach(reach);
  document.querySelectorAll("details").forEach((part) =>
    part.addEventListener("toggle", () => part.querySelectorAll(".table-box").forEach(reach)));

  // figures near the window first; the others when the browser has nothing else to do
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "600px" });
  plots.forEach((plot) => near.observe(plot));
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 200));
  const next = () => { const plot = flat.find((one) => waiting.has(one)); if (plot) { draw(plot); idle(next); } };
  window.addEventListener("load", () => idle(next));

  // on paper: every figure, in light colours, as wide as the sheet
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    drawAll();
    for (const plot of flat) Plotly.relayout(plot, { ...colours(plot.layout), width: 630 });
  });
  window.addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    for (const plot of flat) Plotly.relayout(plot, { ...colours(plot.layout), width: null, autosize: true });
  });
})();
