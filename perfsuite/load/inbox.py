"""The master's side of what workers hand over: each batch once, written down before it is acknowledged."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from perfsuite.load.file_growth import append_growth
from perfsuite.load.messages import Batch, Drained, decode_records
from perfsuite.measurements.file import Writer
from perfsuite.measurements.merge import Merger
from perfsuite.measurements.records import Ledger, Record

COORDINATOR = "coordinator"
"""Who writes the records that are no worker's."""
MANY_WORKERS = 200
"""From so many on, workers hand over their records less often."""


def interval_s(workers: int) -> float:
    """How often each of so many workers hands over its records."""
    return 3.0 if workers >= MANY_WORKERS else 1.0


@dataclass(slots=True, eq=False)
class WorkerAccount:
    """What was received from one worker."""

    name: str
    host: str
    received: int = 0
    """Batches, each counted once; also the number of the last one, since none is taken before its predecessor."""
    acknowledged: int = 0
    duplicates: int = 0
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None
    """The largest."""

    def note_clock(self, offset_ms: float | None, uncertainty_ms: float | None) -> None:
        """Its clock as it was measured now."""
        if uncertainty_ms is not None:
            self.clock_offset_ms = offset_ms
            self.clock_uncertainty_ms = max(self.clock_uncertainty_ms or 0.0, uncertainty_ms)


class Inbox:
    """Takes batches and writes them, merged, to the measurements of the run."""

    def __init__(self, folder: Path, writer: Writer) -> None:
        self._folder = folder
        self._writer = writer
        self._merger = Merger()
        self._sequence = count(1)
        self._unwritten: set[WorkerAccount] = set()
        self._waiting_since = 0.0
        self._has_own = False

    def take(self, account: WorkerAccount, batch: Batch) -> list[Record]:
        """The records of a batch that is new, but for those of requests and actions.

        One that is not is counted; one that came too early comes again. Raises LoadError when the disk does not take
        its files: the batch is not received then.
        """
        if batch.number <= account.received:
            account.duplicates += 1
            self._note_unwritten(account)  # its acknowledgement was lost: send it again
            return []
        if batch.number > account.received + 1:
            return []
        packed = decode_records(batch.records)
        if batch.files:
            append_growth(self._folder, batch.files)
        self._merger.add_packed(account.name, packed)
        account.received = batch.number
        account.note_clock(batch.clock_offset_ms, batch.clock_uncertainty_ms)
        self._note_unwritten(account)
        return packed.others

    def _note_unwritten(self, account: WorkerAccount) -> None:
        if not self._unwritten:
            self._waiting_since = time.monotonic()
        self._unwritten.add(account)

    def is_due(self, workers: int) -> bool:
        """True when there is something to write. Batches wait until those of so many workers are there, or half of the
        interval in which each comes.

        Workers hand over the same second one after the other. Written together it takes no more than that of one.
        """
        if self._has_own or not self._unwritten:
            return self._has_own
        within_s = interval_s(workers) / 2
        return len(self._unwritten) >= workers or time.monotonic() - self._waiting_since >= within_s

    def add(self, kind: type[Record], *fields: object) -> None:
        """A record of the coordinator, of which these are the fields after its number."""
        self._merger.add(COORDINATOR, [kind(COORDINATOR, next(self._sequence), *fields)])  # type: ignore[arg-type]
        self._has_own = True

    def requests_beside(self, account: WorkerAccount) -> int:
        """Requests that all others have handed over so far."""
        return sum(counts.requests for name, counts in self._merger.counts.items() if name != account.name)

    def add_ledger(self, account: WorkerAccount, said: Drained | None, *, lost: bool) -> None:
        """A worker's line in the ledger. `said`: what it says that it has handed over; None where it could not."""
        counts = self._merger.counts[account.name]
        self.add(
            Ledger,
            account.name,
            account.host,
            said.batches if said is not None else None,
            account.received,
            account.duplicates,
            counts.requests,
            said.requests if said is not None else None,
            counts.first,
            counts.last,
            lost,
            account.clock_offset_ms,
            account.clock_uncertainty_ms,
            counts.lost_records,
        )

    def write(self) -> list[WorkerAccount]:
        """Write down what was taken since, and flush it. Whose batches may be acknowledged now, up to `received`.

        Raises LoadError when the disk does not take it.
        """
        if not self._unwritten and not self._has_own:
            return []
        self._has_own = False
        self._writer.write_all(self._merger.take())
        self._writer.flush()
        written, self._unwritten = list(self._unwritten), set()
        for account in written:
            account.acknowledged = account.received
        return written
