"""The scenarios in `examples/own_scenario` are loads that can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.cli.main import main
from perfsuite.model import Arrival, Scenario
from perfsuite.plan.files import read_scenarios

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_scenario" / "scenarios.toml"


def test_they_are_what_their_comments_say() -> None:
    file = read_scenarios(EXAMPLE)
    monday, month_end = file.scenarios.values()
    assert (monday.users / monday.spawn_rate, monday.arrival) == (3, None)
    assert month_end == Scenario("month_end", 120, 20, 300, month_end.purpose, Arrival(20, 60, poisson=True))
    assert file.multiple == ("monday_morning", "month_end")


def test_both_are_planned_with_users_of_every_role(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--scenarios", str(EXAMPLE), "--multiple", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "Plan of scenario monday_morning, everybody logs in within three seconds" in out
    assert "Plan of scenario month_end, premiums fall due" in out
    assert out.count("Support Staff") == 2
