"""Finished runs as columns, as compact as a page that holds ten thousand of them needs it.

Figures by role and operation are kept as two bytes each, on a logarithmic scale:
    0           not known
    1           zero
    2 + n       10^(n / 4681 − 5): from 0.00001 to 9.8 × 10⁸, off by at most 0.025 %
They stand in Base64, little-endian, one text for each figure, from the first run that has it to the last.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

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

_figures = attrgetter(*FIGURES)
Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint16]


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


def series_of(runs: Sequence[PastRun]) -> list[Series]:
    """Every role and operation of any run, totals first; `runs` in the order of the page."""
    places: dict[tuple[str, str], list[int]] = {}
    figures: dict[tuple[str, str], list[Any]] = {}
    for place, run in enumerate(runs):
        costs = _queries(run.fingerprint) if run.fingerprint else {}
        for measured in run.measured:
            name = (measured.role, measured.operation)
            if name not in places:
                places[name], figures[name] = [], []
            places[name].append(place)
            figures[name].append((*_figures(measured.statistics), costs.get(name)))
    order = sorted(places, key=lambda name: tuple((part != ALL, part) for part in name))
    return [_series(name, places[name], figures[name]) for name in order]


def _queries(fingerprint: Fingerprint) -> dict[tuple[str, str], int]:
    """Role and operation → the most queries of a request that no cache answered; (ALL, operation): of any role."""
    found: dict[tuple[str, str], int] = {}
    for cost in fingerprint.operations:
        if queries := cost.queries:
            found[cost.role, cost.operation] = most = round(queries.maximum)
            found[ALL, cost.operation] = max(most, found.get((ALL, cost.operation), 0))
    return found


def _series(name: tuple[str, str], places: Sequence[int], figures: Iterable[Any]) -> Series:
    first, last = places[0], places[-1]
    columns = np.full((last - first + 1, len(METRICS)), np.nan)
    columns[np.asarray(places) - first] = np.asarray(list(figures), dtype=np.float64)
    codes = codes_of(columns)
    return Series(*name, first, tuple(_text(codes[:, column]) for column in range(len(METRICS))))


def _text(codes: Codes) -> str:
    return base64.b64encode(codes.astype("<u2").tobytes()).decode() if codes.any() else ""
