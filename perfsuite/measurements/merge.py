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
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec

from perfsuite.measurements.merged_requests import MergedActions, MergedRequests, times_of_all
from perfsuite.measurements.merged_users import KEPT_S, MergedUsers
from perfsuite.measurements.packed import BYTES_PER_VALUE, Packed, PackedActions, PackedRequests, unpack
from perfsuite.measurements.records import (
    MERGED,
    Actions,
    Arrivals,
    NotPossible,
    NotStarted,
    Record,
    Requests,
    Users,
    WorkerLost,
)
from perfsuite.measurements.totals import values_in


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
        self._note_numbers([record.sequence for record in records])
        sent = [record for record in records if type(record) is Requests]
        self.requests += sum([sum(one.ok.counts.values()) + one.expired for one in sent])
        self.requests += sum([values_in(one.failed) for one in sent if one.failed.counts])
        self._note_due([one.second for one in sent])

    def add_packed(self, packed: Packed) -> None:
        """Count these."""
        self.add(packed.others)
        self._note_numbers([one.sequence for one in packed.requests])
        self._note_numbers([one.sequence for one in packed.actions])
        self.requests += sum([len(one.ok.values) for one in packed.requests]) // BYTES_PER_VALUE
        rest = [one.rest for one in packed.requests if one.rest is not None]
        self.requests += sum([values_in(one.failed) + one.expired for one in rest])
        self._note_due([one.second for one in packed.requests])

    def _note_numbers(self, numbers: list[int]) -> None:
        if numbers:
            self.records += len(numbers)
            self.lowest = min(self.lowest, min(numbers))
            self.highest = max(self.highest, max(numbers))

    def _note_due(self, seconds: list[int]) -> None:
        if seconds:
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
        self._requests = MergedRequests()
        self._actions = MergedActions()
        self._users = MergedUsers(kept_s)
        self._queues = _Queues(kept_s)
        self._sequence = count(1)
        self._last_number: dict[str, int] = {}
        """Process → the last number that it has in the file."""

    def add(self, worker: str, records: Sequence[Record]) -> None:
        """A batch of one process; each batch once, those of a process in their order."""
        self.counts[worker].add(records)
        self._note_source(worker, records)
        if self._several:
            self._sort_in(records)
        else:
            self._unchanged += records

    def add_packed(self, worker: str, packed: Packed) -> None:
        """The same, as it came."""
        self._note_source(worker, packed.requests or packed.actions or packed.others)
        if not self._several:
            self.add(worker, unpack(packed))
            return
        self.counts[worker].add_packed(packed)
        self._sort_in(packed.others)
        self._requests.add_packed(packed)
        self._actions.add_packed(packed)

    def _note_source(self, worker: str, records: Sequence[Any]) -> None:
        if worker not in self._sources and any(type(record) in _OF_LOAD for record in records):
            self._sources.add(worker)
            if len(self._sources) == 2:
                self._begin_to_merge()

    def take(self) -> list[Record]:
        """What is to be written of what was added since the last call."""
        taken, self._unchanged = self._unchanged, []
        if not self._several:
            self._note(taken)
            return taken
        taken += self._requests.take(self._sequence)
        taken += self._actions.take(self._sequence)
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
        for record in records:
            if isinstance(record, Requests):
                self._requests.add(record)
            elif isinstance(record, Actions):
                self._actions.add(record)
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
                times_of_all([record.lag for record in records]),
                sum(longest.values()) - self._written[second],
                sum([record.beginnings for record in records]),
            )
        self._new.clear()
        self._forget()

    def _forget(self) -> None:
        oldest = max(self._longest, default=0) - self._kept_s
        for second in [each for each in self._longest if each < oldest]:
            del self._longest[second], self._written[second]


def _not_started(sequence: int, records: Sequence[NotStarted]) -> NotStarted:
    waited = times_of_all([record.waited for record in records])
    return msgspec.structs.replace(records[0], worker=MERGED, sequence=sequence, waited=waited)


def _not_possible(sequence: int, records: Sequence[NotPossible]) -> NotPossible:
    times = sum([record.count for record in records])
    return msgspec.structs.replace(records[0], worker=MERGED, sequence=sequence, count=times)


_KEYS: Mapping[type, Callable[[Any], tuple[Any, ...]]] = {
    NotStarted: lambda record: (record.second, record.role, record.behaviour, record.operation),
    NotPossible: lambda record: (record.second, record.role, record.behaviour, record.operation, record.why),
}
_MERGERS: Mapping[type, Callable[[int, list[Any]], Record]] = {
    NotStarted: _not_started,
    NotPossible: _not_possible,
}
_OF_LOAD = frozenset([*_KEYS, Requests, Actions, Arrivals, Users, PackedRequests, PackedActions])
