"""The file of the readings, and those that the records of the load give."""

from __future__ import annotations

import csv
import time
from itertools import permutations
from pathlib import Path

import pytest

from perfsuite.errors import LoadError
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import ErrorCount, Generator, Record, Requests, Times, Users, WorkerLost
from perfsuite.messages.measurements import MeasurementsMessage
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.monitor import (
    ReadingsWriter,
    add_readings,
    latest_readings_of_load,
    read_readings,
    with_readings_of_load,
)
from perfsuite.monitor.readings import READINGS_COLUMNS, readings_of_load

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


OTHER_COLUMNS, DAMAGED_LINE = MeasurementsMessage.OTHER_COLUMNS, MeasurementsMessage.DAMAGED_LINE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("a,b\n1,2\n", OTHER_COLUMNS, id="another file"),
        pytest.param(f"{','.join(READINGS_COLUMNS)}\nyesterday,a,b,1,c\n", DAMAGED_LINE, id="no time"),
        pytest.param(
            f"{','.join(READINGS_COLUMNS)}\n2025-11-24T16:00:00Z,a,b\n",
            MeasurementsMessage.DAMAGED_LINE,
            id="too short",
        ),
        pytest.param(
            f"{','.join(READINGS_COLUMNS)}\n2025-11-24T16:00:00Z,a,b,x,c\n",
            MeasurementsMessage.DAMAGED_LINE,
            id="no number",
        ),
    ],
)
def test_damage_is_named(text: str, code: MeasurementsMessage, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text(text)
    with pytest.raises(LoadError) as error:
        read_readings(path)
    assert (error.value.code, error.value.fields["path"]) == (code, path)


def test_half_an_hour_is_read_at_a_few_times_the_cost_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    names = list(METRICS)[:50]
    writer = ReadingsWriter(path)
    for second in range(1800):
        writer.write([Reading(AT_S + second, "server", name, second * 1.37, METRICS[name].unit) for name in names])
    writer.close()
    began = time.process_time()
    readings = read_readings(path)
    read = time.process_time()
    with path.open(encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert read - began < 25 * (time.process_time() - read)
    assert len(readings) == 90_000
    assert len(lines[0]) == len(READINGS_COLUMNS)


START = 1_772_357_400


def requests(second: int, *, worker: str = "worker-1", **more: object) -> Requests:
    return Requests(worker, 1, START + second, "policyholder", "profile access", "users.me", **more)  # type: ignore[arg-type]


def generator(
    second: int, cpu: float = 20.0, *, worker: str = "worker-1", span_s: float = 1.0, **more: int
) -> Generator:
    lag = Times({500: 20}, 10_000, 400, more.pop("lag_us", 500))
    return Generator(worker, 2, START + second, cpu, lag, 10**8, span_s=span_s, **more)


def users(second: int, count: int, *, worker: str = "worker-1", sequence: int = 3) -> Users:
    return Users(worker, sequence, START + second, {"policyholder": count})


def recorded(*records: Record) -> Aggregate:
    return Aggregate.of(records)


def values(aggregate: Aggregate, metric: str) -> dict[int, float | None]:
    """Second of the reading, from START on → value."""
    return {round(one.at_s - START): one.value for one in readings_of_load(aggregate) if one.metric == metric}


def test_connections_stand_in_the_second_that_ends_with_the_reading() -> None:
    opened = Times({900: 1, 1100: 2}, 3100, 900, 1100)
    aggregate = recorded(
        requests(0, connects=opened, tls=Times({4000: 3}, 12_000, 4000, 4000)), generator(0), generator(1)
    )

    assert values(aggregate, "network.connections_opened_per_s") == {1: 3, 2: 0}
    assert values(aggregate, "network.connect_ms") == {1: pytest.approx(3.1 / 3), 2: None}
    assert values(aggregate, "network.tls_ms") == {1: 4.0, 2: None}


def test_without_tls_there_is_no_figure_of_it() -> None:
    aggregate = recorded(requests(0, connects=Times({900: 1}, 900, 900, 900)), generator(0))

    assert values(aggregate, "network.tls_ms") == {}


def test_errors_by_kind() -> None:
    errors = [
        ErrorCount("connection refused", "connection refused", 4, "a"),
        ErrorCount("connection lost", "the connection broke (ECONNRESET)", 2, "b"),
        ErrorCount("connection lost", "connection closed within an answer", 1, "c"),
        ErrorCount("idle connection closed", "closed after 5 s", 3, "f"),
        ErrorCount("timeout", "no answer in time", 5, "d"),
        ErrorCount("http status", "HTTP 503", 7, "e"),
    ]
    aggregate = recorded(requests(0, errors=errors), requests(0, errors=errors[:1]), generator(0))

    assert [values(aggregate, f"network.errors_{kind}_per_s") for kind in ("refused", "reset", "timeout")] == [
        {1: 8},
        {1: 6},
        {1: 5},
    ]


def test_bytes_of_all_processes() -> None:
    aggregate = recorded(
        generator(0, sent_bytes=300, received_bytes=5000),
        generator(0, worker="worker-2", sent_bytes=100, received_bytes=1000),
    )

    assert values(aggregate, "network.bytes_sent_per_s") == {1: 400}
    assert values(aggregate, "network.bytes_received_per_s") == {1: 6000}


def test_files_that_tell_no_bytes_have_no_figure_of_them() -> None:
    assert values(recorded(generator(0)), "network.bytes_sent_per_s") == {}


def test_the_generator_in_sum_and_its_busiest_process() -> None:
    aggregate = recorded(generator(0, 60, lag_us=700), generator(0, 90, worker="worker-2", lag_us=31_000))

    assert values(aggregate, "generator.cpu_percent") == {1: 150}
    assert values(aggregate, "generator.cpu_limit_percent") == {1: 200}
    assert values(aggregate, "generator.busiest_process_cpu_percent") == {1: 90}
    assert values(aggregate, "generator.loop_lag_ms") == {1: 31.0}


def test_a_process_that_tells_late_speaks_of_all_the_seconds_since() -> None:
    """The event loop stood for two seconds: one record for three of them, then soon the next one."""
    late = generator(2, 90, span_s=2.9, sent_bytes=300, received_bytes=3000, lag_us=1_900_000)
    aggregate = recorded(generator(0, 30, sent_bytes=10, received_bytes=20), late, generator(3, 50, span_s=0.1))

    assert values(aggregate, "generator.cpu_percent") == {
        1: pytest.approx((30 + 90 * 2.9 / 3) / (1 + 2.9 / 3)),
        2: pytest.approx(90),
        3: pytest.approx(90),
        4: None,
    }, "of a tenth of a second nothing can be said"
    assert values(aggregate, "generator.loop_lag_ms") == {1: 1900, 2: 1900, 3: 1900, 4: 0.5}
    assert values(aggregate, "network.bytes_received_per_s") == {1: 1020, 2: 1000, 3: 1000}


def test_users_are_the_last_word_of_each_process() -> None:
    records = [
        *(generator(second) for second in range(9)),
        users(0, 5, sequence=3),
        users(0, 6, sequence=4),
        users(1, 8),
        users(0, 10, worker="worker-2"),
        WorkerLost("coordinator", 9, "worker-2", START + 3.4, 10, "died"),
    ]

    counted = {1: 16, 2: 18, 3: 18, 4: 8, 5: 8, 6: 8, 7: 8, 8: 0, 9: 0}
    assert values(recorded(*records), "generator.users") == counted
    assert values(recorded(*reversed(records)), "generator.users") == counted


def test_the_order_of_records_does_not_matter() -> None:
    records = [generator(0, 60), generator(1, 20), users(0, 5), requests(0, errors=[ErrorCount("timeout", "", 1, "")])]

    assert len({tuple(readings_of_load(recorded(*each))) for each in permutations(records)}) == 1


def test_every_reading_is_in_the_catalogue_with_its_unit() -> None:
    aggregate = recorded(
        requests(0, tls=Times({4000: 3}, 12_000, 4000, 4000)), generator(0, sent_bytes=1, received_bytes=1)
    )

    told = {reading.metric: reading.unit for reading in readings_of_load(aggregate)}
    assert told == {name: each.unit for name, each in METRICS.items() if each.component in ("network", "generator")}
    assert all(reading.is_of_load for reading in readings_of_load(aggregate))


# ── while the run goes on ───────────────────────────────────────────────────────────────────────────


def test_the_latest_second_is_one_that_every_process_has_told_of() -> None:
    aggregate = Aggregate()
    assert latest_readings_of_load(aggregate) == {}
    aggregate.add([generator(0, 10), generator(0, 20, worker="worker-2"), generator(1, 50)])

    assert latest_readings_of_load(aggregate)["generator.cpu_percent"] == Reading(
        START + 1, "generator", "generator.cpu_percent", 30, "percent"
    )
    aggregate.add([WorkerLost("coordinator", 9, "worker-2", START + 2.0, 10, "died")])
    assert latest_readings_of_load(aggregate)["generator.cpu_percent"].value == 50


def test_it_remembers_no_more_than_asked_for() -> None:
    aggregate = Aggregate()
    for second in range(3600):
        aggregate.add([requests(second), generator(second), users(second, 5)])
        aggregate.forget_before(START + second - 29)

    assert len({reading.at_s for reading in readings_of_load(aggregate)}) == 30
    assert latest_readings_of_load(aggregate)["generator.users"].at_s == START + 3600


# ── in the file ─────────────────────────────────────────────────────────────────────────────────────


def test_what_the_file_holds_of_them_gives_way_to_what_the_records_tell(tmp_path: Path) -> None:
    watched = Reading(START + 1.0, "machine", "machine.cpu_percent", 12.0, "percent")
    path = tmp_path / "readings.csv"
    writer = ReadingsWriter(path)
    writer.write([watched])
    writer.close()
    records = [generator(0, 40)]
    first = with_readings_of_load(read_readings(path), Aggregate.of(records))
    add_readings(path, [one for one in first if one.is_of_load])

    assert first[0] == watched
    assert read_readings(path) == first == with_readings_of_load(read_readings(path), Aggregate.of(records))
