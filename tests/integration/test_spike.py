"""A load that changes while a run goes on: its stages, and what it says of a spike, beside the log of its target."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from perfsuite.messages.reasons import Reason
from perfsuite.target.catalogue import CATALOGUE, WRITING
from tests.integration.programs import Ended
from tests.integration.runs import Logged, logged

pytestmark = pytest.mark.integration

SPIKE_AT_S, AFTER_AT_S = 12, 20


def _mean_s(log: Sequence[Logged], start: float, stop: float) -> float:
    took = [duration_s for arrived, duration_s in log if start <= arrived < stop]
    return sum(took) / len(took) if took else math.inf


def _recovered_s(log: Sequence[Logged], before: tuple[float, float], after: tuple[float, float]) -> float:
    """The same question, asked of the log ten times a second instead of once."""

    def starts(start: float, stop: float, room_s: float) -> list[float]:
        return [start + tenth / 10 for tenth in range(int((stop - start - room_s) * 10) + 1)]

    highest_s = max(_mean_s(log, at, at + 1) for at in starts(*before, 1) if math.isfinite(_mean_s(log, at, at + 1)))
    back = (
        at - after[0]
        for at in starts(*after, 3)
        if max(_mean_s(log, at, at + 1), _mean_s(log, at, at + 3)) <= 1.1 * highest_s
    )
    return next(back)


@pytest.mark.made("spike")
def test_the_recovery_from_a_spike_is_that_of_the_targets_own_log(made: Ended) -> None:
    log, stages = logged(made), {stage["name"]: stage for stage in made.summary["stages"]}
    began = log[0][0]
    before = (stages["before"]["from"], stages["before"]["until"])
    after = (began + AFTER_AT_S, stages["after"]["ended_at"])
    truth_s = _recovered_s(log, before, after)

    assert 2 < truth_s < 14, "a spike that leaves nothing to recover from shows nothing"
    assert stages["after"]["recovery"]["recovery_s"] == pytest.approx(truth_s, abs=2)
    assert (stages["after"]["recovery"]["before"], stages["after"]["recovery"]["highest"]) == ("before", "rush")


@pytest.mark.made("spike")
def test_the_table_of_stages_counts_what_the_target_logged(made: Ended) -> None:
    log, stages = logged(made), made.summary["stages"]
    planned = {"before": 0, "rush": SPIKE_AT_S, "after": AFTER_AT_S}

    assert [stage["name"] for stage in stages[:3]] == list(planned)
    for stage in stages[:3]:
        start, until = stage["from"], stage["until"]
        arrived = [at for at, _ in log if start <= at < until]
        at_the_edges = sum(min(abs(at - start), abs(at - until)) < 0.5 for at, _ in log)
        assert stage["began_at"] == pytest.approx(log[0][0] + planned[stage["name"]], abs=1.5)
        assert stage["requests"] == pytest.approx(len(arrived), abs=at_the_edges + 1)
        assert stage["avg_ms"] == pytest.approx(1000 * _mean_s(log, start, until), rel=0.1, abs=100)
        assert f"{stage['name']} " in made.out


@pytest.mark.made("spike")
def test_users_and_writes_follow_the_stages_exactly(made: Ended) -> None:
    summary = made.summary
    kinds = [(stage["name"], stage["kind"]) for stage in summary["stages"]]
    assert kinds[:3] == [("before", "hold"), ("rush", "hold"), ("after", "hold")]
    assert kinds[3:] == [("pause", "read-only"), ("up", "ramp"), ("writing", "hold")]
    pause, _up, writing = summary["stages"][3:]
    assert (pause["steady"], writing["steady"]) == (False, True)
    rows = [(_second(row), row) for row in _seconds_of(made.folder)]
    written = [second for second, row in rows if row["operation"] in WRITING]
    # An action that had begun before the pause goes on in it for a moment: each of its reads takes 350 ms. The stage
    # after it begins in its last second.
    assert written
    assert not [second for second in written if pause["began_at"] + 2 < second < pause["ended_at"] - 1]
    read = [int(row["requests"]) for second, row in rows if pause["began_at"] < second < pause["ended_at"]]
    assert sum(read) > 3
    assert summary["users"]["peak"] == 80
    assert Reason.USERS_ENDED.id not in summary["reason_codes"]
    assert summary["reconciliation"]["agrees"]
    with (made.folder / "stats.csv").open(newline="") as file:
        periods = list(dict.fromkeys(row["period"] for row in csv.DictReader(file)))
    assert periods[-6:] == ["before", "rush", "after", "pause", "up", "writing"]


def _seconds_of(folder: Path) -> list[dict[str, str]]:
    """The rows of single operations by second."""
    with (folder / "stats_history.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["operation"] in CATALOGUE]


def _second(row: dict[str, str]) -> float:
    return datetime.fromisoformat(row["second"]).timestamp()
