"""Virtual users alive, and their logins."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from perfsuite.measurements.aggregate import FORGOTTEN_AFTER_S, Aggregate
from perfsuite.measurements.records import Record, Users, WorkerLost
from perfsuite.model import Arrival, FailureKind, Summary
from perfsuite.summary import LiveView, build
from perfsuite.summary.users import all_logged_in_at, logging_in_by_second, users_by_second
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run

READER = ["reader"]


def users(worker: str, second: int, count: int) -> Users:
    return Users(worker, second, second, {"reader": count})


@pytest.mark.parametrize(
    ("second", "alive"),
    [
        pytest.param(9, 20, id="both processes are there"),
        pytest.param(10, 10, id="one was lost in this second"),
        pytest.param(11, 20, id="its users were placed on the other"),
    ],
)
def test_users_of_a_lost_process_end_with_it(second: int, alive: int) -> None:
    lost = WorkerLost("coordinator", 1, "a", 10.2, 10, "was killed")
    records = Aggregate.of([users("a", 9, 10), users("b", 9, 10), users("b", 10, 10), users("b", 11, 20), lost])

    assert users_by_second(records, [9, 10, 11], READER)[second] == {"reader": alive}


def test_a_process_that_is_late_keeps_its_users_for_a_while() -> None:
    last = FORGOTTEN_AFTER_S + 1
    by_second = users_by_second(Aggregate.of([users("a", 0, 7)]), range(last + 1), READER)

    assert [by_second[second]["reader"] for second in (0, last - 1, last)] == [7, 7, 0]


def test_the_live_view_drops_them_too() -> None:
    live = LiveView(make_plan())
    live.feed([users("a", START, 10), users("b", START, 10)])
    live.feed([WorkerLost("coordinator", 1, "a", START + 1.0, 10, "was killed"), users("b", START + 1, 20)])

    assert sum(live.state(START + 3).users.values()) == 20


# ── logins ──────────────────────────────────────────────────────────────────────────────────────────


def logging(worker: str, second: int, count: int) -> Users:
    return Users(worker, second, second, {"reader": 10}, count)


def test_users_that_are_logging_in_are_those_of_all_processes() -> None:
    records = Aggregate.of(
        [logging("a", 2, 5), logging("b", 2, 4), logging("a", 3, 2), logging("b", 4, 0), logging("a", 5, 0)]
    )

    # Process b says nothing in second 3, and a nothing in second 4: their latest reports count.
    assert logging_in_by_second(records, range(2, 6)) == {2: 9, 3: 6, 4: 2, 5: 0}
    assert all_logged_in_at(logging_in_by_second(records, range(2, 6)), 2.5) == 6.0


def test_before_its_first_report_a_process_counts_with_that() -> None:
    records = Aggregate.of([logging("a", 2, 0), logging("b", 4, 3), logging("b", 5, 0)])

    assert logging_in_by_second(records, range(2, 6)) == {2: 3, 3: 3, 4: 3, 5: 0}


def test_a_lost_process_is_not_waited_for() -> None:
    lost = WorkerLost("coordinator", 1, "a", 3.2, 10, "was killed")
    records = Aggregate.of([logging("a", 2, 5), logging("b", 2, 0), logging("b", 3, 0), lost])

    assert logging_in_by_second(records, range(2, 4)) == {2: 5, 3: 0}


@pytest.mark.parametrize(
    ("logging_in", "at"),
    [
        pytest.param({3: 0, 4: 5, 5: 0}, 6.0, id="before the plateau a quiet second means nothing"),
        pytest.param({4: 0, 5: 0}, 5.0, id="when the last one began all the others were in"),
        pytest.param({4: 1, 5: 0, 6: 3, 7: 0}, 6.0, id="users of a lost process log in once more"),
        pytest.param({4: 1, 5: 1}, math.inf, id="never"),
        pytest.param({}, math.inf, id="nothing recorded"),
    ],
)
def test_when_all_users_were_logged_in(logging_in: dict[int, int], at: float) -> None:
    assert all_logged_in_at(logging_in, plateau=4.5) == at


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


@pytest.mark.parametrize(("iterations", "done"), [(4, 2), (None, None)])
def test_who_is_done_and_the_steady_state_ends_with_the_first_of_them(iterations: int | None, done: int | None) -> None:
    """The load goes down from when the first user has made its iterations; its end is another phase of that name."""
    one, other = Process("1"), Process("2")
    plan = make_plan()
    plan = replace(plan, scenario=replace(plan.scenario, iterations=iterations))
    requests: list[Record] = [one.requests(second, [10.0] * 4, ended=4) for second in range(30)]
    records = steady_run(one, [*requests, one.phase("ramp-down", 15.4), one.end(120, done=1), other.end(0, done=1)])
    summary = build(plan, Aggregate.of(records), preflight=None, roles=ROLES)

    assert summary.users.done == done
    assert summary.steady_end == START + 15
    assert summary.duration_s == 23.0
