"""Leads a load through the stages of its scenario: how many users there are at which time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import gevent

from perfsuite.clock import utc_s
from perfsuite.load.coordinator import Coordinator
from perfsuite.model import Account, Scenario
from perfsuite.model.stages import HOLD, StageSpan, spans_of

STEP_S = 1.0
"""So often the number of users changes in a ramp. Those that start in a step spread over a second by themselves."""
_AT_ONCE = 1e6
"""Users a second: all of a step together."""


class StageLeader:
    """Changes the users of one load as its stages say; in the open model the rate does, and the users stay."""

    def __init__(self, coordinator: Coordinator, scenario: Scenario, users: Callable[[int], Sequence[Account]]) -> None:
        """`users`: an account for each of so many users."""
        self._coordinator = coordinator
        self._scenario = scenario
        self._users = users
        self._spans = spans_of(scenario.stages)
        self._changes_users = scenario.arrival is None

    def begin(self) -> None:
        """Start the first users, and go on by itself until the load is over."""
        first = self._spans[0]
        count = max(users_at(first, STEP_S), 1) if self._changes_users else self._scenario.users
        self._coordinator.begin(self._users(count))
        leading = gevent.spawn(self._lead)
        leading.link_exception(lambda greenlet: self._coordinator.failed(greenlet.exception))

    def _lead(self) -> None:
        for number, span in enumerate(self._spans):
            if not self._wait_until(span.start_s):
                return
            self._enter(span, first=number == 0)
            if span.changes and self._changes_users and not self._climb(span):
                return

    def _enter(self, span: StageSpan, *, first: bool) -> None:
        hold = span.kind == HOLD
        if not span.changes and self._changes_users and not first:
            self._coordinator.retarget(self._users(users_at(span, span.start_s)), self._scenario.spawn_rate)
        self._coordinator.enter_stage(span.stage.name, self._coordinator.start_at + span.start_s, hold=hold)

    def _climb(self, span: StageSpan) -> bool:
        """One order a second: the users that there are to be at the end of it. False when the load is over."""
        steps = max(round(span.stage.duration_s / STEP_S), 1)
        for step in range(steps):
            if not self._wait_until(span.start_s + step * STEP_S):
                return False
            wanted = self._users(users_at(span, min(span.start_s + (step + 1) * STEP_S, span.end_s)))
            self._coordinator.retarget(wanted, _AT_ONCE, hold=False)
        return True

    def _wait_until(self, at_s: float) -> bool:
        """False when the load is over by then."""
        while (wait_s := self._coordinator.start_at + at_s - utc_s()) > 0:
            if self._coordinator.over:
                return False
            gevent.sleep(min(wait_s, STEP_S))
        return not self._coordinator.over


def users_at(span: StageSpan, at_s: float) -> int:
    """How many users there are to be at a time of a stage, in seconds after the start."""
    return math.floor(span.level_at(at_s) + 0.5)
