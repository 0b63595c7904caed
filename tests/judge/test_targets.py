"""What becomes of one target, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.judge import judge_targets, live_targets
from perfsuite.judge.metrics import name_of
from perfsuite.messages import Message
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import (
    ALL,
    Coverage,
    CutOff,
    LiveState,
    Plan,
    Statistics,
    Summary,
    Target,
    TargetFigures,
    TargetOutcome,
    TargetResult,
)
from tests.judge.codes import at_least, at_most, samples
from tests.judge.made_summaries import (
    AVERAGE,
    FAILURES,
    FIVE,
    P95,
    ROLES,
    THROUGHPUT,
    USERS,
    figures,
    make_plan,
    make_summary,
    peak_of,
    row,
)

MET, MISSED, NOT_JUDGED, INFORMATION = TargetOutcome
OFFERED = Detail.OFFERED_BY_USERS(offered="120 requests/s", limit_ms=500)


def only(plan: Plan, summary: Summary) -> TargetResult:
    (result,) = judge_targets(plan, summary, ROLES)
    return result


@pytest.mark.parametrize(
    ("target", "totals", "outcome", "reason"),
    [
        pytest.param(
            AVERAGE, figures(), MET, at_most("average response time", "40 ms", "500 ms"),
            id="average well below",
        ),
        pytest.param(
            AVERAGE, figures(avg_ms=500.0), MISSED, at_most("average response time", "500 ms", "500 ms"),
            id="a value equal to its limit is not below it",
        ),
        pytest.param(
            AVERAGE, figures(avg_ms=499.99996), MET, at_most("average response time", "499.99996 ms", "500 ms"),
            id="unrounded numbers are compared, and shown apart",
        ),
        pytest.param(
            AVERAGE, figures(29), NOT_JUDGED, samples(29, 30, "the average response time"),
            id="29 samples make no average",
        ),
        pytest.param(
            AVERAGE, figures(30), MET, at_most("average response time", "40 ms", "500 ms"),
            id="30 samples do",
        ),
        pytest.param(
            P95, figures(12, p95_ms=None), NOT_JUDGED, samples(12, 200, "p95"), id="too few samples for p95",
        ),
        pytest.param(
            P95, figures(199, p95_ms=9000.0), NOT_JUDGED, samples(199, 200, "p95"),
            id="a percentile of too few samples does not count, even if it is known",
        ),
        pytest.param(
            P95, figures(200), MET, at_most("95th percentile", "120 ms", "2,000 ms"),
            id="200 samples for p95",
        ),
        pytest.param(
            P95, figures(p95_ms=2310.4), MISSED, at_most("95th percentile", "2,310 ms", "2,000 ms"),
            id="p95 above its limit",
        ),
        pytest.param(
            replace(P95, metric="p999_ms"), figures(9_999, p999_ms=None), NOT_JUDGED,
            samples(9_999, 10_000, "p99.9"), id="p99.9 needs 10,000",
        ),
        pytest.param(FAILURES, figures(10_000, 97), MET, at_most("failure rate", "0.97 %", "1 %"), id="failures below"),
        pytest.param(
            FAILURES, figures(10_000, 102), MISSED, at_most("failure rate", "1.02 %", "1 %"),
            id="failures above",
        ),
        pytest.param(
            FAILURES, figures(99), NOT_JUDGED, samples(99, 100, "the failure rate"),
            id="no failure in 99 requests does not show less than 1 %",
        ),
        pytest.param(FAILURES, figures(100), MET, at_most("failure rate", "0 %", "1 %"), id="no failure in 100"),
        pytest.param(
            FAILURES, figures(12, 1), MISSED, at_most("failure rate", "8.33 %", "1 %"),
            id="one failure in 12: with 88 successes more it would still be 1 %, not below",
        ),
        pytest.param(
            replace(FAILURES, limit=0.015), figures(12, 1), NOT_JUDGED, samples(12, 67, "the failure rate"),
            id="one failure in 12 could still become 1 in 67, below 1.5 %",
        ),
        pytest.param(
            FAILURES, figures(0, avg_ms=None, p95_ms=None), NOT_JUDGED, samples(0, 100, "the failure rate"),
            id="no request, no failure rate",
        ),
        pytest.param(
            THROUGHPUT, figures(6_001), MET, at_least("throughput", "100.02 requests/s", "100 requests/s"),
            id="throughput just above",
        ),
        pytest.param(
            THROUGHPUT, figures(6_000), MISSED,
            at_least("throughput", "100 requests/s", "100 requests/s").also(
                OFFERED, Detail.ANSWERS_TOOK(average_ms=40)
            ),
            id="a rate equal to its limit is not above it",
        ),
        pytest.param(USERS, figures(), MET, at_least("concurrent users", "240", "200"), id="240 users ran"),
        pytest.param(
            replace(AVERAGE, metric="max_ms", limit=500), figures(), MISSED,
            at_most("longest response time", "900 ms", "500 ms"), id="any figure of a time can be limited",
        ),
    ],
)  # fmt: skip
def test_one_target(target: Target, totals: Statistics, outcome: TargetOutcome, reason: Message) -> None:
    plan = make_plan(target)
    result = only(plan, make_summary(plan, totals))

    assert (result.outcome, result.reason) == (outcome, reason)
    assert (result.name, result.scope, result.limit, result.below) == (target.name, "all", target.limit, target.below)


def test_results_carry_metric_observed_and_unit() -> None:
    plan = make_plan()
    results = judge_targets(plan, make_summary(plan), ROLES)

    assert [(r.metric, r.observed, r.unit) for r in results] == [
        ("avg_ms", 40.0, "ms"),
        ("p95_ms", 120.0, "ms"),
        ("failure_rate", 0.0, "fraction"),
        ("rps", 10_000 / 60, "requests/s"),
        ("concurrent_users", 240.0, "users"),
    ]
    assert {r.outcome for r in results} == {MET}


def test_throughput_is_not_judged_where_the_users_offer_less_than_the_limit() -> None:
    plan = make_plan(THROUGHPUT, users={"reader": 100, "writer": 60})
    result = only(plan, make_summary(plan, figures(9_000)))

    assert result.outcome is NOT_JUDGED
    assert result.observed == 150.0
    assert result.reason == Reason.USERS_OFFER_TOO_LITTLE(
        users=160, offered="80 requests/s", limit_ms=500, limit="100 requests/s"
    )


def test_throughput_is_computed_at_the_limit_of_the_average() -> None:
    plan = make_plan(replace(AVERAGE, limit=3000), THROUGHPUT)
    _, result = judge_targets(plan, make_summary(plan), ROLES)

    assert result.outcome is NOT_JUDGED  # 150 / 5 + 90 / 4
    assert (result.reason.fields["offered"], result.reason.fields["limit_ms"]) == ("52.5 requests/s", 3_000)


def test_users_that_were_never_started_offer_nothing() -> None:
    plan = make_plan(THROUGHPUT)
    result = only(plan, make_summary(plan, figures(3_000), users=peak_of(plan, reader=75, writer=45)))

    assert result.outcome is NOT_JUDGED
    assert (result.reason.fields["users"], result.reason.fields["offered"]) == (120, "60 requests/s")


def test_operations_left_out_offer_nothing() -> None:
    plan = make_plan(THROUGHPUT)
    coverage = Coverage(1, ("writer / policies.create",), (), (), {}, ())
    result = only(plan, make_summary(plan, figures(3_000), coverage=coverage))

    assert (result.outcome, result.reason.fields["offered"]) == (NOT_JUDGED, "60 requests/s")


def test_requests_that_had_no_data_offer_nothing() -> None:
    plan = make_plan(THROUGHPUT)
    coverage = Coverage(2, (), (), (), {"policies.list": 1_000}, ())
    result = only(plan, make_summary(plan, figures(3_000), coverage=coverage))

    assert (result.outcome, result.reason.fields["offered"]) == (NOT_JUDGED, "90 requests/s")


@pytest.mark.parametrize(
    ("users", "ran", "outcome", "reason"),
    [
        pytest.param(
            {"reader": 60, "writer": 40}, {"reader": 60, "writer": 40}, NOT_JUDGED,
            Reason.TOO_FEW_USERS(users=100, whom="users", limit="200"), id="never meant to",
        ),
        pytest.param(
            {"reader": 120, "writer": 80}, {"reader": 120, "writer": 80}, NOT_JUDGED,
            Reason.TOO_FEW_USERS(users=200, whom="users", limit="200"), id="200 are not more than 200",
        ),
        pytest.param(
            {"reader": 121, "writer": 80}, {"reader": 121, "writer": 80}, MET,
            at_least("concurrent users", "201", "200"), id="201 are",
        ),
        pytest.param(
            {"reader": 150, "writer": 90}, {"reader": 100, "writer": 50}, NOT_JUDGED,
            Reason.USERS_STARTED(users=150, planned=240, whom="users", limit="200"),
            id="users that were not started say nothing about the target",
        ),
    ],
)  # fmt: skip
def test_concurrent_users(users: dict[str, int], ran: dict[str, int], outcome: TargetOutcome, reason: Message) -> None:
    plan = make_plan(USERS, users=users)
    result = only(plan, make_summary(plan, users=peak_of(plan, **ran)))

    assert (result.outcome, result.reason, result.observed) == (outcome, reason, sum(ran.values()))


def test_nothing_is_judged_without_a_steady_state() -> None:
    plan = make_plan()
    summary = make_summary(plan, figures(0), steady_s=0.0, steady_start=None, steady_end=None)
    results = judge_targets(plan, summary, ROLES)

    assert {r.outcome for r in results} == {NOT_JUDGED}
    assert {r.reason for r in results} == {Reason.NO_STEADY()}
    assert [r.observed for r in results] == [None, None, None, None, 240.0]


def test_without_all_users_the_reason_for_no_steady_state_says_so() -> None:
    plan = make_plan(P95)
    summary = make_summary(plan, steady_s=0.0, users=peak_of(plan, reader=20))
    assert only(plan, summary).reason == Reason.NO_STEADY_USERS(peak=20, requested=240)


SCOPED = (
    row(ALL, ALL, "policies.list", figures(1_000, p95_ms=2_500.0)),
    row("reader", ALL, ALL, figures(900, p95_ms=2_600.0, rps=15.0)),
    row("reader", "browsing", ALL, figures(800, p95_ms=9_999.0)),
    row("reader", "browsing", "policies.list", figures(700, p95_ms=2_700.0)),
    row("writer", ALL, ALL, figures(150, p95_ms=None)),
    row("writer", ALL, "policies.list", figures(300, p95_ms=2_800.0)),
    row("writer", "one", "policies.list", figures(150, p95_ms=None)),
    row("writer", "two", "policies.list", figures(150, p95_ms=None)),
)


@pytest.mark.parametrize(
    ("role", "operation", "scope", "outcome", "observed", "reason"),
    [
        pytest.param(
            None, "policies.list", "operation policies.list", MISSED, 2_500.0,
            at_most("95th percentile of policies.list", "2,500 ms", "2,000 ms").also(
                Detail.SLOWEST(operation="policies.list", role="reader", value="2,700 ms")
            ),
            id="one operation over all roles",
        ),
        pytest.param(
            "reader", None, "role reader", MISSED, 2_600.0,
            at_most("95th percentile as reader", "2,600 ms", "2,000 ms"), id="one role over all operations",
        ),
        pytest.param(
            "writer", None, "role writer", NOT_JUDGED, None, samples(150, 200, "p95"),
            id="a role has to bring its own samples",
        ),
        pytest.param(
            "reader", "policies.list", "role reader, operation policies.list", MISSED, 2_700.0,
            at_most("95th percentile of policies.list as reader", "2,700 ms", "2,000 ms"),
            id="an operation done in one behaviour only",
        ),
        pytest.param(
            "writer", "policies.list", "role writer, operation policies.list", MISSED, 2_800.0,
            at_most("95th percentile of policies.list as writer", "2,800 ms", "2,000 ms"),
            id="an operation done in two behaviours has a total of its own",
        ),
        pytest.param(
            None, "tickets.list", "operation tickets.list", NOT_JUDGED, None,
            Reason.NO_ROLE_CALLS(operation="tickets.list", whom=""),
            id="an operation that was never made",
        ),
    ],
)  # fmt: skip
def test_scopes(
    role: str | None,
    operation: str | None,
    scope: str,
    outcome: TargetOutcome,
    observed: float | None,
    reason: Message,
) -> None:
    plan = make_plan(replace(P95, role=role, operation=operation))
    result = only(plan, make_summary(plan, None, *SCOPED))

    assert (result.scope, result.outcome, result.observed, result.reason) == (scope, outcome, observed, reason)


def test_throughput_of_a_role_is_judged_on_what_that_role_offers() -> None:
    plan = make_plan(replace(THROUGHPUT, role="reader", limit=20), replace(THROUGHPUT, role="writer", limit=70))
    reader, writer = judge_targets(plan, make_summary(plan, None, *SCOPED), ROLES)

    assert (reader.outcome, reader.observed) == (MISSED, 15.0)
    assert writer.reason == Reason.USERS_OFFER_TOO_LITTLE(
        users=90, offered="60 requests/s", limit_ms=500, limit="70 requests/s"
    )


def test_concurrent_users_of_a_role() -> None:
    plan = make_plan(replace(USERS, role="reader", limit=100), replace(USERS, role="writer", limit=100))
    reader, writer = judge_targets(plan, make_summary(plan), ROLES)

    assert (reader.outcome, reader.reason) == (MET, at_least("concurrent users as reader", "150", "100"))
    assert (writer.outcome, writer.reason) == (
        NOT_JUDGED,
        Reason.TOO_FEW_USERS(users=90, whom="users as writer", limit="100"),
    )


def test_a_missed_target_says_where_to_look() -> None:
    plan = make_plan(P95, FAILURES)
    slow = row("reader", "browsing", "policies.list", figures(3_000, 2, p95_ms=3_400.2))
    failing = row("writer", "creating", "policies.create", figures(250, 130, p95_ms=90.0))
    p95, failures = judge_targets(plan, make_summary(plan, figures(4_000, 132, p95_ms=2_310.0), slow, failing), ROLES)

    assert p95.reason == at_most("95th percentile", "2,310 ms", "2,000 ms").also(
        Detail.SLOWEST(operation="policies.list", role="reader", value="3,400 ms")
    )
    assert failures.reason == at_most("failure rate", "3.30 %", "1 %").also(
        Detail.STANDS_OUT(operation="policies.create", role="writer", failures=130, requests=250)
    )


@pytest.mark.parametrize(
    ("target", "cut", "outcome"),
    [
        pytest.param(FAILURES, (CutOff("reader", "policies.list", 45),), NOT_JUDGED, id="the rest is below the limit"),
        pytest.param(FAILURES, (CutOff("reader", "policies.list", 40),), MISSED, id="the rest alone misses it"),
        pytest.param(FAILURES, (), MISSED, id="nothing was cut off"),
        pytest.param(
            replace(FAILURES, role="writer"), (CutOff("reader", "policies.list", 140),), MISSED,
            id="what was cut off is of another role",
        ),
        pytest.param(
            replace(FAILURES, role="writer"), (CutOff("writer", "policies.create", 140),), NOT_JUDGED, id="of its own"
        ),
    ],
)  # fmt: skip
def test_requests_cut_off_by_the_end_of_the_load_miss_no_limit_by_themselves(
    target: Target, cut: tuple[CutOff, ...], outcome: TargetOutcome
) -> None:
    totals = figures(10_000, 140)
    rows = (row("writer", ALL, ALL, totals), row("reader", ALL, ALL, totals))
    result = only(make_plan(target), make_summary(make_plan(target), totals, *rows, cut_off=cut))

    assert result.outcome is outcome
    if outcome is NOT_JUDGED:
        assert result.reason.details == (Detail.STILL_WAITING(waiting=cut[0].count, failures=140),)


def test_a_target_for_other_scenarios_is_absent() -> None:
    plan = make_plan(replace(AVERAGE, scenarios=("peak",)), replace(P95, scenarios=("peak", "acceptance")))
    assert [result.name for result in judge_targets(plan, make_summary(plan), ROLES)] == ["95th percentile"]


@pytest.mark.parametrize(
    ("totals", "outcome", "reason"),
    [
        (figures(10_000, 300), "would be missed", at_most("failure rate", "3 %", "1 %")),
        (figures(10_000, 30), "would be met", at_most("failure rate", "0.30 %", "1 %")),
        (figures(20), "not judged", samples(20, 100, "the failure rate")),
    ],
)
def test_information_is_shown_but_does_not_gate(totals: Statistics, outcome: str, reason: Message) -> None:
    plan = make_plan(FAILURES, scenario="stress")
    result = only(plan, make_summary(plan, totals))

    assert result.outcome is INFORMATION
    assert result.reason == Reason.INFORMATION(scenario="stress", outcome=outcome, reason=reason)
    assert result.observed == totals.failure_rate


def test_a_rate_may_be_limited_from_above() -> None:
    plan = make_plan(replace(THROUGHPUT, limit=1_000, below=True), replace(USERS, limit=300, below=True))
    rate, users = judge_targets(plan, make_summary(plan), ROLES)
    assert (rate.outcome, users.outcome) == (MET, MET)


def live(**changed: object) -> LiveState:
    state = LiveState(
        phase="plateau",
        elapsed_s=40.0,
        total_s=300.0,
        users={"reader": 150, "writer": 90},
        users_requested=240,
        rps_now=150.0,
        p95_now_ms=110.0,
        statistics=figures(),
        steady=True,
        requests=12_000,
        failures=0,
        unanswered_s=0,
    )
    return replace(state, **changed)  # type: ignore[arg-type]


def test_live_targets_follow_the_steady_state() -> None:
    results = live_targets(make_plan(), live(statistics=figures(avg_ms=612.0)), ROLES)
    assert [result.outcome for result in results] == [MISSED, MET, MET, MET, MET]


def test_live_targets_wait_for_the_steady_state() -> None:
    results = live_targets(make_plan(), live(steady=False), ROLES)
    assert {(r.outcome, r.reason) for r in results} == {(NOT_JUDGED, Reason.STEADY_NOT_REACHED())}


def test_live_targets_with_a_scope_wait_for_the_end() -> None:
    plan = make_plan(
        replace(P95, role="reader"), replace(P95, operation="login"), replace(USERS, role="reader", limit=9)
    )
    role, operation, users = live_targets(plan, live(), ROLES)

    assert role.reason == operation.reason == Reason.AT_THE_END()
    assert users.outcome is MET


def test_live_users_that_are_gone_are_reported_as_running() -> None:
    *_, users = live_targets(make_plan(*FIVE), live(users={"reader": 10, "writer": 0}), ROLES)
    assert users.reason == Reason.USERS_RUNNING(users=10, planned=240, whom="users", limit="200")


# ── an error is not speed ───────────────────────────────────────────────────────────────────────────

EVERY = figures(10_000, 6_000, avg_ms=2.0, p95_ms=3.0, rps=166.7)
"""Of 10,000 requests 6,000 were answered at once with an error."""


def without(every: str) -> Message:
    return Detail.WITHOUT_FAILED(left_out=6_000, every=every)


SERVED = figures(4_000, avg_ms=640.0, p95_ms=1_900.0, rps=66.7)


@pytest.mark.parametrize(
    ("target", "outcome", "observed", "reason"),
    [
        pytest.param(
            AVERAGE, MISSED, 640.0,
            at_most("average response time", "640 ms", "500 ms").also(without("2 ms")), id="average",
        ),
        pytest.param(
            P95, MET, 1_900.0,
            at_most("95th percentile", "1,900 ms", "2,000 ms").also(without("3 ms")),
            id="percentile",
        ),
        pytest.param(
            THROUGHPUT, MISSED, 66.7,
            at_least("throughput", "66.7 requests/s", "100 requests/s").also(
                without("167 requests/s"), OFFERED, Detail.ANSWERS_TOOK(average_ms=640)
            ), id="throughput",
        ),
        pytest.param(
            FAILURES, MISSED, 0.6, at_most("failure rate", "60 %", "1 %"),
            id="failures are judged on all requests",
        ),
    ],
)  # fmt: skip
def test_targets_are_judged_without_answered_failures(
    target: Target, outcome: TargetOutcome, observed: float, reason: Message
) -> None:
    plan = make_plan(target)
    result = only(plan, make_summary(plan, EVERY, ok=SERVED))
    assert (result.outcome, result.observed, result.reason) == (outcome, observed, reason)


def test_a_scope_is_judged_without_its_answered_failures() -> None:
    plan = make_plan(replace(AVERAGE, role="reader"), replace(P95, operation="policies.list"))
    cell = replace(row(ALL, ALL, "policies.list", EVERY), ok=SERVED)
    total = replace(row("reader", ALL, ALL, EVERY), ok=SERVED)
    observed = [result.observed for result in judge_targets(plan, make_summary(plan, None, total, cell), ROLES)]
    assert observed == [640.0, 1_900.0]


def test_samples_of_a_time_are_those_that_it_is_made_of() -> None:
    plan = make_plan(P95)
    result = only(plan, make_summary(plan, EVERY, ok=figures(199)))
    assert (result.outcome, result.reason) == (
        NOT_JUDGED,
        Reason.TOO_FEW_WITHOUT_FAILED(samples=199, needed=200, figure="p95", left_out=9_801),
    )


def test_a_running_load_is_judged_without_answered_failures() -> None:
    plan = make_plan(AVERAGE)
    state = LiveState("plateau", 30.0, 60.0, {"reader": 240}, 240, 1.0, 1.0, EVERY, True, 10_000, 6_000, 0, ok=SERVED)
    (result,) = live_targets(plan, state, ROLES)
    assert (result.outcome, result.observed) == (MISSED, 640.0)


def test_percentiles_have_names() -> None:
    assert [name_of(metric) for metric in ("p50_ms", "p999_ms")] == ["50th percentile", "99.9th percentile"]


# ── Apdex ───────────────────────────────────────────────────────────────────────────────────────────────────

APDEX = Target("satisfaction", "apdex_500", 0.85, below=False)


def satisfaction(totals: Statistics, value: float | None) -> TargetResult:
    plan = make_plan(APDEX)
    known = (TargetFigures("apdex_500", None, None, None, value=value),)
    return judge_targets(plan, make_summary(plan, totals, target_figures=known), ROLES)[0]


@pytest.mark.parametrize(
    ("value", "outcome", "reason"),
    [
        pytest.param(0.91, TargetOutcome.MET, at_least("Apdex at 500 ms", "0.91", "0.85"), id="above"),
        pytest.param(0.8, TargetOutcome.MISSED, at_least("Apdex at 500 ms", "0.80", "0.85"), id="below"),
        pytest.param(0.85, TargetOutcome.MISSED, at_least("Apdex at 500 ms", "0.85", "0.85"), id="equal"),
        pytest.param(None, TargetOutcome.NOT_JUDGED, samples(1_000, 100, "the Apdex at 500 ms"), id="not told"),
    ],
)
def test_apdex_is_judged(value: float | None, outcome: TargetOutcome, reason: Message) -> None:
    result = satisfaction(figures(1000), value)
    assert (result.outcome, result.reason, result.observed) == (outcome, reason, value)


def test_a_hundred_requests_are_needed() -> None:
    result = satisfaction(figures(99), 0.95)
    assert (result.outcome, result.reason) == (
        TargetOutcome.NOT_JUDGED,
        samples(99, 100, "the Apdex at 500 ms"),
    )
