"""Where the output goes may go away, or take nothing; a run under way ends in order all the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from perfsuite.errors import UsageError
from perfsuite.output import settle, writing_to
from perfsuite.screen import PlainScreen

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="a file that takes nothing: Linux has one")


@pytest.fixture
def closed_pipe() -> Iterator[TextIO]:
    """The writing end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream


@pytest.fixture
def full() -> Iterator[TextIO]:
    """A file on a full disk."""
    stream = FULL.open("w", encoding="utf-8")
    yield stream
    settle(stream)
    stream.close()


def test_a_reader_that_has_gone_is_no_mistake(closed_pipe: TextIO) -> None:
    for text in ("to nobody", "nor this"):
        with writing_to(closed_pipe):
            print(text, file=closed_pipe, flush=True)
    assert os.fstat(closed_pipe.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


@needs_full
def test_a_place_that_takes_nothing_is_one(full: TextIO) -> None:
    with pytest.raises(UsageError) as error, writing_to(full):
        print("text", file=full, flush=True)
    assert str(error.value) == "the output cannot be written: No space left on device"


@needs_full
def test_what_cannot_be_written_is_let_go_at_the_end() -> None:
    stream = FULL.open("w", encoding="utf-8")
    stream.write("text")
    settle(stream)
    stream.close()  # would fail with what it still held


@needs_full
def test_the_first_line_tells_that_nothing_can_be_told(full: TextIO) -> None:
    with pytest.raises(UsageError, match="No space left on device"):
        PlainScreen(full).say("Demo: starting")


@needs_full
def test_a_disk_that_is_full_later_does_not_end_a_run(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        screen = PlainScreen(log)
        screen.say("first")
        where = os.dup(log.fileno())
        full = os.open(FULL, os.O_WRONLY)
        os.dup2(full, log.fileno())
        screen.say("lost for now")
        os.dup2(where, log.fileno())
        screen.say("third")
        os.close(where)
        os.close(full)
    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == ["first", "lost for now", "third"]


def test_a_screen_without_a_reader_is_silent(closed_pipe: TextIO) -> None:
    screen = PlainScreen(closed_pipe)
    screen.say("one")
    screen.say("two")
