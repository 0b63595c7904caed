"""Options of a search → its plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import Arrival, Plan, Scenario, SearchBy, Target
from perfsuite.model.correctness import CheckLevel, ChecksOff
from perfsuite.plan.build import make_plan, read_inputs
from perfsuite.plan.options import PlanOptions
from perfsuite.plan.search import with_search
from perfsuite.plan.search_options import SearchOptions
from perfsuite.roles import ROLES
from perfsuite.roles.mix import sessions_by_role, users_by_role

AVERAGE, P95 = Target("average", "avg_ms", 400, True), Target("95th", "p95_ms", 2000, True)


def plan_of(search: SearchOptions, *targets: Target, arrival: Arrival | None = None) -> Plan:
    scenario = Scenario("basic", search.most_users, 2, search.most_s, arrival=arrival)
    counts = users_by_role(search.most_users, ROLES)
    plan = Plan("r", scenario, "", counts, targets, (), 1, "2026-03-01T09:30:00Z")
    return with_search(plan, search, ROLES)


def test_users_from_28_up_to_the_most() -> None:
    plan = plan_of(SearchOptions(most_users=500, at_least=200), AVERAGE)
    assert plan.capacity is not None
    assert (plan.capacity.by, plan.capacity.start, plan.capacity.most) == (SearchBy.USERS, 28, 500)
    assert (plan.capacity.at_least, plan.capacity.duration_s) == (200, 900)
    assert plan.scenario.arrival is None


def test_the_most_sessions_limit_the_rate_to_what_they_can_do_at_twice_the_response_time_limit() -> None:
    plan = plan_of(SearchOptions(by="arrival-rate", most_users=300), P95, AVERAGE)
    assert plan.capacity is not None
    assert plan.capacity.session_s == 0.8
    assert plan.scenario.arrival == Arrival(plan.capacity.most, poisson=True)
    enough = sum(sessions_by_role(plan.capacity.most, ROLES, 0.8).values())
    assert enough <= 300 < 1.1 * enough + len(ROLES)


def test_every_role_has_sessions_to_spare() -> None:
    counts = sessions_by_role(0.1, ROLES, 1.0)
    assert counts == dict.fromkeys([role.slug for role in ROLES], 3)


def test_gaps_are_as_the_scenario_says() -> None:
    plan = plan_of(SearchOptions(by="arrival-rate"), arrival=Arrival(5.0, rate_end=9.0))
    assert plan.scenario.arrival is not None
    assert (plan.scenario.arrival.poisson, plan.scenario.arrival.rate_end) == (False, None)


@pytest.mark.parametrize(
    ("search", "code"),
    [
        pytest.param(SearchOptions(at_least=1001), PlanMessage.AT_LEAST_BEYOND, id="more than may be offered"),
        pytest.param(SearchOptions(by="arrival-rate", most_users=20), PlanMessage.TOO_FEW_SESSIONS, id="few sessions"),
    ],
)
def test_what_cannot_be_searched_is_refused(search: SearchOptions, code: Code) -> None:
    with pytest.raises(UsageError) as found:
        plan_of(search)
    assert found.value.code is code


def test_plans_of_other_runs_have_no_search(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(
        'schema = 1\n[[target]]\nname = "average"\nmetric = "avg_ms"\nbelow = 500\n', encoding="utf-8"
    )
    options = PlanOptions(demo="embedded", targets_file=tmp_path / "t.toml")
    inputs = read_inputs(options)
    assert make_plan(options, inputs, inputs.scenarios[0]).capacity is None
    searching = replace(options, search=SearchOptions())
    plan = make_plan(searching, inputs, inputs.scenarios[0])
    assert plan.capacity is not None
    assert (plan.check_correctness, plan.checks_off) == (CheckLevel.OFF, ChecksOff.SEARCH)
