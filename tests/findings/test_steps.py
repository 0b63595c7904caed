"""Operations that become many times as slow early in a run, or are called too seldom for a band."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.findings import Observations, find
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import Summary
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.monitor import METRICS, Reading
from tests.findings.simulated import FIRST_S
from tests.findings.whole_runs import Shape, Step, whole_run

FORTY_S = Shape(ramp_s=5, settling_s=4, steady_s=31)
SEEDS = range(20)


def steps_found(summary: Summary, readings: list[Reading] | None = None) -> list[Finding]:
    found = find(summary, Observations(readings or []))
    return [each for each in found if each.unusual or each.kind is FindingKind.TOO_FEW]


def test_from_3_ms_to_300_ms_twelve_seconds_into_forty_is_reported_with_the_time_since_the_start() -> None:
    """One of forty operations, with ten users: it has some five requests before."""
    first = [steps_found(whole_run(seed, FORTY_S, Step(12)))[:1] for seed in SEEDS]
    sure = [found for (found,) in first if found.kind is FindingKind.ONSET]

    assert all(found and found[0].operation == "operation.0" for found in first)
    assert all(11 <= (found.at_s or 0) - FIRST_S <= 19 for (found,) in first)
    assert len(sure) >= len(first) / 2
    assert sure[0].headline.fields["what"].fields["operations"] == ("operation.0",)
    assert sure[0].headline.fields["into_s"] == (sure[0].at_s or 0) - FIRST_S
    assert any(row.before is not None and row.before < 40 and (row.after or 0) > 250 for row in sure[0].evidence)


def test_of_too_few_requests_before_it_is_said_that_they_are_too_few() -> None:
    """The same six seconds into the run: one or two requests before."""
    runs = [steps_found(whole_run(seed, FORTY_S, Step(6))) for seed in SEEDS]
    few = [found for run in runs for found in run if found.kind is FindingKind.TOO_FEW]

    assert few
    assert not few[0].unusual
    assert few[0].headline.fields["what"].code is FindingMessage.TOO_FEW_BEFORE
    assert few[0].operation == "operation.0"


def test_all_operations_at_once_are_reported_as_that() -> None:
    first = [steps_found(whole_run(seed, FORTY_S, Step(12, operation=None)))[0] for seed in SEEDS]

    assert {finding.headline.fields["what"].code for finding in first} == {FindingMessage.RESPONSE_TIMES_MOSTLY}
    assert all(abs((finding.at_s or 0) - FIRST_S - 12) <= 2 for finding in first)


def test_a_seldom_operation_in_the_middle_of_a_longer_run_is_reported() -> None:
    """Five requests a minute are too few for the bins of a band."""
    shape = Shape(5, 4, 171, rps=8.0)
    found = [steps_found(whole_run(seed, shape, Step(90, operation=1))) for seed in SEEDS]
    hits = [run[0] for run in found if run and run[0].operation == "operation.1"]

    assert len(hits) >= 10
    assert all(90 <= (finding.at_s or 0) - FIRST_S <= 140 for finding in hits), "the first request after it"


def test_too_little_that_was_monitored_before_it_is_said_too() -> None:
    summary = whole_run(3, FORTY_S, Step(8, operation=None))
    readings = [
        Reading(FIRST_S + at + 1.0, "machine", "machine.cpu_percent", 20.0, METRICS["machine.cpu_percent"].unit)
        for at in range(FORTY_S.length)
    ]
    first = steps_found(summary, readings)[0]

    assert first.headline.details == (FindingMessage.TOO_SHORT_BEFORE(),)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(Step(12, to_ms=30.0), id="30 ms more"),
        pytest.param(Step(12, operation=None, factor=2.0), id="all of them twice as slow"),
    ],
)
def test_smaller_steps_need_a_band(step: Step) -> None:
    assert [
        found
        for seed in SEEDS
        for found in steps_found(whole_run(seed, FORTY_S, step))
        if found.kind is FindingKind.TOO_FEW
    ] == []


def test_without_a_steady_state_it_is_reported_all_the_same() -> None:
    whole = whole_run(3, Shape(3, 2, 35), Step(12, operation=None))
    seconds = tuple(replace(each, period="ramp-up") for each in whole.seconds)
    first = steps_found(replace(whole, seconds=seconds, steady_start=None, steady_end=None, steady_s=0.0))[0]

    assert abs((first.at_s or 0) - FIRST_S - 12) <= 2
