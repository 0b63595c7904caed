"""What the recorder is told of a request besides its response time."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.model import Remark


@dataclass(frozen=True, slots=True)
class Parts:
    """What a request's time is made of, µs; None where that did not happen or is not known.

    `ended_second`: UTC second in which it ended. `due_us`: after the beginning of the second in which it was due.
    """

    ended_second: int
    service_us: int
    server_us: int | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    remarks: tuple[Remark, ...] = ()
    retries: int = 0
    due_us: int = 0
    status: int = 0
