// A page of its own with one figure: draws it, and follows the colours of the system.
(() => {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const chart = modescape.read(place.dataset.figure);
    (place.classList.contains("space") ? modescape.showScene : modescape.show)(place, chart);
  }
  const recolour = () => document.dispatchEvent(new Event("modescape:colours"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  window.addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; recolour(); });
  window.addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; recolour(); });
})();
