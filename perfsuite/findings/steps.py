"""Steps that are too early or too rare for a band: an operation that becomes many times as slow, from some second on.

A band needs ten values before a change, of about ten requests each: an operation that is called once in two seconds has
them after minutes. But a step from 3 ms to 300 ms is plain after some values, so here few are enough, and the step
itself must be much clearer. The search begins half-way through the ramp-up and compares each operation with the
others: what makes all of them slower in the ramp-up is the load.

Answers from a cache have two levels by nature, so noise around one level does not show how sure a step is. This does:
chance alone would put every value after the step above every one before it once in C(before + after, before) times,
whatever their distribution (the exact test of Wilcoxon 1945, doi 10.2307/3001968).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.findings.band import Rise, RiseRule, rises
from perfsuite.findings.onset import NAMED, TOGETHER_S, Onset, stop_of
from perfsuite.findings.steady_state import SteadyLoad
from perfsuite.model import Summary
from perfsuite.model.periods import RAMP_DOWN
from perfsuite.timeseries import Floats, Places, middle, slowness_sums

OF_ONE = RiseRule(window=4, shift=math.log(5.0), sigmas=3.0, fewest_before=3, least_sigma=0.35)
OF_ALL = RiseRule(window=4, shift=math.log(5.0), sigmas=3.0, fewest_before=3, least_sigma=0.2)
"""Five times as slow in the median of four values, beyond what noise makes of it by so many standard deviations, and
never less than that of times that hardly vary."""
LEAST_MS = 50.0
LEAST_FACTOR = 4.0
"""By so many ms and by this factor in the mean, which people feel."""
FEW_SHIFT, FEW_EACH, FEW_MS = math.log(10.0), math.log(4.0), 100.0
"""Of too few values to be sure: ten times as slow in the median, and each that came after at least four times."""
SURE = 2_000
"""Chance would order the values like this once in so many times."""
WRONG_SHARE = 0.1
"""So few of the values before are above the middle between both levels, or of those after it below."""
_USERS_SHARE = 0.5
_OTHERS_S = 5


@dataclass(frozen=True, slots=True)
class StepSearch:
    """The part of a run in which steps are looked for: its summary as if all of it were the steady state.

    `full_s`: the first second in which all users were alive.
    """

    summary: Summary
    full_s: int


def step_search(summary: Summary) -> StepSearch | None:
    """From the second on in which half of the users were alive, until the load ended; None without one."""
    alive = {each.second: sum(each.users.values()) for each in summary.seconds if each.period != RAMP_DOWN}
    most = max(alive.values(), default=0)
    half = next((second for second, users in alive.items() if most and users >= _USERS_SHARE * most), None)
    if half is None:
        return None
    full = next(second for second, users in alive.items() if users == most)
    stop = summary.steady_end if summary.steady_end is not None else max(alive) + 1
    return StepSearch(replace(summary, steady_start=half, steady_end=stop), full) if half < stop else None


def steps_of(load: SteadyLoad, full_s: int) -> tuple[Onset | None, Onset | None]:
    """The first step, of all requests or of some operations, that is sure; and the first of too few requests to be.

    `load`, `full_s`: of a `StepSearch`.
    """
    everybody, single = _of_all(load, full_s), _of_operations(load)
    sure = [onset for onset in single if not onset.few]
    few = _together(load, [onset for onset in single if onset.few])
    if everybody is not None and all(everybody.start <= onset.start + TOGETHER_S for onset in sure):
        return everybody, few
    return _together(load, sure), few


def _together(load: SteadyLoad, found: Sequence[Onset]) -> Onset | None:
    """The first one, with the operations that did the same within some seconds; what added most time first."""
    first = min(found, key=lambda onset: onset.start, default=None)
    if first is None:
        return None
    names = {name for each in found if each.start <= first.start + TOGETHER_S for name in each.operations}
    most = sorted(names, key=lambda name: -_added_ms(load, name, first.start))
    return replace(first, operations=tuple(most[:NAMED]))


def _added_ms(load: SteadyLoad, name: str, start: int) -> float:
    """Time that the operation took more since `start`, in all."""
    times = load.of([name])
    more = times.mean_ms(start, load.seconds) - times.mean_ms(0, start)
    return 0.0 if math.isnan(more) else more * times.count(start, load.seconds)


def _of_all(load: SteadyLoad, full_s: int) -> Onset | None:
    """With all users alive, a step of all requests is not due to the load."""
    places = np.flatnonzero(~np.isnan(load.slowness))
    places = places[places >= full_s - load.first_s]
    values = load.slowness[places]
    for rise in _steps(values, OF_ALL):
        start, stop = int(places[rise.start]), stop_of(places, rise.stop, load.seconds)
        if _felt(load.all.mean_ms(int(places[0]), start), load.all.mean_ms(start, stop)) and _sure(values, rise):
            return Onset(start, stop)
    return None


def _of_operations(load: SteadyLoad) -> list[Onset]:
    """The first step of each operation, compared with all others."""
    sums = {name: slowness_sums(roles.values(), load.seconds) for name, roles in load.by_operation.items()}
    weighted_sum, weights_sum = (sum((each[part] for each in sums.values()), np.zeros(load.seconds)) for part in (0, 1))
    found = []
    for name, (weighted, weights) in sums.items():
        places = np.flatnonzero(weights > 0)
        if places.size > OF_ONE.window:
            others = _smoothed(weighted_sum - weighted, weights_sum - weights)
            found.append(_of_one(load, name, places, weighted[places] / weights[places] - others[places]))
    return [onset for onset in found if onset is not None]


def _of_one(load: SteadyLoad, name: str, places: Places, values: Floats) -> Onset | None:
    """`values`: how much slower than the other operations it was in the seconds `places`."""
    times = load.of([name])
    for rise in _steps(values, OF_ONE) if _varies(values) else ():
        start, stop = int(places[rise.start]), stop_of(places, rise.stop, load.seconds)
        if _felt(times.mean_ms(0, start), times.mean_ms(start, stop)) and _sure(values, rise):
            return Onset(start, stop, operations=(name,))
    return _after_few(load, name, places, values)


def _steps(values: Floats, rule: RiseRule) -> Iterator[Rise]:
    """Rises that begin where the values cross the middle between both levels: of few values a band is wide."""
    for rise in rises(values, rule):
        above = values[rise.start : rise.stop] > (rise.before + rise.after) / 2
        yield replace(rise, start=rise.start + int(np.argmax(above)))


def _varies(values: Floats) -> bool:
    """False for most operations: their level is nowhere so much higher than anywhere else."""
    levels = np.median(np.lib.stride_tricks.sliding_window_view(values, OF_ONE.window), axis=1)
    return bool(levels.max() - levels.min() >= OF_ONE.shift)


def _after_few(load: SteadyLoad, name: str, places: Places, values: Floats) -> Onset | None:
    """A step that is as plain, of too few values to be sure of it."""
    highest, lowest = np.maximum.accumulate(values), np.minimum.accumulate(values[::-1])[::-1]
    apart = np.flatnonzero(lowest[1:] - highest[:-1] >= FEW_EACH) + 1
    times = load.of([name])
    for number in (int(each) for each in apart if values.size - each >= OF_ONE.window):
        start = int(places[number])
        plain = middle(values[number:]) - float(highest[number - 1]) >= FEW_SHIFT
        if plain and times.mean_ms(start, load.seconds) - times.mean_ms(0, start) >= FEW_MS:
            return Onset(start, load.seconds, operations=(name,), few=True)
    return None


def _sure(values: Floats, rise: Rise) -> bool:
    """Are both levels apart, and of so many values that chance would hardly put them in that order?

    One value in ten may be on the wrong side, and one at least: that makes so many more orders as good as this one.
    """
    before, after = values[: rise.start], values[rise.start : rise.stop]
    between = (middle(before) + middle(after)) / 2
    wrong = int((before >= between).sum()), int((after <= between).sum())
    if any(count > max(1.0, WRONG_SHARE * part.size) for count, part in zip(wrong, (before, after), strict=True)):
        return False
    orders = math.comb(before.size + after.size, before.size)
    return orders / (math.comb(before.size, wrong[0]) * math.comb(after.size, wrong[1])) >= SURE


def _smoothed(weighted: Floats, weights: Floats) -> Floats:
    """The mean over some seconds; 0, which is the usual, where there is nothing."""
    kernel = np.ones(_OTHERS_S)
    total, of = np.convolve(weighted, kernel, mode="same"), np.convolve(weights, kernel, mode="same")
    result: Floats = np.divide(total, of, out=np.zeros(total.size), where=of > 0.5)[: weighted.size]
    return result


def _felt(before_ms: float, after_ms: float) -> bool:
    """False where one is not known."""
    return after_ms - before_ms >= LEAST_MS and after_ms >= LEAST_FACTOR * before_ms
