"""The readings of a run: their file, `readings.csv`, and the readings of the load itself, made from its records.

The file has one line per reading and can be read to its last whole line however the run ended. A record of second S
becomes readings at S + 1, as those of the monitors. Requests count in the second in which they were due, as everywhere;
bytes in the one in which they went or came.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from perfsuite.errors import LoadError
from perfsuite.measurements.aggregate import FORGOTTEN_AFTER_S, Aggregate
from perfsuite.measurements.minutes import LONG_S
from perfsuite.measurements.records import Generator
from perfsuite.measurements.sums import RecordedSecond
from perfsuite.measurements.totals import values_in
from perfsuite.messages.measurements import MeasurementsMessage
from perfsuite.model import FailureKind, Plan
from perfsuite.model.monitor import GENERATOR, NETWORK, Reading
from perfsuite.model.readings import ReadingColumns, columns_of
from perfsuite.monitor.minutes import MINUTES_FILE, MinuteReadingsWriter
from perfsuite.monitor.source import Figures, readings_of

FILE_NAME = "readings.csv"
READINGS_COLUMNS = ("time", "source", "metric", "value", "unit")

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ReadingsWriter:
    """Appends readings to the file of a run. Blank `value`: a gap. Of a `plan` of a long run also by the minute."""

    def __init__(self, path: Path, plan: Plan | None = None) -> None:
        new = not path.exists() or path.stat().st_size == 0
        self._file: TextIO = path.open("a", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._at: tuple[float, str] = (-1.0, "")
        long = plan is not None and plan.scenario.duration_s > LONG_S
        self._minutes = MinuteReadingsWriter(path.with_name(MINUTES_FILE), plan.run_id) if plan and long else None
        if new:
            self._csv.writerow(READINGS_COLUMNS)
            self._file.flush()

    def write(self, readings: Iterable[Reading]) -> None:
        """Append, and hand to the operating system at once. Raises OSError when the disk is full."""
        self._csv.writerows(
            (self._time(one.at_s), _cell(one.source), _cell(one.metric), _value(one.value), _cell(one.unit))
            for one in readings
        )
        self._file.flush()
        if self._minutes is not None:
            self._minutes.add(readings)

    def close(self) -> None:
        """Close the file; what could not be written was reported before."""
        try:
            self._file.close()
            if self._minutes is not None:
                self._minutes.close()
        except OSError:
            return

    def _time(self, at_s: float) -> str:
        if at_s != self._at[0]:
            time = datetime.fromtimestamp(at_s, UTC)
            text = time.isoformat(timespec="milliseconds" if time.microsecond else "seconds")
            self._at = (at_s, text.replace("+00:00", "Z"))
        return self._at[1]


def add_readings(path: Path, readings: Iterable[Reading]) -> None:
    """Append to the file of a run that is over, or begin one. Raises LoadError when the disk does not take them."""
    try:
        writer = ReadingsWriter(path)
        try:
            writer.write(readings)
        finally:
            writer.close()
    except OSError as error:
        raise LoadError(MeasurementsMessage.NOT_WRITTEN(path=path, why=error.strerror)) from error


def read_readings(path: Path) -> list[Reading]:
    """All readings in file order; [] when there is no file since nothing was monitored.

    A last line that was cut off is left out. Raises LoadError naming the line that cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _parsed(file, path)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LoadError(MeasurementsMessage.NOT_READ(path=path, why=error)) from error


def _parsed(file: TextIO, path: Path) -> list[Reading]:
    lines = file.read().splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    rows = csv.reader(lines)
    if tuple(next(rows, READINGS_COLUMNS)) != READINGS_COLUMNS:
        raise LoadError(MeasurementsMessage.OTHER_COLUMNS(path=path, columns=",".join(READINGS_COLUMNS)))
    readings: list[Reading] = []
    times: dict[str, float] = {}  # each stands in dozens of lines
    try:
        for time, source, metric, value, unit in rows:
            at_s = times.get(time)
            if at_s is None:
                at_s = times[time] = datetime.fromisoformat(time).timestamp()
            readings.append(Reading(at_s, _text(source), _text(metric), float(value) if value else None, _text(unit)))
    except ValueError as error:
        raise LoadError(MeasurementsMessage.DAMAGED_LINE(path=path, line=rows.line_num, why=error)) from error
    return readings


def _cell(text: str) -> str:
    """Text that a spreadsheet would read as a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell


def _value(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(round(value, 6))


_LEAST_S = 0.5
"""CPU time is counted in hundredths of a second: over less time than this a share means nothing."""
_ERRORS = {
    FailureKind.CONNECTION_REFUSED.value: "network.errors_refused_per_s",
    FailureKind.CONNECTION_LOST.value: "network.errors_reset_per_s",
    FailureKind.IDLE_CLOSED.value: "network.errors_reset_per_s",
    FailureKind.TIMEOUT.value: "network.errors_timeout_per_s",
}


@dataclass(slots=True)
class _Share:
    """The report of one process on `span_s` of one second."""

    span_s: float = 0.0
    used: float = 0.0
    """CPU, per cent × s."""
    lag_us: int | None = None
    sent: float | None = None
    received: float | None = None

    @property
    def cpu_percent(self) -> float | None:
        return self.used / self.span_s if self.span_s >= _LEAST_S else None

    def add(self, record: Generator, seconds: int) -> None:
        """One second's share of a report of so many seconds."""
        span_s = record.span_s / seconds
        self.span_s += span_s
        self.used += record.cpu_percent * span_s
        if record.loop_lag.counts:
            self.lag_us = max(self.lag_us or 0, record.loop_lag.max_us)
        if record.sent_bytes is not None and record.received_bytes is not None:
            self.sent = (self.sent or 0.0) + record.sent_bytes / seconds
            self.received = (self.received or 0.0) + record.received_bytes / seconds


