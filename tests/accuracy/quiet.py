"""Neighbours on the machine: kept out of an experiment where the system allows it, and measured where not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.accuracy.lab import percentile

_PRIORITY = 10
_EVERY_S = 0.002


@contextmanager
def undisturbed() -> Iterator[bool]:
    """Real-time priority for what is started within; True when the system allows it.

    Target and generator then share the machine with each other only, however busy it is.
    """
    before = os.sched_getscheduler(0)
    allowed = False
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        allowed = True
    try:
        yield allowed
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


class Probe:
    """Asks the machine all the time how late it wakes a process that wants to run."""

    def __init__(self) -> None:
        self._late_us: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            time.sleep(_EVERY_S)
            self._late_us.append((time.perf_counter() - began - _EVERY_S) * 1e6)

    def late_us(self, fraction: float) -> float:
        """A percentile of its lateness."""
        return percentile(sorted(self._late_us), fraction)
