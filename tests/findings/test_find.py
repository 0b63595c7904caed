"""What single runs with one fault are shown to have, in words and figures; and what is shown of every run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from perfsuite.findings import Observations, find
from perfsuite.findings.steady_state import OTHER_CPU, steady_tracks
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import ALL, Breakdown, OperationCheck, PreflightReport, Row, Works
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.timeseries import STATEMENTS
from tests.findings.simulated import BEFORE_S, FIRST_S, Fault, Made, figures, made, summary_of


def run(kind: str = "", from_s: int = 45, for_s: int = 10_000, *, seed: int = 3, rps: float = 80.0) -> Made:
    return made(seed, 75, rps, Fault(kind, from_s, for_s) if kind else None)


def unusual(run: Made) -> list[Finding]:
    return [finding for finding in find(run.summary, Observations(run.readings)) if finding.unusual]


def at(finding: Finding) -> int:
    """The second of the run that it points at."""
    assert finding.at_s is not None
    return finding.at_s - FIRST_S + BEFORE_S


def test_a_lock_is_reported_with_its_second_and_what_it_blocked() -> None:
    first = unusual(run("lock", 45, 4))[0]

    assert (first.kind, first.resource) == (FindingKind.ONSET, "locks")
    assert abs(at(first) - 45) <= 1
    assert first.operation is not None
    assert first.operation.startswith("policies")
    assert first.evidence[0].metric == "avg_ms"
    locks = next(row for row in first.evidence if row.metric == "postgres.blocked_sessions")
    assert locks.before == 0.0
    assert locks.after is not None
    assert locks.after >= 5
    (correlated,) = first.headline.details
    assert correlated.code is FindingMessage.CORRELATED
    assert correlated.fields["metrics"][0].startswith(f"{locks.label} (0 → ")


def test_an_n_plus_one_from_some_second_on_names_operation_and_number() -> None:
    first = unusual(run("n_plus_one"))[0]

    assert (first.resource, first.operation) == ("queries per request", "policies.list")
    estimate = first.headline.details[-1]
    assert (estimate.code, estimate.fields["operations"]) == (FindingMessage.ESTIMATE, ("policies.list",))
    assert estimate.fields["more"] == pytest.approx(20, abs=5)


def test_a_part_that_is_gone_is_reported_though_the_load_felt_nothing() -> None:
    healthy = run()
    readings = [
        replace(each, value=0.0) if each.metric == "redis.up" and each.at_s > FIRST_S + 40 else each
        for each in healthy.readings
    ]
    (finding,) = unusual(Made(healthy.summary, readings))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.INCIDENT, "Redis", FIRST_S + 40)
    when = FindingMessage.LASTED(for_s=35, at=FIRST_S + 40)
    assert finding.headline == FindingMessage.NO_ANSWER(part="Redis", when=when)


def test_a_single_late_answer_is_no_finding() -> None:
    healthy = run()
    readings = [
        replace(each, value=0.0) if each.metric == "redis.up" and FIRST_S + 40 < each.at_s <= FIRST_S + 43 else each
        for each in healthy.readings
    ]

    assert unusual(Made(healthy.summary, readings)) == []


def test_a_small_pool_is_reported_with_its_size() -> None:
    first = unusual(run("pool", 0))[0]

    assert (first.kind, first.resource, first.at_s) == (FindingKind.LIMIT, "pool", None)
    assert (first.headline.code, first.headline.fields["size"]) == (FindingMessage.POOL_OF_SIZE_FULL, 2)


def test_a_cache_that_nobody_asks_is_reported() -> None:
    first = unusual(run("no_cache", 0))[0]

    assert first.headline.code is FindingMessage.CACHE_UNUSED


def test_a_leak_is_reported_with_its_rate_and_its_end() -> None:
    first = unusual(run("leak", 0))[0]

    assert (first.kind, first.resource) == (FindingKind.GROWTH, "memory")
    assert first.headline.code is FindingMessage.GREW
    assert [detail.code for detail in first.headline.details] == [FindingMessage.USED_UP]
    assert first.evidence[1].after == pytest.approx(20e9 / 1e6, rel=0.1)


def test_a_leak_that_begins_in_the_run_is_reported_with_its_second() -> None:
    (first,) = unusual(run("leak", 45))

    assert (first.resource, first.evidence[0].at_s) == ("memory", first.at_s)
    assert abs(at(first) - 45) <= 6
    assert (first.headline.code, first.headline.fields["at"]) == (FindingMessage.GREW_FROM, first.at_s)


@pytest.mark.parametrize(
    ("available_bytes", "order"),
    [
        pytest.param(20e9, [FindingKind.ONSET, FindingKind.GROWTH], id="five hours are no reason"),
        pytest.param(1e9, [FindingKind.GROWTH, FindingKind.ONSET], id="a quarter of an hour may be one"),
    ],
)
def test_growth_stands_before_slower_answers_only_where_it_ends_soon(
    available_bytes: float, order: list[FindingKind]
) -> None:
    readings = [
        replace(each, value=available_bytes) if each.metric == "machine.memory_available_bytes" else each
        for each in run("leak", 0).readings
    ]

    assert [each.kind for each in unusual(Made(run("one_slow", 55).summary, readings))] == order


def test_failures_are_reported_with_their_share() -> None:
    healthy = run()
    seconds = [
        replace(each, statistics=figures(each.statistics.requests, 20 if at >= 40 else 0, each.statistics.avg_ms))
        for at, each in enumerate(healthy.summary.seconds)
    ]
    (finding,) = unusual(Made(replace(healthy.summary, seconds=tuple(seconds)), healthy.readings))

    assert (finding.kind, finding.at_s, finding.resource) == (FindingKind.ONSET, FIRST_S + 40, "")
    assert finding.evidence[0].metric == "failure_rate"
    assert finding.headline.fields["what"].code is FindingMessage.FAILED
    assert [detail.code for detail in finding.headline.details] == [FindingMessage.NOTHING_CORRELATED]


def failing(run: Made, failures: dict[int, int]) -> Made:
    """The same run with so many failures in these seconds of its steady state."""
    seconds = [
        replace(each, statistics=figures(each.statistics.requests, failures.get(at, 0), each.statistics.avg_ms))
        for at, each in enumerate(run.summary.seconds)
    ]
    return Made(replace(run.summary, seconds=tuple(seconds)), run.readings)


def test_few_failures_in_the_second_in_which_they_begin_do_not_hide_it() -> None:
    (finding,) = unusual(failing(run(), {40: 4} | dict.fromkeys(range(47, 75), 20)))

    assert finding.at_s == FIRST_S + 40
    assert finding.headline.fields["what"].fields["before"] == 0


def test_one_operation_that_gets_slow_is_reported_though_another_fails_from_then_on() -> None:
    slow = Made(run("one_slow", 55).summary, [])
    (finding,) = unusual(failing(slow, dict.fromkeys(range(42, 75, 2), 6)))

    assert finding.operation == "tickets.list"
    assert abs(at(finding) - 55) <= 3
    what = finding.headline.fields["what"]
    assert (what.code, what.fields["operations"]) == (FindingMessage.OPERATIONS_SLOWER, ("tickets.list",))
    assert [(detail.code, detail.fields["before"]) for detail in what.details] == [(FindingMessage.FAILED, 0)]


def test_the_share_that_failed_is_of_all_seconds_until_it_was_quiet_again() -> None:
    (finding,) = unusual(failing(run(), dict.fromkeys((40, 41, 44, 45, 48, 49), 20)))

    assert finding.evidence[0].after == pytest.approx(20 * 6 / (80 * 10), rel=0.25)


def test_failures_that_were_there_all_the_time_are_no_onset() -> None:
    healthy = run()
    seconds = [
        replace(each, statistics=figures(each.statistics.requests, 4 + at % 3, each.statistics.avg_ms))
        for at, each in enumerate(healthy.summary.seconds)
    ]

    assert unusual(Made(replace(healthy.summary, seconds=tuple(seconds)), healthy.readings)) == []


def test_slow_answers_without_any_monitor_are_reported_too() -> None:
    slow = run("lock", 45, 4)
    (finding,) = unusual(Made(slow.summary, []))

    assert (finding.kind, finding.resource) == (FindingKind.ONSET, "")


def test_what_may_follow_from_slowness_stands_behind() -> None:
    full = run("pool", 0)
    gone = [replace(each, value=0.0) if each.metric == "redis.up" else each for each in full.readings]

    assert [finding.resource for finding in unusual(Made(full.summary, gone))] == ["Redis", "pool"]


def test_without_a_steady_state_nothing_unusual_is_reported() -> None:
    assert find(summary_of((), ()), Observations(run().readings)) == ()


def test_gaps_are_no_zeros() -> None:
    healthy = run()
    gaps = [replace(each, value=None) if each.at_s > FIRST_S + 40 else each for each in healthy.readings]

    assert unusual(Made(healthy.summary, gaps)) == []


def test_per_request_and_other_cpu_by_hand() -> None:
    seconds = tuple(
        replace(run().summary.seconds[0], second=FIRST_S + at, statistics=figures(10, 0, 5.0)) for at in range(10)
    )
    values = {"machine.cpu_percent": 80.0, "server.cpu_percent": 40.0, "postgres.statements_exec_ms_per_s": 200.0,
              "postgres.statements_calls_per_s": 30.0, "redis.cpu_percent": 5.0}  # fmt: skip
    readings = [
        Reading(FIRST_S + at + 1.0, name.split(".")[0], name, value, METRICS[name].unit)
        for name, value in values.items()
        for at in range(10)
    ]
    cores = [
        Reading(FIRST_S + 1.0, f"machine/core {core}", "machine.core_cpu_percent", 1.0, "percent") for core in (0, 1)
    ]
    tracks = steady_tracks(summary_of(seconds, ()), readings + cores)

    assert list(tracks[STATEMENTS].values) == [3.0] * 10
    # 2 cores · 80 % − 40 % backend − 20 % statements − 5 % Redis − 10 % load generator
    assert list(tracks[OTHER_CPU].values) == [pytest.approx(85.0)] * 10


def row(role: str, operation: str, requests: int, avg_ms: float, breakdown: Breakdown | None = None) -> Row:
    return Row("steady", role, ALL, operation, figures(requests, 0, avg_ms), breakdown or Breakdown())


ROWS = (
    row(ALL, ALL, 1000, 20.0, Breakdown(server_avg_ms=6.0, outside_avg_ms=14.0)),
    row(ALL, "policies.list", 400, 40.0),
    row(ALL, "users.me", 600, 20.0 / 3),
    row("policyholder", ALL, 900, 10.0),
    row("agent", ALL, 100, 110.0),
)


def always(rows: Sequence[Row], preflight: PreflightReport | None = None) -> list[Finding]:
    return list(find(summary_of((), (), tuple(rows)), Observations(preflight=preflight)))


def test_what_is_reported_of_every_run() -> None:
    assert [finding.headline for finding in always(ROWS)] == [
        FindingMessage.MOST_TIME(operation="policies.list", share=0.8, mean=40.0, requests=400),
        FindingMessage.WAITS_MOST(role="agent", requests=0.1, time=0.55, mean=110.0, all_roles=20.0),
        FindingMessage.OUTSIDE(inside=6.0, outside=14.0),
    ]
    assert not any(finding.unusual for finding in always(ROWS))


def test_preflight_shows_how_fast_an_operation_is_alone() -> None:
    check = OperationCheck("agent", "policies.list", "GET", "/policies", Works.YES, 200, "", 12.0)
    slowest = always(ROWS, PreflightReport("h", "s", "1", (), (check,)))[0]

    assert [(each.before, each.after) for each in slowest.evidence] == [(12.0, 40.0), (None, 20.0 / 3)]


def test_half_an_hour_takes_less_than_five_seconds() -> None:
    long = made(5, 1800, 60.0)
    began = time.process_time()
    find(long.summary, Observations(long.readings))

    assert time.process_time() - began < 5.0
