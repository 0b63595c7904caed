"""Made-up runs in every outcome, each made once: they are frozen."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import cache

from perfsuite.judge import judge
from perfsuite.model import (
    NO_BREAKDOWN,
    Arrival,
    ArrivalFigures,
    Breakdown,
    Cleanup,
    Coverage,
    CutOff,
    Drift,
    FailureGroup,
    FailureKind,
    GeneratorHealth,
    LiveFailure,
    LiveLine,
    LiveState,
    Logins,
    LostWorker,
    Occupancy,
    Outage,
    Outcome,
    Plan,
    RawSampleFiles,
    Reconciliation,
    Remark,
    RunLedger,
    RunReport,
    Scenario,
    Second,
    SecondArrivals,
    SlowestRequest,
    Statistics,
    SuiteErrorGroup,
    Summary,
    Target,
    TargetOutcome,
    TargetResult,
    UserCounts,
    Verdict,
    WorkerLedger,
)
from perfsuite.report.files.json_file import steady_operations
from perfsuite.roles import ROLES
from tests.report import made_correctness, watched_run
from tests.report.made_load import START, USERS, Load, requests_of, summary_of, users_of

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">\u2028`|*\x1b[31m\u202e=cmd()"
FORMULA = "=cmd|' /C calc'!A0"


TARGETS = (
    Target("average response time", "avg_ms", 500, below=True),
    Target("95th percentile", "p95_ms", 2000, below=True),
    Target("failure rate", "failure_rate", 0.01, below=True),
    Target("throughput", "rps", 100, below=False),
    Target("concurrent users", "concurrent_users", 200, below=False),
)
_UNITS = {"avg_ms": "ms", "p95_ms": "ms", "failure_rate": "fraction", "rps": "requests/s", "concurrent_users": "users"}


def results_of(summary: Summary, not_judged: dict[str, str]) -> tuple[TargetResult, ...]:
    """The five targets beside the summary; `not_judged`: metric → reason."""
    found = []
    for target in TARGETS:
        users = target.metric == "concurrent_users"
        observed = summary.users.peak if users else getattr(summary.totals, target.metric)
        reason = not_judged.get(target.metric, "")
        met = observed is not None and (observed < target.limit) == target.below
        outcome = TargetOutcome.NOT_JUDGED if reason else TargetOutcome.MET if met else TargetOutcome.MISSED
        found.append(
            TargetResult(
                target.name, "all", target.metric, target.limit, target.below, observed, _UNITS[target.metric],
                outcome, reason,
            )
        )  # fmt: skip
    return tuple(found)


FEW_USERS = {
    "rps": "10 users would offer 7.4 requests/s at the response-time limit, more than 100 needed",
    "concurrent_users": "ran 10 users, more than 200 needed",
}


def plan_of(load: Load) -> Plan:
    return Plan(
        run_id=f"{load.scenario}_20260301_093000",
        scenario=Scenario(load.scenario, load.users, 2.0, float(load.duration_s), "quick functionality test"),
        host="http://localhost:8015",
        users_by_role=users_of(load.users),
        targets=TARGETS,
        allowed_hosts=("localhost",),
        seed=1,
        created_at="2026-03-01T09:29:58Z",
        command=("python", "run_performance_tests.py", "--demo", "--scenario", load.scenario),
        demo="embedded",
        suite_version="0.1.0",
    )


@cache  # simulating a run takes a tenth of a second, and many tests show the same one
def passed() -> RunReport:
    load = Load()
    summary = summary_of(load)
    verdict = Verdict(
        Outcome.PASS,
        ("3 targets met, 2 not judged",),
        0,
        results_of(summary, FEW_USERS),
        ("1 role shares accounts: policyholder has 2 accounts for 3 users",),
    )
    return RunReport(plan_of(load), summary, verdict)


@cache
def passed_large(seconds: int = 300, rps: int = 130) -> RunReport:
    """All five targets judged; `seconds` long."""
    load = Load(scenario="acceptance", users=220, ramp_s=11, duration_s=seconds, runs_s=seconds, rps=rps)
    summary = summary_of(load)
    return RunReport(plan_of(load), summary, Verdict(Outcome.PASS, ("5 targets met",), 0, results_of(summary, {})))


def failures_of(load: Load) -> tuple[FailureGroup, ...]:
    """What the failed requests of `load` were, and two hostile ones."""
    message = "503 Service Unavailable: database pool exhausted"
    assert load.failing is not None
    counts = Counter(request.role for request in requests_of(load) if request.failed)
    first = START + load.failing[2]
    last = START + load.runs_s - 1
    groups = [
        FailureGroup(role, load.failing[0], FailureKind.STATUS, message, count, first, last, f"{role[:4]}-7f3a-0001")
        for role, count in sorted(counts.items())
    ]
    hostile = FailureGroup("policyholder", "policies.list", FailureKind.WRONG_ANSWER, HOSTILE, 1, first, first, "9b-2")
    formula = FailureGroup("policyholder", "policies.list", FailureKind.WRONG_ANSWER, FORMULA, 1, first, first, "@9b-3")
    return (*groups, hostile, formula)


NOT_EXERCISED = ("support_staff / tickets.status", "regional_manager / policies.approve", "senior_agent / leads.create")


@cache
def failed() -> RunReport:
    """From second 30 on one operation is slow and every third request to it fails."""
    load = Load(
        users=50, ramp_s=10, duration_s=120, runs_s=120, rps=42, scenario="moderate",
        slow=("users.me", 290, 30), failing=("users.me", 0.3, 30),
    )  # fmt: skip
    summary = summary_of(load, failures_of(load))
    summary = replace(
        summary,
        whole_run=replace(summary.whole_run, wrong_answers=2),
        coverage=Coverage(
            33,
            ("support_staff / tickets.status",),
            ("regional_manager / policies.approve",),
            (),
            {"policies.premiums": 14},
            ("support_staff / reporting",),
            planned=(*summary.coverage.planned, *NOT_EXERCISED),
            not_exercised=NOT_EXERCISED,
        ),
        reconciliation=Reconciliation(summary.whole_run.requests, summary.whole_run.requests, None),
        cleanup=Cleanup(created=31, removed=29, not_removed=("policy PERF-0007: 500",), not_restored=()),
    )
    targets = results_of(summary, {"concurrent_users": "ran 50 users, more than 200 needed", "rps": FEW_USERS["rps"]})
    missed = [result for result in targets if result.outcome is TargetOutcome.MISSED]
    reasons = tuple(f"{r.name} was {r.observed:.4g}, limit {r.limit:g} ({r.unit})" for r in missed)
    reasons = (*reasons, "2 answers were wrong though their status was 200")
    return RunReport(plan_of(load), summary, Verdict(Outcome.FAIL, reasons, 1, targets))


@cache
def inconclusive() -> RunReport:
    load = Load(duration_s=20, runs_s=20, rps=4)
    summary = replace(summary_of(load), generator=GeneratorHealth(1, 99.1, 312.0, 2), cleanup=None)
    few = FEW_USERS | {
        "p95_ms": "52 samples, 200 needed for p95",
        "avg_ms": "the load generator was saturated (99 % of one core)",
        "failure_rate": "52 requests, 300 needed",
    }
    reasons = ("nothing could be judged", "the load generator was saturated: one process used 99 % of its core")
    return RunReport(plan_of(load), summary, Verdict(Outcome.INCONCLUSIVE, reasons, 4, results_of(summary, few)))


@cache
def interrupted() -> RunReport:
    """Stopped in the ramp-up: there is no steady state at all."""
    load = Load(users=100, ramp_s=10, duration_s=180, runs_s=7, rps=40, scenario="heavy")
    summary = replace(
        summary_of(load),
        users=UserCounts(100, 70, {role: math.ceil(count * 0.7) for role, count in users_of(100).items()}),
        ended="interrupted",
        reconciliation=Reconciliation(300, None, None),
    )
    why = dict.fromkeys((target.metric for target in TARGETS), "the steady state was never reached")
    verdict = Verdict(Outcome.INTERRUPTED, ("stopped by the user after 7 s",), 130, results_of(summary, why))
    return RunReport(plan_of(load), summary, verdict)


WORKERS = (
    WorkerLedger(
        "1", "load-a", 4_711, START - 2.5, sent=61, received=61, requests=900, said_requests=900, first=START,
        last=START + 59, clock_offset_ms=-12.25, clock_uncertainty_ms=0.4,
    ),
    WorkerLedger("2", HOSTILE, 4_712, START - 2.25, received=31, requests=300, lost=True),
    WorkerLedger(
        "3", "load-b", 17, START + 12.5, True, 50, 49, 2, 260, 260, START + 33, START + 59, clock_offset_ms=3_000.0,
        clock_uncertainty_ms=80.5,
    ),
)  # fmt: skip


@cache
def open_model() -> RunReport:
    """30 actions/s asked of a target that takes 24: they wait ever longer, and a fifth never begins."""
    load = Load(users=12, duration_s=60, runs_s=60, rps=27, scenario="arrivals")
    summary = summary_of(load)
    seconds = tuple(_late(second, number) for number, second in enumerate(summary.seconds))
    summary = replace(
        summary,
        rows=tuple(replace(row, breakdown=_parts(row.statistics)) for row in summary.rows),
        seconds=seconds,
        arrivals=ArrivalFigures(30.0, 24.12, 1_590, 1_278, 312, 330, 4_100.0, 7_150.0, 7_210.5, 331),
        occupancy=(Occupancy("policyholder", 3.0, 120, 2.96, 0.01, 2.5),),
        drifts=(Drift("p50_ms", 40.0, 52.0, 0.0012),),
        lost_workers=(LostWorker("2", START + 31.5, 6, "was killed by signal SIGKILL"),),
        suite_errors=(
            SuiteErrorGroup("roles.mine:41 arguments", "KeyError: 'agent_id'", 12, "suite-errors.log"),
            SuiteErrorGroup("perfsuite.target.journal:66 write", "OSError: [Errno 5] <b>Input/output error", 1),
        ),
        outages=(Outage(START + 40, START + 44, 57, "connection refused"),),
        cut_off=(CutOff("policyholder", "users.me", 3),),
        logins=Logins(12, 1, 0, 412.5, 1_204.0, START, START + 8.0, 0, 0.002, 3),
        remarks=(Remark("X-Process-Time", "it is negative", "-1 for an answer that took 4.0 ms"),),
        slowest=slowest_of(summary),
        raw_samples=RawSampleFiles(
            ("samples-worker-1.csv.gz", "samples-worker-2.csv.gz"), 1_460, 12, "it is full", False
        ),
        ledger=RunLedger(WORKERS, written=True, recorded=summary.reconciliation.recorded),
    )
    known = {"avg_ms": (17.2, 21.9), "p95_ms": (48.1, 2_050.4), "failure_rate": (0.0, 0.0123), "rps": (24.5, 26.75)}
    results = tuple(
        replace(result, interval=known.get(result.metric), too_close=result.metric == "p95_ms")
        for result in results_of(summary, {"concurrent_users": "ran 12 users, more than 200 needed"})
    )
    results = tuple(
        replace(result, reason="95th percentile 49 ms, limit 2,000 ms; too close to call, 95 % sure is 48.1–2,050 ms")
        if result.too_close
        else result
        for result in results
    )
    plan = plan_of(load)
    plan = replace(plan, scenario=replace(plan.scenario, arrival=Arrival(30.0)), processes=2)
    reasons = ("30 actions/s were asked, 24.12/s could be begun: 312 of 1,590 never began",)
    return RunReport(plan, summary, Verdict(Outcome.FAIL, reasons, 1, results))


def slowest_of(summary: Summary) -> tuple[SlowestRequest, ...]:
    """Three slow requests of each operation: over a new connection, failed, and without an answer."""
    found = []
    for number, row in enumerate(steady_operations(summary)):
        key, slowest_ms = (row.role, row.behaviour, row.operation), row.statistics.max_ms or 0.0
        at = START + 20 + number / 8
        found += [
            SlowestRequest(*key, f"{number:032x}", at, 200, "", slowest_ms, 1.5, slowest_ms - 4, 2.0, 0.5, 3.25),
            SlowestRequest(*key, f"{number:031x}f", at, 503, "http status", slowest_ms / 2, 0.0, slowest_ms / 2),
            SlowestRequest(*key, "", at, None, "timeout", slowest_ms / 4, 0.0, slowest_ms / 4),
        ]
    return tuple(found)


def _parts(figures: Statistics) -> Breakdown:
    if figures.avg_ms is None:
        return NO_BREAKDOWN
    service = figures.avg_ms * 0.8
    return Breakdown(
        service, figures.p50_ms, figures.p95_ms, figures.requests, service / 2, None, service / 2,
        figures.avg_ms - service, 3, 0.4, None, 7,
    )  # fmt: skip


def _late(second: Second, number: int) -> Second:
    arrivals = SecondArrivals(30, max(24, 30 - number), number * 100.0, number * 121.5, number * 6)
    return replace(second, arrivals=arrivals, breakdown=_parts(second.statistics))


@cache
def watched() -> RunReport:
    """The failed run again, with its target watched."""
    return watched_run.watched(failed())


@cache
def wrong_under_load() -> RunReport:
    """All targets met, and rows of others given away."""
    report = passed()
    summary = replace(report.summary, correctness=made_correctness.VIOLATED)
    verdict = judge(report.plan, summary, ROLES)
    return replace(report, summary=summary, verdict=verdict, folder="/srv/runs/basic_20260301_093000")


EXAMPLES = {
    "passed": passed,
    "failed": failed,
    "inconclusive": inconclusive,
    "interrupted": interrupted,
    "open_model": open_model,
    "watched": watched,
    "wrong_under_load": wrong_under_load,
}


@cache
def live() -> LiveState:
    report = passed()
    return LiveState(
        phase="steady",
        elapsed_s=35.4,
        total_s=60.0,
        users=USERS,
        users_requested=10,
        rps_now=8.2,
        p95_now_ms=41.3,
        statistics=report.summary.totals,
        steady=True,
        requests=291,
        failures=0,
        unanswered_s=0,
        avg_now_ms=17.6,
        roles=tuple(LiveLine(role, 35 * count, 12.0 + 3 * count, 0) for role, count in USERS.items()),
        operations=(
            LiveLine("login", 3, 212.4, 0),
            LiveLine("dashboard.regional_manager", 14, 61.7, 0),
            LiveLine("policies.by_policyholder", 22, 48.0, 0),
            LiveLine("users.me", 51, 9.51, 0),
        ),
    )


def failing() -> LiveState:
    """The same with failures of several kinds, one of them with hostile text."""
    refused = "HTTP 503: Injected error that goes on and on, and tells much more than a line can hold"
    groups = [LiveFailure("users.me", FailureKind.STATUS, refused, 1_204)]
    groups += [LiveFailure("policies.list", FailureKind.WRONG_ANSWER, HOSTILE, 7)]
    groups += [LiveFailure(f"agents.{n}", FailureKind.TIMEOUT, "no answer within 60 s", 1) for n in range(8)]
    state = live()
    operations = (replace(state.operations[3], failures=40), *state.operations[:3])
    return replace(state, failures=1_219, failed=tuple(groups), operations=operations)
