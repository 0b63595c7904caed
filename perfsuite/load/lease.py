"""A worker's permission to send: it holds as long as the master is known to hear from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import gevent

from perfsuite.clock import own_s

LEASE_S = 3.5
"""From a heartbeat that the master answered. The master gives a worker up 5 s after the last one that it heard, so a
worker that was cut off or stopped sends no new requests when its users start elsewhere; one in flight may end later."""
_LOOK_EVERY_S = 0.05


class Permission(Protocol):
    """Asked before each request."""

    def wait(self) -> None:
        """Return as soon as a request may be sent."""


class NoLease:
    """In a process without a master."""

    def wait(self) -> None:
        """At once."""


class Lease:
    """Users whose lease has run out wait before they send, and go on when the master is heard again."""

    def __init__(self, now: Callable[[], float] = own_s) -> None:
        self._now = now
        self._until = now() + LEASE_S
        self.waits = 0
        """How often a request had to wait."""

    def renew(self, sent_at: float) -> None:
        """The master has answered the heartbeat that was sent then (s, steady)."""
        self._until = max(self._until, sent_at + LEASE_S)

    @property
    def silent_s(self) -> float:
        """Since the last heartbeat that was answered."""
        return self._now() - self._until + LEASE_S

    def wait(self) -> None:
        """Return as soon as a request may be sent."""
        if self._now() > self._until:
            self.waits += 1
            while self._now() > self._until:
                gevent.sleep(_LOOK_EVERY_S)
