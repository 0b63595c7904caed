"""Simulated runs: each defect is found within a minute, and nothing where there is none."""

from __future__ import annotations

import pytest

from perfsuite.correctness.catalogue import all_checks
from perfsuite.correctness.check import Held
from perfsuite.correctness.errors import BEFORE, REFUSALS
from perfsuite.correctness.schedule import MOST_CREDIT, OVERDRAFT, rule_of
from tests.correctness.seeded import SEEDED, WITHIN_S, Seeded
from tests.correctness.simulated import SimulatedRun

LOGINS = 2
"""Of a check, at most."""
AT_ONCE = 3
"""Requests of another check that are under way when one sends more than it was to send."""


@pytest.mark.parametrize("seeded", SEEDED, ids=lambda seeded: seeded.defect)
def test_a_defect_is_found_within_a_minute_wherever_it_is(seeded: Seeded) -> None:
    missed = []
    for seed in range(max(len(seeded.places), 3)):
        run = seeded.run(seed)
        if run.run(WITHIN_S, lambda found, seed=seed: seeded.is_right(found, seed)) is None:  # type: ignore[misc]
            missed.append((seeded.at(seed), run.violations, run.reasons()))
        assert run.sent <= 0.02 * run.load + OVERDRAFT + AT_ONCE

    assert not missed


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_where_nothing_is_wrong(seed: int) -> None:
    run = SimulatedRun(seed, busy=0.02)

    run.run(600.0)

    assert run.violations == []
    assert 0.95 * 0.02 * run.load < run.sent <= 0.02 * run.load


def test_within_ten_minutes_every_rule_has_results() -> None:
    run = SimulatedRun(1)
    run.known[BEFORE] = {refusal.name: 404 for refusal in REFUSALS}

    run.run(600.0)

    reached = {rule_of(ended.check) for ended in run.ended if isinstance(ended.outcome, Held)}
    assert reached == {rule_of(check) for check in all_checks()}


def test_no_check_costs_more_than_can_be_saved_up() -> None:
    assert [check.key for check in all_checks() if check.requests + LOGINS > MOST_CREDIT] == []
