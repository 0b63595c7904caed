"""The open model: what was asked, what was offered, how late, and what never began."""

from __future__ import annotations

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import Arrival, ArrivalFigures, FailureGroup, Reconciliation, SecondArrivals, Summary, WholeRun
from perfsuite.summary import build
from tests.summary.made_records import BROWSING, ROLES, START, Process, make_plan, steady_run

TEN = Arrival(10.0)


def summary_of(records: list[Record], arrival: Arrival | None = TEN, duration_s: float = 22) -> Summary:
    plan = make_plan(users=2, duration_s=duration_s, arrival=arrival)
    return build(plan, Aggregate.of(records), preflight=None, roles=ROLES)


def overloaded() -> list[Record]:
    """In each second from 4 on (the steady state) ten actions are due, nine begin, and one never does."""
    one, two = Process("1"), Process("2")
    records: list[Record] = []
    for second in range(4, 22):
        records += [
            one.arrivals(second, 5, [1.0] * 5, waiting=second),
            two.arrivals(second, 5, [1.0] * 3 + [second * 100.0], waiting=2),
            one.arrivals(second, 0, [], waiting=1),
            two.not_started(second, [4_000.0]),
            one.requests(second, [20.0] * 9, ended=8),
        ]
    return steady_run(one, [*records, one.not_started(22, [9.0]), one.end(9 * 18), two.end(0)])


def test_figures_of_the_steady_state() -> None:
    assert summary_of(overloaded()).arrivals == ArrivalFigures(
        asked_per_s=10.0,
        offered_per_s=9.0,
        due=180,
        begun=162,
        not_started=18,
        not_started_whole_run=19,
        lag_avg_ms=(18 * 8 + sum(range(4, 22)) * 100) / 162,
        lag_p99_ms=None,  # 162 actions: 1,000 are needed
        lag_max_ms=2_100.0,
        longest_queue=23,
    )


def test_the_rate_offered_is_that_of_the_beginnings() -> None:
    """Ten are due each second from the start on, and nine can be begun: the k-th begins at k / 9 s."""
    one = Process()
    due = [number / 10 for number in range(220)]
    begun = {at_s: number / 9 for number, at_s in enumerate(due) if number / 9 < 22}
    records = [
        one.arrivals(
            second,
            10,
            [(begin - at_s) * 1000 for at_s, begin in begun.items() if int(at_s) == second],
            beginnings=sum(int(begin) == second for begin in begun.values()),
        )
        for second in range(22)
    ]
    figures = summary_of(steady_run(one, records)).arrivals

    assert figures is not None
    assert (figures.asked_per_s, figures.offered_per_s) == (10.0, 9.0)
    # Of the 180 that were due in the 18 s of the steady state the last 22 never began, but 22 older ones did.
    assert (figures.due, figures.begun) == (180, 158)


def test_seconds_tell_their_own_actions() -> None:
    seconds = {second.second - START: second.arrivals for second in summary_of(overloaded()).seconds}
    assert seconds[21] == SecondArrivals(10, 9, (8 + 2_100) / 9, 2_100.0, 23)
    assert seconds[0] == SecondArrivals(0, 0, None, None, 0)


def test_what_never_began_is_a_failed_request_that_was_not_sent() -> None:
    summary = summary_of(overloaded())

    assert (summary.totals.requests, summary.totals.failures, summary.totals.max_ms) == (180, 18, 4_000.0)
    assert summary.whole_run == WholeRun(requests=181, failures=19, wrong_answers=0)
    assert summary.reconciliation == Reconciliation(recorded=162, locust_total=162, backend_log=None)
    assert summary.failures == (
        FailureGroup(
            "reader", "policies.list", "not started", "the action was due but never began", 19, START + 4, START + 22,
            "",
        ),
    )  # fmt: skip
    leaf = next(
        row for row in summary.rows if (row.period, row.role, row.behaviour, row.operation) == ("steady", *BROWSING)
    )
    assert (leaf.breakdown.not_started, leaf.statistics.failures) == (18, 18)


def test_throughput_is_made_of_what_ended() -> None:
    assert summary_of(overloaded()).totals.rps == 8.0


def test_the_closed_model_has_no_arrivals() -> None:
    summary = summary_of(overloaded(), arrival=None)
    assert summary.arrivals is None
    assert {second.arrivals for second in summary.seconds} == {None}


@pytest.mark.parametrize(
    ("arrival", "asked"),
    [
        pytest.param(Arrival(10.0, poisson=True), 10.0, id="random gaps have the same mean"),
        # Users are started for 2 s, then the rate moves for 20 s; the steady state is [4, 22): its middle is 11 s in.
        pytest.param(Arrival(10.0, rate_end=30.0), 10 + 20 * 11 / 20, id="growing"),
        pytest.param(Arrival(10.0, rate_end=0.0), 10 - 10 * 11 / 20, id="fading"),
    ],
)
def test_the_rate_asked_is_the_mean_of_the_plan_over_the_steady_state(arrival: Arrival, asked: float) -> None:
    figures = summary_of(overloaded(), arrival).arrivals
    assert figures is not None
    assert figures.asked_per_s == pytest.approx(asked)


def test_without_a_steady_state_the_planned_rate_is_told_and_nothing_was_offered() -> None:
    one = Process()
    figures = summary_of([one.phase("ramp-up", 0), one.arrivals(0, 3, [1.0])]).arrivals
    assert figures == ArrivalFigures(10.0, 0.0, 0, 0, 0, 0, None, None, None, 0)
