"""Durations as people write them: "90s", "5m", "1h30m"; a bare number is seconds, as in Locust."""

from __future__ import annotations

import math
import re

from perfsuite.errors import UsageError

_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds. Raises UsageError for anything that is not a duration above 0."""
    cleaned = text.strip().lower()
    seconds = float(cleaned) if _NUMBER.fullmatch(cleaned) else _sum_of_parts(cleaned)
    if seconds is None:
        raise UsageError(f"{text!r} is not a duration. Write it as 90s, 5m, 1h or 1h30m")
    if not 0 < seconds < math.inf:
        raise UsageError(f"a duration must be longer than 0 and end some day, not {text!r}")
    return seconds


def _sum_of_parts(text: str) -> float | None:
    found = _PARTS.fullmatch(text)
    if not text or found is None:
        return None
    return sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS_S.values(), strict=True) if part)


def show_duration(seconds: float) -> str:
    """The shortest way to write it: 90.0 → "1m30s", 3600.0 → "1h", 0.5 → "0.5s"."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(int(hours), "h"), (int(minutes), "m")]
    text = "".join(f"{count}{unit}" for count, unit in parts if count)
    return f"{text}{left:g}s" if left or not text else text
