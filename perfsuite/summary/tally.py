"""Sets of requests that can be added up, and the figures made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import NotStarted, Requests, Times, histogram_of
from perfsuite.model import Breakdown, Statistics
from perfsuite.model.summary import PERCENTILES, samples_needed
from perfsuite.summary.staying import staying

Due = Requests | NotStarted
"""What was due in a second: requests that were sent, or actions that never began, each of which counts as one."""

_NEEDED = {name: samples_needed(fraction) for name, fraction in PERCENTILES.items()}
_FEWEST = min(_NEEDED.values())
_NONE_TOLD: Mapping[str, float | None] = MappingProxyType(dict.fromkeys(PERCENTILES))


_SERVER_TOLD_SHARE = 0.95
"""What lies outside the server is told where so many of the requests say what lay inside it."""


@dataclass(slots=True)
class Tally:
    """Requests added up: the response times of all of them, what they are made of, and how many failed.

    `ended`: how many requests ended within, whenever they were due; `ended_failed` of them failed.
    `not_started` are among the failures, and
    the time that they had waited (`not_started_us` in all) among the times; they were never sent.
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

    def add(self, record: Due) -> None:
        """Count the requests of one record in; `tally_of` is quicker for many."""
        if isinstance(record, NotStarted):
            count = add_times(self.times, record.waited)
            if self.apart is not None:
                add_times(self.apart, record.waited)
            self.failures += count
            self.not_started += count
            self.not_started_us += record.waited.sum_us
            return
        if record.failed.counts:
            self._add_failed(record)
        add_times(self.times, record.ok)
        if self.apart is not None:
            add_times(self.apart, record.ok)
        self.ended += record.ended
        self.ended_failed += record.ended_failed
        add_times(self.service, record.service)
        # Asked here, since most records have none of these.
        if record.server.counts:
            add_times(self.server, record.server)
        if record.connects.counts:
            add_times(self.connects, record.connects)
        if record.tls.counts:
            add_times(self.tls, record.tls)

    def _add_failed(self, record: Requests) -> None:
        kept = staying(record)
        if self.apart is None and values_in(kept) < values_in(record.failed):
            self.apart = copy_of(self.times)
        self.failures += add_times(self.times, record.failed)
        if self.apart is not None:
            add_times(self.apart, kept)

    def merge(self, other: Tally) -> None:
        """Count all requests of `other` in."""
        if self.apart is None and other.apart is not None:
            self.apart = copy_of(self.times)
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


def tally_of(records: Sequence[Due], *, responses_only: bool = False) -> Tally:
    """The requests of many records, added up. `responses_only`: without what their times are made of."""
    if len(records) == 1 and not responses_only:  # most rows of one second are of one record
        tally = Tally()
        tally.add(records[0])
        return tally
    sent: list[Requests] = []
    never: list[NotStarted] = []
    for record in records:
        if isinstance(record, Requests):
            sent.append(record)
        else:
            never.append(record)
    with_failures = [record for record in sent if record.failed.counts]
    failed, kept = [record.failed for record in with_failures], [staying(record) for record in with_failures]
    failures = sum(map(values_in, failed))
    others = [*(record.ok for record in sent), *(record.waited for record in never)]
    not_started = sum([values_in(record.waited) for record in never])
    tally = Tally(
        times=histogram_of_all([*others, *failed]),
        apart=histogram_of_all([*others, *kept]) if sum(map(values_in, kept)) < failures else None,
        failures=failures + not_started,
        ended=sum([record.ended for record in sent]),
        ended_failed=sum([record.ended_failed for record in sent]),
        not_started=not_started,
        not_started_us=sum([record.waited.sum_us for record in never]),
    )
    if not responses_only:
        tally.service = histogram_of_all([record.service for record in sent])
        tally.server = histogram_of_all([record.server for record in sent])
        tally.connects = histogram_of_all([record.connects for record in sent])
        tally.tls = histogram_of_all([record.tls for record in sent])
    return tally


def copy_of(times: Histogram) -> Histogram:
    """The same values in a histogram of its own."""
    return Histogram(times.counts.copy(), times.count, times.sum_us, times.min_us, times.max_us)


def values_in(times: Times) -> int:
    """How many values a record's histogram holds."""
    return sum(times.counts.values())


def histogram_of_all(many: Iterable[Times]) -> Histogram:
    """The values of many records.

    Nearly every bucket of a record holds one value, so all buckets are counted at once, which Counter does in C.
    """
    known = [times for times in many if times.counts]
    if len(known) < 2:
        return histogram_of(known[0]) if known else Histogram()
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


