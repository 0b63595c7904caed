"""Requests at the same instant, where there is no event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from perfsuite.correctness.check import Reply


class ThreadConcurrency:
    """See Concurrency: with threads."""

    def wait(self, seconds: float) -> None:
        """See Concurrency."""
        time.sleep(seconds)

    def together(self, calls: Sequence[Callable[[], Reply]]) -> list[Reply]:
        """See Concurrency: each in a thread of its own, all of them waiting for the last."""
        ready = threading.Barrier(len(calls))

        def at_once(call: Callable[[], Reply]) -> Reply:
            ready.wait()
            return call()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(at_once, calls))
