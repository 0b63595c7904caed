"""Accessibility of `report.html`: axe-core finds nothing, keys replace the pointer, paper shows folded content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from perfsuite.model import RunReport
from perfsuite.report.page.html import report_html
from tests.report import example_runs, made_capacity
from tests.report.made_readings import all_moving
from tests.report.page.axe import pale_texts, violations
from tests.report.web.chromium import Tab, find_chromium, running_tab

pytestmark = pytest.mark.integration
NARROW, WIDE = 400, 1200


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with running_tab(find_chromium(), tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def show(browser: Tab, tmp_path: Path) -> Callable[..., Tab]:
    """Opens the page of a run as wide as asked, in light or dark; the tab is the same for all."""

    def opened(report: RunReport | str, *, width: int = WIDE, scheme: str = "light") -> Tab:
        page = tmp_path / "report.html"
        page.write_text(report if isinstance(report, str) else report_html(report), encoding="utf-8")
        browser.call("Page.setBypassCSP", enabled=True)
        prefer(browser, scheme)
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        browser.call("Page.navigate", url="about:blank")
        browser.call("Page.navigate", url=page.as_uri())
        browser.until_loaded()
        return browser

    return opened


@cache
def everything() -> str:
    return report_html(replace(example_runs.watched(), readings=all_moving(120)))


def open_all(tab: Tab) -> None:
    tab.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


def press(tab: Tab, key: str) -> None:
    text = {"Enter": "\r", "Space": " "}.get(key)
    named = {"key": " " if key == "Space" else key, "code": key, **({"text": text} if text else {})}
    code = {"Enter": 13, "Space": 32, "Tab": 9, "ArrowRight": 39}.get(key, 0)
    tab.call("Input.dispatchKeyEvent", type="keyDown", windowsVirtualKeyCode=code, **named)
    tab.call("Input.dispatchKeyEvent", type="keyUp", windowsVirtualKeyCode=code, **named)


def prefer(tab: Tab, scheme: str) -> None:
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_axe_finds_nothing_in_a_report_with_everything(show: Callable[..., Tab], width: int) -> None:
    tab = show(everything(), width=width)
    assert violations(tab) == []
    open_all(tab)
    assert violations(tab) == []
    background = "getComputedStyle(document.body).backgroundColor"
    light = tab.value(background)
    prefer(tab, "dark")
    assert tab.value(background) != light
    assert pale_texts(tab) == [], "in dark; nothing but colors depends on that"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_report_of_a_search(show: Callable[..., Tab], scheme: str) -> None:
    tab = show(made_capacity.run_of(made_capacity.by_rate()), width=NARROW, scheme=scheme)
    assert violations(tab) == []
    assert tab.value("document.documentElement.scrollWidth") <= NARROW
    assert tab.value("document.querySelectorAll('.margins .at').length") > 20


@pytest.mark.parametrize("name", ["passed", "inconclusive", "interrupted", "open_model", "wrong_under_load"])
def test_axe_finds_nothing_in_any_verdict(show: Callable[..., Tab], name: str) -> None:
    assert violations(show(example_runs.EXAMPLES[name]())) == []


def test_violations_fit_a_narrow_page(show: Callable[..., Tab]) -> None:
    tab = show(example_runs.wrong_under_load(), width=NARROW, scheme="dark")
    open_all(tab)
    assert violations(tab) == []
    assert tab.value("document.documentElement.scrollWidth") <= NARROW
    assert tab.value("document.querySelectorAll('.violations .finding').length") == 3


def test_axe_would_find_something(show: Callable[..., Tab]) -> None:
    """The tests above are worth something only if they can fail."""
    found = violations(show("<!doctype html><title>x</title><img src='data:,'><p style='color:#ccc'>hardly seen</p>"))
    assert {"image-alt", "color-contrast", "html-has-lang"} <= {each.split(" ")[0] for each in found}


def test_axe_would_find_one_pale_cell_of_a_long_table(show: Callable[..., Tab]) -> None:
    """Of texts that look the same only some are tried; one that looks otherwise is another kind."""
    rows = "".join(f"<tr><td>row {row}</td><td{' class=pale' * (row == 77)}>{row} ms</td></tr>" for row in range(200))
    style = "<style>body {background: #fff} .pale {background: #777; color: #888}</style>"
    page = f"<!doctype html><html lang=en><title>x</title>{style}<main><h1>x</h1><table>{rows}</table></main></html>"
    (found,) = violations(show(page))
    assert found.startswith("color-contrast")
    assert "77 ms" in found


def test_a_narrow_page_does_not_scroll_sideways(show: Callable[..., Tab]) -> None:
    tab = show(everything(), width=NARROW)
    open_all(tab)
    assert tab.value("document.documentElement.scrollWidth") <= NARROW


_CUT_OFF = """[...document.querySelectorAll('caption:not(.unseen), .targets .outcome, .targets .limit')]
    .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.textContent)"""
_ON_EACH_OTHER = """[...document.querySelectorAll('.upright b')].map((each) => each.getBoundingClientRect())
    .filter((one, at, all) => all.slice(0, at).some((two) => one.width && two.width && one.left < two.right
        && two.left < one.right && one.top < two.bottom - 2 && two.top < one.bottom - 2)).length"""


def test_on_a_narrow_page_captions_targets_and_names_of_lines_can_be_read(show: Callable[..., Tab]) -> None:
    report = example_runs.failed()
    long = replace(report.verdict.targets[0], name="Policyholders, 95th percentile, in the evening")
    verdict = replace(report.verdict, targets=(long, *report.verdict.targets[1:]))
    tab = show(replace(report, verdict=verdict), width=NARROW)
    assert tab.value(_CUT_OFF) == []
    assert tab.value("document.querySelectorAll('.upright').length") > 3
    assert tab.value(_ON_EACH_OTHER) == 0


def test_keys_sort_filter_and_zoom(show: Callable[..., Tab]) -> None:
    tab = show(everything())
    tab.value("document.querySelector('#roles thead th:nth-child(2) button').focus()")
    press(tab, "Enter")
    assert tab.value("document.querySelector('#roles thead th:nth-child(2)').ariaSort") == "descending"
    tab.value("document.querySelector('.zoom [data-zoom=in]').focus()")
    press(tab, "Space")
    assert tab.value("document.getElementById('shown-span').textContent") == "00:30 – 01:30"
    tab.value("document.getElementById('time-slider').focus()")
    press(tab, "ArrowRight")
    assert tab.value("document.getElementById('time-slider').ariaValueText") == "00:31"
    assert tab.text("#chart-redis-memory .now") == "31 bytes"
    tab.value("document.querySelector('#behaviours').closest('section').querySelector('.filter input').focus()")
    for letter in "kpi":
        tab.call("Input.insertText", text=letter)
    assert tab.text("#behaviours tbody").startswith("super admin dashboard KPIs")
    assert tab.console == []
    assert [address for address in tab.asked if not address.startswith(("file:", "data:", "about:"))] == []


def test_all_that_can_be_done_is_reached_by_the_tab_key(show: Callable[..., Tab]) -> None:
    tab = show(example_runs.failed())
    tab.value("document.body.focus()")
    reached: list[str] = []
    for _ in range(60):
        press(tab, "Tab")
        reached.append(tab.value("document.activeElement.textContent.trim().slice(0, 14)"))
    assert reached[:3] == ["users.me faile", "Targets", "Findings"]
    assert {"Whole run", "Steady state"} <= set(reached)
    outlines = tab.value("getComputedStyle(document.activeElement).outlineStyle")
    assert outlines == "solid"


def test_paper_shows_what_was_folded_also_without_scripts(show: Callable[..., Tab]) -> None:
    tab = show(example_runs.failed())
    folded = "getComputedStyle(document.querySelector('#detail').closest('details'), '::details-content')"
    assert tab.value(f"{folded}.contentVisibility") == "hidden"
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert tab.value(f"{folded}.contentVisibility") == "visible"
        assert tab.value("document.querySelector('#detail').getBoundingClientRect().height") > 300
        assert not tab.value("document.querySelector('.zoom').checkVisibility()")
        assert not tab.value("document.querySelector('.hint .needs-script').checkVisibility()")
        assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
