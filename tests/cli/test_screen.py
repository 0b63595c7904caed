"""Several screens: an error of one ends neither the run nor the others."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from perfsuite.cli.screen import PlainScreen, QuietScreen, Screens
from perfsuite.model import LiveSnapshot
from perfsuite.run.error_collector import ErrorCollector
from tests.report import example_runs

MOMENT = LiveSnapshot("basic_1", "basic", "http://localhost:8015", example_runs.live())


class Broken:
    """A screen that fails in whatever it is asked for, as long as `fails` says."""

    def __init__(self, *fails: str) -> None:
        self.fails = fails
        self.asked: list[str] = []

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise ZeroDivisionError(what)

    def say(self, text: str) -> None:
        self._ask("say")

    def warn(self, text: str) -> None:
        self._ask("warn")

    def progress(self, moment: LiveSnapshot) -> None:
        self._ask("progress")

    def load_over(self) -> None:
        self._ask("load_over")


@pytest.mark.parametrize("what", ["say", "warn", "progress", "load_over"])
def test_a_screen_that_fails_is_a_warning_on_the_others(what: str, tmp_path: Path) -> None:
    shown, broken, errors = io.StringIO(), Broken(what), ErrorCollector(tmp_path)
    screens = Screens([broken, PlainScreen(shown)], errors)
    for _ in range(3):
        screens.say("a line")
        screens.warn("a warning")
        screens.progress(MOMENT)
        screens.load_over()
    assert broken.asked.count(what) == 1
    assert shown.getvalue().count("ZeroDivisionError") == 1
    assert shown.getvalue().count("a line") == 3
    assert errors.groups == ()


def test_a_screen_that_always_fails_is_skipped(tmp_path: Path) -> None:
    broken = Broken("say", "warn", "progress", "load_over")
    screens = Screens([broken], ErrorCollector(tmp_path))
    for _ in range(2):
        screens.say("a line")
        screens.progress(MOMENT)
        screens.load_over()
    assert sorted(broken.asked) == ["load_over", "progress", "say", "warn"]


def test_with_quiet_only_warnings_are_shown() -> None:
    shown = io.StringIO()
    screen = QuietScreen(shown)
    screen.say("a line")
    screen.progress(MOMENT)
    screen.warn("a warning")
    assert shown.getvalue() == "a warning\n"
