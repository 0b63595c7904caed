"""Output of a command: live and in colours on a terminal, plain lines elsewhere; a lost stream ends nothing."""

from __future__ import annotations

import ast
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from perfsuite.cli.options import OutputOptions
from perfsuite.cli.screen import LiveScreen, PlainScreen, QuietScreen, screen_for
from perfsuite.cli.terminal import Terminal, plain, settle, taking_all, writing_to
from perfsuite.model import LiveSnapshot
from perfsuite.report.terminal.summary import render_summary
from tests.report import example_runs


class Window(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def terminal(shown: io.StringIO) -> Terminal:
    return Terminal(shown, io.StringIO())


def moment() -> LiveSnapshot:
    return LiveSnapshot("basic_1", "basic", "http://localhost:8015", example_runs.failing())


@pytest.mark.parametrize(
    ("shown", "environment", "asked", "colored"),
    [
        pytest.param(Window(), "", True, True, id="a terminal"),
        pytest.param(Window(), "1", True, False, id="NO_COLOR"),
        pytest.param(Window(), "", False, False, id="--no-color"),
        pytest.param(io.StringIO(), "", True, False, id="a log"),
    ],
)
def test_colours(
    shown: io.StringIO, environment: str, asked: bool, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", environment)
    assert terminal(shown).color(asked) is colored


def test_a_screen_has_one_line_less_than_the_terminal_and_a_log_has_no_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert terminal(io.StringIO()).lines is None
    for lines, usable in (("50", 49), ("24", 23), ("10", 23)):
        monkeypatch.setenv("LINES", lines)
        monkeypatch.setenv("COLUMNS", "80")
        assert terminal(Window()).lines == usable


def test_a_log_has_the_whole_summary_and_a_terminal_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    heights = {}
    for stream in (io.StringIO(), Window()):
        shown = terminal(stream)
        text = render_summary(example_runs.watched(), width=shown.width, lines=shown.lines)
        heights[shown.lines] = text.count("\n")
    assert heights[23] <= 23 < 40 < heights[None]


def test_each_place_has_its_screen() -> None:
    assert type(screen_for(terminal(Window()), OutputOptions())) is LiveScreen
    assert type(screen_for(terminal(io.StringIO()), OutputOptions())) is PlainScreen
    assert type(screen_for(terminal(Window()), OutputOptions(quiet=True))) is QuietScreen


@pytest.mark.parametrize("color", [True, False])
def test_the_live_view_is_drawn_and_removed(color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    window = Window()
    screen = LiveScreen(window, color=color)
    screen.progress(moment())
    screen.progress(moment())
    drawn = window.getvalue()
    screen.load_over()
    assert "users.me" in drawn
    assert ("\x1b[31m" in drawn) is color
    assert window.getvalue() != drawn


def test_a_log_has_plain_lines() -> None:
    log = io.StringIO()
    screen = PlainScreen(log)
    screen.progress(moment())
    screen.progress(moment())
    screen.load_over()
    assert log.getvalue().count("\n") == 1
    assert "\x1b" not in log.getvalue()


def test_quiet_is_silent() -> None:
    log = io.StringIO()
    screen = QuietScreen(log)
    screen.say("Preflight")
    screen.progress(moment())
    screen.load_over()
    assert log.getvalue() == ""


FULL = Path("/dev/full")
ROOT = Path(__file__).parents[2]
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


def test_a_closed_pipe_is_no_error(closed_pipe: TextIO) -> None:
    for text in ("to nobody", "nor this"):
        with writing_to(closed_pipe):
            print(text, file=closed_pipe, flush=True)
    assert os.fstat(closed_pipe.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


@needs_full
def test_output_lost_on_a_full_disk_is_reported(full: TextIO) -> None:
    with writing_to(full):
        print("text", file=full, flush=True)
    assert settle(full) == "No space left on device"
    full.write("more")  # leads nowhere by now: closing the stream would fail otherwise


def test_a_closed_pipe_is_not_reported(closed_pipe: TextIO) -> None:
    closed_pipe.write("text")
    assert settle(closed_pipe) == ""


@needs_full
def test_a_command_whose_output_is_lost_says_so_once(full: TextIO) -> None:
    mistakes = io.StringIO()
    terminal = Terminal(full, mistakes)
    terminal.out("a verdict")
    terminal.out("and more")
    terminal.settle()
    assert mistakes.getvalue() == (
        "Some of the output could not be written: No space left on device. The report of a run is in its folder.\n"
    )


@needs_full
def test_errors_on_a_broken_stream_do_not_raise(full: TextIO, closed_pipe: TextIO) -> None:
    for stream in (full, closed_pipe):
        terminal = Terminal(io.StringIO(), stream)
        terminal.err("a mistake")
        terminal.settle()


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


def test_a_closed_stream_is_replaced_by_devnull() -> None:
    """Python has None in its place."""
    with taking_all(None) as stream:
        print("text – and more", file=stream, flush=True)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_characters_that_an_encoding_lacks_are_replaced(encoding: str, tmp_path: Path) -> None:
    text = "6 × p95 ≥ 30 ms → – … Prüfung √ v\udcff"
    with taking_all((tmp_path / "out").open("w", encoding=encoding)) as stream:
        stream.write(text)
    assert (tmp_path / "out").read_text(encoding=encoding) == {
        "ascii": "6 x p95 >= 30 ms -> - ... Prufung ? v?",
        "latin-1": "6 × p95 >= 30 ms -> - ... Prüfung ? v?",
        "utf-8": "6 × p95 ≥ 30 ms → – … Prüfung √ v?",
    }[encoding]


SHOWN = [Path("perfsuite") / name for name in ("report", "judge", "plan", "cli", "findings", "fingerprint", "messages")]


def test_every_character_that_the_suite_writes_has_a_substitute() -> None:
    """Else it is a question mark on a terminal that knows ASCII only."""
    texts = {
        node.value
        for folder in SHOWN
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert "…" in "".join(texts)
    assert {c for text in texts for c in text if c.isprintable() and plain(c) == "?"} == {"?"}


def test_each_substitute_is_ascii() -> None:
    assert plain("├── ✅ µs ⚠️ 10⁻⁸") == "+-- ok us ! 10-8"
