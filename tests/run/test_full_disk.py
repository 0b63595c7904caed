"""A disk that is full at any moment ends a command with a line that names the place, and rows go all the same."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from perfsuite.cli.main import main
from perfsuite.errors import LoadError, unwritable
from perfsuite.run.cleanup import open_journal
from perfsuite.target.journal import FILE_NAME, JournalEntry


def test_the_place_and_the_fix_are_named() -> None:
    error = unwritable(OSError(errno.ENOSPC, "No space left on device"), Path("results/basic_1"))
    assert str(error).startswith("results/basic_1: no space left on device. ")
    assert "--results" in str(error)
    assert error.exit_code == LoadError.exit_code == 4
    assert str(unwritable(PermissionError(errno.EACCES, "Permission denied", "plan.json"))).startswith(
        "plan.json: perm"
    )


def test_a_file_that_nobody_expected_to_fail_is_a_line_and_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The plan is a folder: reading it fails in a way that has no message of its own."""
    (tmp_path / "plan.json").mkdir()

    assert main(["judge", str(tmp_path)]) == 4

    shown = capfd.readouterr()
    assert shown.err.startswith(f"{tmp_path}/plan.json: is a directory. ")
    assert shown.err.count("\n") == 1


def test_where_no_journal_can_be_opened_cleanup_notes_nothing_and_goes_on(tmp_path: Path) -> None:
    open_journal(tmp_path / "nowhere").write(JournalEntry("removed", "lead", "PERF-1"))
    open_journal(tmp_path).write(JournalEntry("removed", "lead", "PERF-1"))
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
