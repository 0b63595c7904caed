"""The clock: UTC as a label, and spans that are those of the monotonic clock."""

from __future__ import annotations

import time

from perfsuite.clock import sleep_s, utc_s


def test_utc_is_that_of_the_machine() -> None:
    assert abs(utc_s() - time.time()) < 1


def test_differences_are_those_of_the_monotonic_clock() -> None:
    for _ in range(100):
        before = time.perf_counter()
        first = utc_s()
        second = utc_s()
        after = time.perf_counter()
        assert 0 <= second - first <= after - before + 1e-6


def test_sleeping_takes_the_time_asked_for() -> None:
    before = utc_s()
    sleep_s(0.02)

    assert utc_s() - before >= 0.02
