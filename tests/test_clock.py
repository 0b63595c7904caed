"""The clock: UTC as a label, the same in all processes of a run, and spans that are those of the monotonic clock."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
import time

import pytest

from perfsuite import clock
from perfsuite.clock import ANCHOR_VARIABLE, ERROR_VARIABLE, SLEW_PPM, UtcClock, sleep_s, utc_s

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


# ── corrections ─────────────────────────────────────────────────────────────────────────────────────


def test_the_first_correction_is_a_step() -> None:
    machine = Machine()
    worker = machine.process()

    worker.correct(-3.0, at_once=False)

    assert worker.utc_s() == machine.wall_s - 3
    assert worker.own_s() == machine.wall_s
    assert worker.pending_s() == 0


def test_a_correction_before_the_load_is_a_step() -> None:
    machine = Machine()
    worker = machine.process()
    worker.correct(-3.0, at_once=True)

    worker.correct(-2.5, at_once=True)

    assert worker.utc_s() == machine.wall_s - 2.5


@pytest.mark.parametrize("by_s", [0.01, -0.01])
def test_a_later_correction_is_applied_gradually_and_then_in_full(by_s: float) -> None:
    machine = Machine()
    worker = machine.process()
    worker.correct(3.0, at_once=False)

    worker.correct(3.0 + by_s, at_once=False)

    part = SLEW_PPM / 1e6
    for passed_s in range(30):
        applied_s = math.copysign(min(passed_s * part, abs(by_s)), by_s)
        assert worker.utc_s() - worker.own_s() == pytest.approx(3.0 + applied_s, abs=1e-6)
        assert worker.pending_s() == pytest.approx(by_s - applied_s, abs=1e-6)
        machine.passes(1)
    assert worker.pending_s() == 0


def test_a_correction_takes_over_what_the_one_before_has_left() -> None:
    machine = Machine()
    worker = machine.process()
    worker.correct(3.0, at_once=False)
    worker.correct(3.01, at_once=False)
    machine.passes(5)
    before_s = worker.utc_s()

    worker.correct(2.99, at_once=False)

    assert worker.utc_s() == pytest.approx(before_s, abs=1e-6)
    assert worker.pending_s() == pytest.approx(-0.0125, abs=1e-6)
    machine.passes(26)
    assert worker.utc_s() == pytest.approx(machine.wall_s + 2.99, abs=1e-6)


def test_time_never_runs_backwards_however_the_offset_jumps() -> None:
    machine, chance = Machine(), random.Random(1)
    worker = machine.process()
    worker.correct(3.0, at_once=False)
    before_s = worker.utc_s()

    for _ in range(5000):
        worker.correct(3.0 + chance.gauss(0, 0.05), at_once=False)
        for _ in range(3):
            step_s = chance.expovariate(1e4)
            machine.passes(step_s)
            now_s = worker.utc_s()
            assert now_s >= before_s
            assert now_s - before_s == pytest.approx(step_s, rel=SLEW_PPM / 1e6, abs=1e-6)
            before_s = now_s


def test_a_clock_that_is_anchored_has_no_correction_left() -> None:
    machine = Machine()
    worker = machine.process()
    worker.correct(3.0, at_once=False)
    worker.correct(4.0, at_once=False)

    worker.anchor()

    assert worker.utc_s() == worker.own_s() == machine.wall_s
    worker.correct(-1.0, at_once=False)
    assert worker.utc_s() == machine.wall_s - 1


def test_a_correction_is_no_error_of_the_system_clock_and_not_passed_on() -> None:
    machine = Machine()
    worker = machine.process()

    worker.correct(3.0, at_once=False)

    assert worker.system_ahead_s() == 0
    assert machine.process(**worker.for_children()).utc_s() == machine.wall_s


def test_a_process_can_be_given_the_clocks_of_another_machine() -> None:
    machine = Machine()
    elsewhere = machine.process(**{ERROR_VARIABLE: "3.0,100"})
    began_s = machine.wall_s

    machine.passes(HOUR_S)

    assert elsewhere.utc_s() == pytest.approx(machine.wall_s + 3.0 + 0.36, abs=1e-6)
    assert elsewhere.utc_s() - (began_s + 3.0) == pytest.approx(HOUR_S * 1.0001, abs=1e-6)
    assert elsewhere.system_ahead_s() == pytest.approx(0, abs=1e-6)


def test_the_clock_of_another_machine_is_that_of_its_children() -> None:
    machine = Machine()
    elsewhere = machine.process(**{ERROR_VARIABLE: "-3.0,100"})

    child = machine.process(**{ERROR_VARIABLE: "-3.0,100"}, **elsewhere.for_children())

    assert child.utc_s() == elsewhere.utc_s() == machine.wall_s - 3
