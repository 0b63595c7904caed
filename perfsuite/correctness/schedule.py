"""Which check is due next, and whether the load has earned it, or will earn it before it ends."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TypeVar

from perfsuite.correctness.check import Check
from perfsuite.model import Scenario
from perfsuite.model.correctness import Invariant
from perfsuite.model.stages import Stage, StageSpan, spans_of

MOST_CREDIT = 40.0
"""Requests: what a pause of the checks cannot save up beyond, so that they never come in a burst."""
OVERDRAFT = 8.0
"""Requests: so many more than the load has earned may be sent, in all, to make sure of a violation, as long as the rest
of the load will earn them. Until they are earned, too, no check begins, and one that needs more of them waits."""
RECENT_S = 5.0
"""The rate of the load is that of so many seconds."""
DEVIATIONS = 3.0
"""The rest of the load is taken to be so many standard deviations smaller than that rate says."""

Rule = tuple[Invariant, str]
T = TypeVar("T")


def rule_of(check: Check) -> Rule:
    """What a check is an instance of."""
    return check.invariant, check.rule


class RestOfLoad:
    """How many requests a load will make until its planned end, most likely more: by its latest rate.

    Where its level is planned to fall, so does the rate; where it is planned to rise, the rate stays as it is. How long
    users with a number of iterations go on is not planned.
    """

    def __init__(self, scenario: Scenario) -> None:
        level = float(scenario.users) if scenario.arrival is None else scenario.arrival.rate
        end_level = scenario.arrival.rate_end if scenario.arrival is not None else None
        end_level = level if end_level is None else end_level
        whole = StageSpan(Stage("", scenario.duration_s), 0.0, scenario.duration_s, level, end_level)
        self._spans = () if scenario.iterations is not None else spans_of(scenario.stages) or (whole,)
        self._noted: deque[tuple[float, int]] = deque([(0.0, 0)])

    def note(self, at_s: float, requests: int) -> None:
        """So many s after its start the load has made so many requests."""
        self._noted.append((at_s, requests))
        while self._noted[1][0] <= at_s - RECENT_S:
            self._noted.popleft()

    def requests(self) -> float:
        """Those after what was noted last.

        As of a Poisson process: the expected number varies as much as its root, and as the rate, which is known by the
        latest requests alone.
        """
        (since_s, before), (at_s, now) = self._noted[0], self._noted[-1]
        latest = now - before
        highest = max((level for span in self._spans for level in _levels(span, since_s, at_s)), default=0.0)
        if latest <= 0 or not highest:
            return 0.0
        like_now_s = sum(
            (span.end_s - max(span.start_s, at_s)) * min(*_levels(span, at_s, span.end_s), highest) / highest
            for span in self._spans
            if span.end_s > at_s
        )
        expected = latest * like_now_s / (at_s - since_s)
        return max(expected - DEVIATIONS * math.sqrt(expected + expected**2 / latest), 0.0)


def _levels(span: StageSpan, from_s: float, until_s: float) -> tuple[float, ...]:
    """At the first and the last of these seconds that a stage has; () where it has none of them."""
    first, last = max(span.start_s, from_s), min(span.end_s, until_s)
    return (span.level_at(first), span.level_at(last)) if first <= last else ()


class Schedule:
    """Shares a budget between rules by their weights, within a rule between its operations, and within those between
    roles, the least checked first.

    Of each rule one check is under way at a time, and of those that write one of each account. The order is a matter of
    the seed alone, as long as every check is answered in time.
    """

    def __init__(
        self,
        checks: Iterable[Check],
        share: float,
        seed: int,
        weights: Mapping[Rule, float],
        rest: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """`share`: requests of checks per request of the load. `rest`: how many of these are at least to come."""
        self._share = share
        self._rest = rest
        self._weights = weights
        self._spent: dict[Rule, float] = {}
        self._checks: dict[Rule, deque[deque[Check]]] = {}
        """Of each rule: the checks of each operation, the least checked ones first."""
        self._never_begun: dict[Check, None] = {}
        self._left: dict[Check, int] = {}
        """Checks under way → requests that they may still send."""
        self._sent: dict[Check, int] = {}
        """Those under way → requests that they have sent."""
        self._logins: dict[Check, int] = {}
        """The same of logins, before the first of them."""
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
        self._left[due], self._sent[due], self._logins[due] = due.requests, 0, cost - due.requests
        return due

    def _earn(self, load_requests: int, check_requests: int) -> float:
        """How many requests a check may send that begins now."""
        more = max(load_requests - self._seen, 0.0) * self._share
        self._seen = max(load_requests, self._seen)
        self._earned = min(self._earned + more, check_requests + MOST_CREDIT)
        return self._available(check_requests)

    def _available(self, check_requests: int) -> float:
        return self._earned - check_requests - sum(self._left.values()) - sum(self._logins.values())

    def _overdraft(self) -> float:
        return min(OVERDRAFT, self._share * self._rest())

    def grants(
        self, check: Check, requests: int, check_requests: int, *, logins: int = 0, restores: bool = False
    ) -> bool:
        """Whether a check under way may send so many requests now, also beyond those that it was to send.

        `check_requests`: that checks have sent so far; `logins`: that it has to make for them. `restores`: they put
        back what it has changed, for which a request is kept. One that has to wait gets the whole overdraft at once:
        what it compares should not lie far apart.
        """
        needed = requests + (0 if restores else check.restoring)
        more, again = max(needed - self._left[check], 0), max(logins - self._logins[check], 0)
        available = self._available(check_requests) + (0 if check in self._waiting else self._overdraft())
        if 0 < more + again > available:
            self._waiting.add(check)
            return False
        self._waiting.discard(check)
        self._left[check] += more
        self._logins[check] += again
        return True

    def may_repeat(self, check_requests: int) -> bool:
        """Whether there may be one request more that no check was to send: a login, or what it is for once more."""
        return self._available(check_requests) + self._overdraft() >= 1

    def sent(self, check: Check, requests: int) -> None:
        """A check under way has sent so many requests, with the logins for them; what is left of it is not others'."""
        self._sent[check] += requests
        self._left[check] = max(self._left[check] - requests, 0)
        self._logins[check] = 0

    def ended(self, check: Check) -> None:
        """A check is over; the requests that it did not send are for others."""
        # At least 1: nothing may have come of it, and yet it was its turn. More, to make sure of a violation, is free.
        self._spent[rule_of(check)] += min(max(self._sent.pop(check), 1), check.requests)
        del self._left[check], self._logins[check]
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
