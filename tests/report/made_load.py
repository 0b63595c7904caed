"""A made-up load and its summary: every figure is derived from one list of requests, so that they fit each other."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.histogram import Histogram
from perfsuite.model import (
    ALL,
    BehaviourRow,
    Cleanup,
    Coverage,
    FailureGroup,
    GeneratorHealth,
    Reconciliation,
    Row,
    Second,
    Statistics,
    Summary,
    TimeBin,
    UserCounts,
    WholeRun,
    Within,
)
from perfsuite.model.slo_presets import times_needed
from perfsuite.model.summary import PERCENTILES
from perfsuite.summary.failures import failure_patterns
from perfsuite.summary.rows import bins_of

START = 1_772_357_400  # 2026-03-01T09:30:00Z

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
        **_percentiles(times),
    )


def _percentiles(times: Histogram) -> dict[str, float | None]:
    found = times.percentiles_us(PERCENTILES.values())
    return {
        name: value / 1000 if value is not None and times.count * (1 - fraction) >= 10 - 1e-9 else None
        for (name, fraction), value in zip(PERCENTILES.items(), found, strict=True)
    }


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
        failure_patterns=failure_patterns(failures, Aggregate(), None),
        whole_run=WholeRun(len(requests), sum(request.failed for request in requests), 0),
        generator=GeneratorHealth(1, 34.5, 3.2, 0),
        coverage=Coverage(34, (), (), (), {}, (), planned=_made(requests)),
        reconciliation=Reconciliation(len(requests), len(requests), len(requests)),
        cleanup=Cleanup(created=12, removed=12),
        target_lost_at=None,
        ended="completed",
        distribution=_bins(by_period["steady"]),
        environment={"python": "3.11.9", "locust": "2.47.0", "cpu": "2 cores", "system": "Linux 6.8"},
        within=tuple(within_of(by_period["steady"], limit_ms) for limit_ms in times_needed()) if steady_s else (),
    )


def _made(requests: Iterable[Request]) -> tuple[str, ...]:
    return tuple(sorted({f"{request.role} / {request.operation}" for request in requests}))


def within_of(requests: Iterable[Request], limit_ms: float) -> Within:
    return Within(limit_ms, sum(not request.failed and request.time_us <= limit_ms * 1000 for request in requests))


def _bins(requests: Iterable[Request]) -> tuple[TimeBin, ...]:
    times = {False: Histogram(), True: Histogram()}
    for request in requests:
        times[request.failed].add(request.time_us)
    return bins_of(times[False], times[True])


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
