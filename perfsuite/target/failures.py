"""Failures by what the operating system or the connection says, for the HTTP client: whose they are, in what words."""

from __future__ import annotations

import errno
import socket
import ssl

from perfsuite.format import duration
from perfsuite.messages.failures import GeneratorLimit, RequestFailure
from perfsuite.model import FailureKind, Remark
from perfsuite.target.exchange import Failure

_LIMITS = {
    errno.EMFILE: GeneratorLimit.OPEN_FILES,
    errno.ENFILE: GeneratorLimit.OPEN_FILES_OF_SYSTEM,
    errno.EADDRNOTAVAIL: GeneratorLimit.LOCAL_PORTS,
    errno.ENOBUFS: GeneratorLimit.BUFFERS,
    errno.ENOMEM: GeneratorLimit.MEMORY,
}
KEEP_ALIVE = "keep-alive"
"""Subject of the remarks on idle connections that the target closed."""
IN_USE = "a connection in use"
"""Subject of the remarks on connections that the target closed although they were not idle."""
LONG_IDLE_S = 0.5
"""A connection that the target closes after less was not closed for being idle: no keep-alive time is so short."""


def generator_failure(error: OSError | MemoryError) -> Failure | None:
    """The failure where a limit of this machine is the cause; None where it is something else, such as the target."""
    limit = _limit_of(error)
    return None if limit is None else Failure(FailureKind.GENERATOR, limit.value)


def _limit_of(error: OSError | MemoryError) -> GeneratorLimit | None:
    if isinstance(error, MemoryError):
        return GeneratorLimit.MEMORY
    if isinstance(error, ssl.SSLError):
        return None  # its number is one of OpenSSL's
    if isinstance(error, socket.gaierror):
        return GeneratorLimit.MEMORY if error.errno == socket.EAI_MEMORY else None
    return _LIMITS.get(error.errno or 0)


def idle_closed(idle_s: float) -> Failure:
    """The target closed a kept-alive connection, idle for that long, just as a request was sent over it."""
    return Failure(FailureKind.IDLE_CLOSED, str(RequestFailure.IDLE_CLOSED(idle_s=_about(idle_s))))


def idle_closed_remark(idle_s: float) -> Remark:
    """The same as a remark, for every such request, whether it was repeated or failed; and of those over a connection
    that was in use all the time."""
    if idle_s < LONG_IDLE_S:
        return Remark(IN_USE, "it was closed just as a request was sent", duration(idle_s))
    return Remark(KEEP_ALIVE, duration(_about(idle_s)), duration(idle_s))


def _about(idle_s: float) -> float:
    """Whole seconds, and tenths below one: few groups, and about as exact as such a race shows it."""
    return float(round(idle_s)) if idle_s >= 1 else round(idle_s, 1)
