"""The clock: UTC as a label, the same in all processes of a run, and spans that are those of the monotonic clock."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from perfsuite import clock
from perfsuite.clock import ANCHOR_VARIABLE, UtcClock, sleep_s, utc_s

HOUR_S = 3600.0


class Machine:
    """A system clock that can be set, and the monotonic clock beside it, which all processes share."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s = 1_772_357_400.0, 50.0

    def passes(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds

    def process(self, **environ: str) -> UtcClock:
        return UtcClock(environ, lambda: self.wall_s, lambda: self.steady_s)


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


def test_a_system_clock_that_is_set_during_a_run_moves_no_process_against_another() -> None:
    machine = Machine()
    parent = machine.process()
    machine.passes(2)
    machine.wall_s += HOUR_S

    child = machine.process(**parent.for_children())
    machine.passes(10)

    assert child.utc_s() == parent.utc_s() == 1_772_357_412.0
    assert parent.system_ahead_s() == HOUR_S


def test_a_run_begins_with_the_system_clock_as_it_is_then() -> None:
    machine = Machine()
    parent = machine.process()
    machine.wall_s -= HOUR_S

    parent.anchor()
    child = machine.process(**parent.for_children())

    assert child.utc_s() == parent.utc_s() == machine.wall_s
    assert parent.system_ahead_s() == 0


def test_a_child_process_has_the_clock_that_it_was_given() -> None:
    """Not that of the system, which stands an hour off here."""
    anchor_s = float(clock.for_children()[ANCHOR_VARIABLE]) + HOUR_S
    asked = subprocess.run(
        [sys.executable, "-c", "from perfsuite.clock import utc_s; print(repr(utc_s()))"],
        env={**os.environ, ANCHOR_VARIABLE: repr(anchor_s)},
        capture_output=True,
        check=True,
        text=True,
    )

    # Only a process that shares the monotonic clock comes so near.
    assert HOUR_S - 60 < float(asked.stdout) - utc_s() <= HOUR_S
