"""What a search found, in words and by level: from searches of simulated targets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.messages.capacity import CapacityText, NotAnsweredText
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import CapacityReport, NotAnswered, SearchBy, SearchedTarget, Target
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.report.capacity import (
    FAIL,
    PASS,
    UNDECIDED,
    allowed_text,
    answer_line,
    capacity_lines,
    capacity_remarks,
    level_rows,
    range_text,
    target_text,
    value_text,
)
from perfsuite.report.page.capacity import capacity_section
from perfsuite.report.wording import sentence
from tests.report import made_capacity

RATE, USERS = SearchBy.ARRIVAL_RATE, SearchBy.USERS


def codes(found: CapacityReport, by: SearchBy = RATE) -> list[object]:
    return [line.code for line in (*capacity_lines(found, by), *capacity_remarks(found, by))]


def test_an_interval_of_users_is_whole_and_rounded_outwards() -> None:
    found = made_capacity.by_users()
    line = answer_line(found.answer, USERS)

    assert found.answer.low is not None
    assert found.answer.high is not None
    assert line.code is CapacityText.INTERVAL
    assert line.fields == {"range": "313–327", "unit": "users", "rps": "160"}
    assert 313 <= found.answer.low <= found.answer.high <= 327
    assert range_text(12.2, 12.9, RATE) == "12.2–12.9"


def test_requests_per_second_rise_in_the_sentence_even_where_they_fall_with_the_load() -> None:
    falling = replace(made_capacity.by_users().answer, rps=(99.0, 83.4))

    assert answer_line(falling, USERS).fields["rps"] == "83.4–99"


def test_the_target_that_fails_first_and_the_recovery_follow() -> None:
    lines = capacity_lines(made_capacity.by_users(), USERS)

    assert [line.code for line in lines[1:]] == [CapacityText.FIRST_TO_FAIL, CapacityText.RECOVERED]
    assert lines[1].fields == {"target": "average response time"}
    assert lines[2].fields == {"recovery_s": 5.0}


def test_the_first_resource_outside_its_range_is_named_before_the_recovery() -> None:
    headline = FindingMessage.FIRST_RESOURCE(resource="application pool", load="306 users")
    detailed = headline.also(FindingMessage.BECAME(what="in use", change="4 → 10"))
    report = made_capacity.run_of(made_capacity.by_users(), USERS)
    found = replace(report, findings=(Finding(FindingKind.FIRST_RESOURCE, detailed, "pool", 1),))
    lines = capacity_lines(made_capacity.by_users(), USERS, found.findings)

    assert [line.code for line in lines][2:] == [FindingMessage.FIRST_RESOURCE, CapacityText.RECOVERED]
    assert lines[2] == headline
    assert headline in sentence(found)
    page = capacity_section(found)
    assert page is not None
    assert page.remarks[0] == f"{detailed}."


def test_a_cliff_is_said_to_be_one() -> None:
    line = answer_line(made_capacity.cliff().answer, RATE)

    assert line.code is CapacityText.CLIFF
    assert line.fields == {"low": "95.1", "unit": "actions/s", "rps": "95.3", "high": "97.0 actions/s"}


def test_at_least_says_what_the_limit_was() -> None:
    found = made_capacity.limited_by_generator()
    line = answer_line(found.answer, RATE)

    assert line.code is CapacityText.AT_LEAST
    assert line.fields["low"] == "89.6"
    assert line.fields["why"].code is NotAnsweredText.GENERATOR
    assert CapacityText.RECOVERED not in codes(found)


def test_without_any_load_that_passes_there_is_no_capacity() -> None:
    line = answer_line(made_capacity.first_load_fails().answer, RATE)
    open_one = replace(made_capacity.limited_by_generator().answer, low=None)

    assert (line.code, line.fields) == (CapacityText.FIRST_LOAD_FAILS, {"load": "2", "unit": "actions/s"})
    assert answer_line(open_one, RATE).code is CapacityText.NONE


def test_a_wide_interval_says_how_long_a_narrow_one_would_take() -> None:
    short, long = made_capacity.by_rate(duration_s=300), made_capacity.by_rate()
    wide = next(line for line in capacity_remarks(short, RATE) if line.code is CapacityText.WIDE)

    assert wide.fields["width"] == short.answer.width
    assert wide.fields["needed_s"] == 28 * 60
    assert CapacityText.WIDE not in codes(long)


def test_what_was_not_observed_is_said() -> None:
    assert CapacityText.NO_PEAK in codes(made_capacity.by_rate())
    assert CapacityText.NO_FIT in codes(made_capacity.by_users(), USERS)
    assert CapacityText.SATURATION not in codes(made_capacity.by_users(), USERS)


def test_targets_without_a_part_are_named_by_reason() -> None:
    found = made_capacity.by_rate()
    why = {
        "throughput": NotAnswered.METRIC,
        "users": NotAnswered.METRIC,
        "search": NotAnswered.MOST_LOAD,
        "exports": NotAnswered.TOO_FEW_SAMPLES,
    }
    with_open = replace(found, answer=replace(found.answer, not_answered=why))
    left = [line.fields for line in capacity_remarks(with_open, RATE) if line.code is CapacityText.NOT_SEARCHED]

    assert [(each["targets"], each["why"].code) for each in left] == [
        (["Throughput", "users"], NotAnsweredText.METRIC),
        (["Exports"], NotAnsweredText.TOO_FEW_SAMPLES),
    ]


def test_a_target_that_never_recovers_is_not_said_to_have() -> None:
    found = made_capacity.by_rate()
    never = replace(
        found,
        answer=replace(found.answer, recovery_s=None, holds_from_above=False),
        visits=tuple(replace(visit, recovered_s=None) for visit in found.visits),
    )

    assert CapacityText.NOT_RECOVERED in codes(never)
    assert CapacityText.FAILS_FROM_ABOVE in codes(never)
    assert CapacityText.HOLDS_FROM_ABOVE in codes(found)


def test_levels_have_their_worst_target_and_their_outcome() -> None:
    rows = {row.load: row for row in level_rows(made_capacity.by_users())}
    top = rows[512.0]

    assert [rows[load].outcome for load in (8.0, 256.0, 512.0)] == [UNDECIDED, PASS, FAIL]
    assert (rows[256.0].worst, rows[256.0].value, rows[256.0].limit) == (
        "average response time",
        "164 ms",
        "500 ms",
    )
    assert (top.worst, top.limit) == ("95th percentile", "5 %")
    assert top.value.endswith(" % over 1,200 ms")
    assert top.share == pytest.approx(19.8, abs=0.1)
    assert top.rps == pytest.approx(163.1)


def test_notes_say_why_a_level_counts_as_it_does() -> None:
    rows = level_rows(made_capacity.by_rate())
    limited = level_rows(made_capacity.limited_by_generator())

    assert [note.code for note in rows[-2].notes] == [CapacityText.ABORTED, CapacityText.SATURATED]
    assert (limited[-1].outcome, [note.code for note in limited[-1].notes]) == (
        UNDECIDED,
        [CapacityText.GENERATOR_LIMITED],
    )


@pytest.mark.parametrize(
    ("target", "limit", "is_share", "mean", "texts"),
    [
        pytest.param(Target("a", "avg_ms", 500, below=True), 500, False, 512.3, ("512 ms", "500 ms"), id="average"),
        pytest.param(
            Target("b", "p99_ms", 2000, below=True), 0.01, True, 0.02, ("2 % over 2,000 ms", "1 %"),
            id="a percentile by the share of requests over its limit",
        ),
        pytest.param(
            Target("c", "failure_rate", 0.015, below=True), 0.015, True, 0.1, ("10 %", "1.5 %"), id="failures"
        ),
        pytest.param(Target("d", "apdex_500", 0.85, below=False), 0.15, True, 0.25, ("0.75", "0.85"), id="Apdex"),
    ],
)  # fmt: skip
def test_values_and_limits(target: Target, limit: float, is_share: bool, mean: float, texts: tuple[str, str]) -> None:
    searched = SearchedTarget(target, limit, is_share)

    assert (value_text(searched, mean), allowed_text(searched)) == texts


def test_a_target_is_named_with_its_scope() -> None:
    target = Target("95th percentile", "p95_ms", 2000, below=True, role="senior_agent", operation="policies.create")

    assert target_text(target) == "95th percentile of policies.create as senior_agent"
