"""One request as it happened: from the session that made it, over the observer, to the recorder."""

from __future__ import annotations

import msgspec

from perfsuite.model.failures import Failure
from perfsuite.model.summary_parts import Remark


class Series(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What requests are counted by.

    Compared by identity, since every request looks it up: a process keeps one object for each combination.
    """

    role: str
    behaviour: str
    operation: str
    method: str = "GET"


class Sample(msgspec.Struct, gc=False):
    """A request with its outcome. `sent_at`: UTC epoch seconds; `elapsed_us`: from before the send, connecting
    included, to the last byte."""

    series: Series
    request_id: str
    sent_at: float
    elapsed_us: int
    status: int
    length: int
    failure: Failure | None = None
    due_at: float | None = None
    """When the request was due, where that was before `sent_at` (open model)."""
    server_us: int | None = None
    connect_us: int | None = None
    """Connection set-up, part of `elapsed_us`; None where a connection was open."""
    tls_us: int | None = None
    remarks: tuple[Remark, ...] = ()
    """What the answer reported and the suite does not believe, and what the client noticed."""
    retries: int = 0
    expired: bool = False
    """Refused with 401 because the token had expired, and sent again after a login. Neither a success nor a failure of
    the operation."""

    @property
    def role(self) -> str:
        """Slug of the role."""
        return self.series.role

    @property
    def behaviour(self) -> str:
        """Name of the behaviour whose action it was part of."""
        return self.series.behaviour

    @property
    def operation(self) -> str:
        """Name of the operation."""
        return self.series.operation

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.series.method

    @property
    def was_due_at(self) -> float:
        """When the user wanted to send it, UTC epoch seconds."""
        return self.sent_at if self.due_at is None else self.due_at

    @property
    def service_us(self) -> int:
        """From the send to the last byte: `elapsed_us` without the connection set-up."""
        return self.elapsed_us - (self.connect_us or 0) - (self.tls_us or 0)

    @property
    def response_us(self) -> int:
        """From the moment it was due to the last byte."""
        if self.due_at is None:
            return self.elapsed_us
        return self.elapsed_us + max(round((self.sent_at - self.due_at) * 1e6), 0)
