"""Where a command writes. Output never decides: what a stream does not take is lost, and the command goes on."""

from __future__ import annotations

import codecs
import errno
import io
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TextIO, TypeVar

if TYPE_CHECKING:
    from perfsuite.cli.parser import ParsedCommand
    from perfsuite.run.error_collector import ErrorCollector
    from perfsuite.run.interrupts import Interrupts

_MIN_WIDTH, _MAX_WIDTH = 80, 120
_MIN_LINES = 24
_READER_GONE = (errno.EPIPE, errno.EIO)
"""The pipe is closed (`| head`), the terminal is closed."""
_LOST = "lost_because"
"""On a stream: why something that was written to it is lost."""
PLAIN = "perfsuite.plain"
"""Name of the way in which characters are written that an encoding does not have."""
_INSTEAD = {
    **dict.fromkeys("\N{HYPHEN}\N{NON-BREAKING HYPHEN}–—−─━", "-"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┡┩╇╈╋┳┻", "+"),
    **dict.fromkeys("│┃║╎", "|"),
    **dict.fromkeys("█▉▊▋▌▍▎▏▇▆▅▄▓▒░■", "#"),
    **dict.fromkeys("▁▂▃", "_"),
    **dict.fromkeys("⌈⌉⌊⌋", "|"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("·•●", "*"),
    "═": "=",
    "×": "x",
    "÷": "/",
    "±": "+-",
    "≈": "~",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "←": "<-",
    "↑": "^",
    "↓": "v",
    "▲": "^",
    "▼": "v",
    "µ": "u",
    "μ": "u",
    "Σ": "sum ",
    "τ": "tau",
    "κ": "kappa",
    "ρ": "rho",
    "Φ": "Phi",
    "∞": "inf",
    "✓": "ok",
    "✅": "ok",
    "✗": "x",
    "❌": "x",
    "⚠": "!",
    "ℹ": "i",
    "➖": "-",
    "\N{VARIATION SELECTOR-16}": "",
}


def plain(text: str) -> str:
    """`text` in ASCII: – as -, … as ..., ü as u; ? for what has no likeness there."""
    return "".join(character if character.isascii() else _likeness(character) for character in text)


def _likeness(character: str) -> str:
    if character in _INSTEAD:
        return _INSTEAD[character]
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part if part.isascii() else _INSTEAD.get(part, "") for part in parts) or "?"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


def taking_all(stream: TextIO | None) -> TextIO:
    """The stream, which from now on takes every character; one that leads nowhere where there is none (`>&-`)."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    codecs.register_error(PLAIN, _replaced)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=PLAIN)
    return stream


@contextmanager
def writing_to(stream: TextIO) -> Iterator[None]:
    """A block that writes to `stream`. What that does not take is lost.

    When its reader has gone, the stream is silent from then on; a full disk may have room again.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _READER_GONE:
            silence(stream)
        else:
            setattr(stream, _LOST, error.strerror or type(error).__name__)


def silence(stream: TextIO) -> None:
    """Let go of what the stream still holds and of all that comes: else Python fails over it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def settle(stream: TextIO) -> str:
    """Write what the stream still holds, or let go of it. Why something was lost on it; "" where its reader left."""
    with writing_to(stream):
        stream.flush()
        return str(getattr(stream, _LOST, ""))
    silence(stream)
    return str(getattr(stream, _LOST, ""))


@dataclass(frozen=True, slots=True)
class Terminal:
    """Results go to one stream, errors to the other."""

    results: TextIO
    errors: TextIO

    def out(self, text: str) -> None:
        """Write a result."""
        with writing_to(self.results):
            print(text, file=self.results, flush=True)

    def err(self, text: str) -> None:
        """Write an error or a warning."""
        with writing_to(self.errors):
            print(text, file=self.errors, flush=True)

    def settle(self) -> None:
        """Write what the streams still hold, or drop it."""
        if why := settle(self.results):
            self.err(f"Some of the output could not be written: {why}. The report of a run is in its folder.")
        settle(self.errors)

    @property
    def width(self) -> int:
        """Columns to write in, 80 to 120."""
        return min(max(shutil.get_terminal_size((_MIN_WIDTH, _MIN_LINES)).columns, _MIN_WIDTH), _MAX_WIDTH)

    @property
    def lines(self) -> int | None:
        """Lines of one screen, less one for the prompt; None for what is no terminal, where output may be long."""
        if not self.results.isatty():
            return None
        return max(shutil.get_terminal_size((_MIN_WIDTH, _MIN_LINES)).lines, _MIN_LINES) - 1

    def color(self, asked: bool) -> bool:
        """True where colours are asked for, on a terminal, without NO_COLOR."""
        return asked and self.results.isatty() and not os.environ.get("NO_COLOR")

    def show(self, render: Callable[..., str], record: object, *, color: bool) -> None:
        """Print what `render` makes of a record, in this width and, where they may be, in colours."""
        self.out(render(record, width=self.width, color=self.color(color)))


def standard_terminal() -> Terminal:
    """Standard output and standard error, which from now on take every character and never fail."""
    return Terminal(taking_all(sys.stdout), taking_all(sys.stderr))


Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class Invocation(Generic[Options]):
    """One call of a command: its options, how they were given, and what it works with."""

    options: Options
    parsed: ParsedCommand
    terminal: Terminal
    interrupts: Interrupts
    errors: ErrorCollector


# ── the page of a CI job ────────────────────────────────────────────────────────────────────────────


def step_summary() -> Path | None:
    """The file that $GITHUB_STEP_SUMMARY names, which commands append to; None where there is none."""
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(named) if named else None


def append_to_step(call: Invocation[Any], render: Callable[[], str], whole: Path) -> None:
    """Append Markdown, the `whole` of which is in a file; a warning where that is not possible."""
    from perfsuite.report.files.markdown import append_summary

    path = step_summary()

    def append() -> None:
        if path is not None and (warning := append_summary(path, render(), str(whole))):
            call.terminal.err(warning)

    call.errors.optional("step summary", append)
