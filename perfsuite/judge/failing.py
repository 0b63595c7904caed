"""What failed, in words for a reason: the pattern of the failures, and an operation that stands out among them."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.format import number, plural
from perfsuite.model import FailurePattern, Row

_MOST_PATTERNS = 2
_WORTH_NAMING = 0.2
"""A second pattern is named where it has this share of the failures."""
_FEWEST = 3
_TIMES_AS_OFTEN = 2.0


def patterns_told(patterns: Sequence[FailurePattern]) -> str:
    """The most frequent patterns in a sentence; "" where nothing failed."""
    every = sum(pattern.count for pattern in patterns)
    told = [
        pattern.sentence
        for place, pattern in enumerate(patterns[:_MOST_PATTERNS])
        if place == 0 or pattern.count >= _WORTH_NAMING * every
    ]
    return "; ".join(told)


def standing_out(rows: Sequence[Row]) -> str:
    """ "most: policies.list as reader 150 of 900 requests"; "" where no operation stands out.

    It has half of the failures, or fails twice as often as all of them; one or two failures prove nothing.
    """
    requests, failures = (sum(getattr(row.statistics, name) for row in rows) for name in ("requests", "failures"))
    worst = max(rows, key=lambda row: row.statistics.failures, default=None)
    if worst is None or worst.statistics.failures < _FEWEST:
        return ""
    often = (worst.statistics.failure_rate or 0.0) >= _TIMES_AS_OFTEN * failures / requests
    if not often and worst.statistics.failures < failures / 2:
        return ""
    of = f"{number(worst.statistics.failures)} of {plural(worst.statistics.requests, 'request')}"
    return f"most: {worst.operation} as {worst.role} {of}"
