"""Failures with one message as one pattern: over which operations, and how regularly."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.recorder import Cells, Parts
from perfsuite.measurements.records import Record
from perfsuite.model import FailurePattern, OperationCheck, PreflightReport, Works
from perfsuite.summary import build
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run

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
        if fails(number):
            cells.failure(key, 2_000, Parts(key[0], 2_000), ("http status", LIMITER), f"id-{number}")
        else:
            cells.request(key, 20_000, Parts(key[0], 20_000))
    return cells.take(worker, itertools.count(10))


def patterns_of(records: list[Record], preflight: PreflightReport | None = None) -> tuple[FailurePattern, ...]:
    run = steady_run(Process("conductor"), records, down=40)
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
    assert pattern.sentence == (
        f"{LIMITER}, 6 times, every 101st request, every 2 s, across 6 operations: likely something in front of the"
        " operations"
    )


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
    """200 runs of each; five failures in a row at equal distances do happen."""
    said = 0
    for seed in range(200):
        dice = random.Random(seed)
        failing = {1, *(number for number in range(2, 801) if dice.random() < share)}
        (pattern,) = patterns_of(recorded(failing.__contains__, range(1, 801)))
        said += pattern.every_s is not None
    assert said <= 2


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
        pytest.param((check("policies.list", Works.YES),), "not seen before the load", id="all worked"),
        pytest.param(
            (check("users.list", Works.BROKEN, LIMITER),), "seen before the load as well: users.list as reader",
            id="the same message without load",
        ),
        pytest.param(
            (replace(check("users.me", Works.YES), failed_first=LIMITER),),
            "seen before the load as well: users.me as reader",
            id="it came once, and worked when it was tried again",
        ),
        pytest.param(
            (check("users.list", Works.BROKEN, "HTTP 500: no such table"),), "not seen before the load",
            id="something else was broken",
        ),
    ],
)  # fmt: skip
def test_what_preflight_saw_is_told_from_what_came_with_the_load(checks: tuple[OperationCheck, ...], seen: str) -> None:
    preflight = PreflightReport("http://localhost:8015", "agent-mitra-backend", "1", (), checks)
    (pattern,) = patterns_of(recorded(every(400), range(1, 450)), preflight)
    assert pattern.sentence.endswith(f"; {seen}")


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
