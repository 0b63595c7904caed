"""Plans and summaries with just the figures that a judgement looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perfsuite.model import (
    ALL,
    Coverage,
    GeneratorHealth,
    Plan,
    Reconciliation,
    Row,
    Scenario,
    Statistics,
    Summary,
    Target,
    UserCounts,
    WholeRun,
)
from perfsuite.model.role import Behaviour, Role, Step

AVERAGE = Target("average response time", "avg_ms", 500, True)
P95 = Target("95th percentile", "p95_ms", 2000, True)
FAILURES = Target("failure rate", "failure_rate", 0.01, True, information_in=("stress",))
THROUGHPUT = Target("throughput", "rps", 100, False)
USERS = Target("concurrent users", "concurrent_users", 200, False)
FIVE = (AVERAGE, P95, FAILURES, THROUGHPUT, USERS)

READER = Role("reader", "Reader", (), 2, 1, 3, (Behaviour("browsing", 1, (Step("policies.list"),)),))
WRITER = Role("writer", "Writer", (), 1, 1, 1, (Behaviour("creating", 1, (Step("policies.create"),)),))
ROLES = (READER, WRITER)
"""At 500 ms a reader offers 1 / 2.5 = 0.4 requests/s, a writer 1 / 1.5 = 0.667."""


def figures(requests: int = 10_000, failures: int = 0, **known: Any) -> Statistics:
    """Figures of a healthy minute, except for what is given."""
    values: dict[str, Any] = {
        "failure_rate": failures / requests if requests else None,
        "rps": requests / 60,
        "avg_ms": 40.0,
        "min_ms": 5.0,
        "max_ms": 900.0,
        "p50_ms": 30.0,
        "p75_ms": 50.0,
        "p90_ms": 80.0,
        "p95_ms": 120.0,
        "p99_ms": 300.0,
        "p999_ms": 700.0,
    }
    return Statistics(requests, failures, **(values | known))


def row(role: str, behaviour: str, operation: str, statistics: Statistics) -> Row:
    return Row("steady", role, behaviour, operation, statistics)


def make_plan(
    *targets: Target, scenario: str = "acceptance", users: Mapping[str, int] | None = None, **more: Any
) -> Plan:
    by_role = dict(users or {"reader": 150, "writer": 90})
    return Plan(
        run_id="acceptance_20260301_093000",
        scenario=Scenario(scenario, sum(by_role.values()), 20, 300),
        host="http://staging-api.agentmitra.com",
        users_by_role=by_role,
        targets=targets or FIVE,
        allowed_hosts=("localhost",),
        seed=1,
        created_at="2026-03-01T09:30:00Z",
        **more,
    )


def make_summary(plan: Plan, totals: Statistics | None = None, *rows: Row, **changed: Any) -> Summary:
    """A valid summary with a steady state of 60 s and these totals."""
    totals = totals or figures()
    summary = Summary(
        run_id=plan.run_id,
        scenario=plan.scenario.name,
        host=plan.host,
        started_at=plan.created_at,
        duration_s=plan.scenario.duration_s,
        steady_s=60.0,
        steady_start=1_772_357_420,
        steady_end=1_772_357_480,
        users=UserCounts(plan.scenario.users, plan.scenario.users, dict(plan.users_by_role)),
        totals=totals,
        rows=(row(ALL, ALL, ALL, totals), *rows),
        behaviours=(),
        seconds=(),
        second_rows=(),
        failures=(),
        whole_run=WholeRun(totals.requests, totals.failures, 0),
        generator=GeneratorHealth(1, 40.0, 2.0, 0),
        coverage=Coverage(20, (), (), (), {}, ()),
        reconciliation=Reconciliation(totals.requests, totals.requests, None),
        cleanup=None,
        target_lost_at=None,
        ended="completed",
        environment={},
    )
    return replace(summary, **changed)


def peak_of(plan: Plan, **by_role: int) -> UserCounts:
    return UserCounts(plan.scenario.users, sum(by_role.values()), by_role)
