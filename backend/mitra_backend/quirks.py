"""Habits of deployed versions: what routes do otherwise than the reference, and where it is switched on.

Nothing here does anything. Each habit lives in the route, the table of users or the pool where a deployed
version has it, and asks the `Quirks` of the backend. All are off unless a fault of their name is given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mitra_backend.faults import AS_DEPLOYED, SWITCHES, Fault, parse_fault

# What `as_deployed` stands for. The broken rate limiter is not among them: deployed versions can switch it off.
DEPLOYED: Final = (
    "deployed_health",
    "blocking_health",
    "no_pool",
    "creator_deletes",
    "soft_deletes",
    "token_life=60s",
    "empty_list@flags.list",
    "empty_list@policies.list",
    "preferences_page",
    "deployed_roles",
    "login_cost=250ms",
    "concurrency_error=6",
    "swallowed_error",
    "idle_transaction",
    "missing_route@support.tickets",
    "missing_route@agents.list",
    "missing_route@flags.update",
)
RATE_LIMITER_EVERY: Final = 101
MOST_CONCURRENCY_ERRORS: Final = 19


@dataclass(frozen=True, slots=True)
class Quirks:
    """The habits of one process; the defaults are the reference's."""

    deployed_health: bool = False
    blocking_health: bool = False
    no_pool: bool = False
    creator_deletes: bool = False
    soft_deletes: bool = False
    preferences_page: bool = False
    deployed_roles: bool = False
    swallowed_error: bool = False
    idle_transaction: bool = False
    token_life_s: float | None = None
    """What the token says in `exp`; None: what `expires_in` says."""
    login_cost_s: float = 0.0
    concurrency_errors: int = 0
    """At most that many in the life of the process."""
    rate_limiter_every: int = 0
    """Which requests the rate limiter fails at; 0: none."""
    empty_lists: frozenset[str] = frozenset()


def parse_faults(specs: Sequence[str]) -> tuple[Fault, ...]:
    """Return the faults, with `as_deployed` spelt out before the others; raises FaultError."""
    faults = [parse_fault(spec) for spec in specs]
    given = [fault for fault in faults if fault.kind != AS_DEPLOYED]
    deployed = [parse_fault(spec) for spec in DEPLOYED] if len(given) < len(faults) else []
    return (*deployed, *given)


def quirks_of(faults: Iterable[Fault]) -> Quirks:
    """Return the habits that the faults ask for; a later fault wins over an earlier one."""
    quirks = Quirks()
    for fault in faults:
        quirks = replace(quirks, **_change(fault, quirks))
    return quirks


def _change(fault: Fault, quirks: Quirks) -> dict[str, Any]:
    if fault.kind in SWITCHES:
        return {fault.kind: True}
    changes: dict[str, dict[str, Any]] = {
        "pool": {"no_pool": False},
        "token_life": {"token_life_s": fault.duration_s},
        "login_cost": {"login_cost_s": fault.duration_s},
        "concurrency_error": {"concurrency_errors": fault.count or MOST_CONCURRENCY_ERRORS},
        "rate_limiter_error": {"rate_limiter_every": fault.count or RATE_LIMITER_EVERY},
        "empty_list": {"empty_lists": quirks.empty_lists | fault.routes},
    }
    return changes.get(fault.kind, {})
