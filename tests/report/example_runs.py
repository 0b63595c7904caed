"""Made-up runs in every outcome, with figures that fit each other: everything is derived from one list of requests."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perfsuite.histogram import Histogram
from perfsuite.model import (
    ALL,
    BehaviourRow,
    Cleanup,
    Coverage,
    FailureGroup,
    FailureKind,
    GeneratorHealth,
    LiveState,
    Outcome,
    Plan,
    Reconciliation,
    Row,
    RunReport,
    Scenario,
    Second,
    Statistics,
    Summary,
    Target,
    TargetOutcome,
    TargetResult,
    UserCounts,
    Verdict,
    WholeRun,
)

START = 1_772_357_400  # 2026-03-01T09:30:00Z

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">\u2028`|*\x1b[31m\u202e=cmd()"
FORMULA = "=cmd|' /C calc'!A0"

USERS = {
    "super_admin": 1,
    "provider_admin": 1,
    "regional_manager": 1,
    "senior_agent": 1,
    "junior_agent": 2,
    "policyholder": 3,
    "support_staff": 1,
}

# role → (behaviour, operation, share of the role's requests, median ms)
WORK: dict[str, tuple[tuple[str, str, int, float], ...]] = {
    "super_admin": (
        ("dashboard KPIs", "dashboard.system", 3, 30),
        ("dashboard KPIs", "analytics.comprehensive", 3, 55),
        ("user management", "users.list", 2, 18),
    ),
    "provider_admin": (
        ("dashboard analytics", "dashboard.provider", 4, 26),
        ("agent management", "agents.list", 3, 15),
    ),
    "regional_manager": (
        ("team performance", "dashboard.regional", 5, 34),
        ("policy reviews", "policies.by_status", 2, 21),
    ),
    "senior_agent": (
        ("personal dashboard", "dashboard.senior_agent", 4, 24),
        ("customer management", "leads.list", 3, 14),
        ("policy creation", "policies.create", 2, 40),
    ),
    "junior_agent": (("profile access", "users.me", 6, 6), ("policy browsing", "policies.page", 3, 19)),
    "policyholder": (
        ("profile access", "users.me", 7, 6),
        ("policy viewing", "policies.list", 2, 17),
        ("policy viewing", "policies.coverage", 2, 9),
        ("payment access", "policies.premiums", 1, 8),
    ),
    "support_staff": (("ticket management", "tickets.list", 5, 16), ("ticket management", "tickets.read", 5, 8)),
}


@dataclass(frozen=True)
class Load:
    """What to make up. `slow`: operation → (factor, from second on); `failing`: operation → share from then on."""

    scenario: str = "basic"
    users: int = 10
    ramp_s: int = 5
    duration_s: int = 60
    runs_s: int = 60
    rps: float = 9.0
    slow: tuple[str, float, int] | None = None
    failing: tuple[str, float, int] | None = None
    seed: int = 7


@dataclass(frozen=True)
class Request:
    second: int
    role: str
    behaviour: str
    operation: str
    time_us: int
    failed: bool


def users_of(total: int) -> dict[str, int]:
    """The seven roles in about the right proportion; sums to `total`."""
    counts = {role: count * total // 10 for role, count in USERS.items()}
    counts["policyholder"] += total - sum(counts.values())
    return counts


def requests_of(load: Load) -> list[Request]:
    """Requests of all seconds, the same ones for the same load."""
    dice = random.Random(load.seed)
    users = users_of(load.users)
    made: list[Request] = []
    for second in range(load.runs_s):
        alive = min(1.0, (second + 1) / load.ramp_s)
        made += [
            _request(dice, load, second, role)
            for role in dice.choices(list(users), list(users.values()), k=round(load.rps * alive * dice.gauss(1, 0.12)))
        ]
        if second < load.ramp_s:
            made += [
                Request(second, role, "login", "login", int(dice.lognormvariate(math.log(80_000), 0.2)), False)
                for role in users
            ]
    return made


def _request(dice: random.Random, load: Load, second: int, role: str) -> Request:
    behaviour, operation, _, median_ms = dice.choices(WORK[role], [work[2] for work in WORK[role]])[0]
    time_ms = dice.lognormvariate(math.log(median_ms), 0.45) * (6 if dice.random() < 0.004 else 1)
    if load.slow and operation == load.slow[0] and second >= load.slow[2]:
        time_ms *= load.slow[1]
    failing = load.failing
    failed = bool(failing and operation == failing[0] and second >= failing[2] and dice.random() < failing[1])
    return Request(second, role, behaviour, operation, int(time_ms * 1000), failed)


def statistics_of(requests: Sequence[Request], seconds: float) -> Statistics:
    times = Histogram()
    for request in requests:
        times.add(request.time_us)
    count, failures = len(requests), sum(request.failed for request in requests)
    mean = times.mean_us()
    return Statistics(
        requests=count,
        failures=failures,
        failure_rate=failures / count if count else None,
        rps=count / seconds if seconds else 0.0,
        avg_ms=None if mean is None else mean / 1000,
        min_ms=times.min_us / 1000 if count else None,
        max_ms=times.max_us / 1000 if count else None,
        p50_ms=_percentile(times, 0.5),
        p75_ms=_percentile(times, 0.75),
        p90_ms=_percentile(times, 0.9),
        p95_ms=_percentile(times, 0.95),
        p99_ms=_percentile(times, 0.99),
        p999_ms=_percentile(times, 0.999),
    )


def _percentile(times: Histogram, fraction: float) -> float | None:
    value = times.percentile_us(fraction)
    return value / 1000 if value is not None and times.count * (1 - fraction) >= 10 - 1e-9 else None


def second_rows_of(requests: Iterable[Request], second: int) -> list[Row]:
    """One row per role and operation."""
    groups: dict[tuple[str, str], list[Request]] = defaultdict(list)
    for request in requests:
        groups[request.role, request.operation].append(request)
    return [Row(str(second), role, ALL, name, statistics_of(group, 1)) for (role, name), group in groups.items()]


def rows_of(requests: Iterable[Request], period: str, seconds: float) -> list[Row]:
    """Totals (the grand one always), then per role, behaviour and operation."""
    groups: dict[tuple[str, str, str], list[Request]] = defaultdict(list, {(ALL, ALL, ALL): []})
    for request in requests:
        for key in (
            (ALL, ALL, ALL),
            (ALL, ALL, request.operation),
            (request.role, ALL, ALL),
            (request.role, request.behaviour, ALL),
            (request.role, request.behaviour, request.operation),
        ):
            groups[key].append(request)
    order = sorted(groups, key=lambda key: tuple("" if name == ALL else name for name in key))
    return [Row(period, *key, statistics_of(groups[key], seconds)) for key in order]


def period_of(load: Load, second: int) -> str:
    if second < load.ramp_s + 1:
        return "ramp-up"
    return "steady" if second < load.duration_s - 1 else "ramp-down"


def summary_of(load: Load, failures: tuple[FailureGroup, ...] = ()) -> Summary:
    requests = requests_of(load)
    by_second: dict[int, list[Request]] = defaultdict(list)
    by_period: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        by_second[request.second].append(request)
        by_period[period_of(load, request.second)].append(request)
    lengths = Counter(period_of(load, second) for second in range(load.runs_s))
    users = users_of(load.users)
    steady_s = float(lengths["steady"])
    periods = dict.fromkeys([*lengths, "steady"])
    rows = tuple(row for period in periods for row in rows_of(by_period[period], period, lengths[period]))
    return Summary(
        run_id=f"{load.scenario}_20260301_093000",
        scenario=load.scenario,
        host="http://localhost:8015",
        started_at="2026-03-01T09:30:00Z",
        duration_s=float(load.runs_s),
        steady_s=steady_s,
        steady_start=START + load.ramp_s + 1 if steady_s else None,
        steady_end=START + load.ramp_s + 1 + int(steady_s) if steady_s else None,
        users=UserCounts(load.users, load.users, users),
        totals=statistics_of(by_period["steady"], steady_s),
        rows=rows,
        behaviours=_behaviours(by_period["steady"]),
        seconds=tuple(_second(load, second, by_second[second]) for second in range(load.runs_s)),
        second_rows=tuple(
            row for second in range(load.runs_s) for row in second_rows_of(by_second[second], START + second)
        ),
        failures=failures,
        whole_run=WholeRun(len(requests), sum(request.failed for request in requests), 0),
        generator=GeneratorHealth(1, 34.5, 3.2, 0),
        coverage=Coverage(34, (), (), (), {}, ()),
        reconciliation=Reconciliation(len(requests), len(requests), len(requests)),
        cleanup=Cleanup(created=12, removed=12),
        target_lost_at=None,
        ended="completed",
        environment={"python": "3.11.9", "locust": "2.47.0", "cpu": "2 cores", "system": "Linux 6.8"},
    )


def _behaviours(requests: Iterable[Request]) -> tuple[BehaviourRow, ...]:
    groups: dict[tuple[str, str], list[Request]] = defaultdict(list)
    for request in requests:
        groups[request.role, request.behaviour].append(request)
    found = []
    for (role, behaviour), group in sorted(groups.items()):
        figures = statistics_of(group, 1)
        done = figures.requests - figures.failures
        rate = done / figures.requests
        found.append(BehaviourRow(role, behaviour, figures.requests, done, rate, figures.avg_ms, figures.p95_ms))
    return tuple(found)


def _second(load: Load, second: int, requests: Sequence[Request]) -> Second:
    alive = min(1.0, (second + 1) / load.ramp_s)
    users = {role: math.ceil(count * alive) for role, count in users_of(load.users).items()}
    return Second(START + second, period_of(load, second), statistics_of(requests, 1), users)


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


def passed_large(seconds: int = 300) -> RunReport:
    """All five targets judged; `seconds` long."""
    load = Load(scenario="acceptance", users=220, ramp_s=11, duration_s=seconds, runs_s=seconds, rps=130)
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
        ),
        reconciliation=Reconciliation(summary.whole_run.requests, summary.whole_run.requests, None),
        cleanup=Cleanup(created=31, removed=29, not_removed=("policy PERF-0007: 500",), not_restored=()),
    )
    targets = results_of(summary, {"concurrent_users": "ran 50 users, more than 200 needed", "rps": FEW_USERS["rps"]})
    missed = [result for result in targets if result.outcome is TargetOutcome.MISSED]
    reasons = tuple(f"{r.name} was {r.observed:.4g}, limit {r.limit:g} ({r.unit})" for r in missed)
    reasons = (*reasons, "2 answers were wrong though their status was 200")
    return RunReport(plan_of(load), summary, Verdict(Outcome.FAIL, reasons, 1, targets))


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


EXAMPLES = {"passed": passed, "failed": failed, "inconclusive": inconclusive, "interrupted": interrupted}


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
    )
