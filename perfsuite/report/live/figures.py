"""What the live view shows of a moment of a run, for the terminal and the page: figures, texts, monitored metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from perfsuite.model import LiveSnapshot, LiveState, Statistics, Summary, TargetOutcome, TargetResult
from perfsuite.model.monitor import METRICS, Direction, Reading
from perfsuite.model.units import amount
from perfsuite.report.figures import UNKNOWN, human
from perfsuite.report.text import clean, plural

UNANSWERED_FROM_S = 3
"""So many seconds without any answer are worth a word."""
STEADY_STATE = "steady state"
SINCE_START = "since the start"
_RATE_AND_TIMES = ("rps", "avg_ms", "p95_ms")


@dataclass(frozen=True, slots=True)
class LiveFigure:
    """One figure, over the last five seconds and over all that counts so far; "" where it has no such side.

    `alarm`: it tells of failures.
    """

    name: str
    now: str
    so_far: str
    alarm: bool = False


def phase_text(live: LiveState) -> str:
    """The phase as it is shown: the plateau is "steady" once it has settled."""
    return "steady" if live.steady and live.phase == "plateau" else clean(live.phase)


def since_text(live: LiveState) -> str:
    """What the figures so far cover."""
    return STEADY_STATE if live.steady else SINCE_START


def silence_text(live: LiveState) -> str:
    """That the target gives no answer; "" while it does."""
    if live.unanswered_s < UNANSWERED_FROM_S:
        return ""
    return f"No answer from the target for {plural(live.unanswered_s, 'second')}"


def live_figures(live: LiveState) -> tuple[LiveFigure, ...]:
    """The main figures of a moment, in reading order."""
    users = f"{sum(live.users.values()):,}/{live.users_requested:,}"
    return _figures(users, live.statistics, (live.rps_now, live.avg_now_ms, live.p95_now_ms))


def final_figures(summary: Summary) -> tuple[LiveFigure, ...]:
    """The same, over the steady state of a run that has ended."""
    return _figures(f"{summary.users.peak:,}/{summary.users.requested:,}", summary.totals, None)


def _figures(
    users: str, so_far: Statistics, now: tuple[float, float | None, float | None] | None
) -> tuple[LiveFigure, ...]:
    rps, average, p95 = ("", "", "") if now is None else map(human, _RATE_AND_TIMES, now)
    failed = so_far.failures > 0
    return (
        LiveFigure("Users", users, ""),
        LiveFigure("Requests", "", f"{so_far.requests:,}"),
        LiveFigure("Req/s", rps, human("rps", so_far.rps)),
        LiveFigure("Avg ms", average, human("avg_ms", so_far.avg_ms)),
        LiveFigure("p95 ms", p95, human("p95_ms", so_far.p95_ms)),
        LiveFigure("Failures", "", f"{so_far.failures:,}", alarm=failed),
        LiveFigure("Rate", "", human("failure_rate", so_far.failure_rate), alarm=failed),
    )


def users_by_role(users: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """Role and its users."""
    return tuple((clean(role.replace("_", " ")), f"{count:,}") for role, count in users.items())


def worst_first(targets: Sequence[TargetResult]) -> list[TargetResult]:
    """Missed ones first, so that they are seen where there are many; else as they are."""
    return sorted(targets, key=lambda result: result.outcome is not TargetOutcome.MISSED)


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


def gauges(moment: LiveSnapshot) -> tuple[Gauge, ...]:
    """Those of the main figures that are watched, in a fixed order; () where nothing is."""
    return tuple(_gauge(main, moment.readings) for main in _MAIN if main.metric in moment.readings)


def gauges_in_short(moment: LiveSnapshot) -> str:
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
