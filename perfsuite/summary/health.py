"""The load side's own state, what could be exercised, and whether independent counts agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from perfsuite.histogram import Histogram
from perfsuite.measurements import Generator
from perfsuite.model import Coverage, GeneratorHealth, OperationCheck, PreflightReport, Reconciliation, Works
from perfsuite.summary.gather import Gathered
from perfsuite.summary.periods import Timeline
from perfsuite.summary.tally import add_times

_LAGS_NEEDED = 100
"""Fewer than for a judged percentile: it only has to show a generator that is in trouble."""


def generator_health(gathered: Gathered, when: Timeline) -> GeneratorHealth:
    """CPU and loop lag over the steady state; over the whole run when there was none."""
    steady = [told for told in gathered.generators if when.is_steady(told.second)]
    cpu_percent_max, loop_lag_p99_ms = _busiest(steady or gathered.generators)
    return GeneratorHealth(
        processes=len(gathered.workers),
        cpu_percent_max=cpu_percent_max,
        loop_lag_p99_ms=loop_lag_p99_ms,
        lost_reports=sum(_gaps(numbers) for numbers in gathered.sequences.values()),
    )


def _busiest(told: Iterable[Generator]) -> tuple[float | None, float | None]:
    lag = Histogram()
    cpu_percent_max: float | None = None
    for generator in told:
        add_times(lag, generator.loop_lag)
        cpu_percent_max = max(generator.cpu_percent, cpu_percent_max or 0.0)
    p99_us = lag.percentile_us(0.99) if lag.count >= _LAGS_NEEDED else None
    return cpu_percent_max, None if p99_us is None else p99_us / 1000


def _gaps(numbers: set[int]) -> int:
    """Missing sequence numbers; a process counts from 0 or 1."""
    return max(numbers) - min(min(numbers), 1) + 1 - len(numbers) if numbers else 0


def coverage(preflight: PreflightReport | None, not_possible: Mapping[str, int]) -> Coverage:
    """What the target offers of the operations planned, counted per role; nothing is known without a preflight."""
    checks = preflight.checks if preflight else ()
    return Coverage(
        offered=sum(check.works is not Works.MISSING for check in checks),
        missing=_named(checks, Works.MISSING),
        broken=_named(checks, Works.BROKEN),
        left_out=_named(checks, Works.LEFT_OUT),
        not_possible=dict(sorted(not_possible.items())),
        dead_behaviours=preflight.dead_behaviours if preflight else (),
    )


def _named(checks: Iterable[OperationCheck], works: Works) -> tuple[str, ...]:
    return tuple(f"{check.role} / {check.operation}" for check in checks if check.works is works)


def reconciliation(gathered: Gathered, recorded: int, backend_log: int | None) -> Reconciliation:
    """The recorder's count beside Locust's and the backend's.

    Locust's is not to be had when a process ended without its last record.
    """
    complete = bool(gathered.workers) and gathered.workers <= gathered.ends.keys()
    locust_total = sum(end.locust_total for end in gathered.ends.values()) if complete else None
    return Reconciliation(recorded, locust_total, backend_log)
