"""What a session tells whoever observes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from perfsuite.model import Remark
from perfsuite.target.exchange import Failure


@dataclass(frozen=True, slots=True)
class Observed:
    """One request as it happened, checked. `sent_at`: UTC epoch seconds."""

    role: str
    behaviour: str
    operation: str
    method: str
    request_id: str
    sent_at: float
    elapsed_us: int
    status: int
    length: int
    failure: Failure | None
    due_at: float | None = None
    """When the user wanted to send it, where that was before `sent_at` (open model)."""
    service_us: int | None = None
    server_us: int | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    remarks: tuple[Remark, ...] = ()
    """What the answer reported and cannot be taken at its word."""
    expired: bool = False
    """Refused with 401 since the token had expired; the request was then made once more, after a login. Neither a
    success nor a failure of the operation."""

    @property
    def response_us(self) -> int:
        """From when it was due to the last byte."""
        late_us = 0 if self.due_at is None else round((self.sent_at - self.due_at) * 1e6)
        return self.elapsed_us + max(late_us, 0)


class Observer(Protocol):
    """Is told all that a session does."""

    def request(self, observed: Observed) -> None:
        """A request has ended."""

    def not_possible(self, role: str, behaviour: str, operation: str, why: str) -> None:
        """An operation could not be made; `why`: what it needs, and what the target answered when asked for that."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """One action done, timed from when it was due.

    `requests` is 0 where nothing of the behaviour could be made, or the login before it failed.
    """

    behaviour: str
    began_at: float
    elapsed_us: int
    requests: int
    succeeded: bool
