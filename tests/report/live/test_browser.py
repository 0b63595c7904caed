"""The live page in a real browser: it fills, changes, shows the end, and never turns text into markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.cli.screen import PageScreen, live_page
from perfsuite.errors import TargetError
from perfsuite.model import LiveSnapshot
from perfsuite.report.live.page import ENDED
from perfsuite.run.error_collector import ErrorCollector
from tests.report import example_runs
from tests.report.example_runs import HOSTILE
from tests.report.watched_run import latest, watched
from tests.report.web.chromium import Tab, find_chromium, running_tab

pytestmark = pytest.mark.integration

FOLDER = Path("results/moderate_20260301_093000")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with running_tab(find_chromium(), tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def tab(browser: Tab) -> Tab:
    """As if just opened: an empty page, and nothing said or asked for."""
    browser.call("Page.navigate", url="about:blank")
    browser.console.clear()
    browser.asked.clear()
    return browser


@pytest.fixture
def page() -> Iterator[PageScreen]:
    with live_page(0, ErrorCollector()) as shown:
        yield shown


def snapshot(elapsed_s: float, **live: object) -> LiveSnapshot:
    state = replace(example_runs.live(), elapsed_s=elapsed_s, **live)  # type: ignore[arg-type]
    targets = example_runs.failed().verdict.targets
    return LiveSnapshot("moderate_20260301_093000", "moderate", "http://localhost:8015", state, targets, latest())


def test_it_fills_and_changes(page: PageScreen, tab: Tab) -> None:
    page.say("Preflight: http://localhost:8015")
    tab.call("Page.navigate", url=page.address)
    tab.shows("PREPARING Preflight: http://localhost:8015", "h1")
    page.progress(snapshot(20.0, phase="ramp-up", steady=False))
    tab.shows("RAMP-UP moderate", "h1")
    page.progress(snapshot(35.0, rps_now=123.0, unanswered_s=4))
    tab.shows("STEADY moderate", "h1")
    assert "00:35 / 01:00" in tab.text("header")
    assert tab.text(".live-figures") == (
        "Users 10/10 Requests 479 steady state Requests/s 123 9.04 steady state Avg ms 17.6 19.2 steady state"
        " p95 ms 41.3 50.5 steady state Failures 0 steady state Failure rate 0 % steady state"
    )
    assert "Average response time 526 < 500 ms missed" in tab.text(".targets")
    assert "server: CPU 45.2 %" in tab.text("[data-list=monitored]")
    assert "junior agent 2" in tab.text("[data-list=roles]")
    assert tab.text(".lines") == "Preflight: http://localhost:8015"
    assert tab.text("[role=alert]") == "No response from the target for 4 seconds"
    assert tab.value("document.querySelector('progress').value") == pytest.approx(35 / 60)
    assert tab.value("document.querySelectorAll('.sparks svg')[1].getAttribute('viewBox')") == "0 0 60 100"
    assert tab.value("document.querySelectorAll('.sparks path')[1].getAttribute('d')") == "M0 0L15 0"
    assert tab.value("document.title") == "00:35 / 01:00 steady – moderate"
    page.progress(snapshot(36.0, rps_now=77.0))
    tab.shows("Requests/s 77 9.04 steady state", ".live-figures")
    assert tab.text("[role=alert]") == ""
    page.say("Interrupted: requests in flight may finish")
    tab.shows("Interrupted: requests in flight may finish", "header")
    assert tab.value("document.querySelectorAll('.live-figures > div').length") == 7


def test_nothing_is_loaded_from_elsewhere_and_the_console_stays_empty(page: PageScreen, tab: Tab) -> None:
    page.progress(snapshot(35.0))
    tab.call("Page.navigate", url=page.address)
    tab.shows("STEADY", "h1")
    paths = ("", "report.css", "live.css", "live.js", "states")
    assert {address for address in tab.asked if not address.startswith("data:")} == {
        page.address + path for path in paths
    }
    assert tab.console == []


def test_the_end_is_shown_and_stays(page: PageScreen, tab: Tab) -> None:
    tab.call("Page.navigate", url=page.address)
    page.progress(snapshot(35.0))
    tab.shows("STEADY", "h1")
    page.load_over()
    tab.shows("LOAD FINISHED", "h1")
    page.run_over(watched(example_runs.failed()), FOLDER)
    tab.shows("FAIL With 50 users the backend missed", "h1")
    assert tab.value("document.querySelector('h1 .badge').className") == "badge fail"
    result = tab.text("main")
    assert "average response time was 526.3, limit 500 (ms)" in result
    assert "Findings evidence of where to look, not causes" in result
    assert str(FOLDER) in result
    assert ENDED not in tab.text()
    page.end()
    tab.shows(ENDED, "header")
    tab.shows("FAIL", "h1")
    assert tab.text("#silence") == ""
    assert tab.console == []


def test_the_next_scenario_goes_on(page: PageScreen, tab: Tab) -> None:
    tab.call("Page.navigate", url=page.address)
    page.progress(snapshot(35.0))
    page.run_over(example_runs.passed(), FOLDER)
    tab.shows("PASS", "h1")
    page.progress(replace(snapshot(1.0), run_id="peak_1", scenario="peak"))
    tab.shows("STEADY peak", "h1")
    assert tab.text(".result") == ""
    assert re.fullmatch(f"PASS basic .+ {FOLDER}", tab.text(".earlier"))


def test_a_failed_command_shows_its_error(tab: Tab) -> None:
    with pytest.raises(TargetError), live_page(0, ErrorCollector()) as page:
        tab.call("Page.navigate", url=page.address)
        tab.shows("PREPARING", "h1")
        raise TargetError("http://localhost:8015: nothing listens there")
    tab.shows("NO RESULT http://localhost:8015: nothing listens there", "h1")
    tab.shows(ENDED, "header")


def test_a_killed_suite_is_reported_as_a_lost_connection(page: PageScreen, tab: Tab) -> None:
    tab.call("Page.navigate", url=page.address)
    page.progress(snapshot(35.0))
    tab.shows("STEADY", "h1")
    page._server.close()  # as when the process is gone: no last state
    tab.shows("No connection to the suite", "#silence")
    tab.shows("STEADY", "h1")


def test_text_from_outside_stays_text(page: PageScreen, tab: Tab) -> None:
    tab.call("Page.navigate", url=page.address)
    page.say(f"Preflight: {HOSTILE}")
    hostile = replace(snapshot(35.0, users={HOSTILE: 3}), scenario=HOSTILE, host=HOSTILE, run_id=HOSTILE)
    targets = tuple(replace(target, name=HOSTILE, reason=HOSTILE) for target in hostile.targets)
    page.progress(replace(hostile, targets=targets))
    tab.shows("</script><img src=x", "h1")
    assert "</script><img src=x" in tab.text(".lines")
    page.run_over(example_runs.failed(), Path(HOSTILE))
    tab.shows("FAIL", "h1")
    assert tab.value("document.images.length + document.scripts.length") == 1
    assert "owned" not in tab.value("document.title").split("<img")[0]
    assert tab.console == []


def test_no_script_can_make_markup_of_text(page: PageScreen, tab: Tab) -> None:
    """The tests above are worth something only if the page's policy holds."""
    tab.call("Page.navigate", url=page.address)
    tab.shows("PREPARING", "h1")
    tried = "try { document.body.innerHTML = '<b>owned</b>'; 'done' } catch (error) { error.name }"
    assert tab.value(tried) == "TypeError"
    assert "owned" not in tab.text()


@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_window(page: PageScreen, tab: Tab, width: int) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    page.say("Preflight: " + "a-very-long-name-" * 12)
    page.progress(snapshot(35.0))
    page.run_over(watched(example_runs.failed()), FOLDER)
    tab.call("Page.navigate", url=page.address)
    tab.shows("FAIL", "h1")
    assert tab.value("document.documentElement.scrollWidth") <= width
