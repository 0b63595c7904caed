"""The journal of a run: what a crash leaves of it can be read, and marks are never given twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages.target import TargetMessage
from perfsuite.target.journal import Journal, JournalEntry, Marks, is_mark, read

ROOT = Path(__file__).parents[2]
FIRST, SECOND = JournalEntry("create", "lead", "PERF-1"), JournalEntry("created", "lead", "PERF-1", id="7")


def _write(path: Path, *entries: JournalEntry) -> None:
    journal = Journal(path)
    for entry in entries:
        journal.write(entry)
    journal.close()


def test_entries_come_back_as_written(tmp_path: Path) -> None:
    flag = JournalEntry("flag", "flag", "perf_dark", before=False)
    _write(tmp_path / "journal.jsonl", FIRST, SECOND, flag)

    assert list(read(tmp_path)) == [FIRST, SECOND, flag]


def test_an_entry_is_on_its_way_to_the_disk_before_close(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(FIRST)

    assert list(read(tmp_path)) == [FIRST]
    journal.close()


def test_no_file_no_entries(tmp_path: Path) -> None:
    Journal(None).write(FIRST)

    assert list(read(tmp_path)) == []


def test_files_of_all_processes_are_read_preflight_first(tmp_path: Path) -> None:
    _write(tmp_path / "journal.jsonl", SECOND)
    _write(tmp_path / "journal-preflight.jsonl", FIRST)

    assert list(read(tmp_path)) == [FIRST, SECOND]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_last_line_that_was_cut_off_is_passed_over(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, FIRST, SECOND)
    path.write_bytes(path.read_bytes()[: -1 - cut])

    assert list(read(tmp_path)) == [FIRST]


def test_a_whole_last_line_counts_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, FIRST, SECOND)
    path.write_bytes(path.read_bytes()[:-1])

    assert list(read(tmp_path)) == [FIRST, SECOND]


def test_after_a_line_that_was_cut_off_the_other_files_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "journal-preflight.jsonl").write_bytes(b'{"what":"crea')
    _write(tmp_path / "journal.jsonl", FIRST)

    assert list(read(tmp_path)) == [FIRST]


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        pytest.param(b'{"what":"crea', [FIRST, SECOND], id="a line cut off is dropped"),
        pytest.param(
            b'{"what":"create","thing":"lead","mark":"PERF-9"}',
            [FIRST, JournalEntry("create", "lead", "PERF-9"), SECOND],
            id="a whole one is kept",
        ),
    ],
)
def test_what_is_written_after_a_crash_is_a_line_of_its_own(
    tmp_path: Path, end: bytes, kept: list[JournalEntry]
) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, FIRST)
    path.write_bytes(path.read_bytes() + end)

    _write(path, SECOND)

    assert list(read(tmp_path)) == kept


@pytest.mark.parametrize("damage", [b"}", b'{"what":1}', b"\xff\xff"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, FIRST)
    path.write_bytes(path.read_bytes() + damage + b"\n")
    _write(path, SECOND)

    with pytest.raises(UsageError) as caught:
        list(read(tmp_path))
    assert (caught.value.code, caught.value.fields["line"]) == (TargetMessage.JOURNAL_DAMAGED, 2)


def test_write_once_by_thing_and_mark(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for before in (True, False):
        journal.write_once(JournalEntry("flag", "flag", "a", before=before))
    journal.write_once(JournalEntry("flag", "flag", "b", before=False))
    journal.write_once(JournalEntry("not restorable", "theme", "a"))
    journal.close()

    assert [(entry.thing, entry.mark, entry.before) for entry in read(tmp_path)] == [
        ("flag", "a", True),
        ("flag", "b", False),
        ("theme", "a", None),
    ]


def test_marks_name_the_run_and_never_repeat() -> None:
    marks = Marks("basic_20260301_093000")
    given = [marks.next() for _ in range(1000)]

    assert len(set(given)) == 1000
    assert all(mark.startswith("PERF-20260301093000-") for mark in given)


def test_a_mark_names_who_made_the_row_in_every_process_alike_and_not_by_the_number() -> None:
    run_id, first, second = "basic_20260301_093000", "9876543203", "9876543204"
    here, there, of_another_run = Marks(run_id), Marks(run_id), Marks("basic_20260302_093000")
    body = f'[{{"policy_number":"{here.next(first)}"}},{{"policy_number":"{here.next(second)}"}}]'.encode()

    assert there.creators_in(body) == {there.creator(first), there.creator(second)}
    assert first not in body.decode()
    assert of_another_run.creators_in(body) == set()
    assert of_another_run.creator(first) != here.creator(first)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(Marks("basic_20260301_093000").next(), id="a row of nobody's"),
        pytest.param("PERF-20260301093000-b5eff5-000001", id="as older versions made them"),
        pytest.param("PERF-20260301093000-", id="cut off"),
    ],
)
def test_marks_without_a_creator(text: str) -> None:
    assert is_mark(text)
    assert Marks("basic_20260301_093000").creators_in(text.encode()) == set()


def test_marks_of_two_processes_of_a_run_differ() -> None:
    script = "import json; from perfsuite.target.journal import Marks; m = Marks('r_1'); print(json.dumps([m.next()]))"
    first, second = (
        json.loads(subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True).stdout)
        for _ in range(2)
    )

    assert first != second
