"""Collects what happens into cells by second, role, behaviour and operation, and gives them out as records.

Counting must be cheap (it happens inside the load) and must never lose anything: a cell is handed out
once, as a delta, and begins anew at zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from perfsuite.histogram import Histogram
from perfsuite.measurements import Actions, ErrorCount, NotPossible, Record, Requests, times_of

MAX_MESSAGES = 1000
"""Different error messages kept per process; further ones are counted under OTHER."""
OTHER = "(other messages)"

_MAX_MESSAGE = 300

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"eyJ[\w.-]+|PERF-[\w-]+|(?<=Bearer )\S+|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{16,}\b")
_NUMBER = re.compile(r"\d{4,}")

Key = tuple[int, str, str, str]


def without_ids(message: str) -> str:
    """The message with ids, tokens and long numbers replaced, so that alike failures are one group."""
    return _NUMBER.sub("{n}", _TOKEN.sub("{…}", _UUID.sub("{id}", message)))[:_MAX_MESSAGE]


@dataclass(slots=True)
class _RequestCell:
    ok: Histogram = field(default_factory=Histogram)
    failed: Histogram = field(default_factory=Histogram)
    errors: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _ActionCell:
    times: Histogram = field(default_factory=Histogram)
    succeeded: int = 0


class Cells:
    """What one process has seen since the last time it was asked. Seconds are UTC, of the send."""

    def __init__(self) -> None:
        self.recorded = 0
        self._requests: dict[Key, _RequestCell] = {}
        self._actions: dict[tuple[int, str, str], _ActionCell] = {}
        self._not_possible: dict[Key, int] = {}
        self._messages: set[tuple[str, str]] = set()

    def request(self, key: Key, elapsed_us: int) -> None:
        """Count one request that got a right answer."""
        self.recorded += 1
        cell = self._requests.get(key)
        if cell is None:
            cell = self._requests[key] = _RequestCell()
        cell.ok.add(elapsed_us)

    def failure(self, key: Key, elapsed_us: int, error: tuple[str, str], request_id: str) -> None:
        """Count one failed request; `error` is its kind and message."""
        self.recorded += 1
        cell = self._requests.setdefault(key, _RequestCell())
        cell.failed.add(elapsed_us)
        group = self._group(error)
        count, first_id = cell.errors.get(group, (0, request_id))
        cell.errors[group] = (count + 1, first_id)

    def _group(self, error: tuple[str, str]) -> tuple[str, str]:
        kind, message = error
        group = (kind, without_ids(message))
        if group not in self._messages:
            if len(self._messages) >= MAX_MESSAGES:
                return (kind, OTHER)
            self._messages.add(group)
        return group

    def action(self, key: tuple[int, str, str], elapsed_us: int, *, succeeded: bool) -> None:
        """Count one action by the second it began in, its role and behaviour."""
        cell = self._actions.setdefault(key, _ActionCell())
        cell.times.add(elapsed_us)
        cell.succeeded += succeeded

    def not_possible(self, key: Key) -> None:
        """Count one operation that could not be made for want of data."""
        self._not_possible[key] = self._not_possible.get(key, 0) + 1

    def take(self, worker: str, sequence: Iterator[int]) -> list[Record]:
        """All that came since the last call, as records; the cells begin anew."""
        requests, self._requests = self._requests, {}
        actions, self._actions = self._actions, {}
        missing, self._not_possible = self._not_possible, {}
        records: list[Record] = [
            Requests(worker, next(sequence), *key, times_of(cell.ok), times_of(cell.failed), _errors(cell))
            for key, cell in requests.items()
        ]
        records += [
            Actions(worker, next(sequence), *key, cell.times.count, cell.succeeded, times_of(cell.times))
            for key, cell in actions.items()
        ]
        records += [NotPossible(worker, next(sequence), *key, count) for key, count in missing.items()]
        return records


def _errors(cell: _RequestCell) -> list[ErrorCount]:
    return [
        ErrorCount(kind, message, count, request_id) for (kind, message), (count, request_id) in cell.errors.items()
    ]
