"""Runs the steps of a check over whatever carries its requests."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from perfsuite.correctness.check import (
    Check,
    CheckActor,
    CheckContext,
    NotChecked,
    Outcome,
    Reply,
    Send,
    Unanswered,
    Unavailable,
)
from perfsuite.model.correctness import CheckStep
from perfsuite.target.catalogue import CATALOGUE

Found = TypeVar("Found")


class Carrier(Protocol):
    """Sends the requests of a check, and waits for it."""

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        """Send all of them at the same instant; their replies, in the same order. Raises Unanswered where an actor
        cannot log in."""

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""


def carry_out(check: Check, context: CheckContext, carrier: Carrier) -> Outcome:
    """Do one check, and return how it ended."""
    try:
        return drive(check.steps(context), carrier)
    except Unanswered as why:
        return NotChecked(str(why))


def drive(steps: Generator[tuple[Send, ...] | float, tuple[Reply, ...], Found], carrier: Carrier) -> Found:
    """Do what the steps ask for, and return what they do. They hear of Unanswered where it is raised, so that they can
    put back what they changed; raises it where they do."""
    try:
        step = next(steps)
        while True:
            try:
                replies = _done(step, carrier)
            except Unanswered as why:
                step = steps.throw(why)
            else:
                step = steps.send(replies)
    except StopIteration as end:
        found: Found = end.value
        return found


def _done(step: tuple[Send, ...] | float, carrier: Carrier) -> tuple[Reply, ...]:
    if isinstance(step, tuple):
        return carrier.exchange(step)
    carrier.wait(step)
    return ()


Heard = Callable[[Sequence[CheckStep], Sequence[Reply]], None]


class RecordingCarrier:
    """Another carrier, and the steps that it was asked for. `heard`: gets those of one instant, with their replies;
    `name`: see CheckContext."""

    def __init__(
        self,
        carrier: Carrier,
        name: Callable[[CheckActor], str],
        heard: Heard = lambda _steps, _replies: None,
    ) -> None:
        self.steps: list[CheckStep] = []
        self.was_busy = False
        """The target was too busy to answer a request, or failed to: the next time may end otherwise."""
        self._carrier = carrier
        self._name = name
        self._heard = heard
        self._instant = 0
        self._waited_s = 0.0

    @property
    def is_race(self) -> bool:
        """Requests were sent at the same instant, so that the next time may end otherwise."""
        return len({step.instant for step in self.steps}) < len(self.steps)

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        """See Carrier."""
        self._instant += 1
        steps = [self._step(send) for send in sends]
        self.steps += steps
        self._waited_s = 0.0
        try:
            replies = self._carrier.exchange(sends)
        except Unanswered as why:
            self.was_busy |= not isinstance(why, Unavailable)
            raise
        sent = [replace(step, request=_request(reply)) for step, reply in zip(steps, replies, strict=True)]
        self.steps[-len(sent) :] = sent
        self.was_busy |= any(reply.unclear or reply.says_nothing for reply in replies)
        self._heard(sent, replies)
        return replies

    def wait(self, seconds: float) -> None:
        """See Carrier."""
        self._waited_s += seconds
        self._carrier.wait(seconds)

    def _step(self, send: Send) -> CheckStep:
        request, fields = _request(Reply(send, 0, None)), tuple(send.body or ())
        return CheckStep(
            self._name(send.actor), send.token.value, send.operation, request, fields, self._instant, self._waited_s
        )


def _request(reply: Reply) -> str:
    """Method and path that were sent, with names in place of ids."""
    operation = CATALOGUE[reply.send.operation]
    return f"{operation.method} {reply.template or operation.path}"
