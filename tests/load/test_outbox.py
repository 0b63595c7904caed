"""A worker's records on their way to the master."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from perfsuite.load.file_growth import FileGrowth
from perfsuite.load.messages import Ack, Batch, decode_records
from perfsuite.load.outbox import ACK_WITHIN_S, RESEND_AFTER_S, WINDOW, Outbox, requests_in
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.packed import unpack
from perfsuite.measurements.records import NotStarted, Phase, Record, Requests, Times, times_of

SECOND = 1_772_357_400


class Clock:
    """s, set by hand. `step`: it goes on by so much each time somebody looks."""

    def __init__(self) -> None:
        self.s = 100.0
        self.step = 0.0

    def __call__(self) -> float:
        self.s += self.step
        return self.s


class Master:
    """What arrives at the other end of a network that may lose it. `answers`: called with each batch."""

    def __init__(self, answers: Callable[[Batch], None] = lambda _batch: None) -> None:
        self.batches: list[Batch] = []
        self.answers = answers

    def __call__(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.answers(batch)

    @property
    def numbers(self) -> list[int]:
        return [batch.number for batch in self.batches]

    def take(self) -> list[int]:
        """Numbers of what came since the last call."""
        numbers, self.batches = self.numbers, []
        return numbers


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def master() -> Master:
    return Master()


@pytest.fixture
def outbox(master: Master, clock: Clock) -> Outbox:
    return Outbox(master, clock)


def _phase(number: int) -> Phase:
    return Phase("worker-1", number, "plateau", 0.0)


def _times(*times_us: int) -> Times:
    histogram = Histogram()
    for time_us in times_us:
        histogram.add(time_us)
    return times_of(histogram)


def _requests(number: int, second: int = SECOND, *, ok: int = 1, failed: int = 0, expired: int = 0) -> Requests:
    ok_times, failed_times = _times(*[1000] * ok), _times(*[2000] * failed)
    return Requests("worker-1", number, second, "caller", "look", "health", ok_times, failed_times, expired=expired)


def _next(outbox: Outbox, clock: Clock, *records: Record) -> None:
    """A second with these records."""
    for record in records:
        outbox.write(record)
    clock.s += 1.0
    outbox.flush()


def test_batches_are_numbered_from_1_and_hold_each_record_once(outbox: Outbox, clock: Clock, master: Master) -> None:
    _next(outbox, clock, _phase(1), _phase(2))
    _next(outbox, clock)
    _next(outbox, clock, _phase(3))

    assert master.numbers == [1, 2]
    assert [unpack(decode_records(batch.records)) for batch in master.batches] == [[_phase(1), _phase(2)], [_phase(3)]]
    assert (outbox.batches, outbox.unacknowledged) == (2, 2)


def test_the_requests_in_all_batches_are_counted(outbox: Outbox, clock: Clock) -> None:
    waited = NotStarted("worker-1", 3, SECOND + 9, "caller", "look", "health", _times(1))
    _next(outbox, clock, _requests(1, SECOND + 2, ok=2, failed=1, expired=3), _requests(2), waited)
    assert outbox.requests == 7
    _next(outbox, clock, _phase(4), _requests(5))
    assert outbox.requests == 8


def test_requests_are_counted_by_their_ends() -> None:
    assert requests_in(_requests(1, ok=2, failed=3, expired=4)) == 9


@pytest.mark.parametrize(
    ("every_s", "sent_at"),
    [
        pytest.param(1.0, [1, 2, 3, 4, 5, 6], id="each second"),
        pytest.param(3.0, [3, 6], id="with many workers less often"),
    ],
)
def test_a_batch_is_sent_as_often_as_the_master_asks(
    every_s: float, sent_at: list[int], clock: Clock, master: Master
) -> None:
    outbox, seconds = Outbox(master, clock, every_s=every_s), []
    for second in range(1, 7):
        outbox.write(_phase(second))
        clock.s = 100.0 + second - 0.3 * (second % 2)  # turns of seconds come with some jitter
        outbox.flush()
        outbox.on_ack(Ack(outbox.batches))
        seconds += [second] * len(master.take())

    assert seconds == sent_at


def test_workers_that_hand_over_every_third_second_do_so_in_different_ones(clock: Clock) -> None:
    masters = [Master() for _turn in range(3)]
    outboxes = [Outbox(master, clock, every_s=3.0, turn=turn) for turn, master in enumerate(masters)]
    seconds: list[list[int]] = [[], [], []]
    for second in range(3, 15):
        clock.s = 100.0 + second
        for outbox, master, sent_at in zip(outboxes, masters, seconds, strict=True):
            outbox.write(_phase(second))
            outbox.flush()
            outbox.on_ack(Ack(outbox.batches))
            sent_at += [second] * len(master.take())

    assert seconds == [[3, 6, 9, 12], [3, 5, 8, 11, 14], [3, 4, 7, 10, 13]]


def test_what_is_not_acknowledged_in_time_is_sent_again_the_oldest_first(
    outbox: Outbox, clock: Clock, master: Master
) -> None:
    _next(outbox, clock, _phase(1))
    sent_at = clock.s
    _next(outbox, clock, _phase(2))
    first = list(master.batches)
    master.take()
    clock.s = sent_at + RESEND_AFTER_S - 0.01
    outbox.flush()
    assert master.take() == []

    clock.s = sent_at + RESEND_AFTER_S
    outbox.flush()

    assert master.batches == first
    master.take()
    outbox.flush()
    assert master.take() == []  # not again at once


def test_while_the_master_is_behind_batches_wait_and_grow(outbox: Outbox, clock: Clock, master: Master) -> None:
    for number in range(WINDOW + 3):
        _next(outbox, clock, _phase(number))
    sent = outbox.batches

    outbox.on_ack(Ack(1))
    _next(outbox, clock, _phase(WINDOW + 3))

    waited = [_phase(number) for number in range(WINDOW, WINDOW + 4)]
    assert (sent, outbox.unacknowledged) == (WINDOW, WINDOW)
    assert unpack(decode_records(master.batches[-1].records)) == waited


def test_a_master_that_is_busy_for_long_is_not_kept_busy_by_what_it_gets_again(
    outbox: Outbox, clock: Clock, master: Master
) -> None:
    _next(outbox, clock, _phase(1))
    began, sent_at = clock.s, []
    master.take()
    for second in range(60):
        clock.s = began + second
        outbox.flush()
        sent_at += [second] * len(master.take())
    assert sent_at == [3, 9, 21, 33, 45, 57]

    outbox.on_ack(Ack(1))
    _next(outbox, clock, _phase(2))
    master.take()
    clock.s += RESEND_AFTER_S
    outbox.flush()
    assert master.take() == [2]


def test_an_acknowledgement_is_for_all_batches_up_to_it(outbox: Outbox, clock: Clock, master: Master) -> None:
    for number in (1, 2, 3):
        _next(outbox, clock, _phase(number))
    master.take()

    outbox.on_ack(Ack(2))

    assert outbox.unacknowledged == 1
    clock.s += RESEND_AFTER_S
    outbox.flush()
    assert master.take() == [3]
    outbox.on_ack(Ack(1))  # an old one that was on its way for long
    assert outbox.unacknowledged == 1
    outbox.on_ack(Ack(3))
    assert outbox.unacknowledged == 0
    clock.s += RESEND_AFTER_S
    outbox.flush()
    assert master.take() == []


def test_after_a_quiet_time_a_batch_has_all_its_time(outbox: Outbox, clock: Clock, master: Master) -> None:
    _next(outbox, clock, _phase(1))
    outbox.on_ack(Ack(1))
    clock.s += 60.0

    _next(outbox, clock, _phase(2))
    clock.s += RESEND_AFTER_S - 0.01
    outbox.flush()

    assert master.numbers == [1, 2]


def test_on_a_network_that_loses_most_nothing_is_lost(clock: Clock) -> None:
    """Of batches and acknowledgements one in three arrives. Taken as the master takes them: in their order."""
    received: list[Record] = []
    taken, chance = 0, random.Random(11)

    def answer(batch: Batch) -> None:
        nonlocal taken
        if chance.random() < 2 / 3:
            return
        if batch.number == taken + 1:
            taken += 1
            received.extend(unpack(decode_records(batch.records)))
        if chance.random() < 1 / 3:
            outbox.on_ack(Ack(taken))

    outbox = Outbox(Master(answer), clock)
    for number in range(30):
        _next(outbox, clock, _phase(number))
    for _second in range(600):
        _next(outbox, clock)

    assert received == [_phase(number) for number in range(30)]
    assert outbox.unacknowledged == 0


def test_at_the_end_it_sends_the_rest_and_returns_once_all_is_acknowledged(clock: Clock) -> None:
    master = Master(lambda batch: outbox.on_ack(Ack(batch.number)))
    outbox = Outbox(master, clock)
    outbox.write(_phase(1))

    outbox.close()

    assert (master.numbers, outbox.unacknowledged) == ([1], 0)
    outbox.close()
    assert master.numbers == [1]


def test_at_the_end_it_goes_on_sending_until_the_master_answers(clock: Clock) -> None:
    clock.step = RESEND_AFTER_S
    master = Master(lambda batch: outbox.on_ack(Ack(batch.number)) if len(master.batches) == 3 else None)
    outbox = Outbox(master, clock, every_s=60.0)
    outbox.write(_phase(1))
    began = clock.s

    outbox.close()

    assert (master.numbers, outbox.unacknowledged) == ([1, 1, 1], 0)
    assert clock.s - began < ACK_WITHIN_S + 10 * RESEND_AFTER_S


def test_at_the_end_it_waits_for_a_master_that_is_silent_only_so_long(clock: Clock) -> None:
    outbox = Outbox(Master(), clock)
    outbox.write(_phase(1))
    clock.step = ACK_WITHIN_S + 1.0

    outbox.close()

    assert outbox.unacknowledged == 1


def test_what_files_grew_by_goes_with_the_batches(tmp_path: Path, clock: Clock, master: Master) -> None:
    outbox, journal = Outbox(master, clock, files=FileGrowth(tmp_path)), tmp_path / "journal-worker-1.jsonl"
    journal.write_bytes(b"one\n")
    _next(outbox, clock, _phase(1))
    _next(outbox, clock)
    with journal.open("ab") as file:
        file.write(b"two\n")
    _next(outbox, clock)  # without any record

    assert [(batch.number, batch.files) for batch in master.batches] == [
        (1, {journal.name: b"one\n"}),
        (2, {journal.name: b"two\n"}),
    ]
    assert unpack(decode_records(master.batches[1].records)) == []


def test_at_the_end_long_files_go_in_several_batches(tmp_path: Path, clock: Clock) -> None:
    master = Master(lambda batch: outbox.on_ack(Ack(batch.number)))
    outbox = Outbox(master, clock, files=FileGrowth(tmp_path))
    content = bytes(range(256)) * 40_000
    (tmp_path / "journal-worker-1.jsonl").write_bytes(content)
    outbox.write(_phase(1))

    outbox.close()

    assert master.numbers == [1, 2, 3]
    assert b"".join(batch.files["journal-worker-1.jsonl"] for batch in master.batches) == content


def test_each_batch_says_how_far_the_clock_is(clock: Clock, master: Master) -> None:
    outbox = Outbox(master, clock, clock=lambda: (12.5, 0.75))
    _next(outbox, clock, _phase(1))
    assert (master.batches[0].clock_offset_ms, master.batches[0].clock_uncertainty_ms) == (12.5, 0.75)
