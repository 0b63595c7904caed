"""Writing the files of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages.files import FileMessage
from perfsuite.model import RunReport
from perfsuite.report.write import FILES, write_all
from tests.report import example_runs

NAMES = {
    "stats.csv", "stats_history.csv", "failures.csv", "summary.json", "report.html", "junit.xml", "summary.md",
    "violations.jsonl",
}  # fmt: skip


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_all_eight_files_and_nothing_else(name: str, tmp_path: Path) -> None:
    written = write_all(example_runs.EXAMPLES[name](), tmp_path / "run")
    assert {path.name for path in written} == NAMES
    assert {path.name for path in (tmp_path / "run").iterdir()} == NAMES
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in written)


def test_written_again_they_are_the_same(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in write_all(example_runs.failed(), tmp_path)}
    assert {path: path.read_bytes() for path in write_all(example_runs.failed(), tmp_path)} == first


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(UsageError) as caught:
        write_all(example_runs.passed(), tmp_path / "results" / "run")
    assert caught.value.code is FileMessage.REFUSED
    assert caught.value.fields["path"] == tmp_path / "results" / "run" / "summary.json"


def test_what_cannot_be_replaced_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    (tmp_path / "stats.csv").mkdir()
    with pytest.raises(UsageError) as caught:
        write_all(example_runs.passed(), tmp_path)
    assert caught.value.fields == {"path": tmp_path / "stats.csv", "why": "is a directory"}
    assert {path.name for path in tmp_path.iterdir()} == NAMES
    assert all(path.is_file() for path in tmp_path.iterdir() if path.name != "stats.csv")


def test_a_file_whose_text_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    def fail(_report: RunReport) -> str:
        raise ZeroDivisionError

    failed: list[tuple[str, str]] = []
    files = {**FILES, "junit.xml": fail}
    written = write_all(
        example_runs.passed(), tmp_path, lambda error, name: failed.append((type(error).__name__, name)), files
    )
    assert failed == [("ZeroDivisionError", "junit.xml")]
    assert {path.name for path in written} == NAMES - {"junit.xml"}
    with pytest.raises(ZeroDivisionError):
        write_all(example_runs.passed(), tmp_path, files=files)
