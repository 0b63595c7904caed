"""Runs the steps of a check over whatever carries its requests."""

from __future__ import annotations

from typing import Protocol

from perfsuite.correctness.check import Check, Ground, NotChecked, Outcome, Reply, Send, Unanswered


class Carrier(Protocol):
    """Sends the requests of a check, and waits for it."""

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        """Send all of them at the same instant; their replies, in the same order. Raises Unanswered where an actor
        cannot log in."""

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""


def carry_out(check: Check, ground: Ground, carrier: Carrier) -> Outcome:
    """Do one check, and return how it ended."""
    steps = check.steps(ground)
    replies: tuple[Reply, ...] = ()
    try:
        step = next(steps)
        while True:
            if isinstance(step, tuple):
                replies = carrier.exchange(step)
            else:
                carrier.wait(step)
                replies = ()
            step = steps.send(replies)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except Unanswered as why:
        return NotChecked(str(why))
    finally:
        steps.close()
