"""The page of all runs in a real browser, opened as a file: filters, sorting, charts, comparison, keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.model import ALL, CapacityKind, SearchBy
from perfsuite.model.history import Measured, PastCapacity, PastRun
from tests.fingerprint.made import PREMIUMS, fingerprint, operation
from tests.report.example_runs import HOSTILE
from tests.report.made_history import (
    SHIFTED,
    change_point,
    conditions,
    few_names,
    history,
    page_of,
    past_run,
    statistics,
)
from tests.report.web.chromium import Tab, find_chromium, running_tab

pytestmark = pytest.mark.integration

RUNS = history(200, few_names(), shifted_from=100)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with running_tab(find_chromium(), tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def opened(tab: Tab, folder: Path, runs: list[PastRun], fragment: str = "") -> Tab:
    """The page of these runs in the tab, after its script has run."""
    points = [change_point(RUNS[100])]
    page = folder / "index.html"
    page.write_text(page_of(runs, points), encoding="utf-8")
    tab.console.clear()
    tab.asked.clear()
    tab.call("Page.navigate", url=page.as_uri() + fragment)
    tab.shows(f"of {len(runs)} runs", "#found")
    return tab


@pytest.fixture
def page(browser: Tab, tmp_path: Path) -> Iterator[Tab]:
    yield opened(browser, tmp_path, RUNS)
    assert browser.console == []
    assert [address for address in browser.asked if not address.startswith(("file:", "data:"))] == []
    assert browser.value("document.documentElement.dataset.errors ?? 'none'") == "none"


def pick(tab: Tab, form: str, name: str, value: str) -> None:
    control = f"document.querySelector('#{form} [name={name}]')"
    tab.value(f"{control}.value = {json.dumps(value)}")
    tab.value(f"{control}.dispatchEvent(new Event('input', {{bubbles: true}}))")
    tab.value(f"{control}.dispatchEvent(new Event('change', {{bubbles: true}}))")


def rows(tab: Tab, table: str = "runs") -> list[list[str]]:
    script = (
        f"[...document.querySelectorAll('#{table} tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    )
    return list(tab.value(script))


def press(tab: Tab, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        tab.call(
            "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=13 if key == "Enter" else 0
        )


def select(tab: Tab, run: PastRun) -> None:
    tab.value(f"document.querySelector('[data-run=\"{run.run_id}\"] input').click()")


def test_the_newest_runs_come_first_in_pages(page: Tab) -> None:
    assert [row[2] for row in rows(page)] == [run.run_id for run in reversed(RUNS[175:])]
    newest = rows(page)[0]
    total = RUNS[-1].of(ALL, ALL)
    assert total is not None
    assert newest[1] == "2026-01-13 13:00"
    assert newest[3:6] == ["INCONCLUSIVE", "50", "400"]
    assert newest[8] == f"{total.p95_ms:.1f}"
    assert (
        page.value("document.querySelector('#runs tbody a').getAttribute('href')") == f"./{RUNS[-1].folder}/report.html"
    )
    page.value("document.getElementById('next').click()")
    assert page.text("#page") == "Page 2 of 8"
    assert rows(page)[0][2] == RUNS[174].run_id


def test_filters_narrow_the_table_together(page: Tab) -> None:
    pick(page, "filters", "scenario", "basic")
    assert page.text("#found") == "160 of 200 runs"
    pick(page, "filters", "outcome", "fail")
    pick(page, "filters", "release", "1.3")
    expected = [run for run in RUNS if (run.conditions.scenario, run.outcome, run.release) == ("basic", "fail", "1.3")]
    assert [row[2] for row in rows(page)] == [run.run_id for run in reversed(expected)]
    pick(page, "filters", "text", f"NIGHTLY {expected[0].run_id[-15:]}")
    assert len(rows(page)) == (1 if expected[0].label else 0)
    pick(page, "filters", "text", "no such run")
    assert (rows(page), page.text("#found")) == ([], "0 of 200 runs")
    page.value("document.querySelector('#filters [type=reset]').click()")
    page.shows("200 of 200 runs", "#found")


def test_a_click_on_a_heading_sorts_and_a_second_click_reverses(page: Tab) -> None:
    heading = "document.querySelector('#runs [data-column=p95_ms]')"
    slowest = sorted(RUNS, key=lambda run: run.of(ALL, ALL).p95_ms or 0)  # type: ignore[union-attr]
    page.value(f"{heading}.querySelector('button').click()")
    assert page.value(f"{heading}.getAttribute('aria-sort')") == "descending"
    assert rows(page)[0][2] == slowest[-1].run_id
    page.value(f"{heading}.querySelector('button').click()")
    assert page.value(f"{heading}.getAttribute('aria-sort')") == "ascending"
    assert rows(page)[0][2] == slowest[0].run_id
    assert page.value("document.querySelectorAll('[aria-sort]').length") == 1


def test_trends_are_drawn_by_operation_with_the_change_point(page: Tab) -> None:
    assert page.value("document.querySelectorAll('#charts .chart').length") == 3  # the total and two roles
    pick(page, "trend", "view", "all")
    figure = f"document.querySelector('[data-chart=\"all {SHIFTED}\"]')"
    line = page.value(f"{figure}.querySelector('.curve').getAttribute('d')")
    basic = [run for run in RUNS if run.conditions.scenario == "basic"]
    assert len(line.split("L")) == len(basic)
    assert "160 runs" in page.text("#dates")
    at = basic.index(RUNS[100])
    assert float(page.value(f"{figure}.querySelector('.mark').style.left").rstrip("%")) == pytest.approx(100 * at / 159)
    assert page.text(f"[data-chart='all {SHIFTED}'] .changes") == (
        f"since {RUNS[100].run_id} (release 1.5): 20 ms → 30 ms, +50 %, p = 0.002"
    )
    heights = [float(part.split(" ")[1]) for part in line.removeprefix("M").split("L")]
    before, after = heights[:at], heights[at:]
    assert min(before) > max(after)  # slower stands higher
    pick(page, "trend", "view", "policyholder")
    assert page.value("document.querySelectorAll('#charts .mark').length") == 0
    pick(page, "trend", "metric", "p99_ms")
    assert page.text("#charts") == "None of these runs has a value for p99."


def test_the_keyboard_moves_along_the_runs_and_selects_two(page: Tab) -> None:
    basic = [run for run in RUNS if run.conditions.scenario == "basic"]
    page.value("document.getElementById('charts').focus()")
    press(page, "End")
    assert basic[-1].run_id in page.text("#pointed")
    press(page, "Enter")
    assert page.text("#pair-hint").startswith(basic[-1].run_id)
    press(page, "ArrowLeft")
    press(page, "Enter")
    assert basic[-2].run_id in page.text("#pair-a")
    assert basic[-1].run_id in page.text("#pair-b")
    press(page, "Escape")
    assert page.text("#pointed") == ""


def test_two_runs_are_compared_by_role_and_operation(page: Tab) -> None:
    pick(page, "filters", "scenario", "basic")
    first, second = RUNS[98], RUNS[101]
    for run in (second, first):  # the older run is A, whichever is selected first
        pick(page, "filters", "text", run.run_id)
        select(page, run)
    assert first.run_id in page.text("#pair-a")
    assert page.text("#pair-same") == "Both runs were made under the same conditions."
    assert page.text("#pair-rule").startswith("Two single runs")
    compared = {(row[0], row[1]): row[2:] for row in rows(page, "pair-table")}
    a, b = (run.of(ALL, SHIFTED).avg_ms or 0 for run in (first, second))  # type: ignore[union-attr]
    shown = compared[SHIFTED, "all"]
    assert [float(text.rstrip(" %")) for text in shown[:4]] == [
        pytest.approx(a, abs=0.06), pytest.approx(b, abs=0.06), pytest.approx(b - a, abs=0.06),
        pytest.approx((b / a - 1) * 100, abs=0.6),
    ]  # fmt: skip
    assert ("agents.list", "policyholder") not in compared
    page.value("document.getElementById('pair-roles').click()")
    assert (SHIFTED, "policyholder") in {(row[0], row[1]) for row in rows(page, "pair-table")}
    page.value("document.getElementById('pair-swap').click()")
    assert second.run_id in page.text("#pair-a")
    assert f"runs={second.run_id}+{first.run_id}" in page.value("location.hash")


def test_runs_of_other_conditions_are_shown_with_what_differs(page: Tab) -> None:
    for run in (RUNS[198], RUNS[199]):
        select(page, run)
    assert "different conditions" in page.text("#pair-same")
    assert "scenario: basic → peak" in page.text("#pair-conditions")


def test_a_link_restores_filters_and_runs(browser: Tab, tmp_path: Path) -> None:
    pair = f"{RUNS[0].run_id}+{RUNS[1].run_id}"
    tab = opened(browser, tmp_path, RUNS, f"#scenario=peak&runs={pair}")
    assert tab.text("#found") == "40 of 200 runs"
    assert RUNS[0].run_id in tab.text("#pair-a")
    assert tab.console == []


def test_queries_are_compared_between_single_runs(browser: Tab, tmp_path: Path) -> None:
    both = (Measured(ALL, ALL, statistics(20.0)), Measured(ALL, "policies.list", statistics(20.0)))
    costs = [fingerprint(operation("policies.list", {PREMIUMS: count}, {PREMIUMS: count})) for count in (2, 21)]
    runs = [replace(past_run(number, both), fingerprint=taken) for number, taken in enumerate(costs)]
    tab = opened(browser, tmp_path, runs, f"#runs={runs[0].run_id}+{runs[1].run_id}")
    tab.value("document.getElementById('pair-metric').value = 'queries'")
    tab.value("document.getElementById('pair-metric').dispatchEvent(new Event('change', {bubbles: true}))")
    assert rows(tab, "pair-table") == [["policies.list", "all", "2", "21", "+19", "+950 %", "–", ""]]
    assert tab.text("#pair-rule").startswith("Query counts")
    assert tab.console == []


def test_searches_are_sorted_and_drawn_by_their_capacity(browser: Tab, tmp_path: Path) -> None:
    known = replace(conditions(), search_by="users", targets_digest="t")
    total = (Measured(ALL, ALL, statistics(20.0)),)
    runs = [
        past_run(number, total, known, capacity=PastCapacity(SearchBy.USERS, CapacityKind.INTERVAL, low, low + 9, low))
        for number, low in enumerate((240.0, 180.0, 210.0))
    ]
    tab = opened(browser, tmp_path, runs)
    tab.value("document.querySelector('#runs [data-column=capacity] button').click()")
    assert [row[4] for row in rows(tab)] == ["240–249 users", "210–219 users", "180–189 users"]
    assert [row[5:7] for row in rows(tab)] == [["–", "–"]] * 3
    assert "searches for the capacity" in tab.text("#trend [name=group]")
    pick(tab, "trend", "metric", "capacity")
    assert tab.value("document.querySelectorAll('#charts figure').length") == 1
    assert "newest 210" in tab.text("#charts .note")
    assert tab.console == []


def test_text_from_outside_stays_text(browser: Tab, tmp_path: Path) -> None:
    run = replace(
        past_run(0, (Measured(HOSTILE, HOSTILE, statistics(20.0)),)), run_id=HOSTILE, label=HOSTILE, release=HOSTILE
    )
    tab = opened(browser, tmp_path, [run, past_run(1, (Measured(ALL, ALL, statistics(20.0)),))])
    select_all = "document.querySelectorAll('#runs tbody input').forEach(box => box.click())"
    tab.value(select_all)
    assert tab.value("document.title") == "All runs – Agent Mitra performance"
    assert tab.value("document.querySelectorAll('img').length") == 0
    assert tab.console == []


def test_everything_that_can_be_used_has_a_name(page: Tab) -> None:
    for run in RUNS[197:199]:
        select(page, run)
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    used = {"button", "combobox", "checkbox", "searchbox", "image", "link", "table", "region"}
    bare = [
        node["role"]["value"]
        for node in nodes
        if node.get("role", {}).get("value") in used and not node.get("name", {}).get("value")
    ]
    assert len(nodes) > 500
    assert bare == []
