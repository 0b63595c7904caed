"""Which seconds are steady: whole ones, after the settling time, before the ramp-down."""

from __future__ import annotations

import pytest

from perfsuite.measurements.records import Phase
from perfsuite.summary.periods import PhaseTimes, phase_times, timeline


@pytest.mark.parametrize(
    ("times", "steady"),
    [
        pytest.param(PhaseTimes(0, 10, 60, 61), (15, 60), id="settling is 10 % of 50 s"),
        pytest.param(PhaseTimes(0, 10, 610, 611), (15, 610), id="settling is 5 s at most"),
        pytest.param(PhaseTimes(0, 10, 30, 31), (12, 30), id="settling is 10 % of 20 s"),
        pytest.param(PhaseTimes(0.4, 10.2, 30.9, 31), (13, 30), id="only whole seconds: 12.27 to 30.9"),
        pytest.param(PhaseTimes(0, 10, 11.2, 12), (None, None), id="10.12 to 11.2 has no whole second"),
        pytest.param(PhaseTimes(0, 10, 12, 13), (11, 12), id="10.2 to 12 has one whole second"),
        pytest.param(PhaseTimes(0, None, 30, 31), (None, None), id="the plateau was never reached"),
        pytest.param(PhaseTimes(0, 10, None, None), (14, 41), id="cut off: the last recorded second may be half told"),
        pytest.param(PhaseTimes(0, 41, None, None), (None, None), id="cut off just after the plateau began"),
        pytest.param(PhaseTimes(), (None, None), id="no phase was told"),
    ],
)
def test_steady_state(times: PhaseTimes, steady: tuple[int | None, int | None]) -> None:
    when = timeline(times, 0, 41 if times.end is None else 20)
    assert (when.steady_start, when.steady_end) == steady


@pytest.mark.parametrize(
    ("logged_in", "begins"),
    [
        pytest.param(None, 15, id="not known, as in older files"),
        pytest.param(10.0, 15, id="at once: the settling time counts"),
        pytest.param(15.0, 15, id="as long as the settling time"),
        pytest.param(16.0, 16, id="a second longer"),
        pytest.param(22.0, 22, id="within a quarter of the plateau"),
        pytest.param(23.0, 23, id="a quarter, and no longer"),
        pytest.param(60.0, 23, id="longer than a quarter"),
        pytest.param(float("inf"), 23, id="never"),
    ],
)
def test_the_steady_state_waits_for_logins_a_quarter_of_the_plateau(logged_in: float | None, begins: int) -> None:
    when = timeline(PhaseTimes(0, 10, 62, 63, logged_in), 0, 62)
    assert (when.steady_start, when.steady_end) == (begins, 62)


def test_every_second_belongs_to_one_period() -> None:
    when = timeline(PhaseTimes(100.3, 102.0, 122.5, 124.2), 100, 122)

    periods = [when.period(second) for second in range(when.first, when.stop)]
    assert periods == ["ramp-up"] * 5 + ["steady"] * 17 + ["ramp-down"] * 3
    assert [when.length_s(period) for period in ("ramp-up", "steady", "ramp-down")] == [5, 17, 3]


def test_a_run_without_steady_state_is_ramp_up_until_it_goes_down() -> None:
    when = timeline(PhaseTimes(100, None, 103, 104), 100, 103)

    assert [when.period(second) for second in range(when.first, when.stop)] == ["ramp-up"] * 3 + ["ramp-down"]
    assert [when.length_s(period) for period in ("ramp-up", "steady", "ramp-down")] == [3, 0, 1]


def test_the_half_told_second_of_a_run_cut_off_is_no_ramp_up() -> None:
    when = timeline(PhaseTimes(0, 2, None, None), 0, 20)

    assert (when.period(19), when.period(20)) == ("steady", "ramp-down")
    assert sum(when.length_s(period) for period in ("ramp-up", "steady", "ramp-down")) == 21


def test_of_several_processes_the_last_to_have_all_users_counts() -> None:
    told = [
        Phase("1", 1, "ramp-up", 0.0),
        Phase("2", 1, "ramp-up", 0.5),
        Phase("1", 2, "plateau", 5.0),
        Phase("2", 2, "plateau", 6.0),
        Phase("2", 3, "ramp-down", 60.0),
        Phase("1", 3, "ramp-down", 60.5),
        Phase("1", 4, "end", 61.0),
        Phase("2", 4, "end", 62.0),
    ]
    assert phase_times(told) == PhaseTimes(0.0, 6.0, 60.0, 62.0)
    assert phase_times(reversed(told)) == PhaseTimes(0.0, 6.0, 60.0, 62.0)


def test_nothing_recorded_is_a_run_without_seconds() -> None:
    when = timeline(PhaseTimes(), None, None)
    assert (when.first, when.stop, when.steady_s) == (0, 0, 0)
