"""Files of a worker elsewhere, as they grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.load.file_growth import MOST_BYTES, FileGrowth, append_growth, is_shared
from perfsuite.measurements.raw_samples import file_name
from perfsuite.suite_errors import LOG_FILE

JOURNAL = "journal-worker-1.jsonl"


@pytest.mark.parametrize("name", [JOURNAL, "journal-worker-3.2.jsonl", file_name("worker-12"), LOG_FILE])
def test_names_that_a_worker_has(name: str) -> None:
    assert is_shared(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "plan.json",
        "measurements.jsonl.gz",
        "../" + JOURNAL,
        "/etc/" + JOURNAL,
        "sub/" + JOURNAL,
        JOURNAL + "/../plan.json",
        JOURNAL + "\n",
        JOURNAL + "\0",
        "journal-worker-1.jsonl.bak",
        "journal-worker-../../1.jsonl",
        "journal-worker-1..jsonl",
        "journal-worker-.jsonl",
        "journal-preflight.jsonl",
        "../" + LOG_FILE,
    ],
)
def test_other_names_are_written_nowhere(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()

    append_growth(folder, {name: b"bytes of a stranger"})

    assert sorted(tmp_path.rglob("*")) == [folder]


def test_what_was_added_since_the_last_time_is_read(tmp_path: Path) -> None:
    growth = FileGrowth(tmp_path)
    assert growth.read() == {}
    (tmp_path / JOURNAL).write_bytes(b"one\n")
    (tmp_path / "plan.json").write_bytes(b"{}")
    (tmp_path / "samples-worker-1.csv.gz").mkdir()  # no file

    assert growth.read() == {JOURNAL: b"one\n"}
    assert growth.read() == {}
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b"two\n")
    (tmp_path / LOG_FILE).write_bytes(b"Traceback")
    assert growth.read() == {JOURNAL: b"two\n", LOG_FILE: b"Traceback"}


def test_the_same_files_come_out_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "worker", tmp_path / "master"
    here.mkdir()
    there.mkdir()
    growth = FileGrowth(here)
    for number in range(3):
        with (here / JOURNAL).open("ab") as file:
            file.write(b"line %d\n" % number)
        append_growth(there, growth.read())

    assert (there / JOURNAL).read_bytes() == (here / JOURNAL).read_bytes()


def test_much_comes_in_parts_of_limited_size(tmp_path: Path) -> None:
    first, second = b"a" * (MOST_BYTES + 3), b"b" * 5
    (tmp_path / JOURNAL).write_bytes(first)
    (tmp_path / file_name("worker-1")).write_bytes(second)
    growth = FileGrowth(tmp_path)

    parts = [growth.read(), growth.read(), growth.read()]

    assert [sum(map(len, part.values())) for part in parts] == [MOST_BYTES, 8, 0]
    assert b"".join(part.get(JOURNAL, b"") for part in parts) == first
    assert parts[1][file_name("worker-1")] == second
