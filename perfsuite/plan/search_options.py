"""The options of a search for the capacity, as a record."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.errors import UsageError
from perfsuite.messages.plan import PlanMessage
from perfsuite.plan.option_fields import MAX_USERS, above_zero, one_of, option, parse_duration, whole

SEARCH = "search"
BY = ("users", "arrival-rate")
"""The values of `model.SearchBy`, whose import takes long."""
DEFAULT_MOST_USERS = 1000
DEFAULT_DURATION_S = 900.0
SHORTEST_S = 30.0
FEWEST_USERS = 7
"""One of each role."""


def _duration_s(text: str) -> float:
    seconds = parse_duration(text)
    if seconds < SHORTEST_S:
        raise UsageError(PlanMessage.SEARCH_TOO_SHORT(least_s=SHORTEST_S, text=text))
    return seconds


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a search may do."""

    by: str = option(
        "--by",
        "count the load in virtual users (the default), or in actions a second of an open model",
        "users|arrival-rate",
        default=BY[0],
        kind=one_of(*BY),
        section=SEARCH,
    )
    at_least: float | None = option(
        "--at-least",
        "pass if the target takes at least this load, fail if not; exit code 4 if the search cannot tell",
        "N",
        kind=above_zero,
        section=SEARCH,
    )
    most_users: int = option(
        "--max-users",
        f"the most users, or sessions of the open model; default {DEFAULT_MOST_USERS}",
        "N",
        default=DEFAULT_MOST_USERS,
        kind=whole(FEWEST_USERS, MAX_USERS),
        section=SEARCH,
    )
    most_s: float = option(
        "--max-duration",
        "how long the search may take; default 15m",
        "90s/15m/1h",
        default=DEFAULT_DURATION_S,
        kind=_duration_s,
        section=SEARCH,
    )
