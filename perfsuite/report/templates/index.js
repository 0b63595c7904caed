// The table of runs with its filters, the comparison of two runs, and the selection of charts.
(() => {
  const { data, runs, count, at, operations, roles, METRICS, short, words, timeOf, textAt, make } = runsPage;
  const byId = (name) => document.getElementById(name);
  const PAGE = 25;
  const OTHERS = 20; // runs under the same conditions that show the usual range
  const LABELS = { pass: "PASS", fail: "FAIL", inconclusive: "INCONCLUSIVE", regression: "REGRESSION", interrupted: "INTERRUPTED" };
  const KINDS = { pass: "met", fail: "missed", regression: "missed" };
  const state = { page: 0, sort: "started", down: true, pair: [] };
  let shown = [];

  // ── columns of the table: name → [sort key, text]
  const outcome = (run) => data.outcomes[runs.outcome[run]];
  const COLUMNS = {
    started: [(run) => runs.started[run], timeOf],
    id: [(run) => runs.id[run], (run) => runs.id[run]],
    outcome: [outcome, (run) => LABELS[outcome(run)]],
    ...(runs.capacity ? { capacity: [(run) => runs.capacity_low[run], (run) => runs.capacity[run]] } : {}),
    users: [(run) => runs.users[run], (run) => short("users", runs.users[run])],
    ...Object.fromEntries(["requests", "rps", "avg_ms", "p95_ms", "failure_rate"].map((name) =>
      [name, [(run) => runs[name][run], (run) => short(name, runs[name][run])]])),
    ...Object.fromEntries(["release", "label", "host"].map((name) => [name, [(run) => textAt(name, run) || null, (run) => textAt(name, run)]])),
  };

  // ── filters
  const FILTERS = ["scenario", "outcome", "release", "label", "host"];
  const filter = byId("filters").elements;
  const textOf = (name, run) => (name === "outcome" ? outcome(run) : textAt(name, run));
  const fill = (list, values) => {
    for (const [value, text] of values) list.append(make("option", text ?? value, { value }));
  };
  for (const name of FILTERS) {
    const found = new Set();
    for (let run = 0; run < count; run += 1) found.add(textOf(name, run));
    found.delete("");
    const sorted = [...found].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    fill(filter[name], sorted.map((value) => [value, name === "outcome" ? LABELS[value] : value]));
  }
  const haystack = (run) =>
    [runs.id[run], outcome(run), ...["scenario", "host", "label", "release", "version"].map((name) => textAt(name, run))].join("\n").toLowerCase();
  let haystacks = null; // built on the first search
  const passing = () => {
    const wanted = FILTERS.map((name) => [name, filter[name].value]).filter(([, value]) => value);
    const parts = filter.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (parts.length) haystacks ??= Array.from({ length: count }, (_, run) => haystack(run));
    const found = [];
    for (let run = 0; run < count; run += 1) {
      if (wanted.every(([name, value]) => textOf(name, run) === value) && parts.every((part) => haystacks[run].includes(part))) found.push(run);
    }
    return found;
  };

  // ── table
  const body = byId("runs").tBodies[0];
  const sorted = (found) => {
    const key = COLUMNS[state.sort][0];
    const sign = state.down ? -1 : 1;
    const keyed = found.map((run) => [key(run), run]);
    // Unknown values stay at the end in both directions; equal values keep the order of time.
    keyed.sort(([a, first], [b, second]) => (a === null) - (b === null) || (a === null ? 0
      : sign * (typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0)) || sign * (first - second));
    return keyed.map(([, run]) => run);
  };
  const row = (run) => {
    const line = make("tr", undefined, { "data-run": runs.id[run] });
    const box = make("input", undefined, { type: "checkbox", "aria-label": `Compare ${runs.id[run]}` });
    box.checked = state.pair.includes(run);
    box.addEventListener("change", () => select(run));
    const cell = make("td");
    cell.append(box);
    line.append(cell);
    for (const [name, [, text]] of Object.entries(COLUMNS)) {
      const own = make(name === "id" ? "th" : "td", undefined, name === "id" ? { scope: "row" } : {});
      if (body.parentNode.tHead.querySelector(`[data-column="${name}"]`).classList.contains("number")) own.className = "number";
      if (name === "id" && runs.address[run]) own.append(make("a", text(run), { href: runs.address[run] }));
      else if (name === "outcome") own.append(make("span", text(run), { class: `outcome ${KINDS[outcome(run)] ?? ""}` }));
      else own.textContent = text(run);
      line.append(own);
    }
    return line;
  };
  const showTable = () => {
    const pages = Math.max(Math.ceil(shown.length / PAGE), 1);
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    body.replaceChildren(...shown.slice(state.page * PAGE, (state.page + 1) * PAGE).map(row));
    byId("found").textContent = `${format.number(shown.length)} of ${format.plural(count, "run")}`;
    byId("page").textContent = `Page ${state.page + 1} of ${format.number(pages)}`;
    byId("previous").disabled = state.page === 0;
    byId("next").disabled = state.page >= pages - 1;
    for (const heading of body.parentNode.tHead.querySelectorAll("[data-column]")) {
      if (heading.dataset.column === state.sort) heading.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    }
  };
  for (const heading of byId("runs").tHead.querySelectorAll("[data-column]")) {
    const button = make("button", undefined, { type: "button" });
    button.append(...heading.childNodes);
    button.addEventListener("click", () => {
      const name = heading.dataset.column;
      const first = heading.classList.contains("number") || name === "started";
      state.down = state.sort === name ? !state.down : first;
      state.sort = name;
      state.page = 0;
      shown = sorted(shown);
      showTable();
    });
    heading.append(button);
  }
  for (const [name, step] of [["previous", -1], ["next", 1]]) {
    byId(name).addEventListener("click", () => {
      state.page += step;
      showTable();
    });
  }

  // ── comparison of two runs
  const select = (run) => {
    const already = state.pair.includes(run);
    state.pair = already ? state.pair.filter((each) => each !== run) : [...state.pair.slice(-1), run];
    state.pair.sort((a, b) => a - b);
    showPair();
    showTable();
    remember();
  };
  const pairMetric = byId("pair-metric");
  const others = ([a, b]) => {
    const found = [];
    for (let run = count - 1; run >= 0 && found.length < OTHERS; run -= 1) {
      if (run !== a && run !== b && data.group_of[run] === data.group_of[a]) found.push(run);
    }
    return found;
  };
  const pairRow = (role, operation, metric, beside) => {
    const [a, b] = state.pair.map((run) => at(role, operation, metric, run));
    if (a === null && b === null) return null;
    const known = beside.map((run) => at(role, operation, metric, run)).filter((value) => value !== null);
    const range = known.length ? [Math.min(...known), Math.max(...known)] : null;
    const outside = range && known.length >= 5 && b !== null && (b < range[0] || b > range[1]);
    const line = make("tr");
    line.append(make("th", operation === "all" ? "all operations" : operation, { scope: "row" }), make("td", words(role)));
    const cells = [short(metric, a), short(metric, b), a !== null && b !== null ? difference(metric, b - a) : "–",
      a && b !== null ? format.signedPercent(b / a - 1) : "–", range ? `${short(metric, range[0])}–${short(metric, range[1])}` : "–"];
    for (const text of cells) line.append(make("td", text, { class: "number" }));
    line.append(make("td", outside ? `B is ${b > range[1] ? "above" : "below"} all ${known.length} others` : ""));
    return line;
  };
  const difference = (metric, value) => {
    const size = Math.abs(value);
    return format.signed(metric.endsWith("_rate") ? `${format.number(size * 100)} pp` : short(metric, size), value);
  };
  const pairFacts = (beside) => {
    const [a, b] = state.pair;
    const [before, after] = state.pair.map((run) => data.conditions[data.conditions_of[run]]);
    const rows = state.pair.map((run) => data.rows_of?.[run] ?? {});
    const apart = Object.keys(rows[0]).filter((kind) => kind in rows[1] && Math.abs(rows[0][kind] - rows[1][kind]) > 0.1 * Math.max(rows[0][kind], rows[1][kind]));
    const differs = data.terms.map((term, number) => [term, before[number], after[number]]).filter(([, one, other]) => one !== other);
    differs.push(...apart.map((kind) => [`target rows: ${kind}`, ...rows.map((each) => short("requests", each[kind]))]));
    const list = byId("pair-conditions");
    list.replaceChildren(...differs.map(([term, one, other]) => make("li", `${term}: ${one || "unknown"} → ${other || "unknown"}`)));
    byId("pair-same").textContent = differs.length
      ? "The runs were made under different conditions, which may explain the differences below:"
      : "Both runs were made under the same conditions.";
    byId("pair-others").textContent = beside.length
      ? `Other runs: range of the newest ${beside.length} runs under the same conditions as A.`
      : "The usual range is unknown: there are no other runs under the same conditions as A.";
    for (const [name, run] of [["a", a], ["b", b]]) {
      const facts = [`${timeOf(run)} UTC`, LABELS[outcome(run)], textAt("release", run), textAt("label", run)].filter(Boolean).join(" · ");
      byId(`pair-${name}`).replaceChildren(runs.address[run] ? make("a", runs.id[run], { href: runs.address[run] }) : make("span", runs.id[run]), document.createTextNode(` · ${facts}`));
    }
  };
  const showPair = () => {
    const ready = state.pair.length === 2;
    byId("pair").hidden = !ready;
    byId("pair-hint").textContent = ready ? "" : state.pair.length
      ? `${runs.id[state.pair[0]]} is selected. Select a second run in the table or in a chart.`
      : "Select two runs in the table or in a chart.";
    if (!ready) return;
    const metric = pairMetric.value;
    const beside = others(state.pair);
    pairFacts(beside);
    byId("pair-rule").textContent = metric === "queries"
      ? "Query counts hardly vary between runs: a difference comes from the application or its data."
      : "Two single runs cannot show which system is faster, because runs of the same system differ as well. The compare command can, with at least five runs of each.";
    const names = [["all", "all"], ...roles.map((role) => [role, "all"]), ...operations.map((name) => ["all", name]),
      ...(byId("pair-roles").checked ? operations.flatMap((name) => roles.map((role) => [role, name])) : [])];
    byId("pair-table").tBodies[0].replaceChildren(...names.map(([role, name]) => pairRow(role, name, metric, beside)).filter(Boolean));
  };

  // ── trends
  const trend = byId("trend").elements;
  fill(trend.metric, Object.entries(METRICS));
  fill(pairMetric, Object.entries(METRICS));
  trend.metric.value = pairMetric.value = "avg_ms";
  fill(trend.view, [["roles", "Roles"], ["all", "Operations, all roles"], ...roles.map((role) => [role, `Operations as ${words(role)}`])]);
  const groupsOf = (found) => {
    const sizes = new Map();
    for (const run of found) sizes.set(data.group_of[run], (sizes.get(data.group_of[run]) ?? 0) + 1);
    return sizes;
  };
  const newestOf = new Map();
  for (let run = 0; run < count; run += 1) newestOf.set(data.group_of[run], run);
  const showGroups = () => {
    const before = trend.group.value;
    const sizes = [...groupsOf(shown)].sort((a, b) => b[1] - a[1]);
    trend.group.replaceChildren();
    fill(trend.group, sizes.map(([group, size]) => {
      const run = newestOf.get(group);
      const load = runs.users[run] === null ? "searches for the capacity" : format.plural(runs.users[run], "user");
      return [String(group), `${textAt("scenario", run)} · ${textAt("host", run)} · ${load} · ${format.plural(size, "run")} (series ${group + 1})`];
    }));
    if (sizes.some(([group]) => String(group) === before)) trend.group.value = before;
  };
  const showTrends = () => {
    const group = Number(trend.group.value);
    const along = trend.group.value === "" ? [] : shown.filter((run) => data.group_of[run] === group).sort((a, b) => a - b);
    const view = trend.view.value;
    const pairs = view === "roles" ? [["all", "all"], ...roles.map((role) => [role, "all"])]
      : [[view, "all"], ...operations.map((name) => [view, name])];
    charts.draw(pairs, trend.metric.value, along);
  };
  charts.onSelect(select);
  byId("trend").addEventListener("change", showTrends);
  byId("pair").addEventListener("change", showPair);
  byId("pair-swap").addEventListener("click", () => {
    state.pair.reverse();
    showPair();
    remember();
  });

  const showPoints = () => {
    const list = byId("points");
    const lines = [...data.points].reverse().slice(0, 200).map((point) => {
      const line = make("tr");
      line.append(make("th", point[1] === "all" ? "all operations" : point[1], { scope: "row" }), make("td", words(point[0])),
        make("td", METRICS[point[2]] ?? point[2]), make("td", charts.pointText(point)));
      return line;
    });
    list.hidden = !lines.length;
    byId("no-points").hidden = lines.length > 0;
    list.tBodies[0].replaceChildren(...lines);
  };

  // ── the address holds the selection, so that a link shows the same view
  const remember = () => {
    const query = new URLSearchParams();
    for (const name of [...FILTERS, "text"]) if (filter[name].value) query.set(name, filter[name].value);
    if (state.pair.length) query.set("runs", state.pair.map((run) => runs.id[run]).join(" "));
    history.replaceState(null, "", String(query) ? `#${query}` : location.href.split("#")[0]);
  };
  const recall = () => {
    const query = new URLSearchParams(location.hash.slice(1));
    for (const name of [...FILTERS, "text"]) filter[name].value = query.get(name) ?? "";
    state.pair = (query.get("runs") ?? "").split(" ").map((name) => runs.id.indexOf(name)).filter((run) => run >= 0).slice(0, 2);
  };
  const refresh = () => {
    state.page = 0;
    shown = sorted(passing());
    showTable();
    showGroups();
    showTrends();
  };
  byId("filters").addEventListener("input", () => {
    refresh();
    remember();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(() => {
    refresh();
    remember();
  }));
  recall();
  refresh();
  showPair();
  showPoints();
})();
