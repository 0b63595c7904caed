"""Faults as text: `KIND[=VALUE]@ROUTE [from SECONDS] [to SECONDS] [of the load]`, read once, at the start.

HTTP cannot reach any of this: a fault is an argument on the command line of the process.
`python -m mitra_backend.faults SPEC…` only reads them, so that a mistake is found before a backend starts.
"""

import difflib
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mitra_backend.defects import DEFECT_ROUTES, DEFECT_SWITCHES
from mitra_backend.permissions import ROUTE_NAMES

DEFAULT_REDIRECT: Final = "http://elsewhere.invalid"
# Routes whose rows can be distinguished from the rows of somebody else.
WRONG_ROWS_ROUTES: Final = (
    "agents.customers",
    "agents.profile",
    "agents.read",
    "leads.list",
    "policies.coverage",
    "policies.list",
    "policies.premiums",
    "policies.read",
    "tickets.read",
    "users.me",
    "users.read",
)
N_PLUS_ONE_ROUTES: Final = (
    "agents.customers",
    "agents.list",
    "leads.list",
    "policies.list",
    "tickets.list",
    "users.list",
)
# The routes whose requests the fault `capacity` makes wait for a server.
SERVED_ROUTES: Final = frozenset(name for name in ROUTE_NAMES if not name.startswith("health."))
ROUTED_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "latency": ROUTE_NAMES,
    "error": ROUTE_NAMES,
    "stall": ROUTE_NAMES,
    "wrong_rows": WRONG_ROWS_ROUTES,
    "foreign_answer": ROUTE_NAMES,
    "missing_field": ROUTE_NAMES,
    "n_plus_one": N_PLUS_ONE_ROUTES,
    "leak": ROUTE_NAMES,
    "cut": ROUTE_NAMES,
    "redirect": ROUTE_NAMES,
    "rate_limit": ROUTE_NAMES,
    "missing_route": ROUTE_NAMES,
    "empty_list": ("flags.list", "policies.list"),
    **DEFECT_ROUTES,
}
# Habits of deployed versions that are on or off; see quirks.py.
SWITCHES: Final = (
    "deployed_health",
    "blocking_health",
    "no_pool",
    "creator_deletes",
    "soft_deletes",
    "preferences_page",
    "deployed_roles",
    "swallowed_error",
    "idle_transaction",
)
AS_DEPLOYED: Final = "as_deployed"
_MEASURED_QUIRKS: Final = ("token_life", "login_cost", "concurrency_error", "rate_limiter_error")
_OF_THE_PROCESS: Final = ("capacity", "pool", "no_cache", "missing_index", "lock", *DEFECT_SWITCHES)
GLOBAL_KINDS: Final = (*_OF_THE_PROCESS, AS_DEPLOYED, *SWITCHES, *_MEASURED_QUIRKS)
KINDS: Final = (*ROUTED_KINDS, *GLOBAL_KINDS)
# A leak that no request makes: as text it is `leak` too, with a size per minute and no route.
STEADY_LEAK: Final = "steady_leak"
# Settled when the process starts: a time of day has no meaning for them.
TIMELESS_KINDS: Final = (
    "pool",
    "missing_route",
    "empty_list",
    "number_race",
    AS_DEPLOYED,
    *SWITCHES,
    *_MEASURED_QUIRKS,
)
_WITHOUT_VALUE: Final = (
    "wrong_rows",
    "foreign_answer",
    "n_plus_one",
    "no_cache",
    "missing_index",
    "cut",
    "empty_list",
    AS_DEPLOYED,
    *SWITCHES,
    *DEFECT_ROUTES,
    *DEFECT_SWITCHES,
)
_ALIASES: Final = {"support.tickets": "tickets.*"}

