"""The slowest requests: what is written down is enough for the ten slowest of any steady state."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import pytest

from perfsuite.measurements.cells import Cells
from perfsuite.measurements.records import Record, Requests
from perfsuite.measurements.slowest import KEPT, SETTLED_AFTER_S, SlowRequest, slowest_of
from tests.measurements.samples import sample

START = 1_772_357_400
PLACE = ("reader", "browsing", "policies.list")


class Run:
    """One process that hands over every second what was due in it, and remembers all requests."""

    def __init__(self, place: tuple[str, str, str] = PLACE) -> None:
        self.cells = Cells()
        self.place = place
        self.written: list[tuple[int, SlowRequest]] = []
        self.all: list[tuple[int, int, str]] = []
        self._ids = itertools.count(1)

    def request(self, second: int, response_us: int) -> None:
        request_id = f"id-{next(self._ids)}"
        self.all.append((response_us, second, request_id))
        key = (START + second, *self.place)
        self.cells.request(sample(key, response_us, request_id=request_id, sent_s=7e-6))

    def turn(self, second: int, users: int = 5, logging_in: int = 0) -> int:
        """How many requests were written at the end of that second."""
        self.cells.slowest.turn(START + second, users, logging_in)
        new = [(record.second - START, one) for record in self.take() for one in record.slowest]
        self.written += new
        return len(new)

    def take(self) -> Iterator[Requests]:
        records: list[Record] = self.cells.take("w", itertools.count(1))
        return (record for record in records if isinstance(record, Requests))

    def settle(self, until: int = SETTLED_AFTER_S + 1) -> None:
        for second in range(until):
            self.turn(second)

    def found(self, begin: int, end: int) -> list[int]:
        """Times of the slowest in a span of seconds, as the file has them."""
        return [one.response_us for _second, one in slowest_of(each for each in self.written if begin <= each[0] < end)]

    def truth(self, begin: int, end: int) -> list[int]:
        return sorted((us for us, second, _id in self.all if begin <= second < end), reverse=True)[:KEPT]


def test_a_slow_request_has_its_id_time_status_and_parts() -> None:
    cells = Cells()
    key = (START, *PLACE)
    late = {"sent_s": 0.2505, "due_at": START + 0.25}
    cells.request(sample(key, 1_000, request_id="id-1", server_us=400, connect_us=200, tls_us=100, **late))
    cells.failure(sample(key, 900, request_id="id-2", status=503), ("http status", "HTTP 503"))

    (record,) = [each for each in cells.take("w", itertools.count(1)) if isinstance(each, Requests)]

    assert record.slowest == [
        SlowRequest(1_500, 250_000, "id-1", 200, 700, 400, 200, 100),
        SlowRequest(900, 0, "id-2", 503, 900, failure="http status"),
    ]


def test_of_one_second_the_ten_slowest_are_written_and_no_more() -> None:
    run = Run()
    for response_us in random.Random(1).sample(range(10_000), 500):
        run.request(0, response_us)

    assert run.turn(0) == KEPT
    assert run.found(0, 1) == run.truth(0, 1)


def test_of_requests_with_the_same_time_the_first_ones_stay() -> None:
    run = Run()
    for _ in range(30):
        run.request(0, 5_000)
    run.turn(0)

    assert sorted(one.request_id for _second, one in run.written) == sorted(f"id-{number}" for number in range(1, 11))


def _falling(second: int) -> int:
    return 1_000_000 - second * 1_000


def _rising(second: int) -> int:
    return 1_000 + second * 1_000


@pytest.mark.parametrize(
    "of_second",
    [
        pytest.param(lambda _second: 10_000, id="the same all the time"),
        pytest.param(_falling, id="slow while users log in, so that they displace the later ones"),
        pytest.param(_rising, id="slower and slower"),
    ],
)
def test_ramp_up_displaces_no_request_of_the_steady_state(of_second: Callable[[int], int]) -> None:
    """Users start over 20 s; the steady state begins up to 6 s after the last one and can end at any second."""
    dice, run = random.Random(2), Run()
    for second in range(150):
        for _ in range(dice.randrange(30)):
            run.request(second, round(of_second(second) * dice.lognormvariate(0, 0.5)))
        run.turn(second, users=min(second, 20))

    for begin, end in [(20, 150), (21, 22), (25, 149), (26, 150), (26, 60), (26, 61), (26, 119)]:
        assert run.found(begin, end) == run.truth(begin, end), (begin, end)


def test_a_user_that_logs_in_again_begins_anew() -> None:
    run = Run()
    run.settle()
    for number in range(10):
        run.request(16, 9_000 + number)
    run.turn(16)
    run.request(17, 5_000)
    assert run.turn(17, logging_in=1) == 1
    run.request(18, 4_000)
    assert run.turn(18) == 1


def test_a_settled_process_writes_only_what_may_be_among_the_ten_slowest() -> None:
    dice, run = random.Random(3), Run()
    run.settle()
    written = []
    for second in range(60, 600):
        for _ in range(40):
            run.request(second, round(dice.lognormvariate(10, 0.5)))
        written.append(run.turn(second))

    assert run.found(60, 600) == run.truth(60, 600)
    assert max(written) == KEPT
    assert sum(written) < 5 * 10 * KEPT  # it begins anew at 60, 75, 135, 255 and 495; 10 · (1 + ln 960) at most each


def test_a_late_answer_is_displaced_only_by_requests_that_were_due_no_later() -> None:
    run = Run()
    run.settle()
    run.request(20, 90_000)  # hangs in the next seconds
    late, run.cells = run.cells, Cells()
    run.cells.slowest = late.slowest
    for number in range(10):
        run.request(25, 100_000 + number)
    run.turn(25)
    run.cells._requests.update(late._requests)

    assert run.turn(26) == 1
    assert run.found(16, 25) == [90_000]


def test_a_new_beginning_forgets_what_was_written_before() -> None:
    run = Run()
    run.settle(20)
    for number in range(10):
        run.request(20, 100_000 + number)
    for second in range(20, 30):  # settled from 15 on, so that it begins anew at 30
        run.turn(second)
    run.request(29, 50_000)
    assert run.turn(30) == 1
    run.request(31, 40_000)
    assert run.turn(31) == 1


def test_late_answers_from_before_a_new_beginning_displace_nothing() -> None:
    run = Run()
    run.settle(30)  # settled from 15 on, so that it begins anew at 30
    for number in range(10):
        run.request(28, 100_000 + number)
    run.turn(30)
    run.request(31, 50_000)

    assert run.turn(31) == 1
    assert run.found(29, 40) == [50_000]


def test_operations_do_not_displace_each_other() -> None:
    run = Run()
    run.settle()
    for number in range(10):
        run.request(20, 9_000 + number)
    run.turn(20)
    run.place = ("reader", "checking", "policies.list")
    run.request(21, 10)

    assert run.turn(21) == 1
