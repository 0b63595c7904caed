"""Requests added up: their times, how many failed, and what their times are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from perfsuite.measurements.histogram import Histogram, middle_of
from perfsuite.measurements.records import ErrorCount, NotStarted, Requests, Times, times_of
from perfsuite.model import FailureKind
from perfsuite.model.failures import LEFT_OUT, LONG_WAIT_US, WAITED_IN_VAIN

NEVER_BEGAN = "the action was due but never began"
OTHER_MESSAGES = "(other messages)"

Due = Requests | NotStarted
"""What was due in a second: requests that were sent, or actions that never began, each of which counts as one."""
_NO_TIMES = Times()


def values_in(times: Times) -> int:
    """How many values a record's histogram holds."""
    return sum(times.counts.values())


def requests_in(record: Requests) -> int:
    """Requests of a record, failed ones included."""
    return values_in(record.ok) + values_in(record.failed)


def errors_in(record: Due) -> list[ErrorCount]:
    """The failures of a record by kind and message."""
    if isinstance(record, NotStarted):
        return [ErrorCount(FailureKind.NOT_STARTED, NEVER_BEGAN, values_in(record.waited), "")]
    return record.errors


def is_unanswered(kind: str) -> bool:
    """True for a kind of failure in which no HTTP answer came back, though there was time for one."""
    return kind in _UNANSWERED


_UNANSWERED = frozenset(kind.value for kind in FailureKind if kind.never_answered and kind != FailureKind.UNFINISHED)


def histogram_of_all(many: Iterable[Times]) -> Histogram:
    """The values of many records; not to be added to, since one of a single record shares its counts.

    Nearly every bucket of a record holds one value, so Counter counts all buckets at once, in C.
    """
    known = [times for times in many if times.counts]
    if len(known) < 2:
        return _shared(known[0]) if known else _NOTHING
    buckets = list(chain.from_iterable([times.counts for times in known]))
    numbers = list(chain.from_iterable([times.counts.values() for times in known]))
    counts, total = Counter(buckets), sum(numbers)
    if total != len(numbers):
        for bucket, number in zip(buckets, numbers, strict=True):
            if number != 1:
                counts[bucket] += number - 1
    return Histogram(
        dict(counts),
        total,
        sum([times.sum_us for times in known]),
        min([times.min_us for times in known]),
        max([times.max_us for times in known]),
    )


_NOTHING = Histogram()


def _shared(times: Times) -> Histogram:
    counts = times.counts
    return Histogram(counts, sum(counts.values()), times.sum_us, times.min_us, times.max_us) if counts else _NOTHING


@dataclass(slots=True)
class RequestTotals:
    """Requests added up: the response times of all of them, what they are made of, and how many failed.

    `ended`: how many requests ended within, whenever they were due; `ended_failed` of them failed. `not_started` are
    among the failures, and the time that they waited (`not_started_us` in all) among the times; they were never sent.
    """

    times: Histogram = field(default_factory=Histogram)
    failures: int = 0
    ended: int = 0
    ended_failed: int = 0
    not_started: int = 0
    not_started_us: int = 0
    service: Histogram = field(default_factory=Histogram)
    server: Histogram = field(default_factory=Histogram)
    connects: Histogram = field(default_factory=Histogram)
    tls: Histogram = field(default_factory=Histogram)
    apart: Histogram | None = None
    """The times that targets judge, where they are not `times`: a failure was left out."""

    @property
    def judged(self) -> Histogram:
        """The times that targets judge."""
        return self.times if self.apart is None else self.apart

    @property
    def requests(self) -> int:
        """Requests, failed ones and those that never began included."""
        return self.times.count

    @property
    def sent(self) -> int:
        """Requests that were sent."""
        return self.times.count - self.not_started

    def merge(self, other: RequestTotals) -> None:
        """Add all requests of `other`."""
        if self.apart is None and other.apart is not None:
            self.apart = self.times.copy()
        if self.apart is not None:
            self.apart.merge(other.judged)
        self.times.merge(other.times)
        self.failures += other.failures
        self.ended += other.ended
        self.ended_failed += other.ended_failed
        self.not_started += other.not_started
        self.not_started_us += other.not_started_us
        self.service.merge(other.service)
        self.server.merge(other.server)
        self.connects.merge(other.connects)
        self.tls.merge(other.tls)


def totals_of(records: Sequence[Due], *, responses_only: bool = False) -> RequestTotals:
    """The requests of many records, not to be added to. `responses_only`: without what their times are made of."""
    if len(records) == 1 and not responses_only and isinstance(one := records[0], Requests) and not one.failed.counts:
        return _of_one(one)  # as most rows of a second are
    sent = [record for record in records if isinstance(record, Requests)]
    never = [record for record in records if isinstance(record, NotStarted)]
    with_failures = [record for record in sent if record.failed.counts]
    times = [*(record.ok for record in sent), *(record.waited for record in never)]
    totals = RequestTotals(
        histogram_of_all([*times, *(record.failed for record in with_failures)] if with_failures else times),
        ended=sum([record.ended for record in sent]),
    )
    if with_failures or never:
        totals.not_started = sum([values_in(record.waited) for record in never])
        totals.not_started_us = sum([record.waited.sum_us for record in never])
        failures = sum([values_in(record.failed) for record in with_failures])
        totals.failures = failures + totals.not_started
        kept = [judged_failures(record) for record in with_failures]
        if sum(map(values_in, kept)) < failures:
            totals.apart = histogram_of_all([*times, *kept])
    totals.ended_failed = sum([record.ended_failed for record in sent])
    if not responses_only:
        totals.service = histogram_of_all([record.service for record in sent])
        totals.server = histogram_of_all([record.server for record in sent])
        totals.connects = histogram_of_all([record.connects for record in sent])
        totals.tls = histogram_of_all([record.tls for record in sent])
    return totals


def _of_one(record: Requests) -> RequestTotals:
    parts = (_shared(record.service), _shared(record.server), _shared(record.connects), _shared(record.tls))
    return RequestTotals(_shared(record.ok), 0, record.ended, record.ended_failed, 0, 0, *parts)


def judged_failures(record: Requests) -> Times:
    """Times of the failed requests of a record that targets judge (`perfsuite.model.failures.stays_in`).

    Older files record only how many failures of each kind there were: of a second in which requests failed in
    several ways, the slowest failures are then taken for those that waited in vain.
    """
    if record.waited is not None:
        return record.waited
    return _guessed(record) if record.failed.counts else _NO_TIMES


def _guessed(record: Requests) -> Times:
    waited = sum(error.count for error in record.errors if error.kind in WAITED_IN_VAIN)
    others = sum(error.count for error in record.errors if error.kind not in WAITED_IN_VAIN | LEFT_OUT)
    if waited and len({error.kind in WAITED_IN_VAIN for error in record.errors}) == 1:
        return record.failed
    found = Histogram()
    for bucket in sorted(record.failed.counts, reverse=True):
        there = record.failed.counts[bucket]
        of_waited = min(there, waited)
        of_others = min(there - of_waited, others) if middle_of(bucket) >= LONG_WAIT_US else 0
        waited, others = waited - of_waited, others - of_others
        for _ in range(of_waited + of_others):
            found.add(round(middle_of(bucket)))
    return times_of(found) if found.count else _NO_TIMES
