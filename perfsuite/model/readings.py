"""Many readings by column: a long run has millions of them, too many to be kept one by one."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from perfsuite.model.monitor import Reading


@dataclass(frozen=True, slots=True)
class ReadingSeries:
    """All readings of one metric of one source, in the order of time. In `values` NaN is a gap."""

    source: str
    metric: str
    unit: str
    at_s: array[float]
    values: array[float]

    def __iter__(self) -> Iterator[Reading]:
        return (self.reading(place) for place in range(len(self.at_s)))

    def reading(self, place: int) -> Reading:
        """One of them."""
        value = self.values[place]
        return Reading(self.at_s[place], self.source, self.metric, None if math.isnan(value) else value, self.unit)

    def between(self, after_s: float, until_s: float) -> ReadingSeries:
        """Those after one moment and until another, which is included."""
        part = slice(bisect_right(self.at_s, after_s), bisect_right(self.at_s, until_s))
        return ReadingSeries(self.source, self.metric, self.unit, self.at_s[part], self.values[part])


class ReadingColumns(Sequence[Reading]):
    """Readings, one series after the other."""

    def __init__(self, series: Iterable[ReadingSeries]) -> None:
        self.series = tuple(series)

    def __len__(self) -> int:
        return sum(len(each.at_s) for each in self.series)

    def __iter__(self) -> Iterator[Reading]:
        for each in self.series:
            yield from each

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Reading]: ...
    def __getitem__(self, place: int | slice) -> Reading | Sequence[Reading]:
        return [*self][place]


def columns_of(readings: Iterable[Reading]) -> ReadingColumns:
    """The same readings by column: the series in the order of their first reading, each in the order given."""
    if isinstance(readings, ReadingColumns):
        return readings
    found: dict[tuple[str, str], ReadingSeries] = {}
    for reading in readings:
        key = (reading.source, reading.metric)
        series = found.get(key)
        if series is None:
            series = found[key] = ReadingSeries(*key, reading.unit, array("d"), array("d"))
        series.at_s.append(reading.at_s)
        series.values.append(math.nan if reading.value is None else reading.value)
    return ReadingColumns(found.values())


def of_metrics(readings: Sequence[Reading], wanted: Callable[[str], bool]) -> Sequence[Reading]:
    """The readings of some metrics."""
    if isinstance(readings, ReadingColumns):
        return ReadingColumns(each for each in readings.series if wanted(each.metric))
    return [reading for reading in readings if wanted(reading.metric)]


def sources_of(readings: Sequence[Reading]) -> set[str]:
    """Where they come from."""
    if isinstance(readings, ReadingColumns):
        return {each.source for each in readings.series}
    return {reading.source for reading in readings}


def metrics_of(readings: Sequence[Reading], *, known: bool = False) -> set[str]:
    """Those that were read; with `known`, those of which there is a value."""
    if isinstance(readings, ReadingColumns):
        return {
            each.metric
            for each in readings.series
            if len(each.at_s) and not (known and all(map(math.isnan, each.values)))
        }
    return {reading.metric for reading in readings if not known or reading.value is not None}


def within(readings: Sequence[Reading], after_s: float, until_s: float) -> Sequence[Reading]:
    """The readings after one moment and until another, which is included."""
    if isinstance(readings, ReadingColumns):
        return ReadingColumns(each.between(after_s, until_s) for each in readings.series)
    return [reading for reading in readings if after_s < reading.at_s <= until_s]
