"""Records of several load processes, merged before they are written: the file does not grow with their number.

Records of the same kind, second, role, behaviour and operation become one of the worker "all". What is made from the
file stays the same, bucket by bucket, with one exception: which requests of its process failed (`ordinals`) is only
known, and only used, where one process makes all the load.

As long as there is only one process, its records stay as they are. What belongs to one process alone (its health, its
end, its errors, its file of all requests) always does, but for its numbers: they count what is left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import msgspec

from perfsuite.measurements.merged_users import KEPT_S, MergedUsers
from perfsuite.measurements.records import (
    MERGED,
    Actions,
    Arrivals,
    ErrorCount,
    NotPossible,
    NotStarted,
    Record,
    Requests,
    Times,
    Users,
    WorkerLost,
)
from perfsuite.measurements.slowest import SlowRequest, slowest_of
from perfsuite.measurements.totals import histogram_of_all, judged_failures, values_in
from perfsuite.model import Remark

_NONE = Times()


@dataclass(slots=True)
class WorkerCounts:
    """What arrived from one process: its requests, refused and repeated ones included, and when they were due."""

    requests: int = 0
    first: int | None = None
    last: int | None = None
    records: int = 0
    lowest: int = 1
    highest: int = 0
    """Of the numbers of its records; they begin with 1."""

    @property
    def lost_records(self) -> int:
        """Records that are missing, by their numbers."""
        return max(self.highest - self.lowest + 1 - self.records, 0)

    def add(self, records: Sequence[Record]) -> None:
        """Count these."""
        numbers = [record.sequence for record in records]
        self.records += len(numbers)
        self.lowest = min(self.lowest, min(numbers, default=self.lowest))
        self.highest = max(self.highest, max(numbers, default=self.highest))
        sent = [record for record in records if type(record) is Requests]
        if not sent:
            return
        self.requests += sum([sum(one.ok.counts.values()) + one.expired for one in sent])
        self.requests += sum([values_in(one.failed) for one in sent if one.failed.counts])
        seconds = [one.second for one in sent]
        self.first = min(seconds) if self.first is None else min(self.first, *seconds)
        self.last = max(seconds) if self.last is None else max(self.last, *seconds)


class Merger:
    """Takes the records of all load processes, and gives what is to be written.

    `kept_s`: how much later than others a process may report its users and queues.
    """

    def __init__(self, kept_s: int = KEPT_S) -> None:
        self.counts: defaultdict[str, WorkerCounts] = defaultdict(WorkerCounts)
        """Process → what arrived from it."""
        self._sources: set[str] = set()
        """Processes that make load."""
        self._several = False
        self._unchanged: list[Record] = []
        self._groups: dict[type, defaultdict[tuple[Any, ...], list[Any]]] = {kind: defaultdict(list) for kind in _KEYS}
        self._users = MergedUsers(kept_s)
        self._queues = _Queues(kept_s)
        self._sequence = count(1)
        self._last_number: dict[str, int] = {}
        """Process → the last number that it has in the file."""

    def add(self, worker: str, records: Sequence[Record]) -> None:
        """A batch of one process; each batch once, those of a process in their order."""
        self.counts[worker].add(records)
        if worker not in self._sources and any(type(record) in _OF_LOAD for record in records):
            self._sources.add(worker)
            if len(self._sources) == 2:
                self._begin_to_merge()
        if self._several:
            self._sort_in(records)
        else:
            self._unchanged += records

    def take(self) -> list[Record]:
        """What is to be written of what was added since the last call."""
        taken, self._unchanged = self._unchanged, []
        if not self._several:
            self._note(taken)
            return taken
        for kind, groups in self._groups.items():
            merge = _MERGERS[kind]
            taken += [merge(next(self._sequence), group) for group in groups.values()]
            groups.clear()
        taken += self._queues.take(self._sequence)
        taken += [Users(MERGED, next(self._sequence), *sums) for sums in self._users.take()]
        return taken

    def _note(self, written: Iterable[Record]) -> None:
        """Remember what is written unchanged, as far as a second process would change it."""
        for record in written:
            self._last_number[record.worker] = max(record.sequence, self._last_number.get(record.worker, 0))
            if isinstance(record, Users):
                self._users.add(record)
            elif isinstance(record, Arrivals):
                self._queues.note(record)
            elif isinstance(record, WorkerLost):
                self._users.lose(record)
        for _sums in self._users.take():
            pass  # as written

    def _begin_to_merge(self) -> None:
        """A second process is there: the users of the first one move into the sums, those already written included."""
        self._several = True
        waiting, self._unchanged = self._unchanged, []
        for worker, seconds in self._users.begin_anew().items():
            self._unchanged += [Users(worker, self._next_number(worker), second, {}) for second in seconds]
        self._sort_in(waiting)

    def _next_number(self, worker: str) -> int:
        number = self._last_number[worker] = self._last_number.get(worker, 0) + 1
        return number

    def _sort_in(self, records: Iterable[Record]) -> None:
        requests = self._groups[Requests]
        for record in records:
            if type(record) is Requests:
                requests[record.second, record.role, record.behaviour, record.operation].append(record)
            elif isinstance(record, Users):
                self._users.add(record)
            elif isinstance(record, Arrivals):
                self._queues.add(record)
            elif (key := _KEYS.get(type(record))) is not None:
                self._groups[type(record)][key(record)].append(record)
            elif record.worker in self._sources:
                number = self._next_number(record.worker)
                self._unchanged.append(msgspec.structs.replace(record, sequence=number))
            else:
                if isinstance(record, WorkerLost):
                    self._users.lose(record)
                self._unchanged.append(record)


class _Queues:
    """Arrivals of all processes. Queues of one second add up over the processes, and last as long as the longest."""

    def __init__(self, kept_s: int) -> None:
        self._kept_s = kept_s
        self._new: defaultdict[int, list[Arrivals]] = defaultdict(list)
        self._longest: defaultdict[int, dict[str, int]] = defaultdict(dict)
        """Second → process → the longest queue that it reported."""
        self._written: Counter[int] = Counter()
        """Second → of these, what is in the file in the name of the process itself."""

    def note(self, record: Arrivals) -> None:
        """It is written as it is."""
        before = self._longest[record.second].get(record.worker, 0)
        self._written[record.second] += max(record.waiting - before, 0)
        self._longest[record.second][record.worker] = max(record.waiting, before)
        self._forget()

    def add(self, record: Arrivals) -> None:
        """To be merged."""
        self._new[record.second].append(record)

    def take(self, sequence: Iterator[int]) -> Iterator[Arrivals]:
        """One record of each second in which something is new."""
        for second, records in self._new.items():
            longest = self._longest[second]
            for record in records:
                longest[record.worker] = max(record.waiting, longest.get(record.worker, 0))
            yield Arrivals(
                MERGED,
                next(sequence),
                second,
                sum([record.due for record in records]),
                sum([record.begun for record in records]),
                _all([record.lag for record in records]),
                sum(longest.values()) - self._written[second],
                sum([record.beginnings for record in records]),
            )
        self._new.clear()
        self._forget()

    def _forget(self) -> None:
        oldest = max(self._longest, default=0) - self._kept_s
        for second in [each for each in self._longest if each < oldest]:
            del self._longest[second], self._written[second]


def _all(many: Iterable[Times]) -> Times:
    known = [times for times in many if times.counts]
    if len(known) < 2:
        return known[0] if known else _NONE
    merged = histogram_of_all(known)
    return Times(merged.counts, merged.sum_us, merged.min_us, merged.max_us)


def _requests(sequence: int, records: Sequence[Requests]) -> Requests:
    one = records[0]
    with_failures = [record for record in records if record.failed.counts]
    errors = _errors(records) if with_failures or any(record.errors for record in records) else []
    return Requests(
        MERGED,
        sequence,
        one.second,
        one.role,
        one.behaviour,
        one.operation,
        ok=_all([record.ok for record in records]),
        failed=_all([record.failed for record in with_failures]),
        errors=errors,
        service=_all([record.service for record in records]),
        server=_all([record.server for record in records]),
        connects=_all([record.connects for record in records]),
        tls=_all([record.tls for record in records]),
        ended=sum([record.ended for record in records]),
        remarks=_remarks(records),
        waited=_all(map(judged_failures, with_failures)) if with_failures else None,
        ended_failed=sum([record.ended_failed for record in records]),
        expired=sum([record.expired for record in records]),
        retries=sum([record.retries for record in records]),
        slowest=_slowest(one.second, records),
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


def _slowest(second: int, records: Iterable[Requests]) -> list[SlowRequest]:
    known = [record.slowest for record in records if record.slowest]
    if len(known) < 2:
        return known[0] if known else []
    return [request for _second, request in slowest_of((second, request) for many in known for request in many)]


def _not_started(sequence: int, records: Sequence[NotStarted]) -> NotStarted:
    waited = _all([record.waited for record in records])
    return msgspec.structs.replace(records[0], worker=MERGED, sequence=sequence, waited=waited)


def _not_possible(sequence: int, records: Sequence[NotPossible]) -> NotPossible:
    times = sum([record.count for record in records])
    return msgspec.structs.replace(records[0], worker=MERGED, sequence=sequence, count=times)


def _actions(sequence: int, records: Sequence[Actions]) -> Actions:
    one = records[0]
    return Actions(
        MERGED,
        sequence,
        one.second,
        one.role,
        one.behaviour,
        sum([record.actions for record in records]),
        sum([record.succeeded for record in records]),
        _all([record.times for record in records]),
        sum([record.pauses for record in records]),
        sum([record.pause_us for record in records]),
    )


_KEYS: Mapping[type, Callable[[Any], tuple[Any, ...]]] = {
    Requests: lambda record: (record.second, record.role, record.behaviour, record.operation),
    NotStarted: lambda record: (record.second, record.role, record.behaviour, record.operation),
    Actions: lambda record: (record.second, record.role, record.behaviour),
    NotPossible: lambda record: (record.second, record.role, record.behaviour, record.operation, record.why),
}
_MERGERS: Mapping[type, Callable[[int, list[Any]], Record]] = {
    Requests: _requests,
    NotStarted: _not_started,
    Actions: _actions,
    NotPossible: _not_possible,
}
_OF_LOAD = frozenset([*_KEYS, Arrivals, Users])
