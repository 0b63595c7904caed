"""The load generator's own state, and how near it is to its limit: the one place that judge, live view and report use.

A generator at 100 % of its capacity is saturated: the judge then calls the run INCONCLUSIVE for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

CPU_MEAN_PERCENT = 85.0
"""If a load process needs a core for more than 85 % of the time, its own requests wait for it: the queue of a single
server is then 5.7 requests long (M/M/1: ρ / (1 − ρ)). Time used and time waited for a core count together, because a
process that shares its core uses little of it. A CPU limit below one core is all that a process has: it counts as the
core does."""

CPU_OVER_90_SHARE = 0.10
CPU_OVER_90_LEAST_S = 3.0
"""If more than a tenth of the seconds are above 90 %, the 95th percentile is affected. At least three such seconds are
needed: in a short run, one or two come from starting up."""

LOOP_LAG_P99_MS = 50.0
SEND_LAG_P99_MS = 50.0
"""An event loop that handles one event in a hundred more than 50 ms late adds this to response times: a tenth of the
tightest usual limit (500 ms). A healthy loop stays below 10 ms. Sends that are scheduled and begin as late as that are
no longer the load that was asked for."""

GC_PAUSE_MS = 100.0
GC_LONG_SHARE = 0.01
GC_SHARE = 0.05
"""While the garbage collector runs, every answer waits. Pauses longer than 100 ms matter when they take more than
1 % of the time (then they reach the 99th percentile), shorter ones when all pauses take more than 5 %. A single
long pause is reported as a note: it can only have made the slowest requests."""


_ROUNDING = 1e-9
"""0.009 ÷ 0.01 is a little less than 0.9 in binary."""


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """The load side's own state, each figure that of the process which is worst in it. CPU 100 = one core.

    `cpu_wanted_percent_mean`: what a process used and what it waited for together, where the system reports that: one
    that is given little of a core shows little use of it. `cpu_over_90_rate`: share of the seconds in which it wanted
    more than 90 % of a core. `gc_share_rate`: share of the time that it stood still for the garbage collector.
    `throttled_rate`: share of the periods of a CPU limit (control groups) in which that stopped it; `limit_cores`: what
    the limit allows; `limit_wanted_percent_mean`: what a process wanted of a limit that is below one core. None where
    it is not known, or no limit holds. `send_lag_p99_ms`: how late sends began that were scheduled (ends of think
    times; due times of the open model). `held_back_s`: how long requests waited, since a process did not hear its
    master. `capacity_by_process`: load process → how near its own limit it was, %.
    """

    processes: int
    cpu_percent_max: float | None
    loop_lag_p99_ms: float | None
    lost_reports: int
    cpu_percent_mean: float | None = None
    cpu_wanted_percent_mean: float | None = None
    cpu_over_90_rate: float | None = None
    gc_pause_p99_ms: float | None = None
    gc_pause_max_ms: float | None = None
    gc_share_rate: float | None = None
    throttled_rate: float | None = None
    limit_cores: float | None = None
    limit_wanted_percent_mean: float | None = None
    send_lag_p99_ms: float | None = None
    held_back_s: float = 0.0
    capacity_by_process: Mapping[str, int] | None = None


class Bottleneck(StrEnum):
    """What a load process may run out of first."""

    CPU = "CPU"
    CPU_LIMIT = "CPU limit"
    EVENT_LOOP = "event loop"
    SCHEDULE = "scheduled sends"
    GARBAGE_COLLECTION = "garbage collection"


@dataclass(frozen=True, slots=True)
class Capacity:
    """`used_percent`: how near its limit a generator is, 100 only where it is saturated; None where nothing is known.

    `shares`: each figure as a share of its limit; above 1 the generator is saturated by it.
    """

    used_percent: int | None
    shares: Mapping[Bottleneck, float]

    @property
    def bottleneck(self) -> Bottleneck | None:
        """What is nearest to its limit; None where nothing is known."""
        return max(self.shares, key=lambda part: self.shares[part], default=None)

    def exceeds(self, part: Bottleneck) -> bool:
        """True if the generator is saturated by this."""
        return self.shares.get(part, 0.0) > 1


def capacity_of(health: GeneratorHealth, span_s: float) -> Capacity:
    """How near its limit a generator is, by its figures over `span_s` seconds."""
    found = (
        (Bottleneck.CPU, _cpu(health, span_s)),
        (Bottleneck.CPU_LIMIT, _share(health.limit_wanted_percent_mean, CPU_MEAN_PERCENT)),
        (Bottleneck.EVENT_LOOP, _share(health.loop_lag_p99_ms, LOOP_LAG_P99_MS)),
        (Bottleneck.SCHEDULE, _share(health.send_lag_p99_ms, SEND_LAG_P99_MS)),
        (Bottleneck.GARBAGE_COLLECTION, _collecting(health)),
    )
    shares = {part: share for part, share in found if share is not None}
    if not shares:
        return Capacity(None, shares)
    most = max(shares.values())
    # Rounded down, so that 100 is reached by a saturated generator only.
    return Capacity(100 if most > 1 else min(math.floor(100 * most + _ROUNDING), 99), shares)


def _share(value: float | None, limit: float) -> float | None:
    return None if value is None else value / limit


def _cpu(health: GeneratorHealth, span_s: float) -> float | None:
    if health.cpu_wanted_percent_mean is None:
        return None
    over_90 = health.cpu_over_90_rate or 0.0
    often, busy_s = over_90 / CPU_OVER_90_SHARE, over_90 * span_s
    if busy_s < CPU_OVER_90_LEAST_S:
        often = min(often, busy_s / CPU_OVER_90_LEAST_S)
    return max(health.cpu_wanted_percent_mean / CPU_MEAN_PERCENT, often)


def _collecting(health: GeneratorHealth) -> float | None:
    if health.gc_share_rate is None:
        return None
    longest_ms, share = health.gc_pause_max_ms or 0.0, health.gc_share_rate
    long = share / GC_LONG_SHARE
    if longest_ms <= GC_PAUSE_MS:
        long = min(long, longest_ms / GC_PAUSE_MS)
    return max(share / GC_SHARE, long)
