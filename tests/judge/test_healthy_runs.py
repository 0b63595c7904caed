"""Two hundred healthy runs, and what may be said of them; and sick ones beside them, so that the test can fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import msgspec
import pytest

from perfsuite.judge import judge
from perfsuite.measurements import Actions, Generator, Record, Users
from perfsuite.model import Outcome, Verdict
from perfsuite.roles import ROLES
from perfsuite.summary import build
from tests.judge.healthy_runs import START, Healthy, records_of, some

RUNS = 200


def verdict_of(run: Healthy, records: Sequence[Record]) -> Verdict:
    plan = run.plan()
    return judge(plan, build(plan, records, preflight=None, roles=ROLES), ROLES)


@cache
def healthy_verdicts() -> list[tuple[Healthy, Verdict]]:
    return [(run, verdict_of(run, records_of(run))) for run in map(some, range(RUNS))]


def test_no_healthy_run_is_inconclusive() -> None:
    doubted = [(run, verdict.reasons) for run, verdict in healthy_verdicts() if verdict.outcome is Outcome.INCONCLUSIVE]
    assert doubted == []


def test_healthy_runs_are_rarely_said_to_drift() -> None:
    told = Counter(
        note.split(" within the steady state")[0]
        for _, verdict in healthy_verdicts()
        for note in verdict.notes
        if "within the steady state" in note
    )
    print(dict(told))  # noqa: T201  the rate is shown with `pytest -s`
    assert told.total() <= 0.02 * RUNS


SICK = Healthy(users=40, duration_s=60, spawn_rate=20, median_ms=20, memory=0.5, level_sd=0.1, seed=3)


def half_the_pauses(record: Record) -> Record:
    return msgspec.structs.replace(record, pause_us=record.pause_us // 2) if isinstance(record, Actions) else record


def busy(record: Record) -> Record:
    return msgspec.structs.replace(record, cpu_percent=97.0) if isinstance(record, Generator) else record


def starved(record: Record) -> Record:
    if not isinstance(record, Generator):
        return record
    return msgspec.structs.replace(record, cpu_percent=48.0, waited_percent=50.0)


def half_the_users(record: Record) -> Record:
    """From the middle of the run on."""
    if not isinstance(record, Users) or record.second < START + SICK.duration_s / 2:
        return record
    return msgspec.structs.replace(record, by_role={role: users // 2 for role, users in record.by_role.items()})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(half_the_pauses, "Little's law does not hold for", id="users spend time on what is not recorded"),
        pytest.param(half_the_users, "users ended before the load did: from 09:30:31 UTC on", id="users leave"),
        pytest.param(busy, "the load generator was saturated: its process used 97 %", id="no core left"),
        pytest.param(
            starved, "the load generator was saturated: its process used 48 % of a core on average, waited for one",
            id="a neighbour has the other half of the core",
        ),
    ],
)  # fmt: skip
def test_the_same_run_with_something_wrong_is_inconclusive(change: Callable[[Record], Record], reason: str) -> None:
    verdict = verdict_of(SICK, [change(record) for record in records_of(SICK)])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].startswith(reason)


def test_three_seconds_are_inconclusive() -> None:
    short = replace(SICK, duration_s=3)
    verdict = verdict_of(short, records_of(short))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[0].startswith("too little was measured") or "no steady state" in verdict.reasons[-1]
