"""The exact numbers that files carry; `perfsuite/format.py` has the short ones that people read.

`stats.csv`, `summary.json` and `report.html` take their values from `values_of`, so that they agree to the letter.
"""

from __future__ import annotations

import math
from dataclasses import fields

from perfsuite.model import Breakdown, Statistics

Number = int | float | None

STATISTIC_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Statistics))
"""requests, failures, failure_rate, rps, avg_ms … p999_ms, in the order of the files."""

BREAKDOWN_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Breakdown))
"""service_avg_ms … not_started: where the time went, after all that was there before."""

TOO_FEW = "too few samples"

_RATE_DECIMALS = 6
_OTHER_DECIMALS = 3


def rounded(name: str, value: float | None) -> Number:
    """`value` as files carry it: fractions (`…_rate`) with 6 decimals, all else with 3; counts stay whole.

    None for None and for what is no number (infinity, NaN): JSON has neither.
    """
    if value is None or isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    return round(value, _RATE_DECIMALS if name.endswith("_rate") else _OTHER_DECIMALS)


def values_of(statistics: Statistics) -> dict[str, Number]:
    """The figures by name, in the order of the files, rounded as files carry them."""
    return {name: rounded(name, getattr(statistics, name)) for name in STATISTIC_FIELDS}


def parts_of(breakdown: Breakdown) -> dict[str, Number]:
    """Where the time went, by name, in the order of the files, rounded as files carry it."""
    return {name: rounded(name, getattr(breakdown, name)) for name in BREAKDOWN_FIELDS}


def exact(value: Number) -> str:
    """The value as CSV and JSON write it; "" for None."""
    return "" if value is None else repr(value)
