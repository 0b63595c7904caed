"""What counts as right of a long run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.soak import SOAKS, growing, interval_row, right_rows, starved_row, words_of
from perfsuite.messages.stability import StabilityMessage
from perfsuite.model.capacity import CapacityAnswer, CapacityKind
from perfsuite.model.correctness import Correctness
from perfsuite.model.stability import Stability, StabilityOutcome
from tests.report import example_runs, made_correctness

FOUND = CapacityAnswer(CapacityKind.INTERVAL, 130.0, 145.0)
AT_LEAST = CapacityAnswer(CapacityKind.AT_LEAST, 60.0)


def test_the_truth_has_to_be_in_the_interval_of_a_search() -> None:
    held = [interval_row("search", FOUND, users, 0.2).holds for users in (129.0, 131.0, 146.0)]

    assert held == [False, True, False]
    assert interval_row("search", AT_LEAST, 131.0, 0.2).holds is False
    assert interval_row("search", CapacityAnswer(CapacityKind.CLIFF, 130.0, 145.0), 131.0, 0.2).holds is False


def test_a_starved_generator_knows_no_upper_limit() -> None:
    assert starved_row("starved", AT_LEAST).holds is True
    assert starved_row("starved", FOUND).holds is False
    assert [words_of(AT_LEAST), words_of(FOUND)] == ["at least 60", "interval 130 to 145"]


def test_what_grows_is_named() -> None:
    reason = StabilityMessage.STEADY(most="1 kB")
    memory, threads = (
        Stability(label, label, "", outcome, reason)
        for label, outcome in (("memory", StabilityOutcome.GROWS), ("threads", StabilityOutcome.CANNOT_TELL))
    )

    assert growing([threads]) == "nothing"
    assert growing([memory, threads]).startswith("memory: ")


@pytest.mark.parametrize(
    ("correctness", "measured", "holds"),
    [
        (made_correctness.HEALTHY, "none", True),
        (made_correctness.VIOLATED, "policies.read as policyholder: own rows only", False),
        (None, "none", False),
    ],
    ids=["healthy", "violated", "without checks"],
)
def test_a_healthy_run_has_no_violation(correctness: Correctness | None, measured: str, holds: bool) -> None:
    passed = example_runs.passed()
    report = replace(passed, summary=replace(passed.summary, correctness=correctness))

    rows = list(right_rows("healthy-full", report))

    assert [row.holds for row in rows] == [holds]
    assert rows[0].measured.startswith(measured)


def test_the_names_can_be_typed() -> None:
    assert all(soak.name == soak.name.lower() and " " not in soak.name for soak in SOAKS)
