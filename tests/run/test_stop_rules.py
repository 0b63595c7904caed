"""When a stop rule ends a run: once its target has been missed for long enough, with enough samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from perfsuite.measurements.records import Record
from perfsuite.model import Aborted, Plan, Target
from perfsuite.run.stop_rules import StopRules
from perfsuite.summary.live import LiveView
from tests.summary.made_records import START, Process, make_plan

AVERAGE = Target("average", "avg_ms", 200, True, abort_after_s=10)
P95 = Target("p95", "p95_ms", 200, True, abort_after_s=10)
FAILURES = Target("failures", "failure_rate", 0.01, True, abort_after_s=10)


def _seen(
    plan: Plan,
    answers: Callable[[int], tuple[Sequence[float], Sequence[float]]],
    until: int = 60,
    known_after: Callable[[int], int] = lambda second: 0,
) -> tuple[int, Aborted] | None:
    """The second at which the rules end the run, and the rule. `answers`: to what was due in a second, good ones and
    failed ones; `known_after`: so many seconds later."""
    one, live, rules = Process(), LiveView(plan), StopRules(plan)
    live.feed([one.phase("ramp-up", 0), one.phase("plateau", 2)])
    for second in range(until):
        records: list[Record] = [
            one.requests(due, *answers(due), ended=sum(map(len, answers(due))))
            for due in range(second + 1)
            if due + known_after(due) == second
        ]
        records.append(one.users(second, reader=2, writer=1))
        live.feed(records)
        rules.add(records)
        if (rule := rules.look(live, partial(live.state, START + second + 1))) is not None:
            return second, rule
    return None


def _fails_from(first: int, until: int = 60, count: int = 30) -> Callable[[int], tuple[list[float], list[float]]]:
    return lambda second: ([400.0 if first <= second < until else 100.0] * count, [])


@pytest.mark.parametrize("target", [AVERAGE, P95], ids=lambda target: target.name)
def test_a_target_that_is_missed_from_a_moment_on_ends_the_run(target: Target) -> None:
    found = _seen(make_plan(targets=(target,)), _fails_from(20))

    assert found is not None
    second, rule = found
    assert 27 <= second <= 31
    assert (rule.target, rule.window_s, rule.at) == (target.name, 10, START + second)
    assert rule.observed > 200


@pytest.mark.parametrize("late_s", [1, 2, 9, 40])
def test_answers_that_come_late_are_waited_for(late_s: int) -> None:
    """Of the latest seconds only the fast answers are known, and none of the slow ones."""

    def answers(second: int) -> tuple[list[float], list[float]]:
        return [1000.0 * late_s if second >= 20 else 100.0] * 30, []

    found = _seen(make_plan(targets=(AVERAGE,)), answers, 90, lambda second: late_s if second >= 20 else 0)
    assert found is not None
    assert 27 + late_s <= found[0] <= 31 + late_s


def test_seconds_in_which_nothing_is_due_do_not_hide_a_slow_target() -> None:
    """Users who wait for an answer ask for nothing: every ninth second they all do, and are answered nine later."""

    def answers(second: int) -> tuple[list[float], list[float]]:
        if second < 20:
            return [100.0] * 30, []
        return [9000.0] * (0 if (second - 20) % 9 else 30), []

    found = _seen(make_plan(targets=(AVERAGE,)), answers, 60, lambda second: 9 if second >= 20 else 0)
    assert found is not None
    assert 27 <= found[0] <= 45


def test_so_do_failures() -> None:
    found = _seen(make_plan(targets=(FAILURES,)), lambda second: ([1.0] * 20, [1.0] * (2 if second >= 20 else 0)))
    assert found is not None
    assert 27 <= found[0] <= 31


def test_one_that_recovers_does_not() -> None:
    for until in range(21, 27):
        assert _seen(make_plan(targets=(AVERAGE, P95)), _fails_from(20, until)) is None, until


def test_too_few_samples_never_do() -> None:
    assert _seen(make_plan(targets=(P95,)), _fails_from(20, count=19)) is None  # 190 in 10 s; 200 are needed
    assert _seen(make_plan(targets=(AVERAGE,)), _fails_from(20, count=2)) is None


def test_ramps_do_not_count() -> None:
    found = _seen(make_plan(duration_s=60, targets=(AVERAGE,)), _fails_from(0))
    assert found is not None
    assert found[0] >= 2 + 5 + 10 - 1  # the plateau settles for 5 s


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(replace(AVERAGE, abort_after_s=None), id="no rule"),
        pytest.param(replace(AVERAGE, information_in=("basic",)), id="information"),
        pytest.param(replace(AVERAGE, scenarios=("peak",)), id="another scenario"),
        pytest.param(replace(AVERAGE, role="writer"), id="another role"),
    ],
)
def test_what_is_no_gate_ends_nothing(target: Target) -> None:
    assert _seen(make_plan(targets=(target,)), _fails_from(20)) is None


def test_throughput_is_only_missed_where_the_load_would_offer_it() -> None:
    offered = Target("rps", "rps", 40, False, abort_after_s=10)
    plan = make_plan(users=300, targets=(offered,))

    def answers(second: int) -> tuple[list[float], list[float]]:
        return [10.0] * (50 if second < 20 else 20), []

    few = make_plan(users=3, targets=(offered,))
    assert _seen(few, answers) is None
    assert plan.targets == few.targets
