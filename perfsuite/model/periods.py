"""The phases and periods of a run, and the one definition of its steady state."""

from __future__ import annotations

import math

MINUTE_S = 60
RAMP_UP = "ramp-up"
PLATEAU = "plateau"
STEADY = "steady"
RAMP_DOWN = "ramp-down"
END = "end"
STAGE = "stage"
BETWEEN = "between"
"""Of a scenario with stages: after the first steady part and before the end, but not steady."""
PERIODS = (RAMP_UP, STEADY, RAMP_DOWN)
"""What a run is divided into: the plateau less its settling time is the steady state."""

SETTLING_SHARE = 0.1
SETTLING_MOST_S = 5.0
LOGINS_SHARE = 0.25
"""At most this share of a plateau is left to logins that take longer than the ramp-up."""


def settling_s(plateau_s: float) -> float:
    """The part of a plateau that is not steady yet: its first 10 %, at most 5 s."""
    return min(SETTLING_SHARE * plateau_s, SETTLING_MOST_S)


def steady_from(plateau: float, plateau_end: float, logged_in: float | None) -> int:
    """The first second of the steady state (UTC epoch): the plateau has settled, and all users are logged in.

    A quarter of the plateau is the longest wait for logins. `logged_in`: when all users were; infinite where they
    never were, None where that is not known.
    """
    length_s = max(plateau_end - plateau, 0.0)
    start = plateau + settling_s(length_s)
    if logged_in is not None:
        start = max(start, min(logged_in, plateau + LOGINS_SHARE * length_s))
    return math.ceil(start)
