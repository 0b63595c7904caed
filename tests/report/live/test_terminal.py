"""What is shown while a run goes on: the live view of a terminal, and the line of a log."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from perfsuite.model import LiveSnapshot, LiveState, TargetOutcome, TargetResult
from perfsuite.model.monitor import Reading
from perfsuite.report.live.figures import alert_text
from perfsuite.report.live.terminal import live_view, render_progress
from perfsuite.report.terminal.console import to_text
from tests.report import example_runs
from tests.report.golden_files import assert_golden
from tests.report.watched_run import latest

LINES = 23
"""Of 24: taking the view away needs one."""
NOT_BEGUN = "the steady state has not begun"


def targets() -> tuple[TargetResult, ...]:
    return example_runs.passed().verdict.targets


def snapshot(
    live: LiveState | None = None, shown: tuple[TargetResult, ...] = (), readings: Mapping[str, Reading] | None = None
) -> LiveSnapshot:
    state = live or example_runs.live()
    return LiveSnapshot("basic_20260301_093000", "basic", "http://localhost:8015", state, shown, readings or {})


def drawn(view: RenderableType, *, color: bool = False) -> str:
    """On 80 columns and 24 lines."""
    return to_text(view, width=80, color=color)


def on_terminal(view: RenderableType, columns: int, lines: int) -> list[str]:
    """What a terminal of that size shows."""
    out = io.StringIO()
    Console(file=out, width=columns, height=lines, highlight=False, markup=False, _environ={}).print(view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        pytest.param("live.txt", {}, id="nothing is watched"),
        pytest.param("live_watched.txt", latest(), id="everything is"),
    ],
)
def test_live_view_fits_a_small_terminal(name: str, readings: Mapping[str, Reading]) -> None:
    text = drawn(live_view(snapshot(shown=targets(), readings=readings)))
    assert len(text.splitlines()) <= LINES
    assert max(map(len, text.splitlines())) <= 80
    assert_golden(name, text)


def test_many_targets_and_a_silent_target_still_fit() -> None:
    lost = replace(example_runs.live(), unanswered_s=7)
    text = drawn(live_view(snapshot(lost, targets() * 5, latest())))
    lines = text.splitlines()
    assert len(lines) == LINES
    shown = next(line for line in lines if line.startswith("and "))
    rows = sum(any(line.startswith(start) for start in ("Average", "95th", "Failure", "Thr", "Conc")) for line in lines)
    assert shown.split() == ["and", str(25 - rows), "more"]
    assert alert_text(lost) in text


def test_missed_targets_come_first_and_tell_why() -> None:
    why = "throughput 8.2 requests/s, more than 100 requests/s needed; answers took 1,200 ms on average"
    met = targets()[:3]
    missed = replace(targets()[3], outcome=TargetOutcome.MISSED, reason=why)
    lines = drawn(live_view(snapshot(shown=(*met, missed)))).splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("Target "))
    assert lines[head + 1].startswith("Throughput ")
    assert lines[head + 5 :] == [
        "– throughput 8.2 requests/s, more than 100 requests/s needed; answers took",
        "  1,200 ms on average",
    ]


def test_a_reason_for_all_targets_stands_once() -> None:
    waiting = tuple(replace(each, outcome=TargetOutcome.NOT_JUDGED, reason=NOT_BEGUN) for each in targets())
    text = drawn(live_view(snapshot(shown=waiting)))
    assert " ".join(text.split()).count(NOT_BEGUN) == 1


def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    long = tuple(
        replace(each, outcome=TargetOutcome.MISSED, reason=f"{n} {'why ' * 50}") for n, each in enumerate(targets())
    )
    lines = drawn(live_view(snapshot(shown=long, readings=latest()))).splitlines()
    assert len(lines) == LINES
    assert lines[-1].endswith("why …")
    assert max(map(len, lines)) <= 80


def test_what_is_slow_and_what_fails_is_named_with_its_operation() -> None:
    text = drawn(live_view(snapshot(example_runs.failing(), targets(), latest())))
    lines = text.splitlines()
    assert len(lines) <= LINES
    assert [line for line in lines if line.startswith("slowest")] == [
        "slowest     users.me 9.51 ms  login 212 ms  dashboard.regional_manager 61.7 ms"
    ]
    at = next(number for number, line in enumerate(lines) if line.startswith("failed "))
    assert lines[at].startswith("failed      1,204  users.me  HTTP 503: Injected error")
    assert lines[at + 1].startswith("            7  policies.list  ")
    assert "\x1b" not in text


@pytest.mark.parametrize("live", [example_runs.live(), example_runs.failing()], ids=["fine", "failing"])
@pytest.mark.parametrize(("columns", "lines"), [(120, 24), (160, 24), (160, 50), (120, 12), (80, 12), (79, 60)])
def test_every_size_of_a_terminal_is_kept_to(live: LiveState, columns: int, lines: int) -> None:
    shown = on_terminal(live_view(snapshot(live, targets(), latest())), columns, lines)
    assert max(map(len, shown)) <= columns
    assert len(shown) < max(lines, 24)


@pytest.mark.parametrize("name", ["live", "failing"])
def test_a_wide_terminal_shows_roles_operations_and_failures_as_tables(name: str) -> None:
    view = live_view(snapshot(getattr(example_runs, name)(), targets(), latest()))
    assert_golden(f"{name}_wide.txt", "\n".join(on_terminal(view, 160, 50)) + "\n")


@pytest.mark.parametrize("width", [2, 12, 40])
def test_a_narrow_terminal_is_no_trouble(width: int) -> None:
    text = to_text(live_view(snapshot(shown=targets(), readings=latest())), width=width, color=False)
    assert max(map(len, text.splitlines())) <= width
    assert text.startswith("b")


def test_figures_near_their_limit_are_coloured() -> None:
    near = latest(pool__checked_out=16.0, machine__cpu_percent=85.0)
    text = drawn(live_view(snapshot(readings=near)), color=True)
    assert "\x1b[1;31m16/16\x1b[0m" in text
    assert "\x1b[33m85 %\x1b[0m" in text


def test_progress_line() -> None:
    assert render_progress(snapshot(shown=targets(), readings=latest())) == (
        "00:35/01:00 steady  users 10/10  8.20 requests/s  p95 41.3 ms  failures 0 (0 %)  server 45.2 % CPU, db 12/100"
        "  targets 3 met, 2 not judged"
    )


def few_requests(**changes: object) -> LiveState:
    live = example_runs.live()
    return replace(live, p95_now_ms=None, statistics=replace(live.statistics, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("live", "time"),
    [
        pytest.param(few_requests(), "p95 50.5 ms (steady state)", id="few in the last seconds: that of all so far"),
        pytest.param(replace(few_requests(), steady=False), "p95 50.5 ms (since the start)", id="in the ramp-up"),
        pytest.param(few_requests(p95_ms=None), "avg 19.2 ms (steady state)", id="few at all: the mean"),
        pytest.param(few_requests(p95_ms=None, avg_ms=None, requests=0), "p95 –", id="none at all"),
    ],
)
def test_progress_line_of_a_small_run_has_a_time_with_what_it_covers(live: LiveState, time: str) -> None:
    assert render_progress(snapshot(live)) == (
        f"00:35/01:00 steady  users 10/10  8.20 requests/s  {time}  failures 0 (0 %)"
    )


def test_progress_line_warns_of_a_silent_target() -> None:
    live = replace(example_runs.live(), phase="ramp-up", steady=False, rps_now=0.0, failures=3, unanswered_s=4)
    assert render_progress(snapshot(live)) == (
        "00:35/01:00 ramp-up  users 10/10  0 requests/s  p95 41.3 ms  failures 3 (1.03 %)  NO RESPONSE for 4 s"
    )


def test_progress_line_warns_of_a_target_that_is_wrong_under_load() -> None:
    live = replace(example_runs.live(), violations=3)
    assert render_progress(snapshot(live)).endswith("failures 0 (0 %)  WRONG UNDER LOAD (3 violations)")
    assert "WRONG" not in render_progress(snapshot(example_runs.live()))
