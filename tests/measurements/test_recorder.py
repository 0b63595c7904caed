"""The recorder: from Locust's request events to records, and to the last one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from perfsuite.clock import utc_s
from perfsuite.measurements.health import Health
from perfsuite.measurements.recorder import Recorder
from perfsuite.measurements.records import End, Generator, Phase, Record, Requests, SuiteErrors, Users, histogram_of
from perfsuite.model import FailureKind, Remark, SuiteErrorGroup
from perfsuite.model.failures import Failure
from tests.measurements.samples import sample

T = TypeVar("T")
SENT_AT = 1_772_357_400.75


class Shelf:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.flushed: list[int] = []
        self.closed = False

    def write(self, record: Record) -> None:
        assert not self.closed
        self.records.append(record)

    def flush(self) -> None:
        self.flushed.append(len(self.records))

    def close(self) -> None:
        self.closed = True

    def of(self, kind: type[T]) -> list[T]:
        return [record for record in self.records if isinstance(record, kind)]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    yield Shelf()


KEY = (int(SENT_AT), "policyholder", "profile access", "users.me")


def _request(recorder: Recorder, elapsed_us: int, **more: Any) -> None:
    recorder.request(sample(KEY, elapsed_us, request_id="id-1", sent_s=0.75, **more))


def _recorded(recorder: Recorder, shelf: Shelf) -> Requests:
    recorder.tick({})
    (record,) = shelf.of(Requests)
    return record


def test_a_request_of_ours(shelf: Shelf) -> None:
    recorder = Recorder("w1", shelf)
    _request(recorder, 12_345)
    record = _recorded(recorder, shelf)

    assert (record.worker, record.second) == ("w1", int(SENT_AT))
    assert (record.role, record.behaviour, record.operation) == ("policyholder", "profile access", "users.me")
    assert (record.ok.sum_us, record.failed.counts) == (12_345, {})


def test_the_parts_of_the_time_are_kept_apart(shelf: Shelf) -> None:
    recorder = Recorder("w1", shelf)
    late = sample(KEY, 1000, sent_s=3.5, due_at=KEY[0] + 0.5, server_us=400, connect_us=200, tls_us=100)
    recorder.request(late)
    recorder.tick({})

    due, ended = shelf.of(Requests)
    assert (due.second, due.ok.sum_us, due.ended) == (int(SENT_AT), 3_001_000, 0)
    assert (due.service.sum_us, due.server.sum_us, due.connects.sum_us, due.tls.sum_us) == (700, 400, 200, 100)
    assert (ended.second, ended.ok.counts, ended.ended) == (int(SENT_AT) + 3, {}, 1)


def test_remarks_are_counted_by_what_they_are_about_and_why(shelf: Shelf) -> None:
    late = Remark("X-Process-Time", "it is negative", "-1 for an answer that took 4.0 ms")
    other = Remark("X-Process-Time", "it is not a number", "soon for an answer that took 4.0 ms")
    recorder = Recorder("w1", shelf)
    for remarks in ((late,), (), (other,), (replace(late, example="-2 for …"),)):
        _request(recorder, 4000, remarks=remarks)
    recorder.tick({})

    (record,) = shelf.of(Requests)
    assert record.remarks == [replace(late, count=2), other]


def test_a_request_whose_token_had_expired_is_counted_under_its_operation_and_has_no_time(shelf: Shelf) -> None:
    recorder = Recorder("w1", shelf)
    _request(recorder, 4000, expired=True)
    _request(recorder, 4000)
    recorder.tick({})

    (record,) = shelf.of(Requests)
    assert (record.operation, record.expired, record.ended) == ("users.me", 1, 1)
    assert (record.ok.sum_us, record.failed.counts, record.service.sum_us) == (4000, {}, 4000)
    assert recorder.cells.recorded == 2


def test_a_failure_of_ours(shelf: Shelf) -> None:
    recorder = Recorder("w1", shelf)
    _request(recorder, 1000, failure=Failure(FailureKind.STATUS, "HTTP 500"))
    record = _recorded(recorder, shelf)

    assert (record.ok.counts, record.failed.sum_us) == ({}, 1000)
    assert [(error.kind, error.message, error.request_id) for error in record.errors] == [
        ("http status", "HTTP 500", "id-1")
    ]


def test_a_request_of_a_plain_locust_user(shelf: Shelf) -> None:
    recorder = Recorder("w1", shelf)
    recorder.foreign_request(request_type="GET", name="/x", response_time=2, response_length=0, start_time=SENT_AT)
    record = _recorded(recorder, shelf)

    assert (record.second, record.role, record.behaviour, record.operation) == (int(SENT_AT), "other", "other", "/x")
    assert record.ok.sum_us == 2000


@pytest.mark.parametrize("response_time", [pytest.param(None, id="without a time"), pytest.param(0, id="at once")])
def test_an_event_of_a_plug_in_without_time_or_start(shelf: Shelf, response_time: float | None) -> None:
    recorder, before = Recorder("w1", shelf), int(utc_s())
    recorder.foreign_request(name="message", response_time=response_time, exception=ValueError("bad"))
    record = _recorded(recorder, shelf)

    assert before <= record.second <= int(utc_s())
    assert [(error.kind, error.message, error.request_id) for error in record.errors] == [("ValueError", "bad", "")]


def test_a_tick_tells_of_the_second_that_has_ended(shelf: Shelf) -> None:
    began = utc_s()
    recorder = Recorder("w1", shelf)
    recorder.health.add_lag(250)
    time.sleep(1.0 - utc_s() % 1.0 + 0.01)
    this_second = int(utc_s())

    recorder.tick({"policyholder": 3})

    (users,) = shelf.of(Users)
    (generator,) = shelf.of(Generator)
    assert (users.second, users.by_role) == (this_second - 1, {"policyholder": 3})
    assert (generator.second, generator.loop_lag.sum_us) == (this_second - 1, 250)
    assert generator.memory_bytes > 1_000_000
    assert 0 < generator.span_s < utc_s() - began
    assert shelf.flushed == [2]


def test_users_are_kept_as_they_were(shelf: Shelf) -> None:
    alive = {"policyholder": 3}
    recorder = Recorder("w1", shelf)
    recorder.tick(alive)
    alive["policyholder"] = 4

    assert shelf.of(Users)[0].by_role == {"policyholder": 3}


def test_the_end_hands_over_the_rest_and_both_counts(shelf: Shelf) -> None:
    recorder = Recorder("w1", shelf)
    recorder.phase("ramp-up")
    for _ in range(3):
        _request(recorder, 1000)
    recorder.tick({"policyholder": 1})
    _request(recorder, 1000)

    recorder.rest({"policyholder": 0})
    recorder.errors([SuiteErrorGroup("roles.mine:3 step", "KeyError: 'id'", 2, "suite-errors.log")])
    recorder.end(4, "interrupted", sent=5, unrecorded=1)

    assert sum(sum(record.ok.counts.values()) for record in shelf.of(Requests)) == 4
    assert [phase.name for phase in shelf.of(Phase)] == ["ramp-up"]
    last = shelf.records[-1]
    assert isinstance(last, End)
    assert (last.recorded, last.locust_total, last.reason) == (4, 4, "interrupted")
    assert (last.sent, last.unrecorded) == (5, 1)
    (error,) = shelf.of(SuiteErrors)
    assert (error.place, error.message, error.count, error.ends_load) == (
        "roles.mine:3 step",
        "KeyError: 'id'",
        2,
        False,
    )
    assert [record.sequence for record in shelf.records] == list(range(1, len(shelf.records) + 1))
    assert shelf.closed
    assert shelf.flushed[-1] == len(shelf.records)


def test_lags_begin_anew_each_time() -> None:
    health = Health()
    health.add_lag(100)
    health.add_lag(300)

    assert health.take().loop_lag.sum_us == 400
    assert health.take().loop_lag.counts == {}


def test_a_pause_counts_for_every_probe_that_was_due_in_it() -> None:
    health = Health()

    due_at = health.add_lags(100.0, 99.9, 0.25)  # a timer that fires early
    assert due_at == 100.0
    due_at = health.add_lags(due_at, 101.0, 0.25)

    assert due_at == 101.25
    lag = histogram_of(health.take().loop_lag)
    assert (lag.count, lag.sum_us, lag.max_us) == (5, 2_500_000, 1_000_000)
    health.close()


def test_cpu_is_that_of_this_process_over_the_time_since_the_last() -> None:
    began = time.perf_counter()
    health, used_s = Health(), time.process_time()
    while time.process_time() < used_s + 0.3:
        pass
    busy, used_s, took_s = health.take(), time.process_time() - used_s, time.perf_counter() - began
    time.sleep(0.2)
    idle = health.take()

    # CPU time is counted in hundredths of a second; how much of a core there was to be had is the machine's matter.
    assert busy.cpu_percent / 100 * busy.span_s == pytest.approx(used_s, abs=0.05)
    assert 0.3 <= busy.span_s <= took_s
    assert idle.cpu_percent < busy.cpu_percent
    assert idle.span_s >= 0.2
    health.close()
