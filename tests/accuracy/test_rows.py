"""The experiments' own bounds: a busy machine does not break them, a figure that is wrong does."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Phase, Record, Requests, times_of
from perfsuite.model import Arrival, Plan, Scenario
from tests.accuracy import timing
from tests.accuracy.lab import OPERATION, Outcome
from tests.accuracy.table import Row, equal_row, missed, rate_row, worth_another_try
from tests.accuracy.truth_server import Served, Truth

START_S = 1_772_357_400
CYCLES = 2
SESSIONS = 20
STALL_FROM_S, STALL_TO_S = 2.0, 3.0


def _stalled(drain_s: float, *, told_late_s: float = 0.0, omitted: bool = False) -> Outcome:
    """A target that stands still for 1 s of every 5 s; the 200 that wait are answered within `drain_s` after it.

    `told_late_s`: what the records add to each time; `omitted`: they tell service times as response times.
    """
    scenario = Scenario("made", SESSIONS, SESSIONS, 14.0, arrival=Arrival(timing.STALL_RATE))
    plan = Plan("made", scenario, "http://127.0.0.1", {"caller": SESSIONS}, (), (), 1, "2026-03-01T09:30:00Z")
    served, cells = [], {}
    for number in range(int(timing.STALL_RATE * 13.5)):
        # 100 within the first second, while the rate grows; then one every 5 ms.
        due_s = ((number + 0.5) / 100) ** 0.5 if number < 100 else 1 + (number - 99.5) / timing.STALL_RATE
        phase = due_s % timing.CYCLE_S
        waits = STALL_FROM_S <= phase < STALL_TO_S
        began_s = due_s + (STALL_TO_S - phase) + (phase - STALL_FROM_S) * drain_s if waits else due_s
        served.append(Served(str(number), "caller-0", round(began_s * 1e9), round((began_s + 0.005) * 1e9)))
        told_s = 0.005 if omitted else began_s + 0.005 - due_s + told_late_s
        cells.setdefault(START_S + int(due_s), Histogram()).add(round(told_s * 1e6))
    records: list[Record] = [Phase("coordinator", 1, "ramp-up", START_S)]
    records += [
        Requests("worker-1", number, second, "caller", "look", OPERATION, ok=times_of(times))
        for number, (second, times) in enumerate(cells.items(), 1)
    ]
    return Outcome(plan, Path(), records, Truth(served, [], START_S))


@pytest.mark.parametrize(
    ("outcome", "wrong"),
    [
        pytest.param(_stalled(0.0), [], id="all at once"),
        pytest.param(_stalled(0.3), [], id="a busy machine drains slowly, and the records say so"),
        pytest.param(_stalled(0.05, told_late_s=0.06), ["response time p95"], id="told 8 % too long"),
        pytest.param(
            _stalled(0.05, omitted=True), ["response time p95", "… and by arithmetic, at least"],
            id="time spent waiting for a session is not told",
        ),
    ],
)  # fmt: skip
def test_the_response_time_is_held_to_what_the_target_wrote_down(outcome: Outcome, wrong: list[str]) -> None:
    assert [row.what for row in missed(timing.stalling_rows(SESSIONS, CYCLES, outcome))] == wrong


HELD, COUNT = equal_row("any", "fine", 1, 1), equal_row("any", "a count", 1, 2)
RATE = rate_row("any", "a rate", 100.0, 90.0, 0.01)


@pytest.mark.parametrize(
    ("rows", "again"),
    [
        pytest.param([HELD], False, id="nothing is wrong"),
        pytest.param([HELD, RATE], True, id="the machine may have been busy"),
        pytest.param([RATE, COUNT], False, id="a wrong count is wrong at once"),
    ],
)
def test_only_what_the_machine_may_have_done_is_tried_again(rows: list[Row], again: bool) -> None:
    assert worth_another_try(rows) is again
