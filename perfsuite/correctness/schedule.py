"""Which check is due next, and whether the load has earned it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from perfsuite.correctness.check import Check
from perfsuite.model.correctness import Invariant

MOST_CREDIT = 40.0
"""Requests: what a pause of the checks cannot save up beyond, so that they never come in a burst."""

Rule = tuple[Invariant, str]


class Schedule:
    """Shares a budget between rules by their weights, and within a rule between its checks, the least checked first.

    `share`: requests of checks per request of the load. The order is a matter of the seed alone.
    """

    def __init__(self, checks: Iterable[Check], share: float, seed: int, weights: Mapping[Rule, float]) -> None:
        self._share = share
        self._weights = weights
        self._spent: dict[Rule, float] = {}
        self._checks: dict[Rule, list[Check]] = {}
        self.times: dict[Check, int] = {}
        """Check → how often it was begun."""
        self._used = 0
        self._earned = 0.0
        self._seen = 0.0
        shuffled = list(checks)
        random.Random(f"{seed}/checks").shuffle(shuffled)
        for check in shuffled:
            rule = (check.invariant, check.rule)
            self._checks.setdefault(rule, []).append(check)
            self._spent.setdefault(rule, 0.0)
            self.times[check] = 0

    def account(self, load_requests: float, check_requests: int) -> None:
        """How many requests the load and the checks have sent so far."""
        more = max(load_requests - self._seen, 0.0) * self._share
        self._seen, self._used = max(load_requests, self._seen), check_requests
        self._earned = min(self._earned + more, self._used + MOST_CREDIT)

    def next(self, running: Mapping[Rule, int]) -> Check | None:
        """The check that is due, begun now; None while the load has not earned it, or all rules are under way.

        `running`: rules that a check is under way for, and how many requests it may send.
        """
        due = min((rule for rule in self._checks if rule not in running), key=self._turn, default=None)
        if due is None:
            return None
        check = min(self._checks[due], key=self.times.__getitem__)
        if check.requests > self._earned - self._used - sum(running.values()):
            return None
        self.times[check] += 1
        self._spent[due] += check.requests
        return check

    def _turn(self, rule: Rule) -> float:
        return self._spent[rule] / self._weights.get(rule, 1.0)
