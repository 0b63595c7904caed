"""A command with a name: what can be typed after it, and what it does."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from perfsuite.interrupts import Interrupts
from perfsuite.output import silence, writing_to
from perfsuite.plan.build import Options
from perfsuite.screen import PlainScreen, QuietScreen, screen_for

_MIN_WIDTH, _MAX_WIDTH = 80, 120
_MIN_LINES = 24


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command tells: results on one stream, mistakes on the other."""

    told: TextIO
    mistakes: TextIO

    def out(self, text: str) -> None:
        """Raises UsageError when the stream takes nothing."""
        with writing_to(self.told):
            print(text, file=self.told, flush=True)

    def err(self, text: str) -> None:
        """Tell a mistake, if anybody is left to be told; the exit code says it too."""
        try:
            print(text, file=self.mistakes, flush=True)
        except OSError:
            silence(self.mistakes)

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
    """The streams as they are now."""
    return Terminal(sys.stdout, sys.stderr)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command: what was typed, as it was understood (`arguments`) and word by word (`words`)."""

    arguments: argparse.Namespace
    words: tuple[str, ...]
    terminal: Terminal
    interrupts: Interrupts


@dataclass(frozen=True, slots=True)
class Command:
    """`usage` and `summary` stand in the list of --help. `do` returns the exit code."""

    name: str
    usage: str
    summary: str
    description: str
    configure: Callable[[argparse.ArgumentParser], None]
    do: Callable[[Call], int]
