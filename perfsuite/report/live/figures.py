"""Figures, phase and monitored metrics of a running load as text, the same for the terminal and the live page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from perfsuite.format import UNKNOWN, number, percent, plural, quantity
from perfsuite.model import LiveSnapshot, LiveState, Statistics, Summary, TargetOutcome, TargetResult
from perfsuite.model.monitor import METRICS, Direction, Reading
from perfsuite.report.text import clean
from perfsuite.report.wording import FIGURE_LABELS

UNANSWERED_FROM_S = 3
"""After this many seconds without a response, the views warn."""
STEADY_STATE = "steady state"
SINCE_START = "since the start"
NEAR_SHARE, FULL_SHARE = 0.8, 0.95
"""Shares of its limit from which on a metric counts as near it, and as at it."""
_WARN_FROM: Mapping[str, float] = {"server.listen_queue": 5, "postgres.blocked_sessions": 1, "pool.waiting": 1}
"""Metrics without a limit: from this value on they count as near one."""

Readings = Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class LiveFigure:
    """One figure: `now` over the last five seconds, `so_far` over the steady state or since the start; "" for none.

    `alarm`: the figure counts failures, and there are some.
    """

    name: str
    now: str
    so_far: str
    alarm: bool = False


def phase_text(live: LiveState) -> str:
    """The phase as shown: the plateau is "steady" from its steady state on."""
    return "steady" if live.steady and live.phase == "plateau" else clean(live.phase)


def since_text(live: LiveState) -> str:
    """What the figures so far cover."""
    return STEADY_STATE if live.steady else SINCE_START


def alert_text(live: LiveState) -> str:
    """That the target was wrong under load, or does not respond; "" while all is well."""
    alerts = []
    if live.violations:
        alerts.append(f"Wrong under load: {plural(live.violations, 'violation')}")
    if live.unanswered_s >= UNANSWERED_FROM_S:
        alerts.append(f"No response from the target for {plural(live.unanswered_s, 'second')}")
    return "; ".join(alerts)


def live_figures(live: LiveState) -> tuple[LiveFigure, ...]:
    """The main figures of a running load, in reading order."""
    users = f"{number(sum(live.users.values()))}/{number(live.users_requested)}"
    return _figures(users, live.statistics, (live.rps_now, live.avg_now_ms, live.p95_now_ms))


def final_figures(summary: Summary) -> tuple[LiveFigure, ...]:
    """The same figures over the steady state of a finished run."""
    return _figures(f"{number(summary.users.peak)}/{number(summary.users.requested)}", summary.totals, None)


def _figures(
    users: str, so_far: Statistics, now: tuple[float, float | None, float | None] | None
) -> tuple[LiveFigure, ...]:
    rps, average, p95 = ("", "", "") if now is None else map(number, now)
    failed = so_far.failures > 0
    return (
        LiveFigure(FIGURE_LABELS["users"], users, ""),
        LiveFigure(FIGURE_LABELS["requests"], "", number(so_far.requests)),
        LiveFigure(FIGURE_LABELS["rps"], rps, number(so_far.rps)),
        LiveFigure(FIGURE_LABELS["avg_ms"], average, number(so_far.avg_ms)),
        LiveFigure(FIGURE_LABELS["p95_ms"], p95, number(so_far.p95_ms)),
        LiveFigure(FIGURE_LABELS["failures"], "", number(so_far.failures), alarm=failed),
        LiveFigure("Rate", "", percent(so_far.failure_rate), alarm=failed),
    )


def users_by_role(users: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """Roles and their number of users."""
    return tuple((clean(role.replace("_", " ")), number(count)) for role, count in users.items())


def worst_first(targets: Sequence[TargetResult]) -> list[TargetResult]:
    """Missed targets first, so that a short list shows them; otherwise in their order."""
    return sorted(targets, key=lambda result: result.outcome is not TargetOutcome.MISSED)


class GaugeState(StrEnum):
    """How near its limit a metric is."""

    FINE = "fine"
    NEAR = "near its limit"
    FULL = "at its limit"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric. `part`: "generator", "server", "PostgreSQL" or "Redis"; `text`: "45 %", "12/100", "–" for a gap."""

    part: str
    label: str
    text: str
    state: GaugeState


