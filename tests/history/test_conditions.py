"""When two runs may be held against each other."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.history.conditions import KNOWN_LATER, OF_THE_TARGET, cautions, mismatches
from tests.history.made import conditions


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="all the same"),
        pytest.param({"host": "http://staging:8015/"}, id="a slash at the end of the host"),
        pytest.param({"data_size": {"users": 109, "policies": 1_090}}, id="a little more data"),
        pytest.param({"data_size": {}}, id="the target told nothing of its data"),
        pytest.param({"data_size": {"agents": 5}}, id="it told of something else"),
        pytest.param({"suite_version": "0.2.0"}, id="another version of the suite"),
    ],
)
def test_comparable(changed: dict[str, Any]) -> None:
    assert mismatches(conditions(), conditions(**changed)) == ()


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        pytest.param({"scenario": "peak"}, "scenario", "other scenario: basic, peak", id="scenario"),
        pytest.param(
            {"scenario_digest": "d2"},
            "scenario_digest",
            "scenario basic has other content than it had (users, spawn rate, duration or arrivals)",
            id="the same name, other content",
        ),
        pytest.param(
            {"users_by_role": {"policyholder": 2, "senior_agent": 1, "super_admin": 1}},
            "users_by_role",
            "other mix of users: policyholder 3, 2; super_admin 0, 1",
            id="mix",
        ),
        pytest.param(
            {"host": "http://other:8015"},
            "host",
            "other target: http://staging:8015, http://other:8015",
            id="host",
        ),
        pytest.param({"demo": "full"}, "host", "other target: http://staging:8015, demo full", id="demo"),
        pytest.param(
            {"data_size": {"users": 100, "policies": 1_200}},
            "data_size",
            "other size of data at the target: policies 1,000, 1,200",
            id="data",
        ),
        pytest.param({"read_only": True}, "read_only", "one run was read-only, the other was not", id="read only"),
        pytest.param(
            {"left_out": ("senior_agent / leads.list",)},
            "left_out",
            "operations left out in one of them only: senior_agent / leads.list",
            id="coverage",
        ),
    ],
)
def test_not_comparable(changed: dict[str, Any], field: str, reason: str) -> None:
    (found,) = mismatches(conditions(), conditions(**changed))

    assert (found.field, found.reason, found.times_only) == (field, reason, False)


@pytest.mark.parametrize("changed", [{"machine": "another"}, {"processes": 2}])
def test_what_makes_the_load_forbids_times_only(changed: dict[str, Any]) -> None:
    (found,) = mismatches(conditions(), conditions(**changed))

    assert (found.field, found.times_only) == (next(iter(changed)), True)


def test_demos_have_another_port_each_time() -> None:
    a, b = (conditions(demo="embedded", host=f"http://127.0.0.1:{port}") for port in (40_001, 40_002))

    assert mismatches(a, b) == ()


def test_all_reasons_are_told() -> None:
    other = conditions(scenario="peak", read_only=True, host="http://other")

    assert [found.field for found in mismatches(conditions(), other)] == ["scenario", "host", "read_only"]


def test_fields_may_be_allowed_to_differ() -> None:
    other = conditions(host="http://other", data_size={"users": 1}, left_out=("a / b",))

    assert mismatches(conditions(), other, apart=OF_THE_TARGET) == ()
    assert [found.field for found in mismatches(conditions(), other, apart=KNOWN_LATER)] == ["host"]


def test_another_suite_is_a_caution() -> None:
    assert cautions(conditions(), conditions()) == ()
    assert cautions(conditions(), conditions(suite_version="")) == (
        "made by other versions of the suite (0.1.0, unknown)",
    )
