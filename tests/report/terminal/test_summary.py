"""What a terminal shows, compared with golden files. `RENEW_GOLDEN=1 pytest tests/report` writes them anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.model import TargetOutcome
from perfsuite.report.terminal.console import render_many, render_verdict
from perfsuite.report.terminal.summary import render_summary
from tests.report import example_runs
from tests.report.golden_files import assert_golden

FOLDER = Path("results/basic_20260301_093000")


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_summary(name: str) -> None:
    report = example_runs.EXAMPLES[name]()
    text = render_summary(report, width=80, color=False, folder=FOLDER)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[-1] == f"VERDICT: {report.verdict.outcome.value.upper()}"
    assert "\x1b" not in text
    assert_golden(f"summary_{name}.txt", text)


SCREEN = 23
"""Of 24 lines: the prompt needs one."""
HEIGHTS = (SCREEN, 26, 31, 38, 45, 55)


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_on_a_terminal_the_summary_fits_one_screen_and_ends_with_the_verdict(name: str) -> None:
    report = example_runs.EXAMPLES[name]()
    text = render_summary(report, width=80, folder=FOLDER, lines=SCREEN)
    lines = text.splitlines()
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= 80
    assert lines[-2:] == [f"Report   {FOLDER}/report.html", f"VERDICT: {report.verdict.outcome.value.upper()}"]
    shown = " ".join(text.split())
    assert [reason for reason in report.verdict.reasons if reason not in shown] == []
    missed = [target for target in report.verdict.targets if target.outcome is TargetOutcome.MISSED]
    assert sum(line.endswith("  missed") for line in lines) == len(missed)
    assert "In the report: " in text


def test_what_does_not_fit_is_named_and_a_larger_screen_shows_it() -> None:
    report = example_runs.watched()
    small, whole = (render_summary(report, lines=lines) for lines in (SCREEN, None))
    assert (
        "In the report: 7 findings, where the time goes, why 2 targets were not judged,\nstability, more roles\n"
        in small
    )
    assert render_summary(report, lines=whole.count("\n")) == whole
    assert "In the report: " not in whole
    heights = [render_summary(report, lines=lines).count("\n") for lines in HEIGHTS]
    assert all(height <= lines for lines, height in zip(HEIGHTS, heights, strict=True))
    assert heights[-1] > heights[0]


def test_roles_that_fail_stay_longest() -> None:
    kept = render_summary(example_runs.failed(), lines=SCREEN + 3)
    assert "junior agent  " in kept
    assert "policyholder  " in kept
    assert "support staff" not in kept


def test_several_runs() -> None:
    text = render_many([example() for example in example_runs.EXAMPLES.values()], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert_golden("many.txt", text)


def test_the_note_names_the_monitor_options_or_that_nothing_was_unusual() -> None:
    report = example_runs.passed()
    assert "Nothing was monitored at the target: --monitor-server, --monitor-postgres,\n" in render_summary(report)
    quiet = replace(report, readings=example_runs.watched().readings)
    text = render_summary(quiet)
    assert (
        "\nFindings: nothing unusual in the monitored parts: server, machine, connection\npool, PostgreSQL, Redis.\n"
        in text
    )
    assert "--monitor" not in text


def test_no_steady_state_is_not_called_usual() -> None:
    report = replace(example_runs.interrupted(), readings=example_runs.watched().readings)
    assert "Findings" not in render_summary(report)


def test_quiet_output_has_the_headlines_of_findings() -> None:
    lines = render_verdict(example_runs.watched(), width=200).splitlines()
    at = lines.index("- Finding: Redis gave no answer for 6 s from 09:30:35 UTC on")
    assert [line[:11] for line in lines[at - 1 : at + 4]] == ["- Finding: "] * 5
    assert lines[at + 4 :] == ["  and 2 more in the report", "VERDICT: FAIL"]


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
