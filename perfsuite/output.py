"""Writing to where the user reads: a reader that has gone is no mistake, a place that takes nothing is one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from perfsuite.errors import UsageError

_READER_GONE = (errno.EPIPE, errno.EIO)
"""The pipe is closed (`| head`), the terminal is closed."""


@contextmanager
def writing_to(stream: TextIO) -> Iterator[None]:
    """A block that writes to `stream`. When its reader has gone, the stream is silent from then on.

    Raises UsageError when the stream takes nothing for another reason, such as a full disk.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _READER_GONE:
            raise UsageError(f"the output cannot be written: {error.strerror}") from None
        silence(stream)


def silence(stream: TextIO) -> None:
    """Let go of what the stream still holds and of all that comes: else Python fails over it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def settle(stream: TextIO) -> None:
    """Write what the stream still holds, or let go of it."""
    try:
        stream.flush()
    except OSError:
        silence(stream)
