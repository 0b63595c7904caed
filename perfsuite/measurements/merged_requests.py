"""Requests and actions of all load processes together: what the same second, role, behaviour and operation has of each.

Each record is added when it comes, and most are not kept: a master takes those of a thousand workers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from perfsuite.measurements.packed import (
    Packed,
    PackedActions,
    PackedRequests,
    PackedTimes,
    counted,
    pack_requests,
    pack_times,
)
from perfsuite.measurements.records import MERGED, Actions, ErrorCount, Requests, Times
from perfsuite.measurements.slowest import SlowRequest, slowest_of_second
from perfsuite.measurements.totals import histogram_of_all, judged_failures
from perfsuite.model import Remark

_NONE = Times()


@dataclass(slots=True)
class TimesSum:
    """Histograms added up."""

    values: list[bytes] = field(default_factory=list)
    sum_us: int = 0
    min_us: int = 0
    max_us: int = 0

    def add(self, times: PackedTimes) -> None:
        """Add one."""
        if not times.values:
            return
        if not self.values or times.min_us < self.min_us:
            self.min_us = times.min_us
        if times.max_us > self.max_us:
            self.max_us = times.max_us
        self.sum_us += times.sum_us
        self.values.append(times.values)

    def copy(self) -> TimesSum:
        """The same, to be continued on its own."""
        return TimesSum([*self.values], self.sum_us, self.min_us, self.max_us)

    def times(self) -> Times:
        """All of them together."""
        return Times(counted(self.values), self.sum_us, self.min_us, self.max_us) if self.values else _NONE


@dataclass(slots=True)
class _RequestsSum:
    ok: TimesSum = field(default_factory=TimesSum)
    server: TimesSum = field(default_factory=TimesSum)
    service: TimesSum | None = None
    """None as long as it is the same as `ok`."""
    ended: int = 0
    slowest: list[list[SlowRequest]] = field(default_factory=list)
    rest: list[Requests] = field(default_factory=list)
    """What is in no other field."""

    def add(self, one: PackedRequests) -> None:
        if self.service is None and one.service is not None:
            self.service = self.ok.copy()
        if self.service is not None:
            self.service.add(one.service or one.ok)
        self.ok.add(one.ok)
        self.server.add(one.server)
        self.ended += one.ended
        if one.slowest:
            self.slowest.append(one.slowest)
        if one.rest is not None:
            self.rest.append(one.rest)


class MergedRequests:
    """One record of each second, role, behaviour and operation in which something is new."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[int, str, str, str], _RequestsSum] = defaultdict(_RequestsSum)

    def add_packed(self, packed: Packed) -> None:
        """Those of a batch."""
        sums, series = self._sums, packed.series
        for one in packed.requests:
            sums[one.second, *series[one.series]].add(one)

    def add(self, record: Requests) -> None:
        """One."""
        self._sums[record.second, record.role, record.behaviour, record.operation].add(pack_requests(record))

    def take(self, sequence: Iterator[int]) -> Iterator[Requests]:
        """What was added since the last call."""
        taken, self._sums = self._sums, defaultdict(_RequestsSum)
        for key, sums in taken.items():
            yield _requests(next(sequence), key, sums)


@dataclass(slots=True)
class _ActionsSum:
    actions: int = 0
    succeeded: int = 0
    times: TimesSum = field(default_factory=TimesSum)
    pauses: int = 0
    pause_us: int = 0

    def add(self, one: PackedActions | Actions, times: PackedTimes) -> None:
        self.actions += one.actions
        self.succeeded += one.succeeded
        self.times.add(times)
        self.pauses += one.pauses
        self.pause_us += one.pause_us


class MergedActions:
    """One record of each second, role and behaviour in which something is new."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[int, str, str], _ActionsSum] = defaultdict(_ActionsSum)

    def add_packed(self, packed: Packed) -> None:
        """Those of a batch."""
        sums, series = self._sums, packed.series
        for one in packed.actions:
            role, behaviour, _operation = series[one.series]
            sums[one.second, role, behaviour].add(one, one.times)

    def add(self, record: Actions) -> None:
        """One."""
        self._sums[record.second, record.role, record.behaviour].add(record, pack_times(record.times))

    def take(self, sequence: Iterator[int]) -> Iterator[Actions]:
        """What was added since the last call."""
        taken, self._sums = self._sums, defaultdict(_ActionsSum)
        for key, one in taken.items():
            times = one.times.times()
            yield Actions(MERGED, next(sequence), *key, one.actions, one.succeeded, times, one.pauses, one.pause_us)


def times_of_all(many: Iterable[Times]) -> Times:
    """Few histograms added up."""
    known = [times for times in many if times.counts]
    if len(known) < 2:
        return known[0] if known else _NONE
    merged = histogram_of_all(known)
    return Times(merged.counts, merged.sum_us, merged.min_us, merged.max_us)


def _requests(sequence: int, key: tuple[int, str, str, str], sums: _RequestsSum) -> Requests:
    records = sums.rest
    with_failures = [record for record in records if record.failed.counts]
    errors = _errors(records) if with_failures or any(record.errors for record in records) else []
    ok = sums.ok.times()
    return Requests(
        MERGED,
        sequence,
        *key,
        ok=ok,
        failed=times_of_all([record.failed for record in with_failures]),
        errors=errors,
        service=ok if sums.service is None else sums.service.times(),
        server=sums.server.times(),
        connects=times_of_all([record.connects for record in records]),
        tls=times_of_all([record.tls for record in records]),
        ended=sums.ended,
        remarks=_remarks(records),
        waited=times_of_all(map(judged_failures, with_failures)) if with_failures else None,
        ended_failed=sum([record.ended_failed for record in records]),
        expired=sum([record.expired for record in records]),
        retries=sum([record.retries for record in records]),
        slowest=_slowest(key[0], sums.slowest),
    )


def _errors(records: Iterable[Requests]) -> list[ErrorCount]:
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for record in records:
        for error in record.errors:
            number, request_id = found.get((error.kind, error.message), (0, ""))
            # The same one in whatever order the records come, and as `FailureTotals` chooses.
            ids = [one for one in (request_id, error.request_id) if one]
            found[error.kind, error.message] = (number + error.count, min(ids, default=""))
    return [ErrorCount(*key, *known) for key, known in found.items()]


def _remarks(records: Iterable[Requests]) -> list[Remark]:
    found: dict[tuple[str, str], Remark] = {}
    for record in records:
        for remark in record.remarks:
            known = found.get((remark.about, remark.why))
            found[remark.about, remark.why] = replace(known, count=known.count + remark.count) if known else remark
    return list(found.values())


def _slowest(second: int, known: Sequence[list[SlowRequest]]) -> list[SlowRequest]:
    if len(known) < 2:
        return known[0] if known else []
    return slowest_of_second(second, known)
