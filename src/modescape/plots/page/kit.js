// What all scripts of a page with figures share: its data, elements, numbers and texts as they are written, and the
// text under the pointer.
const modescape = {};
(() => {
  const TYPES = { f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array };
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

  // what was cut out of the middle before keeps both its ends
  function cut(text, most) {
    if (width(text) <= most) return text;
    const gap = text.indexOf("…");
    if (gap > 0 && gap < text.length - 1) return around(text.replace("…", ""), gap, most);
    let kept = text;
    while (kept.length > 1 && width(`${kept}…`) > most) kept = kept.slice(0, -1);
    return `${kept.trimEnd()}…`;
  }

  // names of one list; what is cut off at the end is cut out of the middle where two would look alike
  function cutAll(names, most) {
    const ends = names.map((name) => cut(name, most));
    return names.map((name, at) => (ends[at] !== name && ends.indexOf(ends[at]) !== ends.lastIndexOf(ends[at]) ? inTheMiddle(name, most) : ends[at]));
  }

  function inTheMiddle(text, most) {
    return width(text) <= most ? text : around(text, Math.ceil(text.length / 2), most);
  }

  function around(text, place, most) {
    let [head, tail] = [place, text.length - place];
    const short = () => `${text.slice(0, head).trimEnd()}…${text.slice(text.length - tail).trimStart()}`;
    while (head + tail > 2 && width(short()) > most) { if (head >= tail) head -= 1; else tail -= 1; }
    return short();
  }

  // lines of a text that are no wider than so many pixels, two at most
  function folded(text, most) {
    if (width(text) <= most) return [text];
    const words = text.split(" ");
    let first = words.shift();
    while (words.length && width(`${first} ${words[0]}`) <= most) first += ` ${words.shift()}`;
    return words.length ? [cut(first, most), cut(words.join(" "), most)] : [cut(first, most)];
  }

  // the same of a list, in which no two look alike if the middle tells them apart
  function foldedAll(names, most) {
    const lines = names.map((name) => folded(name, most));
    const keys = lines.map((own) => own.join("\n"));
    return names.map((name, at) => {
      if (keys.indexOf(keys[at]) === keys.lastIndexOf(keys[at])) return lines[at];
      const rest = name.slice(name.indexOf(lines[at][0]) + lines[at][0].length).trim();
      return lines[at].length > 1 && rest ? [lines[at][0], inTheMiddle(rest, most)] : [inTheMiddle(name, most)];
    });
  }

  function make(parent, name, attributes = {}, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
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
  function listen(svg, points, cell, press) {
    let at = -1;
    const ring = svg.querySelector(".ring");
    const show = (point, x, y) => {
      if (ring) { ring.hidden = false; ring.setAttribute("cx", point.x); ring.setAttribute("cy", point.y); ring.style.display = ""; }
      say(point.lines(), x, y);
    };
    const clear = () => { hush(); if (ring) ring.style.display = "none"; };
    const follow = (event) => {
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
    };
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("click", follow);  // a tap does not move
    svg.addEventListener("pointerleave", clear);
    svg.addEventListener("blur", clear);
    if (!points.length) return;
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") return clear();
      if (event.key === "Enter" && press && at >= 0) return press(points[at]);
      if (!step) return;
      event.preventDefault();
      at = (at + step + points.length) % points.length;
      const box = svg.getBoundingClientRect();
      show(points[at], box.left + points[at].x, box.top + points[at].y);
    });
  }

  document.addEventListener("DOMContentLoaded", () => document.body.append(tip));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hush(); });
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".panel")) hush(); });

  Object.assign(modescape, { read, element, make, number, width, cutAll, foldedAll, say, hush, listen, NEAR, SVG });
})();
