"""Output on a terminal is live and in colours, elsewhere plain lines."""

from __future__ import annotations

import io

import pytest

from perfsuite.cli.options import OutputOptions
from perfsuite.cli.screen import LiveScreen, PlainScreen, QuietScreen, screen_for
from perfsuite.cli.terminal import Terminal
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
