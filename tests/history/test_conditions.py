"""When two runs may be compared."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.history.conditions import KNOWN_LATER, OF_THE_TARGET, cautions, mismatches
from perfsuite.messages import Message
from perfsuite.messages.history import ComparisonMessage
from tests.history.made import conditions


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="all the same"),
        pytest.param({"host": "http://staging:8015/"}, id="a slash at the end of the host"),
        pytest.param({"data_size": {"users": 109, "policies": 1_090}}, id="a little more data"),
        pytest.param({"data_size": {}}, id="the size of the data is unknown"),
        pytest.param({"data_size": {"agents": 5}}, id="sizes of something else"),
        pytest.param({"suite_version": "0.2.0"}, id="another version of the suite"),
    ],
)
def test_comparable(changed: dict[str, Any]) -> None:
    assert mismatches(conditions(), conditions(**changed)) == ()


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        pytest.param({"scenario": "peak"}, "scenario", ComparisonMessage.SCENARIO(a="basic", b="peak"), id="scenario"),
        pytest.param(
            {"scenario_digest": "d2"},
            "scenario_digest",
            ComparisonMessage.SCENARIO_CONTENT(scenario="basic"),
            id="the same name, other content",
        ),
        pytest.param(
            {"users_by_role": {"policyholder": 2, "senior_agent": 1, "super_admin": 1}},
            "users_by_role",
            ComparisonMessage.USERS(users=["policyholder 3 → 2", "super_admin 0 → 1"]),
            id="mix",
        ),
        pytest.param(
            {"host": "http://other:8015"},
            "host",
            ComparisonMessage.TARGET(a="http://staging:8015", b="http://other:8015"),
            id="host",
        ),
        pytest.param(
            {"demo": "full"}, "host", ComparisonMessage.TARGET(a="http://staging:8015", b="demo full"), id="demo"
        ),
        pytest.param(
            {"data_size": {"users": 100, "policies": 1_200}},
            "data_size",
            ComparisonMessage.DATA_SIZE(sizes=["policies 1,000 → 1,200"]),
            id="data",
        ),
        pytest.param({"read_only": True}, "read_only", ComparisonMessage.READ_ONLY(), id="read only"),
        pytest.param(
            {"left_out": ("senior_agent / leads.list",)},
            "left_out",
            ComparisonMessage.LEFT_OUT(operations=["senior_agent / leads.list"]),
            id="coverage",
        ),
    ],
)
def test_not_comparable(changed: dict[str, Any], field: str, reason: Message) -> None:
    (found,) = mismatches(conditions(), conditions(**changed))

    assert (found.field, found.reason, found.times_only) == (field, reason, False)


@pytest.mark.parametrize("changed", [{"machine": "another"}, {"processes": 2}])
def test_what_makes_the_load_forbids_times_only(changed: dict[str, Any]) -> None:
    (found,) = mismatches(conditions(), conditions(**changed))

    assert (found.field, found.times_only) == (next(iter(changed)), True)


def test_demos_have_another_port_each_time() -> None:
    a, b = (conditions(demo="embedded", host=f"http://127.0.0.1:{port}") for port in (40_001, 40_002))

    assert mismatches(a, b) == ()


def test_all_reasons_are_given() -> None:
    other = conditions(scenario="peak", read_only=True, host="http://other")

    assert [found.field for found in mismatches(conditions(), other)] == ["scenario", "read_only", "host"]


def test_fields_may_be_allowed_to_differ() -> None:
    other = conditions(host="http://other", data_size={"users": 1}, left_out=("a / b",))

    assert mismatches(conditions(), other, apart=OF_THE_TARGET) == ()
    assert [found.field for found in mismatches(conditions(), other, apart=KNOWN_LATER)] == ["host"]


def test_another_suite_is_a_caution() -> None:
    assert cautions(conditions(), conditions()) == ()
    assert cautions(conditions(), conditions(suite_version="")) == (
        ComparisonMessage.OTHER_VERSIONS(a="0.1.0", b="unknown"),
    )


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param("sample", "sample", (), id="the same"),
        pytest.param("", "thorough", (), id="not known of an older run"),
        pytest.param("off", "thorough", (ComparisonMessage.OTHER_CHECKS(a="off", b="thorough"),), id="another level"),
    ],
)
def test_more_checks_are_a_caution(a: str, b: str, expected: tuple[Message, ...]) -> None:
    pair = conditions(check_correctness=a), conditions(check_correctness=b)
    assert (mismatches(*pair), cautions(*pair)) == ((), expected)


SEARCH = {"search_by": "users", "targets_digest": "t1"}


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        pytest.param(SEARCH, {}, ComparisonMessage.ONE_SEARCH(which="the first"), id="A was a search"),
        pytest.param({}, SEARCH, ComparisonMessage.ONE_SEARCH(which="the second"), id="B was a search"),
        pytest.param(
            SEARCH,
            {**SEARCH, "search_by": "arrival-rate"},
            ComparisonMessage.SEARCH_BY(a="users", b="arrival-rate"),
            id="the load is counted otherwise",
        ),
        pytest.param(SEARCH, {**SEARCH, "targets_digest": "t2"}, ComparisonMessage.SEARCH_TARGETS(), id="targets"),
    ],
)
def test_searches_are_compared_with_such_as_ask_the_same(a: dict[str, Any], b: dict[str, Any], reason: Message) -> None:
    assert [each.reason for each in mismatches(conditions(**a), conditions(**b))] == [reason]


def test_how_many_users_a_search_may_have_does_not_matter_and_their_roles_do() -> None:
    more = {"policyholder": 300, "senior_agent": 100}
    other = {"policyholder": 300, "super_admin": 100}

    assert mismatches(conditions(**SEARCH), conditions(**SEARCH, users_by_role=more)) == ()
    assert [each.field for each in mismatches(conditions(**SEARCH), conditions(**SEARCH, users_by_role=other))] == [
        "users_by_role"
    ]
