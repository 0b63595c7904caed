"""Made-up finished runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from perfsuite.model import ALL, Outcome, Statistics
from perfsuite.model.fingerprint import (
    Caching,
    Cost,
    CostState,
    DatabaseInfo,
    Fingerprint,
    OperationCost,
    RequestCost,
    Spread,
    StatementCost,
    StatementKind,
)
from perfsuite.model.history import Conditions, Measured, PastRun

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
OPERATIONS = (("policyholder", "policies.list"), ("policyholder", "users.me"), ("senior_agent", "policies.list"))


def conditions(**changed: Any) -> Conditions:
    usual = Conditions(
        scenario="basic",
        scenario_digest="d1",
        users_by_role={"policyholder": 3, "senior_agent": 1},
        host="http://staging:8015",
        data_size={"users": 100, "policies": 1_000},
        machine="Linux x86_64, 2 × a processor, 8 GiB",
        suite_version="0.1.0",
    )
    return replace(usual, **changed)


def statistics(avg_ms: float, requests: int = 400) -> Statistics:
    return Statistics(
        requests, 2, 2 / requests, 8.25, avg_ms, 1.5, avg_ms * 9, avg_ms * 0.9, avg_ms * 1.2, avg_ms * 1.6,
        avg_ms * 2, None, None,
    )  # fmt: skip


def measured(avg_ms: float = 20.0) -> tuple[Measured, ...]:
    keys = [(ALL, ALL), ("policyholder", ALL), ("senior_agent", ALL), (ALL, "policies.list"), *OPERATIONS]
    return tuple(Measured(role, operation, statistics(avg_ms + place)) for place, (role, operation) in enumerate(keys))


def run(number: int = 1, **changed: Any) -> PastRun:
    """The runs of a history begin ten minutes after each other and take one."""
    began = BEGAN + timedelta(minutes=10 * number)
    usual = PastRun(
        run_id=f"basic_{began:%Y%m%d_%H%M%S}",
        started_at=began.isoformat(timespec="seconds"),
        ended_at=(began + timedelta(minutes=1)).isoformat(timespec="seconds"),
        folder=f"basic_{began:%Y%m%d_%H%M%S}",
        outcome=Outcome.PASS,
        exit_code=0,
        conditions=conditions(),
        measured=measured(20.0 + number),
        label="nightly",
        release="1.0",
        target_version="2.3.1",
        steady_s=49.0,
    )
    return replace(usual, **changed)


def fingerprint(queries: int = 3, *, rows: int = 20, operation: str = "policies.list") -> Fingerprint:
    """One operation that runs so many queries and reads so many rows in each of three requests."""
    asked = Cost(queries=queries, rows=rows, shared_hit_blocks=40, execution_ms=0.4)
    requests = tuple(RequestCost(call, asked, True, "same", 0, 4.2, rows) for call in range(3))
    spread, one = Spread(queries, queries), Spread(rows, rows)
    text = "SELECT policies.policy_id FROM policies WHERE policyholder_id = $1" + ", more" * 60
    statement = StatementCost("shape", text, ("17", "18"), StatementKind.QUERY, spread, one, Spread(40, 40), 0.4)
    begin = replace(statement, shape="begin", text="BEGIN", kind=StatementKind.TRANSACTION)
    cost = OperationCost(
        "policyholder", operation, "GET", "/api/v1/policies/", False, CostState.YES, "", requests, (statement, begin),
        (), Caching.NONE, ("a note",),
    )  # fmt: skip
    info = DatabaseInfo("agentmitra", "17.2", "1.11", True, True, True)
    return Fingerprint("run", "http://staging:8015", BEGAN.isoformat(), 2, info, (cost,), (), ("a note",))
