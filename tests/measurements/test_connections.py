"""Connections per address, as a load process counts them and writes them down each second."""

from __future__ import annotations

import msgspec

from perfsuite.measurements.connections import Connections
from perfsuite.measurements.recorder import Recorder
from perfsuite.measurements.records import Generator, Record


def test_each_second_begins_anew() -> None:
    connections = Connections()
    connections.opened("10.0.0.1:80")
    connections.opened("10.0.0.1:80")
    connections.opened("[::1]:80")
    connections.did_not_answer("10.0.0.2:80", 250_000)
    opened, no_answer = connections.take()
    assert opened == {"10.0.0.1:80": 2, "[::1]:80": 1}
    assert {address: (waits.sum_us, sum(waits.counts.values())) for address, waits in no_answer.items()} == {
        "10.0.0.2:80": (250_000, 1)
    }
    assert connections.take() == ({}, {})


class _Kept:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_they_are_part_of_the_record_of_the_process() -> None:
    kept = _Kept()
    recorder = Recorder("a", kept)
    recorder.connections.opened("127.0.0.1:8015")
    recorder.connections.did_not_answer("[::1]:8015", 1_000)
    recorder.tick({})
    recorder.tick({})
    recorder.health.close()
    first, second = (record for record in kept.records if isinstance(record, Generator))
    assert first.connections == {"127.0.0.1:8015": 1}
    assert first.no_answer["[::1]:8015"].max_us == 1_000
    assert (second.connections, second.no_answer) == ({}, {})


def test_a_record_of_an_older_file_has_none() -> None:
    line = b'{"kind":"generator","worker":"a","sequence":1,"second":5,"cpu_percent":1.0,"loop_lag":{},"memory_bytes":1}'
    record = msgspec.json.decode(line, type=Generator)
    assert (record.connections, record.no_answer) == ({}, {})
