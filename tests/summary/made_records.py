"""Records of made-up runs, written as a load process writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import (
    Actions,
    Arrivals,
    End,
    ErrorCount,
    Generator,
    NotPossible,
    NotStarted,
    Phase,
    Record,
    Requests,
    SuiteErrors,
    Times,
    Users,
    WorkerLost,
    times_of,
)
from perfsuite.model import Arrival, FailureKind, Plan, Scenario, Target
from perfsuite.model.failures import stays_in
from perfsuite.model.role import Behaviour, Role, Step

START = 1_772_357_400
Where = tuple[str, str, str]
BROWSING = ("reader", "browsing", "policies.list")

READER = Role(
    "reader",
    "Reader",
    (),
    2,
    1,
    3,
    (
        Behaviour("browsing", 3, (Step("policies.list"), Step("policies.read"))),
        Behaviour("checking", 1, (Step("users.me"), Step("policies.read", every=5))),
    ),
)
WRITER = Role("writer", "Writer", (), 1, 1, 1, (Behaviour("creating", 1, (Step("policies.create"),)),))
ROLES = (READER, WRITER)


def make_plan(
    users: int = 3, duration_s: float = 60, targets: tuple[Target, ...] = (), arrival: Arrival | None = None
) -> Plan:
    writers = users // 3
    return Plan(
        run_id="basic_20260301_093000",
        scenario=Scenario("basic", users, 1, duration_s, arrival=arrival),
        host="http://localhost:8015",
        users_by_role={"reader": users - writers, "writer": writers},
        targets=targets,
        allowed_hosts=("localhost",),
        seed=1,
        created_at="2026-03-01T09:30:00Z",
    )


def times(values_ms: Iterable[float]) -> Times:
    histogram = Histogram()
    for value in values_ms:
        histogram.add(round(value * 1000))
    return times_of(histogram)


class Process:
    """One load process: every record gets its name and the next sequence number. Seconds count from the start."""

    def __init__(self, name: str = "1") -> None:
        self.name = name
        self.numbers = count(1)

    def requests(
        self,
        second: int,
        ok_ms: Sequence[float] = (),
        failed_ms: Sequence[float] = (),
        *,
        where: Where = BROWSING,
        kind: str = FailureKind.STATUS,
        message: str = "answered 500",
        **parts: Any,
    ) -> Requests:
        """All failures are of one kind, and recorded as a load process does: which of them stay in and have ended."""
        number = next(self.numbers)
        errors = [ErrorCount(kind, message, len(failed_ms), f"id-{number}")] if failed_ms else []
        told = {name: part if isinstance(part, int) else times(part) for name, part in parts.items()}
        if failed_ms:
            told.setdefault("ended_failed", min(len(failed_ms), told.get("ended", 0)))
            told["waited"] = times([value for value in failed_ms if stays_in(kind, round(value * 1000))])
        return Requests(self.name, number, START + second, *where, times(ok_ms), times(failed_ms), errors, **told)

    def not_started(self, second: int, waited_ms: Sequence[float], *, where: Where = BROWSING) -> NotStarted:
        return NotStarted(self.name, next(self.numbers), START + second, *where, times(waited_ms))

    def arrivals(
        self, second: int, due: int, lag_ms: Sequence[float], waiting: int = 0, beginnings: int = 0
    ) -> Arrivals:
        number, begun = next(self.numbers), len(lag_ms)
        return Arrivals(self.name, number, START + second, due, begun, times(lag_ms), waiting, beginnings)

    def actions(
        self, second: int, actions: int, succeeded: int, *, role: str = "reader", behaviour: str = "browsing"
    ) -> Actions:
        took = times([100.0] * actions)
        return Actions(self.name, next(self.numbers), START + second, role, behaviour, actions, succeeded, took)

    def acts(self, second: int, took_ms: Sequence[float], pauses_ms: Sequence[float], role: str = "reader") -> Actions:
        """Actions of known length, and the pauses that began in the same second."""
        paused_us = round(sum(pauses_ms) * 1000)
        number, count = next(self.numbers), len(took_ms)
        place = (self.name, number, START + second, role, "browsing")
        return Actions(*place, count, count, times(took_ms), len(pauses_ms), paused_us)

    def not_possible(self, second: int, operation: str, times_: int, why: str = "") -> NotPossible:
        number = next(self.numbers)
        return NotPossible(self.name, number, START + second, "reader", "browsing", operation, times_, why)

    def users(self, second: int, logging_in: int = 0, **by_role: int) -> Users:
        return Users(self.name, next(self.numbers), START + second, by_role, logging_in)

    def generator(
        self,
        second: int,
        cpu: float,
        lag_ms: Sequence[float] = (),
        pauses_ms: Sequence[float] = (),
        waited: float | None = None,
        span_s: float = 1.0,
        **more: Any,
    ) -> Generator:
        health = (cpu, times(lag_ms), 50_000_000, times(pauses_ms), waited, span_s)
        return Generator(self.name, next(self.numbers), START + second, *health, **more)

    def lost(self, at: float, worker: str, users: int, reason: str) -> WorkerLost:
        return WorkerLost(self.name, next(self.numbers), worker, START + at, users, reason)

    def phase(self, name: str, at: float, stage: str = "") -> Phase:
        return Phase(self.name, next(self.numbers), name, START + at, stage)

    def end(self, total: int, sent: int | None = None, unrecorded: int = 0, retries: int = 0, done: int = 0) -> End:
        return End(self.name, next(self.numbers), total, total, "", sent, unrecorded, retries, done)

    def suite_errors(self, place: str, message: str, count: int) -> SuiteErrors:
        return SuiteErrors(self.name, next(self.numbers), place, message, count, "suite-errors.log")


def steady_run(process: Process, requests: Iterable[Record], *, plateau: float = 2, down: float = 22) -> list[Record]:
    """Phases of a run around its requests: with the defaults the steady state is the seconds 4 to 21."""
    phases: list[Record] = [
        process.phase("ramp-up", 0),
        process.phase("plateau", plateau),
        process.phase("ramp-down", down),
        process.phase("end", down + 1),
    ]
    return [*phases, *requests]
