"""Limits beyond which a run is not valid, or beyond which a note stands beside its verdict. Each has its reason.

Those of a saturated generator are in `perfsuite/model/generator.py`.
"""

from __future__ import annotations

from perfsuite.model.slo_presets import FEWEST_FOR_AVERAGE

THROTTLED_SHARE = 0.01
THROTTLED_FIX_SHARE = 0.05
"""A CPU limit that stops the generator in 1 % of the periods affects the 99th percentile: a note. If the generator was
saturated and the limit stopped it in 5 %, the limit has to be changed first."""

LITTLE_SHARE = 0.05
LITTLE_CYCLES = 2.0
LITTLE_ACTIONS = 30
"""Users accounted for may differ by 5 % or by two mean cycles, whichever is more: the steady state cuts actions at both
ends, so that a fixed 5 % would invalidate short runs. Roles with fewer than 30 actions are not checked."""

USERS_MISSING_SHARE = 0.01
"""Users of a role may be missing for 1 % of its user-seconds in the steady state, the tolerance of an arrival rate."""

CLOCK_UNCERTAINTY_MS = 50.0
"""If a worker's clock is known less well, a twentieth of its requests may count in the second beside theirs: a note."""

FEWEST_REQUESTS = FEWEST_FOR_AVERAGE
SHORTEST_STEADY_S = 3.0
"""Fewer requests than a mean needs, or less than three whole seconds, show nothing."""

NOT_STARTED_SHARE = 0.01
CHANCE_SD = 4.0
"""An arrival rate has a tolerance of 1 %: if more actions never began, the rate was not reached; if more never became
due, the generator was too slow. Random gaps get four standard deviations of a Poisson number on top, which chance
exceeds once in 30,000 runs."""

SLOW_ERRORS_SHARE = 0.10
"""If failed requests would make a response time more than 10 % longer, a note says so: twice the smallest difference
that counts as a change (5 %)."""

FAST_ERRORS_SHARE = 0.05
"""If the figures of all requests are better than the judged ones by more than 5 %, a note explains why."""

UNEXPECTED_SHARE = 0.01
UNEXPECTED_LEAST = 100
"""Without a target on the failure rate, more than 1 % failed requests fail a run, as in the delivered targets. Fewer
than 100 requests count as 100, from which on a target of 1 % is judged."""

CLOSE_FAILURES = 2
"""If two fewer failures would have passed a run, it is too close to call: the next run may have them or not."""
