"""Steps that are too early or too rare for a band: an operation that becomes many times as slow, from some second on.

A band needs ten values before a change, of about ten requests each: an operation that is called once in two seconds has
them after minutes. But a step from 3 ms to 300 ms is plain after some values, so that here few are enough, and much
more is asked of the step itself. Looked at from half of the ramp-up on, each operation beside the others: what makes
all of them slower in the ramp-up is the load.

Answers from a cache have two levels by nature, so that noise around one level does not tell how sure a step is. What
does: chance alone would put every value after the step above every one before it once in C(before + after, before)
times, whatever their distribution (the exact test of Wilcoxon 1945, doi 10.2307/3001968).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.findings.band import Rise, Rule, rises
from perfsuite.findings.load import Cell, Load, by_operation, slowness_sums
from perfsuite.findings.onset import TOGETHER_S, Onset
from perfsuite.model import Summary
from perfsuite.model.periods import RAMP_DOWN
from perfsuite.timeseries import Floats, Places, middle

OF_ONE = Rule(window=4, shift=math.log(5.0), sigmas=3.0, fewest_before=3, least_sigma=0.35)
OF_ALL = Rule(window=4, shift=math.log(5.0), sigmas=3.0, fewest_before=3, least_sigma=0.2)
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
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Watch:
    """The part of a run in which steps are looked for: its summary as if all of it were the steady state.

    `full_s`: the first second in which all users were alive.
    """

    summary: Summary
    full_s: int


def watch_of(summary: Summary) -> Watch | None:
    """From the second on in which half of the users were alive, until the load ended; None without one."""
    alive = {each.second: sum(each.users.values()) for each in summary.seconds if each.period != RAMP_DOWN}
    most = max(alive.values(), default=0)
    half = next((second for second, users in alive.items() if most and users >= _USERS_SHARE * most), None)
    if half is None:
        return None
    full = next(second for second, users in alive.items() if users == most)
    stop = summary.steady_end if summary.steady_end is not None else max(alive) + 1
    return Watch(replace(summary, steady_start=half, steady_end=stop), full) if half < stop else None


@dataclass(frozen=True, slots=True)
class Steps:
    """The first step that is sure, and the first that has too few requests to be."""

    sure: Onset | None = None
    few: Onset | None = None


def steps_of(load: Load, full_s: int) -> Steps:
    """Steps of all requests or of single operations. `load`: of a `Watch`."""
    everybody, single = _of_all(load, full_s), _of_operations(load)
    found = [onset for onset in single if not onset.few]
    few = _together(load, [onset for onset in single if onset.few])
    if everybody is not None and all(everybody.start <= onset.start + TOGETHER_S for onset in found):
        return Steps(everybody, few)
    return Steps(_together(load, found), few)


def _together(load: Load, found: Sequence[Onset]) -> Onset | None:
    """The first one, with the operations that did the same within some seconds; what added most time first."""
    first = min(found, key=lambda onset: onset.start, default=None)
    if first is None:
        return None
    names = {name for each in found if each.start <= first.start + TOGETHER_S for name in each.operations}
    most = sorted(names, key=lambda name: -_added(load, name, first.start))
    return replace(first, operations=tuple(most[:_NAMED]))


def _of_all(load: Load, full_s: int) -> Onset | None:
    """With all users alive, a step of all requests is not the load's."""
    places = np.flatnonzero(~np.isnan(load.slowness))
    places = places[places >= full_s - load.first_s]
    values = load.slowness[places]
    for rise in _steps(values, OF_ALL):
        onset = Onset(int(places[rise.start]), _stop(places, rise.stop, load))
        before, after = load.mean_ms(int(places[0]), onset.start), load.mean_ms(onset.start, onset.stop)
        if _felt(before, after) and _sure(values, rise):
            return onset
    return None


def _of_operations(load: Load) -> list[Onset]:
    operations = by_operation(load)
    sums = {name: slowness_sums(cells, load.seconds) for name, cells in operations.items()}
    every = [sum((each[part] for each in sums.values()), np.zeros(load.seconds)) for part in (0, 1)]
    found = (_of_one(load, name, sums[name], (every[0], every[1])) for name in operations)
    return [onset for onset in found if onset is not None]


