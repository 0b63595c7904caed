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

    def take_held_back_s(self) -> float:
        """How long requests have waited since the last call, s; those that waited together count once."""


class NoLease:
    """In a process without a master."""

    def wait(self) -> None:
        """At once."""

    def take_held_back_s(self) -> float:
        """None at all."""
        return 0.0


class Lease:
    """Users whose lease has run out wait before they send, and go on when the master is heard again."""

    def __init__(self, now: Callable[[], float] = own_s) -> None:
        self._now = now
        self._until = now() + LEASE_S
        self._waiting = 0
        """Requests."""
        self._held_back_s = 0.0
        self._counted_to = 0.0

    def renew(self, sent_at: float) -> None:
        """The master has answered the heartbeat that was sent then (s, steady)."""
        self._until = max(self._until, sent_at + LEASE_S)

    @property
    def silent_s(self) -> float:
        """Since the last heartbeat that was answered."""
        return self._now() - self._until + LEASE_S

    def wait(self) -> None:
        """Return as soon as a request may be sent."""
        if self._now() <= self._until:
            return
        self._count()
        self._waiting += 1
        try:
            while self._now() > self._until:
                gevent.sleep(_LOOK_EVERY_S)
        finally:
            self._count()
            self._waiting -= 1

    def take_held_back_s(self) -> float:
        """How long requests have waited since the last call, s; those that waited together count once."""
        self._count()
        held_back_s, self._held_back_s = self._held_back_s, 0.0
        return held_back_s

    def _count(self) -> None:
        now = self._now()
        if self._waiting:
            self._held_back_s += now - self._counted_to
        self._counted_to = now
