"""Rolls up the records of a long run as they come (`perfsuite.measurements.minutes`)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import msgspec

from perfsuite.measurements.file import FILE_NAME, WholeFile, lines_of, read
from perfsuite.measurements.merged_requests import MergedActions, MergedRequests, times_of_all
from perfsuite.measurements.minutes import (
    LONG_S,
    Minute,
    MinuteFailures,
    OperationSums,
    Rolled,
    SecondSums,
    minute_of,
)
from perfsuite.measurements.records import Actions, NotPossible, NotStarted, Phase, Record, Requests, Times, Users
from perfsuite.measurements.sums import FailureTotals
from perfsuite.measurements.totals import errors_in, values_in
from perfsuite.model import Plan
from perfsuite.model.periods import MINUTE_S

MINUTES_FILE = "measurements_minutes.jsonl.gz"

LAG_S = 240
"""A minute is rolled up when it is so old: most late records of it, and a border soon after it, are known by then."""
_AFTER_BORDER_S = 61
_BEFORE_BORDER_S = 180
"""Actions that began in a minute are over before the period ends."""
_AT_ONCE = 1_000
_OF_MINUTES = (Requests, Actions, NotStarted, NotPossible)


class RollUp:
    """Takes the records of a run as they come, and gives what is to be kept of them."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last = 0
        self._waiting: defaultdict[int, list[Record]] = defaultdict(list)
        """Minute → its records, as long as they may still be needed by second."""
        self._borders: list[int] = []
        self._logins: set[int] = set()
        """Minutes in which users had not ended the login that they begin with."""
        self._rolled_up: set[int] = set()

    def add(self, records: Iterable[Record]) -> list[Rolled]:
        """What is known now to be kept, of these and of earlier ones."""
        given: list[Rolled] = []
        for record in records:
            if isinstance(record, _OF_MINUTES):
                self._waiting[minute_of(record.second)].append(record)
                self._note(record.second)
                continue
            given.append(record)
            if isinstance(record, Phase):
                self._borders.append(math.floor(record.at))
            elif isinstance(record, Users):
                self._note(record.second)
                if record.logging_in:
                    self._logins.add(minute_of(record.second))
        for minute in sorted(self._waiting):
            if minute + MINUTE_S + LAG_S <= self.last:
                given += self._kept(minute, self._waiting.pop(minute))
        return given

    def flush(self) -> list[Rolled]:
        """The rest: no record comes any more."""
        waiting, self._waiting = self._waiting, defaultdict(list)
        return [
            kept
            for minute in sorted(waiting)
            for kept in (rolled_up(minute, waiting[minute]) if minute in self._rolled_up else waiting[minute])
        ]

    @property
    def is_long(self) -> bool:
        """True for a run that is rolled up."""
        return self.first is not None and self.last - self.first >= LONG_S

    def _note(self, second: int) -> None:
        self.first = second if self.first is None else min(self.first, second)
        self.last = max(self.last, second)

    def _kept(self, minute: int, records: list[Record]) -> list[Rolled]:
        if minute not in self._rolled_up and not self._may_be_rolled_up(minute):
            return list(records)
        self._rolled_up.add(minute)
        return rolled_up(minute, records)

    def _may_be_rolled_up(self, minute: int) -> bool:
        if self.first is None or minute < self.first or {minute, minute - MINUTE_S} & self._logins:
            return False
        return not any(minute - _AFTER_BORDER_S <= at < minute + _BEFORE_BORDER_S for at in self._borders)


def roll_up(records: Iterable[Record]) -> Iterator[Rolled]:
    """All records of a run; of a long one with minutes in place of seconds."""
    first, last = math.inf, -math.inf
    waiting: list[Record] = []
    unread = iter(records)
    for record in unread:
        waiting.append(record)
        if isinstance(record, (*_OF_MINUTES, Users)):
            first, last = min(first, record.second), max(last, record.second)
            if last - first >= LONG_S:
                break
    else:
        yield from waiting
        return
    roller = RollUp()
    yield from roller.add(waiting)
    waiting.clear()
    for record in unread:
        waiting.append(record)
        if len(waiting) == _AT_ONCE:
            yield from roller.add(waiting)
            waiting.clear()
    yield from roller.add(waiting)
    yield from roller.flush()


def rolled_up(second: int, records: Iterable[Record]) -> list[Rolled]:
    """The records of a minute as one."""
    sums = _MinuteSums(second)
    for record in records:
        sums.add(record)
    return [sums.minute()]


@dataclass(slots=True)
class _Second:
    requests: int = 0
    failures: int = 0
    ended: int = 0
    took_us: int = 0
    min_us: int = 0
    max_us: int = 0
    not_started: int = 0
    opened: int = 0
    connect_us: int = 0
    handshakes: int = 0
    tls_us: int = 0
    errors: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def add_times(self, times: Times) -> int:
        """Count these requests; how many they are."""
        number = values_in(times)
        if number:
            self.min_us = min(self.min_us, times.min_us) if self.requests else times.min_us
            self.max_us = max(self.max_us, times.max_us)
            self.requests += number
            self.took_us += times.sum_us
        return number

    def sums(self, second: int) -> SecondSums:
        errors = [(kind, message, number) for (kind, message), number in self.errors.items()]
        counts = self.requests, self.failures, self.ended, self.took_us, self.min_us, self.max_us, self.not_started
        return SecondSums(second, *counts, self.opened, self.connect_us, self.handshakes, self.tls_us, errors)


