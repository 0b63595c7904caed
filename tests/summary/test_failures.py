"""Failures grouped for a person, how regularly they come, and when nobody at the target answered."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.cells import Cells
from perfsuite.measurements.records import Record, Requests
from perfsuite.messages import Message
from perfsuite.messages.failures import FailureMessage
from perfsuite.model import (
    ALL,
    CutOff,
    FailureGroup,
    FailureKind,
    FailurePattern,
    OperationCheck,
    Outage,
    PreflightReport,
    Works,
)
from perfsuite.summary import build
from perfsuite.summary.failures import MOST_GROUPS, OTHER_MESSAGES, cut_off, failure_groups, outages, target_lost_at
from perfsuite.summary.periods import PhaseTimes, timeline
from tests.measurements.samples import sample
from tests.repetitions import repetitions
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run

LIST = ("reader", "browsing", "policies.list")


def test_failures_are_grouped_with_the_most_frequent_first() -> None:
    one = Process()
    records = [
        one.requests(9, failed_ms=[1], message="answered 503"),
        one.requests(8, failed_ms=[1], message="answered 500"),
        one.requests(3, [1], [1, 2], message="answered 503"),
        one.requests(5, failed_ms=[1] * 4, kind=FailureKind.WRONG_ANSWER, message="policy_id is missing"),
    ]
    assert failure_groups(Aggregate.of(records).failures) == (
        FailureGroup(
            "reader", "policies.list", "wrong answer", "policy_id is missing", 4, START + 5, START + 5, "id-4"
        ),
        FailureGroup("reader", "policies.list", "http status", "answered 503", 3, START + 3, START + 9, "id-3"),
        FailureGroup("reader", "policies.list", "http status", "answered 500", 1, START + 8, START + 8, "id-2"),
    )


def test_an_empty_request_id_gives_way_to_one_that_can_be_looked_for() -> None:
    one = Process()
    nameless = one.requests(1, failed_ms=[1])
    for error in nameless.errors:
        nameless = Requests(
            *(getattr(nameless, name) for name in ("worker", "sequence", "second", "role", "behaviour", "operation")),
            nameless.ok,
            nameless.failed,
            [type(error)(error.kind, error.message, 1, "")],
        )
    assert failure_groups(Aggregate.of([nameless, one.requests(2, failed_ms=[1])]).failures)[0].request_id == "id-2"


def test_more_than_a_thousand_groups_are_added_up_by_kind() -> None:
    one = Process()
    records = [one.requests(n, failed_ms=[1] * (1 + (n < 5)), message=f"message {n:04}") for n in range(1200)]
    records += [one.requests(9, failed_ms=[1], kind=FailureKind.TIMEOUT, message="late")]
    groups = failure_groups(Aggregate.of(records).failures)

    assert len(groups) <= MOST_GROUPS
    assert sum(group.count for group in groups) == 1200 + 5 + 1
    others = {group.kind: group for group in groups if group.message == OTHER_MESSAGES}
    assert set(others) == {"http status", "timeout"} or set(others) == {"http status"}
    assert (others["http status"].role, others["http status"].operation) == (ALL, ALL)
    assert groups[0] == others["http status"]


OPERATIONS = ("policies.list", "policies.read", "users.me", "agents.list", "leads.list", "dashboard.system")
LIMITER = "HTTP 500: Rate limiter error: pop from an empty deque"
RATE = 50
"""Requests a second."""


def recorded(fails: Callable[[int], bool], order: Iterable[int], worker: str = "1") -> list[Record]:
    """Requests 1 … as the server counts them, which end here in `order`; some of them fail."""
    cells = Cells()
    for number in order:
        second = START + 4 + number // RATE
        key = (second, "reader" if number % 3 else "writer", "browsing", OPERATIONS[number * 7 % len(OPERATIONS)])
        elapsed_us = 2_000 if fails(number) else 20_000
        one = sample(key, elapsed_us, request_id=f"id-{number}")
        if fails(number):
            cells.failure(one, ("http status", LIMITER))
        else:
            cells.request(one)
    return cells.take(worker, itertools.count(10))


def patterns_of(records: list[Record], preflight: PreflightReport | None = None) -> tuple[FailurePattern, ...]:
    run = steady_run(Process("coordinator"), records, down=40)
    return build(make_plan(), Aggregate.of(run), preflight=preflight, roles=ROLES).failure_patterns


def every(distance: int, after: int = 0) -> Callable[[int], bool]:
    return lambda number: number > after and (number - after) % distance == 0


def nearly_in_order(requests: int, seed: int, reach: int = 8) -> Sequence[int]:
    """Up to some requests are on their way at once, so that they end in another order than they began."""
    dice = random.Random(seed)
    return sorted(range(1, requests + 1), key=lambda number: number + dice.uniform(0, reach))


def test_a_counter_before_the_operations_is_one_pattern_with_its_distance() -> None:
    (pattern,) = patterns_of(recorded(every(101, after=60), range(1, 701)))

    assert (pattern.kind, pattern.message, pattern.count) == ("http status", LIMITER, 6)
    assert set(pattern.operations) == set(OPERATIONS)
    assert set(pattern.roles) == {"reader", "writer"}
    assert (pattern.every_requests, pattern.exact, pattern.every_s) == (101, True, 2.0)
    assert (pattern.first_seen, pattern.last_seen) == (START + 4 + 161 // RATE, START + 4 + 666 // RATE)
    assert pattern.sentence.fields["spacing"] == "every 101st request, every 2 s"
    assert pattern.sentence.details == (FailureMessage.LIKELY_IN_FRONT(),)


@pytest.mark.parametrize("seed", range(10))
def test_requests_that_end_in_another_order_leave_the_distance_a_little_uncertain(seed: int) -> None:
    (pattern,) = patterns_of(recorded(every(101), nearly_in_order(1_200, seed)))
    assert pattern.every_requests == pytest.approx(101, abs=4)
    assert ", about every " in pattern.sentence or pattern.exact


def test_a_failure_that_somebody_else_met_leaves_a_gap_of_two_distances() -> None:
    (pattern,) = patterns_of(recorded(lambda number: number % 101 == 0 and number != 505, range(1, 1_200)))
    assert (pattern.every_requests, pattern.exact) == (101, True)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_random_failures_are_hardly_ever_said_to_be_regular(share: float) -> None:
    """200 runs of each in `make accuracy`; five failures in a row at equal distances do happen."""
    said = 0
    for seed in range(repetitions(60, of=200)):
        dice = random.Random(seed)
        failing = {1, *(number for number in range(2, 801) if dice.random() < share)}
        (pattern,) = patterns_of(recorded(failing.__contains__, range(1, 801)))
        said += pattern.every_s is not None
    assert said <= repetitions(1, of=2)


def test_four_failures_tell_no_distance() -> None:
    (pattern,) = patterns_of(recorded(every(101), range(1, 450)))
    assert (pattern.count, pattern.every_requests, pattern.spacing) == (4, None, "")


def test_of_two_processes_no_distance_in_requests_is_known() -> None:
    halves = [recorded(every(101), range(first, 2_000, 2), worker) for first, worker in ((1, "1"), (2, "2"))]
    (pattern,) = patterns_of([*halves[0], *halves[1]])
    assert (pattern.count, pattern.every_requests) == (19, None)


def test_a_failure_every_twelve_seconds_is_regular_in_time() -> None:
    """Of an old file, which does not number its failures, and at an uneven load."""
    one = Process()
    records = [
        one.requests(second, [10.0] * (3 + second % 4 * 9), [5.0] if second % 12 == 0 else [])
        for second in range(4, 76)
    ]
    (pattern,) = patterns_of(records)
    assert (pattern.every_requests, pattern.every_s) == (None, 12)
    assert pattern.sentence == "answered 500, 6 times, about every 12 s, in policies.list as reader"


def check(operation: str, works: Works, message: str = "") -> OperationCheck:
    return OperationCheck("reader", operation, "GET", "/", works, 500, message)


@pytest.mark.parametrize(
    ("checks", "seen"),
    [
        pytest.param((check("policies.list", Works.YES),), FailureMessage.NOT_SEEN_BEFORE(), id="all worked"),
        pytest.param(
            (check("users.list", Works.BROKEN, LIMITER),), FailureMessage.SEEN_BEFORE(where=["users.list as reader"]),
            id="the same message without load",
        ),
        pytest.param(
            (replace(check("users.me", Works.YES), failed_first=LIMITER),),
            FailureMessage.SEEN_BEFORE(where=["users.me as reader"]),
            id="it came once, and worked when it was tried again",
        ),
        pytest.param(
            (check("users.list", Works.BROKEN, "HTTP 500: no such table"),), FailureMessage.NOT_SEEN_BEFORE(),
            id="something else was broken",
        ),
    ],
)  # fmt: skip
def test_what_preflight_saw_is_distinguished_from_what_came_with_the_load(
    checks: tuple[OperationCheck, ...], seen: Message
) -> None:
    preflight = PreflightReport("http://localhost:8015", "agent-mitra-backend", "1", (), checks)
    (pattern,) = patterns_of(recorded(every(400), range(1, 450)), preflight)
    assert pattern.sentence.details[-1] == seen


def test_without_a_preflight_nothing_is_said_of_the_time_before_the_load() -> None:
    (pattern,) = patterns_of(recorded(every(400), range(1, 450)))
    assert (pattern.seen_before, pattern.sentence.details) == (None, ())


def test_the_most_frequent_pattern_comes_first() -> None:
    one = Process()
    records = [
        one.requests(5, failed_ms=[1.0], message="rare"),
        *(one.requests(6, failed_ms=[1.0] * 2, where=("reader", "browsing", name), message="often") for name in "ab"),
        one.not_started(7, [1.0] * 3),
    ]
    found = [(pattern.message, pattern.count, pattern.operations) for pattern in patterns_of(records)]
    assert found == [
        ("often", 4, ("a", "b")),
        ("the action was due but never began", 3, ("policies.list",)),
        ("rare", 1, ("policies.list",)),
    ]


def test_of_very_many_failures_no_distance_is_looked_for() -> None:
    one = Process()
    failing = [one.requests(second, failed_ms=[1.0] * 400) for second in range(4, 38)]
    (pattern,) = patterns_of(failing)
    assert (pattern.count, pattern.spacing) == (400 * 34, "")


LENGTH = 30
WHEN = timeline(PhaseTimes(START, START + 9, START + LENGTH, START + LENGTH + 1), START, START + LENGTH)


def aggregate_of(requests: Mapping[int, Sequence[Record]]) -> Aggregate:
    return Aggregate.of(record for records in requests.values() for record in records)


ONE = Process()
Made = Callable[[int], list[Requests]]


def failing(kind: FailureKind, message: str, number: int = 2) -> Made:
    return lambda at: [ONE.requests(at, failed_ms=[5.0] * number, kind=kind, message=message)]


def answered(at: int) -> list[Requests]:
    return [ONE.requests(at, [5.0, 6.0])]


def nothing(_at: int) -> list[Requests]:
    return []


REFUSED = failing(FailureKind.CONNECTION_REFUSED, "connection refused")
GATEWAY = failing(FailureKind.STATUS, "HTTP 502: Bad Gateway")
ERROR = failing(FailureKind.STATUS, "HTTP 500: it broke")
CUT = failing(FailureKind.UNFINISHED, "no answer yet when the run had to end")


def both(at: int) -> list[Requests]:
    return [*answered(at), *REFUSED(at)]


def found(*odd: tuple[range, Made]) -> list[tuple[int, int | None, int, str]]:
    """The outages of a run in which all is answered but in these seconds, counted from its start."""
    requests = {START + at: answered(at) for at in range(LENGTH)}
    for seconds, made in odd:
        requests |= {START + at: made(at) for at in seconds}
    return [
        (each.start - START, None if each.end is None else each.end - START, each.failed, each.message)
        for each in outages(aggregate_of(requests), WHEN)
    ]


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        pytest.param([], [], id="healthy"),
        pytest.param([(range(12, 18), REFUSED)], [(12, 18, 12, "connection refused")], id="in the steady state"),
        pytest.param([(range(2, 7), REFUSED)], [(2, 7, 10, "connection refused")], id="in the ramp-up"),
        pytest.param([(range(0, 5), REFUSED)], [(0, 5, 10, "connection refused")], id="from the first second on"),
        pytest.param([(range(25, 30), REFUSED)], [(25, None, 10, "connection refused")], id="to the end"),
        pytest.param(
            [(range(11, 12), both), (range(12, 18), REFUSED), (range(18, 19), both)],
            [(11, 18, 16, "connection refused")],
            id="seconds in which some were answered stand at its ends",
        ),
        pytest.param(
            [(range(12, 18), REFUSED), (range(13, 16), nothing)], [(12, 18, 6, "connection refused")],
            id="seconds without a request do not end it",
        ),
        pytest.param(
            [(range(12, 15), REFUSED), (range(16, 20), REFUSED)], [(12, 20, 14, "connection refused")],
            id="a second of life is none",
        ),
        pytest.param(
            [(range(4, 7), REFUSED), (range(20, 24), GATEWAY)],
            [(4, 7, 6, "connection refused"), (20, 24, 8, "HTTP 502: Bad Gateway")],
            id="two incidents, one of them behind a gateway",
        ),
        pytest.param([(range(12, 18), ERROR)], [], id="an error is an answer"),
        pytest.param([(range(12, 18), both)], [], id="some were answered all the time"),
        pytest.param([(range(12, 13), REFUSED)], [], id="a second is too short"),
        pytest.param([(range(22, 30), CUT)], [], id="unfinished requests say nothing"),
        pytest.param(
            [(range(12, 14), failing(FailureKind.CONNECTION_LOST, "lost", 1))], [], id="two connections that broke"
        ),
    ],
)  # fmt: skip
def test_outages(odd: list[tuple[range, Made]], expected: list[tuple[int, int | None, int, str]]) -> None:
    assert found(*odd) == expected


def test_what_the_end_cut_off_is_of_the_steady_state() -> None:
    requests = {START + at: CUT(at) for at in (3, 28, 29, 30)}

    assert cut_off(aggregate_of(requests), WHEN) == (CutOff("reader", "policies.list", 4),)


def test_a_target_is_not_lost_by_requests_that_the_end_cut_off() -> None:
    """Answers take 9 s, and the load waits for none of them at its end."""
    requests = {START + at: answered(at) if at < 21 else CUT(at) for at in range(LENGTH)}

    assert target_lost_at(aggregate_of(requests), WHEN) is None
    assert target_lost_at(aggregate_of(requests), WHEN, gave_up=True) == START + 21, (
        "unless the load gave up for want of answers"
    )


def test_the_summary_has_both() -> None:
    one = Process()

    def seconds(at: int) -> list[Record]:
        return [*REFUSED(at)] if 10 <= at < 14 else [*(CUT(at) if at == 21 else answered(at))]

    records = steady_run(one, [made for at in range(4, 22) for made in seconds(at)])
    summary = build(make_plan(), Aggregate.of(records), preflight=None, roles=ROLES)

    assert summary.outages == (Outage(START + 10, START + 14, 8, "connection refused"),)
    assert summary.cut_off == (CutOff("reader", "policies.list", 2),)


A, B, C, D = "answered", "unanswered", "answered with an error", "nothing sent"


@pytest.mark.parametrize(
    ("seconds", "lost_at"),
    [
        pytest.param([A] * 20, None, id="all was answered"),
        pytest.param([A] * 10 + [B] * 10, 10, id="nothing was answered from second 10 on"),
        pytest.param([A] * 15 + [B] * 5, 15, id="5 s are enough"),
        pytest.param([A] * 16 + [B] * 4, None, id="4 s are too short"),
        pytest.param([A] * 5 + [B] * 10 + [A] * 5, None, id="it came back"),
        pytest.param([A] * 10 + [C] * 10, None, id="an error is an answer"),
        pytest.param([A] * 10 + [D] * 4 + [B] + [D] * 5, 14, id="seconds without a request neither begin nor break"),
        pytest.param([A] * 10 + [D] * 10, None, id="without a request nothing is known"),
        pytest.param([B] * 20, 0, id="it never answered"),
    ],
)
def test_target_lost(seconds: list[str], lost_at: int | None) -> None:
    one = Process()
    made = {
        A: lambda at: [one.requests(at, [5])],
        B: lambda at: [one.requests(at, failed_ms=[5], kind=FailureKind.CONNECTION_REFUSED)],
        C: lambda at: [one.requests(at, failed_ms=[5]), one.requests(at, failed_ms=[9], kind=FailureKind.TIMEOUT)],
        D: lambda _at: [],
    }
    requests = [record for at, what in enumerate(seconds) for record in made[what](at)]
    # In the ramp-down the target is back: that is after the load.
    requests.append(one.requests(20, [5]))
    when = timeline(PhaseTimes(START, START + 2, START + 20, START + 21), START, START + 20)

    assert target_lost_at(Aggregate.of(requests), when) == (None if lost_at is None else START + lost_at)
