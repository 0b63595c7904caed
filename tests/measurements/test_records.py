"""The measurements file: what is written is read, also from a run that was killed or still goes."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from perfsuite.errors import LoadError
from perfsuite.measurements.file import FILE_NAME, Tail, Writer, read
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import (
    SCHEMA,
    Actions,
    End,
    ErrorCount,
    Generator,
    Ledger,
    NotPossible,
    Phase,
    Record,
    Requests,
    Times,
    Users,
    WorkerJoined,
    WorkerLost,
    histogram_of,
    times_of,
    to_json,
)
from perfsuite.messages.measurements import MeasurementsMessage

TIMES = Times({5: 2, 3072: 1}, 4106, 5, 4096)
EVERY_KIND: tuple[Record, ...] = (
    Phase("1", 1, "ramp-up", 1_772_357_400.25),
    Requests("1", 2, 1_772_357_400, "reader", "browsing", "policies.list", TIMES),
    Requests(
        "1", 3, 1_772_357_400, "reader", "browsing", "policies.list", Times(), TIMES,
        [ErrorCount("http status", "answered 500: „nein“", 3, "id-1")],
    ),
    Actions("1", 4, 1_772_357_400, "reader", "browsing", 3, 2, TIMES),
    NotPossible("1", 5, 1_772_357_400, "reader", "paying", "policies.premiums", 2),
    Users("1", 6, 1_772_357_400, {"reader": 2, "writer": 1}),
    Generator("1", 7, 1_772_357_400, 42.5, TIMES, 123_456_789, send_lag=TIMES),
    End("1", 8, 3, 3, "stopped"),
    WorkerJoined("coordinator", 1, "1", "host-a", 4711, 1_772_357_399.5, spare=True, clock_offset_ms=-3.5),
    WorkerLost("coordinator", 2, "1", 1_772_357_401.5, 3, "silent", placed=2),
    Ledger("coordinator", 3, "1", "host-a", 9, 9, 1, 4, 4, 1_772_357_400, 1_772_357_401, clock_uncertainty_ms=0.5),
    Ledger("coordinator", 4, "2", "host-a", None, 3, 0, 0, None, None, None, lost=True),
)  # fmt: skip


def write(path: Path, records: Sequence[Record]) -> None:
    writer = Writer(path, "basic_20260301_093000")
    for record in records:
        writer.write(record)
    writer.close()


def test_every_kind_of_record_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    write(path, EVERY_KIND)
    assert tuple(read(path)) == EVERY_KIND


def test_the_file_is_plain_gzip_with_one_json_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    write(path, EVERY_KIND)
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()

    assert header == f'{{"schema":{SCHEMA},"run_id":"basic_20260301_093000"}}'
    assert len(lines) == len(EVERY_KIND)
    assert lines[0] == '{"kind":"phase","worker":"1","sequence":1,"name":"ramp-up","at":1772357400.25}'


def test_a_histogram_comes_back_as_it_was() -> None:
    histogram = Histogram()
    for value in (0, 7, 7, 5_000, 123_456_789):
        histogram.add(value)
    assert histogram_of(times_of(histogram)) == histogram


def test_a_file_cut_off_at_any_byte_is_read_to_its_last_flush(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    writer = Writer(path, "run")
    readable_from: list[int] = []
    for record in EVERY_KIND:
        writer.write(record)
        writer.flush()
        readable_from.append(path.stat().st_size)
    whole = path.read_bytes()

    cut_off = tmp_path / "cut.jsonl.gz"
    for length in range(len(whole) + 1):
        cut_off.write_bytes(whole[:length])
        flushed = sum(size <= length for size in readable_from)
        found = tuple(read(cut_off))
        assert found[:flushed] == EVERY_KIND[:flushed]
        # What was on its way may be there too, but only whole and in order.
        assert found == EVERY_KIND[: len(found)]
    writer.close()


def test_what_was_not_flushed_is_the_only_thing_a_killed_run_loses(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    writer = Writer(path, "run")
    for record in EVERY_KIND[:5]:
        writer.write(record)
    writer.flush()
    for record in EVERY_KIND[5:]:
        writer.write(record)

    assert tuple(read(path)) == EVERY_KIND[:5]
    writer.close()


def test_tail_follows_a_growing_file(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    tail = Tail(path)
    assert tail.read() == []  # not there yet

    writer = Writer(path, "run")
    assert tail.read() == []
    writer.write(EVERY_KIND[0])
    assert tail.read() == []  # not flushed yet
    writer.flush()
    assert tail.read() == [EVERY_KIND[0]]
    assert tail.read() == []
    for record in EVERY_KIND[1:4]:
        writer.write(record)
        writer.flush()
    assert tail.read() == list(EVERY_KIND[1:4])
    for record in EVERY_KIND[4:]:
        writer.write(record)
    writer.close()
    assert tail.read() == list(EVERY_KIND[4:])
    assert tail.read() == []


@pytest.mark.parametrize("step", [1, 7, 100])
def test_tail_waits_for_the_rest_of_a_record(tmp_path: Path, step: int) -> None:
    whole_path, path = tmp_path / "whole.jsonl.gz", tmp_path / FILE_NAME
    write(whole_path, EVERY_KIND)
    whole = whole_path.read_bytes()

    tail, found = Tail(path), []
    for start in range(0, len(whole), step):
        with path.open("ab") as file:
            file.write(whole[start : start + step])
        found += tail.read()
    assert tuple(found) == EVERY_KIND


def packed(path: Path, *lines: bytes) -> Path:
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines)))
    return path


HEADER = b'{"schema":1,"run_id":"run"}'


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = packed(
        tmp_path / FILE_NAME, f'{{"schema":{SCHEMA + 1},"run_id":"run","more":true}}'.encode(), b'{"kind":"unheard of"}'
    )
    with pytest.raises(LoadError) as error:
        list(read(path))
    assert error.value.message == MeasurementsMessage.NEWER(path=path, schema=SCHEMA + 1, known=SCHEMA)


def test_fields_added_by_a_later_version_of_the_same_schema_are_passed_over(tmp_path: Path) -> None:
    path = packed(
        tmp_path / FILE_NAME,
        HEADER,
        b'{"kind":"phase","worker":"1","sequence":1,"name":"end","at":5,"why":"it was over"}',
    )
    assert list(read(path)) == [Phase("1", 1, "end", 5.0)]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"kind":"unheard of"}', id="unknown kind"),
        pytest.param(b'{"kind":"users","worker":"1","sequence":1,"second":1}', id="a field is missing"),
        pytest.param(b'{"kind":"users","worker":"1","sequence":1,"second":"x","by_role":{}}', id="wrong type"),
        pytest.param(b"{", id="no JSON"),
    ],
)
def test_a_damaged_record_is_told_with_the_file(tmp_path: Path, line: bytes) -> None:
    path = packed(tmp_path / FILE_NAME, HEADER, line)
    with pytest.raises(LoadError) as error:
        list(read(path))
    assert (error.value.code, error.value.fields["path"]) == (MeasurementsMessage.DAMAGED_RECORD, path)


def test_a_file_that_is_no_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(HEADER + b"\n")
    with pytest.raises(LoadError) as error:
        list(read(path))
    assert (error.value.code, error.value.fields["path"]) == (MeasurementsMessage.DAMAGED, path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as error:
        list(read(tmp_path / FILE_NAME))
    assert error.value.code is MeasurementsMessage.NOT_THERE


def test_records_of_a_run_are_written_as_indented_json() -> None:
    assert to_json(ErrorCount("timeout", "late", 1, "id")) == (
        b'{\n  "kind": "timeout",\n  "message": "late",\n  "count": 1,\n  "request_id": "id"\n}\n'
    )
