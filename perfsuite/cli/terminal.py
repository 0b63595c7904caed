"""Output of a command. A stream that cannot be written loses its output; the command and its exit code go on."""

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
"""Attribute of a stream: why output was lost."""
PLAIN = "perfsuite.plain"
"""Name of our codec error handler."""
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
    """`text` in ASCII: – as -, … as ..., ü as u; ? for a character without a substitute."""
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
    """The stream, with substitutes for characters that it cannot encode; devnull if it is closed (`>&-`)."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    codecs.register_error(PLAIN, _replaced)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=PLAIN)
    return stream


@contextmanager
def writing_to(stream: TextIO) -> Iterator[None]:
    """A block that writes to `stream`; what cannot be written is lost.

    After a closed pipe or terminal the stream is silent; after a full disk it is tried again.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _READER_GONE:
            silence(stream)
        else:
            setattr(stream, _LOST, error.strerror or type(error).__name__)


def silence(stream: TextIO) -> None:
    """Discard what the stream has buffered and all that follows: Python would fail to flush it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def settle(stream: TextIO) -> str:
    """Flush the stream, or discard its buffer. Why output was lost; "" if none was or nobody reads it."""
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
        """Flush both streams, or discard their buffers."""
        if why := settle(self.results):
            self.err(f"Some of the output could not be written: {why}. The report of a run is in its folder.")
        settle(self.errors)

    @property
    def width(self) -> int:
        """Columns to write in, 80 to 120."""
        return min(max(shutil.get_terminal_size((_MIN_WIDTH, _MIN_LINES)).columns, _MIN_WIDTH), _MAX_WIDTH)

    @property
    def lines(self) -> int | None:
        """Lines of one screen, less one for the prompt; None if it is no terminal."""
        if not self.results.isatty():
            return None
        return max(shutil.get_terminal_size((_MIN_WIDTH, _MIN_LINES)).lines, _MIN_LINES) - 1

    def color(self, asked: bool) -> bool:
        """True on a terminal if colours are asked for and NO_COLOR is not set."""
        return asked and self.results.isatty() and not os.environ.get("NO_COLOR")

    def show(self, render: Callable[..., str], record: object, *, color: bool) -> None:
        """Print what `render` returns for a record, this width and these colours."""
        self.out(render(record, width=self.width, color=self.color(color)))


def standard_terminal() -> Terminal:
    """Standard output and standard error, prepared for every character and for closed streams."""
    return Terminal(taking_all(sys.stdout), taking_all(sys.stderr))


Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class Invocation(Generic[Options]):
    """What a command gets: its options, where they were set, and its output, signals and errors."""

    options: Options
    parsed: ParsedCommand
    terminal: Terminal
    interrupts: Interrupts
    errors: ErrorCollector


# ── the page of a CI job ────────────────────────────────────────────────────────────────────────────


def step_summary() -> Path | None:
    """The file that $GITHUB_STEP_SUMMARY names; None if it is not set."""
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(named) if named else None


def append_to_step(call: Invocation[Any], render: Callable[[], str], whole: Path) -> None:
    """Append Markdown to the page of a CI job; a warning if it cannot be written. `whole`: file with the whole text."""
    from perfsuite.report.files.markdown import append_summary

    path = step_summary()

    def append() -> None:
        if path is not None and (warning := append_summary(path, render(), str(whole))):
            call.terminal.err(warning)

    call.errors.optional("step summary", append)
