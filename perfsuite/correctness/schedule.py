"""Which check is due next, and whether the load has earned it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeVar

from perfsuite.correctness.check import Check
from perfsuite.model.correctness import Invariant

MOST_CREDIT = 40.0
"""Requests: what a pause of the checks cannot save up beyond, so that they never come in a burst."""
OVERDRAFT = 8.0
"""Requests: so many more than the load has earned may be sent, in all, to make sure of a violation. Until they are
earned, too, no check begins, and one that needs more of them waits."""

Rule = tuple[Invariant, str]
T = TypeVar("T")


def rule_of(check: Check) -> Rule:
    """What a check is an instance of."""
    return check.invariant, check.rule


class Schedule:
    """Shares a budget between rules by their weights, within a rule between its operations, and within those between
    roles, the least checked first.

    Of each rule one check is under way at a time, and of those that write one of each account. The order is a matter of
    the seed alone, as long as every check is answered in time.
    """

    def __init__(self, checks: Iterable[Check], share: float, seed: int, weights: Mapping[Rule, float]) -> None:
        """`share`: requests of checks per request of the load."""
        self._share = share
        self._weights = weights
        self._spent: dict[Rule, float] = {}
        self._checks: dict[Rule, deque[deque[Check]]] = {}
        """Of each rule: the checks of each operation, the least checked ones first."""
        self._never_begun: dict[Check, None] = {}
        self._reserved: dict[Check, int] = {}
        """Checks under way → requests that they may still send, logins included."""
        self._left: dict[Check, int] = {}
        """The same without logins."""
        self._waiting: set[Check] = set()
        """Those under way that the budget did not cover when they asked."""
        shuffled = list(checks)
        random.Random(f"{seed}/checks").shuffle(shuffled)
        of_operation: dict[tuple[Rule, str], deque[Check]] = {}
        for check in shuffled:
            of_operation.setdefault((rule_of(check), check.operation), deque()).append(check)
            self._never_begun[check] = None
        for (rule, _operation), checks_of_it in of_operation.items():
            self._checks.setdefault(rule, deque()).append(checks_of_it)
            self._spent.setdefault(rule, 0.0)
        self._earned = self._seen = 0.0

    @property
    def never_begun(self) -> tuple[Check, ...]:
        """Those whose turn never came."""
        return tuple(self._never_begun)

    def next(
        self,
        load_requests: int,
        check_requests: int,
        logins: Callable[[Check], int] = lambda _check: 0,
        *,
        may_write: bool = True,
    ) -> Check | None:
        """The check that is due, begun now; None while the load has not earned it, or nothing can begin.

        The requests are those that the load and the checks have sent so far. `logins`: how many a check would have to
        make besides its requests.
        """
        available = self._earn(load_requests, check_requests)
        if available < 1 or self._waiting:
            return None
        due = min(self._startable(may_write), key=self._turn, default=None)
        if due is None:
            return None
        cost = due.requests + logins(due)
        if cost > available:
            return None
        operations = self._checks[rule_of(due)]
        of_operation = next(each for each in operations if due in each)
        _to_the_end(of_operation, due)
        _to_the_end(operations, of_operation)
        self._never_begun.pop(due, None)
        self._reserved[due], self._left[due] = cost, due.requests
        return due

    def _earn(self, load_requests: int, check_requests: int) -> float:
        """How many requests a check may send that begins now."""
        more = max(load_requests - self._seen, 0.0) * self._share
        self._seen = max(load_requests, self._seen)
        self._earned = min(self._earned + more, check_requests + MOST_CREDIT)
        return self._earned - check_requests - sum(self._reserved.values())

    def grants(self, check: Check, requests: int, check_requests: int) -> bool:
        """Whether a check under way may send so many requests now, also beyond those that it was to send.

        `check_requests`: that checks have sent so far. One that has to wait gets the whole overdraft at once: what it
        compares should not lie far apart.
        """
        more = requests - max(self._left[check], 0)
        available = self._earned - check_requests - sum(self._reserved.values())
        granted = more <= 0 or more <= available + (0 if check in self._waiting else OVERDRAFT)
        (self._waiting.discard if granted else self._waiting.add)(check)
        return granted

    def sent(self, check: Check, requests: int) -> None:
        """A check under way has sent so many requests, with the logins for them; what is left of it is not others'."""
        self._spent[rule_of(check)] += requests
        left = self._left[check] = self._left[check] - requests
        self._reserved[check] = max(left, 0)

    def ended(self, check: Check) -> None:
        """A check is over; the requests that it did not send are for others."""
        if self._left.pop(check) == check.requests:
            self._spent[rule_of(check)] += 1  # nothing came of it, and yet it was its turn
        del self._reserved[check]
        self._waiting.discard(check)

    def _startable(self, may_write: bool) -> Iterator[Check]:
        """Of each rule that is not under way the first check that may begin."""
        busy = {rule_of(check) for check in self._reserved}
        alone = [check for check in self._reserved if check.writes and not check.shares_accounts]
        taken = {actor for check in alone for actor in check.actors}
        for rule, operations in self._checks.items():
            if rule in busy:
                continue
            for check in chain.from_iterable(operations):
                if not check.writes or (may_write and (check.shares_accounts or taken.isdisjoint(check.actors))):
                    yield check
                    break

    def _turn(self, check: Check) -> float:
        """When its rule would have had its share with this check, too: what is light waits also for its first turn."""
        rule = rule_of(check)
        return (self._spent[rule] + check.requests) / self._weights.get(rule, 1.0)


def _to_the_end(queue: deque[T], one: T) -> None:
    queue.remove(one)
    queue.append(one)
