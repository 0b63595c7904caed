"""What is appended for the page of a CI job never grows the file beyond what is shown there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perfsuite.messages import Message
from perfsuite.messages.report import ReportMessage
from perfsuite.report.files.markdown import MOST_BYTES, append_summary

LINE = "| policies.list – as policyholder | 12 |\n"
WHOLE = "results/basic_1/summary.md"


@pytest.fixture
def step(tmp_path: Path) -> Path:
    return tmp_path / "step.md"


def test_it_is_appended(step: Path) -> None:
    step.write_text("before\n", encoding="utf-8")
    assert append_summary(step, LINE, WHOLE) == ""
    assert step.read_text(encoding="utf-8") == f"before\n\n{LINE}"


def test_a_file_that_is_not_there_is_made(step: Path) -> None:
    assert append_summary(step, LINE, WHOLE) == ""
    assert step.read_text(encoding="utf-8") == f"\n{LINE}"
    assert step.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("free", [400, 1000, 20_000])
def test_the_text_is_cut_after_a_line_and_names_the_whole_file(free: int, step: Path) -> None:
    before = b"x" * (MOST_BYTES - free)
    step.write_bytes(before)
    assert append_summary(step, LINE * 2000, WHOLE) == ""
    appended = step.read_bytes()[len(before) :]
    assert free - len(LINE.encode()) <= len(appended) <= free
    *lines, empty, pointer = appended.decode().strip("\n").split("\n")
    assert {f"{line}\n" for line in lines} == {LINE}
    assert empty == ""
    assert WHOLE in pointer


@pytest.mark.parametrize("free", [0, -5, 100, 250])
def test_nothing_is_appended_if_hardly_anything_fits(free: int, step: Path) -> None:
    before = b"x" * (MOST_BYTES - free)
    step.write_bytes(before)
    warning = append_summary(step, LINE * 2000, WHOLE)
    assert isinstance(warning, Message)
    assert (warning.code, warning.fields["path"]) == (ReportMessage.STEP_SUMMARY, step)
    assert step.read_bytes() == before


def test_appending_again_and_again_never_goes_beyond(step: Path) -> None:
    warnings = [append_summary(step, LINE * 5000, WHOLE) for _ in range(10)]
    assert step.stat().st_size <= MOST_BYTES
    assert warnings[0] == ""
    assert "nearly full" in warnings[-1]


def test_a_partial_write_is_a_warning(tmp_path: Path) -> None:
    """A disk that fills up takes what has room and says nothing, as a pipe does that is not read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        warning = append_summary(pipe, LINE * 5000, WHOLE)
    finally:
        os.close(reader)
    assert isinstance(warning, Message)
    assert (warning.code, warning.fields["path"]) == (ReportMessage.STEP_SUMMARY, pipe)


def test_text_that_no_file_can_hold_is_replaced(step: Path) -> None:
    assert append_summary(step, "label v\udcff\n", WHOLE) == ""
    assert step.read_text(encoding="utf-8") == "\nlabel v?\n"
