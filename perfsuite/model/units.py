"""Figures with the units of the catalogue (`model/monitor.py`), as people read them: one way for all texts."""

from __future__ import annotations

from typing import Final

GAP: Final = "no answer"
"""How a value is told that could not be had."""

_BYTES: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_SUFFIXES: Final = {
    "count": "",
    "percent": " %",
    "per second": "/s",
    "ms per second": " ms/s",
    "fraction": " %",
}


def suffix(unit: str) -> str:
    """What follows a number of that unit: " ms", " %", "/s"; "" for counts. A fraction is told times 100."""
    return _SUFFIXES.get(unit, f" {unit}" if unit else "")


def amount(value: float | None, unit: str) -> str:
    """ "310 ms", "85 %", "1.2 GB", "0.4/s", with the digits that matter at its size; "no answer" for None."""
    if value is None:
        return GAP
    if unit.startswith("bytes"):
        return _bytes(value) + unit.removeprefix("bytes").replace(" per second", "/s")
    return f"{number(value * 100 if unit == 'fraction' else value)}{suffix(unit)}"


def change(before: float | None, after: float | None, unit: str) -> str:
    """ "12 ms → 310 ms"; only the later value where nothing is known of the earlier."""
    return amount(after, unit) if before is None else f"{amount(before, unit)} → {amount(after, unit)}"


def number(value: float) -> str:
    """ "1,240", "12", "3.4", "0.25": no more digits than tell something."""
    size = abs(value)
    if size >= 10 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if size >= 1 else f"{value:,.2g}"


def _bytes(value: float) -> str:
    for size, name in _BYTES:
        if abs(value) >= size:
            return f"{number(value / size)} {name}"
    return f"{value:,.0f} bytes"
