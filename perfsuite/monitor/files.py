"""`readings.csv`: every reading of a run, one a line, readable to its last whole line however the run ended."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from perfsuite.errors import LoadError
from perfsuite.model.monitor import Reading

FILE_NAME = "readings.csv"
READINGS_COLUMNS = ("time", "source", "metric", "value", "unit")

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ReadingsWriter:
    """Appends readings to the file of a run. Blank `value`: a gap."""

    def __init__(self, path: Path) -> None:
        new = not path.exists() or path.stat().st_size == 0
        self._file: TextIO = path.open("a", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._at: tuple[float, str] = (-1.0, "")
        if new:
            self._csv.writerow(READINGS_COLUMNS)
            self._file.flush()

    def write(self, readings: Sequence[Reading]) -> None:
        """Append, and hand to the operating system at once. Raises OSError when the disk is full."""
        self._csv.writerows(
            (self._time(one.at_s), _cell(one.source), _cell(one.metric), _value(one.value), _cell(one.unit))
            for one in readings
        )
        self._file.flush()

    def close(self) -> None:
        """Close the file; what could not be written was told before."""
        try:
            self._file.close()
        except OSError:
            return

    def _time(self, at_s: float) -> str:
        if at_s != self._at[0]:
            moment = datetime.fromtimestamp(at_s, UTC)
            text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
            self._at = (at_s, text.replace("+00:00", "Z"))
        return self._at[1]


def add_readings(path: Path, readings: Sequence[Reading]) -> None:
    """Append to the file of a run that is over, or begin one. Raises LoadError when the disk does not take them."""
    try:
        writer = ReadingsWriter(path)
        try:
            writer.write(readings)
        finally:
            writer.close()
    except OSError as error:
        raise LoadError(f"{path} cannot be written: {error.strerror}") from error


def read_readings(path: Path) -> list[Reading]:
    """All readings in file order; [] when there is no file since nothing was watched.

    A last line that was cut off is left out. Raises LoadError naming the line that cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _parsed(file, path)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LoadError(f"{path}: cannot be read ({error})") from error


def _parsed(file: TextIO, path: Path) -> list[Reading]:
    lines = file.read().splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    rows = csv.reader(lines)
    if tuple(next(rows, READINGS_COLUMNS)) != READINGS_COLUMNS:
        raise LoadError(f"{path}: its first line is not {','.join(READINGS_COLUMNS)}; is it another file?")
    readings: list[Reading] = []
    times: dict[str, float] = {}  # each stands in dozens of lines
    try:
        for time, source, metric, value, unit in rows:
            at_s = times.get(time)
            if at_s is None:
                at_s = times[time] = datetime.fromisoformat(time).timestamp()
            readings.append(Reading(at_s, _text(source), _text(metric), float(value) if value else None, _text(unit)))
    except ValueError as error:
        raise LoadError(f"{path}: line {rows.line_num} is damaged ({error})") from error
    return readings


def _cell(text: str) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell


def _value(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(round(value, 6))