def add_times(into: Histogram, times: Times) -> int:
    """Add the values of a record to a histogram, without a copy in between; how many they were."""
    if not times.counts:
        return 0
    added = values_in(times)
    if not into.count:
        into.counts, into.min_us = times.counts.copy(), times.min_us
    else:
        counts = into.counts
        for bucket, count in times.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count
        into.min_us = min(into.min_us, times.min_us)
    into.max_us = max(into.max_us, times.max_us)
    into.count += added
    into.sum_us += times.sum_us
    return added


def statistics(tally: Tally, period_s: float, *, ends_told: bool = True) -> Statistics:
    """The figures of the requests that were due in a period of `period_s` seconds.

    The rate is that of the requests which ended in the period; where the records do not tell that, of those
    which were due in it. It is 0 in a period without length. Average, minimum, maximum and failure rate are None
    without requests; a percentile is None where there are fewer than 10 / (1 − p) requests.
    """
    ended = tally.ended if ends_told else tally.sent
    return _figures(tally.times, tally.failures, ended / period_s if period_s > 0 else 0.0)


def statistics_ok(tally: Tally, period_s: float, *, ends_told: bool = True) -> Statistics | None:
    """The same as targets judge it; None where that is no different, since nothing failed.

    Times without the failures that are left out; `failures` are those that stay in. The rate is that of the requests
    that succeeded.
    """
    if not tally.failures and not tally.ended_failed:
        return None
    left_out = tally.times.count - tally.judged.count
    succeeded = tally.ended - tally.ended_failed if ends_told else tally.requests - tally.failures
    return _figures(tally.judged, tally.failures - left_out, succeeded / period_s if period_s > 0 else 0.0)


def _figures(times: Histogram, failures: int, rps: float) -> Statistics:
    requests = times.count
    some = requests > 0
    return Statistics(
        requests=requests,
        failures=failures,
        failure_rate=failures / requests if some else None,
        rps=rps,
        avg_ms=times.sum_us / requests / 1000 if some else None,
        min_ms=times.min_us / 1000 if some else None,
        max_ms=times.max_us / 1000 if some else None,
        **percentiles_ms(times),
    )


def breakdown(tally: Tally) -> Breakdown:
    """Where the time of the requests went. None where the records do not tell it.

    `outside` compares means over the same requests, or nearly: it is told where the server told its time for
    95 % of them. `waiting` is told where every request that was sent tells its service time.
    """
    service, server = tally.service, tally.server
    in_service, in_server = percentiles_ms(service), percentiles_ms(server)
    service_us, server_us = service.mean_us(), server.mean_us()
    outside_us = None
    if service_us is not None and server_us is not None and server.count >= _SERVER_TOLD_SHARE * service.count:
        outside_us = max(service_us - server_us, 0.0)  # both are rounded, and server times may be a little longer
    waiting_us = None
    if service.count and service.count == tally.sent:
        set_up_us = tally.connects.sum_us + tally.tls.sum_us
        waiting_us = (tally.times.sum_us - tally.not_started_us - set_up_us - service.sum_us) / tally.sent
    return Breakdown(
        service_avg_ms=_ms(service_us),
        service_p50_ms=in_service["p50_ms"],
        service_p95_ms=in_service["p95_ms"],
        server_told=server.count,
        server_avg_ms=_ms(server_us),
        server_p95_ms=in_server["p95_ms"],
        outside_avg_ms=_ms(outside_us),
        waiting_avg_ms=None if waiting_us is None else max(waiting_us, 0.0) / 1000,
        connections=tally.connects.count,
        connect_avg_ms=_ms(tally.connects.mean_us()),
        tls_avg_ms=_ms(tally.tls.mean_us()),
        not_started=tally.not_started,
    )


def _ms(value_us: float | None) -> float | None:
    return None if value_us is None else value_us / 1000


def percentiles_ms(times: Histogram) -> Mapping[str, float | None]:
    """Every percentile of Statistics by its field's name; None where there are too few samples."""
    if times.count < _FEWEST:
        return _NONE_TOLD
    told = dict(_NONE_TOLD)
    wanted = [name for name, needed in _NEEDED.items() if times.count >= needed]
    found = times.percentiles_us(PERCENTILES[name] for name in wanted)
    for name, value_us in zip(wanted, found, strict=True):
        told[name] = None if value_us is None else value_us / 1000
    return told
