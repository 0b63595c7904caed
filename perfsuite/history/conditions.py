"""May two runs be compared? Only where both were made under the same conditions.

Some differences forbid only to compare times: what an operation costs the database does not depend on the machine that
makes the load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from perfsuite.format import number
from perfsuite.messages import Message
from perfsuite.messages.history import ComparisonMessage
from perfsuite.model.history import Conditions

DATA_TOLERANCE_RATE = 0.1
"""Data sizes are the same up to here: runs add a few rows, and remove most of them again."""
OF_THE_TARGET = frozenset({"host", "data_size", "left_out"})
"""Fields that may differ where two targets are compared."""
KNOWN_LATER = frozenset({"data_size", "left_out"})
"""Fields that are not known before the load begins."""
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field in which two runs differ. `times_only`: costs at the database can be compared nevertheless."""

    field: str
    reason: Message
    times_only: bool = False


def mismatches(a: Conditions, b: Conditions, *, apart: Collection[str] = ()) -> tuple[Mismatch, ...]:
    """Why B cannot be compared with A; () where it can. Fields named in `apart` may differ."""
    return tuple(found for found in (*_of_load(a, b), *_of_target(a, b)) if found.field not in apart)


def cautions(a: Conditions, b: Conditions) -> tuple[Message, ...]:
    """Notes on a comparison of B with A."""
    notes: list[Message] = []
    if a.suite_version != b.suite_version:
        versions = (one.suite_version or _UNKNOWN for one in (a, b))
        notes.append(ComparisonMessage.OTHER_VERSIONS(**dict(zip("ab", versions, strict=True))))
    levels = a.check_correctness, b.check_correctness
    if all(levels) and levels[0] != levels[1]:
        notes.append(ComparisonMessage.OTHER_CHECKS(**dict(zip("ab", levels, strict=True))))
    return tuple(notes)


def _of_load(a: Conditions, b: Conditions) -> Iterator[Mismatch]:
    if a.search_by != b.search_by:
        yield Mismatch("search_by", _of_search(a, b))
        return  # what else differs follows from that
    if a.scenario != b.scenario:
        yield Mismatch("scenario", ComparisonMessage.SCENARIO(a=a.scenario, b=b.scenario))
    elif a.scenario_digest != b.scenario_digest:
        yield Mismatch("scenario_digest", ComparisonMessage.SCENARIO_CONTENT(scenario=a.scenario))
    if a.targets_digest != b.targets_digest:
        yield Mismatch("targets_digest", ComparisonMessage.SEARCH_TARGETS())
    if _mix(a) != _mix(b):
        users = [(role, a.users_by_role.get(role, 0), b.users_by_role.get(role, 0))
                 for role in dict.fromkeys([*a.users_by_role, *b.users_by_role])]  # fmt: skip
        changed = [f"{role} {before} → {after}" for role, before, after in users if before != after]
        yield Mismatch("users_by_role", ComparisonMessage.USERS(users=changed))
    if a.read_only != b.read_only:
        yield Mismatch("read_only", ComparisonMessage.READ_ONLY())
    if a.processes != b.processes:
        processes = ComparisonMessage.PROCESSES(a=a.processes, b=b.processes)
        yield Mismatch("processes", processes, times_only=True)
    if a.machine != b.machine:
        machines = ComparisonMessage.MACHINE(a=a.machine or _UNKNOWN, b=b.machine or _UNKNOWN)
        yield Mismatch("machine", machines, times_only=True)


def _of_search(a: Conditions, b: Conditions) -> Message:
    if a.search_by and b.search_by:
        return ComparisonMessage.SEARCH_BY(a=a.search_by, b=b.search_by)
    return ComparisonMessage.ONE_SEARCH(which="the first" if a.search_by else "the second")


def _mix(conditions: Conditions) -> object:
    """The users by role; of a search, which changes their number, the roles: their shares are the scenario's."""
    return set(conditions.users_by_role) if conditions.search_by else conditions.users_by_role


def _of_target(a: Conditions, b: Conditions) -> Iterator[Mismatch]:
    # A demo has another port in every run.
    if (a.demo or b.demo) and a.demo != b.demo:
        targets = [f"demo {one.demo}" if one.demo else one.host for one in (a, b)]
        yield Mismatch("host", ComparisonMessage.TARGET(a=targets[0], b=targets[1]))
    elif not a.demo and a.host.rstrip("/") != b.host.rstrip("/"):
        yield Mismatch("host", ComparisonMessage.TARGET(a=a.host, b=b.host))
    sizes = [
        f"{kind} {number(a.data_size[kind])} → {number(b.data_size[kind])}"
        for kind in sorted(a.data_size.keys() & b.data_size.keys())
        if abs(a.data_size[kind] - b.data_size[kind]) > DATA_TOLERANCE_RATE * max(a.data_size[kind], b.data_size[kind])
    ]
    if sizes:
        yield Mismatch("data_size", ComparisonMessage.DATA_SIZE(sizes=sizes))
    if a.left_out != b.left_out:
        operations = sorted({*a.left_out} ^ {*b.left_out})
        yield Mismatch("left_out", ComparisonMessage.LEFT_OUT(operations=operations))
