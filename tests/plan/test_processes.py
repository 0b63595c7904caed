"""How many load processes a plan needs: what a dry run says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.messages.calibration import ProcessNote
from perfsuite.model import Arrival, Plan, Scenario
from perfsuite.model.calibration import Calibration, processes_needed
from perfsuite.plan.processes import most_rps, process_lines, too_few
from perfsuite.roles import ROLES
from perfsuite.roles.mix import arriving_rps, offered_rps, users_by_role
from tests.judge.made_summaries import make_plan

MEASURED = Calibration(cpu_us=170.0, requests=8_000, cores=8.0, measured_at=1_772_357_400.0)
"""85 % of a core are 5,000 requests/s."""
FAR = "http://staging.example"


def plan(rate: float | None = None, *, users: int = 70, **changed: Any) -> Plan:
    """An open model of so many requests/s (about), or a closed one."""
    counts = users_by_role(users, ROLES)
    arrival = None if rate is None else Arrival(rate / arriving_rps(1.0, counts, ROLES))
    scenario = Scenario("basic", users, 10, 60, arrival=arrival)
    return replace(make_plan(), scenario=scenario, users_by_role=counts, host=FAR, **changed)


@pytest.mark.parametrize(
    ("rps", "processes", "fewest", "most"),
    [
        pytest.param(0.0, 1, 1, 1, id="no load"),
        pytest.param(3_800.0, 1, 1, 1, id="enough by any estimate"),
        pytest.param(4_500.0, 1, 1, 2, id="perhaps not"),
        pytest.param(12_000.0, 3, 2, 4, id="three"),
        pytest.param(9_000.0, 2, 1, 3, id="two, or one that is busy and spends less on each request"),
    ],
)
def test_processes_by_requests(rps: float, processes: int, fewest: int, most: int) -> None:
    need = processes_needed(rps, 1, MEASURED)

    assert (need.processes, need.fewest, need.most) == (processes, fewest, most)
    assert need.used_percent == pytest.approx(rps / 50)


def test_the_most_requests_are_those_of_answers_that_take_no_time() -> None:
    closed = plan()
    assert most_rps(closed, ROLES) == offered_rps(closed.users_by_role, ROLES, 0.0)
    growing = plan(100)
    arrival = growing.scenario.arrival
    assert arrival is not None
    growing = replace(growing, scenario=replace(growing.scenario, arrival=replace(arrival, rate_end=arrival.rate * 3)))
    assert most_rps(growing, ROLES) == pytest.approx(300)


def codes(made: Plan, measured: Calibration = MEASURED) -> list[ProcessNote]:
    return [note.code for note in too_few(made, ROLES, measured)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("rate", "changed", "cores", "found"),
    [
        pytest.param(100, {}, 1.0, [], id="little load shares its core"),
        pytest.param(100, {"processes": 4}, 1.0, [], id="so do more processes of it"),
        pytest.param(4_500, {}, 8.0, [ProcessNote.MAYBE_TOO_FEW], id="within the uncertainty"),
        pytest.param(9_000, {}, 8.0, [ProcessNote.MAYBE_TOO_FEW], id="a busy process may do it"),
        pytest.param(12_000, {}, 8.0, [ProcessNote.TOO_FEW], id="beyond it"),
        pytest.param(12_000, {"processes": 4}, 8.0, [], id="as many as are needed at most"),
        pytest.param(12_000, {"processes": 4}, 2.0, [ProcessNote.TOO_FEW_CORES], id="on two cores"),
        pytest.param(4_000, {"processes": 2}, 1.0, [], id="one core for one process"),
        pytest.param(
            4_000, {"processes": 2, "demo": "embedded"}, 1.0, [ProcessNote.TOO_FEW_CORES_BESIDE], id="none for the demo"
        ),
        pytest.param(20_000, {}, 2.0, [ProcessNote.TOO_FEW, ProcessNote.TOO_FEW_CORES], id="both"),
        pytest.param(12_000, {"processes": 0, "expect_workers": 4}, 1.0, [], id="workers have their own cores"),
        pytest.param(12_000, {"expect_workers": 1}, 8.0, [ProcessNote.MAYBE_TOO_FEW], id="here and elsewhere together"),
        pytest.param(
            20_000, {"processes": 3, "expect_workers": 3}, 1.0, [ProcessNote.TOO_FEW_CORES], id="too many of them here"
        ),
    ],
)
def test_too_few(rate: float, changed: dict[str, Any], cores: float, found: list[ProcessNote]) -> None:
    assert codes(plan(rate, **changed), replace(MEASURED, cores=cores)) == found


def test_the_advice_names_the_number_of_processes() -> None:
    (note,) = too_few(plan(12_000), ROLES, MEASURED)

    assert {name: note.fields[name] for name in ("planned", "needed", "fewest", "most")} == {
        "planned": 1, "needed": 3, "fewest": 2, "most": 4
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "more"),
    [
        pytest.param({}, "--processes 4", id="on this machine"),
        pytest.param({"processes": 0, "expect_workers": 1}, "--expect-workers 4", id="elsewhere"),
        pytest.param({"processes": 1, "expect_workers": 1}, "--expect-workers 3", id="both"),
    ],
)
def test_the_advice_is_an_option(changed: dict[str, int], more: str) -> None:
    (note,) = too_few(plan(12_000, **changed), ROLES, MEASURED)

    assert note.fields["more"] == more


def test_enough_is_said_with_what_it_is_computed_from() -> None:
    enough, cost = process_lines(plan(2_000), ROLES, MEASURED)

    assert enough == ProcessNote.ENOUGH(planned=1, used="18 to 52 %")
    assert (cost.code, cost.fields["cpu_us"], cost.fields["date"]) == (ProcessNote.COST, 170.0, "2026-03-01")
    assert cost.fields["rps"] == pytest.approx(2_000)
    assert cost.fields["shared"] == ""


def test_one_core_is_said_to_have_been_shared() -> None:
    cost = process_lines(plan(100), ROLES, replace(MEASURED, cores=1.0))[-1]

    assert cost.fields["shared"] == ProcessNote.SHARED_CORE()


def test_without_think_times_no_number_is_enough() -> None:
    eager = [replace(role, think_min_s=0.0, think_max_s=0.0) for role in ROLES]

    assert process_lines(plan(), eager, MEASURED) == [ProcessNote.UNLIMITED()]
    assert too_few(plan(), eager, MEASURED) == []
