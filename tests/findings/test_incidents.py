"""A target that was gone for a while is one finding, wherever in the run it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.findings import Observations, find
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import Outage
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.monitor import Reading
from tests.findings.simulated import FIRST_S, Made, figures, made

REFUSED = "connection refused"


def gone(run: Made, *spans: tuple[int, int | None], up: bool = True) -> Made:
    """The run with a target that refused all connections in these seconds of its steady state. `up`: of the process."""
    dead = {at for start, stop in spans for at in range(start, run_length(run) if stop is None else stop)}
    seconds = [
        replace(each, statistics=figures(20, 20, 0.4)) if at in dead else each
        for at, each in enumerate(run.summary.seconds)
    ]
    rows = tuple(row for row in run.summary.second_rows if int(row.period) - FIRST_S not in dead)
    outages = tuple(
        Outage(FIRST_S + start, None if stop is None else FIRST_S + stop, 20 * len(dead), REFUSED)
        for start, stop in spans
    )
    summary = replace(run.summary, seconds=tuple(seconds), second_rows=rows, outages=outages)
    return Made(summary, run.readings if up else [_down(each, dead) for each in run.readings])


def run_length(run: Made) -> int:
    return len(run.summary.seconds)


def _down(reading: Reading, dead: set[int]) -> Reading:
    here = reading.metric == "server.up" and reading.at_s - FIRST_S - 1 in dead
    return replace(reading, value=0.0) if here else reading


def unusual(run: Made) -> list[Finding]:
    return [finding for finding in find(run.summary, Observations(run.readings)) if finding.unusual]


def test_an_outage_is_one_finding_with_its_beginning_and_its_end() -> None:
    (finding,) = unusual(gone(made(3, 75, 80.0), (40, 48)))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.INCIDENT, "target", FIRST_S + 40)
    span = FindingMessage.SPAN(start=FIRST_S + 40, end=FIRST_S + 48, for_s=8)
    assert finding.headline == FindingMessage.OUTAGE(spans=[span], failed=160, message=REFUSED)
    assert finding.evidence[0].after == 160


def test_a_process_that_was_gone_meanwhile_is_the_same_incident() -> None:
    (finding,) = unusual(gone(made(3, 75, 80.0), (40, 48), up=False))

    assert finding.resource == "backend process"
    assert "server.up" in {row.metric for row in finding.evidence}


def test_an_outage_of_the_ramp_up_is_reported_too() -> None:
    run = made(3, 75, 80.0)
    early = Outage(FIRST_S - 12, FIRST_S - 6, 31, REFUSED)
    (finding,) = unusual(Made(replace(run.summary, outages=(early,)), run.readings))

    assert finding.at_s == FIRST_S - 12
    span = FindingMessage.SPAN(start=FIRST_S - 12, end=FIRST_S - 6, for_s=6)
    assert (finding.headline.fields["spans"], finding.headline.fields["failed"]) == ([span], 31)


def test_several_are_reported_together() -> None:
    (finding,) = unusual(gone(made(3, 75, 80.0), (20, 24), (30, 33), (40, 44), (50, 54)))

    spans = [(span.fields["start"] - FIRST_S, span.fields["for_s"]) for span in finding.headline.fields["spans"]]
    assert spans == [(20, 4), (30, 3), (40, 4), (50, 4)]


def test_what_got_slow_at_another_time_is_reported_beside_it() -> None:
    slow = gone(Made(made(3, 75, 80.0).summary, []), (15, 20))
    lock = made(3, 75, 80.0)
    seconds = [
        replace(each, statistics=figures(80, 0, 400.0)) if 50 <= at < 60 else slow.summary.seconds[at]
        for at, each in enumerate(lock.summary.seconds)
    ]
    rows = tuple(
        replace(row, statistics=replace(row.statistics, avg_ms=(row.statistics.avg_ms or 0) * 40))
        if 50 <= int(row.period) - FIRST_S < 60
        else row
        for row in slow.summary.second_rows
    )
    found = unusual(Made(replace(slow.summary, seconds=tuple(seconds), second_rows=rows), []))

    assert [finding.kind for finding in found] == [FindingKind.INCIDENT, FindingKind.ONSET]
    assert found[1].at_s == pytest.approx(FIRST_S + 50, abs=1)


def test_a_target_that_was_lost_to_the_end_is_a_reason_of_the_verdict_and_an_onset() -> None:
    (finding,) = unusual(gone(made(3, 75, 80.0), (60, None)))

    assert finding.kind is FindingKind.ONSET
    assert finding.headline.fields["what"].fields["share"] == 1.0
