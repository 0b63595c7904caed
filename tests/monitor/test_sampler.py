"""All sources on one clock; a source that fails, hangs or dies takes nobody along."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import Reading
from perfsuite.monitor.sampler import OPEN_LIMIT_S, Sampler
from perfsuite.monitor.source import SourceError
from tests.monitor.fakes import PATIENCE_S, FakeClock, FakeSink, FakeSource, until

CPU, MEMORY = "machine.cpu_percent", "redis.memory_bytes"
REFUSED = MonitorMessage.REFUSED()


def repeated(text: Message, first: str = "00:16:42Z", last: str = "00:16:43Z") -> Message:
    return MonitorMessage.REPEATED(source="redis", text=text, times=2, first=first, last=last)


@contextmanager
def sampling(clock: FakeClock, sink: FakeSink, *sources: FakeSource) -> Iterator[Sampler]:
    sampler = Sampler(sources, clock, sink)
    sampler.start()
    try:
        yield sampler
    finally:
        sampler.stop()


def test_all_sources_are_read_at_the_same_whole_seconds() -> None:
    clock, sink = FakeClock(1000.4), FakeSink()
    with sampling(clock, sink, FakeSource("machine", CPU, [1, 2]), FakeSource("redis", MEMORY, [7, 8])):
        assert sink.nothing_more()
        clock.move_to(1001.003)
        assert sink.take(3) == [(1001.0, CPU, 1), (1001.0, MEMORY, 7), (1001.0, "redis.up", 1)]
        clock.move_to(1002.1)
        assert sink.take(3) == [(1002.0, CPU, 2), (1002.0, MEMORY, 8), (1002.0, "redis.up", 1)]
    assert sink.nothing_more()
    assert sink.closed


def test_a_source_that_hangs_gives_gaps_and_delays_nobody() -> None:
    clock, sink, release = FakeClock(), FakeSink(), threading.Event()
    hanging = FakeSource("redis", MEMORY, [5, lambda: float(release.wait(PATIENCE_S)) + 5, 9])
    with sampling(clock, sink, FakeSource("machine", CPU, [1]), hanging) as sampler:
        clock.move_to(1001.0)
        assert sink.take(3) == [(1001.0, CPU, 1), (1001.0, MEMORY, 5), (1001.0, "redis.up", 1)]

        clock.move_to(1002.0)
        assert sink.take(1) == [(1002.0, CPU, 1)], "it does not wait for the one that hangs"
        clock.move_to(1002.8)
        assert sink.take(2) == [(1002.0, MEMORY, None), (1002.0, "redis.up", 0)]
        clock.move_to(1003.0)
        assert sink.take(1) == [(1003.0, CPU, 1)]
        clock.move_to(1003.8)
        assert sink.take(2) == [(1003.0, MEMORY, None), (1003.0, "redis.up", 0)]
        assert hanging.reads == 2, "a source that hangs is not asked again"
        assert sampler.notes() == [repeated(MonitorMessage.NO_ANSWER(limit_s=0.8))]

        clock.move_to(1004.0)
        assert sink.take(1) == [(1004.0, CPU, 1)]
        release.set()
        late = sink.take(2)
        assert late == [(1004.0, MEMORY, 6), (1004.0, "redis.up", 1)], "what comes late counts when it comes"
        clock.move_to(1005.0)
        assert sink.take(3) == [(1005.0, CPU, 1), (1005.0, MEMORY, 9), (1005.0, "redis.up", 1)]
        assert len(sampler.notes()) == 1


def test_an_error_is_a_gap_and_one_line_and_the_source_goes_on() -> None:
    clock, sink = FakeClock(), FakeSink()
    source = FakeSource("redis", MEMORY, [5, SourceError(REFUSED), SourceError(REFUSED), 6])
    with sampling(clock, sink, source) as sampler:
        seen = []
        for second in range(1001, 1005):
            clock.move_to(float(second))
            seen += sink.take(2)
        assert [value for _, metric, value in seen if metric == MEMORY] == [5, None, None, 6]
        assert [value for _, metric, value in seen if metric == "redis.up"] == [1, 0, 0, 1]
        assert sampler.notes() == [repeated(REFUSED)]
        assert sampler.latest()[MEMORY].value == 6


def test_a_source_that_was_never_there_gives_gaps_only() -> None:
    clock, sink = FakeClock(), FakeSink()
    with sampling(clock, sink, FakeSource("redis", MEMORY, [SourceError(REFUSED)])):
        clock.move_to(1001.0)
        assert sink.take(1) == [(1001.0, MEMORY, None)], "no redis.up of 0: the mistake may be the monitor's"
    assert sink.nothing_more()


def test_a_source_that_cannot_be_used_is_left_out() -> None:
    clock, sink = FakeClock(), FakeSink()
    refused = FakeSource("redis", MEMORY, [1])

    def refuse() -> None:
        raise SourceError(MonitorMessage.BAD_PASSWORD(), final=True)

    refused.opening = refuse
    with sampling(clock, sink, FakeSource("machine", CPU, [1]), refused) as sampler:
        assert sampler.notes() == [MonitorMessage.NOT_MONITORED(source="redis", text=MonitorMessage.BAD_PASSWORD())]
        assert sink.take(1) == [(1000.0, MEMORY, None)], "so that the run shows that it was asked"
        assert refused.closed.wait(PATIENCE_S)
        clock.move_to(1001.0)
        assert sink.take(1) == [(1001.0, CPU, 1)]
        clock.move_to(1002.0)
        assert sink.take(1) == [(1002.0, CPU, 1)]
        assert refused.reads == 0
    assert sink.nothing_more()


def test_what_is_missing_is_known_when_it_starts() -> None:
    source = FakeSource("postgres", "postgres.connections", [1])
    source.notes = [MonitorMessage.NO_STATEMENTS()]
    with sampling(FakeClock(), FakeSink(), source) as sampler:
        assert sampler.notes() == [MonitorMessage.NOTE(source="postgres", text=source.notes[0])]


def test_opening_that_hangs_holds_nobody_up() -> None:
    clock, sink = FakeClock(), FakeSink()
    begun, release = threading.Event(), threading.Event()
    slow = FakeSource("redis", MEMORY, [5])

    def hang() -> None:
        begun.set()
        release.wait(PATIENCE_S)

    slow.opening = hang
    sampler = Sampler([FakeSource("machine", CPU, [1]), slow], clock, sink)
    starting = threading.Thread(target=sampler.start)
    starting.start()
    assert begun.wait(PATIENCE_S)
    clock.move_to(1000.0 + OPEN_LIMIT_S)
    starting.join(PATIENCE_S)
    assert not starting.is_alive()
    assert sampler.notes() == [
        MonitorMessage.ONCE(source="redis", text=MonitorMessage.NOT_READY(limit_s=3.0), at="00:16:43Z")
    ]
    clock.move_to(1004.0)
    assert sink.take(1) == [(1004.0, CPU, 1)]
    clock.move_to(1004.8)
    assert sink.take(1) == [(1004.0, MEMORY, None)]
    release.set()
    until(lambda: slow.reads == 1)
    clock.move_to(1005.0)
    assert (1005.0, MEMORY, 5) in sink.take(3)
    sampler.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_a_source_ends_that_one_only() -> None:
    clock, sink = FakeClock(), FakeSink()
    broken = FakeSource("redis", MEMORY, [lambda: 1 / 0])
    with sampling(clock, sink, FakeSource("machine", CPU, [1]), broken) as sampler:
        clock.move_to(1001.0)
        assert sink.take(2) == [(1001.0, CPU, 1), (1001.0, MEMORY, None)]
        clock.move_to(1002.0)
        assert sink.take(2) == [(1002.0, CPU, 1), (1002.0, MEMORY, None)]
        assert sampler.notes() == [repeated(MonitorMessage.MONITOR_FAILED(), "00:16:41Z", "00:16:42Z")]


def test_stopping_leaves_a_source_that_hangs() -> None:
    clock, sink, release = FakeClock(), FakeSink(), threading.Event()
    hanging = FakeSource("redis", MEMORY, [lambda: float(release.wait(PATIENCE_S))])
    sampler = Sampler([hanging], clock, sink)
    sampler.start()
    clock.move_to(1001.0)
    until(lambda: hanging.reads == 1)
    clock.move_to(1001.8)
    sink.take(1)
    ended = threading.Thread(target=sampler.stop)
    ended.start()
    clock.move_to(1010.0)
    ended.join(PATIENCE_S)
    assert not ended.is_alive()
    assert sink.closed
    assert not hanging.closed.is_set()
    release.set()
    assert hanging.closed.wait(PATIENCE_S), "its thread closes it, once it can"


def test_seconds_that_were_slept_through_are_told() -> None:
    clock, sink = FakeClock(), FakeSink()

    def sleep() -> float:
        clock.move_to(1060.5)  # as when the lid is closed while it is read
        return 1.0

    with sampling(clock, sink, FakeSource("machine", CPU, [sleep, 2.0])) as sampler:
        clock.move_to(1001.0)
        sink.take(1)
        until(lambda: sampler.notes())
        assert sampler.notes()[0].fields["text"].code is MonitorMessage.SECONDS_MISSED
        clock.move_to(1061.0)
        assert sink.take(1)[0][0] == 1061.0


class FullDisk(FakeSink):
    def write(self, readings: Sequence[Reading]) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_told_and_the_live_view_goes_on() -> None:
    clock = FakeClock()
    with sampling(clock, FullDisk(), FakeSource("machine", CPU, [3])) as sampler:
        clock.move_to(1001.0)
        until(lambda: CPU in sampler.latest())
        until(lambda: [note.fields["text"].code for note in sampler.notes()] == [MonitorMessage.READINGS_LOST])
