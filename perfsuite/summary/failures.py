"""What failed, grouped for a person, and whether the target was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from perfsuite.measurements.records import ErrorCount, NotStarted, Requests
from perfsuite.model import ALL, FailureGroup, FailureKind
from perfsuite.summary.gather import requests_in
from perfsuite.summary.periods import Timeline
from perfsuite.summary.tally import Due

MOST_GROUPS = 1000
OTHER_MESSAGES = "(other messages)"
NEVER_BEGAN = "the action was due but never began"

_LOST_AT_LEAST_S = 5
_NEVER_ANSWERED = frozenset(kind.value for kind in FailureKind if kind.never_answered)

_Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Group:
    count: int
    first: int
    last: int
    request_id: str
    request_second: int

    def add(self, other: _Group) -> None:
        self.count += other.count
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        # The earliest id that there is: the same one in whatever order the records come.
        if other.request_id and (
            not self.request_id or (other.request_second, other.request_id) < (self.request_second, self.request_id)
        ):
            self.request_id, self.request_second = other.request_id, other.request_second


def failure_groups(records: Iterable[Due]) -> tuple[FailureGroup, ...]:
    """Failures by role, operation, kind and message, the most frequent first; at most 1,000 groups.

    Of more, the rarest are added to one group "(other messages)" for each kind.
    """
    groups: dict[_Key, _Group] = {}
    for record in records:
        for error in _errors(record):
            _count(groups, (record.role, record.operation, error.kind, error.message), _group(record.second, error))
    ordered = sorted(groups, key=lambda key: (-groups[key].count, key))
    if len(ordered) > MOST_GROUPS:
        kept = MOST_GROUPS - len({kind for _, _, kind, _ in ordered})
        for key in ordered[kept:]:
            _count(groups, (ALL, ALL, key[2], OTHER_MESSAGES), groups.pop(key))
        ordered = sorted(groups, key=lambda key: (-groups[key].count, key))
    return tuple(_told(key, groups[key]) for key in ordered)


def _errors(record: Due) -> list[ErrorCount]:
    if isinstance(record, NotStarted):
        return [ErrorCount(FailureKind.NOT_STARTED, NEVER_BEGAN, sum(record.waited.counts.values()), "")]
    return record.errors


def _group(second: int, error: ErrorCount) -> _Group:
    return _Group(error.count, second, second, error.request_id, second)


def _count(groups: dict[_Key, _Group], key: _Key, more: _Group) -> None:
    if key in groups:
        groups[key].add(more)
    else:
        groups[key] = more


def _told(key: _Key, group: _Group) -> FailureGroup:
    return FailureGroup(*key, group.count, group.first, group.last, group.request_id)


def count_of(kind: FailureKind, groups: Iterable[FailureGroup]) -> int:
    """Failed requests of that kind."""
    return sum(group.count for group in groups if group.kind == kind)


def is_unanswered(kind: str) -> bool:
    """True for a kind of failure in which no HTTP answer came back, though there was time for one."""
    return kind in _NEVER_ANSWERED and kind != FailureKind.UNFINISHED


def unanswered(record: Requests, *, cut_off_too: bool = False) -> int:
    """Requests of a record that no HTTP answer came back to; of those that the end of the load cut off nobody knows."""
    return sum(
        error.count
        for error in record.errors
        if is_unanswered(error.kind) or (cut_off_too and error.kind == FailureKind.UNFINISHED)
    )


def unfinished(record: Requests) -> int:
    """Requests of a record that the end of the load cut off."""
    return sum(error.count for error in record.errors if error.kind == FailureKind.UNFINISHED)


def target_lost_at(requests: Mapping[int, Sequence[Requests]], when: Timeline, *, gave_up: bool = False) -> int | None:
    """The second from which on no request got any HTTP answer until the load ended.

    None when the last request but those of the ramp-down was answered, or that stretch is shorter than 5 s.
    Seconds without a request neither begin such a stretch nor break it; nor does what never began, or what the end of
    the load cut off: unless the load `gave_up`, since nothing answered any more.
    """
    lost_at: int | None = None
    for second in range(when.load_stop - 1, when.first - 1, -1):
        counts: Counter[bool] = Counter()
        for record in requests.get(second, ()):
            without = unanswered(record, cut_off_too=gave_up)
            counts[True] += without
            counts[False] += requests_in(record) - without - (0 if gave_up else unfinished(record))
        if counts[False] > 0:
            break
        if counts[True]:
            lost_at = second
    return lost_at if lost_at is not None and when.load_stop - lost_at >= _LOST_AT_LEAST_S else None
