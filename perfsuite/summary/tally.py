"""Sets of requests that can be added up, and the figures made from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

from perfsuite.histogram import Histogram
from perfsuite.measurements import Requests, Times
from perfsuite.model import Statistics

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


@dataclass(slots=True)
class Tally:
    """Requests added up: the times of all of them, and how many of them failed."""

    times: Histogram = field(default_factory=Histogram)
    failures: int = 0

    @property
    def requests(self) -> int:
        """Requests, failed ones included."""
        return self.times.count

    def add(self, record: Requests) -> None:
        """Count the requests of one record in."""
        add_times(self.times, record.ok)
        self.failures += add_times(self.times, record.failed)

    def merge(self, other: Tally) -> None:
        """Count all requests of `other` in."""
        self.times.merge(other.times)
        self.failures += other.failures


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


def statistics(tally: Tally, period_s: float) -> Statistics:
    """The figures of the requests in a period of `period_s` seconds.

    The rate is 0 in a period without length; average, minimum, maximum and failure rate are None without
    requests; a percentile is None where there are fewer than 10 / (1 − p) requests.
    """
    times, requests = tally.times, tally.times.count
    some = requests > 0
    return Statistics(
        requests=requests,
        failures=tally.failures,
        failure_rate=tally.failures / requests if some else None,
        rps=requests / period_s if period_s > 0 else 0.0,
        avg_ms=times.sum_us / requests / 1000 if some else None,
        min_ms=times.min_us / 1000 if some else None,
        max_ms=times.max_us / 1000 if some else None,
        **percentiles_ms(times),
    )


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
