"""What the checks of correctness found: lines that every output shares."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.messages.correctness import CorrectnessText, OffText
from perfsuite.messages.replay import ReplayMessage
from perfsuite.messages.report import Headline
from perfsuite.model import RunReport
from perfsuite.model.correctness import CheckLevel, ChecksOff, Correctness
from perfsuite.report.correctness import (
    answer_of,
    correctness_line,
    cost_line,
    evidence_lines,
    replay_command,
    violation_line,
)
from perfsuite.report.terminal.summary import render_summary
from perfsuite.report.wording import headline
from tests.report import example_runs
from tests.report.made_correctness import (
    EVIDENCE,
    HEALTHY,
    ONLY_WATCHED,
    UNREACHED,
    VIOLATED,
    VIOLATIONS,
    WATCHED,
)


def with_checks(found: Correctness | None) -> RunReport:
    report = example_runs.passed()
    return replace(report, summary=replace(report.summary, correctness=found))


PLAN = example_runs.passed().plan


def test_the_replay_command_can_be_pasted_whatever_the_folder_is_called() -> None:
    command = replay_command(PLAN, "/srv/all runs/one", VIOLATIONS[0])
    assert shlex.split(command) == ["python", "run_performance_tests.py", "replay", "/srv/all runs/one", "v1"]


@pytest.mark.parametrize(
    ("given", "again"),
    [
        pytest.param("--credentials 'my accounts.csv' --users 5", ["--credentials", "my accounts.csv"], id="accounts"),
        pytest.param("--credentials=a.csv", ["--credentials=a.csv"], id="joined"),
        pytest.param(
            "--allow-host a.example --duration 5m --allow-host b.example --i-accept-production-load",
            ["--allow-host", "a.example", "--allow-host", "b.example", "--i-accept-production-load"],
            id="hosts",
        ),
        pytest.param("--scenarios own.toml --targets own.toml", ["--scenarios", "own.toml"], id="allowed hosts"),
        pytest.param("--header 'X-Key: env:KEY' --quiet", ["--header", "X-Key: env:KEY"], id="header"),
        pytest.param("--host http://a.example --mapping m.toml --ca-file ca.pem --proxy http://p:1", [], id="of plan"),
    ],
)  # fmt: skip
def test_a_replay_is_given_what_the_run_was_given_and_the_plan_does_not_have(given: str, again: list[str]) -> None:
    plan = replace(PLAN, command=("run_performance_tests.py", *shlex.split(given)), demo=None)
    assert shlex.split(replay_command(plan, "/runs/one", VIOLATIONS[0]))[5:] == again


def test_the_replay_of_a_demo_starts_its_own_accounts() -> None:
    plan = replace(PLAN, command=("run_performance_tests.py", "--demo", "--allow-host", "a.example"))
    assert shlex.split(replay_command(plan, "/runs/one", VIOLATIONS[0]))[5:] == []


@pytest.mark.parametrize(
    ("never", "expected"),
    [
        pytest.param([], replay_command(PLAN, "/runs/one", VIOLATIONS[0]), id="any"),
        pytest.param([0], replay_command(PLAN, "/runs/one", VIOLATIONS[1]), id="the first one that can be"),
        pytest.param([0, 1, 2], ReplayMessage.NEVER(why="no token"), id="none"),
    ],
)
def test_the_terminal_names_a_violation_that_can_be_replayed(never: list[int], expected: str) -> None:
    whys = ["no token" if place in never else "" for place in range(len(VIOLATIONS))]
    found = [replace(one, no_replay=why) for one, why in zip(VIOLATIONS, whys, strict=True)]
    text = render_summary(with_checks(replace(VIOLATED, violations=tuple(found))), folder=Path("/runs/one"))
    assert [line for line in text.splitlines() if line.startswith("Replay ")] == [f"Replay   {expected}"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            VIOLATED,
            CorrectnessText.CHECKED(held=CorrectnessText.CHECKS_HELD(held=13, checks=28), reached=3, rules=4),
            id="some did not hold",
        ),
        pytest.param(
            HEALTHY,
            CorrectnessText.CHECKED(held=CorrectnessText.CHECKS_HELD(held=28, checks=28), reached=3, rules=4),
            id="all held",
        ),
        pytest.param(
            ONLY_WATCHED,
            CorrectnessText.CHECKED(held=CorrectnessText.ANSWERS_HELD(held=1_240, answers=1_240), reached=1, rules=1),
            id="only answers of the load",
        ),
        pytest.param(UNREACHED, CorrectnessText.NO_RESULT(rules=3), id="nothing had a result"),
        pytest.param(replace(UNREACHED, rows=()), CorrectnessText.NO_CHECK(), id="no check was made"),
        *(
            pytest.param(
                Correctness(CheckLevel.OFF, why_off=off), CorrectnessText.NOT_CHECKED(why=OffText[off.name]()), id=off
            )
            for off in ChecksOff
        ),
    ],
)
def test_one_line_in_every_output(found: Correctness, expected: str) -> None:
    assert correctness_line(found) == expected
    assert len(expected) <= 80
    assert expected in render_summary(with_checks(found)).splitlines()


def test_checks_and_answers_that_are_watched_are_counted_apart() -> None:
    held = CorrectnessText.BOTH_HELD(held=28, checks=28, answers_held=1_240, answers=1_240)
    line = CorrectnessText.CHECKED(held=held, reached=4, rules=5)
    assert correctness_line(WATCHED) == line
    assert line in " ".join(render_summary(with_checks(WATCHED)).split())
    assert "28 of 28 checks" in held
    assert "1,240 of 1,240 watched answers" in held


def test_a_run_that_is_older_than_these_checks_does_not_mention_them() -> None:
    assert correctness_line(None) == ""
    assert "Correctness" not in render_summary(with_checks(None))


def test_how_much_of_the_load_they_were() -> None:
    assert cost_line(VIOLATED).fields == {
        "requests": 118, "load": 6_012, "share": pytest.approx(0.019627, abs=1e-6), "level": "sample",
    }  # fmt: skip


def test_answers_that_the_load_got_anyway_are_not_mistaken_for_requests_of_checks() -> None:
    assert cost_line(VIOLATED).details == ()
    assert [detail.code for detail in cost_line(WATCHED).details] == [CorrectnessText.WATCHED]


def test_a_violation_and_its_evidence() -> None:
    line = violation_line(VIOLATIONS[1])
    assert (line.fields["roles"], line.fields["count"], line.fields["at"]) == (
        "policyholder and junior_agent", 1, 1_772_357_433,
    )  # fmt: skip
    first, second = evidence_lines(VIOLATIONS[0])
    assert first.fields == {
        "actor": "policyholder#1", "request": "GET /api/v1/policies/7f3a", "answer": "HTTP 200", "at": 1_772_357_431,
        "request_id": "9b-1",
    }  # fmt: skip
    assert second.fields["actor"] == "policyholder#2"
    assert answer_of(replace(EVIDENCE[0], status=0)) == "no answer"


def test_the_headline_begins_with_them() -> None:
    message = headline(example_runs.wrong_under_load())
    assert message.code is Headline.FAILED
    assert message.fields["faults"] == Headline.WRONG_UNDER_LOAD(violations=3, invariants="isolation and permissions")
