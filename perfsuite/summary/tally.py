"""Sets of requests that can be added up, and the figures made from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

from perfsuite.histogram import Histogram
from perfsuite.measurements import NotStarted, Requests, Times
from perfsuite.model import Breakdown, Statistics

Due = Requests | NotStarted
"""What was due in a second: requests that were sent, or actions that never began, each of which counts as one."""

PERCENTILES = MappingProxyType(
    {"p50_ms": 0.5, "p75_ms": 0.75, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
)
"""Field of Statistics → fraction of the requests at or below it."""

_TOLD_BEYOND = 10
"""A percentile is told where at least this many samples are expected beyond it."""


def samples_needed(fraction: float) -> int:
    """The fewest samples of which a percentile is told: 10 / (1 − p), so 200 for p95."""
    return round(_TOLD_BEYOND / (1 - fraction))


_NEEDED = {name: samples_needed(fraction) for name, fraction in PERCENTILES.items()}
_FEWEST = min(_NEEDED.values())


_SERVER_TOLD_SHARE = 0.95
"""What lies outside the server is told where so many of the requests say what lay inside it."""


@dataclass(slots=True)
class Tally:
    """Requests added up: the response times of all of them, what they are made of, and how many failed.

    `ended`: how many requests ended within, whenever they were due. `not_started` are among the failures, and
    the time that they had waited (`not_started_us` in all) among the times; they were never sent.
    """

    times: Histogram = field(default_factory=Histogram)
    failures: int = 0
    ended: int = 0
    not_started: int = 0
    not_started_us: int = 0
    service: Histogram = field(default_factory=Histogram)
    server: Histogram = field(default_factory=Histogram)
    connects: Histogram = field(default_factory=Histogram)
    tls: Histogram = field(default_factory=Histogram)

    @property
    def requests(self) -> int:
        """Requests, failed ones and those that never began included."""
        return self.times.count

    @property
    def sent(self) -> int:
        """Requests that were sent."""
        return self.times.count - self.not_started

    def add(self, record: Due) -> None:
        """Count the requests of one record in."""
        if isinstance(record, NotStarted):
            count = add_times(self.times, record.waited)
            self.failures += count
            self.not_started += count
            self.not_started_us += record.waited.sum_us
            return
        add_times(self.times, record.ok)
        self.failures += add_times(self.times, record.failed)
        self.ended += record.ended
        add_times(self.service, record.service)
        add_times(self.server, record.server)
        add_times(self.connects, record.connects)
        add_times(self.tls, record.tls)

    def merge(self, other: Tally) -> None:
        """Count all requests of `other` in."""
        self.times.merge(other.times)
        self.failures += other.failures
        self.ended += other.ended
        self.not_started += other.not_started
        self.not_started_us += other.not_started_us
        self.service.merge(other.service)
        self.server.merge(other.server)
        self.connects.merge(other.connects)
        self.tls.merge(other.tls)


def add_times(into: Histogram, times: Times) -> int:
    """Add the values of a record to a histogram, without a copy in between; how many they were."""
    if not times.counts:
        return 0
    counts, added = into.counts, 0
    for bucket, count in times.counts.items():
        counts[bucket] = counts.get(bucket, 0) + count
        added += count
    into.min_us = times.min_us if into.count == 0 else min(into.min_us, times.min_us)
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
    times, requests = tally.times, tally.times.count
    some = requests > 0
    ended = tally.ended if ends_told else tally.sent
    return Statistics(
        requests=requests,
        failures=tally.failures,
        failure_rate=tally.failures / requests if some else None,
        rps=ended / period_s if period_s > 0 else 0.0,
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
    outside_us = None
    if server.count and server.count >= _SERVER_TOLD_SHARE * service.count:
        outside_us = service.sum_us / service.count - server.sum_us / server.count if service.count else None
    waiting_us = None
    if service.count and service.count == tally.sent:
        set_up_us = tally.connects.sum_us + tally.tls.sum_us
        waiting_us = (tally.times.sum_us - tally.not_started_us - set_up_us - service.sum_us) / tally.sent
    return Breakdown(
        service_avg_ms=_ms(service.mean_us()),
        service_p50_ms=in_service["p50_ms"],
        service_p95_ms=in_service["p95_ms"],
        server_told=server.count,
        server_avg_ms=_ms(server.mean_us()),
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


def percentiles_ms(times: Histogram) -> dict[str, float | None]:
    """Every percentile of Statistics by its field's name; None where there are too few samples."""
    told: dict[str, float | None] = dict.fromkeys(PERCENTILES)
    if times.count < _FEWEST:
        return told
    wanted = [name for name, needed in _NEEDED.items() if times.count >= needed]
    found = times.percentiles_us(PERCENTILES[name] for name in wanted)
    for name, value_us in zip(wanted, found, strict=True):
        told[name] = None if value_us is None else value_us / 1000
    return told
