"""Numbers: the exact ones that files carry, and the short ones that people read.

`stats.csv`, `summary.json` and `report.html` take their values from `values_of`, so that they agree to the letter.
"""

from __future__ import annotations

import math
from dataclasses import fields

from perfsuite.model import Breakdown, Statistics
from perfsuite.model.monitor import METRICS
from perfsuite.model.units import amount, suffix

Number = int | float | None

STATISTIC_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Statistics))
"""requests, failures, failure_rate, rps, avg_ms … p999_ms, in the order of the files."""

BREAKDOWN_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Breakdown))
"""service_avg_ms … not_started: where the time went, after all that was there before."""

UNKNOWN = "–"
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


def human(name: str, value: float | None) -> str:
    """The value of the figure called `name` for a person, without its unit; "–" for None.

    Thousands separators; times with the decimals that matter at their size; rates in per cent with the sign.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if name.endswith("_rate"):
        return percent(value)
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    decimals = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2
    return f"{value:,.{decimals}f}"


def percent(fraction: float) -> str:
    """0.0123 → "1.23 %". Never rounds something to 0 % or to 100 %."""
    if fraction in (0, 1):
        return f"{fraction:.0%}".replace("%", " %")
    hundred = fraction * 100
    if hundred < 0.01:
        return "< 0.01 %"
    return "> 99.99 %" if hundred > 99.99 else f"{hundred:.2f} %"


_UNITS = {"rps": "req/s", "concurrent_users": "users", "max_queries_per_request": "queries"}


def with_unit(metric: str, value: float | None) -> str:
    """The value of a target's metric with its unit: "1,240 ms", "0.50 %", "8.2 req/s", "–".

    A metric that a monitor reads ("server.cpu_percent p95") has the unit of the catalogue: "82.5 %", "1.2 GB".
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    read = METRICS.get(metric.partition(" ")[0])
    if read is not None and read.unit.startswith("bytes"):
        return amount(value, read.unit)
    whole = int(value) if not metric.endswith("_rate") and value == int(value) else value
    unit = read.unit if read else "ms" if metric.endswith("_ms") else _UNITS.get(metric, "")
    return f"{human(metric, whole)}{suffix(unit)}"


def interval_text(metric: str, interval: tuple[float, float] | None) -> str:
    """A 95 % interval with its unit: "1,890–2,110 ms"; "" for None."""
    if interval is None:
        return ""
    low, high = (with_unit(metric, value) for value in interval)
    unit = high[high.rfind(" ") :] if " " in high else ""
    return f"{low.removesuffix(unit)}–{high}"


def limit_text(metric: str, limit: float, *, below: bool) -> str:
    """ "< 500 ms", "> 100 req/s"."""
    text = f"{limit * 100:g} %" if metric.endswith("_rate") else with_unit(metric, limit)
    return f"{'<' if below else '>'} {text}"


def clock(seconds: float) -> str:
    """A span as mm:ss, or h:mm:ss from an hour on."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
