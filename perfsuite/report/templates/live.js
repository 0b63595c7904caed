"use strict";
// Shows the states that the suite sends once a second. All texts arrive ready to show and are set as text, never as markup.
//
// data-text="key"  text: item[key]                   data-if="key"    shown only if item[key] is not empty
// data-kind="cls"  class: cls and item.kind          data-list="key"  a copy of the template for each entry of item[key]
// data-value, data-box, data-path: value of a        data-with="key"  its content shows item[key]
//   progress bar, viewBox of an SVG, d of a path
// An empty key stands for the item itself.
(() => {
  const QUIET_MS = 5000;
  const pick = (item, key) => (key ? item[key] : item);
  const some = (value) => (Array.isArray(value) ? value.length > 0 : Boolean(value));

  const write = (node, text) => {
    // Unchanged text is left alone: a selection stays selected, and a screen reader does not repeat it.
    if (node.textContent !== text) node.textContent = text;
  };

  /** The nodes below `root` that show the same item; those inside inner lists and parts show others. */
  const own = (root) => {
    const found = [];
    for (const node of root.children) {
      found.push(node);
      if (!("list" in node.dataset) && !("with" in node.dataset)) found.push(...own(node));
    }
    return found;
  };

  const fill = (node, items) => {
    const template = node.querySelector(":scope > template");
    const rows = [...node.children].slice(1);
    for (const row of rows.slice(items.length)) row.remove();
    items.forEach((item, index) => {
      const row = rows[index] ?? node.appendChild(template.content.firstElementChild.cloneNode(true));
      for (const part of [row, ...own(row)]) show(part, item);
    });
  };

  const show = (node, item) => {
    const { text, kind, list, value, box, path, with: part, if: condition } = node.dataset;
    if (condition !== undefined) node.hidden = !some(pick(item, condition));
    if (text !== undefined) write(node, pick(item, text));
    if (kind !== undefined) node.className = `${kind} ${item.kind}`.trim();
    if (value !== undefined) node.value = pick(item, value);
    if (box !== undefined) node.setAttribute("viewBox", pick(item, box));
    if (path !== undefined) node.setAttribute("d", pick(item, path));
    if (list !== undefined) fill(node, pick(item, list));
    if (part !== undefined) {
      const inner = pick(item, part);
      node.hidden = !inner;
      if (inner) for (const below of own(node)) show(below, inner);
    }
  };

  const silence = document.getElementById("silence");
  const quiet = (text) => {
    write(silence, text);
    silence.hidden = !text;
  };

  let page = null;
  let updatedMs = Date.now();
  const source = new EventSource("states");
  source.onmessage = (event) => {
    page = JSON.parse(event.data);
    updatedMs = Date.now();
    quiet("");
    document.title = page.title;
    for (const node of own(document.body)) show(node, page);
    document.documentElement.dataset.shown = Number(document.documentElement.dataset.shown ?? 0) + 1;
    if (page.ended) source.close();
  };
  source.onerror = () => {
    if (page?.ended) return;
    quiet("No connection to the suite: the run has ended or was stopped."
      + (page ? " The page shows the last update." : "") + " It keeps trying to reconnect.");
  };
  setInterval(() => {
    const seconds = Math.floor((Date.now() - updatedMs) / 1000);
    if (page?.loading && source.readyState === EventSource.OPEN && seconds * 1000 >= QUIET_MS) {
      quiet(`No update for ${seconds} seconds.`);
    }
  }, 1000);
})();
