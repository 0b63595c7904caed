"""What a run against `--as-deployed` has to say: written down from what is known of that backend (docs/backend.md,
"As deployed"), by nobody who had seen such a run. Where a run says otherwise, one of the two is wrong.
"""

from __future__ import annotations

from perfsuite.model import LOGIN, Works
from perfsuite.roles import ROLES

LOAD = ("--users", "91", "--spawn-rate", "20")
SPANS = {"short": "30s", "long": "60s"}

NOT_OFFERED = frozenset(
    {
        ("super_admin", "flags.update"),
        ("provider_admin", "agents.list"),
        ("regional_manager", "agents.list"),
        ("support_staff", "tickets.list"),
        ("support_staff", "tickets.read"),
        ("support_staff", "tickets.create"),
        ("support_staff", "tickets.status"),
    }
)
"""Part E of the API contract: missing in some versions."""

NO_DATA = frozenset(
    {
        ("junior_agent", "policies.read"),
        ("policyholder", "policies.read"),
        ("policyholder", "policies.coverage"),
        ("policyholder", "policies.premiums"),
    }
)
"""`/policies/` is `[]` for agents and policyholders, and nothing else names a policy of theirs. A senior agent sells:
the policyholder stands in `/agents/{id}/customers`, the provider in `/agents/profile`. They read what they sold, and
a regional manager approves it."""

EXERCISED_BY_CHANCE = frozenset(
    {
        ("super_admin", "users.update"),
        ("regional_manager", "policies.approve"),
    }
)
"""Every fifth action of one behaviour of one or three users: in a short run perhaps never."""

STEPS = frozenset(
    (role.slug, operation)
    for role in ROLES
    for operation in (LOGIN, *(step.operation for behaviour in role.behaviours for step in behaviour.steps))
)
PREFLIGHT = {
    step: Works.MISSING if step in NOT_OFFERED else Works.NO_DATA if step in NO_DATA else Works.YES for step in STEPS
}

TARGETS = {
    "average response time": "met",
    "95th percentile": "met",
    "failure rate": "met",
    "throughput": "not judged",
    "concurrent users": "not judged",
}
"""91 users offer less than 100 requests/s at 500 ms, and are fewer than 200."""

EMPTY_LISTS = frozenset(
    {
        "super_admin / GET /feature-flags/all answered []",
        "junior_agent / GET /policies/ answered []",
        "policyholder / GET /policies/ answered []",
    }
)
LACKING = dict.fromkeys(NO_DATA, "needs a policy_id; GET /policies/ answered []")
FINDINGS = frozenset({"connection per request", "logins"})
"""No pool, and a login storm. On SQLite no session is idle in a transaction. Of the invented trends nobody can know
from outside."""
TRUE_BESIDE = frozenset({"other processes", "load generator", "cores", "memory"})
"""What may be found beside them, and is true then: what else this machine did, and that a backend grows while it
warms up, in a steady state that is as short as this one."""

CONCURRENCY = "deque mutated during iteration"
MOST_CONCURRENCY_ERRORS = 6
"""While logins wait in line, and so in the ramp-up: never in preflight, where one request follows the other."""
LIMITER_FAULT = "rate_limiter_error"
LIMITER = "HTTP 500: Rate limiter error: pop from an empty deque"
LIMITER_EVERY = 101
"""Of all requests that arrive. The monitors make one or two of hundred of them, and requests do not end in the order
in which they arrive. About 1.0 % fail, which is the limit of the failure rate."""
LIMITER_SEEN = range(LIMITER_EVERY - 6, LIMITER_EVERY + 4)

LOGIN_COST_S = 0.25
TOKEN_LIFE_S = 60
