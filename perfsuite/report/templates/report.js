"use strict";
// Draws the charts and makes the tables sortable. Without it the page is whole but for the charts.
(() => {
  const root = document.documentElement;
  let errors = 0;
  const failed = (what) => {
    errors += 1;
    root.dataset.errors = errors;
    console.error(String(what));
  };
  window.addEventListener("error", (event) => failed(event.message));
  window.addEventListener("unhandledrejection", (event) => failed(event.reason));

  const config = {
    background: null,
    font: getComputedStyle(document.body).fontFamily, // by name: widths are measured with it
    view: { stroke: null },
    axis: {
      labelColor: "var(--ink-soft)", titleColor: "var(--ink-soft)", gridColor: "var(--line)",
      domainColor: "var(--line)", tickColor: "var(--line)", labelFontSize: 11, titleFontSize: 11,
      titleFontWeight: "normal", labelPadding: 6, tickSize: 4,
    },
    axisY: { domain: false, ticks: false },
    line: { color: "var(--line-avg)" },
    text: { color: "var(--ink-soft)" },
  };

  const draw = async () => {
    const data = document.getElementById("chart-data");
    if (!data) return;
    const specs = JSON.parse(data.textContent);
    for (const place of document.querySelectorAll("[data-chart]")) {
      try {
        // ast: expressions are interpreted, not compiled, so that the page's policy can forbid eval.
        await vegaEmbed(place, specs[place.dataset.chart],
          { ast: true, actions: false, renderer: "svg", config, tooltip: { disableDefaultStyle: true } });
      } catch (error) {
        place.textContent = "This chart could not be drawn; its figures are in stats_history.csv.";
        failed(error);
      }
    }
    root.dataset.drawn = document.querySelectorAll("[data-chart] svg").length;
  };

  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = Number(text);
    return text === "" || text === "–" ? null : Number.isNaN(number) ? text.toLowerCase() : number;
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

  draw();
})();
