"""All checks that there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from types import MappingProxyType

from perfsuite.correctness import (
    caches,
    contests,
    errors,
    isolation,
    kept,
    lists,
    next_reads,
    permissions,
    watched,
    writes,
)
from perfsuite.correctness.check import Check
from perfsuite.correctness.schedule import Rule
from perfsuite.model.correctness import CheckKey, Invariant

_MODULES = (isolation, permissions, caches, writes, next_reads, kept, contests, lists, errors)

WEIGHTS: Mapping[Rule, float] = {
    (Invariant.ISOLATION, isolation.OWN_ROWS): 19.0,
    (Invariant.ISOLATION, isolation.OTHER_ROLES_ROWS): 0.5,
    (Invariant.PERMISSIONS, permissions.REFUSED_ROLE): 39.5,
    **{(Invariant.PERMISSIONS, rule): 0.5 for rule in permissions.REFUSED_TOKENS.values()},
    (Invariant.PERMISSIONS, permissions.DEACTIVATED): 6.5,
    (Invariant.CACHES, caches.OWN_FIGURES): 3.0,
    (Invariant.WRITES, writes.CREATED): 13.0,
    (Invariant.WRITES, writes.BOTH_COUNT): 10.5,
    (Invariant.WRITES, next_reads.NEXT_READ): 4.0,
    (Invariant.CONTESTS, contests.ONE_NUMBER): 5.0,
    (Invariant.LISTS, lists.PAGES): 13.7,
    (Invariant.LISTS, lists.COUNTS): 9.0,
    (Invariant.ERRORS, errors.NO_SERVER_ERROR): 0.5,
}
"""Rule → its share of the budget beside those of 1: about as many requests as it takes to find what is wrong within a
minute of 100 requests/s, at whatever operation it is. See bench/correctness_accuracy.py."""


def all_checks(allowed: Mapping[str, Collection[str]] = MappingProxyType({})) -> Iterable[Check]:
    """Those that a run sends, in the order of the invariants, and more where other roles are `allowed` (see
    ApiMapping)."""
    for module in _MODULES:
        yield from module.checks()
    yield from permissions.refused_too(allowed)


def check_of(key: CheckKey) -> Check | None:
    """The check with this key; None where this version of the suite has no such check."""
    return _by_key().get(key)


@cache
def _by_key() -> Mapping[CheckKey, Check]:
    nobody: Mapping[str, Collection[str]] = dict.fromkeys(permissions.routes(), ())
    return {check.key: check for check in (*all_checks(nobody), *watched.checks(), *errors.replays())}


@cache
def operations_by_rule() -> Mapping[str, frozenset[str]]:
    """Rule → the operations of which it is checked, also where the load's own answers show it."""
    found: dict[str, set[str]] = {}
    for check in (*all_checks(), *watched.checks(), *errors.replays()):
        found.setdefault(check.rule, set()).add(check.operation)
    return {rule: frozenset(operations) for rule, operations in found.items()}
