"""The scenarios in `examples/own_scenario` are loads that can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.cli.main import main
from perfsuite.model import Arrival, Scenario
from perfsuite.plan.files import read_scenarios
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from perfsuite.roles.work import roles_of, sending_roles

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own_scenario" / "scenarios.toml"


def test_they_are_what_their_comments_say() -> None:
    file = read_scenarios(EXAMPLE)
    monday, month_end, evening = file.scenarios.values()
    assert (monday.users / monday.spawn_rate, monday.arrival) == (3, None)
    assert month_end == Scenario("month_end", 120, 20, 300, month_end.purpose, Arrival(20, 60, poisson=True))
    assert users_by_role(evening.users, roles_of(evening, ROLES)) == {"junior_agent": 4, "policyholder": 36}
    assert not any("policies.premiums" in role.steps_by_operation for role in sending_roles(evening, ROLES))
    assert file.multiple == ("monday_morning", "month_end")


def test_the_page_quotes_the_file() -> None:
    page = (ROOT / "docs" / "load-shapes.md").read_text(encoding="utf-8").split("## Which work", 1)[1]
    quoted = page.split("```toml\n", 1)[1].split("\n```", 1)[0]
    assert quoted in EXAMPLE.read_text(encoding="utf-8")


def test_both_are_planned_with_users_of_every_role(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--scenarios", str(EXAMPLE), "--multiple", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "Plan of scenario monday_morning, everybody logs in within three seconds" in out
    assert "Plan of scenario month_end, premiums fall due" in out
    assert out.count("Support Staff") == 2
