"""How much of what was planned a run exercised, in a sentence beside its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from perfsuite.model import Coverage, Summary

_MOST_NAMES = 6


def exercised(summary: Summary) -> str:
    """How many operations the run sent requests of, and which it did not; "" where it sent none at all."""
    coverage = summary.coverage
    if not coverage.planned or not summary.whole_run.requests:
        return ""
    if not coverage.not_exercised:
        return f"All {len(coverage.planned)} operations were exercised (counted for each role)."
    *names, last = _shortest(_counts_of(coverage))
    listed = f"{', '.join(names)} and {last}" if names else last
    return (
        f"{coverage.exercised} of {len(coverage.planned)} operations were exercised (counted for each role), but not"
        f" {listed}."
    )


def _shortest(counts: Mapping[str, int]) -> list[str]:
    """So many names as a sentence bears, those that stand for most first, and how many operations the others are."""
    if len(counts) <= _MOST_NAMES:
        return list(counts)
    names = sorted(counts, key=lambda name: -counts[name])[: _MOST_NAMES - 1]
    return [*names, f"{sum(counts.values()) - sum(counts[name] for name in names)} others"]


def names_of(coverage: Coverage) -> tuple[str, ...]:
    """What was not exercised, in as few names as say it: a role of which nothing was, a kind of operation such as
    "tickets", an operation that no role made, or one that a role did not make.
    """
    return tuple(_counts_of(coverage))


def _counts_of(coverage: Coverage) -> Counter[str]:
    """Name → how many of the operations, counted for each role, it stands for; in the order of the roles."""
    planned, missing = (set(map(_pair, entries)) for entries in (coverage.planned, coverage.not_exercised))
    done = planned - missing
    roles, kinds, operations = {role for role, _ in done}, {_kind(name) for _, name in done}, {name for _, name in done}
    of_kind = Counter(_kind(name) for name in {name for _, name in planned})
    found: Counter[str] = Counter()
    for role, operation in map(_pair, coverage.not_exercised):
        if role not in roles:
            found[f"all of {role}"] += 1
        elif _kind(operation) not in kinds and of_kind[_kind(operation)] > 1:
            found[_kind(operation)] += 1
        elif operation not in operations:
            found[operation] += 1
        else:
            found[f"{operation} as {role}"] += 1
    return found


def _pair(entry: str) -> tuple[str, str]:
    role, _, operation = entry.partition(" / ")
    return role, operation


def _kind(operation: str) -> str:
    return operation.partition(".")[0]
