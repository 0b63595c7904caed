"""Made series of memory with a known truth: how often each shape is called what, and how well the time left is known.

A level of 150 MB with noise of 1 MB that remembers the second before (0.8), once a second. A run of ten minutes has
585 s of steady state.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from perfsuite.model.stability import Stability, StabilityOutcome
from perfsuite.stability.evaluate import RESOURCES, judged
from perfsuite.stability.trend import Shape, geometric_mean, trend_of
from perfsuite.timeseries import Floats
from tests.accuracy.table import Row

MB = 1e6
LEVEL, NOISE, MEMORY_OF_NOISE, SAWTOOTH = 150.0, 1.0, 0.8, 20.0
LIMIT_MB = 1_000.0
STEADY_MINUTES = {10: 9.75, 60: 59.75}
MOST_FALSE, LEAST_FOUND, LEAST_COVERED = 0.01, 0.95, 0.85
_REACH = 3.0
"""The highest of some minutes of noise lies so many of its deviations above the level."""

Made = Callable[[np.random.Generator, Floats], Floats]
"""Minutes since the start → MB."""


def _flat(_rng: np.random.Generator, at: Floats) -> Floats:
    return np.zeros_like(at)


def _warm_up(rng: np.random.Generator, at: Floats) -> Floats:
    return np.asarray(rng.uniform(20, 60) * (1 - np.exp(-at / rng.uniform(1, 3))))


def _filled(rng: np.random.Generator, at: Floats) -> Floats:
    end = rng.uniform(0.3, 0.6) * min(at[-1], 20.0)
    return np.asarray(np.minimum(at / end, 1) * rng.uniform(20, 60))


def _sawtooth(rng: np.random.Generator, at: Floats) -> Floats:
    return np.asarray(SAWTOOTH * ((at + rng.uniform(0, 1)) % 1.0))


def _step(rng: np.random.Generator, at: Floats) -> Floats:
    return np.asarray(rng.uniform(10, 40) * (at > rng.uniform(0.15, 0.85) * at[-1]))


def _collected(rng: np.random.Generator, at: Floats) -> Floats:
    """Garbage collections at random."""
    values: list[float] = []
    while len(values) < at.size:
        length = int(rng.integers(15, 50))
        values += (rng.uniform(5, 25) * np.arange(length) / length).tolist()
    return np.array(values[: at.size])


def _unfinished(rng: np.random.Generator, at: Floats) -> Floats:
    return np.asarray(at * rng.uniform(1, 4))


WITHOUT_LEAK: dict[str, Made] = {
    "flat": _flat,
    "warm-up, τ 1 to 3 min": _warm_up,
    "finished cache fill": _filled,
    "sawtooth of 20 MB": _sawtooth,
    "one step": _step,
    "garbage collections": _collected,
}
UNDER_A_LEAK: dict[str, Made] = {"alone": _flat, "under the sawtooth": _sawtooth, "under collections": _collected}
LEAKS = {10: 1.0, 60: 0.2}
"""Minutes of the run → MB a minute."""


BUSY_SIGMA = 1.0
"""Of the logarithm of a second's mean response time, with 7 users on a machine that other programs had filled."""
TIMES_GROWTH = 2.0
"""Over ten minutes; response times then are three times those of the beginning."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the series of one shape were called, and in how many of those that grow the time left was covered."""

    counts: Counter[StabilityOutcome]
    covered: int

    def share(self, outcome: StabilityOutcome) -> float:
        """The share of the series that were called so."""
        return self.counts[outcome] / self.counts.total()


def series(rng: np.random.Generator, minutes: float, shape: Made, leak: float = 0.0) -> Floats:
    """One series in bytes, a value a second."""
    at = np.arange(round(minutes * 60)) / 60
    settled = 100
    innovations = rng.normal(0, NOISE * math.sqrt(1 - MEMORY_OF_NOISE**2), at.size + settled)
    noise = lfilter([1], [1, -MEMORY_OF_NOISE], innovations)[settled:]
    return np.asarray((LEVEL + leak * at + shape(rng, at) + noise) * MB)


