"""Geometry of the charts: scales with their ticks, and curves as SVG paths.

A curve is drawn in a box as wide as the run has seconds and 100 high, which the page stretches over the plot. So
one number of seconds is the same place in every chart, and nothing has to be measured to draw it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

HEIGHT = 100.0

Point = tuple[float, float | None]
"""Seconds since the start, and a value; None: a gap, so that the curve begins anew behind it."""

_STEPS = (1.0, 2.0, 2.5, 5.0)
_WHOLE_STEPS = (1.0, 2.0, 5.0)
_CLOSER_LOOK = 0.2
"""A scale that need not begin at zero still spans this share of its highest value, lest noise look like a storm."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low`, at the bottom, to `high`, at the top. `ticks`: where a line and a number stand."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def y(self, value: float) -> float:
        """How far below the top of the box a value stands; what is beyond the scale stands at its end."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return HEIGHT * (high - at) / (high - low)


def linear(
    highest: float, lowest: float = 0.0, *, most: int = 4, whole: bool = False, ceiling: float = math.inf
) -> Scale:
    """A scale with round ends and at most `most` steps that holds both values; from zero unless `lowest` is above.

    `whole`: counts, which have no ticks between whole numbers. `ceiling`: what no value can be above.
    """
    if lowest > 0:
        spare = max(highest * _CLOSER_LOOK - (highest - lowest), 0.0)
        above = min(spare / 2, max(ceiling - highest, 0.0))
        highest, lowest = highest + above, max(lowest - (spare - above), 0.0)
    if highest <= lowest:
        highest = lowest + 1.0
    step = _step((highest - lowest) / most, whole=whole)
    while math.ceil(highest / step - 1e-9) - math.floor(lowest / step + 1e-9) > most:
        step = _step(step * 1.01, whole=whole)
    first, last = math.floor(lowest / step + 1e-9), math.ceil(highest / step - 1e-9)
    ticks = tuple(round(number * step, 9) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def _step(least: float, *, whole: bool) -> float:
    """The next round step from `least` on."""
    if whole and least <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    known = (step * power * tens for tens in (1.0, 10.0) for step in (_WHOLE_STEPS if whole else _STEPS))
    return next((step for step in known if step >= least * (1 - 1e-9)), 10.0 * power)


def logarithmic(lowest: float, highest: float) -> Scale:
    """A scale from the next 1, 2 or 5 times a power of ten below to the one above; ticks at powers where these do."""
    steps = [step * 10.0**power for power in range(-3, 9) for step in (1, 2, 5)]
    low = max((step for step in steps if step <= lowest), default=steps[0])
    high = min((step for step in steps if step > max(highest, low)), default=steps[-1])
    powers = tuple(10.0**power for power in range(-3, 9) if low <= 10.0**power <= high)
    return Scale(low, high, powers if len(powers) > 2 else tuple(step for step in steps if low <= step <= high), True)


def line(points: Iterable[Point], scale: Scale) -> str:
    """Lines through the points that follow each other without a gap; what stands alone is a line without a length."""
    return "".join(
        f"M{'L'.join(stretch)}" if len(stretch) > 1 else f"M{stretch[0]}h0" for stretch in _stretches(points, scale)
    )


def dots(points: Iterable[Point], scale: Scale) -> str:
    """Only what stands alone, to be drawn with a broader pen: a line without a length is hardly seen."""
    return "".join(f"M{stretch[0]}h0" for stretch in _stretches(points, scale) if len(stretch) == 1)


def _stretches(points: Iterable[Point], scale: Scale) -> Iterator[list[str]]:
    """The places of what is known, cut at the gaps."""
    for known, stretch in groupby(points, key=lambda point: point[1] is not None):
        if known:
            yield [f"{_number(x)} {_number(scale.y(value))}" for x, value in stretch if value is not None]


def steps(edges: Sequence[float], lower: Sequence[float], upper: Sequence[float], scale: Scale) -> str:
    """The area between two staircases: `edges` are the seconds at which steps begin, and the end of the last one."""
    tops = [f"V{_number(scale.y(high))}H{_number(end)}" for high, end in zip(upper, edges[1:], strict=True)]
    pairs = list(zip(lower, edges[:-1], strict=True))
    bottoms = [f"V{_number(scale.y(low))}H{_number(begin)}" for low, begin in reversed(pairs)]
    return f"M{_number(edges[0])} {_number(scale.y(lower[0]))}{''.join(tops)}{''.join(bottoms)}Z"


def bars(values: Sequence[float], edges: Sequence[float], scale: Scale) -> str:
    """A bar from zero for each value that is not zero, as wide as its span."""
    foot = _number(scale.y(0.0))
    return "".join(
        f"M{_number(begin)} {foot}V{_number(scale.y(value))}H{_number(end)}V{foot}Z"
        for value, begin, end in zip(values, edges[:-1], edges[1:], strict=True)
        if value
    )


def _number(value: float) -> str:
    """With two decimals at most: a hundredth of the height is less than any screen shows."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
