"""Readings of a long run by the minute, written while it goes on: the same as in `readings.csv`, read in a fraction of
the time. Where the file is missing, that file is read instead."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from pathlib import Path

import msgspec

from perfsuite.measurements.file import WholeFile, lines_of
from perfsuite.model.monitor import Reading
from perfsuite.model.periods import MINUTE_S
from perfsuite.model.readings import ReadingColumns, ReadingSeries

MINUTES_FILE = "readings_minutes.jsonl.gz"


class MinuteReadings(msgspec.Struct, frozen=True, gc=False):
    """Readings of one metric of one source, in the order in which they came."""

    source: str
    metric: str
    unit: str
    at_s: list[float]
    values: list[float | None]


_decoder = msgspec.json.Decoder(MinuteReadings)


class MinuteReadingsWriter:
    """Takes the readings of a run as they come, and writes them every minute."""

    def __init__(self, path: Path, run_id: str) -> None:
        self._file = WholeFile(path, run_id)
        self._new: dict[tuple[str, str], MinuteReadings] = {}
        self._since_s = math.inf

    def add(self, readings: Iterable[Reading]) -> None:
        """These too."""
        now_s = -math.inf
        for reading in readings:
            key = (reading.source, reading.metric)
            new = self._new.get(key)
            if new is None:
                new = self._new[key] = MinuteReadings(*key, reading.unit, [], [])
            new.at_s.append(reading.at_s)
            new.values.append(reading.value)
            self._since_s, now_s = min(self._since_s, reading.at_s), max(now_s, reading.at_s)
        if now_s >= self._since_s + MINUTE_S:
            self._write()

    def close(self) -> None:
        """No reading comes any more."""
        self._write()
        self._file.close()

    def _write(self) -> None:
        new, self._new, self._since_s = self._new, {}, math.inf
        self._file.write(list(new.values()))


def read_minutes(path: Path) -> ReadingColumns | None:
    """All readings; None where the file is missing. Raises LoadError where it is damaged."""
    if not path.exists():
        return None
    found: dict[tuple[str, str], ReadingSeries] = {}
    for record in lines_of(path, _decoder):
        key = (record.source, record.metric)
        series = found.get(key)
        if series is None:
            series = found[key] = ReadingSeries(*key, record.unit, array("d"), array("d"))
        series.at_s.extend(record.at_s)
        series.values.extend([math.nan if value is None else value for value in record.values])
    return ReadingColumns(found.values())
