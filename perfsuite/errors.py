"""Everything that can stop the suite, with the exit code it ends in.

SuiteError
 ├── UsageError      2   the command or a file is wrong: nothing was sent
 ├── TargetError     3   the target is not there, not ours, or not ready: no load was sent
 ├── LoadError       4   the load could not be made or its record is unusable
 │    └── UnexpectedError    an unexpected error of the suite itself
 └── SafetyError     6   refused for safety: host not allowed

The message is what the user reads: one or two lines that name cause and fix. It comes from a catalogue in
`perfsuite/messages`, so that its code and fields can be read without its words.
"""

from __future__ import annotations

import errno
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from perfsuite.messages import Message
from perfsuite.messages.files import FileMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from perfsuite.messages import Code

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_TARGET = 3
EXIT_INCONCLUSIVE = 4
EXIT_REGRESSION = 5
EXIT_SAFETY = 6
EXIT_INTERRUPTED = 130


class SuiteError(Exception):
    """A mistake or a state of the world that ends the command with `exit_code`."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> Code | None:
        """Which sentence it is; None for text that is in no catalogue."""
        return self.message.code if isinstance(self.message, Message) else None

    @property
    def fields(self) -> Mapping[str, Any]:
        """The values in the sentence."""
        return self.message.fields if isinstance(self.message, Message) else {}


class UsageError(SuiteError):
    """The command line or a file is wrong. Nothing was sent."""

    exit_code = EXIT_USAGE


class TargetError(SuiteError):
    """The target is not there, not an Agent Mitra backend, or not ready. No load was sent."""

    exit_code = EXIT_TARGET


class LoadError(SuiteError):
    """The load process failed in a way that is not the target's doing."""

    exit_code = EXIT_INCONCLUSIVE


class UnexpectedError(LoadError):
    """An unexpected error of the suite itself. The message says where, and which file has the traceback."""


class SafetyError(SuiteError):
    """It is not allowed to send load to the host."""

    exit_code = EXIT_SAFETY


_OF_A_FILE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENFILE)


def is_of_a_file(error: BaseException) -> bool:
    """True where the system refused a file, for a reason that a user can do something about."""
    return isinstance(error, OSError) and (error.filename is not None or error.errno in _OF_A_FILE)


def unwritable(error: OSError, place: Path | None = None) -> LoadError:
    """For a file that the system did not take or give; `place`: where, if the error does not know."""
    path, why = error.filename or place or "a file", (error.strerror or str(error)).lower()
    return LoadError(FileMessage.REFUSED(path=path, why=why))


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence, ", did you mean 'x'?", with the nearest known name; "" when none is near."""
    found = get_close_matches(name, list(known), n=1)
    return f", did you mean '{found[0]}'?" if found else ""
