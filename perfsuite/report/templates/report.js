"use strict";
// Tells the figures of a moment, shows what a finding points at, makes tables sortable. Without it the page is whole.
(() => {
  const root = document.documentElement;
  let errors = 0;
  window.addEventListener("error", (event) => {
    errors += 1;
    root.dataset.errors = errors;
    console.error(String(event.message));
  });
  root.classList.add("scripted");

  // ── figures as perfsuite/model/units.py writes them
  const number = (value) => {
    const size = Math.abs(value);
    if (size >= 10 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
    return size >= 1 ? value.toFixed(1) : String(Number(value.toPrecision(2)));
  };
  const suffixes = { percent: " %", "per second": "/s", "ms per second": " ms/s", ms: " ms", s: " s" };
  const amount = (value, unit) => {
    if (!unit.startsWith("bytes")) return number(value) + (suffixes[unit] ?? "");
    const rate = unit.endsWith("per second") ? "/s" : "";
    const [size, name] = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]].find(([size]) => Math.abs(value) >= size) ?? [1, "bytes"];
    return `${number(size > 1 ? value / size : Math.round(value))} ${name}${rate}`;
  };
  const clock = (seconds) => {
    const two = (value) => String(value).padStart(2, "0");
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return `${hours ? `${hours}:` : ""}${two(minutes)}:${two(seconds % 60)}`;
  };

  // ── one moment in all charts
  const told = JSON.parse(document.getElementById("chart-data").textContent);
  const timeline = document.getElementById("timeline");
  const moment = document.createElement("output");
  moment.className = "moment";
  let second = null;
  let plot = null;

  const valueAt = (chart, curve, at) => {
    const place = Math.floor(at / chart.bin);
    const [lows, highs] = chart.curves[curve];
    const [low, high] = [lows[place], (highs ?? lows)[place]];
    if (low === null || low === undefined) return "–";
    const text = amount(low, chart.unit);
    return low === high ? text : `${text} to ${amount(high, chart.unit)}`;
  };

  const point = (at, where) => {
    second = Math.min(Math.max(at, 0), told.length - 1);
    plot = where ?? plot;
    timeline.classList.add("pointed");
    timeline.style.setProperty("--at", `${((second + 0.5) / told.length) * 100}%`);
    moment.textContent = clock(second);
    plot?.append(moment);
    for (const each of timeline.querySelectorAll("[data-chart]")) {
      if (!each.offsetParent) continue; // folded away
      const chart = told.charts[each.dataset.chart];
      for (const item of each.parentNode.querySelectorAll("[data-curve]")) {
        item.querySelector(".now").textContent = valueAt(chart, Number(item.dataset.curve), second);
      }
    }
  };
  const leave = () => {
    second = null;
    moment.remove();
    timeline.classList.remove("pointed");
    for (const text of timeline.querySelectorAll(".now")) text.textContent = "";
  };

  if (timeline) {
    timeline.addEventListener("pointermove", (event) => {
      const where = event.target.closest(".plot");
      if (!where) return;
      const box = where.getBoundingClientRect();
      point(Math.floor(((event.clientX - box.left) / box.width) * told.length), where);
    });
    timeline.addEventListener("pointerleave", leave);
    document.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") leave();
      if (second === null || !step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      point(second + step);
    });
  }

  // ── what a link points at is opened, and the charts of a finding are shown together
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
    // What is not known stays at the end, whichever way the rest goes.
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

  // What is folded away on the screen belongs on paper too.
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
