// The page itself: colours, what opens, figures that are drawn when they are seen, downloads, print.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";

  const button = document.getElementById("theme");
  function name() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Switch to light colours" : "Switch to dark colours");
    document.dispatchEvent(new Event("modescape:colours"));
  }
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();

  // the answer is one screen: its pictures are as high as the words above them leave room for
  const SCREEN = 800, LEAST = 240;  // pixels: a small laptop's window; a picture
  function fit(place, chart) {
    const over = place.getBoundingClientRect().bottom + window.scrollY + 12 - Math.max(window.innerHeight, SCREEN);
    if (over > 0 && window.innerWidth > 768) modescape.show(place, { ...chart, height: Math.max(LEAST, chart.height - over) });
  }

  // figures are drawn when they come near the window, those of closed parts when they are opened
  const draw = (place) => {
    if (place.dataset.begun) return;
    place.dataset.begun = "yes";
    const chart = modescape.read(place.dataset.figure);
    (place.classList.contains("space") ? modescape.showScene : modescape.show)(place, chart);
    if (place.closest(".firsts")) fit(place, chart);
  };
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) { near.unobserve(target); draw(target); }
  }, { rootMargin: "400px" });
  const places = [...document.querySelectorAll(".plot[data-figure], .space[data-figure]")];
  places.forEach((place) => near.observe(place));

  // a box that scrolls can be scrolled with the keys
  const reach = (box) => { if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; };
  const reachAll = (part) => part.querySelectorAll(".table-box, pre").forEach(reach);
  reachAll(document);
  document.querySelectorAll("details").forEach((part) => part.addEventListener("toggle", () => reachAll(part)));

  // a link to a closed part opens it
  function arrive() {
    const id = location.hash.slice(1).split(/&|%26/)[0];
    const target = id && document.getElementById(id);
    if (!target) return;
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    // its figures first: drawn later they would push down what was arrived at
    const entry = target.closest("details.analysis");
    if (entry) places.filter((place) => entry.contains(place)).forEach(draw);
    target.scrollIntoView({ behavior: "instant" });
  }
  window.addEventListener("hashchange", arrive);
  arrive();

  const all = document.getElementById("open-all");
  if (all) {
    const parts = [...document.querySelectorAll("details.analysis")];
    const every = () => parts.every((part) => part.open);
    const say = () => { all.textContent = every() ? "Close all" : "Open all"; };
    all.hidden = false;
    all.addEventListener("click", () => { const open = !every(); parts.forEach((part) => { part.open = open; }); say(); });
    parts.forEach((part) => part.addEventListener("toggle", say));
  }

  // tables lie in the page compressed and are saved as they were
  document.querySelectorAll('a[download$=".csv.gz"]').forEach((link) => link.addEventListener("click", async (event) => {
    if (!window.DecompressionStream || !link.href.startsWith("data:")) return;
    event.preventDefault();
    const bytes = Uint8Array.from(atob(link.href.split(",")[1]), (letter) => letter.charCodeAt(0));
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    modescape.element("a", { download: link.download.replace(/\.gz$/, ""), href: address }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }));

  // on paper: everything that is shown, in light colours
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    places.filter((place) => place.clientWidth).forEach(draw);
  });
  window.addEventListener("afterprint", () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; });
})();
