"""What the records of a load add up to, by what Prometheus is told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from perfsuite.measurements.records import Arrivals, Generator, NotStarted, Record, Requests, WorkerLost
from perfsuite.model import LOGIN, FailureKind, Plan
from perfsuite.model.role import Role
from perfsuite.report.exporter.buckets import Buckets
from perfsuite.target.catalogue import CATALOGUE

OTHER = "other"
"""Stands for roles, operations and kinds of failure that are not the suite's own, so that labels stay few."""
_KINDS = frozenset(FailureKind)


class Counts:
    """A run's records, added up. Their order does not matter. Memory is bounded: every label has few values.

    What the planned roles can do is there at 0 from the start, since Prometheus cannot see the first increase of a
    series that was not there before.
    """

    def __init__(self, plan: Plan, roles: Sequence[Role]) -> None:
        self._roles = frozenset(plan.users_by_role)
        self.open_model = plan.scenario.arrival is not None
        planned = list(dict.fromkeys(_planned(plan, roles)))
        kinds = [kind for kind in FailureKind if self.open_model or kind is not FailureKind.NOT_STARTED]
        self.requests = Counter[tuple[str, str]](dict.fromkeys(planned, 0))
        self.failures = Counter[tuple[str, str, str]](
            {(*place, kind.value): 0 for place in planned for kind in kinds},
        )
        self.response_times = {role: Buckets() for role in plan.users_by_role}
        self.service_times = {role: Buckets() for role in plan.users_by_role}
        self.actions_due = self.actions_begun = self.actions_not_started = 0
        self.start_lag = Buckets()
        self.generators: dict[str, Generator] = {}
        """Process → its last word; a lost one has none."""
        self.loop_lag: dict[str, Buckets] = {}
        self.processes_lost = 0

    def add(self, records: Iterable[Record]) -> None:
        """Count records in."""
        for record in records:
            if isinstance(record, Requests):
                self._add_requests(record)
            elif isinstance(record, NotStarted):
                self._add_not_started(record)
            elif isinstance(record, Arrivals):
                self._add_arrivals(record)
            elif isinstance(record, Generator):
                self._add_generator(record)
            elif isinstance(record, WorkerLost):
                self.processes_lost += 1
                self.generators.pop(record.lost, None)

    def _add_requests(self, record: Requests) -> None:
        role, operation = place = self._place(record)
        self.requests[place] += sum(record.ok.counts.values()) + sum(record.failed.counts.values())
        for error in record.errors:
            self.failures[role, operation, error.kind if error.kind in _KINDS else OTHER] += error.count
        times = _of(self.response_times, role)
        times.add(record.ok)
        times.add(record.failed)
        _of(self.service_times, role).add(record.service)

    def _add_not_started(self, record: NotStarted) -> None:
        role, operation = place = self._place(record)
        count = sum(record.waited.counts.values())
        self.requests[place] += count
        self.failures[role, operation, FailureKind.NOT_STARTED.value] += count
        self.actions_not_started += count
        _of(self.response_times, role).add(record.waited)

    def _add_arrivals(self, record: Arrivals) -> None:
        self.actions_due += record.due
        self.actions_begun += record.begun
        self.start_lag.add(record.lag)

    def _add_generator(self, record: Generator) -> None:
        self.loop_lag.setdefault(record.worker, Buckets()).add(record.loop_lag)
        known = self.generators.get(record.worker)
        if known is None or (record.second, record.sequence) > (known.second, known.sequence):
            self.generators[record.worker] = record

    def _place(self, record: Requests | NotStarted) -> tuple[str, str]:
        return (
            record.role if record.role in self._roles else OTHER,
            record.operation if record.operation in CATALOGUE else OTHER,
        )


def _planned(plan: Plan, roles: Iterable[Role]) -> Iterator[tuple[str, str]]:
    """Role and operation of everything that the planned roles can do, and their logins."""
    for role in roles:
        if role.slug in plan.users_by_role:
            steps = [*(step for behaviour in role.behaviours for step in behaviour.steps), *role.sources.values()]
            yield from ((role.slug, operation) for operation in (LOGIN, *(step.operation for step in steps)))


def _of(buckets: dict[str, Buckets], role: str) -> Buckets:
    return buckets.setdefault(role, Buckets())
