"""The records of a run, sorted by kind and second. Neither order nor process of the records matters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from perfsuite.measurements.records import (
    Actions,
    Arrivals,
    End,
    Generator,
    NotPossible,
    NotStarted,
    Phase,
    Record,
    Requests,
    SuiteErrors,
    Users,
    WorkerLost,
)
from perfsuite.summary.tally import Due


@dataclass(slots=True)
class Gathered:
    """All records of a run by kind."""

    requests: dict[int, list[Requests]] = field(default_factory=lambda: defaultdict(list))
    """By the second in which they were due."""
    not_started: list[NotStarted] = field(default_factory=list)
    arrivals: list[Arrivals] = field(default_factory=list)
    lost: list[WorkerLost] = field(default_factory=list)
    suite_errors: list[SuiteErrors] = field(default_factory=list)
    actions: list[Actions] = field(default_factory=list)
    not_possible: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By role, operation and reason."""
    users: dict[str, dict[int, Users]] = field(default_factory=lambda: defaultdict(dict))
    """Worker → second → its last word on that second."""
    generators: list[Generator] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    ends: dict[str, End] = field(default_factory=dict)
    sequences: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    workers: set[str] = field(default_factory=set)
    """Processes that made load: a process that only tells phases is none."""
    first: int | None = None
    last: int | None = None

    def add(self, record: Record) -> None:
        """Sort one record in."""
        self.sequences[record.worker].add(record.sequence)
        if isinstance(record, Phase):
            self.phases.append(record)
            return
        if isinstance(record, WorkerLost):
            self.lost.append(record)
            return
        if isinstance(record, SuiteErrors):
            self.suite_errors.append(record)
            return
        self.workers.add(record.worker)
        if isinstance(record, End):
            known = self.ends.get(record.worker)
            if known is None or record.sequence > known.sequence:
                self.ends[record.worker] = record
            return
        self.first = record.second if self.first is None else min(self.first, record.second)
        self.last = record.second if self.last is None else max(self.last, record.second)
        self._add_of_second(record)

    def _add_of_second(
        self, record: Requests | NotStarted | Arrivals | Actions | NotPossible | Users | Generator
    ) -> None:
        if isinstance(record, Requests):
            self.requests[record.second].append(record)
        elif isinstance(record, NotStarted):
            self.not_started.append(record)
        elif isinstance(record, Arrivals):
            self.arrivals.append(record)
        elif isinstance(record, Actions):
            self.actions.append(record)
        elif isinstance(record, NotPossible):
            self.not_possible[record.role, record.operation, record.why] += record.count
        elif isinstance(record, Users):
            of_worker = self.users[record.worker]
            known = of_worker.get(record.second)
            if known is None or record.sequence > known.sequence:
                of_worker[record.second] = record
        else:
            self.generators.append(record)


def gather(records: Iterable[Record]) -> Gathered:
    """Sort all records of a run."""
    gathered = Gathered()
    for record in records:
        gathered.add(record)
    return gathered


def due_by_second(gathered: Gathered) -> dict[int, list[Due]]:
    """All that was due, by second. In files that do not tell when requests ended, they end when they were due.

    Requests that were refused since a token had expired are not among them: they were sent again.
    """
    of_all = [record for of_second in gathered.requests.values() for record in of_second]
    if not any(record.ended for record in of_all):
        of_all = [msgspec.structs.replace(record, ended=requests_in(record)) for record in of_all]
    if not any(record.ended_failed for record in of_all):
        # Older files do not record which of those that ended had failed: as many as were due, then.
        of_all = [_with_ended_failed(record) for record in of_all]
    due: dict[int, list[Due]] = defaultdict(list)
    for record in of_all:
        if counts_any(record):
            due[record.second].append(record)
    for never in gathered.not_started:
        due[never.second].append(never)
    return due


def _with_ended_failed(record: Requests) -> Requests:
    failures = failures_in(record)
    return msgspec.structs.replace(record, ended_failed=failures) if failures else record


def counts_any(record: Requests) -> bool:
    """Whether a request was due or ended: a record may hold nothing but requests whose token had expired."""
    return bool(record.ok.counts or record.failed.counts or record.ended)


def requests_in(record: Requests) -> int:
    """Requests of a record, failed ones included."""
    return sum(record.ok.counts.values()) + failures_in(record)


def failures_in(record: Requests) -> int:
    """Failed requests of a record."""
    return sum(record.failed.counts.values())
