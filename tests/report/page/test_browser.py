"""`report.html` in a real browser: charts drawn, tables sorted, an empty console, nothing loaded from a network."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from perfsuite.format import quantity
from perfsuite.model import RunReport
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.monitor import METRICS
from perfsuite.report.page.html import report_html
from tests.report import example_runs
from tests.report.made_load import START
from tests.report.made_readings import all_moving, read
from tests.report.web.chromium import Tab, find_chromium, running_tab

pytestmark = pytest.mark.integration


class Visit(NamedTuple):
    """A visited page: its document after the scripts ran, console lines, requested addresses."""

    document: str
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with running_tab(find_chromium(), tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def visit(folder: Path, html: str) -> Visit:
    """In a browser of its own, whose log of the network is complete."""
    page, log = folder / "report.html", folder / "net.json"
    page.write_text(html, encoding="utf-8")
    arguments = [
        find_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--virtual-time-budget=10000", "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--host-resolver-rules=MAP * ~NOTFOUND",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=180, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(done.stdout, console, _asked_for(log.read_text(encoding="utf-8")))


def _asked_for(log: str) -> list[str]:
    """Addresses that a page asked for; what the browser asks for on its own account has no origin."""
    lines = (line for line in log.splitlines() if '"initiator":"' in line and '"not an origin"' not in line)
    return [found[1] for line in lines if (found := re.search(r'"url":"([a-z]+://[^"]*)"', line))]


@pytest.mark.parametrize(
    ("name", "charts"),
    [
        pytest.param("passed", ["requests", "times", "operations", "users"], id="no failures chart without failures"),
        pytest.param(
            "open_model",
            ["requests", "times", "operations", "service", "arrivals", "lag", "users"],
            id="the open model",
        ),
        pytest.param("failed", ["requests", "times", "operations", "failures", "users"], id="failed"),
    ],
)
def test_charts_are_drawn_and_nothing_goes_wrong(tmp_path: Path, name: str, charts: list[str]) -> None:
    seen = visit(tmp_path, report_html(example_runs.EXAMPLES[name]()))
    assert seen.console == []
    assert seen.requests == []
    assert 'data-errors="' not in seen.document[:2000]
    assert re.findall(r'data-chart="([^"]*)"', seen.document) == charts
    for chart in charts:
        assert re.search(rf'id="curve-{chart}-0"[^>]* d="M[^"]{{20,}}"', seen.document), f"{chart} has no line"


def ask(tab: Tab, folder: Path, report: RunReport, script: str) -> Any:
    """What `script` returns in the page of a report."""
    page = folder / "report.html"
    page.write_text(report_html(report), encoding="utf-8")
    tab.console.clear()
    tab.call("Page.navigate", url="about:blank")
    tab.call("Page.navigate", url=page.as_uri())
    tab.until_loaded()
    found = tab.value(f"(() => {{{script}}})()")
    assert tab.console == []
    return found


def watched() -> RunReport:
    return replace(example_runs.watched(), readings=all_moving(120))


def test_a_second_is_at_the_same_place_in_all_charts(tab: Tab, tmp_path: Path) -> None:
    script = """
      for (const details of document.querySelectorAll("details")) details.open = true;
      const boxes = [...document.querySelectorAll(".plot")].map((plot) => plot.getBoundingClientRect());
      return {plots: boxes.length, edges: [...new Set(boxes.map((box) => `${box.left} ${box.right}`))].length,
              wide: boxes[0].width > 300};
    """
    result = ask(tab, tmp_path, watched(), script)
    assert (result["edges"], result["wide"]) == (1, True)
    assert result["plots"] > 30


def test_pointing_at_one_chart_shows_the_values_in_all(tab: Tab, tmp_path: Path) -> None:
    script = """
      const plot = document.querySelector("[data-chart='requests']");
      const box = plot.getBoundingClientRect();
      const point = (share) => plot.dispatchEvent(
        new PointerEvent("pointermove", {bubbles: true, clientX: box.left + box.width * share}));
      const read = (chart) => [...document.querySelectorAll(`#chart-${chart} .now`)].map((item) => item.textContent);
      point(0.5);
      const time = () => document.querySelector(".pointed-time").textContent;
      const middle = [time(), read("redis-memory"), read("postgres-longest")];
      document.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
      const next = [time(), read("redis-memory")];
      document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
      return [middle, next, [document.querySelector(".pointed-time"), read("redis-memory")]];
    """
    middle, following, left = ask(tab, tmp_path, watched(), script)
    assert middle == ["01:00", ["60 bytes"], ["60 s", "60 s", "60 s"]]
    assert following == ["01:01", ["61 bytes"]]
    assert left == [None, [""]]


def test_dragging_zooms_all_charts_and_a_double_click_resets(tab: Tab, tmp_path: Path) -> None:
    script = """
      const plot = document.querySelector("[data-chart='times']");
      const box = plot.getBoundingClientRect();
      const send = (type, share) => plot.dispatchEvent(
        new PointerEvent(type, {bubbles: true, button: 0, clientX: box.left + box.width * share}));
      const drawn = () => [
        [...new Set([...document.querySelectorAll(".timeline svg")].map((svg) => svg.getAttribute("viewBox")))],
        document.getElementById("shown-span").textContent,
        [...document.querySelectorAll("#chart-times .xaxis span:not([hidden])")].map((tick) => tick.textContent),
        [...document.querySelectorAll("#chart-times .mark:not([hidden])")].map((mark) => mark.style.left)];
      const before = drawn();
      send("pointerdown", 0.25); send("pointermove", 0.5); send("pointerup", 0.5);
      const after = drawn();
      send("pointermove", 0.5);
      const pointed = document.querySelector(".pointed-time").textContent;
      plot.dispatchEvent(new MouseEvent("dblclick", {bubbles: true}));
      return [before, after, pointed, drawn()];
    """
    finding = Finding(FindingKind.INCIDENT, "something", "locks", START + 45)
    before, after, pointed, back = ask(tab, tmp_path, replace(watched(), findings=(finding,)), script)
    assert (before[0], before[1], before[3]) == (["0 0 120 100"], "", ["37.5%"])
    assert after[:2] == [["30 0 30 100"], "00:30 – 01:00"]
    assert after[2] == ["00:30", "00:35", "00:40", "00:45", "00:50", "00:55", "01:00"]
    assert after[3] == ["50%"]
    assert pointed == "00:45"
    assert (back[0], back[1]) == (before[0], before[1])


def test_buttons_zoom_and_move_within_the_run(tab: Tab, tmp_path: Path) -> None:
    script = """
      const shown = document.getElementById("shown-span");
      return ["in", "in", "later", "later", "later", "earlier", "out", "out", "out"].map((how) => {
        document.querySelector(`[data-zoom="${how}"]`).click();
        return shown.textContent;
      }).concat([...document.querySelectorAll("[data-zoom^='11 ']")].map((button) => {
        button.click();
        return shown.textContent;
      }));
    """
    assert ask(tab, tmp_path, example_runs.failed(), script) == [
        "00:30 – 01:30", "00:45 – 01:15", "01:00 – 01:30", "01:15 – 01:45", "01:30 – 02:00", "01:15 – 01:45",
        "01:00 – 02:00", "", "", "00:11 – 01:59",
    ]  # fmt: skip


def test_tables_are_filtered_by_words_and_by_role(tab: Tab, tmp_path: Path) -> None:
    script = """
      const table = document.getElementById("detail");
      const bar = table.closest(".scroll").previousElementSibling;
      const [words, role, count] = ["input", "select", "output"].map((name) => bar.querySelector(name));
      const rows = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
      const type = (text) => {
        words.value = text;
        words.dispatchEvent(new Event("input"));
        return [rows(), count.textContent];
      };
      const all = type("");
      const two = type("Policy viewing");
      const none = type("policy dashboard");
      type("");
      role.value = "junior agent"; role.dispatchEvent(new Event("change"));
      return [all[0].length, all[1], two, none, rows(), role.options.length, bar.parentNode.children.length,
              document.querySelectorAll(".within .filter").length];
    """
    result = ask(tab, tmp_path, example_runs.failed(), script)
    assert result[:2] == [18, ""]
    assert [sorted(result[2][0]), result[2][1]] == [["policies.coverage", "policies.list"], "2 of 18 rows"]
    assert result[3] == [[], "0 of 18 rows"]
    assert sorted(result[4]) == ["policies.page", "users.me"]
    assert result[5:] == [8, 3, 0]


def test_figures_are_written_by_the_script_as_by_the_suite(tab: Tab, tmp_path: Path) -> None:
    values = [0.0, 0.25, 0.00513, 1.0, 3.44, 9.96, 12.4, 1234.6, 3.2e6, 1.26e9]
    metrics = ["redis.memory_bytes", "redis.cpu_percent", "postgres.longest_query_s", "postgres.statements_calls_per_s",
               "postgres.statements_exec_ms_per_s", "postgres.wal_bytes_per_s", "pool.answer_ms"]  # fmt: skip
    readings = [reading for metric in metrics for reading in read(metric, values)]
    script = f"""
      for (const details of document.querySelectorAll("details")) details.open = true;
      const plot = document.querySelector("[data-chart='requests']");
      const box = plot.getBoundingClientRect();
      return [...Array({len(values)}).keys()].map((at) => {{
        const clientX = box.left + box.width * (at + 0.5) / 120;
        plot.dispatchEvent(new PointerEvent("pointermove", {{bubbles: true, clientX}}));
        return [...document.querySelectorAll(".component [data-curve]")]
          .filter((item) => {json.dumps(metrics)}.includes(item.querySelector("span").title.split(":")[0]))
          .map((item) => item.querySelector(".now").textContent);
      }});
    """
    report = replace(example_runs.watched(), readings=readings)
    html = report_html(report)
    order = re.findall(r'title="([a-z]+\.[a-z_]+):', html[html.index('class="component"') :])
    drawn = [metric for metric in order if metric in metrics]
    result = ask(tab, tmp_path, report, script)
    assert len(drawn) == len(metrics)
    assert result == [[quantity(round(value, 3), METRICS[metric].unit) for metric in drawn] for value in values]


def test_a_finding_shows_the_charts_of_its_evidence_folded_ones_too(tab: Tab, tmp_path: Path) -> None:
    rows = tuple(Evidence(metric, metric, 1.0, 2.0, "count", START + 40) for metric in ("avg_ms", "server.threads"))
    finding = Finding(FindingKind.ONSET, "slow", "locks", START + 40, evidence=rows)
    script = """
      const lit = () => [...document.querySelectorAll(".lit")].map((chart) => chart.id);
      const folded = document.querySelector("#chart-server-count").closest("details");
      const before = [lit(), folded.open];
      document.querySelector("#finding-1 .evidence a[href='#chart-server-count']").click();
      const after = [lit(), folded.open, location.hash];
      document.querySelector("#chart-times .mark").click();
      return [before, after, location.hash];
    """
    before, after, marked = ask(tab, tmp_path, replace(watched(), findings=(finding,)), script)
    assert before == [[], False]
    assert after == [["chart-times", "chart-server-count"], True, "#chart-server-count"]
    assert marked == "#finding-1"


def test_tables_sort_by_exact_value_and_unknown_comes_last(tab: Tab, tmp_path: Path) -> None:
    script = """
      const heading = document.querySelectorAll("#roles thead th")[COLUMN];
      heading.querySelector("button").click();
      const rows = document.querySelector("#roles").tBodies[0].rows;
      const read = () => [...rows].map((row) => row.cells[COLUMN].textContent);
      const first = read();
      heading.querySelector("button").click();
      return [first, heading.getAttribute("aria-sort"), read()];
    """.replace("COLUMN", "6")
    down, order, up = ask(tab, tmp_path, example_runs.failed(), script)
    assert down == ["4,528", "–", "–", "–", "–", "–", "–"]
    assert (order, up[0], up[1:]) == ("ascending", "4,528", ["–"] * 6)


def test_hostile_text_does_not_run(tmp_path: Path) -> None:
    seen = visit(tmp_path, report_html(example_runs.failed()))
    assert "<title>FAIL – moderate" in seen.document
    assert seen.console == []


def test_a_request_would_be_seen(tmp_path: Path) -> None:
    """The test above is worth something only if it can fail."""
    seen = visit(tmp_path, "<!doctype html><img src=http://agentmitra.example/x.png>")
    assert seen.requests == ["http://agentmitra.example/x.png"]
