"""Findings as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import RunReport
from perfsuite.model.finding import Evidence
from perfsuite.report import findings
from perfsuite.report.findings import evidence_text, findings_of, started_s
from tests.report import example_runs
from tests.report.made_load import START


def test_five_of_seven_with_three_rows_each() -> None:
    found = findings_of(example_runs.watched())
    assert (len(found.unusual), found.more, found.left_out) == (5, 2, "and 2 more in the report")
    assert found.unusual[0].evidence == (
        "response time, mean: 26 ms → 1,140 ms, at 00:30",
        "sessions blocked by another session: 0 → 5, at 00:29",
        "connections of the pool in use: 12.5 % → 100 %, at 00:32",
    )
    assert [line.split()[0] for line in found.always] == ["Most", "policyholder", "Most"]
    assert found.note == ""


def silenced(*sources: str) -> RunReport:
    """A run in which these sources were asked and never answered, or only before the load."""
    report = example_runs.watched()
    before = {"redis": replace(report.readings[0], source="redis", metric="redis.memory_bytes", at_s=START - 5.0)}
    readings = [
        replace(each, value=None if not each.metric.endswith(".up") else 0.0)
        if each.source.partition("/")[0] in sources
        else each
        for each in report.readings
    ]
    return replace(report, readings=[*readings, *(before[source] for source in sources if source in before)])


@pytest.mark.parametrize(
    ("silent", "unusual", "note"),
    [
        pytest.param(
            (), False,
            "Findings: nothing unusual in the monitored parts: server, machine, connection pool, PostgreSQL, Redis.",
            id="all of them",
        ),
        pytest.param(
            ("redis", "postgres"), False,
            "Findings: nothing unusual in the monitored parts: server, machine, connection pool."
            " Not monitored, because no reading came in the steady state: PostgreSQL, Redis.",
            id="two never answered",
        ),
        pytest.param(
            ("redis",), True, "Not monitored, because no reading came in the steady state: Redis.",
            id="also next to unusual findings",
        ),
        pytest.param(
            ("redis", "postgres", "server", "machine", "pool"), False,
            "Not monitored, because no reading came in the steady state:"
            " server, machine, connection pool, PostgreSQL, Redis.",
            id="nothing is not called usual",
        ),
    ],
)  # fmt: skip
def test_nothing_unusual_covers_what_gave_readings(silent: tuple[str, ...], unusual: bool, note: str) -> None:
    report = silenced(*silent)

    assert findings_of(report if unusual else replace(report, findings=())).note == note


def test_the_note_says_if_the_steady_state_is_too_short_to_compare() -> None:
    report = replace(silenced(), findings=())
    short = replace(report, summary=replace(report.summary, steady_s=9.0))

    assert findings_of(short).note.endswith(" The steady state of 9 s is too short to compare responses over time.")


def test_few_findings_are_all_shown() -> None:
    report = example_runs.watched()
    found = findings_of(replace(report, findings=report.findings[:5]))
    assert (found.more, found.left_out) == (0, "")


def test_the_start_is_the_first_second_that_was_recorded() -> None:
    summary = example_runs.watched().summary
    assert started_s(summary) == START
    assert started_s(replace(summary, seconds=())) is None


@pytest.mark.parametrize(
    ("row", "start_s", "text"),
    [
        pytest.param(Evidence("m", "memory", 1.2e8, 4.8e8, "bytes"), START, "memory: 120 MB → 480 MB", id="a total"),
        pytest.param(Evidence("m", "queries", None, 21.0, "count"), START, "queries: 21", id="nothing from before"),
        pytest.param(
            Evidence("m", "failed", 0.0, 0.0325, "fraction", START + 61),
            START,
            "failed: 0 % → 3.25 %, at 01:01",
            id="share",
        ),
        pytest.param(
            Evidence("m", "answers", 1.0, None, "count", START), START, "answers: 1 → no answer, at 00:00", id="a gap"
        ),
        pytest.param(
            Evidence("m", "blocked", 0.0, 5.0, "count", START + 2),
            None,
            "blocked: 0 → 5, at 09:30:02 UTC",
            id="no start",
        ),
        pytest.param(Evidence("m", "a\x1b[31m\nb", None, 3.0, "ms"), START, "a [31m b: 3 ms", id="unprintable"),
    ],
)
def test_a_row(row: Evidence, start_s: int | None, text: str) -> None:
    assert evidence_text(row, start_s) == text


def test_no_word_of_a_cause() -> None:
    assert "root cause" not in f"{findings.TITLE} {findings.ALWAYS_TITLE} {findings.NOT_MONITORED}".lower()
    assert "not causes" in findings.TITLE
