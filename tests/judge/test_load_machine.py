"""Failures on limits of the load machine: never the target's, and the run says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.judge.load_machine import limits_met
from perfsuite.messages.failures import GeneratorLimit
from perfsuite.messages.reasons import Detail, GeneratorFix, Reason
from perfsuite.model import FailureGroup, FailureKind, Outcome, Statistics, TargetOutcome, WholeRun
from tests.judge.codes import codes, details
from tests.judge.made_summaries import AVERAGE, figures, make_plan, make_summary
from tests.judge.test_verdict import SLOW, verdict_of


def group(
    count: int, kind: FailureKind = FailureKind.GENERATOR, message: str = "", role: str = "reader"
) -> FailureGroup:
    return FailureGroup(role, "policies.list", kind, message or GeneratorLimit.OPEN_FILES.value, count, 100, 120, "")


@pytest.mark.parametrize("limit", GeneratorLimit)
def test_every_limit_has_its_fix(limit: GeneratorLimit) -> None:
    groups = (group(2, message=limit.value), group(3, message=limit.value, role="writer"))
    (reason,) = limits_met(make_summary(make_plan(), failures=groups))
    assert reason == Reason.GENERATOR_LIMIT(failed=5, cause=limit.value, fix=GeneratorFix[limit.name]())


def test_limits_are_named_by_how_often_they_were_met() -> None:
    groups = (group(1), group(4, message=GeneratorLimit.LOCAL_PORTS.value), group(2, message="of a later version"))
    reasons = list(limits_met(make_summary(make_plan(), failures=groups)))
    assert [reason.fields["failed"] for reason in reasons] == [4, 2, 1]
    assert reasons[1].fields["fix"].code is GeneratorFix.UNKNOWN


@pytest.mark.parametrize(
    ("totals", "groups", "outcome", "failure_rate"),
    [
        pytest.param(
            figures(10_000, 1), [group(1)], Outcome.INCONCLUSIVE, TargetOutcome.MET,
            id="one is enough: less load than planned",
        ),
        pytest.param(
            figures(10_000, 5_000), [group(5_000)], Outcome.INCONCLUSIVE, TargetOutcome.NOT_JUDGED,
            id="half of the requests, and none the target's",
        ),
        pytest.param(
            figures(10_000, 5_075), [group(5_000), group(75, FailureKind.STATUS, "HTTP 500")], Outcome.FAIL,
            TargetOutcome.MISSED, id="75 of the 5,000 that reached the target are 1.5 %",
        ),
        pytest.param(
            figures(10_000, 5_025), [group(5_000), group(25, FailureKind.STATUS, "HTTP 500")], Outcome.INCONCLUSIVE,
            TargetOutcome.NOT_JUDGED, id="25 of the 5,000 are 0.5 %",
        ),
        pytest.param(
            figures(10_000, 10_000), [group(10_000)], Outcome.INCONCLUSIVE, TargetOutcome.NOT_JUDGED,
            id="nothing reached the target",
        ),
        pytest.param(
            figures(10_000, 300), [group(1), group(299, FailureKind.TIMEOUT, "no answer in time")], Outcome.FAIL,
            TargetOutcome.MISSED, id="timeouts of a healthy generator stay the target's",
        ),
    ],
)  # fmt: skip
def test_they_never_fail_a_run(
    totals: Statistics, groups: list[FailureGroup], outcome: Outcome, failure_rate: TargetOutcome
) -> None:
    whole = WholeRun(totals.requests, totals.failures, 0)
    verdict = verdict_of(make_plan(), totals, failures=tuple(groups), whole_run=whole)

    assert verdict.outcome is outcome
    (judged,) = (target.outcome for target in verdict.targets if target.metric == "failure_rate")
    assert judged is failure_rate
    said = [*codes(verdict.reasons), *codes(verdict.notes)]  # type: ignore[arg-type]
    assert Reason.GENERATOR_LIMIT in said


def test_a_failure_rate_that_they_alone_miss_says_so() -> None:
    verdict = verdict_of(make_plan(), figures(10_000, 5_000), failures=(group(5_000),))
    (target,) = (target for target in verdict.targets if target.metric == "failure_rate")
    assert Detail.GENERATOR_CAUSED in details(target.reason)  # type: ignore[arg-type]


def test_a_slow_target_is_not_judged_by_less_load_than_planned() -> None:
    verdict = verdict_of(make_plan(), SLOW, failures=(group(1),))
    assert (verdict.outcome, verdict.targets[0].outcome) == (Outcome.INCONCLUSIVE, TargetOutcome.NOT_JUDGED)


@pytest.mark.parametrize(
    ("groups", "outcome"),
    [
        pytest.param([group(5_000)], Outcome.INCONCLUSIVE, id="they do not count as failed"),
        pytest.param([group(9_000), group(12, FailureKind.STATUS, "HTTP 500")], Outcome.FAIL, id="nor as requests"),
    ],
)
def test_without_a_target_on_the_failure_rate(groups: list[FailureGroup], outcome: Outcome) -> None:
    failed = sum(each.count for each in groups)
    changed: dict[str, Any] = {"failures": tuple(groups), "whole_run": WholeRun(10_000, failed, 0)}
    assert verdict_of(make_plan(AVERAGE), figures(10_000, failed), **changed).outcome is outcome
