"""What happened since the last second, counted by second, role, behaviour and operation.

Counting must be cheap (it happens inside the load) and must never lose anything: a cell is handed over once, as a
delta, and begins again at zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import (
    Actions,
    Arrivals,
    ErrorCount,
    NotPossible,
    NotStarted,
    Record,
    Requests,
    times_of,
)
from perfsuite.measurements.slowest import SlowestOfSecond, SlowestSoFar
from perfsuite.measurements.totals import OTHER_MESSAGES
from perfsuite.model import Remark
from perfsuite.model.failures import stays_in, without_ids
from perfsuite.model.sample import Sample, Series

MAX_MESSAGES = 1000
"""Different error messages kept per process; further ones are counted under OTHER_MESSAGES."""

_NOT_POSSIBLE = "not possible"
"""Beside the kinds of failure: what reasons are counted under."""

Key = tuple[int, str, str, str]

MOST_ORDINALS = 1000
"""Of the failures with one message so many are numbered, and of all failures in one process..."""
MOST_ORDINALS_IN_ALL = 20_000
"""... so many."""


@dataclass(slots=True)
class _Failed:
    """Failures of one message in a cell."""

    request_id: str
    count: int = 0
    ordinals: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _RequestCell:
    ok: Histogram = field(default_factory=Histogram)
    failed: Histogram = field(default_factory=Histogram)
    errors: dict[tuple[str, str], _Failed] = field(default_factory=dict)
    service: Histogram = field(default_factory=Histogram)
    usual: Histogram = field(default_factory=Histogram)
    """Of right answers over open connections, sent when they were due: both response and service time."""
    server: Histogram = field(default_factory=Histogram)
    connects: Histogram = field(default_factory=Histogram)
    tls: Histogram = field(default_factory=Histogram)
    ended: int = 0
    ended_failed: int = 0
    waited: Histogram | None = None
    """None until something failed: few cells need one."""
    expired: int = 0
    retries: int = 0
    remarks: dict[tuple[str, str], Remark] | None = None
    slowest: SlowestOfSecond = field(default_factory=SlowestOfSecond)

    def add_parts(self, sample: Sample) -> None:
        """Count what the time of a request is made of, and what was noticed on the way."""
        if sample.connect_us is None and sample.tls_us is None:
            self.service.add(sample.elapsed_us)
        else:
            self.service.add(sample.service_us)
            if sample.connect_us is not None:
                self.connects.add(sample.connect_us)
            if sample.tls_us is not None:
                self.tls.add(sample.tls_us)
        if sample.server_us is not None:
            self.server.add(sample.server_us)
        if sample.remarks:
            self.note(sample.remarks)
        if sample.retries:
            self.retries += sample.retries

    def note(self, remarks: Iterable[Remark]) -> None:
        """Count remarks by what they are about and why; the first of each is the example."""
        self.remarks = self.remarks or {}
        for remark in remarks:
            key = (remark.about, remark.why)
            known = self.remarks.get(key)
            self.remarks[key] = replace(known, count=known.count + 1) if known else remark


@dataclass(slots=True)
class _ActionCell:
    times: Histogram = field(default_factory=Histogram)
    succeeded: int = 0
    pauses: int = 0
    pause_us: int = 0


@dataclass(slots=True)
class _ArrivalCell:
    due: int = 0
    begun: int = 0
    beginnings: int = 0
    lag: Histogram = field(default_factory=Histogram)


class Cells:
    """What one process has seen since the last time it was asked. Seconds are UTC, in which something was due."""

    def __init__(self) -> None:
        self.recorded = 0
        self.waiting = 0
        """Actions of the open model that are due and have not begun."""
        self.logging_in = 0
        """Users that have not ended the login that they begin with."""
        self._arrivals: dict[int, _ArrivalCell] = {}
        self._not_started: dict[Key, Histogram] = {}
        self._requests: dict[int, dict[Series, _RequestCell]] = {}
        """Second → what was due in it."""
        self._second, self._present = 0, dict[Series, _RequestCell]()
        """The latest of them."""
        self.slowest = SlowestSoFar()
        self._actions: dict[tuple[int, str, str], _ActionCell] = {}
        self._not_possible: dict[tuple[Key, str], int] = {}
        self._messages: set[tuple[str, str]] = set()
        self._numbered: Counter[tuple[str, str]] = Counter()
        self._numbered_in_all = 0

    def request(self, sample: Sample) -> None:
        """Count one request that got a right answer."""
        elapsed_us, second = sample.elapsed_us, int(sample.sent_at)
        if sample.due_at is None and second == self._second and int(sample.sent_at + elapsed_us / 1e6) == second:
            # Nearly all: sent when it was due, and over within the present second.
            cell = self._present.get(sample.series) or self._cell(second, sample.series)
            cell.ended += 1
        else:
            cell = self._ended(sample)
            elapsed_us = sample.response_us
        if sample.due_at is None and sample.connect_us is None and not sample.remarks and not sample.retries:
            cell.usual.add(elapsed_us)
            if sample.server_us is not None:
                cell.server.add(sample.server_us)
        else:
            cell.add_parts(sample)
            cell.ok.add(elapsed_us)
        self.recorded += 1
        if elapsed_us > cell.slowest.above_us:
            cell.slowest.add((elapsed_us, -self.recorded, sample, ""))

    def failure(self, sample: Sample, error: tuple[str, str]) -> None:
        """Count one failed request; `error` is its kind and message."""
        group, elapsed_us = self._group(error), sample.response_us
        cell = self._ended(sample, failed=True)
        cell.add_parts(sample)
        if cell.waited is None:
            cell.waited = Histogram()
        if stays_in(error[0], elapsed_us):
            cell.waited.add(elapsed_us)
        cell.failed.add(elapsed_us)
        self.recorded += 1
        if elapsed_us > cell.slowest.above_us:
            cell.slowest.add((elapsed_us, -self.recorded, sample, error[0]))
        known = cell.errors.get(group)
        if known is None:
            known = cell.errors[group] = _Failed(sample.request_id)
        known.count += 1
        if self._numbered[group] < MOST_ORDINALS and self._numbered_in_all < MOST_ORDINALS_IN_ALL:
            self._numbered[group] += 1
            self._numbered_in_all += 1
            known.ordinals.append(self.recorded)

    def expired(self, sample: Sample) -> None:
        """Count one request that was refused since the token had expired, and sent again. It has no time here."""
        self.recorded += 1
        cell = self._cell(int(sample.was_due_at), sample.series)
        cell.expired += 1
        cell.retries += sample.retries

    def _ended(self, sample: Sample, *, failed: bool = False) -> _RequestCell:
        """The cell of the second in which it was due; its end is counted in the second in which it ended."""
        second, ended_second = int(sample.was_due_at), int(sample.sent_at + sample.elapsed_us / 1e6)
        cell = self._cell(second, sample.series)
        ended = cell if ended_second == second else self._cell(ended_second, sample.series)
        ended.ended += 1
        ended.ended_failed += failed
        return cell

    def _cell(self, second: int, series: Series) -> _RequestCell:
        cells = self._requests.get(second)
        if cells is None:
            cells = self._requests[second] = {}
        if second > self._second:
            self._second, self._present = second, cells
        cell = cells.get(series)
        if cell is None:
            cell = cells[series] = _RequestCell()
        return cell

    def _group(self, error: tuple[str, str]) -> tuple[str, str]:
        kind, message = error
        group = (kind, without_ids(message))
        if group not in self._messages:
            if len(self._messages) >= MAX_MESSAGES:
                return (kind, OTHER_MESSAGES)
            self._messages.add(group)
        return group

    def action(self, key: tuple[int, str, str], elapsed_us: int, *, succeeded: bool) -> None:
        """Count one action by the second it began in, its role and behaviour."""
        cell = self._actions.get(key) or self._actions.setdefault(key, _ActionCell())
        cell.times.add(elapsed_us)
        cell.succeeded += succeeded

    def pause(self, key: tuple[int, str, str], pause_us: int) -> None:
        """Count one pause by the second it began in, and the role and behaviour before it."""
        cell = self._actions.get(key) or self._actions.setdefault(key, _ActionCell())
        cell.pauses += 1
        cell.pause_us += pause_us

    def arrival(self, second: int) -> None:
        """Open model: one action is due."""
        self._arrivals.setdefault(second, _ArrivalCell()).due += 1

    def begun(self, due_second: int, lag_us: int, *, second: int) -> None:
        """Open model: one action that was due begins in `second`, so much too late."""
        cell = self._arrivals.setdefault(due_second, _ArrivalCell())
        cell.begun += 1
        cell.lag.add(lag_us)
        self._arrivals.setdefault(second, _ArrivalCell()).beginnings += 1

    def not_started(self, key: Key, waited_us: int) -> None:
        """Open model: one action that was due is given up."""
        self._not_started.setdefault(key, Histogram()).add(waited_us)

    def not_possible(self, key: Key, why: str) -> None:
        """Count one operation that could not be made for want of data."""
        group = (key, self._group((_NOT_POSSIBLE, why))[1])
        self._not_possible[group] = self._not_possible.get(group, 0) + 1

    def take(self, worker: str, sequence: Iterator[int]) -> list[Record]:
        """All that came since the last call, as records; the cells begin anew."""
        requests, self._requests = self._requests, {}
        self._second = 0
        actions, self._actions = self._actions, {}
        missing, self._not_possible = self._not_possible, {}
        slow = self.slowest
        records: list[Record] = [
            _record(worker, next(sequence), (second, series.role, series.behaviour, series.operation), cell, slow)
            for second, cells in requests.items()
            for series, cell in cells.items()
        ]
        records += [
            Actions(
                worker,
                next(sequence),
                *key,
                cell.times.count,
                cell.succeeded,
                times_of(cell.times),
                cell.pauses,
                cell.pause_us,
            )
            for key, cell in actions.items()
        ]
        records += self._take_arrivals(worker, sequence)
        records += [NotPossible(worker, next(sequence), *key, count, why) for (key, why), count in missing.items()]
        return records

    def _take_arrivals(self, worker: str, sequence: Iterator[int]) -> list[Record]:
        arrivals, self._arrivals = self._arrivals, {}
        given_up, self._not_started = self._not_started, {}
        # What begins late counts in the second in which it was due; the queue of today is not that second's.
        now = max(arrivals, default=0)
        records: list[Record] = [
            Arrivals(
                worker,
                next(sequence),
                second,
                cell.due,
                cell.begun,
                times_of(cell.lag),
                self.waiting if second == now else 0,
                cell.beginnings,
            )
            for second, cell in arrivals.items()
        ]
        records += [NotStarted(worker, next(sequence), *key, times_of(waited)) for key, waited in given_up.items()]
        return records


def _both(some: Histogram, usual: Histogram) -> Histogram:
    if not some.count:
        return usual
    some.merge(usual)
    return some


def _record(worker: str, sequence: int, key: Key, cell: _RequestCell, slowest: SlowestSoFar) -> Requests:
    return Requests(
        worker,
        sequence,
        *key,
        ok=times_of(_both(cell.ok, cell.usual)),
        failed=times_of(cell.failed),
        errors=[
            ErrorCount(kind, message, known.count, known.request_id, known.ordinals)
            for (kind, message), known in cell.errors.items()
        ],
        service=times_of(_both(cell.service, cell.usual)),
        server=times_of(cell.server),
        connects=times_of(cell.connects),
        tls=times_of(cell.tls),
        ended=cell.ended,
        expired=cell.expired,
        remarks=list(cell.remarks.values()) if cell.remarks else [],
        waited=None if cell.waited is None else times_of(cell.waited),
        ended_failed=cell.ended_failed,
        retries=cell.retries,
        slowest=slowest.new(key, cell.slowest.entries),
    )
