"""What one load process sends and receives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """Bytes of HTTP since the last time they were asked for: heads and bodies, without TLS and what lies below it."""

    sent_bytes: int = 0
    received_bytes: int = 0

    def take(self) -> tuple[int, int]:
        """Sent and received since the last call; both begin anew."""
        taken = self.sent_bytes, self.received_bytes
        self.sent_bytes = self.received_bytes = 0
        return taken
