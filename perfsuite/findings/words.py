"""Figures and moments as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from perfsuite.model.units import number


def time_of_day(second: int) -> str:
    """A UTC epoch second as "12:03:10 UTC"."""
    return f"{datetime.fromtimestamp(second, UTC):%H:%M:%S} UTC"


def into_the_run(seconds: int) -> str:
    """ ", 12 s into the run"."""
    return f", {lasting(seconds)} into the run"


def percent(share: float) -> str:
    """A share as "12 %", with a decimal below 10 %."""
    return f"{number(share * 100)} %"


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
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{number(seconds / 3600)} h"
