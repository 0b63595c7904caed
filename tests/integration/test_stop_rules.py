"""A run that a stop rule ends, compared with the target's own log."""

from __future__ import annotations

import pytest

from perfsuite.messages.reasons import Reason
from tests.integration.programs import Ended
from tests.integration.runs import logged

pytestmark = pytest.mark.integration

LATE_S, LATE_FOR_GOOD_S = 1.5, 26
"""How late, and from when on, after the first request of the load."""


@pytest.mark.made("stopped")
def test_a_target_that_stays_missed_ends_the_run_in_order(made: Ended) -> None:
    summary, log = made.summary, logged(made)
    for_good = log[0][0] + LATE_FOR_GOOD_S

    assert (made.code, summary["verdict"], summary["aborted"]["target"]) == (1, "fail", "average")
    assert (summary["aborted"]["window_s"], summary["aborted"]["limit"]) == (10, 800)
    assert for_good + 5 <= summary["aborted"]["at"] <= for_good + 15
    assert log[-1][0] <= summary["aborted"]["at"] + 10, "actions end that had begun: up to three more late answers"
    assert Reason.ABORTED.id in summary["reason_codes"]
    assert summary["cleanup"]["created"] == summary["cleanup"]["removed"] > 0
    assert not summary["cleanup"]["not_removed"]
    assert (made.folder / "report.html").exists()
    assert not made.left


@pytest.mark.made("stopped")
def test_one_that_recovers_ends_nothing_and_neither_does_one_of_too_few_samples(made: Ended) -> None:
    log = logged(made)
    after_s = [(arrived - log[0][0], duration_s >= LATE_S) for arrived, duration_s in log]
    outcomes = {target["name"]: target["outcome"] for target in made.summary["targets"]}

    first = [late for at_s, late in after_s if 13 < at_s < 17]
    assert first
    assert all(first), "it was missed for six seconds"
    assert not all(late for at_s, late in after_s if 18 < at_s < 26), "and met again"
    assert outcomes["seldom"] != "met"
    assert made.summary["aborted"]["target"] == "average"