def _of_one(load: Load, name: str, own: tuple[Floats, Floats], every: tuple[Floats, Floats]) -> Onset | None:
    """A step of one operation beside all others."""
    weighted, weights = own
    places = np.flatnonzero(weights > 0)
    if places.size <= OF_ONE.window:
        return None
    others = _smoothed(every[0] - weighted, every[1] - weights)
    values = weighted[places] / weights[places] - others[places]
    cells = by_operation(load)[name]
    for rise in _steps(values, OF_ONE) if _moves(values) else ():
        onset = Onset(int(places[rise.start]), _stop(places, rise.stop, load), operations=(name,))
        if _felt(_mean_ms(cells, 0, onset.start), _mean_ms(cells, onset.start, onset.stop)) and _sure(values, rise):
            return onset
    return _after_few(load, name, places, values)


def _steps(values: Floats, rule: Rule) -> Iterator[Rise]:
    """Rises that begin where the values cross the middle between both levels: of few values a band is wide."""
    for rise in rises(values, rule):
        above = values[rise.start : rise.stop] > (rise.before + rise.after) / 2
        yield replace(rise, start=rise.start + int(np.argmax(above)))


def _moves(values: Floats) -> bool:
    """False for most operations: their level is nowhere so much higher than anywhere else."""
    levels = np.median(np.lib.stride_tricks.sliding_window_view(values, OF_ONE.window), axis=1)
    return bool(levels.max() - levels.min() >= OF_ONE.shift)


def _after_few(load: Load, name: str, places: Places, values: Floats) -> Onset | None:
    """A step that is as plain, of too few values to be sure of it."""
    highest, lowest = np.maximum.accumulate(values), np.minimum.accumulate(values[::-1])[::-1]
    apart = np.flatnonzero(lowest[1:] - highest[:-1] >= FEW_EACH) + 1
    cells = by_operation(load)[name]
    for number in (int(each) for each in apart if values.size - each >= OF_ONE.window):
        start = int(places[number])
        plain = middle(values[number:]) - float(highest[number - 1]) >= FEW_SHIFT
        if plain and _mean_ms(cells, start, load.seconds) - _mean_ms(cells, 0, start) >= FEW_MS:
            return Onset(start, load.seconds, operations=(name,), few=True)
    return None


def _sure(values: Floats, rise: Rise) -> bool:
    """Are both sides apart, and of so many values that chance would hardly put them in that order?

    One value in ten may be on the wrong side, and one at least: that makes so many more orders as good as this one.
    """
    before, after = values[: rise.start], values[rise.start : rise.stop]
    between = (middle(before) + middle(after)) / 2
    wrong = int((before >= between).sum()), int((after <= between).sum())
    if any(count > max(1.0, WRONG_SHARE * side.size) for count, side in zip(wrong, (before, after), strict=True)):
        return False
    orders = math.comb(before.size + after.size, before.size)
    return orders / (math.comb(before.size, wrong[0]) * math.comb(after.size, wrong[1])) >= SURE


def _smoothed(weighted: Floats, weights: Floats) -> Floats:
    """The mean over some seconds; 0, which is the usual, where there is nothing."""
    kernel = np.ones(_OTHERS_S)
    total, of = np.convolve(weighted, kernel, mode="same"), np.convolve(weights, kernel, mode="same")
    result: Floats = np.divide(total, of, out=np.zeros(total.size), where=of > 0.5)[: weighted.size]
    return result


def _stop(places: Places, stop: int, load: Load) -> int:
    return int(places[stop]) if stop < places.size else load.seconds


def _felt(before_ms: float, after_ms: float) -> bool:
    """False where one is not known."""
    return after_ms - before_ms >= LEAST_MS and after_ms >= LEAST_FACTOR * before_ms


def _mean_ms(cells: list[Cell], start: int, stop: int) -> float:
    requests = sum(float(cell.requests[start:stop].sum()) for cell in cells)
    return sum(float(cell.total_ms[start:stop].sum()) for cell in cells) / requests if requests else math.nan


def _added(load: Load, name: str, start: int) -> float:
    """Time that the operation took more since, in all."""
    cells = by_operation(load)[name]
    more = _mean_ms(cells, start, load.seconds) - _mean_ms(cells, 0, start)
    return 0.0 if math.isnan(more) else more * sum(float(cell.requests[start:].sum()) for cell in cells)
