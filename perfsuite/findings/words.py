"""Figures and moments as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_SUFFIX = {
    "count": "",
    "percent": " %",
    "ms": " ms",
    "s": " s",
    "per second": "/s",
    "ms per second": " ms/s",
    "fraction": " %",
}


def figure(value: float | None, unit: str) -> str:
    """ "310 ms", "85 %", "1.2 GB", "0.4/s"; "no answer" for a gap."""
    if value is None:
        return "no answer"
    if unit.startswith("bytes"):
        return _bytes(value) + unit.removeprefix("bytes").replace(" per second", "/s")
    shown = value * 100 if unit == "fraction" else value
    return f"{_number(shown)}{_SUFFIX.get(unit, f' {unit}' if unit else '')}"


def change(before: float | None, after: float | None, unit: str) -> str:
    """ "12 → 310 ms"; only the later value where nothing is known of the earlier."""
    if before is None:
        return figure(after, unit)
    return f"{figure(before, unit)} → {figure(after, unit)}"


def time_of_day(second: int) -> str:
    """A UTC epoch second as "12:03:10 UTC"."""
    return f"{datetime.fromtimestamp(second, UTC):%H:%M:%S} UTC"


def percent(share: float) -> str:
    """A share as "12 %", with a decimal below 10 %."""
    return f"{_number(share * 100)} %"


def count(number: int, noun: str) -> str:
    """ "1 query", "1,200 requests". The noun is given in the singular."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else ""


def lasting(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{_number(seconds / 3600)} h"


def _number(value: float) -> str:
    size = abs(value)
    if size >= 10 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if size >= 1 else f"{value:,.2g}"


def _bytes(value: float) -> str:
    for size, name in _BYTES:
        if abs(value) >= size:
            return f"{_number(value / size)} {name}"
    return f"{value:,.0f} bytes"
