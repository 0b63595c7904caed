"""`report.html` in a real browser: charts drawn, tables sorted, no error on the console, nothing asked of a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from perfsuite.report.html import report_html
from tests.report import example_runs

pytestmark = pytest.mark.integration


class Visit(NamedTuple):
    """What came of opening a page: its document after the scripts ran, console lines, addresses asked for."""

    document: str
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="session")
def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI") == "true":
        pytest.fail("Chromium is not installed: the report cannot be tried in a browser")
    pytest.skip("Chromium is not installed (package chromium): the report is not tried in a browser")


def visit(browser: str, folder: Path, html: str) -> Visit:
    page, log = folder / "report.html", folder / "net.json"
    page.write_text(html, encoding="utf-8")
    arguments = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--virtual-time-budget=10000", "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--host-resolver-rules=MAP * ~NOTFOUND",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(done.stdout, console, _asked_for(log.read_text(encoding="utf-8")))


def _asked_for(log: str) -> list[str]:
    """Addresses that a page asked for; what the browser asks for on its own account has no origin."""
    lines = (line for line in log.splitlines() if '"initiator":"' in line and '"not an origin"' not in line)
    return [found[1] for line in lines if (found := re.search(r'"url":"([a-z]+://[^"]*)"', line))]


@pytest.mark.parametrize(
    ("name", "charts"),
    [
        pytest.param("passed", ["requests", "times", "users"], id="no failures chart without failures"),
        pytest.param("open_model", ["requests", "times", "service", "arrivals", "lag", "users"], id="the open model"),
        pytest.param("failed", ["requests", "times", "failures", "users"], id="failed"),
    ],
)
def test_charts_are_drawn_and_nothing_goes_wrong(browser: str, tmp_path: Path, name: str, charts: list[str]) -> None:
    seen = visit(browser, tmp_path, report_html(example_runs.EXAMPLES[name]()))
    assert seen.console == []
    assert seen.requests == []
    assert 'data-errors="' not in seen.document[:2000]
    assert f'data-drawn="{len(charts)}"' in seen.document[:2000]
    for chart in charts:
        part = seen.document[seen.document.index(f'data-chart="{chart}"') :]
        assert re.search(r"<path[^>]* d=\"M[^\"]{20,}", part[: part.index("</figure>")]), f"{chart} has no line"


def test_tables_sort_by_exact_value_and_unknown_comes_last(browser: str, tmp_path: Path) -> None:
    html = report_html(example_runs.failed())
    # The page's own policy would forbid the script of this test.
    html = re.sub(r"<meta http-equiv[^>]*>", "", html)
    script = """
      const heading = document.querySelectorAll("#roles thead th")[COLUMN];
      heading.querySelector("button").click();
      const rows = document.querySelector("#roles").tBodies[0].rows;
      const read = () => [...rows].map((row) => row.cells[COLUMN].textContent);
      const first = read();
      heading.querySelector("button").click();
      document.body.dataset.sorted = JSON.stringify([first, heading.getAttribute("aria-sort"), read()]);
    """.replace("COLUMN", "6")
    seen = visit(browser, tmp_path, html.replace("</body>", f"<script>{script}</script></body>"))
    found = re.search(r'data-sorted="([^"]*)"', seen.document)
    assert found is not None
    down, order, up = json.loads(found[1].replace("&quot;", '"'))
    assert down == ["4,528", "–", "–", "–", "–", "–", "–"]
    assert (order, up[0], up[1:]) == ("ascending", "4,528", ["–"] * 6)


def test_hostile_text_does_not_run(browser: str, tmp_path: Path) -> None:
    seen = visit(browser, tmp_path, report_html(example_runs.failed()))
    assert "<title>FAIL – moderate" in seen.document
    assert seen.console == []


def test_a_request_would_be_seen(browser: str, tmp_path: Path) -> None:
    """The test above is worth something only if it can fail."""
    seen = visit(browser, tmp_path, "<!doctype html><img src=http://agentmitra.example/x.png>")
    assert seen.requests == ["http://agentmitra.example/x.png"]
