"""All checks that there are, and why some of them cannot be made in a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from perfsuite.correctness import isolation, permissions
from perfsuite.correctness.check import Check
from perfsuite.correctness.schedule import Rule
from perfsuite.model.correctness import CheckKey, Invariant
from perfsuite.target.catalogue import CATALOGUE

_MODULES = (isolation, permissions)

WEIGHTS: Mapping[Rule, float] = {
    (Invariant.ISOLATION, isolation.OWN_ROWS): 4.0,
    (Invariant.ISOLATION, isolation.OTHER_ROLES_ROWS): 0.5,
    (Invariant.PERMISSIONS, permissions.REFUSED_ROLE): 4.0,
}
"""Rule → its share of the budget beside those of 1."""

READ_ONLY = "the run is read-only"
NOT_OFFERED = "the target does not offer it"
NO_ACCOUNT = "no account"
ONE_ACCOUNT = "only one account"
OVER_BUDGET = "the budget did not reach it"
ENDED = "the load ended"
SUITE_ERROR = "an error of the suite"


@dataclass(frozen=True, slots=True)
class Possible:
    """What a run allows. `accounts`: role slug → how many; `offered`: operations that the target has."""

    accounts: Mapping[str, int]
    offered: Collection[str] = frozenset(CATALOGUE)
    read_only: bool = False

    def why_not(self, check: Check) -> str:
        """Why it cannot be made; "" where it can."""
        if check.writes and self.read_only:
            return READ_ONLY
        if check.operation not in self.offered:
            return NOT_OFFERED
        for actor in check.actors:
            if actor.position >= self.accounts.get(actor.role, 0):
                return ONE_ACCOUNT if self.accounts.get(actor.role) else NO_ACCOUNT
        return ""


def all_checks() -> Iterable[Check]:
    """In the order of the invariants."""
    for module in _MODULES:
        yield from module.checks()


def check_of(key: CheckKey) -> Check | None:
    """The check with this key; None where this version of the suite has no such check."""
    return _by_key().get(key)


@cache
def _by_key() -> Mapping[CheckKey, Check]:
    return {check.key: check for check in all_checks()}
