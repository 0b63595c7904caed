"""Highlights: findings, the operation that fails most, the worst role, coverage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.messages import Message
from perfsuite.messages.page import PageMessage
from perfsuite.model import Coverage, FailureGroup, FailureKind, Row, RunReport
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.report.page.facts import coverage_section, offered_sentence
from perfsuite.report.page.findings import Highlight, failures_in_short, findings_section, highlights_of
from perfsuite.report.page.tables import worst_role
from perfsuite.report.page.timeline import timeline_of
from tests.report import example_runs
from tests.report.example_runs import HOSTILE
from tests.report.made_load import START
from tests.report.watched_run import AT_S, onset


def highlights(report: RunReport) -> tuple[Highlight, ...]:
    return highlights_of(report, findings_section(report, timeline_of(report, ()), ()))


def test_two_findings_and_the_operation_that_failed_most_since_when_and_how() -> None:
    first, second, failed = highlights(example_runs.watched())
    assert first.text.startswith(
        "Response times rose (26 ms → 1,140 ms on average, most of it users.me as policyholder) from 00:30 on"
    )
    assert (first.anchor, second.anchor, failed.anchor) == ("finding-1", "finding-2", "failures-title")
    message = failures_in_short(example_runs.watched())
    assert isinstance(message, Message)
    assert failed.text == f"{message}."
    assert message.code is PageMessage.FAILED_MOST
    assert (message.fields["operation"], message.fields["failed"], message.fields["all_failed"]) == (
        "users.me",
        332,
        334,
    )
    assert message.fields["since"].endswith("00:30")


def test_the_slowdown_of_the_operation_follows_the_finding() -> None:
    own = Evidence("avg_ms", "users.me as policyholder: mean time, 93 % of the time added", 6.0, 980.0, "ms", AT_S)
    finding = replace(onset(), evidence=(*onset().evidence, own))
    report = replace(example_runs.passed(), findings=(finding,))
    (only,) = highlights(report)
    assert only.text.endswith("sessions blocked by another session (0 → 5); users.me as policyholder: 6 ms → 980 ms")


def test_the_slowdown_is_not_repeated() -> None:
    own = Evidence("avg_ms", "users.me as policyholder: mean time, 93 % of the time added", 6.0, 980.0, "ms", AT_S)
    finding = replace(onset(), headline="users.me took longer (6 ms → 980 ms on average)", evidence=(own,))
    (only,) = highlights(replace(example_runs.passed(), findings=(finding,)))
    assert only.text == "users.me took longer (6 ms → 980 ms on average)"


def test_an_operation_that_became_slower_is_not_named_as_failing() -> None:
    own = Evidence("avg_ms", "users.me as policyholder: mean time, 93 % of the time added", 6.0, 980.0, "ms", AT_S)
    failed = Evidence("failure_rate", "requests that failed", 0.0, 0.04, "fraction", AT_S)
    finding = replace(onset(), headline="4 % of the requests failed (before: 0 %)", evidence=(failed, own))
    (only,) = highlights(replace(example_runs.passed(), findings=(finding,)))
    assert only.text.endswith("failed (before: 0 %); also users.me as policyholder: 6 ms → 980 ms")


def test_changes_of_the_load_come_first() -> None:
    others = tuple(Finding(FindingKind.LIMIT, f"limit {number}", "storage") for number in range(3))
    report = replace(example_runs.passed(), findings=(*others, onset()))
    assert [each.anchor for each in highlights(report)] == ["finding-4", "finding-1"]


def test_a_normal_run_has_no_highlights() -> None:
    assert highlights(example_runs.passed()) == ()


def test_messages_of_the_target_are_cut_and_on_one_line() -> None:
    group = FailureGroup("policyholder", "users.me", FailureKind.WRONG_ANSWER, HOSTILE * 9, 3, START, START, "id")
    report = example_runs.passed()
    (only,) = highlights(replace(report, summary=replace(report.summary, failures=(group,))))
    assert len(only.text) < 220
    assert "\x1b" not in only.text and "\u2028" not in only.text
    assert "wrong answer: </script>" in only.text


def roles(**changed: tuple[int, int, float]) -> list[Row]:
    """Role → requests, failures, average."""
    statistics = example_runs.passed().summary.totals
    return [
        Row(
            "steady", role, "all", "all",
            replace(statistics, requests=count, failures=failed, failure_rate=failed / count, avg_ms=average),
        )
        for role, (count, failed, average) in changed.items()
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            roles(junior_agent=(100, 5, 9.0), policyholder=(900, 20, 80.0)),
            PageMessage.HIGHEST_FAILURE_RATE(role="Junior agent", share=0.05, failed=5, requests=100),
            id="failures weigh more than waiting, and the share of them counts",
        ),
        pytest.param(
            roles(junior_agent=(100, 0, 9.0), policyholder=(900, 0, 80.0)),
            PageMessage.SLOWEST_ROLE_NO_FAILURE(role="Policyholder", avg_ms=80.0),
            id="nothing failed",
        ),
        pytest.param(
            roles(junior_agent=(29, 29, 9.0), policyholder=(900, 0, 80.0), support_staff=(900, 0, 8.0)),
            PageMessage.SLOWEST_ROLE(role="Policyholder", avg_ms=80.0),
            id="a role with few requests is not compared",
        ),
        pytest.param(roles(policyholder=(900, 0, 80.0)), None, id="one role alone"),
    ],
)
def test_the_worst_role(rows: list[Row], expected: Message | None) -> None:
    assert worst_role(rows) == expected


def test_coverage_in_a_sentence_and_each_gap() -> None:
    shown = coverage_section(example_runs.failed().summary)
    message = offered_sentence(example_runs.failed().summary, shown.gaps)
    assert (message.code, message.fields["offered"]) == (PageMessage.GAPS, 33)
    assert shown.sentence.endswith(f"{message}.")
    assert [(gap.term, len(gap.lines)) for gap in shown.gaps] == [
        ("Missing at the target", 1),
        ("Failing without load", 1),
        ("Behaviours without remaining steps", 1),
        ("Not possible for lack of data", 1),
        ("Not reached in this run", 1),
    ]
    assert shown.gaps[-1].lines == ("senior_agent / leads.create",)
    assert shown.gaps[0].lines == ("support_staff / tickets.status",)


@pytest.mark.parametrize(("offered", "code"), [(34, PageMessage.ALL_OFFERED), (0, PageMessage.NOT_CHECKED)])
def test_coverage_without_gaps(offered: int, code: PageMessage) -> None:
    summary = replace(example_runs.passed().summary, coverage=Coverage(offered, (), (), (), {}, ()))
    assert offered_sentence(summary, ()).code is code
    assert coverage_section(summary).gaps == ()
