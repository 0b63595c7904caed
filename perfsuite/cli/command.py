"""A command with a name: what can be typed after it, and what it does."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from perfsuite.cli.output import settle, taking_all, writing_to
from perfsuite.cli.screen import PlainScreen, QuietScreen, screen_for
from perfsuite.plan.build import Options
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.interrupts import Interrupts

_MIN_WIDTH, _MAX_WIDTH = 80, 120
_MIN_LINES = 24


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command tells: results on one stream, mistakes on the other."""

    told: TextIO
    mistakes: TextIO

    def out(self, text: str) -> None:
        """Write a result; the exit code stays what it is where nobody reads it."""
        with writing_to(self.told):
            print(text, file=self.told, flush=True)

    def err(self, text: str) -> None:
        """Write a mistake, likewise; the exit code says it too."""
        with writing_to(self.mistakes):
            print(text, file=self.mistakes, flush=True)

    def settle(self) -> None:
        """Write what the streams still hold, or let go of it: a stream that takes nothing changes no exit code."""
        if why := settle(self.told):
            self.err(f"Some of the output could not be written: {why}. A run's report is in its folder all the same.")
        settle(self.mistakes)

    @property
    def width(self) -> int:
        """Columns to write in, 80 to 120."""
        return min(max(shutil.get_terminal_size((_MIN_WIDTH, _MIN_LINES)).columns, _MIN_WIDTH), _MAX_WIDTH)

    @property
    def lines(self) -> int | None:
        """Lines of one screen, less one for the prompt; None where what is told is no terminal and may be long."""
        if not self.told.isatty():
            return None
        return max(shutil.get_terminal_size((_MIN_WIDTH, _MIN_LINES)).lines, _MIN_LINES) - 1

    def color(self, asked: bool) -> bool:
        """Are colours to be shown where the user did not forbid them?"""
        return asked and self.told.isatty() and not os.environ.get("NO_COLOR")

    def show(self, render: Callable[..., str], record: object, *, color: bool) -> None:
        """Print what `render` makes of a record, in this width and, where they may be, in colours."""
        self.out(render(record, width=self.width, color=self.color(color)))

    def screen(self, options: Options) -> PlainScreen:
        """What is seen while a run goes on."""
        return QuietScreen(self.told) if options.quiet else screen_for(self.told, color=self.color(options.color))


def standard_terminal() -> Terminal:
    """The streams as they are now, taking every character and never failing."""
    return Terminal(taking_all(sys.stdout), taking_all(sys.stderr))


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command: what was typed, as it was understood (`arguments`) and word by word (`words`)."""

    arguments: argparse.Namespace
    words: tuple[str, ...]
    terminal: Terminal
    interrupts: Interrupts
    errors: ErrorCollector = field(default_factory=ErrorCollector)


@dataclass(frozen=True, slots=True)
class Command:
    """`usage` and `summary` stand in the list of --help. `do` returns the exit code."""

    name: str
    usage: str
    summary: str
    description: str
    configure: Callable[[argparse.ArgumentParser], None]
    do: Callable[[Call], int]
