"""Merged records give the same figures as those of the single processes, however they are split, mixed and taken."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.cells import Cells
from perfsuite.measurements.merge import Merger
from perfsuite.measurements.packed import Packed, pack, unpack
from perfsuite.measurements.records import (
    MERGED,
    Arrivals,
    End,
    ErrorCount,
    Generator,
    Phase,
    RawSampleState,
    Record,
    Requests,
    SuiteErrors,
    Times,
    Users,
    WorkerLost,
)
from perfsuite.measurements.totals import RequestTotals, totals_of
from perfsuite.model import FailureKind, Remark
from perfsuite.summary.users import logging_in_by_second, users_by_second
from tests.measurements.samples import failed, sample

START = 1_772_357_400
SECONDS = 14
ROLES = ("reader", "writer")
PLACES = (
    ("reader", "browsing", "policies.list"),
    ("reader", "paying", "payments.create"),
    ("writer", "login", "login"),
)


class Worker:
    """One process that makes random records."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name, self.rng = name, rng
        self.cells, self.numbers = Cells(), count(1)
        self.users = rng.randint(0, 5)

    def batches(self, first: int, last: int) -> Iterator[list[Record]]:
        """One for each second but those in which it was too busy to report."""
        for second in range(first, last + 1):
            self.work(second)
            if self.rng.random() < 0.8 or second == last:
                yield self.report(second)
        if self.rng.random() < 0.5:
            yield self.report(last)
        yield [
            SuiteErrors(self.name, next(self.numbers), "recorder", "no room", 1),
            RawSampleState(
                self.name, next(self.numbers), f"samples-{self.name}.csv.gz", self.cells.recorded, whole=True
            ),
            End(self.name, next(self.numbers), self.cells.recorded, self.cells.recorded, "completed", sent=1),
        ]

    def report(self, second: int) -> list[Record]:
        logging_in = self.rng.choice([0, 0, self.users])
        return [
            *self.cells.take(self.name, self.numbers),
            Users(self.name, next(self.numbers), second, dict.fromkeys(ROLES, self.users), logging_in),
            Generator(self.name, next(self.numbers), second, 40.0, Times({7: 1}, 7, 7, 7), 1, connections={"a:1": 1}),
        ]

    def work(self, second: int) -> None:
        rng = self.rng
        self.users = min(max(self.users + rng.choice([-1, 0, 0, 1]), 0), 9)
        self.cells.waiting = rng.choice([0, 0, 1, 5])
        for _ in range(rng.choice([0, 1, 3, 30])):
            # Some are due in an earlier second, as actions that waited are.
            key = (second - rng.choice([0, 0, 0, 2]), *rng.choice(PLACES))
            self._request(key, f"{self.name}-{rng.getrandbits(32)}")
        self.cells.action((second, "reader", "browsing"), rng.randrange(9_000_000), succeeded=rng.random() < 0.9)
        self.cells.pause((second, "reader", "browsing"), rng.randrange(9_000_000))
        self.cells.not_possible((second, *PLACES[1]), rng.choice(["no policy", "no payment"]))
        self.cells.not_started((second, *PLACES[0]), rng.randrange(9_000_000))
        self.cells.arrival(second)
        self.cells.begun(second - 1, rng.randrange(3000), second=second)

    def _request(self, key: tuple[int, str, str, str], request_id: str) -> None:
        took_us = int(self.rng.lognormvariate(9, 2)) % 60_000_000
        more: dict[str, Any] = {"request_id": request_id, "sent_s": self.rng.random()}
        match self.rng.randrange(8):
            case 0:
                kind = self.rng.choice([FailureKind.STATUS, FailureKind.TIMEOUT, FailureKind.UNFINISHED])
                self.cells.failure(sample(key, took_us, **more), (kind.value, self.rng.choice(["HTTP 500", "late"])))
            case 1:
                self.cells.expired(sample(key, took_us, **more))
            case 2:
                remark = Remark("X-Process-Time", self.rng.choice(["negative", "not a number"]), "-1")
                self.cells.request(sample(key, took_us, server_us=3, connect_us=50, remarks=(remark,), **more))
            case _:
                self.cells.request(
                    sample(key, took_us, server_us=took_us // 2, retries=self.rng.choice([0, 1]), **more)
                )


def mixed(batches: Sequence[Iterator[list[Record]]], rng: random.Random) -> Iterator[list[Record]]:
    """The batches of each in their order, those of several in any."""
    left = list(batches)
    while left:
        one = rng.choice(left)
        batch = next(one, None)
        if batch is None:
            left.remove(one)
        else:
            yield batch


def merged(batches: Sequence[list[Record]], merger: Merger, rng: random.Random) -> list[Record]:
    """What is written when it is taken now and then."""
    written: list[Record] = []
    for batch in batches:
        if rng.random() < 0.5:
            merger.add(batch[0].worker, batch)
        else:
            merger.add_packed(batch[0].worker, as_it_travels(batch))
        if rng.random() < 0.3:
            written += merger.take()
    return written + merger.take()


def as_it_travels(batch: list[Record]) -> Packed:
    """What the master gets of a batch."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(pack(batch)), type=Packed)


def run_of(rng: random.Random, workers: int) -> list[list[Record]]:
    """The batches of a run, in the order in which they arrive; one process is lost, another joins late."""
    others = [Worker(f"worker-{number}", rng).batches(START, START + SECONDS) for number in range(2, workers + 1)]
    first = Worker("worker-1", rng).batches(START, START + rng.randint(0, SECONDS))
    begun = [next(others[0]) for _ in range(rng.choice([0, 0, 3]))] if others else []
    lost_at = START + rng.uniform(1, SECONDS)
    own: list[list[Record]] = [
        [Phase("coordinator", 1, "ramp-up", START)],
        [WorkerLost("coordinator", 2, f"worker-{workers}", lost_at, 3, "silent")],
        [Phase("coordinator", 3, "end", START + SECONDS)],
    ]
    return [*begun, *mixed([first, *others, iter(own)], rng)]


def figures(aggregate: Aggregate) -> dict[str, Any]:
    """Everything that summary, live view and exporter read."""
    seconds = range(START - 3, START + SECONDS + 1)
    reported = [second for second in seconds if any(second in each for each in aggregate.users.values())]
    since = range(min(reported), START + SECONDS + 1)
    return {
        "totals": {number: totals_of(second.due) for number, second in aggregate.seconds.items()},
        "by operation": _by_operation(aggregate),
        "actions": _actions(aggregate),
        "arrivals": _arrivals(aggregate),
        "users": users_by_second(aggregate, since, ROLES),
        "logging in": logging_in_by_second(aggregate, since),
        "slowest": aggregate.slowest(seconds),
        "remarks": _remarks(aggregate),
        **{
            name: getattr(aggregate, name)
            for name in (
                *("first", "last", "by_role", "requests", "lines", "answered", "expired", "retries", "connections"),
                *("failures", "not_possible", "workers", "phases", "lost", "suite_errors", "reported_until"),
            )
        },
        "arrival totals": aggregate.arrivals,
        "ends": {name: (end.recorded, end.sent) for name, end in aggregate.ends.items()},
        "raw": {name: (state.file, state.written) for name, state in aggregate.raw_samples.items()},
        "processes": {name: totals.loop_lag for name, totals in aggregate.processes.items()},
        "lost reports": aggregate.lost_reports,
    }


def _by_operation(aggregate: Aggregate) -> dict[Any, RequestTotals]:
    found: dict[Any, list[Requests]] = {}
    for second in aggregate.seconds.values():
        for record in second.requests:
            found.setdefault((record.role, record.behaviour, record.operation), []).append(record)
    return {key: totals_of(records) for key, records in found.items()}


def _actions(aggregate: Aggregate) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for second in aggregate.seconds.values():
        for one in second.actions:
            for what in ("actions", "succeeded", "pauses", "pause_us"):
                found[one.second, one.behaviour, what] += getattr(one, what)
            for bucket, times in one.times.counts.items():
                found[one.second, one.behaviour, bucket] += times
    return found


def _arrivals(aggregate: Aggregate) -> dict[int, Any]:
    found = {}
    for number, second in aggregate.seconds.items():
        longest: dict[str, int] = {}
        for one in second.arrivals:
            longest[one.worker] = max(one.waiting, longest.get(one.worker, 0))
        sums = [sum(getattr(one, name) for one in second.arrivals) for name in ("due", "begun", "beginnings")]
        found[number] = (*sums, sum(longest.values()))
    return found


def _remarks(aggregate: Aggregate) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for second in aggregate.seconds.values():
        for record in second.requests:
            for remark in record.remarks:
                found[remark.about, remark.why] += remark.count
    return found


@pytest.mark.parametrize("seed", range(60))
def test_merged_records_give_the_figures_of_the_single_ones(seed: int) -> None:
    rng = random.Random(seed)
    batches = run_of(rng, workers=rng.randint(1, 4))
    written = merged(batches, Merger(), rng)

    single, together = (figures(Aggregate.of(records)) for records in ((r for b in batches for r in b), written))

    for name, of_single in single.items():
        assert together[name] == of_single, name


def test_records_of_one_process_stay_as_they_are() -> None:
    rng = random.Random(7)
    batches = [*mixed([Worker("worker-1", rng).batches(START, START + 5)], rng)]

    assert merged(batches, Merger(), rng) == [record for batch in batches for record in batch]


def test_the_file_does_not_grow_with_the_number_of_processes() -> None:
    def cells(workers: int) -> int:
        merger = Merger()
        for number in range(workers):
            worker = Worker(f"worker-{number}", random.Random(3))
            worker.work(START)
            merger.add(worker.name, worker.report(START))
        return sum(not isinstance(record, Generator) for record in merger.take())

    assert cells(50) == cells(2)


def test_what_merging_makes_survives_the_way_between_processes() -> None:
    rng = random.Random(11)
    batches = [*mixed([Worker(f"worker-{number}", rng).batches(START, START + 3) for number in (1, 2)], rng)]

    assert [unpack(as_it_travels(batch)) for batch in batches] == batches


def test_which_requests_failed_is_not_recorded_of_several_processes() -> None:
    merger = Merger()
    for name in ("worker-1", "worker-2"):
        cells = Cells()
        cells.failure(failed((START, *PLACES[0]), 700, "HTTP 500"), ("http status", "HTTP 500"))
        merger.add(name, cells.take(name, count(1)))

    [record] = merger.take()

    assert isinstance(record, Requests)
    assert record.worker == MERGED
    assert record.errors == [ErrorCount("http status", "HTTP 500", 2, "")]


def test_a_late_report_of_a_second_completes_the_sum_of_its_users() -> None:
    merger = Merger()
    merger.add("worker-1", [Users("worker-1", 1, START, {"reader": 3})])
    merger.add("worker-2", [Users("worker-2", 1, START, {"reader": 4})])
    written = merger.take()
    merger.add("worker-3", [Users("worker-3", 1, START, {"reader": 5})])
    written += merger.take()

    assert users_by_second(Aggregate.of(written), [START], ["reader"]) == {START: {"reader": 12}}


def test_what_arrived_is_counted_by_process() -> None:
    merger, cells = Merger(), Cells()
    cells.request(sample((START, *PLACES[0]), 700))
    cells.failure(failed((START + 2, *PLACES[0]), 700), ("http status", "HTTP 500"))
    cells.expired(sample((START, *PLACES[0]), 700))
    records = cells.take("worker-1", count(1))
    merger.add("worker-1", records)

    counts = merger.counts["worker-1"]

    assert (counts.requests, counts.first, counts.last) == (cells.recorded, START, START + 2)
    assert counts.lost_records == 0


def test_missing_numbers_are_counted_though_merged_records_have_others() -> None:
    merger = Merger()
    merger.add("worker-1", [Users("worker-1", 1, START, {}), Users("worker-1", 4, START + 1, {})])

    assert merger.counts["worker-1"].lost_records == 2


def test_a_queue_lasts_as_long_as_the_longest_report_of_a_second() -> None:
    merger = Merger()
    for name, waiting in (("worker-1", 4), ("worker-2", 2), ("worker-1", 3)):
        merger.add(name, [Arrivals(name, 1, START, 1, 0, Times(), waiting)])

    [record] = merger.take()

    assert isinstance(record, Arrivals)
    assert (record.due, record.waiting) == (3, 6)
