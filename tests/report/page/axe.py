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
_RUN = "axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations))"


def violations(tab: Tab) -> list[str]:
    """What axe finds in the page that is open: rule, how grave, and the first elements. The page's policy is set aside.

    The test is skipped where axe is not installed, and fails in CI.
    """
    if not SCRIPT.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SCRIPT} is not there: make test installs it")
        pytest.skip("axe-core is not installed (make test does that): whether everybody can use the page is not tried")
    tab.call("Runtime.evaluate", expression=SCRIPT.read_text(encoding="utf-8"))
    found = tab.call("Runtime.evaluate", expression=_RUN, awaitPromise=True, returnByValue=True)
    assert "exceptionDetails" not in found, found
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: "
        + "; ".join(node["html"][:160] + " " + node["failureSummary"][:200] for node in each["nodes"][:3])
        for each in json.loads(found["result"]["value"])
    ]
