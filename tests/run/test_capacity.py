"""The visits of a search and the records of its run → what it found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.model import CapacityPlan, SearchBy, Target, VisitPhase, VisitRecord
from perfsuite.run.capacity import capacity_report, searched_targets
from tests.summary.made_records import START, Process, make_plan

P95 = Target("p95", "p95_ms", 500, below=True)


def test_recovery_is_counted_from_the_order_for_less_load_since_users_leave_after_their_requests() -> None:
    process = Process()
    plan = replace(make_plan(targets=(P95,)), capacity=CapacityPlan(SearchBy.USERS, 8, 1000, 60))
    too_slow = [process.requests(second, [2000.0] * 20) for second in range(10)]
    fast = [process.requests(second, [50.0] * 20) for second in range(22, 30)]
    visits = (
        VisitRecord(1, 64, VisitPhase.BRACKET, START, START + 10, aborted=True),
        VisitRecord(2, 8, VisitPhase.RECOVERY, START + 22, START + 30, change_s=12),
    )
    found = capacity_report(plan, visits, Aggregate.of([*too_slow, *fast]))

    assert found is not None
    assert [visit.recovered_s for visit in found.visits] == [None, 12 + 3]
    assert found.answer.recovery_s == 15


def test_failures_decide_also_where_the_target_on_them_is_information() -> None:
    failures = Target("failures", "failure_rate", 0.01, below=True, information_in=("basic",))
    searched, _others = searched_targets(make_plan(targets=(P95, failures)))

    assert [each.target.name for each in searched] == [P95.name, "failed requests"]


@pytest.mark.parametrize(("limit_ms", "failed"), [(500, True), (5000, False)])
def test_a_load_that_was_given_up_may_meet_other_targets(limit_ms: float, failed: bool) -> None:
    process = Process()
    target = replace(P95, limit=limit_ms)
    plan = replace(make_plan(targets=(target,)), capacity=CapacityPlan(SearchBy.USERS, 64, 1000, 60))
    records = [process.requests(second, [2500.0] * 60, ended=60) for second in range(12)]
    visit = VisitRecord(1, 64, VisitPhase.BRACKET, START, START + 12, aborted=True)
    found = capacity_report(plan, [visit], Aggregate.of(records), other_targets=True)

    assert found is not None
    (level,) = found.answer.levels
    assert (level.failed, level.aborted, level.passed) == (failed, failed, not failed)


def test_a_recovery_that_did_not_end_is_none_though_others_did() -> None:
    process = Process()
    plan = replace(make_plan(targets=(P95,)), capacity=CapacityPlan(SearchBy.USERS, 8, 1000, 60))
    fast = [process.requests(second, [50.0] * 20) for second in (*range(10, 16), *range(40, 50))]
    slow = [process.requests(second, [2000.0] * 20) for second in (*range(10), *range(16, 40))]
    visits = (
        VisitRecord(1, 64, VisitPhase.BRACKET, START, START + 10, aborted=True),
        VisitRecord(2, 8, VisitPhase.RECOVERY, START + 10, START + 16),
        VisitRecord(3, 64, VisitPhase.BISECT, START + 16, START + 26, aborted=True),
        VisitRecord(4, 8, VisitPhase.RECOVERY, START + 26, START + 40),
        VisitRecord(5, 8, VisitPhase.BISECT, START + 40, START + 50),
    )
    found = capacity_report(plan, visits, Aggregate.of([*fast, *slow]))

    assert found is not None
    assert [visit.recovered_s for visit in found.visits] == [None, 3, None, None, None]
    assert found.answer.recovery_s is None