Shares = Mapping[int, Mapping[str, _Share]]
"""Second → process → its share."""


def readings_of_load(aggregate: Aggregate) -> Iterator[Reading]:
    """All of them, in the order of time; none before a process has reported itself."""
    shares = _shares(aggregate, min(aggregate.seconds, default=0))
    users = dict(_users(aggregate, range(min(shares), max(shares) + 1))) if shares else {}
    for second in sorted(shares):
        yield from _readings(aggregate, second, shares, users[second])


def latest_readings_of_load(aggregate: Aggregate) -> dict[str, Reading]:
    """Metric → its reading of the last second that every process has reported; {} before the first."""
    second = aggregate.reported_until
    if second is None:
        return {}
    shares = _shares(aggregate, second)
    if second not in shares:
        return {}
    *_, (_second, users) = _users(aggregate, range(second - FORGOTTEN_AFTER_S, second + 1))
    return {reading.metric: reading for reading in _readings(aggregate, second, shares, users)}


def with_readings_of_load(monitored: Sequence[Reading], aggregate: Aggregate) -> Sequence[Reading]:
    """The readings of the monitors, and those of the load, which are always made anew; of a long run by column."""
    if aggregate.minutes:
        own = (each for each in columns_of(monitored).series if each.source not in (NETWORK, GENERATOR))
        return ReadingColumns([*own, *columns_of(readings_of_load(aggregate)).series])
    return [*(reading for reading in monitored if not reading.is_of_load), *readings_of_load(aggregate)]


def _shares(aggregate: Aggregate, first: int) -> Shares:
    """From the second `first` on. A late report covers several seconds, which share its figures."""
    shares: dict[int, dict[str, _Share]] = defaultdict(dict)
    for number, second in aggregate.seconds.items():
        if number >= first:
            for record in second.generators:
                seconds = max(round(record.span_s), 1)
                for each in range(number - seconds + 1, number + 1):
                    shares[each].setdefault(record.worker, _Share()).add(record, seconds)
    return shares


def _users(aggregate: Aggregate, seconds: range) -> Iterator[tuple[int, int]]:
    for second, reports in aggregate.users_at(seconds):
        yield second, sum(sum(users.by_role.values()) for users in reports)


def _readings(aggregate: Aggregate, second: int, shares: Shares, users: int) -> Iterator[Reading]:
    found = aggregate.seconds.get(second) or RecordedSecond()
    of_processes = list(shares[second].values())
    tls = any(role.tls for role in aggregate.by_role.values())
    yield from readings_of(NETWORK, float(second + 1), _network(found, of_processes, tls=tls))
    yield from readings_of(GENERATOR, float(second + 1), _generator(of_processes, users))


def _network(second: RecordedSecond, shares: list[_Share], *, tls: bool) -> Figures:
    requests, sums = second.requests, second.sums
    opened = sum(values_in(each.connects) for each in requests) + sum(each.opened for each in sums)
    connect_us = sum(each.connects.sum_us for each in requests) + sum(each.connect_us for each in sums)
    figures: Figures = {
        "network.connections_opened_per_s": opened,
        "network.connect_ms": connect_us / 1000 / opened if opened else None,
    }
    if tls:
        count = sum(values_in(each.tls) for each in requests) + sum(each.handshakes for each in sums)
        tls_us = sum(each.tls.sum_us for each in requests) + sum(each.tls_us for each in sums)
        figures["network.tls_ms"] = tls_us / 1000 / count if count else None
    sent = [share.sent for share in shares if share.sent is not None]
    received = [share.received for share in shares if share.received is not None]
    if sent and received:
        figures["network.bytes_sent_per_s"] = sum(sent)
        figures["network.bytes_received_per_s"] = sum(received)
    errors = Counter[str]()
    for record in requests:
        for error in record.errors:
            errors[error.kind] += error.count
    for kind, _message, number in (error for each in sums for error in each.errors):
        errors[kind] += number
    for kind, metric in _ERRORS.items():
        figures[metric] = (figures.get(metric) or 0.0) + errors[kind]
    return figures


def _generator(shares: list[_Share], users: int) -> Figures:
    cpu = [share.cpu_percent for share in shares]
    known = [percent for percent in cpu if percent is not None]
    lags = [share.lag_us for share in shares if share.lag_us is not None]
    return {
        "generator.cpu_percent": sum(known) if known and len(known) == len(cpu) else None,
        "generator.cpu_limit_percent": 100.0 * len(shares),
        "generator.busiest_process_cpu_percent": max(known, default=None),
        "generator.loop_lag_ms": max(lags) / 1000 if lags else None,
        "generator.users": users,
    }
