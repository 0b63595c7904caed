"""From where on a run says nothing about its target, or something that belongs beside the verdict.

All in one place, each with its reason.
"""

from __future__ import annotations

CPU_MEAN_PERCENT = 85.0
"""A load process that wants a core for more than this of the time has requests waiting for itself: at 85 % a single
server's queue is already 5.7 requests long (M/M/1: ρ / (1 − ρ)). What it used and what it waited for count
together: a process that has to share a core shows little use of it."""

CPU_OVER_90_SHARE = 0.10
CPU_OVER_90_LEAST_S = 3.0
"""More than a tenth of the seconds above 90 % touches the 95th percentile and everything beyond it. Three such
seconds are needed at least, since in a short run one or two come from starting up."""

LOOP_LAG_P99_MS = 50.0
"""An event loop that comes more than 50 ms late for one event in a hundred adds that to response times: a tenth of
the tightest usual limit (500 ms). A healthy loop stays below 10 ms."""

GC_PAUSE_MS = 100.0
GC_LONG_SHARE = 0.01
GC_SHARE = 0.05
"""While the garbage collector runs, every answer waits. Pauses longer than 100 ms matter when they take more than
1 % of the time (then they reach the 99th percentile), shorter ones when all pauses take more than 5 %. A single
long pause is reported as a note: it can only have made the slowest requests."""

THROTTLED_SHARE = 0.01
THROTTLED_FIX_SHARE = 0.05
"""A CPU limit that stops the generator in one period of a hundred reaches the 99th percentile and
is reported as a note. Where the generator was saturated, one in twenty is enough for the limit to be what has to be
changed first."""

LITTLE_SHARE = 0.05
LITTLE_CYCLES = 2.0
LITTLE_ACTIONS = 30
"""Users accounted for may differ by 5 %, or by two mean cycles of the steady state, whichever is more: actions
are cut at both of its ends, so that a fixed 5 % would fail short runs for no reason. Fewer than 30 actions of a
role are not looked at."""

USERS_MISSING_SHARE = 0.01
"""Users of any role may be missing for 1 % of the steady state's user-seconds: the load is then still what was asked
for, as near as an arrival rate is held to."""

FEWEST_REQUESTS = 30
SHORTEST_STEADY_S = 3.0
"""With fewer requests than a mean is judged on, or less than three whole seconds, nothing can be said."""

NOT_STARTED_SHARE = 0.01
CHANCE_SD = 4.0
"""The rate of arrivals is held to 1 %: when more actions than that never began, it was not reached; when more never
even became due, the generator did not ask for it. With random gaps chance is allowed for: of a Poisson number four
standard deviations are missing once in 30,000 runs."""

SLOW_ERRORS_SHARE = 0.10
"""A time is reported with the failures that it was judged without, when it is more than 10 % higher with them: twice
the least change that is called one (5 %)."""

FAST_ERRORS_SHARE = 0.05
"""Figures of all requests that are better by more than this than those that are judged are explained: the least change
that is called one anywhere."""

UNEXPECTED_SHARE = 0.01
UNEXPECTED_LEAST = 100
"""More failed requests than this fail a run in which no target limits the failure rate: what the delivered target
allows. Fewer than 100 requests are taken for 100, as a target of 1 % is judged from 100 on."""

CLOSE_FAILURES = 2
"""A run that so few failures fewer would have passed is too close to call: they may be there or not the next time."""
