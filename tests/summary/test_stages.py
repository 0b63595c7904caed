"""The figures of each stage, recovery after a spike, and targets on stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from perfsuite.judge.targets import judge_targets
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.messages.reasons import Reason
from perfsuite.model import Plan, Scenario, Summary, Target, TargetOutcome
from perfsuite.model.stages import Recovery, Stage
from perfsuite.summary import LiveView, build
from tests.summary.made_records import ROLES, START, Process, make_plan

STAGES = (
    Stage("before", 20, 3, held=True),
    Stage("up", 10, 9),
    Stage("rush", 20, 9),
    Stage("after", 20, 3, held=True),
)
AT = {"before": 0, "up": 20, "rush": 30, "after": 50}
RECOVERY = Target("recovery", "recovery_s", 10, True)


def _plan(*targets: Target) -> Plan:
    scenario = Scenario("shape", 9, 3, 70, stages=STAGES)
    return replace(make_plan(9, 70, targets), scenario=scenario)


def _times_ms(second: int) -> float:
    """Slow in the rush, and for 6 s after it."""
    return 400.0 if 30 <= second < 56 else 100.0 + second % 3


def _batches(took_ms: Callable[[int], float], until: int = 70) -> list[list[Record]]:
    one = Process()
    batches: list[list[Record]] = []
    for second in range(until):
        batch: list[Record] = [one.phase("ramp-up", 0)] if second == 0 else []
        for name, at in AT.items():
            if at == second:
                batch.append(replace_stage(one.phase("stage", at), name))
            if at + 1 == second and name != "up":
                batch.append(replace_stage(one.phase("plateau", second), name))
        count = 9 if 30 <= second < 50 else 3
        batch += [one.requests(second, [took_ms(second)] * count, ended=count), one.users(second, reader=2, writer=1)]
        batches.append(batch)
    batches.append([one.phase("ramp-down", until), one.phase("end", until + 1)])
    return batches


def replace_stage(phase: Record, stage: str) -> Record:
    return type(phase)(phase.worker, phase.sequence, phase.name, phase.at, stage)  # type: ignore[union-attr,call-arg]


def _summary(plan: Plan | None = None, took_ms: Callable[[int], float] = _times_ms, until: int = 70) -> Summary:
    records = [record for batch in _batches(took_ms, until) for record in batch]
    return build(plan or _plan(), Aggregate.of(records), preflight=None, roles=ROLES)


def test_the_figures_of_each_stage() -> None:
    summary = _summary()

    assert [(stage.name, stage.span.kind, stage.statistics.requests) for stage in summary.stages] == [
        ("before", "hold", 17 * 3),  # from 1 s + 10 % of 19 s on
        ("up", "ramp", 30),
        ("rush", "hold", 17 * 9),
        ("after", "hold", 17 * 3),
    ]
    assert [stage.seconds.counted for stage in summary.stages] == [
        (START + 3, START + 20),
        (START + 20, START + 30),
        (START + 33, START + 50),
        (START + 53, START + 70),
    ]
    assert [stage.users_by_role for stage in summary.stages][::2] == [
        {"reader": 2, "writer": 1},
        {"reader": 6, "writer": 3},
    ]
    assert {row.period for row in summary.stage_rows} == set(AT)


def test_the_steady_state_is_that_of_all_hold_stages_together() -> None:
    summary = _summary()

    assert summary.steady_s == 3 * 17
    assert summary.totals.requests == 17 * (3 + 9 + 3)
    assert summary.totals.rps == pytest.approx(5)
    periods = [second.period for second in summary.seconds]
    assert (periods[0], periods[10], periods[25], periods[40], periods[51]) == (
        "ramp-up",
        "steady",
        "between",
        "steady",
        "between",
    )
    assert [second.stage for second in summary.seconds][19:31:11] == ["before", "rush"]
    by_period = {row.period: row.statistics.requests for row in summary.rows if row.operation == "all"}
    assert sum({row.period: row.statistics.requests for row in summary.rows}.values()) == summary.whole_run.requests
    assert set(by_period) == {"ramp-up", "steady", "between", "ramp-down"} & set(by_period)


def test_recovery_lasts_until_times_are_back_in_their_range() -> None:
    recoveries = {stage.name: stage.recovery for stage in _summary().stages}

    assert recoveries == {
        "before": None,
        "up": None,
        "rush": None,
        "after": Recovery("before", "rush", pytest.approx(1.1 * 102), 6.0, 20.0),
    }


def test_one_second_that_is_over_by_chance_does_not_delay_a_recovery_but_a_relapse_does() -> None:
    def took_ms(second: int, relapse_ms: float) -> float:
        return relapse_ms if second == 57 else _times_ms(second)

    found = {ms: _summary(took_ms=partial(took_ms, relapse_ms=ms)).stages[-1].recovery for ms in (120.0, 400.0)}
    assert {ms: each.recovery_s if each else None for ms, each in found.items()} == {120.0: 6.0, 400.0: 8.0}


def test_a_target_that_does_not_recover_is_not_seen_to() -> None:
    found = _summary(took_ms=lambda second: 400.0 if second >= 30 else 100.0).stages[-1].recovery
    assert found is not None
    assert (found.recovery_s, found.watched_s) == (None, 20)


@pytest.mark.parametrize(
    ("target", "outcome", "observed"),
    [
        pytest.param(RECOVERY, TargetOutcome.MET, 6, id="recovery within its limit"),
        pytest.param(replace(RECOVERY, limit=5), TargetOutcome.MISSED, 6, id="recovery beyond it"),
        pytest.param(Target("t", "avg_ms", 150, True, stages=("before",)), TargetOutcome.MET, 101, id="one stage"),
        pytest.param(Target("t", "avg_ms", 150, True, stages=("rush",)), TargetOutcome.MISSED, 400, id="the rush"),
        pytest.param(
            Target("t", "avg_ms", 150, True, stages=("before", "up")), TargetOutcome.MET, 101, id="with a ramp"
        ),
        pytest.param(Target("t", "avg_ms", 150, True), TargetOutcome.MISSED, 291, id="all hold stages"),
    ],
)
def test_targets(target: Target, outcome: TargetOutcome, observed: float) -> None:
    plan = _plan(target)
    (result,) = judge_targets(plan, _summary(plan), ROLES)
    assert (result.outcome, result.observed) == (outcome, pytest.approx(observed, abs=1))


def test_a_target_on_other_stages_is_not_asked_and_one_on_stages_not_reached_not_judged() -> None:
    other = Target("t", "avg_ms", 150, True, stages=("peak",))
    assert not judge_targets(_plan(other), _summary(), ROLES)
    plan = _plan(replace(other, stages=("after",)))
    (result,) = judge_targets(plan, _summary(plan, until=45), ROLES)
    assert (result.outcome, result.reason) == (
        TargetOutcome.NOT_JUDGED,
        Reason.STAGES_NOT_REACHED(stages=["after"]),
    )


def test_recovery_without_a_spike_is_not_judged() -> None:
    plan = _plan(RECOVERY)
    (result,) = judge_targets(plan, _summary(plan, until=45), ROLES)
    assert result.outcome is TargetOutcome.NOT_JUDGED


def test_the_live_view_agrees_with_the_summary() -> None:
    plan, live = _plan(), LiveView(_plan())
    seen = []
    for second, batch in enumerate(_batches(_times_ms)):
        live.feed(batch)
        seen.append(live.state(START + second).phase)
    state, summary = live.state(START + 71), _summary(plan)

    assert [seen[second] for second in (5, 25, 40, 60)] == ["before", "up", "rush", "after"]
    assert state.statistics == summary.totals
