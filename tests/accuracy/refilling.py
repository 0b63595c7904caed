"""Made series of memory over two fills and a pause without writes, with a known truth; noise as in `endurance`.

A first fill of ten minutes has 585 s of steady state; pause and second fill then have ten minutes as well, and after
60 minutes twenty. A write a second on average, none in the pause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from perfsuite.model.stability import GrowthCause, Stability, StabilityOutcome
from perfsuite.stability.evaluate import RESOURCES, judged
from perfsuite.stability.refill import Fills
from perfsuite.timeseries import Floats
from tests.accuracy.endurance import LEAKS, LIMIT_MB, MB, UNDER_A_LEAK, WITHOUT_LEAK, Made, series
from tests.accuracy.table import Row

WRITES_PER_S = 1.0
LENGTHS = {10: (585, 600, 595), 60: (3_585, 1_200, 1_195)}
"""Minutes of the first fill → seconds of the fill, the pause and the second fill."""
MOST_FALSE, LEAST_FOUND, LEAST_RIGHT, LEAST_COVERED = 0.01, 0.95, 0.90, 0.85


@dataclass(frozen=True, slots=True)
class Run:
    """When a made run fills and pauses. `at`: minutes since the start, by second; `loaded`: those of them in fills."""

    fills: Fills
    at: Floats
    loaded: Floats

    @property
    def first_end(self) -> float:
        """Minute in which the first fill ends."""
        return self.fills.first[1] / 60

    @property
    def second(self) -> tuple[float, float]:
        """Minutes in which the second fill begins and is at its middle."""
        start, end = self.fills.second
        return start / 60, (start + end) / 120


def run_of(rng: np.random.Generator, minutes: int) -> Run:
    """A run whose first fill has so many minutes."""
    first, pause, second = LENGTHS[minutes]
    length = first + pause + second
    loads = np.ones(length)
    loads[first : first + pause] = 0
    fills = Fills((0, first), (first + pause, length), rng.poisson(WRITES_PER_S, length) * loads)
    return Run(fills, np.arange(length) / 60, np.cumsum(loads) / 60)


Shape = Callable[[np.random.Generator, Run], Floats]
"""MB by second."""


def _filled(rng: np.random.Generator, run: Run) -> Floats:
    end = rng.uniform(0.3, 0.6) * min(run.first_end, 20.0)
    return np.asarray(np.minimum(run.at / end, 1) * rng.uniform(20, 60))


def _filled_by_writes(rng: np.random.Generator, run: Run) -> Floats:
    """It stands still in the pause, and ends in the first half of the second fill."""
    start, middle = run.second
    end = run.first_end + rng.uniform(0, middle - start)
    return np.asarray(np.minimum(run.loaded, end) * rng.uniform(1, 4))


def _filled_by_reads(rng: np.random.Generator, run: Run) -> Floats:
    """It goes on in the pause, and ends there or in the first half of the second fill."""
    return np.asarray(np.minimum(run.at, rng.uniform(run.first_end, run.second[1])) * rng.uniform(1, 4))


def _emptied(rng: np.random.Generator, run: Run) -> Floats:
    """The pause empties it; the second fill brings it back to the same level at most."""
    full, (again, _middle) = run.first_end, run.second
    left = full * np.exp(-np.maximum(run.at - full, 0) / rng.uniform(1, 2))
    return np.asarray(np.where(run.at < again, np.minimum(run.at, left), run.at - again) * rng.uniform(1, 4))


def _written(_rng: np.random.Generator, run: Run) -> Floats:
    """1 MB by a minute of writes, each as much as any other."""
    return np.asarray(np.cumsum(run.fills.writes) / WRITES_PER_S / 60)


UNFINISHED: dict[str, Shape] = {
    "unfinished fill by writes": _filled_by_writes,
    "unfinished fill by reads": _filled_by_reads,
    "fill emptied in the pause": _emptied,
}


@dataclass(slots=True)
class Called:
    """What the series of one shape were called: outcomes with causes. `covered`: growth by writes in its interval."""

    counts: Counter[tuple[StabilityOutcome, GrowthCause | None]] = field(default_factory=Counter)
    covered: int = 0

    def growing(self, cause: GrowthCause | None = None) -> float:
        """The share that was called growing, by this cause if one is given."""
        return self._share(lambda outcome, by: outcome is StabilityOutcome.GROWS and cause in (None, by))

    def stopped(self) -> float:
        """The share of which is known that it does not grow any more."""
        return self._share(lambda outcome, _by: outcome in (StabilityOutcome.SETTLES, StabilityOutcome.STEADY))

    def unknown(self) -> float:
        """The share of which is not known whether it grows, or by what."""
        unknown = StabilityOutcome.CANNOT_TELL, GrowthCause.UNKNOWN
        return self._share(lambda outcome, by: outcome is unknown[0] or by is unknown[1])

    def _share(self, counts: Callable[[StabilityOutcome, GrowthCause | None], bool]) -> float:
        return sum(number for key, number in self.counts.items() if counts(*key)) / self.counts.total()


def called(minutes: int, shape: Shape, traces: int, seed: int, *, refill: bool = True, growth: float = 0.0) -> Called:
    """Fresh series of one shape, each judged with its second fill, or without it the first fill alone.

    `growth`: MB a minute that the shape is to have by writes.
    """
    found = Called()
    for trace in range(traces):
        rng = np.random.default_rng([seed, minutes, trace, 2])
        run = run_of(rng, minutes)
        values = series(rng, run.at.size / 60, lambda rng, _at: shape(rng, run))  # noqa: B023  called at once
        if not refill:
            values = values[: run.fills.first[1]]
        stability = judged(RESOURCES[0], "bytes", values, LIMIT_MB * MB, run.fills if refill else None)
        found.counts[stability.outcome, stability.cause] += 1
        found.covered += _covers(stability, growth)
    return found


def _covers(found: Stability, growth: float) -> bool:
    if found.per_1000_writes is None:
        return False
    _slope, low, high = found.per_1000_writes
    return low <= growth / 60 / WRITES_PER_S * 1_000 * MB <= high


def over_time(made: Made, leak: float = 0.0) -> Shape:
    """A shape that knows of no fills, with a leak of so many MB a minute."""
    return lambda rng, run: made(rng, run.at) + leak * run.at


def by_writes(made: Made, growth: float) -> Shape:
    """The same with growth by what is written instead."""
    return lambda rng, run: made(rng, run.at) + growth * _written(rng, run)


LEAK_FREE: dict[str, Shape] = (
    {name: over_time(made) for name, made in WITHOUT_LEAK.items()} | {"finished cache fill": _filled} | UNFINISHED
)


def refill_rows(traces: int, seed: int) -> list[Row]:
    """All shapes with as many series each."""
    rows: list[Row] = []
    for minutes, leak in LEAKS.items():
        where = f"{minutes} min and second fill"
        for name, shape in LEAK_FREE.items():
            share = called(minutes, shape, traces, seed).growing()
            rows.append(_row(name, f"called growing, {where}", "0", share, at_most=MOST_FALSE))
        for name, shape in UNFINISHED.items():
            rows.append(_unknown(name, called(minutes, shape, traces, seed, refill=False), minutes))
            share = called(minutes, shape, traces, seed).stopped()
            rows.append(_row(name, f"settles, {where}", "all", share, at_least=LEAST_RIGHT))
        for name, made in UNDER_A_LEAK.items():
            what, found = f"leak of {leak:g} MB/min {name}", called(minutes, over_time(made, leak), traces, seed)
            rows.append(_row(what, f"found, {where}", "all", found.growing(), at_least=LEAST_FOUND))
            rows.append(_row(what, "by time", "all", found.growing(GrowthCause.TIME), at_least=LEAST_RIGHT))
            what, shape = f"{leak:g} MB/min by writes {name}", by_writes(made, leak)
            rows.append(_unknown(what, called(minutes, shape, traces, seed, refill=False), minutes))
            found = called(minutes, shape, traces, seed, growth=leak)
            by = found.growing(GrowthCause.WRITES)
            rows.append(_row(what, f"by writes, {where}", "all", by, at_least=LEAST_RIGHT))
            covered = found.covered / max(by * traces, 1)
            rows.append(_row(what, "90 % CI has the growth by writes", "90%", covered, at_least=LEAST_COVERED))
    return rows


def _unknown(what: str, found: Called, minutes: int) -> Row:
    return _row(what, f"cannot tell, {minutes} min without it", "all", found.unknown(), at_least=LEAST_RIGHT)


def _row(what: str, figure: str, truth: str, share: float, *, at_least: float = 0.0, at_most: float = 1.0) -> Row:
    bound = f"≥ {at_least:.0%}" if at_least else f"at most {at_most:.0%}"
    return Row(what, figure, truth, f"{share:.1%}", bound, at_least <= share <= at_most)
