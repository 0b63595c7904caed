// Shows the values at a point in time, zooms, highlights the charts of a finding, sorts and filters tables.
// The page is complete without it.
(() => {
  const { quantity, clock } = format;

  // ── one point in time in all charts
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  const timeline = document.getElementById("timeline");
  const slider = document.getElementById("time-slider");
  const pointedTime = document.createElement("output");
  pointedTime.className = "pointed-time";
  let second = null;
  let plot = null;
  let [from, to] = [0, data.length];
  const placeOf = (at) => ((at - from) / (to - from)) * 100;

  const valueAt = (chart, curve, at) => {
    const place = Math.floor(at / chart.bin);
    const [lows, highs] = chart.curves[curve];
    const [low, high] = [lows[place], (highs ?? lows)[place]];
    if (low === null || low === undefined) return "–";
    const text = quantity(low, chart.unit);
    return low === high ? text : `${text} to ${quantity(high, chart.unit)}`;
  };

  const point = (at, where) => {
    second = Math.min(Math.max(at, Math.floor(from)), Math.ceil(to) - 1);
    plot = where ?? plot;
    timeline.classList.add("pointed");
    timeline.style.setProperty("--at", `${placeOf(second + 0.5)}%`);
    pointedTime.textContent = clock(second);
    plot?.append(pointedTime);
    slider.value = second;
    slider.setAttribute("aria-valuetext", clock(second));
    for (const each of timeline.querySelectorAll("[data-chart]")) {
      if (!each.offsetParent) continue; // folded
      const chart = data.charts[each.dataset.chart];
      for (const item of each.parentNode.querySelectorAll("[data-curve]")) {
        item.querySelector(".now").textContent = valueAt(chart, Number(item.dataset.curve), second);
      }
    }
  };
  const leave = () => {
    second = null;
    pointedTime.remove();
    timeline.classList.remove("pointed");
    for (const text of timeline.querySelectorAll(".now")) text.textContent = "";
  };

  // ── zoom: the same span of time in all charts
  const shortest = Math.min(5, data.length);
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400];
  const seconds = () => {
    const step = steps.find((each) => to - from <= each * 12) ?? steps.at(-1);
    const first = Math.ceil(from / step) * step;
    return [...Array(Math.floor((to - first) / step) + 1).keys()].map((count) => first + count * step);
  };
  const place = (item, at) => {
    item.style.left = `${at}%`;
    item.hidden = at < 0 || at > 100;
  };
  const show = (begin, end) => {
    const wide = Math.min(Math.max(end - begin, shortest), data.length);
    from = Math.min(Math.max(begin, 0), data.length - wide);
    to = from + wide;
    timeline.classList.toggle("zoomed", wide < data.length);
    const ticks = seconds();
    for (const svg of timeline.querySelectorAll(".plot svg")) svg.setAttribute("viewBox", `${from} 0 ${wide} 100`);
    document.getElementById("ground-grid").setAttribute("d", ticks.map((tick) => `M${tick} 0V100`).join(""));
    for (const axis of timeline.querySelectorAll(".xaxis")) {
      axis.replaceChildren(...ticks.map((tick) => {
        const text = document.createElement("span");
        text.textContent = clock(tick);
        place(text, placeOf(tick));
        return text;
      }));
    }
    const shown = (item) => placeOf((Number(item.dataset.at) / 100) * data.length);
    for (const mark of timeline.querySelectorAll(".mark")) place(mark, shown(mark));
    for (const chart of timeline.querySelectorAll(".chart")) {
      const names = [...chart.querySelectorAll(".period")];
      // The name of a period that began earlier moves to the left edge, unless the next one begins there.
      names.forEach((name, index) => {
        const next = names[index + 1] ? shown(names[index + 1]) : 100;
        place(name, shown(name) < 0 && next > 8 ? 0 : shown(name));
      });
    }
    document.getElementById("shown-span").textContent = wide < data.length ? `${clock(Math.round(from))} – ${clock(Math.round(to))}` : "";
    [slider.min, slider.max] = [Math.floor(from), Math.ceil(to) - 1];
    if (second !== null) leave();
  };
  const zoom = (how) => {
    const [middle, half] = [(from + to) / 2, (to - from) / 2];
    const spans = {
      all: [0, data.length],
      in: [middle - half / 2, middle + half / 2],
      out: [middle - half * 2, middle + half * 2],
      earlier: [from - half, to - half],
      later: [from + half, to + half],
    };
    show(...(spans[how] ?? how.split(" ").map(Number)));
  };

  if (timeline) {
    const secondAt = (event, where) => {
      const box = where.getBoundingClientRect();
      return from + Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * (to - from);
    };
    const selection = document.createElement("i");
    selection.className = "selection";
    let drag = null; // its plot, first second and first x
    timeline.addEventListener("pointerdown", (event) => {
      const where = event.target.closest(".plot");
      if (!where || event.button || event.target.closest("a")) return;
      drag = { where, begin: secondAt(event, where), x: event.clientX };
      if (event.isTrusted) where.setPointerCapture(event.pointerId);
    });
    timeline.addEventListener("pointermove", (event) => {
      const where = drag?.where ?? event.target.closest(".plot");
      if (!where) return;
      const at = secondAt(event, where);
      point(Math.floor(at), where);
      if (!drag || Math.abs(event.clientX - drag.x) < 5) return;
      where.append(selection);
      const [left, right] = [Math.min(at, drag.begin), Math.max(at, drag.begin)].map(placeOf);
      selection.style.left = `${left}%`;
      selection.style.width = `${right - left}%`;
    });
    const end = (event) => {
      const [finished, over] = [drag, selection.isConnected];
      selection.remove();
      drag = null;
      if (!finished || !over || event.type === "pointercancel") return;
      const at = secondAt(event, finished.where);
      show(Math.min(at, finished.begin), Math.max(at, finished.begin));
    };
    timeline.addEventListener("pointerup", end);
    timeline.addEventListener("pointercancel", end);
    timeline.addEventListener("dblclick", (event) => event.target.closest(".plot") && zoom("all"));
    timeline.addEventListener("pointerleave", () => drag || leave());
    slider.addEventListener("input", () => point(Number(slider.value), plot ?? timeline.querySelector(".plot")));
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => zoom(button.dataset.zoom));
    }
    document.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") leave();
      if (second === null || !step || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target.closest?.("input, select")) return;
      event.preventDefault();
      point(second + step);
    });
  }

  // ── a link opens its target; a link of a finding highlights all its charts
  const open = (anchor) => {
    const target = document.getElementById(anchor);
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    return target;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    open(link.hash.slice(1));
    const finding = link.closest(".finding") ?? (link.classList.contains("mark") ? document.querySelector(link.hash) : null);
    if (!finding) return;
    if (to - from < data.length) show(0, data.length); // the target may be outside the zoomed span
    for (const chart of document.querySelectorAll(".chart.lit")) chart.classList.remove("lit");
    for (const each of finding.querySelectorAll("a[href^='#chart-']")) document.querySelector(each.hash)?.classList.add("lit");
  });
  if (location.hash) open(location.hash.slice(1))?.scrollIntoView();

  // ── tables
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const value = Number(text);
    return text === "" || text === "–" ? null : Number.isNaN(value) ? text.toLowerCase() : value;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
  const sort = (heading) => {
    const column = heading.cellIndex;
    const body = heading.closest("table").tBodies[0];
    const first = heading.classList.contains("number") ? "descending" : "ascending";
    const other = first === "descending" ? "ascending" : "descending";
    const order = heading.getAttribute("aria-sort") === first ? other : first;
    for (const cell of heading.parentNode.cells) cell.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...body.rows].map((row) => [keyOf(row, column), row]);
    // Unknown values stay at the end in both directions.
    rows.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : sign * compare(a, b)));
    body.append(...rows.map(([, row]) => row));
  };
  for (const heading of document.querySelectorAll("table.sortable thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
  }

  // ── filters of long tables
  const filterOf = (table) => {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 8 || table.closest(".within")) return;
    const part = (name, className, ...inner) => {
      const made = document.createElement(name);
      made.className = className;
      made.append(...inner);
      return made;
    };
    const words = part("input", "");
    words.type = "search";
    const bar = part("div", "filter", part("label", "", "Filter ", words));
    const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === "Role");
    const roles = column < 0 ? [] : [...new Set(rows.map((row) => row.cells[column].textContent.trim()))].sort();
    const role = part("select", "", ...["All roles", ...roles].map((name) => new Option(name)));
    if (roles.length > 1) bar.append(part("label", "", part("span", "unseen", "Role "), role));
    const count = part("output", "");
    count.setAttribute("aria-live", "polite");
    bar.append(count);
    const filter = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const ofRole = !role.selectedIndex || row.cells[column].textContent.trim() === role.value;
        row.hidden = !ofRole || !wanted.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = shown < rows.length ? `${shown} of ${rows.length} rows` : "";
    };
    words.addEventListener("input", filter);
    role.addEventListener("change", filter);
    table.closest(".scroll").before(bar);
  };
  for (const table of document.querySelectorAll("table.sortable")) filterOf(table);

  // ── the command that repeats the run
  for (const code of document.querySelectorAll("code.copied")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(code);
      await navigator.clipboard?.writeText(code.textContent);
      button.textContent = "Copied";
    });
    code.after(button);
  }

  // Folded content is printed as well.
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
