"""The visits of a search and the records of its run → what it found."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.model import CapacityPlan, SearchBy, Target, VisitPhase, VisitRecord
from perfsuite.run.capacity import capacity_report
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
