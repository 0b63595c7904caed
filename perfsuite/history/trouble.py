"""What can go wrong with a database, in the user's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from perfsuite.errors import UsageError


class OutOfReachError(UsageError):
    """The database may be sound, but cannot be used now: no room, no rights, others write it."""


_KNOWN = (
    (
        UsageError,
        ("malformed", "not a database", "disk image", "no such table", "no such column", "file is encrypted"),
        "is damaged, or no history of runs",
        "The runs' folders hold everything: the command `history rebuild` makes it anew.",
    ),
    (
        OutOfReachError,
        ("disk is full", "no space left", "disk full", "disk quota"),
        "cannot be written: the disk is full",
        "Make room; the command `history rebuild` then takes up what is missing.",
    ),
    (
        OutOfReachError,
        ("database is locked",),
        "is being written by others for longer than it can be waited for",
        "The command `history rebuild` takes up what is missing.",
    ),
    (
        OutOfReachError,
        ("readonly", "read-only", "unable to open", "permission denied", "disk i/o error"),
        "cannot be opened or written",
        "Check the folder's rights, or name another place with --history.",
    ),
)
_UNREACHABLE = "cannot be reached or does not let us in"
_CHECK = "Check --history: postgresql://user@host:5432/database is one."
_MOST = 160


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turns what the database says into a UsageError of two lines. `where`: the database, without its password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise in_words(error, where) from error


def in_words(error: Exception, where: str) -> UsageError:
    """The message for an error of the database."""
    said = str(error.orig if isinstance(error, DBAPIError) and error.orig else error)
    for kind, marks, what, mend in _KNOWN:
        if any(mark in said.lower() for mark in marks):
            return kind(f"{where} {what}.\n{mend}")
    first = " ".join(said.split("\n")[0].split())[:_MOST]
    what, mend = (_UNREACHABLE, _CHECK) if "://" in where else ("cannot be used", "Name another place with --history.")
    return UsageError(f"{where} {what} ({first}).\n{mend}")
