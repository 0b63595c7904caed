"""A plan as text. Example roles: 1 s and 3 s of think time, two requests per action."""

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.messages import Message
from perfsuite.messages.plan import PlannedReason
from perfsuite.model import Access, ApiMapping, Plan, Scenario, Target
from perfsuite.model.monitor import READINGS_NEEDED
from perfsuite.model.plan import LASTS_AT_LEAST
from perfsuite.plan.dry_run import render, response_limit_s, steady_s, why_not_judged
from tests.plan.example import ROLES

AVERAGE = Target("average", "avg_ms", 500, below=True)


def plan_of(*targets: Target, users: int = 40, duration_s: float = 60.0, spawn_rate: float = 4.0) -> Plan:
    return Plan(
        run_id="small_20260101_000000",
        scenario=Scenario("small", users, spawn_rate, duration_s, "to try"),
        host="http://localhost:8015",
        users_by_role={"agent": users // 4, "customer": users - users // 4},
        targets=targets,
        allowed_hosts=(),
        seed=1,
        created_at="2026-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("duration_s", "spawn_rate", "seconds"),
    [
        pytest.param(60, 4, 45, id="10 s ramp-up, 50 s plateau less 10 %"),
        pytest.param(600, 4, 585, id="settling is at most 5 s"),
        pytest.param(10, 4, 0, id="the last user starts as the run ends"),
        pytest.param(5, 4, 0, id="the last user would start after the end"),
    ],
)
def test_the_steady_state(duration_s: float, spawn_rate: float, seconds: float) -> None:
    assert steady_s(Scenario("s", 40, spawn_rate, duration_s)) == seconds


# 40 users: 10 agents × 2 ÷ (1 + 2 × 0.5) + 30 customers × 2 ÷ (3 + 2 × 0.5) = 10 + 15 = 25 requests/s at 500 ms.
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        pytest.param(AVERAGE, None, id="an average can be had"),
        pytest.param(Target("t", "rps", 24.9, below=False), None, id="offers more than the limit"),
        pytest.param(
            Target("t", "rps", 25, below=False),
            PlannedReason.OFFERS_TOO_LITTLE(offered="25 requests/s", limit=25),
            id="offers exactly the limit",
        ),
        pytest.param(
            Target("t", "rps", 10, below=False, role="agent"),
            PlannedReason.OFFERS_TOO_LITTLE(offered="10 requests/s", limit=10),
            id="of one role",
        ),
        pytest.param(
            Target("t", "rps", 13, below=False, operation="users.me"),
            PlannedReason.OFFERS_TOO_LITTLE(offered="12.5 requests/s", limit=13),
            id="of one operation of two",
        ),
        pytest.param(Target("t", "concurrent_users", 39, below=False), None, id="more users than the limit"),
        pytest.param(
            Target("t", "concurrent_users", 40, below=False),
            PlannedReason.TOO_FEW_USERS(users=40, limit=40),
            id="as many users",
        ),
        pytest.param(
            Target("t", "concurrent_users", 10, below=False, role="agent"),
            PlannedReason.TOO_FEW_USERS(users=10, limit=10),
            id="users of a role",
        ),
        pytest.param(Target("t", "p95_ms", 2000, below=True), None, id="25 × 45 samples are enough for p95"),
        pytest.param(
            Target("t", "p999_ms", 2000, below=True),
            PlannedReason.TOO_FEW_SAMPLES(samples=1125, needed=10_000),
            id="too few for p99.9",
        ),
        pytest.param(
            Target("t", "avg_ms", 1, below=True, scenarios=("large",)),
            PlannedReason.ONLY_IN(scenarios=("large",)),
            id="another scenario",
        ),
    ],
)
def test_which_targets_can_be_judged_and_why_not(target: Target, reason: Message | None) -> None:
    assert why_not_judged(target, plan_of(AVERAGE, target), ROLES) == reason


SERVER = Target("t", "server.cpu_percent p95", 80, below=True)
CONNECTIONS = Target("t", "postgres.connections_used_percent max", 90, below=True)
QUERIES = Target("t", "max_queries_per_request", 20, below=True)
NO_MONITOR = PlannedReason.NOT_MONITORED(remedy="give --monitor-server or --monitor-prometheus")
NO_DATABASE = PlannedReason.NOT_MONITORED(remedy="give --monitor-postgres")
NO_FINGERPRINT = PlannedReason.NO_FINGERPRINT(remedy="give --monitor-postgres")
PID, DSN = ("run", "--monitor-server", "4711"), ("run", "--monitor-postgres=…")


@pytest.mark.parametrize(
    ("target", "more", "reason"),
    [
        pytest.param(
            SERVER, {}, NO_MONITOR, id="nothing is watched"
        ),
        pytest.param(SERVER, {"command": PID}, None, id="the server is"),
        pytest.param(SERVER, {"command": ("run", "--monitor-prometheus", "http://p")}, None, id="by way of Prometheus"),
        pytest.param(
            CONNECTIONS, {"command": PID}, NO_DATABASE, id="but not the database"
        ),
        pytest.param(CONNECTIONS, {"command": DSN}, None, id="now it is"),
        pytest.param(Target("t", "pool.used_percent max", 90, below=True), {"command": DSN}, None, id="with the pool"),
        pytest.param(SERVER, {"demo": "embedded"}, None, id="a demo is watched by itself"),
        pytest.param(
            CONNECTIONS, {"demo": "embedded"}, NO_DATABASE, id="as far as there is one"
        ),
        pytest.param(CONNECTIONS, {"demo": "full"}, None, id="in the full one there is"),
        pytest.param(
            QUERIES, {}, NO_FINGERPRINT, id="queries need a fingerprint"
        ),
        pytest.param(QUERIES, {"fingerprint": True}, None, id="and there is one"),
    ],
)  # fmt: skip
def test_readings_are_judged_where_they_are_monitored(
    target: Target, more: dict[str, Any], reason: Message | None
) -> None:
    assert why_not_judged(target, replace(plan_of(AVERAGE, target), **more), ROLES) == reason


