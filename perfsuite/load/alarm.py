"""Wakes the event loop at a moment, to some ten microseconds.

The loop's own timers come up to a millisecond late, since epoll waits for whole milliseconds. On Linux a timerfd wakes
it in time, without a thread that the interpreter would have to switch to for every moment. Elsewhere the loop's timers
have to do.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = 0o2004000
_READ = 1
_SHORTEST_S = 1e-9
"""Zero would disarm it."""


class Alarm(Protocol):
    """Calls back in the event loop, once for each `set`; a later `set` replaces an earlier one."""

    def set(self, after_s: float) -> None:
        """Go off so many seconds from now, at once where that is past."""

    def close(self) -> None:
        """Never go off again."""


def alarm(loop: Any, on_time: Callable[[], None]) -> Alarm:
    """The best one that the system has."""
    return _TimerFd(loop, on_time) if sys.platform == "linux" else _LoopTimer(loop, on_time)


class _TimerFd:
    def __init__(self, loop: Any, on_time: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._fd = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._time = (ctypes.c_long * 4)()  # interval and first time, each in seconds and nanoseconds
        self._on_time = on_time
        self._is_set = False
        self._watcher = loop.io(self._fd, _READ)
        self._watcher.start(self._ring)

    def set(self, after_s: float) -> None:
        """See Alarm."""
        whole, rest = divmod(max(after_s, _SHORTEST_S), 1.0)
        self._time[2], self._time[3] = int(whole), int(rest * 1e9) or 1
        self._is_set = True
        if self._settime(self._fd, 0, ctypes.byref(self._time), None):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def _ring(self) -> None:
        self._is_set = False
        try:
            self._on_time()
        finally:
            if not self._is_set and self._fd >= 0:
                os.read(self._fd, 8)  # it would ring on

    def close(self) -> None:
        """See Alarm."""
        if self._fd >= 0:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._fd)
            self._fd = -1


class _LoopTimer:
    def __init__(self, loop: Any, on_time: Callable[[], None]) -> None:
        self._loop, self._on_time = loop, on_time
        self._timer: Any = None

    def set(self, after_s: float) -> None:
        """See Alarm."""
        self.close()
        self._timer = self._loop.timer(max(after_s, 0.0))
        self._timer.start(self._on_time)

    def close(self) -> None:
        """See Alarm."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
