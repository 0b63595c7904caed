"""A long run rolled up by the minute: the same figures as from its seconds, at a fraction of the cost."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from perfsuite.measurements import file as measurements_file
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.minutes import LONG_S, Minute, minute_of
from perfsuite.measurements.records import ErrorCount, NotStarted, Phase, Record, Requests, Times
from perfsuite.measurements.roll_up import MINUTES_FILE, RollUpWriter, roll_up, rolled_up_records
from perfsuite.measurements.totals import values_in
from perfsuite.model import FailureKind, Plan, Summary, Target
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import MINUTES_FILE as READINGS_MINUTES_FILE
from perfsuite.monitor import ReadingsWriter
from perfsuite.report.files.json_file import summary_json
from perfsuite.report.page.html import report_html
from perfsuite.report.page.load_charts import MAX_POINTS, load_series
from perfsuite.roles import ROLES
from perfsuite.run.load_run import PLAN_FILE, load_run, save
from perfsuite.summary.summarize import build
from tests.judge.healthy_runs import START, Healthy, records_of

OUTAGE = range(int(START) + 1_000, int(START) + 1_009)
BY_SECOND = {"seconds", "second_rows", "minutes", "operation_seconds", "target_figures"}
"""What is different: percentiles of a second, and the intervals, whose blocks hold whole minutes."""


def plan_of(run: Healthy) -> Plan:
    plan = run.plan()
    of_role = Target("reading", "p95_ms", 2000, True, role="policyholder")
    return replace(plan, targets=(*plan.targets, of_role))


RUN = Healthy(users=5, duration_s=LONG_S + 200, spawn_rate=5, median_ms=20, memory=0.5, level_sd=0.1, seed=3)


@cache
def records() -> tuple[Record, ...]:
    """Of a run of 43 minutes with failures, an outage, new connections, actions that never began, and late records."""
    dice = random.Random(11)
    made = [_faulty(record, dice) for record in records_of(RUN)]
    given_up = [
        NotStarted(
            "local", 10**6 + number, int(START) + 60 * number, "customer_support", "search", "login", _one(9_000)
        )
        for number in range(1, 40)
    ]
    late = {number: dice.uniform(250, 400) for number in range(len(made)) if dice.random() < 0.002}
    order = sorted(range(len(made)), key=lambda number: _at(made[number]) + late.get(number, dice.random()))
    return (*(made[number] for number in order[:-1]), *given_up, made[order[-1]])


def _at(record: Record) -> float:
    return record.at if isinstance(record, Phase) else float(getattr(record, "second", math.inf))


def _one(time_us: int) -> Times:
    return Times({time_us // 4: 1}, time_us, time_us, time_us)


def _faulty(record: Record, dice: random.Random) -> Record:
    if not isinstance(record, Requests) or not record.ok.counts:
        return record
    count = values_in(record.ok)
    if record.second in OUTAGE:
        error = ErrorCount(FailureKind.CONNECTION_REFUSED, "nobody listens", count, f"id-{record.sequence}")
        return _failed(record, error)
    if dice.random() < 0.02:
        kind, message = dice.choice([(FailureKind.STATUS, "HTTP 500"), (FailureKind.TIMEOUT, "no answer in 10 s")])
        return _failed(record, ErrorCount(kind, message, count, f"id-{record.sequence}", [record.sequence]))
    return msgspec.structs.replace(record, connects=_one(700)) if dice.random() < 0.01 else record


def _failed(record: Requests, error: ErrorCount) -> Requests:
    return msgspec.structs.replace(
        record, ok=Times(), failed=record.ok, errors=[error], ended_failed=record.ended, server=Times()
    )


def summary_of(aggregate: Aggregate) -> Summary:
    return build(plan_of(RUN), aggregate, preflight=None, roles=ROLES)


@cache
def both() -> tuple[Summary, Summary]:
    return summary_of(Aggregate.of(records())), summary_of(Aggregate.of(roll_up(records())))


def test_figures_of_a_long_run_are_those_of_its_seconds() -> None:
    by_second, by_minute = both()
    assert len(by_minute.minutes) > 35 and len(by_minute.second_rows) < len(by_second.second_rows) / 2
    for field in fields(Summary):
        if field.name not in BY_SECOND:
            assert getattr(by_minute, field.name) == getattr(by_second, field.name), field.name
    assert [outage.start for outage in by_minute.outages] == [OUTAGE.start]
    assert minute_of(OUTAGE.start) in {minute.second for minute in by_minute.minutes}
    assert by_second.whole_run.failures > 100


def test_seconds_of_a_rolled_up_minute_keep_their_counts_and_times() -> None:
    by_second, by_minute = both()
    minutes = {minute.second for minute in by_minute.minutes}
    for own, other in zip(by_minute.seconds, by_second.seconds, strict=True):
        if minute_of(own.second) not in minutes:
            assert own == other
            continue
        known, wanted = own.statistics, other.statistics
        assert (known.requests, known.failures, known.rps) == (wanted.requests, wanted.failures, wanted.rps)
        assert (known.avg_ms, known.min_ms, known.max_ms) == (
            pytest.approx(wanted.avg_ms), wanted.min_ms, wanted.max_ms
        )  # fmt: skip
        assert (own.users, own.period) == (other.users, other.period)
        assert own.breakdown.connections == other.breakdown.connections


def test_intervals_hardly_change() -> None:
    by_second, by_minute = both()
    for own, other in zip(by_minute.target_figures, by_second.target_figures, strict=True):
        if other.interval is not None:
            width = other.interval[1] - other.interval[0]
            assert own.interval == (
                pytest.approx(other.interval[0], abs=width / 2), pytest.approx(other.interval[1], abs=width / 2)
            )  # fmt: skip


def test_minutes_lie_within_one_period() -> None:
    _, summary = both()
    periods = {second.second: second.period for second in summary.seconds}
    for minute in summary.minutes:
        assert {periods[minute.second + more] for more in range(60)} == {"steady"}


def test_shorter_runs_are_not_rolled_up() -> None:
    within = [record for record in records() if _at(record) < START + LONG_S - 1]
    assert list(roll_up(within)) == within


# ── the files ───────────────────────────────────────────────────────────────────────────────────────────────


def parts(of: Sequence[Record], size: int = 500) -> Iterator[Sequence[Record]]:
    for start in range(0, len(of), size):
        yield of[start : start + size]


def made(folder: Path) -> Path:
    """The folder of the run as it is when the run is over."""
    folder.mkdir()
    plan = plan_of(RUN)
    save(folder / PLAN_FILE, plan)
    writer = measurements_file.Writer(folder / measurements_file.FILE_NAME, plan.run_id)
    minutes = RollUpWriter(folder, plan)
    for part in parts(records()):
        writer.write_all(part)
        minutes.add(part)
    writer.close()
    minutes.close()
    readings = ReadingsWriter(folder / READINGS_FILE, plan)
    metrics = [METRICS[name] for name in ("server.memory_bytes", "server.cpu_percent", "machine.cpu_percent")]
    for at in range(int(START), int(START) + LONG_S + 200):
        value = None if at % 50 == 7 else float(at % 97)
        readings.write([Reading(float(at), each.component, each.name, value, each.unit) for each in metrics])
    readings.close()
    return folder


def test_a_report_from_the_roll_ups_is_the_one_from_the_measurements(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    from_roll_ups = load_run(folder).report
    assert len(list(rolled_up_records(folder))) < len(records()) / 2
    (folder / MINUTES_FILE).unlink()
    (folder / READINGS_MINUTES_FILE).unlink()
    from_measurements = load_run(folder).report
    assert summary_json(from_roll_ups) == summary_json(from_measurements)
    assert report_html(from_roll_ups) == report_html(from_measurements)
    assert from_roll_ups.stability == from_measurements.stability != ()


def test_a_killed_run_leaves_no_roll_ups_that_could_be_taken_for_whole(tmp_path: Path) -> None:
    minutes = RollUpWriter(tmp_path, plan_of(RUN))
    minutes.add(records())
    assert not (tmp_path / MINUTES_FILE).exists()
    minutes.close()
    assert (tmp_path / MINUTES_FILE).exists()


@pytest.mark.parametrize(
    ("planned_s", "lasts_s"),
    [
        pytest.param(1_800, 1_000, id="a short run"),
        pytest.param(28_800, 1_000, id="a long one that ended early"),
    ],
)
def test_no_roll_ups_of(planned_s: int, lasts_s: int, tmp_path: Path) -> None:
    plan = plan_of(RUN)
    minutes = RollUpWriter(tmp_path, replace(plan, scenario=replace(plan.scenario, duration_s=planned_s)))
    minutes.add([record for record in records() if _at(record) < START + lasts_s])
    minutes.close()
    assert list(tmp_path.iterdir()) == []


def test_eight_hours_take_a_page_and_memory_that_hardly_grow() -> None:
    run = Healthy(users=1, duration_s=8 * 3600, spawn_rate=5, median_ms=20, memory=0.5, level_sd=0.1, seed=3)
    of_seconds = sorted(records_of(run), key=_at)
    kept = list(roll_up(of_seconds))
    aggregate = Aggregate.of(kept)
    requests = [len(second.requests) for _at, second in aggregate.parts()]
    summary = build(run.plan(), aggregate, preflight=None, roles=ROLES)
    series = load_series(summary.seconds, (), summary.minutes)
    assert sum(isinstance(record, Minute) for record in kept) > 460
    assert (
        len(summary.second_rows) <= sum(requests) < len([each for each in of_seconds if isinstance(each, Requests)]) / 3
    )
    assert max(len(values) for values in series.figures.values()) <= MAX_POINTS
