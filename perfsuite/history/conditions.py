"""May two runs be held against each other? Only where both were made under the same conditions.

Each difference is a reason in words. Some forbid only to compare times: what an operation costs the database does not
depend on the machine that makes the load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from perfsuite.format import number
from perfsuite.model.history import Conditions

DATA_TOLERANCE_RATE = 0.1
"""Data sizes are the same up to here: runs add a few rows, and remove most of them again."""
OF_THE_TARGET = frozenset({"host", "data_size", "left_out"})
"""Fields that may differ where two targets are compared."""
KNOWN_LATER = frozenset({"data_size", "left_out"})
"""Fields that are not known before the load is begun."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field in which two runs differ. `times_only`: costs at the database can be compared all the same."""

    field: str
    reason: str
    times_only: bool = False


def mismatches(a: Conditions, b: Conditions, *, apart: Collection[str] = ()) -> tuple[Mismatch, ...]:
    """Why B cannot be held against A; () where it can. Fields named in `apart` may differ."""
    return tuple(found for found in _found(a, b) if found.field not in apart)


def cautions(a: Conditions, b: Conditions) -> tuple[str, ...]:
    """What to bear in mind, though B can be held against A."""
    if a.suite_version == b.suite_version:
        return ()
    return (f"made by other versions of the suite ({a.suite_version or 'unknown'}, {b.suite_version or 'unknown'})",)


def _found(a: Conditions, b: Conditions) -> Iterator[Mismatch]:
    if a.scenario != b.scenario:
        yield Mismatch("scenario", f"other scenario: {a.scenario}, {b.scenario}")
    elif a.scenario_digest != b.scenario_digest:
        yield Mismatch(
            "scenario_digest",
            f"scenario {a.scenario} has other content than it had (users, spawn rate, duration or arrivals)",
        )
    if a.users_by_role != b.users_by_role:
        yield Mismatch("users_by_role", f"other mix of users: {_counts(a.users_by_role, b.users_by_role)}")
    yield from _of_target(a, b)
    if a.read_only != b.read_only:
        yield Mismatch("read_only", "one run was read-only, the other was not")
    if a.left_out != b.left_out:
        only = sorted({*a.left_out} ^ {*b.left_out})
        yield Mismatch("left_out", f"operations left out in one of them only: {_few(only)}")
    if a.processes != b.processes:
        yield Mismatch("processes", f"other number of load processes: {a.processes}, {b.processes}", times_only=True)
    if a.machine != b.machine:
        other = f"the load was made on other machines: {a.machine or 'unknown'}; {b.machine or 'unknown'}"
        yield Mismatch("machine", other, times_only=True)


def _of_target(a: Conditions, b: Conditions) -> Iterator[Mismatch]:
    # A demo has another port in every run.
    if (a.demo or b.demo) and a.demo != b.demo:
        told = [f"demo {one.demo}" if one.demo else one.host for one in (a, b)]
        yield Mismatch("host", f"other target: {told[0]}, {told[1]}")
    elif not a.demo and a.host.rstrip("/") != b.host.rstrip("/"):
        yield Mismatch("host", f"other target: {a.host}, {b.host}")
    other = {kind for kind in a.data_size.keys() & b.data_size.keys() if _apart(a.data_size[kind], b.data_size[kind])}
    if other:
        told_sizes = [f"{kind} {number(a.data_size[kind])}, {number(b.data_size[kind])}" for kind in sorted(other)]
        yield Mismatch("data_size", f"other size of data at the target: {_few(told_sizes)}")


def _apart(a: int, b: int) -> bool:
    return abs(a - b) > DATA_TOLERANCE_RATE * max(a, b)


def _counts(a: Mapping[str, int], b: Mapping[str, int]) -> str:
    other = [role for role in dict.fromkeys([*a, *b]) if a.get(role, 0) != b.get(role, 0)]
    return _few([f"{role} {a.get(role, 0)}, {b.get(role, 0)}" for role in other])


def _few(told: list[str], most: int = 4) -> str:
    return "; ".join(told[:most]) + (f"; and {len(told) - most} more" if len(told) > most else "")
