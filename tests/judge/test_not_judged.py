"""Why a target is not judged, and whether "run longer" is said: only where running longer helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.judge import judge, judge_targets
from perfsuite.judge.monitored import MonitoringData
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Reason
from perfsuite.model import (
    Arrival,
    ArrivalFigures,
    Coverage,
    Outcome,
    Plan,
    Remedy,
    Target,
    TargetOutcome,
    TargetResult,
    UserCounts,
    Verdict,
)
from perfsuite.model.monitor import Reading
from perfsuite.model.summary_parts import Lack
from tests.judge.made_summaries import (
    AVERAGE,
    FAILURES,
    P95,
    ROLES,
    THROUGHPUT,
    USERS,
    figures,
    make_plan,
    make_summary,
    row,
)

CREATE = "policies.create"


def not_exercised(why: str) -> Message:
    return Reason.NOT_EXERCISED(operation=CREATE, whom="", why=why)


ENTRY = f"writer / {CREATE}"
NOT_JUDGED = TargetOutcome.NOT_JUDGED
ALL_METRICS = (
    AVERAGE,
    P95,
    FAILURES,
    Target("slow enough", "rps", 100, True),
    Target("Apdex", "apdex_500", 0.8, False),
    Target("shortest", "min_ms", 1.0, False),
    Target("failing enough", "failure_rate", 0.5, False),
    replace(THROUGHPUT, limit=1.0),
)
LISTS = row("reader", "browsing", "policies.list", figures(5_000))


def coverage(**changed: Any) -> Coverage:
    return replace(Coverage(20, (), (), (), {}, ()), **changed)


def result_of(target: Target, plan: Plan | None = None, **changed: Any) -> TargetResult:
    plan = replace(plan or make_plan(), targets=(target,))
    (result,) = judge_targets(plan, make_summary(plan, None, LISTS, **changed), ROLES)
    return result


@pytest.mark.parametrize("target", ALL_METRICS, ids=lambda target: target.name)
def test_a_target_on_an_operation_that_did_not_happen_is_never_met(target: Target) -> None:
    result = result_of(replace(target, operation=CREATE), coverage=coverage(missing=(ENTRY,)))
    assert (result.outcome, result.reason) == (NOT_JUDGED, not_exercised(Reason.NOT_OFFERED()))


def test_nor_is_one_on_a_role_without_users() -> None:
    plan = make_plan(users={"reader": 10})
    few = Target("few writers", "concurrent_users", 5, True, role="writer")
    result = result_of(few, plan)
    assert (result.outcome, result.reason) == (NOT_JUDGED, Reason.ROLE_ABSENT(users=10, role="writer"))


@pytest.mark.parametrize(
    ("work", "target", "reason"),
    [
        pytest.param({"roles": ("reader",)}, replace(P95, role="writer"), Reason.ROLE_LEFT_OUT(role="writer"), id="r"),
        pytest.param({"exclude": (CREATE,)}, replace(P95, operation=CREATE), Reason.EXCLUDED(operation=CREATE), id="o"),
        pytest.param(
            {"operations": ("policies.list",)},
            replace(P95, operation=CREATE, role="writer"),
            Reason.EXCLUDED(operation=CREATE),
            id="only others",
        ),
    ],
)  # fmt: skip
def test_what_the_run_was_made_without_is_no_fault_of_the_target(
    work: dict[str, Any], target: Target, reason: Message
) -> None:
    plan = make_plan()
    result = result_of(
        target, replace(plan, scenario=replace(plan.scenario, **work)), coverage=coverage(missing=(ENTRY,))
    )
    assert (result.outcome, result.reason, result.remedies) == (NOT_JUDGED, reason, ())


@pytest.mark.parametrize(
    ("changed", "reason", "remedies"),
    [
        pytest.param({"missing": (ENTRY,)}, Reason.NOT_OFFERED(), (), id="not offered"),
        pytest.param({"broken": (ENTRY,)}, Reason.FAILED_BEFORE_LOAD(), (), id="broken"),
        pytest.param({"left_out": (ENTRY,)}, Reason.READ_ONLY(), (), id="read-only"),
        pytest.param(
            {"left_out": (ENTRY,), "left_out_because": {ENTRY: "a reason of its own"}},
            "a reason of its own", (), id="left out for a reason",
        ),
        pytest.param(
            {"lacking": (Lack("writer", CREATE, "GET /agents/ answered []", 9),), "not_possible": {CREATE: 9}},
            "GET /agents/ answered []", (), id="no data",
        ),
        pytest.param({"not_possible": {CREATE: 9}}, Reason.DATA_MISSING(), (), id="no data, reason unknown"),
        pytest.param({}, Reason.NOT_REACHED(), (Remedy.LONGER,), id="every fifth action only"),
    ],
)  # fmt: skip
def test_why_an_operation_did_not_happen(changed: dict[str, Any], reason: str, remedies: tuple[Remedy, ...]) -> None:
    result = result_of(replace(P95, operation=CREATE), coverage=coverage(**changed))
    assert (result.reason, result.remedies) == (not_exercised(reason), remedies)


def test_an_operation_that_nobody_makes() -> None:
    result = result_of(replace(P95, operation="tickets.list", role="writer"))
    assert (result.reason, result.remedies) == (Reason.NO_ROLE_CALLS(operation="tickets.list", whom=" as writer"), ())


# ── what is advised ─────────────────────────────────────────────────────────────────────────────────


def verdict_of(plan: Plan, requests: int = 10_000, **changed: Any) -> Verdict:
    verdict = judge(plan, make_summary(plan, figures(requests, p95_ms=None), **changed), ROLES)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    return verdict


def _with_iterations(plan: Plan, iterations: int = 5) -> Plan:
    return replace(plan, scenario=replace(plan.scenario, iterations=iterations))


def _done(plan: Plan, done: int, peak: int) -> UserCounts:
    return UserCounts(plan.scenario.users, peak, {"reader": peak}, done)


def test_a_user_that_was_done_before_the_last_had_started_leaves_no_steady_state() -> None:
    plan = _with_iterations(make_plan(P95))
    verdict = verdict_of(plan, steady_s=0.0, users=_done(plan, 240, 100))
    assert verdict.targets[0].reason == Reason.DONE_BEFORE_STEADY()
    (reason,) = verdict.reasons
    assert isinstance(reason, Message)
    assert (reason.code, reason.fields["remedies"]) == (Reason.NOTHING_JUDGED_RUN, Remedy.ITERATIONS.value)


def test_more_iterations_make_a_run_longer() -> None:
    plan = _with_iterations(make_plan(P95))
    verdict = verdict_of(plan, 60, steady_s=1.0, users=_done(plan, 240, 240))
    found = {reason.code: reason.fields for reason in verdict.reasons if isinstance(reason, Message)}
    assert found[Reason.TOO_LITTLE]["remedies"] == Remedy.ITERATIONS.value


@pytest.mark.parametrize(("done", "missing"), [(239, 1), (240, None)])
def test_users_that_had_not_made_their_iterations_are_noted(done: int, missing: int | None) -> None:
    plan = _with_iterations(make_plan(P95))
    summary = make_summary(plan, users=_done(plan, done, 240))
    found = [note.fields["missing"] for note in judge(plan, summary, ROLES).notes if note.code is Note.NOT_DONE]
    assert found == ([] if missing is None else [missing])


SMALL = {"reader": 5, "writer": 5}
ARRIVALS = ArrivalFigures(30.0, 30.0, 900, 900, 0, 0, 0.0, None, 1.0, 1)


@pytest.mark.parametrize(
    ("targets", "plan", "changed", "advice"),
    [
        pytest.param((P95,), {}, {"requests": 60}, "longer or with more users", id="too few samples"),
        pytest.param((THROUGHPUT,), {"users": SMALL}, {}, "with more users", id="too few users to offer that"),
        pytest.param((USERS,), {"users": SMALL}, {}, "with more users", id="too few users"),
        pytest.param(
            (P95,), {}, {"steady_s": 0.0}, "longer", id="over before it had settled",
        ),
        pytest.param(
            (replace(P95, operation=CREATE),), {}, {"coverage": coverage(missing=(ENTRY,))}, "", id="not offered",
        ),
        pytest.param(
            (replace(P95, role="writer"),), {"users": {"reader": 10}}, {}, "with more users",
            id="a role without users",
        ),
        pytest.param((Target("CPU", "server.cpu_percent max", 85, True),), {}, {}, "", id="nothing was monitored"),
        pytest.param(
            (USERS, P95), {"users": SMALL}, {"requests": 60}, "longer or with more users", id="one helps each",
        ),
    ],
)  # fmt: skip
def test_advice_where_no_target_could_be_judged(
    targets: tuple[Target, ...], plan: dict[str, Any], changed: dict[str, Any], advice: str
) -> None:
    reason = verdict_of(make_plan(*targets, **plan), **changed).reasons[-1]
    assert reason.code is (Reason.NOTHING_JUDGED_RUN if advice else Reason.NOTHING_JUDGED)
    assert reason.fields.get("remedies", "") == advice


def test_a_rate_of_arrivals_that_offers_too_little() -> None:
    plan = make_plan(THROUGHPUT)
    plan = replace(plan, scenario=replace(plan.scenario, arrival=Arrival(30.0)))
    reason = verdict_of(plan, arrivals=ARRIVALS).reasons[-1]
    assert reason.fields["remedies"] == "at a higher arrival rate"


def test_failures_that_leave_too_few_samples_are_named_and_time_would_not_help() -> None:
    plan = make_plan(P95)
    every = figures(10_000, 9_900)
    (result,) = judge_targets(plan, make_summary(plan, every, ok=figures(100, p95_ms=None)), ROLES)
    assert (result.reason.code, result.reason.fields["left_out"], result.remedies) == (
        Reason.TOO_FEW_WITHOUT_FAILED,
        9_900,
        (),
    )


def readings(values: list[float | None], summary_start: int) -> tuple[Reading, ...]:
    return tuple(
        Reading(summary_start + 1 + place, "server", "server.cpu_percent", value, "percent")
        for place, value in enumerate(values)
    )


@pytest.mark.parametrize(
    ("values", "reason", "remedies"),
    [
        pytest.param([None] * 60, Reason.NEVER_ANSWERED(what="the server"), (), id="it never answered"),
        pytest.param(
            [5.0] * 12, Reason.TOO_FEW_READINGS(samples=12, needed=30), (Remedy.LONGER,), id="the run was short"
        ),
        pytest.param(
            [5.0] * 12 + [None] * 40, Reason.TOO_FEW_READINGS(samples=12, needed=30), (), id="it hardly ever answered"
        ),
        pytest.param([5.0] * 40 + [None] * 20, Reason.TOO_MANY_GAPS(gaps=20, readings=60), (), id="it often did not"),
    ],
)
def test_targets_on_what_a_monitor_reads(values: list[float | None], reason: str, remedies: tuple[Remedy, ...]) -> None:
    plan = make_plan(Target("CPU", "server.cpu_percent p95", 85, True))
    summary = make_summary(plan)
    assert summary.steady_start is not None
    monitored = MonitoringData(readings(values, summary.steady_start))
    (result,) = judge_targets(plan, summary, ROLES, monitored)
    assert (result.outcome, result.reason, result.remedies) == (NOT_JUDGED, reason, remedies)


def test_a_target_that_is_judged_has_no_remedy() -> None:
    assert result_of(P95).remedies == ()
