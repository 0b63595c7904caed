"""One clock: UTC that cannot jump. Anchored once a process, then carried on by the monotonic clock."""

from __future__ import annotations

import time

_ANCHOR_S = time.time() - time.perf_counter()


def utc_s() -> float:
    """UTC epoch seconds; differences are true spans whatever happens to the wall clock."""
    return _ANCHOR_S + time.perf_counter()


def sleep_s(seconds: float) -> None:
    """Wait; the seam at which tests pass a clock of their own."""
    time.sleep(seconds)
