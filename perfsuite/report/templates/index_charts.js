// Trends: a chart for each role or operation over the runs made under the same conditions.
const charts = (() => {
  const { data, runs, column, METRICS, withUnit, tick: tickText, words, timeOf, textAt, make } = runsPage;
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_POINTS = 400; // with more, the lowest and the highest value of each group of runs are drawn
  const place = document.getElementById("charts");
  const output = document.getElementById("pointed");
  let drawn = []; // {metric, values, now, title}
  let axisRuns = []; // in the order of the axis
  let pointed = null;
  let selected = () => {};

  // ── scales as in perfsuite/report/page/charts.py
  const STEPS = [1, 2, 2.5, 5];
  const scaleOf = (values) => {
    const highest = Math.max(...values);
    let step = 10 ** Math.floor(Math.log10((highest || 1) / 4));
    const known = STEPS.flatMap((each) => [each * step, each * step * 10]).sort((a, b) => a - b);
    step = known.find((each) => Math.ceil((highest || 1) / each - 1e-9) <= 4) ?? known.at(-1);
    const last = Math.max(Math.ceil((highest || 1) / step - 1e-9), 1);
    return { high: last * step, ticks: Array.from({ length: last + 1 }, (_, number) => Number((number * step).toPrecision(6))) };
  };
  const y = (value, scale) => Number((100 - (100 * value) / scale.high).toFixed(2));

  const thinned = (values) => {
    const known = values.map((value, index) => [index, value]).filter(([, value]) => value !== null);
    if (known.length <= MOST_POINTS) return known;
    const size = Math.ceil(known.length / (MOST_POINTS / 2));
    const kept = [];
    for (let begin = 0; begin < known.length; begin += size) {
      const bin = known.slice(begin, begin + size);
      const low = bin.reduce((least, each) => (each[1] < least[1] ? each : least));
      const high = bin.reduce((most, each) => (each[1] > most[1] ? each : most));
      kept.push(...(low[0] === high[0] ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
    }
    return kept;
  };

  const svg = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const median = (values) => {
    const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
    return sorted.length ? (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2 : null;
  };

  const pointText = (point) => {
    const [, , metric, run, before, after, p] = point;
    const size = before ? `, ${format.signedPercent(after / before - 1)}` : "";
    const release = textAt("release", run) ? ` (release ${textAt("release", run)})` : "";
    return `since ${runs.id[run]}${release}: ${withUnit(metric, before)} → ${withUnit(metric, after)}${size}, p = ${Number(p.toPrecision(2))}`;
  };

  const picture = (name, values, points, position) => {
    const known = values.filter((value) => value !== null);
    const scale = scaleOf(known);
    const width = Math.max(values.length - 1, 1);
    const kept = thinned(values);
    const line = kept.map(([index, value], number) => `${number ? "L" : "M"}${index} ${y(value, scale)}`).join("");
    const label = `${name}: ${format.plural(known.length, "run")}, median ${withUnit(position.metric, median(known))}, ` +
      `newest ${withUnit(position.metric, known.at(-1))}, ${format.plural(points.length, "change point")}`;
    const image = svg("svg", { viewBox: `0 0 ${width} 100`, preserveAspectRatio: "none", role: "img", "aria-label": label });
    image.append(svg("path", { class: "grid", d: scale.ticks.map((tick) => `M0 ${y(tick, scale)}H${width}`).join("") }));
    image.append(svg("path", { class: "curve", style: "--c:var(--line-avg)", d: kept.length === 1 ? `${line}h0` : line }));
    if (kept.length <= 60) {
      const dots = kept.map(([index, value]) => `M${index} ${y(value, scale)}h0`).join("");
      image.append(svg("path", { class: "curve dots", style: "--c:var(--line-avg)", d: dots }));
    }
    const marks = points.map((point) => [point, axisRuns.indexOf(point[3])]);
    image.append(svg("path", { class: "mark-line", d: marks.map(([, index]) => `M${index} 0V100`).join("") }));
    const plot = make("div", undefined, { class: "plot" });
    plot.append(image);
    marks.forEach(([point, index], number) => {
      const mark = make("button", number + 1, { type: "button", class: "mark", title: pointText(point), style: `left:${(100 * index) / width}%;--level:0` });
      mark.prepend(make("span", "Change point ", { class: "unseen" }));
      mark.addEventListener("click", () => pointAt(index));
      plot.append(mark);
    });
    const axis = make("div", undefined, { class: "yaxis", "aria-hidden": "true" });
    for (const tick of scale.ticks) axis.append(make("span", tickText(position.metric, tick), { style: `top:${y(tick, scale)}%` }));
    return [axis, plot];
  };

  const chart = (role, operation, metric) => {
    const values = column(role, operation, metric, axisRuns);
    if (!values.some((value) => value !== null)) return null;
    const title = operation === "all" ? (role === "all" ? "All operations, all roles" : `All operations as ${words(role)}`)
      : role === "all" ? operation : `${operation} as ${words(role)}`;
    const points = data.points.filter((each) => each[0] === role && each[1] === operation && each[2] === metric && axisRuns.includes(each[3]));
    const figure = make("figure", undefined, { class: "chart", "data-chart": `${role} ${operation}` });
    const caption = make("figcaption");
    const head = make("p", undefined, { class: "head" });
    const now = make("b", "", { class: "now" });
    head.append(make("strong", title), now);
    caption.append(head, make("span", `median ${withUnit(metric, median(values))}, newest ${withUnit(metric, values.findLast((value) => value !== null))}`, { class: "note" }));
    if (points.length) {
      const list = make("ol", undefined, { class: "changes" });
      for (const point of points) list.append(make("li", pointText(point)));
      caption.append(list);
    }
    figure.append(caption, ...picture(title, values, points, { metric }));
    drawn.push({ metric, values, now });
    return figure;
  };

  // ── one run in all charts
  const pointAt = (index) => {
    pointed = Math.min(Math.max(index, 0), axisRuns.length - 1);
    place.classList.add("pointed");
    place.style.setProperty("--at", `${axisRuns.length > 1 ? (100 * pointed) / (axisRuns.length - 1) : 0}%`);
    const run = axisRuns[pointed];
    const more = ["release", "label"].map((name) => textAt(name, run)).filter(Boolean);
    output.replaceChildren(runs.address[run] ? make("a", runs.id[run], { href: runs.address[run] }) : make("span", runs.id[run]),
      document.createTextNode([` · ${timeOf(run)} UTC`, ...more].join(" · ")));
    for (const each of drawn) each.now.textContent = withUnit(each.metric, each.values[pointed]);
  };
  const leave = () => {
    pointed = null;
    place.classList.remove("pointed");
    output.textContent = "";
    for (const each of drawn) each.now.textContent = "";
  };
  const indexAt = (event) => {
    const plot = event.target.closest(".plot");
    if (!plot || !axisRuns.length) return null;
    const box = plot.getBoundingClientRect();
    return Math.round(((event.clientX - box.left) / box.width) * (axisRuns.length - 1));
  };
  place.addEventListener("pointermove", (event) => {
    const index = indexAt(event);
    if (index !== null) pointAt(index);
  });
  place.addEventListener("click", (event) => {
    const index = event.target.closest(".mark") ? null : indexAt(event);
    if (index !== null) selected(axisRuns[Math.min(Math.max(index, 0), axisRuns.length - 1)]);
  });
  place.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") leave();
    if (event.key === "Enter" && pointed !== null && event.target === place) selected(axisRuns[pointed]);
    if (!step || !axisRuns.length || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    pointAt((pointed ?? axisRuns.length) + step);
  });

  // pairs: [role, operation] of each chart; along: the runs on the axis
  const draw = (pairs, metric, along) => {
    drawn = [];
    axisRuns = along;
    leave();
    const figures = pairs.map(([role, operation]) => chart(role, operation, metric)).filter(Boolean);
    place.replaceChildren(...figures);
    if (!figures.length) place.append(make("p", `None of these runs has a value for ${METRICS[metric]}.`, { class: "hint" }));
    const dates = document.getElementById("dates");
    dates.textContent = along.length ? `${format.plural(along.length, "run")}, from ${timeOf(along[0])} to ${timeOf(along.at(-1))} UTC` : "";
  };
  return { draw, pointText, onSelect: (call) => { selected = call; } };
})();
