"""Resources of a run: which are judged, from when on, and when they reach their limit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from perfsuite.messages.stability import StabilityMessage
from perfsuite.model import Row, Second, StageFigures, Summary
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.model.stability import RESPONSE_TIMES, GrowthCause, Stability, StabilityOutcome
from perfsuite.model.stages import Stage, StageSeconds, StageSpan, refilled
from perfsuite.stability.evaluate import fills_of, held, stability_of
from tests.judge.made_summaries import AVERAGE, figures, make_plan, make_summary

START, LENGTH_S = 1_772_357_420, 1_200


def long_summary(duration_s: float = 1_215.0) -> Summary:
    made = make_summary(make_plan(AVERAGE), totals=figures())
    return replace(made, duration_s=duration_s, steady_start=START, steady_end=START + LENGTH_S)


def read(metric: str, first: float, per_minute: float = 0.0) -> list[Reading]:
    noise = np.random.default_rng(3).normal(0, abs(first) * 1e-3, LENGTH_S)
    unit = METRICS[metric].unit
    return [
        Reading(START + at + 1.0, metric.partition(".")[0], metric, first + per_minute * at / 60 + noise[at], unit)
        for at in range(LENGTH_S)
    ]


FILL_1, PAUSE, FILL_2 = (START, START + 600), (START + 600, START + 1_200), (START + 1_200, START + 1_800)
WRITTEN_PER_S = 2


def begun(stage: Stage, seconds: tuple[int, int]) -> StageFigures:
    span = StageSpan(stage, seconds[0] - START, seconds[1] - START, stage.level, stage.level)
    return StageFigures(
        span, StageSeconds(stage.name, *seconds, None if stage.read_only else seconds), {}, figures(), None
    )


def filled_twice(*, failed: int = 0) -> Summary:
    """In each second of the fills two writes succeed and so many fail; there are nine reads."""
    first, pause, second = refilled(Stage("fill 1", 600, 7, held=True))
    rows = [
        Row(str(at), "super_admin", "work", operation, figures(requests, failures))
        for start, stop in (FILL_1, FILL_2)
        for at in range(start, stop)
        for operation, requests, failures in (("flags.update", WRITTEN_PER_S + failed, failed), ("flags.list", 9, 0))
    ]
    return replace(
        long_summary(1_805.0),
        steady_end=FILL_2[1],
        stages=(begun(first, FILL_1), begun(pause, PAUSE), begun(second, FILL_2)),
        second_rows=tuple(rows),
    )


def database(per_1000_writes: float) -> list[Reading]:
    loaded = np.minimum(np.arange(1_800), 600) + np.maximum(np.arange(1_800) - 1_200, 0)
    noise = np.random.default_rng(4).normal(0, 1e4, 1_800)
    sizes = 30e6 + per_1000_writes * WRITTEN_PER_S / 1_000 * loaded + noise
    unit = METRICS["postgres.database_bytes"].unit
    return [
        Reading(START + at + 1.0, "postgres", "postgres.database_bytes", float(size), unit)
        for at, size in enumerate(sizes)
    ]


def memory(per_minute: float) -> list[Reading]:
    left = read("machine.memory_available_bytes", 600e6, -per_minute)
    return [*read("server.memory_bytes", 200e6, per_minute), *left]


def only(found: tuple[Stability, ...], metric: str) -> Stability:
    (one,) = (each for each in found if each.metric == metric)
    return one


def test_memory_that_leaks_reaches_the_memory_of_the_machine() -> None:
    found = only(stability_of(long_summary(), memory(2e6)), "server.memory_bytes")

    assert found.outcome is StabilityOutcome.GROWS
    assert isinstance(found.reason.code, StabilityMessage)
    assert found.reason.code is StabilityMessage.GROWS
    assert [detail.code for detail in found.reason.details] == [StabilityMessage.LIMIT_IN_ABOUT, StabilityMessage.ALIKE]
    assert found.per_minute == pytest.approx(2e6, rel=0.05)
    assert found.limit == pytest.approx(800e6, rel=0.01)
    assert found.lasts_s is not None
    earliest, latest = found.lasts_s
    assert earliest < 560 / 2 * 60 < latest < 1.2 * earliest


def test_the_limit_of_a_container_counts_where_it_is_lower() -> None:
    readings = [*memory(2e6), *read("server.memory_limit_bytes", 400e6)]

    found = only(stability_of(long_summary(), readings), "server.memory_bytes")
    assert found.limit == pytest.approx(400e6, rel=0.01)


def test_healthy_memory_is_steady_and_may_last_for_ever() -> None:
    found = only(stability_of(long_summary(), memory(0.0)), "server.memory_bytes")

    assert found.outcome is StabilityOutcome.STEADY
    assert found.lasts_s is not None
    assert found.lasts_s[0] > 86_400
    assert math.isinf(found.lasts_s[1])


def test_descriptors_are_limited_by_their_share() -> None:
    readings = [*read("server.descriptors", 100, 5), *read("server.descriptors_used_percent", 20)]
    found = only(stability_of(long_summary(), readings), "server.descriptors")

    assert found.outcome is StabilityOutcome.GROWS
    assert found.limit == pytest.approx(1_000, rel=0.02)


def table(name: str, first: float, per_minute: float = 0.0) -> list[Reading]:
    """Read every ten seconds."""
    return [replace(one, source=f"postgres/{name}") for one in read("postgres.table_bytes", first, per_minute)[::10]]


def test_each_table_that_is_read_has_an_entry() -> None:
    found = stability_of(long_summary(), [*table("audit", 40e6, 2e6), *table("policies", 80e6)])

    assert [(each.metric, each.label, each.outcome) for each in found[:2]] == [
        ("postgres.table_bytes/audit", "size of table audit", StabilityOutcome.GROWS),
        ("postgres.table_bytes/policies", "size of table policies", StabilityOutcome.STEADY),
    ]
    assert found[0].per_minute == pytest.approx(2e6, rel=0.05)


def test_a_figure_holds_until_it_is_read_again() -> None:
    values = np.array([np.nan, 5.0, np.nan, np.nan, np.nan, 7.0])
    np.testing.assert_array_equal(held(values, 3), [np.nan, 5.0, 5.0, 5.0, np.nan, 7.0])


def test_what_has_no_known_limit_has_none() -> None:
    found = only(stability_of(long_summary(), read("server.threads", 20, 1)), "server.threads")

    assert (found.outcome, found.limit, found.lasts_s) == (StabilityOutcome.GROWS, None, None)


def test_response_times_are_judged_without_a_monitor() -> None:
    found = stability_of(long_summary(), [])

    assert [each.metric for each in found] == [RESPONSE_TIMES]
    assert found[0].outcome is StabilityOutcome.CANNOT_TELL  # this summary has no seconds


def test_a_run_of_less_than_ten_minutes_is_not_judged() -> None:
    assert stability_of(long_summary(598.0), memory(2e6)) == ()
    assert stability_of(long_summary(599.5), memory(2e6))


def test_a_resource_that_was_hardly_read_cannot_be_told() -> None:
    found = only(stability_of(long_summary(), memory(2e6)[:200]), "server.memory_bytes")

    assert found.outcome is StabilityOutcome.CANNOT_TELL
    assert found.reason.code is StabilityMessage.TOO_SHORT


@pytest.mark.parametrize("failed", [0, 3])
def test_growth_by_writes_is_per_1000_that_succeeded(failed: int) -> None:
    found = only(stability_of(filled_twice(failed=failed), database(500e3)), "postgres.database_bytes")

    assert (found.outcome, found.cause) == (StabilityOutcome.GROWS, GrowthCause.WRITES)
    assert found.reason.code is StabilityMessage.GROWS_BY_WRITES
    assert found.reason.details[-1].code is StabilityMessage.STOPPED_IN_PAUSE
    assert found.per_1000_writes is not None
    per_1000, low, high = found.per_1000_writes
    assert low < per_1000 < high
    assert per_1000 == pytest.approx(500e3, rel=0.02)
    assert found.per_minute == pytest.approx(500e3 * WRITTEN_PER_S * 60 / 1_000, rel=0.02)


def test_without_a_pause_the_cause_is_not_known() -> None:
    one = replace(filled_twice(), stages=())
    found = only(stability_of(one, database(500e3)), "postgres.database_bytes")

    assert (found.outcome, found.cause, found.per_1000_writes) == (
        StabilityOutcome.GROWS,
        GrowthCause.UNKNOWN,
        None,
    )
    assert found.reason.details[-1].code is StabilityMessage.ALIKE


def test_only_fills_with_the_same_load_are_compared() -> None:
    twice = filled_twice()
    first, pause, second = twice.stages
    other = begun(Stage("fill 2", 600, 9, held=True), FILL_2)
    assert fills_of(twice, START, 1_800) is not None
    assert fills_of(replace(twice, stages=(first, pause, other)), START, 1_800) is None
    assert fills_of(replace(twice, stages=(first, second, pause)), START, 1_800) is None
    assert fills_of(replace(twice, stages=(first, pause)), START, 1_800) is None


def test_fills_that_are_too_short_say_so() -> None:
    twice = filled_twice()
    cut = replace(twice, stages=(*twice.stages[:2], begun(twice.stages[2].span.stage, (FILL_2[0], FILL_2[0] + 400))))
    found = only(stability_of(cut, database(500e3)), "postgres.database_bytes")

    assert (found.outcome, found.reason.code) == (StabilityOutcome.CANNOT_TELL, StabilityMessage.FILL_TOO_SHORT)


def test_writes_of_minutes_that_were_rolled_up_are_those_of_their_seconds() -> None:
    twice = filled_twice()
    minutes = range(START, START + 600, 60)
    rolled = [Row(str(at), "super_admin", "work", "flags.update", figures(60 * WRITTEN_PER_S + 7, 7)) for at in minutes]
    kept = [row for row in twice.second_rows if int(row.period) >= FILL_2[0]]
    seconds = tuple(Second(at, "steady", figures(), {}) for at in minutes)
    long = fills_of(replace(twice, second_rows=(*rolled, *kept), minutes=seconds), START, 1_800)
    short = fills_of(twice, START, 1_800)

    assert long is not None
    assert short is not None
    assert long.writes.tolist() == pytest.approx(short.writes.tolist())
