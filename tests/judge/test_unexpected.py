"""A run in which many requests failed is no PASS, whatever its targets are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.errors import EXIT_FAIL, EXIT_PASS
from perfsuite.judge import judge
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import (
    FailureGroup,
    FailureKind,
    FailurePattern,
    GeneratorHealth,
    Outcome,
    Plan,
    Target,
    Verdict,
    WholeRun,
)
from perfsuite.summary import build
from tests.judge.made_summaries import AVERAGE, FAILURES, P95, ROLES, figures, make_plan, make_summary, row
from tests.summary import made_records

STATUS, TIMEOUT, UNFINISHED = FailureKind.STATUS, FailureKind.TIMEOUT, FailureKind.UNFINISHED
SCOPED = replace(FAILURES, operation="policies.create", limit=0.5, information_in=())
SATURATED = GeneratorHealth(1, 99.0, 2.0, 0, 95.0, 95.0, 0.9)


def failed(count: int, kind: str = STATUS, operation: str = "policies.list") -> FailureGroup:
    return FailureGroup("reader", operation, kind, "HTTP 500", count, 100, 120, "id-1")


def verdict_of(plan: Plan, *groups: FailureGroup, requests: int = 10_000, **changed: Any) -> Verdict:
    failures = sum(group.count for group in groups)
    summary = make_summary(
        plan, figures(requests, failures), ok=figures(requests - failures), failures=groups, **changed
    )
    return judge(plan, replace(summary, whole_run=WholeRun(requests, failures, 0)), ROLES)


def test_http_500_for_most_requests_fails_a_run_whose_target_limits_only_response_time() -> None:
    """From the records on: 3 of 4 requests are answered at once with HTTP 500."""
    plan = made_records.make_plan(targets=(AVERAGE,))
    one = made_records.Process()
    requests = [one.requests(second, [40.0] * 5, [1.0] * 15, ended=20) for second in range(22)]
    users = [one.users(second, reader=2, writer=1) for second in range(22)]
    records = made_records.steady_run(one, [*requests, *users, one.end(440)])
    summary = build(plan, Aggregate.of(records), preflight=None, roles=made_records.ROLES)

    verdict = judge(plan, summary, made_records.ROLES)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.FAIL, EXIT_FAIL)
    reason = verdict.reasons[0]
    assert (reason.code, reason.fields["failed"], reason.fields["requests"]) == (Reason.TOO_MANY_FAILED, 330, 440)
    (average,) = verdict.targets
    assert average.observed == 40.0


@pytest.mark.parametrize(
    ("groups", "requests", "outcome"),
    [
        pytest.param([failed(100)], 10_000, Outcome.PASS, id="1 % is not more than 1 %"),
        pytest.param([failed(101)], 10_000, Outcome.FAIL, id="more than 1 %"),
        pytest.param([failed(60), failed(60, TIMEOUT)], 10_000, Outcome.FAIL, id="all kinds together"),
        pytest.param([failed(300, UNFINISHED)], 10_000, Outcome.PASS, id="cut off by the end of the load"),
        pytest.param([failed(1)], 60, Outcome.PASS, id="one of few requests proves nothing"),
        pytest.param([failed(2)], 60, Outcome.FAIL, id="two are too many, however the next forty had ended"),
    ],
)
def test_from_where_on_failures_fail_a_run(groups: Sequence[FailureGroup], requests: int, outcome: Outcome) -> None:
    assert verdict_of(make_plan(AVERAGE), *groups, requests=requests).outcome is outcome


@pytest.mark.parametrize(
    ("count", "fewer"),
    [
        pytest.param(103, None, id="three more than allowed"),
        pytest.param(102, 2, id="with two fewer it would have passed"),
        pytest.param(101, 1, id="with one"),
    ],
)
def test_a_run_that_two_failures_fewer_would_have_passed_is_too_close_to_call(count: int, fewer: int | None) -> None:
    (reason,) = verdict_of(make_plan(AVERAGE), failed(count)).reasons
    close = [detail for detail in reason.details if detail.code is Detail.FAILURES_FEWER_RUN]
    assert [detail.fields["failures"] for detail in close] == ([fewer] if fewer else [])


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(replace(FAILURES, limit=0.5), id="a gate that allows more"),
        pytest.param(replace(FAILURES, information_in=("acceptance",)), id="for information"),
    ],
)
def test_a_target_on_the_failure_rate_replaces_the_rule(target: Target) -> None:
    verdict = verdict_of(make_plan(AVERAGE, target), failed(3_000))
    assert (verdict.outcome, verdict.exit_code) == (Outcome.PASS, EXIT_PASS)


def test_one_that_holds_in_other_scenarios_does_not() -> None:
    elsewhere = replace(FAILURES, limit=0.5, scenarios=("stress",))
    assert verdict_of(make_plan(AVERAGE, elsewhere), failed(3_000)).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [
        pytest.param("policies.create", Outcome.PASS, id="failures of the operation that the target is about"),
        pytest.param("policies.list", Outcome.FAIL, id="failures of another one"),
    ],
)
def test_a_target_of_one_operation_replaces_the_rule_there_only(operation: str, outcome: Outcome) -> None:
    plan = make_plan(AVERAGE, SCOPED)
    rows = (
        row("reader", "browsing", "policies.list", figures(2_000)),
        row("writer", "creating", "policies.create", figures(8_000)),
    )
    summary = make_summary(plan, figures(10_000, 100), *rows, failures=(failed(100, operation=operation),))
    verdict = judge(plan, summary, ROLES)
    assert verdict.outcome is outcome
    if outcome is Outcome.FAIL:
        assert (verdict.reasons[0].code, verdict.reasons[0].fields["requests"]) == (
            Reason.TOO_MANY_FAILED_OUTSIDE,
            2_000,
        )


def test_what_failed_within_the_scope_of_a_target_is_no_reason_outside_it() -> None:
    plan = make_plan(AVERAGE, SCOPED)
    rows = (
        row("reader", "browsing", "policies.list", figures(2_000, 100)),
        row("writer", "creating", "policies.create", figures(8_000, 900)),
    )
    groups = (
        failed(100),
        FailureGroup("writer", "policies.create", STATUS, "HTTP 503", 900, 100, 120, "id-2"),
    )
    patterns = (
        FailurePattern(STATUS, "HTTP 503", 900, ("policies.create",), ("writer",), 100, 120),
        FailurePattern(STATUS, "HTTP 500", 100, ("policies.list",), ("reader",), 100, 120),
    )
    summary = make_summary(plan, figures(10_000, 1_000), *rows, failures=groups, failure_patterns=patterns)
    reason = judge(plan, summary, ROLES).reasons[0]
    assert (reason.code, reason.fields["failed"]) == (Reason.TOO_MANY_FAILED_OUTSIDE, 100)
    assert reason.details == (Detail.PATTERNS(patterns=patterns[1].sentence),)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        pytest.param(TIMEOUT, Outcome.INCONCLUSIVE, id="timeouts of a saturated generator may be its own"),
        pytest.param(STATUS, Outcome.FAIL, id="what the target answered itself is not"),
    ],
)
def test_failures_of_a_generator_that_was_not_fit(kind: str, outcome: Outcome) -> None:
    assert verdict_of(make_plan(P95), failed(3_000, kind), generator=SATURATED).outcome is outcome


def test_a_rate_limit_is_explained_where_it_fails_the_run() -> None:
    plan = make_plan(AVERAGE)
    limited = failed(400, FailureKind.RATE_LIMIT)
    summary = make_summary(
        plan, figures(10_000, 400), ok=figures(9_600), failures=(limited,), whole_run=WholeRun(10_000, 400, 0, 400)
    )
    first, second = judge(plan, summary, ROLES).reasons
    assert (first.code, first.fields["failed"]) == (Reason.TOO_MANY_FAILED, 400)
    assert (second.code, second.fields["limited"]) == (Reason.RATE_LIMITED, 400)
