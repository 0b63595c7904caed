"""The load processes of a run: which joined, which were lost, and whether everything that they sent arrived."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LostWorker:
    """A load process that died or fell silent. `at`: UTC epoch, s.

    `users`: how many it had; `placed`: how many of them other processes took, None where that is not known.
    """

    worker: str
    at: float
    users: int
    reason: str
    placed: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerLedger:
    """One load process: where it ran, and what it sent beside what arrived. None: not known.

    `joined_at`: UTC epoch, s; `spare`: it waited for users that another one lost. `sent`: batches by its own word,
    `received`: those that arrived, each counted once. `requests`: counted on arrival, those refused for an expired
    token included; `said_requests`: by its own word; `first` and `last`: UTC seconds in which they were due.
    `clock_offset_ms`: how far its clock was ahead of that of the master, within `clock_uncertainty_ms`.
    """

    worker: str
    host: str = ""
    pid: int | None = None
    joined_at: float | None = None
    spare: bool = False
    sent: int | None = None
    received: int | None = None
    duplicates: int = 0
    requests: int = 0
    said_requests: int | None = None
    first: int | None = None
    last: int | None = None
    lost: bool = False
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None

    @property
    def missing(self) -> int | None:
        """Batches that it sent and that never arrived."""
        return None if self.sent is None else self.sent - (self.received or 0)

    @property
    def silent(self) -> bool:
        """It did not say how many batches it sent, though it was not lost."""
        return self.sent is None and not self.lost

    @property
    def unlike(self) -> int:
        """Requests that arrived less those that it recorded, as far as it said."""
        return 0 if self.said_requests is None else self.requests - self.said_requests


@dataclass(frozen=True, slots=True)
class RunLedger:
    """What all load processes sent, beside what is in the measurements.

    `written`: the run ended with a ledger; one that was cut off only knows who joined. `recorded`: requests in the
    measurements.
    """

    workers: tuple[WorkerLedger, ...]
    written: bool
    recorded: int

    @property
    def requests(self) -> int:
        """Requests that arrived from all of them."""
        return sum(worker.requests for worker in self.workers)

    @property
    def balanced(self) -> bool | None:
        """Everything that was sent arrived and is in the measurements; None where a lost process could not say."""
        if not self.written:
            return None
        gaps = (worker.missing or worker.silent or worker.unlike for worker in self.workers)
        if self.requests != self.recorded or any(gaps):
            return False
        return None if any(worker.sent is None for worker in self.workers) else True
