// Marks of series and colours of values.
(() => {
  // --- marks
  const corners = (...turns) => (context, radius) => {
    turns.forEach((turn, at) => {
      const [x, y] = [radius * Math.cos(turn), radius * Math.sin(turn)];
      at ? context.lineTo(x, y) : context.moveTo(x, y);
    });
    context.closePath();
  };
  const third = (Math.PI * 2) / 3;
  const triangle = (up) => corners(up, up + third, up + 2 * third);
  const turned = (by) => Array.from({ length: 4 }, (_, at) => by + (at * Math.PI) / 2);
  const arms = (by) => (context, radius) => {
    const arm = 0.36;
    const places = [[1, arm], [arm, arm], [arm, 1], [-arm, 1], [-arm, arm], [-1, arm], [-1, -arm], [-arm, -arm], [-arm, -1], [arm, -1], [arm, -arm], [1, -arm]];
    places.forEach(([x, y], at) => {
      const [a, b] = [radius * (x * Math.cos(by) - y * Math.sin(by)), radius * (x * Math.sin(by) + y * Math.cos(by))];
      at ? context.lineTo(a, b) : context.moveTo(a, b);
    });
    context.closePath();
  };
  const around = (count) => Array.from({ length: count }, (_, at) => (at * 2 * Math.PI) / count - Math.PI / 2);
  const star = (context, radius) => {
    around(10).forEach((turn, at) => {
      const far = at % 2 ? 0.45 * radius : radius;
      context[at ? "lineTo" : "moveTo"](far * Math.cos(turn), far * Math.sin(turn));
    });
    context.closePath();
  };
  const MARKS = {
    circle: (context, radius) => { context.moveTo(radius, 0); context.arc(0, 0, radius, 0, 2 * Math.PI); },
    square: corners(...turned(Math.PI / 4)), diamond: corners(...turned(0)),
    "diamond-tall": (context, radius) => { context.moveTo(0, -1.2 * radius); context.lineTo(0.65 * radius, 0); context.lineTo(0, 1.2 * radius); context.lineTo(-0.65 * radius, 0); context.closePath(); },
    hexagon: corners(...around(6)), pentagon: corners(...around(5)), star,
    cross: arms(0), x: arms(Math.PI / 4),
    "triangle-up": triangle(-Math.PI / 2), "triangle-down": triangle(Math.PI / 2),
    "triangle-left": triangle(Math.PI), "triangle-right": triangle(0),
  };
  const AREA = { circle: 1, square: 1.2, diamond: 1.15, hexagon: 1.08, cross: 1.15, x: 1.15, star: 1.5 };

  function markPath(name, radius) {
    const path = d3.path();
    (MARKS[name] || MARKS.circle)(path, radius * (AREA[name] || 1.2));
    return path.toString();
  }

  const DASH = { solid: null, dash: "6 4", dot: "1.5 3" };

  // --- colours by value, out of a table: pictures have ten thousands of cells
  const STEPS = 1024;
  const tables = new WeakMap();
  function tableOf(scale) {
    if (!tables.has(scale)) {
      const along = d3.scaleLinear(scale.colours.map((_, at) => at / (scale.colours.length - 1)), scale.colours);
      tables.set(scale, d3.range(STEPS + 1).map((at) => d3.color(along(at / STEPS))));
    }
    return tables.get(scale);
  }
  function rgbOf(scale) {
    const table = tableOf(scale);
    const over = scale.high - scale.low || 1;
    return (value) => {
      const share = Math.min(1, Math.max(0, (value - scale.low) / over));
      return table[Math.round(STEPS * (scale.root ? Math.sqrt(share) : share))];
    };
  }
  function colours(scale) {
    const rgb = rgbOf(scale);
    return (value) => rgb(value).formatHex();
  }

  const inkOn = (colour) => {
    const { r, g, b } = d3.rgb(colour);
    return 0.299 * r + 0.587 * g + 0.114 * b > 127 ? "#000" : "#fff";
  };

  const ABSENT = "rgba(128,128,128,.35)";

  Object.assign(modescape, { markPath, DASH, rgbOf, colours, inkOn, ABSENT });
})();
