// The runs as columns, and their figures as text. Layout: perfsuite/report/runs_page/page.py.
const runsPage = (() => {
  const data = JSON.parse(document.getElementById("runs-data").textContent);
  const runs = data.runs;
  const count = runs.id.length;
  const [perDecade, lowest] = data.scale;
  const valueOf = (code) => (code > 1 ? 10 ** ((code - 2) / perDecade + lowest) : code === 1 ? 0 : null);

  // ── figures by role and operation
  const FIRST_TEXT = 3;
  const series = new Map();
  for (const each of data.series) series.set(`${each[0]} ${each[1]}`, each);
  const textOf = (role, operation, metric) => {
    const each = series.get(`${role} ${operation}`);
    return each ? [each[FIRST_TEXT + data.metrics.indexOf(metric)], each[2]] : ["", 0];
  };
  const exact = (metric, value) => (metric === "queries" && value !== null ? Math.round(value) : value);
  // One value of two bytes. Four characters hold three bytes, so eight characters hold the value at any offset.
  const at = (role, operation, metric, run) => {
    const [text, first] = textOf(role, operation, metric);
    const byte = 2 * (run - first);
    if (!text || byte < 0 || byte >= Math.floor((text.length * 3) / 4)) return null;
    const group = Math.floor(byte / 3);
    const bytes = atob(text.slice(4 * group, 4 * group + 8));
    const offset = byte - 3 * group;
    if (bytes.length < offset + 2) return null;
    return exact(metric, valueOf(bytes.charCodeAt(offset) | (bytes.charCodeAt(offset + 1) << 8)));
  };
  const column = (role, operation, metric, chosen) => {
    const [text, first] = textOf(role, operation, metric);
    const bytes = atob(text);
    return chosen.map((run) => {
      const byte = 2 * (run - first);
      if (byte < 0 || byte + 1 >= bytes.length) return null;
      return exact(metric, valueOf(bytes.charCodeAt(byte) | (bytes.charCodeAt(byte + 1) << 8)));
    });
  };
  const operations = [...new Set(data.series.map((each) => each[1]))].filter((name) => name !== "all");
  const roles = [...new Set(data.series.map((each) => each[0]))].filter((name) => name !== "all");

  // ── figures as text
  const METRICS = {
    avg_ms: "Average", p50_ms: "p50", p95_ms: "p95", p99_ms: "p99", rps: "Throughput",
    failure_rate: "Failure rate", queries: "Queries per request", ...(runs.capacity ? { capacity: "Capacity" } : {}),
  };
  const UNITS = { rps: "requests/s" };
  const unitOf = (metric) => UNITS[metric] ?? (metric.endsWith("_ms") ? "ms" : metric.endsWith("_rate") ? "fraction" : "");
  const withUnit = (metric, value) => format.quantity(value, unitOf(metric));
  const tick = (metric, value) => {
    const unit = unitOf(metric);
    return unit === "fraction" ? `${format.setting(value * 100)} %` : `${format.setting(value)} ${unit}`.trim();
  };
  const short = (metric, value) => (metric.endsWith("_rate") ? withUnit(metric, value) : format.number(value));
  const words = (name) => (name === "all" ? "all" : name.replaceAll("_", " "));
  const timeOf = (run) => {
    const second = runs.started[run];
    return second === null ? "–" : new Date(second * 1000).toISOString().slice(0, 16).replace("T", " ");
  };
  const textAt = (name, run) => data.texts[runs[name][run]];

  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  return { data, runs, count, at, column, operations, roles, METRICS, short, withUnit, tick, words, timeOf, textAt, make };
})();