def test_readings_need_as_many_samples_as_in_the_verdict() -> None:
    plan = replace(plan_of(AVERAGE, SERVER, duration_s=40), command=PID)  # 27 s of steady state
    assert why_not_judged(SERVER, plan, ROLES) == PlannedReason.TOO_FEW_SAMPLES(samples=27, needed=READINGS_NEEDED)
    assert "t (server.cpu_percent p95 < 80 %): judged where it can be read" in render(
        replace(plan_of(SERVER), command=PID), ROLES
    )


def test_lasting_needs_ten_minutes_and_a_monitored_server() -> None:
    target = Target("a day", LASTS_AT_LEAST, 86_400, below=False)
    short = replace(plan_of(target), demo="embedded")
    long = replace(short, scenario=replace(short.scenario, duration_s=600))

    assert why_not_judged(target, short, ROLES) == PlannedReason.TOO_SHORT(needed_s=600.0)
    assert why_not_judged(target, long, ROLES) is None
    assert why_not_judged(target, replace(long, demo=None), ROLES) is not None


def test_without_a_steady_state_nothing_over_it_is_judged() -> None:
    plan = plan_of(AVERAGE, duration_s=5)
    assert why_not_judged(AVERAGE, plan, ROLES) == PlannedReason.NO_STEADY_STATE()
    assert "no plateau: the last user would start after 10 s" in render(plan, ROLES)


def test_the_response_time_limit_is_that_over_all_requests() -> None:
    assert response_limit_s([Target("t", "avg_ms", 100, below=True, role="agent"), AVERAGE]) == 0.5
    assert response_limit_s([Target("t", "p95_ms", 100, below=True)]) is None


def test_the_plan_as_text() -> None:
    information = Target("failures", "failure_rate", 0.01, below=True, information_in=("small",))
    users = Target("users", "concurrent_users", 200, below=False)
    assert render(plan_of(AVERAGE, information, users), ROLES).splitlines() == [
        "Plan of scenario small, to try",
        "  target   http://localhost:8015",
        "  duration 1m",
        "Stages",
        "  ramp-up         10 s   to 40 users, 4 per second",
        "  settling         5 s   not judged",
        "  steady          45 s   judged",
        "  ramp-down              requests in flight finish",
        "Users by role",
        "     10  Agent",
        "     30  Customer",
        "Expected requests/s on the plateau",
        "       40  at 0 ms",
        "       25  at 500 ms, the response-time limit",
        "Targets",
        "  average (avg_ms < 500 ms): judged",
        "  failures (failure_rate < 1 %): shown as information",
        "  users (concurrent_users > 200): not judged: runs 40 users, more than 200 needed",
    ]


def test_settings_of_the_connection_are_shown_where_there_are_any() -> None:
    plan = replace(
        plan_of(),
        access=Access("/etc/house-ca.pem", "http://proxy:3128", ("X-Api-Key", "X-Tenant")),
        mapping=ApiMapping({"/health": "/healthz"}, {"agent": "seller"}),
    )

    assert render(plan, ROLES).splitlines()[1:6] == [
        "  target   http://localhost:8015",
        "  CA file  /etc/house-ca.pem",
        "  proxy    http://proxy:3128",
        "  headers  X-Api-Key, X-Tenant",
        "  mapping  /health → /healthz, agent → seller",
    ]
    assert "mapping" not in render(plan_of(), ROLES)


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        pytest.param({}, [], id="none"),
        pytest.param(
            {"processes": 0, "expect_workers": 4, "bind": "0.0.0.0:5557", "host": "http://qa.example"},
            [
                "  4 workers from elsewhere, 10 users each",
                "  they join at 0.0.0.0:5557 within 60 s, each with: worker --master HOST:PORT of this machine",
            ],
            id="only workers",
        ),
        pytest.param(
            {"processes": 2, "expect_workers": 1, "bind": "127.0.0.1:5557", "expect_workers_max_wait_s": 5.0},
            [
                "  1 worker from elsewhere and 2 load processes on this machine, 13 or 14 users each",
                "  they join at 127.0.0.1:5557 within 5 s, each with: worker --master HOST:PORT of this machine",
                "  http://localhost:8015 is, for each worker, its own machine",
            ],
            id="both, and a target that everybody has",
        ),
    ],
)
def test_expected_workers_are_shown(changed: dict[str, Any], lines: list[str]) -> None:
    shown = render(replace(plan_of(), **changed), ROLES, ["known"]).splitlines()
    start = shown.index("Load generator") + 1

    assert shown[start : shown.index("Targets")] == [*lines, "  known"]
