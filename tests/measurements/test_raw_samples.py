"""The file of all requests: complete, bounded, readable at any time, and never silently short."""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from perfsuite.measurements import raw_samples
from perfsuite.measurements.raw_samples import AT_ONCE, COLUMNS, RawSamples
from perfsuite.measurements.recorder import Recorder
from perfsuite.measurements.records import RawSampleState, Record
from perfsuite.messages.measurements import RawSamplesMessage
from perfsuite.model import FailureKind
from perfsuite.model.failures import Failure
from tests.measurements.raw_files import counts_of_records, counts_of_rows, lines_of, rows_of
from tests.measurements.samples import sample

START = 1_772_357_400
KEY = (START, "policyholder", "profile access", "users.me")


class Shelf:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def states(self) -> list[tuple[int, int, str, bool]]:
        states = [record for record in self.records if isinstance(record, RawSampleState)]
        return [(state.written, state.left_out, state.why, state.whole) for state in states]


def recorded(path: Path, most_bytes: int = raw_samples.MOST_BYTES) -> tuple[Recorder, Shelf]:
    shelf = Shelf()
    recorder = Recorder("worker-1", shelf)
    recorder.raw = RawSamples(path, most_bytes)
    return recorder, shelf


def write_all(raw: RawSamples) -> None:
    while raw.write():
        pass
    raw.flush()


