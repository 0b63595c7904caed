"""Which check is due next, and whether the load has earned it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

from perfsuite.correctness.check import Check
from perfsuite.model.correctness import Invariant

MOST_CREDIT = 40.0
"""Requests: what a pause of the checks cannot save up beyond, so that they never come in a burst."""
Rule = tuple[Invariant, str]
T = TypeVar("T")


def rule_of(check: Check) -> Rule:
    """What a check is an instance of."""
    return check.invariant, check.rule


class Schedule:
    """Shares a budget between rules by their weights, within a rule between its operations, and within those between
    roles, the least checked first. At no time have checks sent more than the load has earned.

    Of each rule one check is under way at a time, and of those that write one of each account. The order is a matter of
    the seed alone, as long as every check is answered in time.
    """

    def __init__(
        self,
        checks: Iterable[Check],
        share: float,
        seed: int,
        weights: Mapping[Rule, float],
    ) -> None:
        """`share`: requests of checks per request of the load."""
        self._share = share
        self._weights = weights
        self._spent: dict[Rule, float] = {}
        self._checks: dict[Rule, deque[deque[Check]]] = {}
        """Of each rule: the checks of each operation, the least checked ones first."""
        self._never_begun: dict[Check, None] = {}
        self._left: dict[Check, int] = {}
        """Checks under way → requests that they may still send."""
        self._logins: dict[Check, int] = {}
        """The same of logins, before the first of them."""
        self._repeats = 0
        """Requests that `repeat` has granted, until they are counted."""
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
        self._left[due], self._logins[due] = due.requests, cost - due.requests
        return due

    def _earn(self, load_requests: int, check_requests: int) -> float:
        """How many requests a check may send that begins now."""
        more = max(load_requests - self._seen, 0.0) * self._share
        self._seen = max(load_requests, self._seen)
        self._earned = min(self._earned + more, check_requests + MOST_CREDIT)
        return self._available(check_requests)

    def _available(self, check_requests: int) -> float:
        granted = sum(self._left.values()) + sum(self._logins.values()) + self._repeats
        return self._earned - check_requests - granted

    def grants(
        self, check: Check, requests: int, check_requests: int, *, logins: int = 0, restores: bool = False
    ) -> bool:
        """Whether a check under way may send so many requests now, also beyond those that it was to send.

        Beyond them it gets as many again, all at once: what it compares should not lie far apart. `check_requests`:
        that checks have sent so far; `logins`: that it has to make for these requests. `restores`: they put back what
        it has changed, for which a request is kept.
        """
        needed = requests + (0 if restores else check.restoring)
        more = needed - self._left[check]
        more = max(more, check.requests) if more > 0 else 0
        again = max(logins - self._logins[check], 0)
        if 0 < more + again > self._available(check_requests):
            self._waiting.add(check)
            return False
        self._waiting.discard(check)
        self._left[check] += more
        self._logins[check] += again
        return True

    @contextmanager
    def repeat(self, check_requests: int) -> Iterator[bool]:
        """Whether there may be one request more that no check was to send: a login, or what it is for once more. It is
        kept until it is counted, at the end of the block."""
        granted = self._available(check_requests) >= 1
        self._repeats += granted
        try:
            yield granted
        finally:
            self._repeats -= granted

    def sent(self, check: Check, requests: int) -> None:
        """A check under way has sent so many requests, with the logins for them; what is left of it is not others'."""
        self._spent[rule_of(check)] += requests
        self._left[check] = max(self._left[check] - requests, 0)
        self._logins[check] = 0

    def ended(self, check: Check) -> None:
        """A check is over; the requests that it did not send are for others."""
        if self._left.pop(check) >= check.requests:
            self._spent[rule_of(check)] += 1  # nothing came of it, and yet it was its turn
        del self._logins[check]
        self._waiting.discard(check)

    def _startable(self, may_write: bool) -> Iterator[Check]:
        """Of each rule that is not under way the first check that may begin."""
        busy = {rule_of(check) for check in self._left}
        alone = [check for check in self._left if check.writes and not check.shares_accounts]
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