@dataclass(frozen=True, slots=True)
class _MainMetric:
    """A metric to show. A metric of `beside` colours it as well if it is nearer to its own limit."""

    part: str
    label: str
    metric: str
    beside: tuple[str, ...] = ()


_SERVER_CPU = _MainMetric("server", "CPU", "server.cpu_percent", ("server.busiest_process_cpu_percent",))
_MACHINE_CPU = _MainMetric("server", "machine CPU", "machine.cpu_percent")
_CONNECTIONS = _MainMetric("PostgreSQL", "connections", "postgres.connections")
_MAIN = (
    _SERVER_CPU,
    _MACHINE_CPU,
    _MainMetric("server", "listen queue", "server.listen_queue"),
    _MainMetric("server", "pool", "pool.checked_out", ("pool.waiting",)),
    _CONNECTIONS,
    _MainMetric("PostgreSQL", "blocked", "postgres.blocked_sessions"),
    _MainMetric("PostgreSQL", "cache hits", "postgres.cache_hit_percent"),
    _MainMetric("Redis", "hits", "redis.hit_percent"),
    _MainMetric("Redis", "memory", "redis.memory_bytes", ("redis.memory_used_percent",)),
)


def gauges(snapshot: LiveSnapshot) -> tuple[Gauge, ...]:
    """How near its limit the generator is, if known, and the main metrics that are monitored, in a fixed order."""
    monitored = (_gauge(main, snapshot.readings) for main in _MAIN if main.metric in snapshot.readings)
    return (*_generator(snapshot.live), *monitored)


def _generator(live: LiveState) -> Iterable[Gauge]:
    used = live.generator_percent
    if used is None:
        return
    state = GaugeState.FULL if used >= 100 else GaugeState.NEAR if used >= 100 * NEAR_SHARE else GaugeState.FINE
    yield Gauge("generator", "capacity used", quantity(used, "percent"), state)


def gauges_in_short(snapshot: LiveSnapshot) -> str:
    """ "generator 40 %, server 45 % CPU, db 12/100", followed by every metric at its limit; "" if none is known."""
    readings = snapshot.readings
    cpu = _SERVER_CPU if _SERVER_CPU.metric in readings else _MACHINE_CPU
    always = {cpu: f"{'server' if cpu is _SERVER_CPU else 'machine'} {{}} CPU", _CONNECTIONS: "db {}"}
    parts = [f"{gauge.part} {gauge.text}" for gauge in _generator(snapshot.live)]
    for main in _MAIN:
        if main.metric not in readings:
            continue
        gauge = _gauge(main, readings)
        if main in always:
            parts.append(always[main].format(gauge.text))
        elif gauge.state is GaugeState.FULL:
            parts.append(f"{gauge.label} {gauge.text}")
    return ", ".join(parts)


def _gauge(main: _MainMetric, readings: Readings) -> Gauge:
    value = readings[main.metric].value
    if value is None:
        return Gauge(main.part, main.label, UNKNOWN, GaugeState.GAP)
    return Gauge(main.part, main.label, _text(main.metric, value, readings), _state(main, readings))


def _text(metric: str, value: float, readings: Readings) -> str:
    known = METRICS[metric]
    if known.unit == "count" and (limit := _limit(metric, readings)) is not None:
        return f"{number(round(value))}/{number(round(limit))}"
    if known.unit != "percent":
        return quantity(value, known.unit)
    if known.direction is Direction.LOWER_IS_WORSE and value < 100:
        # Rounded down, so that 99.97 % never reads as 100 %.
        return quantity(math.floor(value * 10) / 10, "percent")
    return quantity(value, "percent")


def _state(main: _MainMetric, readings: Readings) -> GaugeState:
    states = {_nearness(metric, readings) for metric in (main.metric, *main.beside)}
    return next(state for state in (GaugeState.FULL, GaugeState.NEAR, GaugeState.FINE) if state in states)


def _nearness(metric: str, readings: Readings) -> GaugeState:
    """How near its limit a metric is; FINE if its value or limit is unknown."""
    value = readings[metric].value if metric in readings else None
    if value is None:
        return GaugeState.FINE
    if metric in _WARN_FROM:
        return GaugeState.NEAR if value >= _WARN_FROM[metric] else GaugeState.FINE
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
