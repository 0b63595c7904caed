"""Writing where the user reads. Output never decides: what a stream does not take is lost, and the command goes on."""

from __future__ import annotations

import codecs
import errno
import io
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

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
