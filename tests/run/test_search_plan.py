"""The dry run of a search for the capacity, with a choice of work."""

from __future__ import annotations

import pytest

from perfsuite.cli.main import main
from perfsuite.messages.capacity import SearchPlanLine
from perfsuite.messages.plan import PlanMessage

SEARCH = ["capacity", "--demo", "--dry-run"]


def test_it_shows_the_users_of_the_chosen_roles_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SEARCH, "--roles", "policyholder,super_admin", "--max-users", "102"]) == 0
    lines = capsys.readouterr().out.splitlines()
    users = lines[lines.index("Users by role") + 1 : lines.index("Targets")]
    assert [line.split() for line in users] == [["2", "Super", "Admin"], ["100", "Policyholder"]]


def test_without_think_times_the_number_of_requests_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SEARCH, "--think-time-factor", "0"]) == 0
    assert f"  {SearchPlanLine.NO_THINK_TIMES()}" in capsys.readouterr().out.splitlines()


def test_an_arrival_rate_has_no_think_times(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SEARCH, "--by", "arrival-rate", "--think-time-factor", "0.5"]) == 2
    assert str(PlanMessage.NO_THINK_TIMES()) in capsys.readouterr().err
