"""Logins are load: those of the ramp-up have figures of their own, and the steady state waits for the last one."""

from __future__ import annotations

import random

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import Arrival, FailureKind, Summary
from perfsuite.summary import LiveView, build
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run

LOGIN = ("reader", "login", "login")
PLATEAU, DOWN = 2, 62


def summary_of(records: list[Record], arrival: Arrival | None = None) -> Summary:
    return build(make_plan(arrival=arrival), Aggregate.of(records), preflight=None, roles=ROLES)


def storm(until: int, one: Process | None = None) -> list[list[Record]]:
    """What is recorded in each second of a run in which the last of 3 users is logged in at the end of `until`."""
    one = one or Process()
    seconds: list[list[Record]] = []
    for second in range(DOWN + 1):
        waiting = 0 if second >= until else 1 if second > PLATEAU else 2
        records: list[Record] = [one.users(second, waiting, reader=2, writer=1)]
        if second < 3:
            records.append(one.requests(second, [1000.0 * (second + 1)], where=LOGIN))
        if second >= until:
            records.append(one.requests(second, [10.0] * 4, ended=4))
        seconds.append(records)
    return seconds


def flat(seconds: list[list[Record]]) -> list[Record]:
    return [record for of_second in seconds for record in of_second]


def run(until: int) -> Summary:
    return summary_of(steady_run(Process("phases"), flat(storm(until)), plateau=PLATEAU, down=DOWN))


@pytest.mark.parametrize(
    ("until", "begins", "late"),
    [
        pytest.param(2, 7, 0, id="at once: after the settling time of 5 s"),
        pytest.param(6, 7, 0, id="with the settling time"),
        pytest.param(11, 12, 0, id="longer: with the first second in which all are in"),
        pytest.param(40, 17, 1, id="much longer: after a quarter of the plateau"),
        pytest.param(999, 17, 1, id="never"),
    ],
)
@pytest.mark.parametrize("arrival", [None, Arrival(10.0)], ids=["closed", "open"])
def test_the_steady_state_begins_when_the_last_user_is_logged_in(
    until: int, begins: int, late: int, arrival: Arrival | None
) -> None:
    records = steady_run(Process("phases"), flat(storm(until)), plateau=PLATEAU, down=DOWN)
    summary = summary_of(records, arrival)

    assert summary.steady_start == START + begins
    assert summary.logins is not None
    assert summary.logins.late == late
    assert summary.logins.outlasted_s == min(until + 1, DOWN) - PLATEAU
    assert summary.logins.ended_at == (None if until > DOWN else START + until + 1)


def test_figures_of_the_logins_of_the_ramp_up_and_of_those_after_it() -> None:
    one = Process()
    renewals = [one.requests(second, [300.0], where=LOGIN, ended=1) for second in (20, 40, 61)]
    failed = one.requests(4, [], [5000.0], where=LOGIN, kind=FailureKind.RATE_LIMIT)
    summary = summary_of(
        steady_run(Process("phases"), [*flat(storm(11, one)), *renewals, failed], plateau=PLATEAU, down=DOWN)
    )

    logins = summary.logins
    assert logins is not None
    assert (logins.ramp_up, logins.failures, logins.rate_limited, logins.later) == (4, 1, 1, 3)
    assert (logins.avg_ms, logins.max_ms) == ((1000 + 2000 + 3000 + 5000) / 4, 5000.0)
    assert (logins.began_at, logins.ended_at, logins.late) == (START, START + 12, 0)
    assert logins.steady_share_rate == pytest.approx(3 / (3 + 4 * 50))


def test_a_login_counts_in_the_steady_state_in_which_it_ended() -> None:
    one = Process()
    ends = [one.requests(second, where=LOGIN, ended=1) for second in (20, 24, 30)]
    records = [*flat(storm(31, one)), *ends]
    logins = summary_of(steady_run(Process("phases"), records, plateau=PLATEAU, down=DOWN)).logins

    assert logins is not None
    assert logins.late == 1
    assert logins.steady_share_rate == pytest.approx(3 / (3 + 4 * 31))


def test_users_of_a_lost_process_who_log_in_again_are_no_ramp_up() -> None:
    one = Process()
    again = [one.users(second, 2, reader=2, writer=1) for second in (30, 31)]
    records = [*flat(storm(2, one)), *again]
    summary = summary_of(steady_run(Process("phases"), records, plateau=PLATEAU, down=DOWN))

    assert summary.steady_start == START + 7
    assert summary.logins is not None
    assert (summary.logins.ended_at, summary.logins.late) == (START + 3, 0)


def test_a_file_of_before_begins_its_steady_state_where_it_did() -> None:
    """It does not say who is logged in."""
    one = Process()
    records: list[Record] = [one.users(second, reader=3) for second in range(DOWN)]
    records += [one.requests(1, [500.0], where=LOGIN), one.requests(9, [800.0], where=LOGIN)]
    summary = summary_of(steady_run(one, records, plateau=PLATEAU, down=DOWN))

    assert summary.steady_start == START + 7
    assert summary.logins is not None
    assert (summary.logins.ramp_up, summary.logins.later, summary.logins.late) == (1, 1, 0)


def test_without_a_login_nothing_is_told_of_logins() -> None:
    assert summary_of(steady_run(Process(), [])).logins is None


@pytest.mark.parametrize("until", [2, 11, 40, 999])
def test_the_live_view_begins_its_steady_state_at_the_same_second(until: int) -> None:
    plan, dice, batches = make_plan(duration_s=DOWN), random.Random(until), storm(until)
    live, one = LiveView(plan), Process("phases")
    live.feed([one.phase("ramp-up", 0)])
    for second, batch in enumerate(batches):
        if second == PLATEAU:
            live.feed([one.phase("plateau", PLATEAU)])
        if second == DOWN:
            live.feed([one.phase("ramp-down", DOWN), one.phase("end", DOWN + 1)])
        dice.shuffle(batch)
        live.feed(batch)
        assert not (live.state(START + second + 1.1).steady and second < min(until, 17))
    state = live.state(START + DOWN + 2)

    assert state.steady
    assert state.statistics == run(until).totals
