"""What is said where targets were judged without failed requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.judge.notes import notes_of
from tests.judge.made_summaries import AVERAGE, P95, ROLES, THROUGHPUT, figures, make_plan, make_summary, row

SLOW_ERRORS = "failed requests took longer than the others: with them the "


@pytest.mark.parametrize(
    ("p95_ms", "told"),
    [
        pytest.param(131.9, "", id="9.9 % more is within what is called a change"),
        pytest.param(
            132.2, "95th percentile would be 132 ms; without them, as it is judged, it is 120 ms", id="more than 10 %"
        ),
        pytest.param(
            2_000.0, "95th percentile would be 2,000 ms, which would miss the limit of 2,000 ms; without them, as it is"
            " judged, it is 120 ms", id="it would even be missed",
        ),
        pytest.param(5.0, "", id="errors that came fast are no reason for a note: they are left out"),
        pytest.param(None, "", id="not known"),
    ],
)  # fmt: skip
def test_errors_that_took_long_are_left_out_of_a_time_and_reported(p95_ms: float | None, told: str) -> None:
    plan = make_plan(P95, THROUGHPUT)
    summary = make_summary(plan, figures(10_000, 200, p95_ms=p95_ms), ok=figures(9_800))
    notes = [note for note in notes_of(plan, summary, ROLES) if note.startswith(SLOW_ERRORS)]
    assert notes == ([SLOW_ERRORS + told] if told else [])


def test_the_scope_is_named() -> None:
    plan = make_plan(replace(AVERAGE, role="reader", operation="policies.list"))
    cell = row("reader", "browsing", "policies.list", figures(900, 40, avg_ms=60.0))
    (note,) = notes_of(plan, make_summary(plan, None, replace(cell, ok=figures(860))), ROLES)
    assert note.startswith(f"{SLOW_ERRORS}average response time of policies.list as reader would be 60 ms;")


def test_fast_errors_are_in_the_tables_and_not_in_what_is_judged() -> None:
    plan = make_plan(P95)
    every = figures(10_000, 6_000, avg_ms=2.0, p95_ms=115.0, rps=166.7)
    (note,) = notes_of(plan, make_summary(plan, every, ok=figures(4_000, rps=66.7)), ROLES)
    assert note == (
        "targets are judged without 6,000 failed requests, the tables show them: average response time 40 ms in place"
        " of 2 ms, throughput 66.7 requests/s in place of 166.7 requests/s"
    )


def test_a_few_errors_that_hardly_show_take_no_note() -> None:
    plan = make_plan(P95)
    every = figures(10_000, 100, avg_ms=39.0, rps=166.7)
    assert notes_of(plan, make_summary(plan, every, ok=figures(9_900, rps=165.0)), ROLES) == []
