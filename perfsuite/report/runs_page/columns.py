"""Finished runs as columns, as compact as a page that holds ten thousand of them needs it.

Figures by role and operation are kept as two bytes each, on a logarithmic scale:
    0           not known
    1           zero
    2 + n       10^(n / 4681 − 5): from 0.00001 to 9.8 × 10⁸, off by at most 0.025 %
They stand in Base64, little-endian, one text for each figure, from the first run that has it to the last.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfsuite.model import ALL
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import PastRun

FIGURES = ("avg_ms", "p50_ms", "p95_ms", "p99_ms", "rps", "failure_rate")
QUERIES = "queries"
"""Most queries that a request asked of the database, from the fingerprint."""
METRICS = (*FIGURES, QUERIES)

STEPS_A_DECADE = 4681
LOWEST_DECADE = -5
_HIGHEST = 65535
_OFFSET = 2


Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint16]
FigureRow = tuple[str, str, str, tuple[float | None, ...]]
"""Id of a run, role, operation, and the FIGURES in their order."""


@dataclass(frozen=True, slots=True)
class Column:
    """The METRICS of an operation as a role, a row for each run from `first` on; NaN where one is not known."""

    role: str
    operation: str
    first: int
    values: Values


@dataclass(frozen=True, slots=True)
class Series:
    """One figure after the other of an operation as a role, over the runs from `first` on; "" where none is known."""

    role: str
    operation: str
    first: int
    texts: tuple[str, ...]


def codes_of(values: Values) -> Codes:
    """Each value on the scale of two bytes; 0 where it is not a number, 1 where it is 0 or less."""
    known = np.isfinite(values)
    positive = known & (values > 0)
    codes = known.astype(np.uint16)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.rint((np.log10(values, where=positive, out=np.zeros_like(values)) - LOWEST_DECADE) * STEPS_A_DECADE)
    codes[positive] = np.clip(steps + _OFFSET, _OFFSET, _HIGHEST)[positive].astype(np.uint16)
    return codes


def value_of(code: int) -> float | None:
    """What a code stands for; None where it is not known."""
    if code < _OFFSET:
        return 0.0 if code else None
    return float(10.0 ** ((code - _OFFSET) / STEPS_A_DECADE + LOWEST_DECADE))


def figures_of(runs: Iterable[PastRun]) -> Iterator[FigureRow]:
    """The figures of runs as rows; a store of many runs gives the same without records of each."""
    for run in runs:
        for measured in run.measured:
            yield run.run_id, measured.role, measured.operation, tuple(map(measured.figure, FIGURES))


def columns_of(runs: Sequence[PastRun], rows: Iterable[FigureRow]) -> list[Column]:
    """Every role and operation of any run, totals first; `runs` in the order of the page, `rows` in any."""
    place_of = {run.run_id: place for place, run in enumerate(runs)}
    costs = [_queries(run.fingerprint) if run.fingerprint else {} for run in runs]
    places: dict[tuple[str, str], list[int]] = {}
    figures: dict[tuple[str, str], list[tuple[float | None, ...]]] = {}
    for run_id, role, operation, values in rows:
        if run_id not in place_of:  # kept in the meantime
            continue
        name = (role, operation)
        if name not in places:
            places[name], figures[name] = [], []
        places[name].append(place_of[run_id])
        figures[name].append(values)
    order = sorted(places, key=lambda name: tuple((part != ALL, part) for part in name))
    return [_column(name, places[name], figures[name], costs) for name in order]


def _queries(fingerprint: Fingerprint) -> dict[tuple[str, str], int]:
    """Role and operation → the most queries of a request that no cache answered; (ALL, operation): of any role."""
    found: dict[tuple[str, str], int] = {}
    for cost in fingerprint.operations:
        if queries := cost.queries:
            found[cost.role, cost.operation] = most = round(queries.maximum)
            found[ALL, cost.operation] = max(most, found.get((ALL, cost.operation), 0))
    return found


def _column(
    name: tuple[str, str], places: Sequence[int], figures: object, costs: Sequence[dict[tuple[str, str], int]]
) -> Column:
    first, last = min(places), max(places)
    values = np.full((last - first + 1, len(METRICS)), np.nan)
    values[np.asarray(places) - first, : len(FIGURES)] = np.asarray(figures, dtype=np.float64)
    for place in places:
        if name in costs[place]:
            values[place - first, -1] = costs[place][name]
    return Column(*name, first, values)


def series_of(column: Column) -> Series:
    """The column as the page carries it."""
    codes = codes_of(column.values)
    texts = tuple(_text(codes[:, number]) for number in range(len(METRICS)))
    return Series(column.role, column.operation, column.first, texts)


def _text(codes: Codes) -> str:
    return base64.b64encode(codes.astype("<u2").tobytes()).decode() if codes.any() else ""
