"""The monitors' main figures of one moment, for every live screen: which ones, how they read, how near their limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from perfsuite.model import Moment
from perfsuite.model.monitor import METRICS, Direction, Reading
from perfsuite.model.units import amount
from perfsuite.report.figures import UNKNOWN

NEAR_SHARE, FULL_SHARE = 0.8, 0.95
"""From these shares of its limit on, a figure is near it, or at it."""
_WORTH_A_LOOK: Mapping[str, float] = {"server.listen_queue": 5, "postgres.blocked_sessions": 1, "pool.waiting": 1}
"""Without a limit of their own: from here on they count as near one. A session blocked for a moment is usual."""

Readings = Mapping[str, Reading]


class GaugeState(StrEnum):
    """How near its limit a figure is."""

    FINE = "fine"
    NEAR = "near its limit"
    FULL = "at its limit"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure. `part`: "server", "PostgreSQL" or "Redis". `text`: "45 %", "12/100", "–" for a gap."""

    part: str
    label: str
    text: str
    state: GaugeState


@dataclass(frozen=True, slots=True)
class _Main:
    """A metric to show. Those of `beside` colour it too, where they are nearer to a limit of their own."""

    part: str
    label: str
    metric: str
    beside: tuple[str, ...] = ()


_SERVER_CPU = _Main("server", "CPU", "server.cpu_percent", ("server.busiest_process_cpu_percent",))
_MACHINE_CPU = _Main("server", "machine CPU", "machine.cpu_percent")
_CONNECTIONS = _Main("PostgreSQL", "connections", "postgres.connections")
_MAIN = (
    _SERVER_CPU,
    _MACHINE_CPU,
    _Main("server", "listen queue", "server.listen_queue"),
    _Main("server", "pool", "pool.checked_out", ("pool.waiting",)),
    _CONNECTIONS,
    _Main("PostgreSQL", "blocked", "postgres.blocked_sessions"),
    _Main("PostgreSQL", "cache hits", "postgres.cache_hit_percent"),
    _Main("Redis", "hits", "redis.hit_percent"),
    _Main("Redis", "memory", "redis.memory_bytes", ("redis.memory_used_percent",)),
)


def gauges(moment: Moment) -> tuple[Gauge, ...]:
    """Those of the main figures that are watched, in a fixed order; () where nothing is."""
    return tuple(_gauge(main, moment.readings) for main in _MAIN if main.metric in moment.readings)


def gauges_in_short(moment: Moment) -> str:
    """ "server 45 % CPU, db 12/100", and what is at its limit besides; "" where none of these is watched."""
    readings = moment.readings
    cpu = _SERVER_CPU if _SERVER_CPU.metric in readings else _MACHINE_CPU
    told = {cpu: f"{'server' if cpu is _SERVER_CPU else 'machine'} {{}} CPU", _CONNECTIONS: "db {}"}
    parts = []
    for main in _MAIN:
        if main.metric not in readings:
            continue
        gauge = _gauge(main, readings)
        if main in told:
            parts.append(told[main].format(gauge.text))
        elif gauge.state is GaugeState.FULL:
            parts.append(f"{gauge.label} {gauge.text}")
    return ", ".join(parts)


def _gauge(main: _Main, readings: Readings) -> Gauge:
    value = readings[main.metric].value
    if value is None:
        return Gauge(main.part, main.label, UNKNOWN, GaugeState.GAP)
    return Gauge(main.part, main.label, _text(main.metric, value, readings), _state(main, readings))


def _text(metric: str, value: float, readings: Readings) -> str:
    known = METRICS[metric]
    if known.unit == "count" and (limit := _limit(metric, readings)) is not None:
        return f"{value:,.0f}/{limit:,.0f}"
    if known.unit != "percent":
        return amount(value, known.unit)
    if known.direction is Direction.LOWER_IS_WORSE and value < 100:
        # Rounded down: of 99.97 % nobody should read that all were found.
        return f"{math.floor(value * 10) / 10:.1f} %"
    return f"{value:.0f} %"


def _state(main: _Main, readings: Readings) -> GaugeState:
    states = {_nearness(metric, readings) for metric in (main.metric, *main.beside)}
    return next(state for state in (GaugeState.FULL, GaugeState.NEAR, GaugeState.FINE) if state in states)


def _nearness(metric: str, readings: Readings) -> GaugeState:
    """FINE too where the metric or its limit is not known: then nothing says that it is near."""
    value = readings[metric].value if metric in readings else None
    if value is None:
        return GaugeState.FINE
    if metric in _WORTH_A_LOOK:
        return GaugeState.NEAR if value >= _WORTH_A_LOOK[metric] else GaugeState.FINE
    limit = _limit(metric, readings)
    if not limit:
        return GaugeState.FINE
    if value >= FULL_SHARE * limit:
        return GaugeState.FULL
    return GaugeState.NEAR if value >= NEAR_SHARE * limit else GaugeState.FINE


def _limit(metric: str, readings: Readings) -> float | None:
    known = METRICS[metric]
    if known.limit_metric is None:
        return known.limit
    return readings[known.limit_metric].value if known.limit_metric in readings else None
