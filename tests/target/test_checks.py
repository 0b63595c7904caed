"""Every rule by which an answer is right or wrong."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.model import FailureKind
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.exchange import Answer
from tests.target.contract import AGENT, ANALYTICS_AGENT, COMPREHENSIVE, FLAG, POLICY, row
from tests.target.fake_target import answer, lost

PRIVATE = "testpassword"
_422 = {"detail": [{"type": "missing", "loc": ["body", "role"], "msg": "Field required", "input": PRIVATE}]}


@pytest.mark.parametrize(
    ("operation", "given", "failure"),
    [
        pytest.param("users.me", answer({}), None, id="200 is right for a read"),
        pytest.param("policies.create", answer({}, 201), None, id="201 is right for a creation"),
        pytest.param("policies.create", answer({}, 200), None, id="and so is 200"),
        pytest.param("policies.delete", answer(status=204), None, id="204 is right for a removal"),
        pytest.param("users.me", answer({}, 201), "http status: HTTP 201", id="201 is wrong for a read"),
        pytest.param("users.me", lost(), "connection lost: the connection broke", id="no answer keeps its own reason"),
        pytest.param("users.me", answer({"detail": "gone"}, 404), "http status: HTTP 404: gone", id="detail is told"),
        pytest.param("users.me", answer({"error": "x"}, 500), "http status: HTTP 500", id="other keys are not"),
        pytest.param("users.me", answer(["x"], 500), "http status: HTTP 500", id="an array has no detail"),
        pytest.param("users.me", answer(raw=b"<h1>", status=502), "http status: HTTP 502", id="HTML has none"),
        pytest.param(
            "users.me",
            answer(raw=b"<center>No required SSL certificate was sent</center>", status=400),
            "http status: HTTP 400: the target requires a client certificate",
            id="nginx wants a client certificate",
        ),
        pytest.param(
            "users.me",
            answer(raw=b'{"detail":' * 5000, status=500),
            "http status: HTTP 500",
            id="nor has a depth",
        ),
        pytest.param("users.me", answer(raw=b"\xff\xfe", status=502), "http status: HTTP 502", id="nor have bytes"),
        pytest.param(
            "users.me",
            answer({"detail": "one\ntwo  three"}, 400),
            "http status: HTTP 400: one two three",
            id="a message is one line",
        ),
        pytest.param(
            "users.me",
            answer(status=307, location="http://localhost/api/v1/users/?token=secret"),
            "redirect: HTTP 307 to http://localhost/api/v1/users/",
            id="a redirect tells where to, without the query",
        ),
        pytest.param("users.me", answer(status=302), "redirect: HTTP 302 to nowhere", id="a redirect without a place"),
        pytest.param(
            "users.me", answer(status=429, retry_after="7"), "rate limit: HTTP 429, Retry-After 7", id="429 with a wait"
        ),
        pytest.param("users.me", answer(status=429), "rate limit: HTTP 429", id="429 without a wait"),
        pytest.param(
            "users.me",
            answer(_422, 422),
            "http status: HTTP 422: Field required at ['body', 'role']",
            id="422 names the place",
        ),
        pytest.param("users.me", answer({"detail": []}, 422), "http status: HTTP 422", id="422 without any detail"),
        pytest.param(
            "users.me",
            answer({"detail": {"message": "too many", "input": PRIVATE}}, 400),
            "http status: HTTP 400: too many",
            id="of a detail that is an object only the message",
        ),
        pytest.param("users.me", answer({"detail": {"a": PRIVATE}}, 400), "http status: HTTP 400", id="or nothing"),
    ],
)
def test_status(operation: str, given: Answer, failure: str | None) -> None:
    found = checks.status_failure(CATALOGUE[operation], given)

    assert (f"{found.kind}: {found.message}" if found else None) == failure
    assert PRIVATE not in str(found)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(answer({"detail": "x" * 10_000}, 400), id="detail"),
        pytest.param(answer({"detail": [{"msg": "x" * 10_000, "loc": ["y" * 10_000]}]}, 422), id="validation"),
        pytest.param(answer(status=302, location="/" + "x" * 10_000), id="location"),
        pytest.param(answer(status=429, retry_after="x" * 10_000), id="retry-after"),
    ],
)
def test_no_answer_makes_a_long_message(given: Answer) -> None:
    found = checks.status_failure(CATALOGUE["users.me"], given)

    assert found is not None
    assert len(found.message) < 200


@pytest.mark.parametrize(
    ("operation", "given", "body", "message"),
    [
        pytest.param("users.me", answer({"a": 1}), {"a": 1}, None, id="JSON"),
        pytest.param("policies.delete", answer(status=204), None, None, id="a removal may answer nothing"),
        pytest.param("policies.delete", answer(status=200), None, None, id="with 200, too"),
        pytest.param(
            "users.me", answer(raw=b""), None, "not JSON but application/json, 0 bytes", id="a read may not be empty"
        ),
        pytest.param(
            "users.me",
            answer(raw=b"<html>", content_type="text/html; charset=utf-8"),
            None,
            "not JSON but text/html, 6 bytes",
            id="HTML",
        ),
        pytest.param("users.me", answer(raw=b"\xff"), None, "not JSON but application/json, 1 bytes", id="not UTF-8"),
        pytest.param("users.me", answer(raw=b'{"a":NaN}'), None, "not JSON but application/json, 9 bytes", id="NaN"),
        pytest.param(
            "users.me",
            answer(raw=b"[" * 5000 + b"]" * 5000),
            None,
            "JSON nested too deeply, 10000 bytes",
            id="nested 5,000 deep",
        ),
        pytest.param("users.me", answer(raw=b'{"a":1'), None, "not JSON but application/json, 6 bytes", id="cut off"),
        pytest.param(
            "users.me", answer(raw=b"x", content_type=""), None, "not JSON but no content type, 1 bytes", id="untyped"
        ),
    ],
)
def test_decoding(operation: str, given: Answer, body: Any, message: str | None) -> None:
    found, failure = checks.decoded(CATALOGUE[operation], given)

    assert found == body
    assert (failure.message if failure else None) == message
    assert failure is None or failure.kind is FailureKind.WRONG_ANSWER


def _without(fields: str, name: str) -> dict[str, Any]:
    return {key: value for key, value in row(fields).items() if key != name}


@pytest.mark.parametrize(
    ("operation", "body", "message"),
    [
        pytest.param("agents.read", row(AGENT), None, id="all promised fields are there"),
        pytest.param("agents.read", row(AGENT) | {"extra": 1}, None, id="more than promised is fine"),
        pytest.param("agents.read", dict.fromkeys(row(AGENT)), None, id="null is there"),
        pytest.param("agents.read", _without(AGENT, "territory"), None, id="nullable ones may be absent"),
        pytest.param("agents.read", _without(AGENT, "agent_code"), "field missing: agent_code", id="one is missing"),
        pytest.param("agents.read", {}, "field missing: agent_id, user_id, agent_code", id="at most three are named"),
        pytest.param("agents.read", [], "an object 'answer' expected, got an array", id="an array for an object"),
        pytest.param("agents.read", None, "an object 'answer' expected, got nothing", id="null for an object"),
        pytest.param("policies.approve", {}, None, id="any object will do where no field is promised"),
        pytest.param("policies.approve", "ok", "an object expected, got a text", id="but a text will not"),
        pytest.param("policies.approve", 7, "an object expected, got a number", id="nor a number"),
        pytest.param("analytics.comprehensive", {"data": row(COMPREHENSIVE)}, None, id="fields in an envelope"),
        pytest.param(
            "analytics.comprehensive",
            row(COMPREHENSIVE),
            "an object 'data' expected, got nothing",
            id="the envelope is missing",
        ),
        pytest.param(
            "analytics.reports",
            {"current_month": {"kpis": []}},
            "an object 'current_month.kpis' expected, got an array",
            id="deep inside",
        ),
        pytest.param(
            "analytics.reports",
            {"current_month": "March"},
            "an object 'current_month.kpis' expected, got nothing",
            id="a text on the way inside",
        ),
        pytest.param("policies.list", [], None, id="no rows are rows"),
        pytest.param("policies.list", [row(POLICY)], None, id="a bare array"),
        pytest.param("policies.list", {"data": []}, "an array expected, got an object", id="an envelope unasked for"),
        pytest.param("policies.list", [1], "an array expected, got an array", id="rows must be objects"),
        pytest.param(
            "policies.list",
            [row(POLICY), _without(POLICY, "status")],
            "field missing in a row: status",
            id="every row is looked at",
        ),
        pytest.param("leads.list", {"data": {"leads": []}}, None, id="an enveloped list"),
        pytest.param("leads.list", {"leads": []}, None, id="the same without the envelope"),
        pytest.param("leads.list", [], "a list 'leads' expected, got an array", id="a bare one is wrong there"),
        pytest.param(
            "leads.list", {"data": {"items": []}}, "a list 'leads' expected, got an object", id="under another name"
        ),
        pytest.param("agents.list", [{"agent_id": "1"}], None, id="a list of any form: bare"),
        pytest.param("agents.list", {"data": [{"agent_id": "1"}]}, None, id="any form: as data"),
        pytest.param("agents.list", {"data": {"agents": [{"agent_id": "1"}], "total": 1}}, None, id="any form: named"),
        pytest.param(
            "agents.list", {"a": [], "b": []}, "a list of rows expected, got an object", id="any form, but one list"
        ),
        pytest.param(
            "agents.list", {"success": True}, "a list of rows expected, got an object", id="any form, but not none"
        ),
    ],
)
def test_content(operation: str, body: Any, message: str | None) -> None:
    failure = checks.content_failure(CATALOGUE[operation], body)

    assert (failure.message if failure else None) == message
    assert failure is None or failure.kind is FailureKind.WRONG_ANSWER


@pytest.mark.parametrize(
    ("operation", "body", "asked", "message"),
    [
        pytest.param("policies.read", {"policy_id": "1"}, {"policy_id": "1"}, None, id="the policy asked for"),
        pytest.param(
            "policies.read",
            {"policy_id": "2"},
            {"policy_id": "1"},
            "policy_id of the answer is not the one asked for",
            id="another policy",
        ),
        pytest.param("users.preferences", {}, {"user_id": "1"}, None, id="an answer need not repeat the id"),
        pytest.param(
            "policies.by_status", [{"status": "active"}], {"status": "active"}, None, id="a filter that filters"
        ),
        pytest.param(
            "policies.by_status",
            [{"status": "active"}, {"status": "lapsed"}],
            {"status": "active"},
            "status of the answer is not the one asked for",
            id="a filter that lets others through",
        ),
        pytest.param(
            "agents.customers",
            {"data": {"customers": [{"agent_id": "2"}]}},
            {"agent_id": "1"},
            "agent_id of the answer is not the one asked for",
            id="customers of another agent, in an envelope",
        ),
        pytest.param(
            "analytics.agent",
            {"data": row(ANALYTICS_AGENT, agent_id="2")},
            {"agent_id": "1"},
            "agent_id of the answer is not the one asked for",
            id="figures of another agent, in an envelope",
        ),
        pytest.param("dashboard.regional", {"region": "East"}, {"region": "West"}, None, id="a region is no id"),
        pytest.param("policies.read", {"policy_id": 1}, {"policy_id": "1"}, None, id="a number in place of a text"),
    ],
)
def test_echo(operation: str, body: Any, asked: dict[str, str], message: str | None) -> None:
    failure = checks.echo_failure(CATALOGUE[operation], body, asked)

    assert (failure.message if failure else None) == message


@pytest.mark.parametrize(("user_id", "is_of_another"), [("8", True), (None, False)])
def test_an_answer_without_an_id_is_wrong_and_nobody_else_s(user_id: str | None, is_of_another: bool) -> None:
    body = {"user_id": user_id}
    own = checks.identity_failure(CATALOGUE["users.me"], body, "7")
    asked = checks.echo_failure(CATALOGUE["users.read"], body, {"user_id": "7"})
    for failure in (own, asked):
        assert failure is not None
        assert failure.kind is FailureKind.WRONG_ANSWER
        assert isinstance(failure, checks.ForeignAnswer) is is_of_another


@pytest.mark.parametrize(
    ("operation", "body", "sent", "message"),
    [
        pytest.param("tickets.status", {"status": "open"}, {"status": "open"}, None, id="written as sent"),
        pytest.param(
            "tickets.status",
            {"status": "open"},
            {"status": "closed"},
            "status of the answer is not what was written",
            id="the write did not take",
        ),
        pytest.param(
            "tickets.status",
            {"data": {"status": "open"}},
            {"status": "closed"},
            "status of the answer is not what was written",
            id="nor in an envelope",
        ),
        pytest.param("tickets.status", {"success": True}, {"status": "closed"}, None, id="nothing told, nothing wrong"),
        pytest.param(
            "flags.update",
            {"is_enabled": True},
            {"is_enabled": False},
            "is_enabled of the answer is not what was written",
            id="a flag that stays",
        ),
        pytest.param("users.me", {"status": "open"}, None, None, id="a read writes nothing"),
    ],
)
def test_written(operation: str, body: Any, sent: dict[str, Any] | None, message: str | None) -> None:
    failure = checks.written_failure(CATALOGUE[operation], body, sent)

    assert (failure.message if failure else None) == message


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param({"a": 1}, {"a": 1}, id="bare"),
        pytest.param({"success": True, "data": {"a": 1}}, {"a": 1}, id="in an envelope"),
        pytest.param({"data": [1]}, {"data": [1]}, id="data that is a list is no envelope of a row"),
        pytest.param([1], {}, id="no object"),
    ],
)
def test_object_of(body: Any, found: dict[str, Any]) -> None:
    assert checks.object_of(body) == found


@pytest.mark.parametrize(
    ("operation", "body", "reported"),
    [
        pytest.param("users.me", {"user_id": "1", "role": "r", "status": None}, [], id="as promised; null may be"),
        pytest.param(
            "users.me",
            {"user_id": 1},
            [
                "field user_id is a number, the contract says a text",
                "field role is missing",
                "field status is missing",
            ],
            id="every field, not the first alone",
        ),
        pytest.param(
            "policies.coverage",
            {"coverage": [{"coverage_type": "death", "amount": 1}, {"coverage_type": "death", "amount": "1.00"}]},
            ["field amount is a text, the contract says a number"],
            id="in any row",
        ),
        pytest.param(
            "policies.coverage",
            {"coverage": [{"coverage_type": "death"}] * 3},
            ["field amount is missing"],
            id="once, in however many rows",
        ),
        pytest.param("policies.coverage", {"coverage": []}, [], id="no row tells nothing"),
        pytest.param("policies.coverage", ["x"], [], id="another form is a failure and told as such"),
        pytest.param(
            "flags.list",
            {"data": {"flags": [dict.fromkeys(FLAG.replace("?", "").split(), "x") | {"is_enabled": 1}]}},
            ["field is_enabled is a number, the contract says true or false"],
            id="true or false",
        ),
        pytest.param(
            "health.database",
            {"status": "healthy", "database": "fine", "timestamp": "2026"},
            ["field database is a text, the contract says an object"],
            id="an object",
        ),
        pytest.param(
            "dashboard.analytics",
            {"totalPremium": 1.5, "policiesCount": 2, "claimsCount": 0, "recentPolicies": {}, "recentClaims": []},
            ["field recentPolicies is an object, the contract says an array"],
            id="an array; whole and other numbers are numbers",
        ),
        pytest.param("tickets.status", {"anything": 1}, [], id="nothing is promised"),
    ],
)
def test_differences(operation: str, body: object, reported: list[str]) -> None:
    assert checks.differences(CATALOGUE[operation], body) == reported
