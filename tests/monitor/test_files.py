"""readings.csv, there and back."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from perfsuite.errors import LoadError
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.monitor.readings import READINGS_COLUMNS, ReadingsWriter, read_readings

AT_S = 1764000000.0


def written(path: Path, readings: list[Reading]) -> str:
    writer = ReadingsWriter(path)
    writer.write(readings)
    writer.close()
    return path.read_text(encoding="utf-8")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    readings = [
        Reading(AT_S, "server", "server.cpu_percent", 12.5, "percent"),
        Reading(AT_S, "machine/core 3", "machine.core_cpu_percent", 100.0, "percent"),
        Reading(AT_S + 1, "redis", "redis.hit_percent", None, "percent"),
        Reading(AT_S + 1.5, "server", "server.memory_bytes", 123456789012.0, "bytes"),
    ]
    text = written(tmp_path / "readings.csv", readings)
    assert text == (
        "time,source,metric,value,unit\n"
        "2025-11-24T16:00:00Z,server,server.cpu_percent,12.5,percent\n"
        "2025-11-24T16:00:00Z,machine/core 3,machine.core_cpu_percent,100,percent\n"
        "2025-11-24T16:00:01Z,redis,redis.hit_percent,,percent\n"
        "2025-11-24T16:00:01.500Z,server,server.memory_bytes,123456789012,bytes\n"
    )
    assert read_readings(tmp_path / "readings.csv") == readings


def test_readings_are_on_disk_at_once_and_a_second_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    first = ReadingsWriter(path)
    first.write([Reading(AT_S, "pool", "pool.size", 5, "count")])
    assert [reading.value for reading in read_readings(path)] == [5]
    first.close()
    written(path, [Reading(AT_S + 1, "pool", "pool.size", 6, "count")])
    assert [reading.value for reading in read_readings(path)] == [5, 6]


def test_texts_are_no_formulas(tmp_path: Path) -> None:
    reading = Reading(AT_S, "=cmd|x", "@metric", -1.5, "+unit")
    text = written(tmp_path / "readings.csv", [reading])
    assert text.splitlines()[1] == "2025-11-24T16:00:00Z,'=cmd|x,'@metric,-1.5,'+unit"
    assert read_readings(tmp_path / "readings.csv") == [reading]


def test_a_run_that_was_killed_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    written(path, [Reading(AT_S, "pool", "pool.size", 5, "count")])
    with path.open("a") as file:
        file.write("2025-11-24T16:00:01Z,pool,pool.si")
    assert len(read_readings(path)) == 1


def test_nothing_was_watched(tmp_path: Path) -> None:
    assert read_readings(tmp_path / "readings.csv") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a,b\n1,2\n", "its first line is not time,source", id="another file"),
        pytest.param(f"{','.join(READINGS_COLUMNS)}\nyesterday,a,b,1,c\n", "line 2 is damaged", id="no time"),
        pytest.param(f"{','.join(READINGS_COLUMNS)}\n2025-11-24T16:00:00Z,a,b\n", "line 2 is damaged", id="too short"),
        pytest.param(f"{','.join(READINGS_COLUMNS)}\n2025-11-24T16:00:00Z,a,b,x,c\n", "line 2", id="no number"),
    ],
)
def test_damage_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(text)
    with pytest.raises(LoadError, match=said):
        read_readings(path)


def test_half_an_hour_is_read_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    names = list(METRICS)[:50]
    writer = ReadingsWriter(path)
    for second in range(1800):
        writer.write([Reading(AT_S + second, "server", name, second * 1.37, METRICS[name].unit) for name in names])
    writer.close()
    began = time.process_time()
    readings = read_readings(path)
    assert time.process_time() - began < 1.0
    assert len(readings) == 90_000
    with path.open() as file:
        assert len(next(csv.reader(file))) == len(READINGS_COLUMNS)
