"""Limits beyond which a run is not valid, or beyond which a note stands beside its verdict. Each has its reason."""

from __future__ import annotations

from perfsuite.model.slo_presets import FEWEST_FOR_AVERAGE

CPU_MEAN_PERCENT = 85.0
"""If a load process needs a core for more than 85 % of the time, its own requests wait for it: the queue of a single
server is then 5.7 requests long (M/M/1: ρ / (1 − ρ)). Time used and time waited for a core count together, because a
process that shares its core uses little of it."""

CPU_OVER_90_SHARE = 0.10
CPU_OVER_90_LEAST_S = 3.0
"""If more than a tenth of the seconds are above 90 %, the 95th percentile is affected. At least three such seconds are
needed: in a short run, one or two come from starting up."""

LOOP_LAG_P99_MS = 50.0
"""An event loop that handles one event in a hundred more than 50 ms late adds this to response times: a tenth of the
tightest usual limit (500 ms). A healthy loop stays below 10 ms."""

GC_PAUSE_MS = 100.0
GC_LONG_SHARE = 0.01
GC_SHARE = 0.05
"""While the garbage collector runs, every answer waits. Pauses longer than 100 ms matter when they take more than
1 % of the time (then they reach the 99th percentile), shorter ones when all pauses take more than 5 %. A single
long pause is reported as a note: it can only have made the slowest requests."""

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
