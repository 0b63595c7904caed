"""Requests counted where they are sent: independent of whoever records them, to be compared with them at the end."""

from __future__ import annotations

from perfsuite.clock import utc_s
from perfsuite.load.lease import Permission
from perfsuite.target.exchange import Answer, Request, Transport


class SentCount:
    """Of one load process: requests that were handed to a transport, those of them that nobody could record, and how
    often the transport sent one once more."""

    __slots__ = ("retries", "sent", "unrecorded")

    def __init__(self) -> None:
        self.sent = 0
        self.retries = 0
        self.unrecorded = 0


class CountingTransport:
    """Counts each request before it is sent, in its own `sent` and in that of the process. Sends while permitted."""

    __slots__ = ("_exchange", "_of_process", "_permitted", "_transport", "sent", "waiting_since")

    def __init__(self, transport: Transport, of_process: SentCount, permission: Permission) -> None:
        self._permitted = permission.wait
        self._transport = transport
        self._exchange = transport.exchange
        self._of_process = of_process
        self.sent = 0
        self.waiting_since: float | None = None
        """Since when (UTC epoch s) an answer has been waited for; None while none is."""

    def exchange(self, request: Request) -> Answer:
        """The answer of the transport behind it."""
        self._permitted()
        self.sent += 1
        self._of_process.sent += 1
        self.waiting_since = utc_s()
        try:
            answer = self._exchange(request)
        finally:
            self.waiting_since = None
        self._of_process.retries += answer.retries
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
