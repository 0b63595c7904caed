"""What stands out at the top: findings, the operation that fails most, the role that suffers most, coverage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import Coverage, FailureGroup, FailureKind, Row, RunReport
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.report.page.facts import coverage_shown
from perfsuite.report.page.findings import Highlight, cards_of, highlights_of
from perfsuite.report.page.tables import suffers_most
from perfsuite.report.page.timeline import timeline_of
from tests.report import example_runs
from tests.report.example_runs import HOSTILE
from tests.report.made_load import START
from tests.report.watched_run import AT_S, onset


def highlights(report: RunReport) -> tuple[Highlight, ...]:
    return highlights_of(report, cards_of(report, timeline_of(report, ()), ()))


def test_two_findings_and_the_operation_that_failed_most_since_when_and_how() -> None:
    first, second, failed = highlights(example_runs.watched())
    assert first.text.startswith(
        "Response times rose (26 ms → 1,140 ms on average, most of it users.me as policyholder) from 00:30 on"
    )
    assert (first.anchor, second.anchor, failed.anchor) == ("finding-1", "finding-2", "failures-title")
    assert failed.text == (
        "users.me failed 332 times from 00:30 on (99.40 % of 334 failed requests), most often with http status: 503"
        " Service Unavailable: database pool exhausted."
    )


def test_how_much_slower_the_operation_became_stands_behind_the_finding() -> None:
    own = Evidence("avg_ms", "users.me as policyholder: mean time, 93 % of the time added", 6.0, 980.0, "ms", AT_S)
    finding = replace(onset(), evidence=(*onset().evidence, own))
    report = replace(example_runs.passed(), findings=(finding,))
    (only,) = highlights(report)
    assert only.text.endswith("sessions blocked by another session (0 → 5); users.me as policyholder: 6 ms → 980 ms")


def test_how_much_slower_is_not_said_twice() -> None:
    own = Evidence("avg_ms", "users.me as policyholder: mean time, 93 % of the time added", 6.0, 980.0, "ms", AT_S)
    finding = replace(onset(), headline="users.me took longer (6 ms → 980 ms on average)", evidence=(own,))
    (only,) = highlights(replace(example_runs.passed(), findings=(finding,)))
    assert only.text == "users.me took longer (6 ms → 980 ms on average)"


def test_what_got_slower_beside_failures_is_not_told_as_what_failed() -> None:
    own = Evidence("avg_ms", "users.me as policyholder: mean time, 93 % of the time added", 6.0, 980.0, "ms", AT_S)
    failed = Evidence("failure_rate", "requests that failed", 0.0, 0.04, "fraction", AT_S)
    finding = replace(onset(), headline="4 % of the requests failed (before: 0 %)", evidence=(failed, own))
    (only,) = highlights(replace(example_runs.passed(), findings=(finding,)))
    assert only.text.endswith("failed (before: 0 %); besides, users.me as policyholder: 6 ms → 980 ms")


def test_what_the_load_felt_is_told_first_however_many_findings_come_before_it() -> None:
    others = tuple(Finding(FindingKind.LIMIT, f"limit {number}", "storage") for number in range(3))
    report = replace(example_runs.passed(), findings=(*others, onset()))
    assert [each.anchor for each in highlights(report)] == ["finding-4", "finding-1"]


def test_nothing_stands_out_of_a_run_in_order() -> None:
    assert highlights(example_runs.passed()) == ()


def test_what_the_target_said_is_cut_and_on_one_line() -> None:
    group = FailureGroup("policyholder", "users.me", FailureKind.WRONG_ANSWER, HOSTILE * 9, 3, START, START, "id")
    report = example_runs.passed()
    (only,) = highlights(replace(report, summary=replace(report.summary, failures=(group,))))
    assert len(only.text) < 220
    assert "\x1b" not in only.text and "\u2028" not in only.text
    assert only.text.startswith("users.me failed 3 times from 00:00 on, most often with wrong answer: </script>")


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
    ("rows", "said"),
    [
        pytest.param(
            roles(junior_agent=(100, 5, 9.0), policyholder=(900, 20, 80.0)),
            "Junior agent suffers most: 5.00 % of its requests fail (5 of 100).",
            id="failures weigh more than waiting, and the share of them counts",
        ),
        pytest.param(
            roles(junior_agent=(100, 0, 9.0), policyholder=(900, 0, 80.0)),
            "Policyholder waits longest: 80 ms on average. No role has a failed request.",
            id="nothing failed",
        ),
        pytest.param(
            roles(junior_agent=(29, 29, 9.0), policyholder=(900, 0, 80.0), support_staff=(900, 0, 8.0)),
            "Policyholder waits longest: 80 ms on average.",
            id="a role with few requests is not compared",
        ),
        pytest.param(roles(policyholder=(900, 0, 80.0)), "", id="one role alone"),
    ],
)
def test_which_role_suffers_most(rows: list[Row], said: str) -> None:
    assert suffers_most(rows) == said


def test_coverage_in_a_sentence_and_each_gap() -> None:
    shown = coverage_shown(example_runs.failed().summary)
    assert shown.sentence == (
        "25 of 28 operations were exercised (counted for each role), but not tickets.status, policies.approve and"
        " leads.create. The target offers 33 operations, counted for each role. Not as planned: missing at the target"
        " (1), broken without any load (1), behaviours of which nothing is left (1), not possible for want of data (1),"
        " not reached in this run (1)."
    )
    assert (shown.gaps[-1].term, shown.gaps[-1].lines) == ("Not reached in this run", ("senior_agent / leads.create",))
    assert (shown.gaps[0].term, shown.gaps[0].lines) == ("Missing at the target", ("support_staff / tickets.status",))


@pytest.mark.parametrize(
    ("offered", "sentence"),
    [
        (34, "The target offers all that was planned: 34 operations, counted for each role."),
        (0, "What the target offers was not looked at before the load."),
    ],
)
def test_coverage_without_gaps(offered: int, sentence: str) -> None:
    summary = replace(example_runs.passed().summary, coverage=Coverage(offered, (), (), (), {}, ()))
    assert coverage_shown(summary).sentence == sentence
