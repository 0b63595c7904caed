"""A load that changes while a run goes on."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest

from perfsuite.messages.reasons import Reason
from perfsuite.target.catalogue import CATALOGUE, WRITING
from tests.integration.programs import run_suite

pytestmark = pytest.mark.integration

SCENARIOS = """schema = 1
[scenario.shape]
spawn_rate = 20
stages = [
  { name = "low", duration = "6s", users = 8, held = true },
  { name = "up", duration = "4s", users = 20 },
  { name = "high", duration = "6s", users = 20 },
  { name = "again", duration = "8s", users = 8, held = true },
  { name = "pause", duration = "4s", users = 20, held = true, read_only = true },
  { name = "writing", duration = "3s", users = 20, held = true },
]
"""


def test_users_follow_the_stages_exactly(tmp_path: Path) -> None:
    (tmp_path / "scenarios.toml").write_text(SCENARIOS, encoding="utf-8")
    done = run_suite(
        *("--demo", "--processes", "2", "--scenarios", str(tmp_path / "scenarios.toml"), "--scenario", "shape"),
        results=tmp_path / "results",
    )
    assert done.code in (0, 4), done.out  # this machine may be too slow to say more
    summary = json.loads((done.folder / "summary.json").read_text())

    assert [(stage["name"], stage["kind"]) for stage in summary["stages"]] == [
        ("low", "hold"),
        ("up", "ramp"),
        ("high", "hold"),
        ("again", "hold"),
        ("pause", "read-only"),
        ("writing", "hold"),
    ]
    again, pause, writing = summary["stages"][3:]
    assert again["recovery"]["before"] == "low"
    assert (pause["steady"], writing["steady"]) == (False, True)
    written = _written_by_second(done.folder)
    assert sum(written.values()) > 0
    # A request that was due before the pause may have been sent in its first second.
    assert not [second for second in written if pause["began_at"] < second < pause["ended_at"]]
    read = [row for row in _seconds_of(done.folder) if pause["began_at"] < _second(row) < pause["ended_at"]]
    assert sum(int(row["requests"]) for row in read) > 20
    assert summary["users"]["peak"] == 20
    assert Reason.USERS_ENDED.id not in summary["reason_codes"]
    assert summary["reconciliation"]["agrees"]
    with (done.folder / "stats.csv").open(newline="") as file:
        periods = list(dict.fromkeys(row["period"] for row in csv.DictReader(file)))
    assert periods[-6:] == ["low", "up", "high", "again", "pause", "writing"]


def _seconds_of(folder: Path) -> list[dict[str, str]]:
    """The rows of single operations by second."""
    with (folder / "stats_history.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["operation"] in CATALOGUE]


def _second(row: dict[str, str]) -> float:
    return datetime.fromisoformat(row["second"]).timestamp()


def _written_by_second(folder: Path) -> dict[float, int]:
    return {_second(row): int(row["requests"]) for row in _seconds_of(folder) if row["operation"] in WRITING}
