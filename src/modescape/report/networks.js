// Views that the page computes from what each member says of examples: any members averaged, pairs, temperature.
(() => {
  const { element, show, number } = modescape;
  const LISTED = 12;  // examples at first
  const BINS = 15;  // as of the ECE of the results

  // log-probabilities by member, example and class; what is needed of them is made once, for all views
  const made = new WeakMap();
  function unpack(held) {
    if (!made.has(held)) made.set(held, unpacked(held));
    return made.get(held);
  }
  function unpacked(held) {
    const [examples, classes] = [held.examples.length, held.classes.length];
    const prob = held.members.map((_, member) => Float64Array.from(held.log_prob[member], (value) => Math.exp(value / held.step)));
    const said = prob.map((own) => Array.from({ length: examples }, (_, at) => best(own, at, classes)));
    return { ...held, prob, said, count: examples, width: classes };
  }

  function best(values, at, classes) {
    let place = 0;
    for (let one = 1; one < classes; one += 1) if (values[at * classes + one] > values[at * classes + place]) place = one;
    return place;
  }

  // the mean of members' probabilities at a temperature: of each member first, or of the average
  function average(held, members, temperature = 1, each = true) {
    const { count, width } = held;
    const sum = new Float64Array(count * width);
    const heat = (values, power) => {
      if (power === 1) return values;
      const out = new Float64Array(values.length);
      for (let at = 0; at < count; at += 1) {
        let total = 0;
        for (let one = 0; one < width; one += 1) total += out[at * width + one] = Math.max(values[at * width + one], 1e-14) ** power;
        for (let one = 0; one < width; one += 1) out[at * width + one] /= total;
      }
      return out;
    };
    for (const member of members) {
      const own = each ? heat(held.prob[member], 1 / temperature) : held.prob[member];
      for (let at = 0; at < sum.length; at += 1) sum[at] += own[at] / members.length;
    }
    return each ? sum : heat(sum, 1 / temperature);
  }

  function scores(held, prob) {
    let [right, nll] = [0, 0];
    for (let at = 0; at < held.count; at += 1) {
      right += best(prob, at, held.width) === held.label[at];
      nll -= Math.log(Math.max(prob[at * held.width + held.label[at]], 1e-14));
    }
    return { accuracy: right / held.count, nll: nll / held.count };
  }

  function reliability(held, prob) {
    const bins = Array.from({ length: BINS }, () => ({ count: 0, sure: 0, right: 0 }));
    for (let at = 0; at < held.count; at += 1) {
      const place = best(prob, at, held.width);
      const sure = prob[at * held.width + place];
      const bin = bins[Math.min(BINS - 1, Math.max(0, Math.ceil(sure * BINS) - 1))];
      bin.count += 1; bin.sure += sure; bin.right += place === held.label[at];
    }
    const filled = bins.filter((bin) => bin.count);
    const ece = d3.sum(filled, (bin) => Math.abs(bin.sure - bin.right)) / held.count;
    return { filled, ece, excess: d3.sum(filled, (bin) => bin.sure - bin.right) / held.count };
  }

  const fixed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  // --- names of members in the state, "0,2,3": names of models are those of files, and may hold a comma (%2C)
  const listOf = (names) => names.map((name) => name.replace(/[%,]/g, (letter) => encodeURIComponent(letter))).join(",");
  const namesIn = (list) => list.split(",").map((name) => name.replace(/%2C|%25/g, (letter) => decodeURIComponent(letter)));

  // --- which members are averaged; all of them where the state says nothing
  function ticked(held, { state }) {
    if (state.members === undefined) return held.members.map((_, at) => at);
    const named = new Set(namesIn(state.members));
    return held.members.map((_, at) => at).filter((at) => named.has(held.members[at]));
  }

  function ticks(held, page) {
    const boxes = held.members.map((name, at) => {
      const box = element("input", { type: "checkbox" });
      box.addEventListener("change", () => {
        const now = ticked(held, page).filter((one) => one !== at).concat(box.checked ? [at] : []).sort((one, other) => one - other);
        page.set({ members: now.length === held.members.length ? undefined : listOf(now.map((one) => held.members[one])) });
      });
      return [box, element("label", { class: "tick" }, box, ` ${name}`)];
    });
    const node = element("fieldset", { class: "ticks" }, element("legend", {}, "Members"), ...boxes.map(([, label]) => label));
    const refresh = () => { const on = new Set(ticked(held, page)); boxes.forEach(([box], at) => { box.checked = on.has(at); }); };
    return { node, refresh };
  }

  const series = (name, x, y, looks) => ({ name, group: name, x, y, size: 4, colour: "#0072B2", width: 1.6, ...looks });
  const VIRIDIS = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"];

  // --- pairs; of a page without a matrix of all test examples the disagreement on these
  function disagreement(held) {
    return held.members.map((_, one) => held.members.map((__, other) => (one === other ? NaN : d3.mean(held.said[one], (label, at) => Number(label !== held.said[other][at])))));
  }

  function thumbnail(held, at) {
    const { pictures, texts } = held;
    if (pictures && at < pictures.count) {
      const size = 56;
      const node = element("span", { class: "thumbnail", role: "img", "aria-label": `picture ${held.examples[at]}` });
      const scale = size / Math.max(pictures.wide, pictures.high);
      const rows = Math.ceil(pictures.count / pictures.columns);
      node.style.width = `${pictures.wide * scale}px`;
      node.style.height = `${pictures.high * scale}px`;
      node.style.backgroundImage = `url(${pictures.address})`;
      node.style.backgroundSize = `${pictures.columns * pictures.wide * scale}px ${rows * pictures.high * scale}px`;
      node.style.backgroundPosition = `${-(at % pictures.columns) * pictures.wide * scale}px ${-Math.floor(at / pictures.columns) * pictures.high * scale}px`;
      return [node];
    }
    return texts && at < texts.length ? [element("q", { class: "of-text" }, texts[at])] : [];
  }

  function exampleCard(held, at, pair, together, choose) {
    const says = (name, place, sure) => element("span", { class: place === held.label[at] ? "right" : "wrong" }, `${place === held.label[at] ? "✓" : "✗"} ${name}: ${held.classes[place]} ${fixed(sure, 2)}`);
    const lines = pair.map((member) => says(`member ${held.members[member]}`, held.said[member][at], held.prob[member][at * held.width + held.said[member][at]]));
    if (together) {
      const place = best(together, at, held.width);
      lines.push(says("average", place, together[at * held.width + place]));
    }
    const button = element("button", { type: "button", class: "example" }, ...thumbnail(held, at),
      element("span", { class: "of-example" }, element("b", {}, `${held.examples[at]}: ${held.classes[held.label[at]]}`), ...lines));
    button.addEventListener("click", () => choose(at));
    return element("li", {}, button);
  }

  // the pair that is chosen, where the page holds what both say; else the first
  function pairOf(held, page) {
    const pair = page.pairAmong(held.members);
    return pair ? pair.map((name) => held.members.indexOf(name)) : [0, held.members.length > 1 ? 1 : 0];
  }

  function matrixOfThese(held, page) {
    const box = element("div", { class: "plot" });
    const matrix = disagreement(held);
    const most = d3.max(matrix.flat().filter(Number.isFinite)) || 1;
    const panel = { title: "Disagreement of two members", matrix, rows: held.members, names: held.members, x: { label: "Member" }, y: { label: "Member" }, most: 25, length: 12, scale: 0, decimals: 2, printed: held.members.length <= 12, square: true };
    const scale = { low: 0, high: most, colours: VIRIDIS, ticks: [], label: "Share of these examples" };
    const refresh = () => show(box, { title: panel.title, columns: 1, height: 380, legend: [], scales: [scale], panels: [page.choosing(panel)] });
    return { node: element("div", { class: "plot-box" }, box), refresh };
  }

  function membersView(raw, page) {
    const held = unpack(raw);
    const tick = ticks(held, page);
    const several = held.members.length > 1;  // there are pairs
    const matrix = page.matrix || matrixOfThese(held, page);
    const [said, list, detail] = [element("p", { class: "said-of", role: "status" }), element("ul", { class: "examples" }), element("div", { class: "plot" })];
    const [head, more, detailBox] = [element("h4", {}), element("button", { type: "button" }, "Show more"), element("div", { class: "plot-box", hidden: "" })];
    detailBox.append(detail);
    const node = element("section", { class: "view" }, element("h3", {}, "Members, example by example"), tick.node, said,
      ...(several ? [element("div", { class: "two" }, matrix.node, element("div", {}, head, list, more))] : []), detailBox,
      element("p", { class: "kicker" }, `${held.count.toLocaleString("en")} of ${held.of.toLocaleString("en")} test examples, evenly spaced over the split, the most disputed first; averages are computed here. Press a cell of the matrix for a pair, an example for every member's probabilities. ✓: right.`));
    let shownCount = LISTED, shownPair = null;
    more.addEventListener("click", () => {
      const first = shownCount;
      shownCount += LISTED;
      refresh();
      if (more.hidden) list.querySelectorAll("button")[first]?.focus({ preventScroll: true });  // keys go on from there
    });

    function showDetail() {
      const at = held.examples.indexOf(page.state.example);
      detailBox.hidden = at < 0;
      if (at < 0) return;
      const rows = held.members.map((member, one) => Array.from(held.prob[one].subarray(at * held.width, (at + 1) * held.width)));
      const panel = { title: `${held.examples[at]} (${held.classes[held.label[at]]}): probability of each class by member`, matrix: rows, rows: held.members, names: held.classes, x: { label: "Class" }, y: { label: "Member" }, most: 25, length: 20, scale: 0, decimals: 2, printed: held.width <= 12 };
      show(detail, { title: panel.title, columns: 1, height: 300, legend: [], scales: [{ low: 0, high: 1, colours: VIRIDIS, ticks: [], label: "Probability" }], panels: [panel] });
    }

    function refresh() {
      tick.refresh();
      const members = ticked(held, page);
      const together = members.length ? average(held, members) : null;
      if (together) {
        const all = scores(held, together);
        const alone = members.map((one) => scores(held, held.prob[one]));
        said.textContent = `Average of ${members.length}: accuracy ${percent(all.accuracy)}, NLL ${fixed(all.nll, 3)} nats. One of them, on average: ${percent(d3.mean(alone, (one) => one.accuracy))}, ${fixed(d3.mean(alone, (one) => one.nll), 3)} nats. On these ${held.count.toLocaleString("en")} examples, without an interval.`;
      } else said.textContent = "Tick a member.";
      matrix.refresh();
      const pair = pairOf(held, page);
      if (JSON.stringify(pair) !== shownPair) [shownPair, shownCount] = [JSON.stringify(pair), LISTED];
      const differ = d3.range(held.count).filter((at) => held.said[pair[0]][at] !== held.said[pair[1]][at]);
      head.textContent = `Members ${held.members[pair[0]]} and ${held.members[pair[1]]} disagree on ${differ.length.toLocaleString("en")} of ${held.count.toLocaleString("en")} examples`;
      const pressed = [...list.querySelectorAll("button")].indexOf(document.activeElement);
      list.replaceChildren(...differ.slice(0, shownCount).map((at) => exampleCard(held, at, pair, together, (one) => page.set({ example: held.examples[one] }))));
      if (pressed >= 0) list.querySelectorAll("button")[pressed]?.focus({ preventScroll: true });  // keys go on from there
      more.hidden = differ.length <= shownCount;
      showDetail();
    }
    return { node, refresh };
  }

  // --- calibration
  const TEMPERATURES = d3.range(0, 41).map((at) => Number((0.25 * 16 ** (at / 40)).toPrecision(3)));
  const CURVE = TEMPERATURES.filter((_, at) => at % 2 === 0);
  const choiceOf = {
    temperature: { name: "temperature", label: "Temperature", options: TEMPERATURES.map((value) => [String(value), String(value)]), slider: true, initial: 20 },
    order: { name: "order", label: "Calibrate", options: [["average", "the average"], ["members", "each member, then average"]] },
  };

  function calibrationView(raw, page) {
    const held = unpack(raw);
    const tick = ticks(held, page);
    const controls = [choiceOf.temperature, choiceOf.order].map(page.control);
    const [said, box] = [element("p", { class: "said-of", role: "status" }), element("div", { class: "plot" })];
    const plotBox = element("div", { class: "plot-box" }, box);
    const node = element("section", { class: "view" }, element("h3", {}, "Reliability at a temperature"), tick.node,
      element("div", { class: "explorer-controls" }, ...controls.map((one) => one.node)), said, plotBox,
      element("p", { class: "kicker" }, `On ${held.count.toLocaleString("en")} of ${held.of.toLocaleString("en")} test examples, without intervals: to see what a temperature does, not to choose one. Temperatures are chosen on validation data; the analysis of calibration says which.`));

    // NLL along the temperatures, which moving the slider does not change
    let along = { of: "" };
    function lossesOf(members, each) {
      const of = JSON.stringify([members, each]);
      if (along.of !== of) along = { of, losses: CURVE.map((value) => scores(held, average(held, members, value, each)).nll) };
      return along.losses;
    }

    function refresh() {
      tick.refresh();
      controls.forEach((one) => one.refresh());
      const members = ticked(held, page);
      plotBox.hidden = !members.length;  // else it would show the average before
      if (!members.length) { said.textContent = "Tick a member."; return; }
      const each = page.valueOf(choiceOf.order) === "members";
      const temperature = Number(page.valueOf(choiceOf.temperature));
      const prob = average(held, members, temperature, each);
      const { filled, ece, excess } = reliability(held, prob);
      const alone = reliability(held, average(held, [members[0]]));
      const { accuracy, nll } = scores(held, prob);
      const way = Math.abs(excess) < 0.002 ? "as sure as it is right" : excess > 0 ? "overconfident" : "underconfident";
      said.textContent = `Temperature ${temperature}: accuracy ${percent(accuracy)}, NLL ${fixed(nll, 3)} nats, ECE ${fixed(ece, 3)} in ${BINS} bins; ${way} (confidence minus accuracy ${excess > 0 ? "+" : ""}${fixed(100 * excess, 1)} points).`;
      const bins = ({ filled: own }) => [own.map((bin) => (100 * bin.sure) / bin.count), own.map((bin) => (100 * bin.right) / bin.count)];
      const size = filled.map((bin) => 3 + 9 * Math.sqrt(bin.count / held.count));
      const [x, y] = bins({ filled });
      const [x1, y1] = bins(alone);
      const losses = lossesOf(members, each);
      show(box, {
        title: "Reliability", columns: 2, height: 380, scales: [],
        legend: [{ name: "Confidence = accuracy", group: "Confidence = accuracy", colour: "#7F7F7F", line: "dash", width: 1.2 }, { name: `Average of ${members.length}`, group: "averaged", colour: "#0072B2", line: "solid", width: 1.8, marker: "circle" }, { name: `Member ${held.members[members[0]]}, as trained`, group: "alone", colour: "#D55E00", line: "dot", width: 1.4, marker: "square" }],
        panels: [
          { title: "Reliability", x: { label: "Confidence (%)", range: [0, 101] }, y: { label: "Accuracy (%)", range: [0, 101] }, series: [
            series("Confidence = accuracy", [0, 100], [0, 100], { line: "dash", colour: "#7F7F7F", width: 1.2, silent: true }),
            series(`Member ${held.members[members[0]]}`, x1, y1, { group: "alone", line: "dot", marker: "square", colour: "#D55E00", width: 1.4 }),
            series(`Average of ${members.length}`, x, y, { group: "averaged", line: "solid", marker: "circle", size, width: 1.8, hover: filled.map((bin) => `${bin.count} examples`) }),
          ] },
          { title: "NLL against temperature", x: { label: "Temperature (log scale)", log: true, ticks: [0.25, 0.5, 1, 2, 4].map((value) => [value, String(value)]) }, y: { label: "NLL (nats per example)" }, series: [
            series(`Average of ${members.length}`, CURVE, losses, { group: "averaged", line: "solid", width: 1.8 }),
            series("Chosen here", [temperature], [nll], { group: "averaged", marker: "diamond", size: 6, line: undefined }),
          ] },
        ],
      });
    }
    return { node, refresh };
  }

  modescape.computed = {
    members: { tab: "members", make: membersView, pairs: true },
    calibration: { tab: "reliability", make: calibrationView },
  };
  Object.assign(modescape, { namesIn, listOf });
})();