class _MinuteSums:
    def __init__(self, second: int) -> None:
        self.second = second
        self.requests, self.actions = MergedRequests(), MergedActions()
        self.not_started: defaultdict[tuple[str, str, str], list[Times]] = defaultdict(list)
        self.not_possible: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self.failures: dict[tuple[str, str, str, str], tuple[FailureTotals, list[int]]] = {}
        self.operations: defaultdict[tuple[str, str], dict[int, tuple[int, int]]] = defaultdict(dict)
        self.seconds: defaultdict[int, _Second] = defaultdict(_Second)
        self.numbers: dict[str, tuple[int, int, int]] = {}

    def add(self, record: Record) -> None:
        """Count one record of the minute."""
        number = record.sequence
        low, high, known = self.numbers.get(record.worker, (number, number, 0))
        self.numbers[record.worker] = min(low, number), max(high, number), known + 1
        if isinstance(record, Requests):
            self._add_requests(record)
        elif isinstance(record, Actions):
            self.actions.add(msgspec.structs.replace(record, second=self.second))
        elif isinstance(record, NotStarted):
            self.not_started[record.role, record.behaviour, record.operation].append(record.waited)
            of_second = self.seconds[record.second]
            count = of_second.add_times(record.waited)
            of_second.not_started += count
            of_second.failures += count
            self._add_due(record, count, record.waited.sum_us)
        elif isinstance(record, NotPossible):
            self.not_possible[record.role, record.behaviour, record.operation, record.why] += record.count

    def _add_requests(self, record: Requests) -> None:
        later_us = (record.second - self.second) * 1_000_000
        slowest = [msgspec.structs.replace(one, due_us=one.due_us + later_us) for one in record.slowest]
        self.requests.add(msgspec.structs.replace(record, second=self.second, slowest=slowest))
        of_second = self.seconds[record.second]
        requests = of_second.add_times(record.ok)
        failures = of_second.add_times(record.failed)
        of_second.failures += failures
        of_second.ended += record.ended
        of_second.opened += values_in(record.connects)
        of_second.connect_us += record.connects.sum_us
        of_second.handshakes += values_in(record.tls)
        of_second.tls_us += record.tls.sum_us
        self._add_due(record, requests + failures, record.ok.sum_us + record.failed.sum_us)

    def _add_due(self, record: Requests | NotStarted, requests: int, took_us: int) -> None:
        if requests:
            of_operation = self.operations[record.role, record.operation]
            known = of_operation.get(record.second, (0, 0))
            of_operation[record.second] = known[0] + requests, known[1] + took_us
        for error in errors_in(record):
            if isinstance(record, Requests):
                self.seconds[record.second].errors[error.kind, error.message] += error.count
            new = FailureTotals(error.count, record.second, record.second, error.request_id, record.second)
            key = record.role, record.operation, error.kind, error.message
            totals, ordinals = self.failures.setdefault(key, (new, []))
            if totals is not new:
                totals.merge(new)
            ordinals += error.ordinals

    def minute(self) -> Minute:
        """All of it."""
        number = count(1)
        second = self.second
        return Minute(
            second,
            list(self.requests.take(number)),
            list(self.actions.take(number)),
            [
                NotStarted("", next(number), second, *key, times_of_all(waited))
                for key, waited in self.not_started.items()
            ],
            [
                NotPossible("", next(number), second, role, behaviour, operation, times, why)
                for (role, behaviour, operation, why), times in self.not_possible.items()
            ],
            [
                MinuteFailures(
                    *key, totals.count, totals.first, totals.last, totals.request_id, totals.request_second, ordinals
                )
                for key, (totals, ordinals) in self.failures.items()
            ],
            [
                OperationSums(*key, list(by_second), *map(list, zip(*by_second.values(), strict=True)))
                for key, by_second in self.operations.items()
            ],
            [sums.sums(at) for at, sums in sorted(self.seconds.items())],
            self.numbers,
        )


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────


class RollUpWriter:
    """Writes what is to be kept of the records of a run that is planned to be long; of another one nothing.

    The file gets its name when the run is over, if it was long, and nothing is missing. A full disk, which the file of
    the measurements meets too, ends it early: then the report is made from these.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._file = WholeFile(folder / MINUTES_FILE, plan.run_id) if plan.scenario.duration_s > LONG_S else None
        self._roller = RollUp()

    def add(self, records: Sequence[Record]) -> None:
        """These are new."""
        if self._file is not None:
            self._file.write(self._roller.add(records))

    def close(self) -> None:
        """No record comes any more."""
        if self._file is not None:
            self._file.write(self._roller.flush())
            self._file.close(keep=self._roller.is_long)


def rolled_up_records(folder: Path) -> Iterator[Rolled]:
    """All records of a finished or killed run; of a long one with minutes in place of seconds."""
    path = folder / MINUTES_FILE
    yield from lines_of(path, _decoder) if path.exists() else roll_up(read(folder / FILE_NAME))


_decoder: msgspec.json.Decoder[Rolled] = msgspec.json.Decoder(Rolled)
