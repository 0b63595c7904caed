"""A made-up run whose target was watched: findings of every kind, readings, and a fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from perfsuite.messages.stability import StabilityMessage
from perfsuite.model import RunReport, TargetOutcome, TargetResult
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.fingerprint import Cost, CostState, DatabaseInfo, Fingerprint, OperationCost, RequestCost
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.model.stability import GrowthBefore, GrowthCause, LastGoodRun, Stability, StabilityOutcome
from perfsuite.stability.last_good import with_last_good
from tests.report.made_load import START

AT_S = START + 30
HOSTILE_STATEMENT = "SELECT '</script><b>' FROM policies -- `|*_\x1b[31m\u202e"


def onset() -> Finding:
    """Response times and what left its band with them, with more evidence than is shown."""
    rows = (
        Evidence("avg_ms", "response time, mean", 26.0, 1_140.0, "ms", AT_S),
        Evidence(
            "postgres.blocked_sessions", "sessions blocked by another session", 0.0, 5.0, "count", AT_S - 1
        ),
        Evidence("pool.used_percent", "connections of the pool in use", 12.5, 100.0, "percent", AT_S + 2),
        Evidence("failure_rate", "requests that failed", 0.0, 0.31, "fraction", AT_S),
    )  # fmt: skip
    headline = (
        "Response times rose (26 ms → 1,140 ms on average, most of it users.me as policyholder) from 09:30:30 UTC on; "
        "what left its band with it: sessions blocked by another session (0 → 5)"
    )
    return Finding(FindingKind.ONSET, headline, "locks", AT_S, "policyholder", "users.me", rows)


def unusual() -> tuple[Finding, ...]:
    """Seven, more than a page shows; one of them gone without an answer, one with text from the target."""
    gone = Evidence("redis.up", "answers (1: yes, 0: none)", 1.0, None, "count", AT_S + 5)
    grown = Evidence("server.memory_bytes", "memory of the backend", 120e6, 480e6, "bytes")
    queries = Evidence("queries_per_request", "policies.list as senior_agent: queries", None, 21.0, "count")
    waits = Evidence("machine.iowait_percent", "time waiting for storage", None, 42.0, "percent")
    return (
        onset(),
        Finding(FindingKind.INCIDENT, "Redis gave no answer for 6 s from 09:30:35 UTC on", "Redis", AT_S + 5, None,
                None, (gone,)),
        Finding(FindingKind.COST, f"policies.list looks like N+1: {HOSTILE_STATEMENT}", "queries per request", None,
                "senior_agent", "policies.list", (queries,)),
        Finding(FindingKind.GROWTH, "The memory of the backend only grew: 120 MB → 480 MB in 100 s", "memory",
                evidence=(grown,)),
        *(
            Finding(FindingKind.LIMIT, f"Storage {number} at its limit", f"storage {number}", evidence=(waits,))
            for number in (1, 2, 3)
        ),
    )  # fmt: skip


def always() -> tuple[Finding, ...]:
    """What is told of every run."""
    slowest = Evidence("avg_ms", "users.me: mean time (52 % of all)", 6.0, 980.0, "ms")
    share = Evidence("requests_share", "its share of the requests", None, 0.3, "fraction")
    inside = Evidence("server_avg_ms", "time in the application, mean", None, 510.0, "ms")
    return (
        Finding(FindingKind.SLOWEST, "Most response time goes to users.me: 52 % of it", operation="users.me",
                evidence=(slowest,)),
        Finding(FindingKind.ROLE, "policyholder waits most: 30 % of the requests", role="policyholder",
                evidence=(share,)),
        Finding(FindingKind.OUTSIDE, "Most of the time is spent inside the application: 510 ms in it on average",
                evidence=(inside,)),
    )  # fmt: skip


def reading(metric: str, value: float | None, at_s: float = START + 35.0) -> Reading:
    """A reading of a metric of the catalogue, from the source that its name tells."""
    return Reading(at_s, metric.split(".")[0], metric, value, METRICS[metric].unit)


def latest(**values: float | None) -> Mapping[str, Reading]:
    """What the monitors read last of a demo with everything; `values`: others, with "__" for the dot."""
    usual: dict[str, float | None] = {
        "server.cpu_percent": 45.2, "server.cpu_limit_percent": 200.0, "server.busiest_process_cpu_percent": 45.2,
        "server.listen_queue": 0.0, "machine.cpu_percent": 61.0,
        "pool.checked_out": 3.0, "pool.size": 16.0, "pool.waiting": 0.0,
        "postgres.connections": 12.0, "postgres.connections_limit": 100.0, "postgres.blocked_sessions": 0.0,
        "postgres.cache_hit_percent": 99.97, "redis.hit_percent": 81.26, "redis.memory_bytes": 3.2e6,
    }  # fmt: skip
    usual |= {name.replace("__", "."): value for name, value in values.items()}
    return {metric: reading(metric, value) for metric, value in usual.items()}


def fingerprint() -> Fingerprint:
    """One operation that is known, one that never reached the database, one that is not known."""
    costs = [Cost(queries=21, rows=40, shared_hit_blocks=60, shared_read_blocks=3, execution_ms=4.5),
             Cost(queries=19, rows=38, shared_hit_blocks=58, execution_ms=3.5)]  # fmt: skip
    requests = tuple(RequestCost(call, cost, True, "a", call, 9.0, 20) for call, cost in enumerate(costs))
    cached = RequestCost(2, Cost(queries=1, rows=1, execution_ms=0.1), False, "b", 0, 1.0, 20)
    listed = OperationCost("senior_agent", "policies.list", "GET", "/api/v1/policies/", False, CostState.YES)
    return Fingerprint(
        "moderate_20260301_093000",
        "http://localhost:8015",
        "2026-03-01T09:29:50Z",
        3,
        DatabaseInfo("mitra", "15.6", "1.10", planning_tracked=False, utility_tracked=True, evictions_seen=True),
        (
            replace(listed, requests=(*requests, cached)),
            replace(listed, operation="health.root", path="/health"),
            replace(listed, operation="leads.delete", writes=True, known=CostState.UNKNOWN, reason="other traffic"),
        ),
    )


def pool_target() -> TargetResult:
    """A missed target on what a monitor reads."""
    return TargetResult(
        "pool in use", "target", "pool.used_percent p95", 80.0, True, 97.5, "percent", TargetOutcome.MISSED,
        "pool.used_percent: 95th percentile 97.5 %, limit 80 %",
    )  # fmt: skip


def stability() -> tuple[Stability, ...]:
    """As after a long run: one resource that grows, one by writes, one without a limit, one that was hardly read."""
    rate = StabilityMessage.GROWS(rate="1.05 MB", low="980 kB", high="1.12 MB")
    reason = rate.also(StabilityMessage.LIMIT_IN(low="11 h", high="13 h"), StabilityMessage.ALIKE())
    grows = Stability(
        "server.memory_bytes", "memory of the backend", "bytes", StabilityOutcome.GROWS, reason, 1.05e6,
        (0.98e6, 1.12e6), 210e6, 960e6, GrowthCause.UNKNOWN,
    )  # fmt: skip
    by_writes = StabilityMessage.GROWS_BY_WRITES(rate="83.0 kB", low="80.3 kB", high="85.9 kB", per_1000="780 kB")
    written = Stability(
        "postgres.database_bytes", "size of the database", "bytes", StabilityOutcome.GROWS,
        by_writes.also(StabilityMessage.STOPPED_IN_PAUSE()), 83e3, (80.3e3, 85.9e3), 29e6, None, GrowthCause.WRITES,
        (780e3, 755e3, 807e3),
    )  # fmt: skip
    quiet = StabilityMessage.STEADY(most="0")
    steady = Stability("server.threads", "threads of the backend", "count", StabilityOutcome.STEADY, quiet, 0.0,
                       (0.0, 0.0), 12.0)  # fmt: skip
    short = StabilityMessage.TOO_SHORT(needed=8)
    unread = Stability("redis.memory_bytes", "memory of Redis", "bytes", StabilityOutcome.CANNOT_TELL, short)
    before = LastGoodRun("endurance_20260228_093000", (GrowthBefore("server.memory_bytes", "bytes", 0.2e6, 190e6),))
    return with_last_good((grows, written, steady, unread), before)


def watched(report: RunReport) -> RunReport:
    """The same run with all that was found at its target."""
    readings = [
        *latest().values(),
        Reading(START + 35.0, "machine/core 0", "machine.core_cpu_percent", 70.0, "percent"),
    ]
    verdict = replace(report.verdict, targets=(*report.verdict.targets, pool_target()))
    return replace(
        report,
        verdict=verdict,
        findings=(*unusual(), *always()),
        readings=readings,
        fingerprint=fingerprint(),
        stability=stability(),
    )
