"""A worker's records on their way to the master: in numbered batches, each kept and sent again until acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gevent.event import Event

from perfsuite.load.file_growth import FileGrowth
from perfsuite.load.messages import Ack, Batch, encode_records
from perfsuite.measurements.records import Record, Requests

ACK_WITHIN_S = 20.0
"""So long a worker waits at its end for the acknowledgement of what it has sent."""
RESEND_AFTER_S = 3.0
"""Without any acknowledgement in this time, what is not acknowledged is sent again, and then after twice that, ..."""
RESEND_AFTER_MOST_S = 12.0
"""... up to this: what many workers repeat must not be what keeps a busy master from answering."""


WINDOW = 4
"""So many batches may be unacknowledged. Where the master is behind by more, the next one waits and grows: what nobody
reads yet is kept here, and not a thousand times in the master's memory."""


@dataclass(slots=True)
class _Contents:
    """What has been collected for the next batch."""

    records: list[Record] = field(default_factory=list)
    requests: int = 0

    def add(self, record: Record) -> None:
        self.records.append(record)
        if isinstance(record, Requests):
            self.requests += requests_in(record)


def requests_in(record: Requests) -> int:
    """How many requests got their end in it, however often the target refused an expired token before."""
    return sum(record.ok.counts.values()) + sum(record.failed.counts.values()) + record.expired


class Outbox:
    """A `RecordSink`. What it holds is lost only with the process."""

    def __init__(
        self,
        send: Callable[[Batch], None],
        now: Callable[[], float],
        *,
        every_s: float = 1.0,
        turn: int = 0,
        files: FileGrowth | None = None,
        clock: Callable[[], tuple[float | None, float | None]] = lambda: (None, None),
    ) -> None:
        """`send` hands a batch to the network. `now`: s, steady. `clock`: offset and uncertainty of this clock, ms.

        `turn`: workers with different ones hand over in different seconds, where they do so less often than every one.
        """
        self._send = send
        self._now = now
        self._every_s = every_s
        self._earlier_s = turn % every_s
        self._files = files
        self._clock = clock
        self._contents = _Contents()
        self._unacknowledged: deque[Batch] = deque()
        self._all_acknowledged = Event()
        self._flushed_at = now()
        self._heard_at = now()
        self._patience_s = RESEND_AFTER_S
        self.batches = 0
        """Sent so far, each counted once."""
        self.requests = 0
        """In these."""

    def write(self, record: Record) -> None:
        """Take one record into the current batch."""
        self._contents.add(record)

    def flush(self) -> None:
        """Send the batch if one is due, and again what was not acknowledged in time."""
        # Half a second less: the seconds' turns come with some jitter.
        if self._now() - self._flushed_at >= self._every_s - 0.5 and self.unacknowledged < WINDOW:
            self._pack()
        self.resend()

    def _pack(self) -> bool:
        """Send what was collected; False when that is nothing."""
        grown = self._files.read() if self._files is not None else {}
        contents, self._contents = self._contents, _Contents()
        self._flushed_at, self._earlier_s = self._now() - self._earlier_s, 0.0
        if not contents.records and not grown:
            return False
        self.batches += 1
        self.requests += contents.requests
        if not self._unacknowledged:
            self._heard_at = self._now()
        batch = Batch(
            self.batches,
            encode_records(contents.records),
            grown,
            *self._clock(),
        )
        self._unacknowledged.append(batch)
        self._all_acknowledged.clear()
        self._send(batch)
        return True

    def resend(self) -> None:
        """Send once more what has waited too long, the oldest first: the network may have lost it."""
        if self._unacknowledged and self._now() - self._heard_at >= self._patience_s:
            self._heard_at = self._now()
            self._patience_s = min(2 * self._patience_s, RESEND_AFTER_MOST_S)
            for batch in list(self._unacknowledged):
                self._send(batch)

    def on_ack(self, ack: Ack) -> None:
        """The master has written down everything up to this batch."""
        self._heard_at, self._patience_s = self._now(), RESEND_AFTER_S
        while self._unacknowledged and self._unacknowledged[0].number <= ack.number:
            self._unacknowledged.popleft()
        if not self._unacknowledged:
            self._all_acknowledged.set()

    @property
    def unacknowledged(self) -> int:
        """Batches of which the master has not said that it has them."""
        return len(self._unacknowledged)

    def close(self) -> None:
        """Wait until everything has been acknowledged: only then may this process end."""
        while self._pack():
            continue  # long files take several
        until = self._now() + ACK_WITHIN_S
        while self._unacknowledged and self._now() < until:
            self._patience_s = RESEND_AFTER_S
            self.resend()
            self._all_acknowledged.wait(RESEND_AFTER_S)
