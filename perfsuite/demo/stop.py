"""When the supervisor has to end: its stdin ends, or SIGTERM, SIGINT or SIGHUP arrives.

The supervisor has one thread only: Linux sends a parent-death signal when the thread that started the child ends.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """Raised where a request to end cuts the start short."""


class StopRequest:
    """Knows whether the demo was asked to end; a request ends any wait at once."""

    def __init__(self, watched: int, wake: int) -> None:
        self._watched: list[int] = [watched, wake]
        self._wake = wake
        self._asked = False

    def wait(self, seconds: float) -> bool:
        """Wait that long at most. True when the demo was asked to end, now or earlier."""
        until = time.monotonic() + seconds
        while not self._asked:
            left = until - time.monotonic()
            ready, _, _ = select.select(self._watched, [], [], max(left, 0))
            for descriptor in ready:
                # Input is ignored; nothing to read means that the other side is gone.
                if descriptor == self._wake or not os.read(descriptor, 4096):
                    self._asked = True
            if left <= 0:
                break
        return self._asked

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` holds. False when it does not within `seconds`; raises Stopped when asked to end."""
        end = time.monotonic() + seconds
        while not condition():
            if self.wait(0.03):
                raise Stopped
            if time.monotonic() >= end:
                return False
        return True


@contextmanager
def stop_on(watched: int) -> Iterator[StopRequest]:
    """A StopRequest that watches this file descriptor and the signals, until the end of the block."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def wake(_signal: int, _frame: object) -> None:
        os.write(writing, b"!")

    before = {number: signal.signal(number, wake) for number in _SIGNALS}
    try:
        yield StopRequest(watched, reading)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
