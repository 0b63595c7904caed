"""The sums that an aggregate of records is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from perfsuite.measurements.histogram import ClassicHistogram
from perfsuite.measurements.minutes import SecondSums
from perfsuite.measurements.records import Actions, Arrivals, Generator, NotStarted, Requests
from perfsuite.measurements.totals import Due


@dataclass(slots=True)
class FailureTotals:
    """Failures of one role, operation, kind and message."""

    count: int
    first: int
    last: int
    request_id: str
    request_second: int

    def merge(self, other: FailureTotals) -> None:
        """Add those of `other`."""
        self.count += other.count
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        # The earliest id: the same one in whatever order the records come.
        if other.request_id and (
            not self.request_id or (other.request_second, other.request_id) < (self.request_second, self.request_id)
        ):
            self.request_id, self.request_second = other.request_id, other.request_second


@dataclass(slots=True)
class RoleTotals:
    """All requests of one role, in the few figures that are needed while a run goes on."""

    requests: int = 0
    failures: int = 0
    not_started: int = 0
    ended: int = 0
    ended_failed: int = 0
    server_times: int = 0
    server_zeros: int = 0
    """Of the server times, those that are 0."""
    tls: int = 0
    response: ClassicHistogram = field(default_factory=ClassicHistogram)
    service: ClassicHistogram = field(default_factory=ClassicHistogram)


@dataclass(slots=True)
class LineTotals:
    """Requests of one role and operation: what the live view shows of them."""

    requests: int = 0
    took_us: int = 0
    failures: int = 0

    def add(self, requests: int, took_us: int, failures: int) -> None:
        """Add these; negative numbers take them away."""
        self.requests += requests
        self.took_us += took_us
        self.failures += failures


@dataclass(slots=True)
class RecordedSecond:
    """The records of one second, or of a minute that was rolled up, and a few sums."""

    requests: list[Requests] = field(default_factory=list)
    not_started: list[NotStarted] = field(default_factory=list)
    arrivals: list[Arrivals] = field(default_factory=list)
    actions: list[Actions] = field(default_factory=list)
    generators: list[Generator] = field(default_factory=list)
    lines: dict[tuple[str, str], LineTotals] = field(default_factory=dict)
    """By role and operation."""
    unanswered: int = 0
    """Requests that no HTTP answer came back to, though there was time for one."""
    unfinished: int = 0
    """Requests that the end of the load cut off."""
    never_left: int = 0
    """Requests that failed on a limit of the load machine."""
    sums: list[SecondSums] = field(default_factory=list)
    """In place of the records, where the second is part of a minute that was rolled up."""
    ordinals: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Of such a minute: kind and message → `ordinals` of these failures."""

    @property
    def due(self) -> list[Due]:
        """What was due in it."""
        return [*self.requests, *self.not_started]


@dataclass(slots=True)
class ProcessTotals:
    """One load process: its latest report, and the lag of its event loop over the whole run."""

    latest: Generator
    loop_lag: ClassicHistogram = field(default_factory=ClassicHistogram)


@dataclass(slots=True)
class ArrivalTotals:
    """Open model: actions that were due, those that began, and how late."""

    due: int = 0
    begun: int = 0
    lag: ClassicHistogram = field(default_factory=ClassicHistogram)