def mixed(recorder: Recorder, requests: int) -> None:
    """Every kind of request: late, failed, over new connections, refused for an expired token, of a plug-in."""
    dice = random.Random(1)
    for number in range(requests):
        key = (START + number // 40, "policyholder", "profile access", dice.choice(("users.me", "policies.list")))
        more: dict[str, Any] = {"sent_s": dice.random(), "request_id": f"{number:032x}"}
        elapsed_us = round(dice.lognormvariate(9, 1))
        if number % 7 == 0:
            more |= {"connect_us": elapsed_us // 5, "tls_us": elapsed_us // 4}
        if number % 5 == 0:
            more |= {"failure": Failure(FailureKind.TIMEOUT, "no answer in time"), "status": 0}
        if number % 11 == 0:
            more |= {"expired": True, "failure": Failure(FailureKind.STATUS, "HTTP 401"), "status": 401}
        if number % 3 == 0:
            more |= {"server_us": elapsed_us // 2, "due_at": key[0] - dice.random()}
        recorder.request(sample(key, elapsed_us, **more))
    recorder.foreign_request("plug-in, with a comma", 12.5, None, START + 0.25)
    recorder.foreign_request("plug-in, with a comma", 7.25, ValueError("no"), START + 1.999999)


def test_read_back_it_has_the_same_counts_as_the_measurements_bucket_by_bucket(tmp_path: Path) -> None:
    path = tmp_path / "samples-worker-1.csv.gz"
    recorder, shelf = recorded(path)
    mixed(recorder, 3_000)
    recorder.tick({})
    recorder.end(0, "completed")

    rows = rows_of(path)
    assert len(rows) == recorder.cells.recorded == 3_002
    counts = counts_of_rows(rows)
    assert {part for *_key, part in counts} == {"ok", "failed", "service", "server", "connects", "tls", "token expired"}
    assert counts == counts_of_records(shelf.records)
    assert shelf.states == [(0, 0, "", False), (3_002, 0, "", True)]


def test_a_row_has_the_parts_of_the_response_time(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    recorder, _shelf = recorded(path)
    late = {"sent_s": 0.75, "due_at": START + 0.5, "connect_us": 200, "tls_us": 300, "server_us": 400}
    recorder.request(sample(KEY, 1_000, request_id="id-1", retries=1, **late))  # type: ignore[arg-type]
    recorder.request(sample(KEY, 9_000, status=0, failure=Failure(FailureKind.TIMEOUT, "no answer")))
    recorder.end(0, "completed")

    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file)
    assert header == list(COLUMNS)
    assert first == [
        f"{START}500000", "251000", "policyholder", "profile access", "users.me", "GET", "200", "", "id-1",
        "250000", "200", "300", "500", "400", "400", "1",
    ]  # fmt: skip
    assert second[6:9] == ["", "timeout", ""]
    assert second[10:14] == ["", "", "9000", ""]


def test_a_name_is_no_formula_and_no_second_line(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    recorder, _shelf = recorded(path)
    recorder.foreign_request('=cmd|"x",\n@y', 1.0, None, START)
    recorder.end(0, "completed")

    assert [row["operation"] for row in rows_of(path)] == ['\'=cmd|"x", @y']


def test_what_was_flushed_can_be_read_though_the_file_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    recorder, _shelf = recorded(path)
    mixed(recorder, 600)
    assert recorder.raw is not None
    write_all(recorder.raw)
    recorder.request(sample(KEY, 1))  # since the last flush

    assert len(rows_of(path)) == 602


def test_it_is_written_in_small_parts(tmp_path: Path) -> None:
    raw = RawSamples(tmp_path / "samples.csv.gz")
    for _ in range(2 * AT_ONCE + 1):
        raw.add(sample(KEY, 1), "")

    assert [raw.write() for _ in range(4)] == [True, True, False, False]
    raw.close()
    assert raw.written == 2 * AT_ONCE + 1


def test_more_than_fits_the_memory_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_samples, "MOST_WAITING", 1_000)
    raw = RawSamples(tmp_path / "samples.csv.gz")
    for _ in range(1_000):
        raw.add(sample(KEY, 1), "")

    raw.flush()
    assert raw.written == 1_000
    raw.close()


def test_at_the_limit_it_ends_with_a_note_and_counts_what_is_not_in_it(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    recorder, shelf = recorded(path, most_bytes=5_000)
    for _ in range(20):
        mixed(recorder, 600)
        assert recorder.raw is not None
        write_all(recorder.raw)
        recorder.tick({})
    recorder.end(0, "completed")

    rows = rows_of(path)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        last = file.read().splitlines()[-1]
    why = str(RawSamplesMessage.LIMIT(limit="2 GB"))
    assert last.startswith(f"# {why}")
    assert path.stat().st_size < 5_000 + 50 * AT_ONCE
    *_every_second, early, end = shelf.states
    assert shelf.states[0] == (602, 0, "", False)
    assert early[2:] == (why, False)
    assert end == (len(rows), recorder.cells.recorded - len(rows), why, True)
    assert 0 < len(rows) < recorder.cells.recorded == 20 * 602


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_ends_the_file_and_not_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "samples.csv.gz"
    path.symlink_to("/dev/full")
    recorder, shelf = recorded(path)
    mixed(recorder, 600)
    assert recorder.raw is not None
    write_all(recorder.raw)
    recorder.tick({})
    mixed(recorder, 60)
    recorder.end(0, "completed")

    why = str(RawSamplesMessage.NOT_WRITTEN(why="no space left on device"))
    assert shelf.states[-1] == (0, recorder.cells.recorded, why, True)
    assert [record.args for record in caplog.records] == [(path.name, recorder.raw.why)]
    assert shelf.states[0][2] == why


def test_a_file_that_cannot_be_opened_is_one_that_has_nothing(tmp_path: Path) -> None:
    recorder, shelf = recorded(tmp_path / "not there" / "samples.csv.gz")
    recorder.request(sample(KEY, 1))
    recorder.end(0, "completed")

    why = str(RawSamplesMessage.NOT_WRITTEN(why="no such file or directory"))
    assert shelf.states == [(0, 1, why, True)]


def test_a_request_that_the_file_does_not_take_is_recorded_once_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, shelf = recorded(tmp_path / "samples.csv.gz")
    raw = recorder.raw
    assert raw is not None
    recorder.request(sample(KEY, 1))
    write_all(raw)

    def refuse(*_request: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(raw, "add", refuse)
        recorder.request(sample(KEY, 2))
        recorder.foreign_request("other", 1.0)
    with pytest.raises(MemoryError):
        raw.flush()  # where it is counted as an error of the suite
    raw.flush()
    recorder.request(sample(KEY, 3))
    recorder.end(0, "completed")

    assert recorder.cells.recorded == 4
    assert shelf.states[-1] == (1, 3, str(RawSamplesMessage.NOT_WRITTEN(why="MemoryError")), True)


def test_a_row_that_cannot_be_written_is_left_out_and_its_request_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_samples, "MOST_WAITING", 2)
    monkeypatch.setattr(RawSamples, "_line", lambda *_row: 1 / 0)
    recorder, shelf = recorded(tmp_path / "samples.csv.gz")
    for elapsed_us in (1, 2, 3):
        recorder.request(sample(KEY, elapsed_us))
    recorder.end(0, "completed")

    assert recorder.cells.recorded == 3
    assert shelf.states[-1] == (0, 3, str(RawSamplesMessage.NOT_WRITTEN(why="ZeroDivisionError")), True)


def test_without_the_option_nothing_is_written() -> None:
    shelf = Shelf()
    recorder = Recorder("worker-1", shelf)
    recorder.request(sample(KEY, 1))
    recorder.tick({})
    recorder.end(0, "completed")

    assert shelf.states == []


def test_lines_of_a_file_without_an_end_are_whole(tmp_path: Path) -> None:
    raw = RawSamples(tmp_path / "samples.csv.gz")
    raw.flush()

    assert lines_of(tmp_path / "samples.csv.gz") == [",".join(COLUMNS)]
    raw.close()
