"""The course of a run, second by second or in bins of several seconds, for the charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from perfsuite.model import Second
from perfsuite.report.figures import rounded

MOST_POINTS = 300
_BIN_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)

Point = dict[str, float | int | None]


@dataclass(frozen=True, slots=True)
class Band:
    """A period of the run: from `start` to `end` in seconds since the start."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Course:
    """What happened when. `points` have the keys t, mid and end (seconds since the start), rps, fps, avg, p50, p95,
    p99, max and, for every role, `users: role`; in the open model also service, due, begun, queue, lag and latest.
    """

    points: tuple[Point, ...]
    bands: tuple[Band, ...]
    roles: tuple[str, ...]
    bin_s: int
    length_s: int

    @property
    def middles(self) -> list[float]:
        """The middle of each point's span, in seconds since the start."""
        return [float(point["mid"] or 0) for point in self.points]

    @property
    def edges(self) -> list[float]:
        """Where the points' spans begin, and where the last one ends."""
        return [*(float(point["t"] or 0) for point in self.points), float(self.length_s)]

    def knows(self, name: str) -> bool:
        """True when any point has the figure."""
        return any(point.get(name) is not None for point in self.points)


def course_of(seconds: Sequence[Second]) -> Course:
    """The course of a run, in at most MOST_POINTS points.

    In a bin of several seconds counts are summed and told per second, the mean is weighted by the
    requests, and percentiles and maxima are the highest of its seconds.
    """
    if not seconds:
        return Course((), (), (), 1, 0)
    start = seconds[0].second
    length = seconds[-1].second - start + 1
    width = next((width for width in _BIN_WIDTHS_S if length <= width * MOST_POINTS), _BIN_WIDTHS_S[-1])
    bins = groupby(seconds, key=lambda second: (second.second - start) // width)
    roles = tuple(dict.fromkeys(role for second in seconds for role in second.users))
    points = tuple(_point(number * width, min((number + 1) * width, length), list(group)) for number, group in bins)
    return Course(points, tuple(_bands(seconds, start)), roles, width, length)


def role_key(role: str) -> str:
    """The key under which a point holds the users of a role."""
    return f"users: {role}"


def _point(t: int, end: int, seconds: Sequence[Second]) -> Point:
    figures = [second.statistics for second in seconds]
    point: Point = {
        "t": t,
        "mid": (t + end) / 2,
        "end": end,
        "rps": rounded("rps", sum(figure.rps for figure in figures) / (end - t)),
        "fps": rounded("rps", sum(figure.failures for figure in figures) / (end - t)),
        "avg": _mean((figure.requests, figure.avg_ms) for figure in figures),
        "p50": _highest(figure.p50_ms for figure in figures),
        "p95": _highest(figure.p95_ms for figure in figures),
        "p99": _highest(figure.p99_ms for figure in figures),
        "max": _highest(figure.max_ms for figure in figures),
    }
    if any(second.arrivals for second in seconds):
        point |= _arrivals(seconds, end - t)
    roles = dict.fromkeys(role for second in seconds for role in second.users)
    return point | {role_key(role): max(second.users.get(role, 0) for second in seconds) for role in roles}


def _arrivals(seconds: Sequence[Second], length_s: int) -> Point:
    """Open model: actions due and begun a second, how late they began, the queue, and the mean service time."""
    told = [second.arrivals for second in seconds if second.arrivals]
    sent = ((second.statistics.requests - second.breakdown.not_started, second.breakdown) for second in seconds)
    return {
        "due": rounded("due", sum(second.due for second in told) / length_s),
        "begun": rounded("begun", sum(second.begun for second in told) / length_s),
        "queue": max(second.waiting for second in told),
        "lag": _mean((second.begun, second.lag_avg_ms) for second in told),
        "latest": _highest(second.lag_max_ms for second in told),
        "service": _mean((count, breakdown.service_avg_ms) for count, breakdown in sent),
    }


def _mean(parts: Iterable[tuple[int, float | None]]) -> float | int | None:
    """The mean of means, each with its weight; None without any."""
    known = [(weight, value) for weight, value in parts if weight and value is not None]
    total = sum(weight for weight, _ in known)
    return rounded("ms", sum(weight * value for weight, value in known) / total) if total else None


def _highest(values: Iterable[float | None]) -> float | int | None:
    known = [value for value in values if value is not None]
    return rounded("ms", max(known)) if known else None


def _bands(seconds: Sequence[Second], start: int) -> Iterable[Band]:
    for name, group in groupby(seconds, key=lambda second: second.period):
        within = list(group)
        yield Band(name, within[0].second - start, within[-1].second - start + 1)
