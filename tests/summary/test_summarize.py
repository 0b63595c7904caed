"""The figures of whole runs."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Actions, Record
from perfsuite.model import (
    ALL,
    LOGIN,
    BehaviourRow,
    Cleanup,
    Coverage,
    FailureKind,
    GeneratorHealth,
    Lack,
    OperationCheck,
    PreflightReport,
    Reconciliation,
    SuiteErrorGroup,
    Summary,
    UserCounts,
    WholeRun,
    Works,
)
from perfsuite.model.role import Role
from perfsuite.summary import Circumstances, build
from tests.summary.made_records import READER, ROLES, START, Process, make_plan, steady_run, times


def summary_of(records: list[Record], **circumstances: object) -> Summary:
    known = Circumstances(**circumstances)  # type: ignore[arg-type]
    return build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES, circumstances=known)


def counted(summary: Summary, period: str) -> list[tuple[str, str, str, int]]:
    return [
        (row.role, row.behaviour, row.operation, row.statistics.requests)
        for row in summary.rows
        if row.period == period
    ]


def a_run() -> list[Record]:
    one = Process()
    login = ("reader", "login", "login")
    return steady_run(
        one,
        [
            one.requests(0, [50], where=login),
            one.requests(5, [10, 20], [30], where=("reader", "browsing", "policies.read")),
            one.requests(5, [10], where=("reader", "browsing", "policies.list")),
            one.requests(6, [5], where=("writer", "creating", "policies.create")),
            one.requests(21, [7], where=("reader", "checking", "policies.read")),
            one.requests(22, [7], where=("reader", "checking", "users.me")),
            one.users(3, reader=2, writer=1),
            one.end(8),
        ],
    )


def test_rows_come_in_the_documented_order() -> None:
    summary = summary_of(a_run())

    assert counted(summary, "ramp-up") == [
        (ALL, ALL, ALL, 1),
        (ALL, ALL, "login", 1),
        ("reader", ALL, ALL, 1),
        ("reader", "login", ALL, 1),
        ("reader", "login", "login", 1),
    ]
    assert counted(summary, "steady") == [
        (ALL, ALL, ALL, 6),
        (ALL, ALL, "policies.list", 1),
        (ALL, ALL, "policies.read", 4),
        (ALL, ALL, "policies.create", 1),
        ("reader", ALL, ALL, 5),
        ("reader", ALL, "policies.read", 4),
        ("reader", "browsing", ALL, 4),
        ("reader", "browsing", "policies.list", 1),
        ("reader", "browsing", "policies.read", 3),
        ("reader", "checking", ALL, 1),
        ("reader", "checking", "policies.read", 1),
        ("writer", ALL, ALL, 1),
        ("writer", "creating", ALL, 1),
        ("writer", "creating", "policies.create", 1),
    ]
    assert counted(summary, "ramp-down")[0] == (ALL, ALL, ALL, 1)


def test_totals_cover_the_steady_state_and_the_whole_run_covers_all() -> None:
    summary = summary_of(a_run())

    assert (summary.steady_start, summary.steady_end, summary.steady_s) == (START + 4, START + 22, 18.0)
    assert (summary.totals.requests, summary.totals.failures) == (6, 1)
    assert summary.totals.rps == 6 / 18
    assert summary.totals.avg_ms == (10 + 20 + 30 + 10 + 5 + 7) / 6
    assert summary.whole_run == WholeRun(requests=8, failures=1, wrong_answers=0)
    assert summary.duration_s == 23.0


def test_seconds_without_a_request_are_there_as_zeros() -> None:
    summary = summary_of(a_run())

    assert [second.second - START for second in summary.seconds] == list(range(23))
    busy = {s.second - START: s.statistics.requests for s in summary.seconds if s.statistics.requests}
    assert busy == {0: 1, 5: 4, 6: 1, 21: 1, 22: 1}
    assert (summary.seconds[7].statistics.rps, summary.seconds[7].statistics.avg_ms) == (0.0, None)


def test_second_rows_hold_what_happened_by_role_and_operation() -> None:
    rows = summary_of(a_run()).second_rows

    told = [(int(row.period) - START, row.role, row.behaviour, row.operation) for row in rows]
    assert told == [
        (0, "reader", ALL, "login"),
        (5, "reader", ALL, "policies.list"),
        (5, "reader", ALL, "policies.read"),
        (6, "writer", ALL, "policies.create"),
        (21, "reader", ALL, "policies.read"),
        (22, "reader", ALL, "users.me"),
    ]
    assert rows[2].statistics.rps == 3.0


def test_without_a_plateau_there_is_no_steady_state() -> None:
    one = Process()
    records = [one.phase("ramp-up", 0), one.requests(1, [5]), one.phase("ramp-down", 3), one.phase("end", 4)]
    summary = summary_of(records)

    assert (summary.steady_start, summary.steady_end, summary.steady_s) == (None, None, 0.0)
    assert (summary.totals.requests, summary.totals.avg_ms) == (0, None)
    assert counted(summary, "steady") == [(ALL, ALL, ALL, 0)]
    assert counted(summary, "ramp-up")[0] == (ALL, ALL, ALL, 1)


def test_a_run_cut_off_is_read_to_its_last_whole_second() -> None:
    one = Process()
    records = [
        one.phase("ramp-up", 0),
        one.phase("plateau", 2),
        *(one.requests(second, [5]) for second in range(23)),
    ]
    summary = summary_of(records)

    assert (summary.steady_start, summary.steady_end) == (START + 4, START + 22)
    assert summary.totals.requests == 18
    assert summary.whole_run.requests == 23
    assert summary.reconciliation == Reconciliation(recorded=23, locust_total=None, backend_log=None)
    assert summary.duration_s == 23.0


def test_no_record_at_all_gives_an_empty_summary() -> None:
    summary = summary_of([], ended="load process died")

    assert (summary.whole_run.requests, summary.seconds, summary.users.peak) == (0, (), 0)
    assert (summary.ended, summary.duration_s) == ("load process died", 0.0)
    assert summary.generator == GeneratorHealth(0, None, None, 0)


def test_behaviours_count_the_steady_state_and_show_those_without_actions() -> None:
    one = Process()
    records = steady_run(one, [one.actions(1, 9, 9), one.actions(5, 3, 2), one.actions(8, 1, 1)])

    assert summary_of(records).behaviours == (
        BehaviourRow("reader", "browsing", 4, 3, 0.75, 100.0, None),
        BehaviourRow("reader", "checking", 0, 0, None, None, None),
        BehaviourRow("writer", "creating", 0, 0, None, None, None),
    )


def test_a_role_without_users_shows_no_behaviour() -> None:
    plan = replace(make_plan(), users_by_role={"reader": 3, "writer": 0})
    summary = build(plan, Aggregate.of([]), preflight=None, roles=ROLES)
    assert {row.role for row in summary.behaviours} == {"reader"}


def test_users_are_summed_over_processes_by_their_latest_word() -> None:
    one, two = Process("1"), Process("2")
    records: list[Record] = [
        one.users(0, reader=1),
        two.users(0, reader=1),
        one.users(1, reader=2),
        two.users(2, reader=1, writer=1),
        one.users(3, reader=1),
    ]
    summary = summary_of(records)

    assert [second.users for second in summary.seconds] == [
        {"reader": 2, "writer": 0},
        {"reader": 3, "writer": 0},
        {"reader": 3, "writer": 1},
        {"reader": 2, "writer": 1},
    ]
    assert summary.users == UserCounts(requested=3, peak=4, by_role={"reader": 3, "writer": 1})


def test_a_process_that_fell_silent_has_no_users_any_more() -> None:
    one, two = Process("1"), Process("2")
    records: list[Record] = [two.users(0, reader=5), *(one.users(second, reader=1) for second in range(8))]

    told = [second.users["reader"] for second in summary_of(records).seconds]
    assert told == [6, 6, 6, 6, 6, 6, 1, 1]


def test_generator_health_is_the_worst_process_of_the_steady_state() -> None:
    one, two = Process("1"), Process("2")
    records = steady_run(
        one,
        [
            one.generator(1, 180.0, [900.0] * 1000, [300.0] * 100),
            one.generator(10, 40.0, [2.0] * 98, [10.0] * 100),
            one.generator(11, 52.0, [2.0] * 2, waited=40.0),
            two.generator(10, 55.0, [8.0] * 100, [120.0]),
            two.generator(11, 95.0, [8.0]),
        ],
    )
    assert summary_of(records).generator == GeneratorHealth(
        processes=2,
        cpu_percent_max=95.0,
        loop_lag_p99_ms=pytest.approx(8.0, rel=0.0005),
        lost_reports=0,
        cpu_percent_mean=75.0,
        cpu_wanted_percent_mean=75.0,
        cpu_over_90_rate=0.5,
        gc_pause_p99_ms=pytest.approx(10.0, rel=0.0005),
        gc_pause_max_ms=120.0,
        gc_share_rate=0.5,
        capacity_by_process={"1": 100, "2": 100},
    )


def test_what_a_process_tells_of_itself_counts_for_as_long_as_it_is_of() -> None:
    """It is blocked for two seconds, tells of both with the second, and comes again in the same second."""
    one = Process()
    records = steady_run(
        one,
        [
            one.generator(10, 40.0, span_s=1.0),
            one.generator(12, 100.0, pauses_ms=[800.0], span_s=1.999),
            one.generator(12, 2_000.0, span_s=0.001),  # a hundredth of a second of CPU time in a thousandth of one
            one.generator(13, 40.0, span_s=1.0),
        ],
    )
    health = summary_of(records).generator

    assert health.cpu_percent_mean == health.cpu_wanted_percent_mean == pytest.approx((40 + 201.9 + 40) / 4)
    assert health.cpu_percent_max == pytest.approx(201.9 / 2)
    assert health.cpu_over_90_rate == pytest.approx(0.5)
    assert health.gc_share_rate == pytest.approx(0.2)


def test_a_cpu_limit_counts_over_time_and_is_that_of_the_worst_process() -> None:
    one, two = Process("1"), Process("2")
    records = steady_run(
        one,
        [
            one.generator(10, 40.0, throttled_rate=0.3, limit_cores=0.5),
            one.generator(13, 40.0, span_s=3.0, throttled_rate=0.7, limit_cores=0.5),
            two.generator(10, 40.0, throttled_rate=0.1, limit_cores=2.0),
            two.generator(11, 40.0),
        ],
    )
    health = summary_of(records).generator

    assert (health.throttled_rate, health.limit_cores) == (pytest.approx(0.6), 0.5)
    assert health.limit_wanted_percent_mean == pytest.approx(80.0), "40 % of a core are 80 % of half a core"


def test_late_sends_are_those_of_the_worst_process() -> None:
    one, two = Process("1"), Process("2")
    records = steady_run(
        one,
        [
            one.generator(10, 17.0, send_lag=times([1.0] * 200)),
            two.generator(10, 17.0, send_lag=times([30.0] * 200)),
            two.generator(1, 17.0, send_lag=times([900.0] * 200)),
        ],
    )
    health = summary_of(records).generator

    assert health.send_lag_p99_ms == pytest.approx(30.0, rel=0.0005)
    assert health.capacity_by_process == {"1": 20, "2": 60}


def test_requests_held_back_in_the_steady_state_are_those_of_the_worst_process() -> None:
    one, two = Process("1"), Process("2")
    held = [
        one.generator(10, 17.0, held_back_s=0.5),
        two.generator(10, 17.0, held_back_s=1.0),
        two.generator(11, 17.0, held_back_s=0.75),
        two.generator(1, 17.0, held_back_s=9.0),
    ]
    assert summary_of(steady_run(one, held)).generator.held_back_s == 1.75
    assert summary_of(steady_run(one, [one.generator(10, 17.0)])).generator.held_back_s == 0.0


def test_a_share_of_hardly_any_time_is_no_maximum() -> None:
    one = Process()
    records = steady_run(one, [one.generator(10, 40.0), one.generator(11, 900.0, span_s=0.02)])
    assert summary_of(records).generator.cpu_percent_max == 40.0


def test_cpu_used_is_that_of_the_process_that_wanted_most() -> None:
    one, two = Process("1"), Process("2")
    records = steady_run(one, [one.generator(10, 70.0, waited=2.0), two.generator(10, 40.0, waited=50.0)])
    health = summary_of(records).generator
    assert (health.cpu_percent_mean, health.cpu_wanted_percent_mean) == (40.0, 90.0)


def test_generator_health_of_a_run_without_steady_state_is_that_of_all_of_it() -> None:
    one = Process()
    records: list[Record] = [one.generator(1, 80.0, [5.0] * 99), one.generator(2, 30.0)]
    health = summary_of(records).generator
    # 99 lags are too few
    assert health == GeneratorHealth(1, 80.0, None, 0, 55.0, 55.0, 0.0, capacity_by_process={"1": 64})


def test_reports_that_never_arrived_are_counted_per_process() -> None:
    one, two = Process("1"), Process("2")
    of_one = [one.requests(second, [1]) for second in range(6)]
    of_two = [two.requests(second, [1]) for second in range(6)]

    assert summary_of([*of_one, *of_two]).generator.lost_reports == 0
    assert summary_of([*of_one[:2], *of_one[4:], *of_two[1:]]).generator.lost_reports == 3


def test_counts_of_all_processes_are_set_beside_each_other() -> None:
    one, two = Process("1"), Process("2")
    records: list[Record] = [one.requests(0, [1, 2]), two.requests(0, [3]), one.end(2), two.end(1)]

    counts = summary_of(records, backend_log=3).reconciliation
    assert counts == Reconciliation(3, 3, 3)
    assert counts.agrees
    assert summary_of(records[:-1]).reconciliation == Reconciliation(3, None, None)


def test_coverage_tells_what_preflight_and_load_found() -> None:
    def check(operation: str, works: Works, *differs: str) -> OperationCheck:
        return OperationCheck("reader", operation, "GET", "/", works, differs=differs)

    preflight = PreflightReport(
        "http://localhost:8015",
        "agent-mitra-backend",
        "1",
        ("login",),
        (
            check("login", Works.YES, "role is 'x'"),
            check("login", Works.YES, "role is 'x'", "field user is missing"),
            check("policies.list", Works.MISSING),
            check("policies.read", Works.BROKEN),
            check("policies.create", Works.LEFT_OUT),
            check("policies.premiums", Works.NO_DATA),
            replace(check("leads.list", Works.YES), empty_answer="GET /leads/ answered []", rows_read=12),
        ),
        ("reader / browsing",),
    )
    one = Process()
    why = "needs a policy_id; GET /leads/ answered []"
    records: list[Record] = [
        one.not_possible(1, "policies.premiums", 2, why), one.not_possible(2, "policies.premiums", 1, why),
    ]  # fmt: skip
    summary = build(make_plan(), Aggregate.of(records), preflight=preflight, roles=ROLES)

    assert replace(summary.coverage, planned=(), not_exercised=()) == Coverage(
        offered=6,
        missing=("reader / policies.list",),
        broken=("reader / policies.read",),
        left_out=("reader / policies.create",),
        not_possible={"policies.premiums": 3},
        dead_behaviours=("reader / browsing",),
        differs=("login: role is 'x'", "login: field user is missing"),
        lacking=(Lack("reader", "policies.premiums", f"{why} although the database read 12 rows", 3),),
        empty=("reader / GET /leads/ answered [] although the database read 12 rows",),
    )


def test_what_was_exercised_is_what_requests_were_sent_of() -> None:
    """At any time of the run, however they ended; an action that never began sent nothing."""
    one = Process()
    records: list[Record] = [
        one.requests(1, [10.0], where=("reader", "login", "login")),
        one.requests(2, failed_ms=[10.0], where=("reader", "browsing", "policies.list")),
        one.not_started(3, [10.0], where=("writer", "creating", "policies.create")),
    ]
    coverage = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES).coverage

    assert "reader / login" in coverage.planned
    assert {"writer / login", "writer / policies.create"} <= set(coverage.not_exercised)
    assert not {"reader / login", "reader / policies.list"} & set(coverage.not_exercised)
    assert (coverage.exercised, coverage.excluded) == (2, ())
    plan = make_plan()
    plan = replace(plan, scenario=replace(plan.scenario, exclude=("policies.create",)))
    coverage = build(plan, Aggregate.of(records), preflight=None, roles=ROLES).coverage
    assert coverage.excluded == ("writer / policies.create",)


def test_a_role_that_has_no_user_for_want_of_users_was_planned_and_others_were_not() -> None:
    planned = {
        absent: build(
            replace(make_plan(), users_by_role={"reader": 2}, absent_roles=absent),
            Aggregate.of([]),
            preflight=None,
            roles=ROLES,
        ).coverage.planned
        for absent in ((), ("writer",))
    }
    assert not any(entry.startswith("writer / ") for entry in planned[()])
    assert "writer / policies.create" in planned["writer",]


def test_answers_of_a_rate_limit_are_counted_apart() -> None:
    one = Process()
    limited = one.requests(2, [1], [1, 1, 1], kind=FailureKind.RATE_LIMIT, message="HTTP 429")
    summary = summary_of([limited, one.requests(3, [1], [1], message="HTTP 500")])

    assert summary.whole_run == WholeRun(requests=6, failures=4, wrong_answers=0, rate_limited=3)


def test_what_was_sent_is_known_where_every_process_says_so() -> None:
    one, two = Process("1"), Process("2")
    records = [one.requests(2, [1, 1]), one.end(2, sent=3, unrecorded=1), two.requests(2, [1]), two.end(1, sent=1)]

    counts = summary_of(records).reconciliation
    assert (counts.recorded, counts.sent, counts.unrecorded, counts.agrees) == (3, 4, 1, True)
    lost_one = [one.requests(2, [1]), one.end(1, sent=2)]
    assert not summary_of(lost_one).reconciliation.agrees
    old = [*records[:3], two.end(1)]
    assert summary_of(old).reconciliation.sent is None
    assert summary_of(records[:3]).reconciliation.sent is None  # a process without its last record


def test_errors_of_all_processes_are_one_group_for_each_place() -> None:
    one, two = Process("1"), Process("2")
    records = [
        one.requests(2, [1]),
        one.suite_errors("roles.mine:3 step", "KeyError: 'a'", 2),
        two.suite_errors("roles.mine:3 step", "KeyError: 'b'", 3),
        one.suite_errors("roles.mine:3 step", "KeyError: 'a'", 1),
        two.suite_errors("roles.mine:9 step", "ValueError", 4),
        one.end(1),
    ]
    own = (SuiteErrorGroup("perfsuite.run.archive:1 keep", "OSError", 1),)
    summary = summary_of(records, suite_errors=own)

    assert [(group.place, group.message, group.count) for group in summary.suite_errors] == [
        ("roles.mine:3 step", "KeyError: 'a'", 6),
        ("roles.mine:9 step", "ValueError", 4),
        ("perfsuite.run.archive:1 keep", "OSError", 1),
    ]
    assert summary.generator.processes == 1  # a process that only had errors made no load
    assert summary.generator.lost_reports == 0


def test_circumstances_are_passed_on() -> None:
    cleanup = Cleanup(created=3, removed=2, not_removed=("policy 7",))
    summary = summary_of([], cleanup=cleanup, ended="interrupted", environment={"python": "3.11"})
    assert (summary.cleanup, summary.ended, summary.environment) == (cleanup, "interrupted", {"python": "3.11"})


def random_run(dice: random.Random) -> list[Record]:
    processes = [Process(name) for name in "123"]
    places = [(role.slug, b.name, step.operation) for role in ROLES for b in role.behaviours for step in b.steps]
    records: list[Record] = steady_run(processes[0], [])
    for _ in range(400):
        process = dice.choice(processes)
        second = dice.randrange(23)
        ok = [dice.lognormvariate(3, 1) for _ in range(dice.randrange(4))]
        failed = [dice.lognormvariate(4, 1) for _ in range(dice.randrange(3) // 2)]
        message = f"answered {dice.choice([500, 502, 503])}"
        records += [
            process.requests(second, ok, failed, where=dice.choice(places), message=message),
            process.acts(second, [dice.uniform(1, 99)] * 3, [dice.uniform(1, 99)]),
            process.not_started(second, [dice.uniform(1, 99)], where=dice.choice(places)),
            process.arrivals(second, 3, [dice.uniform(1, 99)] * 2, dice.randrange(9)),
            process.users(second, reader=dice.randrange(5), writer=dice.randrange(5)),
            process.generator(second, dice.uniform(1, 99), [dice.uniform(0, 9)]),
            process.not_possible(second, dice.choice(places)[2], 1),
        ]
    return [*records, *(process.end(dice.randrange(999)) for process in processes)]


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_records_does_not_matter(seed: int) -> None:
    dice = random.Random(seed)
    records = random_run(dice)
    expected = summary_of(records)

    for _ in range(3):
        dice.shuffle(records)
        assert summary_of(records) == expected


@pytest.mark.parametrize("seed", range(3))
def test_totals_are_the_sums_of_their_parts(seed: int) -> None:
    summary = summary_of(random_run(random.Random(seed)))

    for period in ("ramp-up", "steady", "ramp-down"):
        rows = [row for row in summary.rows if row.period == period]
        total = next(row.statistics for row in rows if {row.role, row.behaviour, row.operation} == {ALL})
        leaves = [row.statistics for row in rows if ALL not in (row.role, row.behaviour, row.operation)]
        in_seconds = [second.statistics for second in summary.seconds if second.period == period]
        for parts in (leaves, in_seconds):
            assert sum(part.requests for part in parts) == total.requests
            assert sum(part.failures for part in parts) == total.failures
    assert sum(row.statistics.requests for row in summary.second_rows) == summary.whole_run.requests


def test_unknown_roles_and_operations_come_last() -> None:
    one = Process()
    records = steady_run(one, [one.requests(9, [1], where=("auditor", "prying", "secrets.list")), one.requests(9, [1])])
    known: tuple[Role, ...] = (READER,)
    summary = build(make_plan(), Aggregate.of(records), preflight=None, roles=known)
    assert [row.role for row in summary.rows if row.period == "steady" and row.operation == ALL] == [
        ALL,
        "reader",
        "reader",
        "auditor",
        "auditor",
    ]


def test_requests_whose_token_had_expired_are_counted_apart_and_among_those_sent() -> None:
    one = Process()
    summary = summary_of(
        steady_run(
            one,
            [
                one.requests(5, [10, 20], [30], ended=3, expired=2),
                one.requests(6, expired=1, where=("writer", "creating", "policies.create")),
                one.end(6),
            ],
        )
    )

    assert summary.whole_run == WholeRun(requests=3, failures=1, wrong_answers=0, expired=3)
    assert summary.reconciliation == Reconciliation(recorded=6, locust_total=6, backend_log=None)
    assert (summary.totals.requests, summary.totals.failures) == (3, 1)
    assert {row.role for row in (*summary.rows, *summary.second_rows)} == {ALL, "reader"}


def test_pauses_before_a_login_that_waits_are_time_of_users_and_no_behaviour() -> None:
    """Little's law: a user who waits for its login is accounted for."""
    one = Process()
    waited = Actions(one.name, next(one.numbers), START + 5, "reader", LOGIN, 0, 0, pauses=1, pause_us=9_000_000)
    records = [one.acts(second, [100.0], [900.0]) for second in range(4, 22)]
    counts = [one.users(second, reader=2) for second in range(22)]
    with_pause, without = (summary_of(steady_run(one, [*records, *counts, *more])) for more in ([waited], []))

    assert with_pause.behaviours == without.behaviours
    assert with_pause.occupancy[0].accounted - without.occupancy[0].accounted == pytest.approx(9 / 18)
