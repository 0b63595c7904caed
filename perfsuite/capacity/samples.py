"""The records of a run, as a search sees them: second by second and by target, while the run goes on and afterwards.

Records are of the second in which a request was due, and come when it has ended. So while the run goes on, requests
that wait for their answer are known by `InFlight` alone: one that is older than its limit counts as having taken so
long at least, a younger one not at all.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from perfsuite.capacity.constraints import Constraint, SecondSample, sum_of
from perfsuite.capacity.levels import is_recovered
from perfsuite.capacity.records import Visit, VisitResult
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import InFlight, NotStarted, Record, Requests, WorkerLost, histogram_of
from perfsuite.measurements.totals import Due, errors_in, judged_failures, values_in
from perfsuite.model import Target
from perfsuite.model.capacity import VisitPhase
from perfsuite.model.failures import NEVER_THE_TARGETS
from perfsuite.model.slo_presets import apdex_threshold

_RECOVERING = frozenset({VisitPhase.RECOVERY, VisitPhase.FROM_ABOVE})


class SearchSamples:
    """What all requests so far say."""

    def __init__(self, constraints: Sequence[Constraint]) -> None:
        self._constraints = tuple(constraints)
        nothing = [SecondSample() for _ in constraints]
        self._seconds: defaultdict[int, list[SecondSample]] = defaultdict(nothing.copy)
        self._due: Counter[int] = Counter()
        self._ended: Counter[int] = Counter()
        self._in_flight: dict[str, InFlight] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Take in further records; those of other kinds say nothing here."""
        for record in records:
            if isinstance(record, Requests | NotStarted):
                self._add(record)
            elif isinstance(record, InFlight):
                known = self._in_flight.get(record.worker)
                if known is None or record.sequence > known.sequence:
                    self._in_flight[record.worker] = record
            elif isinstance(record, WorkerLost):
                self._in_flight.pop(record.lost, None)

    def _add(self, record: Due) -> None:
        if isinstance(record, Requests):
            self._due[record.second] += values_in(record.ok) + values_in(record.failed)
            self._ended[record.second] += record.ended
        own = self._seconds[record.second]
        for place, constraint in enumerate(self._constraints):
            if _is_of(constraint.target, record.role, record.operation):
                own[place] = sum_of([own[place], _sample(constraint, record)])

    @property
    def in_flight(self) -> int:
        """Requests that are due and have not ended."""
        return sum(count for record in self._in_flight.values() for *_, count in record.requests)

    def result(
        self, visit: Visit, first: int, stop: int, *, aborted: bool = False, generator_limited: bool = False
    ) -> VisitResult:
        """What came of a visit in the seconds [first, stop), as far as it is known by now."""
        seconds = range(first, stop)
        waiting = self._waiting(seconds)
        samples = tuple(
            tuple(self._with_waiting(place, second, waiting[second]) for second in seconds)
            for place in range(len(self._constraints))
        )
        offered = tuple(self._due[second] + sum(count for *_, count, _age in waiting[second]) for second in seconds)
        return VisitResult(
            visit,
            samples,
            offered,
            tuple(self._ended[second] for second in seconds),
            concurrency=self._concurrency(range(min(first + visit.discard_s, stop), stop)),
            generator_limited=generator_limited,
            aborted=aborted,
            recovered_s=self._recovered_s(samples) if visit.phase in _RECOVERING else None,
        )

    def has_recovered(self, result: VisitResult) -> bool:
        """Did no target fail in the last seconds of which enough is known, while the visit goes on?"""
        for constraint, own in zip(self._constraints, result.samples, strict=True):
            known = len(own) - (math.ceil(constraint.target.limit / 1000) if _limits_time(constraint.target) else 0)
            if not is_recovered([constraint], [own[: max(known, 0)]]):
                return False
        return True

    def _recovered_s(self, samples: Sequence[Sequence[SecondSample]]) -> int | None:
        length = min(map(len, samples), default=0)
        lengths = (
            end for end in range(1, length + 1) if is_recovered(self._constraints, [own[:end] for own in samples])
        )
        return next(lengths, None)

    def _waiting(self, seconds: range) -> dict[int, list[tuple[str, str, int, int]]]:
        """Second → role and operation of the requests that were due in it and wait, how many, and for how many seconds
        at least."""
        found: dict[int, list[tuple[str, str, int, int]]] = {second: [] for second in seconds}
        for record in self._in_flight.values():
            for due, role, operation, count in record.requests:
                if due in found:
                    found[due].append((role, operation, count, max(record.second - due, 0)))
        return found

    def _with_waiting(self, place: int, second: int, waiting: Sequence[tuple[str, str, int, int]]) -> SecondSample:
        constraint, known = self._constraints[place], self._seconds[second][place]
        for role, operation, count, age_s in waiting:
            if _is_of(constraint.target, role, operation):
                known = sum_of([known, replace(_sample_of_waiting(constraint, count, age_s), begun=count)])
        return known

    def _concurrency(self, seconds: range) -> float:
        """Requests in the target at a time, on average."""
        if not seconds:
            return 0.0
        waiting: Counter[int] = Counter()
        for record in self._in_flight.values():
            for due, _role, _operation, count in record.requests:
                waiting[due] += count
        total, running = 0, 0
        for second in range(min(self._due, default=seconds.start), seconds.stop):
            running += self._due[second] + waiting[second] - self._ended[second]
            total += running if second in seconds else 0
        return total / len(seconds)


def _is_of(target: Target, role: str, operation: str) -> bool:
    return target.role in (None, role) and target.operation in (None, operation)


def _limits_time(target: Target) -> bool:
    return target.metric.endswith("_ms")


def _sample(constraint: Constraint, record: Due) -> SecondSample:
    """By the rules of a run: times are those of right answers and of what waited in vain; failures that the generator
    made are not the target's."""
    ended = record.ended if isinstance(record, Requests) else 0
    ok = histogram_of(record.ok) if isinstance(record, Requests) else Histogram()
    failures = errors_in(record)
    begun = ok.count + sum(error.count for error in failures)
    if _limits_time(constraint.target):
        ok.merge(histogram_of(judged_failures(record) if isinstance(record, Requests) else record.waited))
        return replace(constraint.sample(ok, 0, ended), begun=begun)
    failed = sum(error.count for error in failures if error.kind not in NEVER_THE_TARGETS)
    return replace(constraint.sample(ok, failed, ended), begun=begun)


def _sample_of_waiting(constraint: Constraint, count: int, age_s: int) -> SecondSample:
    """Requests that wait for their answer for so long at least."""
    metric, age_ms = constraint.target.metric, 1000.0 * age_s
    threshold_ms = apdex_threshold(metric)
    if threshold_ms is not None and age_ms > 4 * threshold_ms:
        return constraint.sample(Histogram(), count, 0)
    if not _limits_time(constraint.target) or age_ms < constraint.target.limit:
        return SecondSample()
    age_us = round(1000 * age_ms)
    times = Histogram()
    times.add(age_us)
    bucket = next(iter(times.counts))
    return constraint.sample(Histogram({bucket: count}, count, count * age_us, age_us, age_us), 0, 0)