def judged_series(minutes: int, shape: Made, traces: int, seed: int, leak: float = 0.0) -> Outcomes:
    """Fresh series of one shape, each judged as the memory of a backend with a limit of 1 GB."""
    counts: Counter[StabilityOutcome] = Counter()
    covered = 0
    for trace in range(traces):
        rng = np.random.default_rng([seed, minutes, trace])
        values = series(rng, STEADY_MINUTES[minutes], shape, leak)
        found = judged(RESOURCES[0], "bytes", values, LIMIT_MB * MB)
        counts[found.outcome] += 1
        if found.outcome is StabilityOutcome.GROWS and leak:
            covered += _covers(found, _time_left_s(minutes, leak, shape))
    return Outcomes(counts, covered)


def judged_response_times(traces: int, seed: int, growth: float) -> Counter[Shape]:
    """What the response times of a busy machine are called, which grow by that share of themselves or not at all."""
    counts: Counter[Shape] = Counter()
    for trace in range(traces):
        rng = np.random.default_rng([seed, trace])
        size = round(STEADY_MINUTES[10] * 60)
        values = 20 * np.exp(rng.normal(0, BUSY_SIGMA, size)) * (1 + growth * np.arange(size) / size)
        counts[judged_shape(values)] += 1
    return counts


def judged_shape(values: Floats) -> Shape:
    """As response times are judged."""
    return trend_of(values, 0.1 * float(np.median(values)), geometric_mean).shape


def _time_left_s(minutes: int, leak: float, shape: Made) -> float:
    """Until the highest values reach the limit."""
    above = {_sawtooth: SAWTOOTH, _collected: 25.0}.get(shape, 0.0)
    now = LEVEL + leak * STEADY_MINUTES[minutes] + above + _REACH * NOISE
    return (LIMIT_MB - now) / leak * 60


def _covers(found: Stability, truth_s: float) -> bool:
    return found.lasts_s is not None and found.lasts_s[0] <= truth_s <= found.lasts_s[1]


def endurance_rows(traces: int, seed: int) -> list[Row]:
    """All shapes with as many series each."""
    rows = []
    for minutes, leak in LEAKS.items():
        for name, shape in WITHOUT_LEAK.items():
            found = judged_series(minutes, shape, traces, seed)
            share, what = found.share(StabilityOutcome.GROWS), f"called growing in {minutes} min"
            rows.append(Row(name, what, "0", f"{share:.1%}", f"at most {MOST_FALSE:.0%}", share <= MOST_FALSE))
        for name, shape in UNDER_A_LEAK.items():
            found = judged_series(minutes, shape, traces, seed, leak)
            share, title = found.share(StabilityOutcome.GROWS), f"leak of {leak:g} MB/min {name}"
            held = share >= LEAST_FOUND
            rows.append(Row(title, f"found in {minutes} min", "all", f"{share:.1%}", f"≥ {LEAST_FOUND:.0%}", held))
            covered = found.covered / max(found.counts[StabilityOutcome.GROWS], 1)
            near = covered >= LEAST_COVERED
            rows.append(
                Row(title, "90 % CI has the time left", "90%", f"{covered:.1%}", f"≥ {LEAST_COVERED:.0%}", near)
            )
        found = judged_series(minutes, _unfinished, traces, seed)
        share = found.share(StabilityOutcome.GROWS)
        rows.append(
            Row("unfinished cache fill", f"called growing in {minutes} min", "looks like a leak", f"{share:.1%}")
        )
    return [*rows, *_response_time_rows(traces, seed)]


def _response_time_rows(traces: int, seed: int) -> Iterator[Row]:
    flat, grown = (judged_response_times(traces, seed, growth) for growth in (0.0, TIMES_GROWTH))
    share, found = flat[Shape.GROWS] / traces, grown[Shape.GROWS] / traces
    name = "response times of a busy machine"
    yield Row(name, "called growing in 10 min", "0", f"{share:.1%}", f"at most {MOST_FALSE:.0%}", share <= MOST_FALSE)
    what = f"found in 10 min: {1 + TIMES_GROWTH:g} times"
    yield Row(name, what, "all", f"{found:.1%}", f"≥ {LEAST_FOUND:.0%}", found >= LEAST_FOUND)
