"""What a terminal shows, beside golden files. `RENEW_GOLDEN=1 pytest tests/report` writes them anew."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.model import LiveState, Moment, TargetResult
from perfsuite.report.console import render_many, render_summary, to_text
from perfsuite.report.progress import live_view, render_progress
from tests.report import example_runs

GOLDEN = Path(__file__).parent / "golden"
FOLDER = Path("results/basic_20260301_093000")


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def targets() -> tuple[TargetResult, ...]:
    return example_runs.passed().verdict.targets


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_summary(name: str) -> None:
    report = example_runs.EXAMPLES[name]()
    text = render_summary(report, width=80, color=False, folder=FOLDER)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[-1] == f"VERDICT: {report.verdict.outcome.value.upper()}"
    assert "\x1b" not in text
    assert_golden(f"summary_{name}.txt", text)


def test_several_runs() -> None:
    text = render_many([example() for example in example_runs.EXAMPLES.values()], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert_golden("many.txt", text)


def moment(live: LiveState, shown: tuple[TargetResult, ...] = ()) -> Moment:
    return Moment("basic_20260301_093000", "basic", "http://localhost:8015", live, shown)


def test_live_view_fits_a_small_terminal() -> None:
    view = live_view(moment(example_runs.live(), targets()))
    text = to_text(view, width=80, color=False)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 80
    assert_golden("live.txt", text)


def test_many_targets_still_fit() -> None:
    lost = replace(example_runs.live(), unanswered_s=7)
    text = to_text(live_view(moment(lost, targets() * 5)), width=80, color=False)
    assert len(text.splitlines()) <= 24
    assert "and 17 more" in text
    assert "No answer from the target for 7 seconds" in text


def test_progress_line() -> None:
    assert render_progress(moment(example_runs.live(), targets())) == (
        "00:35/01:00 steady  users 10/10  8.2 req/s  p95 41 ms  failures 0 (0.00 %)  targets 3 met, 2 not judged"
    )


def test_progress_line_tells_silence_and_what_is_not_known() -> None:
    live = replace(
        example_runs.live(), phase="ramp-up", steady=False, p95_now_ms=None, rps_now=0.0, failures=3, unanswered_s=4
    )
    assert render_progress(moment(live)) == (
        "00:35/01:00 ramp-up  users 10/10  0.0 req/s  p95 –  failures 3 (1.03 %)  NO ANSWER for 4 s"
    )


def test_colours_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    plain = render_summary(example_runs.passed(), width=80, color=False)
    coloured = render_summary(example_runs.passed(), width=80, color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;32mPASS\x1b[0m" in coloured


def test_long_paths_are_not_broken() -> None:
    folder = Path("/srv") / ("a-long-name-" * 8) / "run"
    text = render_summary(example_runs.passed(), width=80, color=False, folder=folder)
    assert f"Report   {folder}/report.html" in text.splitlines()
