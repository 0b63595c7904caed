"""How many requests took how long: bins with round edges over the steady state."""

from __future__ import annotations

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import Arrival, TimeBin
from perfsuite.summary import build
from tests.summary.made_records import ROLES, Process, make_plan, steady_run


def bins_of(records: list[Record], arrival: Arrival | None = None) -> tuple[TimeBin, ...]:
    plan = make_plan(arrival=arrival)
    return build(plan, Aggregate.of(records), preflight=None, roles=ROLES).distribution


def test_each_request_of_the_steady_state_is_in_one_bin_failed_ones_apart() -> None:
    one = Process()
    made = [one.requests(1, [70.0]), one.requests(5, [10.0, 10.5, 11.9], [12.0]), one.requests(6, [14.5])]
    assert bins_of(steady_run(one, made)) == (
        TimeBin(10.0, 11.2, 2, 0),
        TimeBin(11.2, 12.5, 1, 1),
        TimeBin(12.5, 14.0, 0, 0),
        TimeBin(14.0, 16.0, 1, 0),
    )


def test_what_never_began_is_among_the_failed() -> None:
    one = Process()
    made = [one.requests(5, [10.0]), one.not_started(5, [12_000.0])]
    found = bins_of(steady_run(one, made), Arrival(1.0))
    assert (found[0], found[-1]) == (TimeBin(10.0, 11.2, 1, 0), TimeBin(11_200.0, 12_500.0, 0, 1))
    assert [low.high_ms for low in found[:-1]] == [high.low_ms for high in found[1:]]


@pytest.mark.parametrize(("time_ms", "low_ms"), [(0.0, 0.001), (2.0, 2.0), (1_999.0, 1_800.0), (2_001.0, 2_000.0)])
def test_the_ends_and_the_round_edges(time_ms: float, low_ms: float) -> None:
    one = Process()
    (only,) = bins_of(steady_run(one, [one.requests(5, [time_ms])]))
    assert (only.low_ms, only.requests) == (low_ms, 1)


def test_without_a_steady_state_there_are_none() -> None:
    assert bins_of([Process().requests(1, [5.0])]) == ()