_SPEC = re.compile(
    r"^(?P<kind>[a-z_]+)(?:=(?P<value>[^@\s]+))?(?:@(?P<route>\S+))?"
    r"(?:\s+from\s+(?P<from>[\d.]+)\s*s?)?(?:\s+to\s+(?P<to>[\d.]+)\s*s?)?(?P<load>\s+of\s+the\s+load)?$"
)
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_UNITS_BYTES: Final = {"B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000}


class FaultError(ValueError):
    """The text is not a fault; the message names the mistake and the nearest valid name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Only the fields that its kind uses mean something."""

    kind: str
    routes: frozenset[str] = frozenset()
    from_s: float = 0.0
    to_s: float = float("inf")
    of_load: bool = False
    """Its seconds count from the first request of a load; otherwise from the moment the server is ready."""
    duration_s: float = 0.0
    every_s: float = 0.0
    status: int = 500
    share: float = 1.0
    rate_per_s: float = 0.0
    size_bytes: int = 0
    count: int = 0
    text: str = ""

    def holds(self, elapsed_s: float) -> bool:
        """Return whether the fault is on when so many of its seconds are over."""
        return self.from_s <= elapsed_s < self.to_s


def parse_fault(spec: str) -> Fault:
    """Return the fault; raises FaultError."""
    match = _SPEC.match(spec.strip())
    if match is None:
        raise FaultError(f"--fault {spec!r}: expected KIND[=VALUE]@ROUTE [from SECONDS s] [to SECONDS s] [of the load]")
    kind = match["kind"]
    if kind not in KINDS:
        raise FaultError(f"--fault {spec!r}: unknown kind {kind!r}{_nearest(kind, KINDS)}")
    try:
        fault = _with_value(Fault(kind), match["value"])
        from_s, to_s = float(match["from"] or 0), float(match["to"] or "inf")
    except ValueError as error:
        raise FaultError(f"--fault {spec!r}: {error}") from None
    if to_s <= from_s:
        raise FaultError(f"--fault {spec!r}: it ends before it begins")
    if kind in TIMELESS_KINDS and (match["from"] or match["to"] or match["load"]):
        raise FaultError(f"--fault {spec!r}: {kind} holds from the start; it takes no 'from' or 'to'")
    routes, of_load = _routes(spec, fault.kind, match["route"]), match["load"] is not None
    return replace(fault, routes=routes, from_s=from_s, to_s=to_s, of_load=of_load)


def _routes(spec: str, kind: str, route: str | None) -> frozenset[str]:
    if kind in (*GLOBAL_KINDS, STEADY_LEAK):
        if route is not None:
            name = "a leak per minute" if kind == STEADY_LEAK else kind
            raise FaultError(f"--fault {spec!r}: {name} belongs to no route; leave out @{route}")
        return SERVED_ROUTES if kind == "capacity" else frozenset()
    if route is None:
        raise FaultError(f"--fault {spec!r}: {kind} needs a route: {kind}@policies.list, or @* for all")
    pattern = _ALIASES.get(route, route)
    possible = ROUTED_KINDS[kind]
    if pattern == "*":
        return frozenset(possible)
    if pattern.endswith(".*"):
        named = frozenset(name for name in possible if name.startswith(pattern[:-1]))
    else:
        named = frozenset(name for name in possible if name == pattern)
    if named:
        return named
    what = "cannot have this fault" if route in ROUTE_NAMES else "is not a route"
    raise FaultError(f"--fault {spec!r}: {route!r} {what}{_nearest(route, possible)}")


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


def _with_value(fault: Fault, value: str | None) -> Fault:
    """Return the fault with its value read; raises ValueError with what was expected."""
    if fault.kind in _WITHOUT_VALUE:
        if value is not None:
            raise ValueError(f"{fault.kind} takes no value")
        return fault
    if fault.kind in ("missing_field", "redirect", "missing_route"):
        return replace(fault, text=value or (DEFAULT_REDIRECT if fault.kind == "redirect" else ""))
    readers = {
        "latency": _read_latency,
        "error": _read_error,
        "stall": _read_repeated,
        "lock": _read_repeated,
        "leak": _read_leak,
        "rate_limit": _read_rate,
        "capacity": _read_capacity,
        "pool": _read_pool,
        "token_life": _read_token_life,
        "login_cost": _read_login_cost,
        "concurrency_error": _read_count,
        "rate_limiter_error": _read_count,
    }
    return readers[fault.kind](fault, value or "")


def _read_latency(fault: Fault, value: str) -> Fault:
    return replace(fault, duration_s=_seconds(value, "latency=200ms"))


def _read_error(fault: Fault, value: str) -> Fault:
    match = re.fullmatch(r"([45]\d\d)(?::([\d.]+)%)?", value)
    if match is None or not 0 < float(match[2] or 100) <= 100:
        raise ValueError("expected a status and perhaps a share, as in error=503 or error=500:5%")
    return replace(fault, status=int(match[1]), share=float(match[2] or 100) / 100)


def _read_repeated(fault: Fault, value: str) -> Fault:
    length, slash, every = value.partition("/")
    example = f"{fault.kind}=1s/5s"
    if not slash:
        raise ValueError(f"expected a length and a period, as in {example}")
    duration_s, every_s = _seconds(length, example), _seconds(every, example)
    if duration_s >= every_s:
        raise ValueError("the period must be longer than what happens in it")
    return replace(fault, duration_s=duration_s, every_s=every_s)


def _read_leak(fault: Fault, value: str) -> Fault:
    match = re.fullmatch(r"([\d.]+)(B|kB|KB|MB)(/min)?", value)
    if match is None:
        raise ValueError("expected a size, as in leak=1MB@policies.list or leak=1MB/min")
    size_bytes = float(match[1]) * _UNITS_BYTES[match[2]]
    if match[3]:
        return replace(fault, kind=STEADY_LEAK, rate_per_s=size_bytes / 60)
    return replace(fault, size_bytes=int(size_bytes))


def _read_rate(fault: Fault, value: str) -> Fault:
    match = re.fullmatch(r"([\d.]+)/s", value)
    if match is None or float(match[1]) <= 0:
        raise ValueError("expected requests a second, as in rate_limit=5/s")
    return replace(fault, rate_per_s=float(match[1]))


def _read_capacity(fault: Fault, value: str) -> Fault:
    match = re.fullmatch(r"(\d{1,6}):(\d{1,6}(?:\.\d+)?)(?:ms)?", value)
    if match is None or not int(match[1]) or not float(match[2]):
        raise ValueError("expected servers and the milliseconds of a request, as in capacity=4:25")
    return replace(fault, count=int(match[1]), duration_s=float(match[2]) / 1000)


def _read_pool(fault: Fault, value: str) -> Fault:
    size, colon, kept = value.partition(":")
    if not size.isdecimal() or not 1 <= int(size) <= 1000:
        raise ValueError("expected a number of connections, as in pool=2 or pool=5:40ms")
    return replace(fault, count=int(size), duration_s=_seconds(kept, "pool=5:40ms") if colon else 0.0)


def _read_token_life(fault: Fault, value: str) -> Fault:
    """Any whole number of seconds: a token may be born expired, or outlive everybody."""
    match = re.fullmatch(r"(-?\d{1,11})s", value)
    if match is None:
        raise ValueError("expected whole seconds, as in token_life=60s")
    return replace(fault, duration_s=float(match[1]))


def _read_login_cost(fault: Fault, value: str) -> Fault:
    return replace(fault, duration_s=_seconds(value, "login_cost=250ms"))


def _read_count(fault: Fault, value: str) -> Fault:
    if value and (not value.isdecimal() or not 1 <= int(value) <= 1_000_000):
        raise ValueError(f"expected a number from 1, as in {fault.kind}=101, or nothing")
    return replace(fault, count=int(value or 0))


def _seconds(text: str, example: str) -> float:
    match = re.fullmatch(r"([\d.]+)(ms|s|m)", text)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"expected a time, as in {example}")
    return float(match[1]) * _UNITS_S[match[2]]


def pool_of(faults: tuple[Fault, ...]) -> Fault | None:
    """Return the fault that makes the pool small, None without one."""
    return next((fault for fault in faults if fault.kind == "pool"), None)


def missing_routes(faults: tuple[Fault, ...]) -> frozenset[str]:
    """Return the names of routes that are not offered."""
    return frozenset().union(*(fault.routes for fault in faults if fault.kind == "missing_route"))


def main(specs: Sequence[str]) -> int:
    """Read every text; 0, or 2 with the first mistake on stderr."""
    try:
        for spec in specs:
            parse_fault(spec)
    except FaultError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
