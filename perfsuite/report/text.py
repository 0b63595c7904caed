"""Text and numbers as a file or a page can hold them: safe from markup and formulas, and exact.

`stats.csv`, `summary.json` and `report.html` take their values from `values_of` and agree in every digit. Numbers for
people are made by `perfsuite/format.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields

from perfsuite.format import clean as clean
from perfsuite.format import csv_cell as csv_cell
from perfsuite.model import Breakdown, Statistics

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~])")


def markdown(text: str) -> str:
    """`text` for a cell of a Markdown table: no markup, no HTML, no new column."""
    html = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A zero-width space keeps @names from becoming mentions.
    return _MARKDOWN.sub(r"\\\1", html).replace("@", "@\u200b")


def heading(text: str) -> str:
    """`text` cleaned, with a capital at its beginning."""
    one_line = clean(text)
    return one_line[:1].upper() + one_line[1:]


def shortened(text: str, length: int) -> str:
    """`text` with at most `length` characters; the last one is an ellipsis if it was cut."""
    one_line = clean(text)
    return one_line if len(one_line) <= length else one_line[: max(length - 1, 0)].rstrip() + "…"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; "" without rows. The cells are escaped already."""
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines]) if lines else ""


Number = int | float | None

STATISTIC_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Statistics))
"""requests, failures, failure_rate, rps, avg_ms … p999_ms, in the order of the files."""

BREAKDOWN_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Breakdown))
"""service_avg_ms … not_started: where the time went. In the files they follow the statistics."""

TOO_FEW = "too few samples"

_RATE_DECIMALS = 6
_OTHER_DECIMALS = 3


def rounded(name: str, value: float | None) -> Number:
    """`value` as files contain it: fractions (`…_rate`) with 6 decimals, others with 3; counts stay whole.

    None for None, infinity and NaN, which JSON does not have.
    """
    if value is None or isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    return round(value, _RATE_DECIMALS if name.endswith("_rate") else _OTHER_DECIMALS)


def values_of(statistics: Statistics) -> dict[str, Number]:
    """The figures by name, in the order of the files, rounded as files contain them."""
    return {name: rounded(name, getattr(statistics, name)) for name in STATISTIC_FIELDS}


def parts_of(breakdown: Breakdown) -> dict[str, Number]:
    """Where the time went, by name, in the order of the files, rounded as files contain it."""
    return {name: rounded(name, getattr(breakdown, name)) for name in BREAKDOWN_FIELDS}


def exact(value: Number) -> str:
    """The value as CSV and JSON write it; "" for None."""
    return "" if value is None else repr(value)
