"""axe-core, the rules for pages that everybody can use, in a tab of Chromium."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.report.web.chromium import Tab

SCRIPT = Path(sys.prefix) / "axe" / "axe_playwright_python" / "axe.min.js"
"""`make test` puts it there: of the package only this file is used, without the browsers' driver that it asks for."""
_CONTRAST = """(() => {
  const kinds = new Map(), known = new WeakMap();
  const behind = (each) => {
    if (!each || known.has(each)) return known.get(each) ?? "";
    const style = getComputedStyle(each), below = behind(each.parentElement);
    const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join();
    known.set(each, own === "rgba(0, 0, 0, 0),none,1,none" ? below : `${below} ${own}`);
    return known.get(each);
  };
  for (const each of document.body.querySelectorAll("*")) {
    const texts = [...each.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!texts.length || !each.checkVisibility()) continue;
    const style = getComputedStyle(each);
    const own = ["color", "fontSize", "fontWeight", "position", "textShadow"].map((name) => style[name]);
    const kind = [...own, behind(each)].join();
    kinds.set(kind, [...(kinds.get(kind) ?? []), each]);
  }
  return [...kinds.values()].flatMap((all) => [...new Set([all[0], all[all.length >> 1], all.at(-1)])]);
})()"""
"""Three texts of every kind: of the same color, size and weight on the same background, on which contrast depends.
That of each of thousands of texts takes as long as all other rules ten times over."""
_RULES = "axe.run(document, {resultTypes: ['violations'], rules: {'color-contrast': {enabled: false}}})"
_COLORS = f"axe.run({{include: {_CONTRAST}}}, {{resultTypes: ['violations'], runOnly: ['color-contrast']}})"


def violations(tab: Tab) -> list[str]:
    """What axe finds in the page that is open: rule, how grave, and the first elements. The page's policy is set aside.

    The test is skipped where axe is not installed, and fails in CI.
    """
    return _found(tab, _RULES) + pale_texts(tab)


def pale_texts(tab: Tab) -> list[str]:
    """Those of them that depend on colors alone."""
    return _found(tab, _COLORS)


def _found(tab: Tab, run: str) -> list[str]:
    if not SCRIPT.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SCRIPT} is not there: make test installs it")
        pytest.skip("axe-core is not installed (make test does that): whether everybody can use the page is not tried")
    tab.call("Runtime.evaluate", expression=SCRIPT.read_text(encoding="utf-8"))
    expression = f"{run}.then((found) => JSON.stringify(found.violations))"
    found = tab.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
    assert "exceptionDetails" not in found, found
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: "
        + "; ".join(node["html"][:160] + " " + node["failureSummary"][:200] for node in each["nodes"][:3])
        for each in json.loads(found["result"]["value"])
    ]
