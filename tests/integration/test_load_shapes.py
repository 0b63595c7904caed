"""A load that changes while a run goes on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from perfsuite.messages.reasons import Reason
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
    ]
    assert summary["stages"][-1]["recovery"]["before"] == "low"
    assert summary["users"]["peak"] == 20
    assert Reason.USERS_ENDED.id not in summary["reason_codes"]
    assert summary["reconciliation"]["agrees"]
    with (done.folder / "stats.csv").open(newline="") as file:
        periods = list(dict.fromkeys(row["period"] for row in csv.DictReader(file)))
    assert periods[-4:] == ["low", "up", "high", "again"]
