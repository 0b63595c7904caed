"""Roles, operations and failures of a run under way: small sums, whose memory is bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from perfsuite.measurements.records import NotStarted
from perfsuite.model import ALL, FailureKind, LiveFailure, LiveLine
from perfsuite.summary.failures import NEVER_BEGAN, OTHER_MESSAGES
from perfsuite.summary.tally import Due, values_in

MOST_SHOWN = 10
MOST_KEPT = 200
"""So many kinds of failure are told apart; a kind that comes later counts as one of other messages."""


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    took_us: int = 0
    failures: int = 0


@dataclass(slots=True)
class Lines:
    """Requests by the name of their role or operation."""

    sums: dict[str, _Sum] = field(default_factory=dict)

    def add(self, name: str, record: Due) -> None:
        """Count the requests of a record in."""
        if isinstance(record, NotStarted):
            never = values_in(record.waited)
            self._add(name, _Sum(never, record.waited.sum_us, never))
            return
        failed = values_in(record.failed)
        took_us = record.ok.sum_us + record.failed.sum_us
        self._add(name, _Sum(values_in(record.ok) + failed, took_us, failed))

    def merge(self, other: Lines) -> None:
        """Count all of `other` in."""
        for name, more in other.sums.items():
            self._add(name, more)

    def _add(self, name: str, more: _Sum) -> None:
        known = self.sums.setdefault(name, _Sum())
        known.requests += more.requests
        known.took_us += more.took_us
        known.failures += more.failures


def lines_of(seconds: Iterable[Lines]) -> tuple[LiveLine, ...]:
    """All of these added up, the slowest on average first."""
    whole = Lines()
    for second in seconds:
        whole.merge(second)
    told = (
        LiveLine(name, each.requests, each.took_us / each.requests / 1000, each.failures)
        for name, each in whole.sums.items()
        if each.requests
    )
    return tuple(sorted(told, key=lambda line: (-(line.avg_ms or 0.0), line.name)))


class FailedSoFar:
    """What failed since the start, by operation, kind and message."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}

    def add(self, record: Due) -> None:
        """Count the failures of a record in."""
        if isinstance(record, NotStarted):
            self._add((record.operation, FailureKind.NOT_STARTED, NEVER_BEGAN), values_in(record.waited))
            return
        for error in record.errors:
            self._add((record.operation, error.kind, error.message), error.count)

    def most(self) -> tuple[LiveFailure, ...]:
        """The most frequent ones, at most ten."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(LiveFailure(*key, count) for key, count in ordered[:MOST_SHOWN])

    def _add(self, key: tuple[str, str, str], count: int) -> None:
        if key not in self._counts and len(self._counts) >= MOST_KEPT:
            key = (ALL, key[1], OTHER_MESSAGES)
        self._counts[key] = self._counts.get(key, 0) + count
