"""What became of each resource of the target over a long run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.format import quantity, rough_duration
from perfsuite.messages import Message
from perfsuite.messages.stability import StabilityMessage
from perfsuite.model import LOGIN, Summary
from perfsuite.model.monitor import PART, Reading
from perfsuite.model.periods import MINUTE_S
from perfsuite.model.readings import of_metrics
from perfsuite.model.stability import (
    JUDGED_FROM_S,
    RESPONSE_TIMES,
    TABLE_LABEL,
    GrowthCause,
    Stability,
    StabilityOutcome,
)
from perfsuite.model.stages import HOLD, READ_ONLY
from perfsuite.stability.refill import Fills, RefillTrend, refill_trend
from perfsuite.stability.trend import FEWEST_WINDOWS, Shape, Windowed, geometric_mean, lowest, trend_of
from perfsuite.target.catalogue import WRITING
from perfsuite.timeseries import Floats, Track, cells_of, slowness_of, tracks_of

_AT_THE_END_S = 60
_ROUNDING_S = 1.0


@dataclass(frozen=True, slots=True)
class Resource:
    """A metric that may grow. Over a whole run, less than `share` of its level, or less than `least`, is no growth.

    `of_window`: what counts of each minute. Its limit is the lowest of: the metric `limit_metric`; what it has and what
    `left_metric` says is left; where `percent_metric`, its share of the limit, is 100; `limit`.
    """

    metric: str
    label: str
    share: float
    least: float
    limit_metric: str = ""
    left_metric: str = ""
    percent_metric: str = ""
    limit: float | None = None
    of_window: Windowed = lowest


RESOURCES = (
    Resource(
        "server.memory_bytes",
        "memory of the backend",
        0.02,
        2e6,
        limit_metric="server.memory_limit_bytes",
        left_metric="machine.memory_available_bytes",
    ),
    Resource(
        "server.descriptors",
        "open files and sockets of the backend",
        0.05,
        5,
        percent_metric="server.descriptors_used_percent",
    ),
    Resource("server.threads", "threads of the backend", 0.05, 3),
    Resource("pool.checked_out", "connections in use of the application's pool", 0.1, 2, limit_metric="pool.size"),
    Resource("postgres.connections", "connections of PostgreSQL", 0.05, 3, limit_metric="postgres.connections_limit"),
    Resource("postgres.database_bytes", "size of the database", 0.01, 1e6),
    Resource("redis.memory_bytes", "memory of Redis", 0.02, 1e6, percent_metric="redis.memory_used_percent"),
    Resource("redis.connected_clients", "connections of Redis", 0.05, 3, limit_metric="redis.clients_limit"),
    Resource("machine.disk_used_percent", "disk of the backend", 0.01, 0.5, limit=100.0),
)
_READ = frozenset(
    name
    for each in RESOURCES
    for name in (each.metric, each.limit_metric, each.left_metric, each.percent_metric)
    if name
)
_TABLE_BYTES = "postgres.table_bytes"
_READ_EVERY_S = 10
_RESPONSE_TIMES = Resource(RESPONSE_TIMES, "response times", 0.1, 2.0, of_window=geometric_mean)


def stability_of(summary: Summary, readings: Sequence[Reading]) -> tuple[Stability, ...]:
    """What each monitored resource did, and the response times. () for runs of less than ten minutes."""
    start, end = summary.steady_start, summary.steady_end
    if summary.duration_s < JUDGED_FROM_S - _ROUNDING_S or start is None or end is None:
        return ()
    needed = tracks_of(of_metrics(readings, _READ.__contains__), start, end - start)
    tracks = {track.metric: track for track in reversed(needed) if not track.is_part}
    fills = fills_of(summary, start, end - start)
    tables = tracks_of(of_metrics(readings, _TABLE_BYTES.__eq__), start, end - start)
    return (*_resources(tracks, fills), *_tables(tables, fills), *_response_times(summary, start, end - start, fills))


def fills_of(summary: Summary, first_s: int, length_s: int) -> Fills | None:
    """The first two fills with a pause without writes between them; None without."""
    for before, pause, after in zip(summary.stages, summary.stages[1:], summary.stages[2:], strict=False):
        kinds = tuple(stage.span.kind for stage in (before, pause, after))
        same = before.span.end_level == after.span.start_level
        if kinds != (HOLD, READ_ONLY, HOLD) or not same or not before.seconds.steady or not after.seconds.steady:
            continue
        (start, stop), (again, end) = (
            (steady[0] - first_s, steady[1] - first_s) for steady in (before.seconds.steady, after.seconds.steady)
        )
        return Fills((start, stop), (again, end), _written(summary, first_s, length_s))
    return None


def _written(summary: Summary, first_s: int, length_s: int) -> Floats:
    """How many writes succeeded in each second; in a minute that was rolled up, on average."""
    written, minutes = np.zeros(length_s), {minute.second for minute in summary.minutes}
    for row in summary.second_rows:
        second = int(row.period)
        seconds = MINUTE_S if second in minutes else 1
        if row.operation in WRITING and second >= first_s:
            succeeded = row.statistics.requests - row.statistics.failures
            written[second - first_s : second - first_s + seconds] += succeeded / seconds
    return written


def _resources(tracks: Mapping[str, Track], fills: Fills | None) -> Iterator[Stability]:
    for resource in RESOURCES:
        track = tracks.get(resource.metric)
        if track is not None and track.known.size:
            yield judged(resource, track.unit, track.values, _limit(resource, tracks), fills)


def _tables(tracks: Sequence[Track], fills: Fills | None) -> Iterator[Stability]:
    """Each table that is read: the largest ones, and those that changed."""
    for track in tracks:
        name = track.source.partition(PART)[2]
        resource = Resource(f"{_TABLE_BYTES}{PART}{name}", f"{TABLE_LABEL}{name}", 0.01, 1e6)
        yield judged(resource, track.unit, held(track.values, _READ_EVERY_S), None, fills)


def held(values: Floats, for_s: int) -> Floats:
    """One a second, of a figure that is read every `for_s` seconds and holds until it is read again."""
    at = np.arange(values.size)
    read_at = np.maximum.accumulate(np.where(np.isnan(values), -1, at))
    found = np.where((read_at >= 0) & (at - read_at < for_s), values[read_at], math.nan)
    return np.asarray(found)


def _response_times(summary: Summary, first_s: int, length_s: int, fills: Fills | None) -> Iterator[Stability]:
    """The mean, without what a changing mix of operations makes of it."""
    if summary.totals.avg_ms is None:
        return
    cells = [times for (_, operation), times in cells_of(summary, first_s, length_s).items() if operation != LOGIN]
    yield judged(_RESPONSE_TIMES, "ms", summary.totals.avg_ms * np.exp(slowness_of(cells, length_s)), None, fills)


def _limit(resource: Resource, tracks: Mapping[str, Track]) -> float | None:
    """Where the resource is used up, as it was at the end of the run; None where that is not known."""
    used = _at_the_end(tracks, resource.metric) or 0.0
    own, left, percent = (
        _at_the_end(tracks, metric) for metric in (resource.limit_metric, resource.left_metric, resource.percent_metric)
    )
    found = [own, resource.limit, None if left is None else used + left, used / percent * 100 if percent else None]
    return min((limit for limit in found if limit), default=None)


def _at_the_end(tracks: Mapping[str, Track], metric: str) -> float | None:
    track = tracks.get(metric)
    values = track.known[-_AT_THE_END_S:] if track is not None else np.empty(0)
    return float(np.median(values)) if values.size else None


def judged(resource: Resource, unit: str, values: Floats, limit: float | None, fills: Fills | None = None) -> Stability:
    """What one series did. `values`: one a second, NaN for gaps. `fills`: where there are two."""
    known = values[~np.isnan(values)]
    level = float(np.median(known)) if known.size else math.nan
    least = max(resource.share * level, resource.least)
    if fills is None:
        refill = RefillTrend(trend_of(values, least, resource.of_window))
    else:
        refill = refill_trend(values, fills, least, resource.of_window)
    trend = refill.trend
    if trend.shape is Shape.TOO_SHORT:
        too_short = StabilityMessage.TOO_SHORT if fills is None else StabilityMessage.FILL_TOO_SHORT
        reason = too_short(needed=FEWEST_WINDOWS)
        return Stability(resource.metric, resource.label, unit, StabilityOutcome.CANNOT_TELL, reason, limit=limit)
    found = Stability(
        resource.metric,
        resource.label,
        unit,
        _OUTCOMES.get(trend.shape, StabilityOutcome.CANNOT_TELL),
        _reason(refill, unit),
        per_minute=trend.slope_per_s * 60,
        interval=(trend.low_per_s * 60, trend.high_per_s * 60),
        level=trend.level,
        limit=limit,
        cause=refill.cause if trend.shape is Shape.GROWS else None,
        per_1000_writes=refill.per_1000_writes,
    )
    return found if found.outcome is not StabilityOutcome.GROWS else _with_limit(found, has_pause=fills is not None)


_OUTCOMES = {
    Shape.STEADY: StabilityOutcome.STEADY,
    Shape.SETTLES: StabilityOutcome.SETTLES,
    Shape.GROWS: StabilityOutcome.GROWS,
}


def _reason(refill: RefillTrend, unit: str) -> Message:
    trend = refill.trend
    low, high = (quantity(per_s * 60, unit) for per_s in (trend.low_per_s, trend.high_per_s))
    most = quantity(max(trend.high_per_s, 0.0) * 60, unit)
    match trend.shape:
        case Shape.STEADY:
            return StabilityMessage.STEADY(most=most)
        case Shape.SETTLES:
            return StabilityMessage.SETTLES(most=most)
        case Shape.GROWS:
            rate = quantity(trend.slope_per_s * 60, unit)
            if refill.per_1000_writes is None:
                return StabilityMessage.GROWS(rate=rate, low=low, high=high)
            per_1000 = quantity(refill.per_1000_writes[0], unit)
            return StabilityMessage.GROWS_BY_WRITES(rate=rate, low=low, high=high, per_1000=per_1000)
        case Shape.STILL_SETTLING:
            return StabilityMessage.STILL_SETTLING(most=most)
    return StabilityMessage.UNCLEAR(low=low, high=high)


def _with_limit(grows: Stability, *, has_pause: bool) -> Stability:
    """Growth with the time that is left, and with what a pause showed or a run without one cannot show."""
    return replace(grows, reason=grows.reason.also(_limit_reached(grows), _about_cause(grows, has_pause=has_pause)))


def _about_cause(grows: Stability, *, has_pause: bool) -> Message | None:
    if grows.cause is GrowthCause.TIME:
        return StabilityMessage.WENT_ON_IN_PAUSE()
    if grows.cause is GrowthCause.WRITES:
        return StabilityMessage.STOPPED_IN_PAUSE()
    if has_pause:
        return StabilityMessage.PAUSE_UNCLEAR()
    return StabilityMessage.ALIKE() if grows.metric != RESPONSE_TIMES else None


def _limit_reached(grows: Stability) -> Message | None:
    """When the limit is reached; None where that is not known."""
    if grows.lasts_s is None:
        return None
    earliest, latest = grows.lasts_s
    low, high = rough_duration(earliest), rough_duration(latest)
    if math.isinf(latest):
        return StabilityMessage.LIMIT_AFTER(low=low)
    return StabilityMessage.LIMIT_IN_ABOUT(low=low) if low == high else StabilityMessage.LIMIT_IN(low=low, high=high)
