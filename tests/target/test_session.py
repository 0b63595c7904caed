"""One user of the API, from login to the last step, on a target in memory."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from perfsuite import __version__
from perfsuite.clock import utc_s
from perfsuite.model import FailureKind, Plan, Scenario
from perfsuite.model.correctness import CheckLevel
from perfsuite.model.role import Behaviour, Call, Role, Step
from perfsuite.roles import ROLES
from perfsuite.roles.arguments import one, page, same
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.exchange import Action, Answer, Request
from perfsuite.target.journal import Journal, JournalEntry
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session, SessionEnded
from tests.target.contract import ACCOUNT_FIELDS, LEAD, POLICY, PREMIUM, TICKET, row
from tests.target.fake_target import ACCOUNTS, LIFE_S, PASSWORD, Asked, FakeTarget, Notes, answer, lost
from tests.target.sent_headers import headers_of

BY_SLUG = {role.slug: role for role in ROLES}
PLAN = Plan("basic_1", Scenario("basic", 1, 1, 60), "http://localhost:8015", {}, (), (), 1, "2026-03-01T09:30:00Z")


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Stage:
    """A session with its target, observer and clock."""

    def __init__(
        self,
        role: str | Role = "policyholder",
        run: RunState | None = None,
        seed: int = 1,
        target: FakeTarget | None = None,
    ) -> None:
        self.target, self.notes, self.clock = target or FakeTarget(), Notes(), Clock()
        self.run = run or RunState("basic_20260301_093000")
        known = BY_SLUG[role] if isinstance(role, str) else role
        account = ACCOUNTS[known.slug]
        self.session = Session(known, account, self.target, self.run, self.notes, clock=self.clock)
        self.session.seed(str(seed))

    def perform(self, *steps: Step, name: str = "reading") -> Action:
        return self.session.perform(Behaviour(name, 1, steps))


# ── login ───────────────────────────────────────────────────────────────────────────────────────────


def test_login_sends_the_account_and_knows_the_user() -> None:
    stage = Stage()

    assert stage.session.login()

    assert stage.target.asked[0].body == {"phone_number": ACCOUNTS["policyholder"].phone_number, "password": PASSWORD}
    assert "Authorization" not in headers_of(stage.target.sent[0])
    assert stage.session.user_id == "user-policyholder"
    assert [(seen.behaviour, seen.operation, seen.status) for seen in stage.notes.requests] == [("login", "login", 200)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(answer({"detail": "Invalid"}, 401), "HTTP 401: Invalid", id="wrong password"),
        pytest.param(answer({"access_token": "x"}), "field missing: token_type, expires_in, user", id="half an answer"),
        pytest.param(answer(raw=b"<html>"), "not JSON but application/json, 6 bytes", id="no JSON"),
        pytest.param(answer([]), "an object 'answer' expected, got an array", id="an array"),
        pytest.param(lost(), "the connection broke", id="no answer"),
    ],
)  # fmt: skip
def test_a_failed_login_is_observed_and_leaves_the_session_logged_out(given: object, message: str) -> None:
    stage = Stage()
    stage.target.give("login", given)  # type: ignore[arg-type]

    assert not stage.session.login()
    assert not stage.session.logged_in
    assert stage.notes.failures == [("login", message)]


def test_an_answer_without_a_user_still_logs_in() -> None:
    stage = Stage()
    tokens = {"access_token": "x", "token_type": "bearer", "expires_in": 60, "user": None, "permissions": None}
    stage.target.give("login", answer(tokens))

    assert stage.session.login()
    assert stage.session.user_id == ""


def test_the_token_is_renewed_at_a_moment_of_its_own_before_it_expires() -> None:
    moments = []
    for seed in range(40):
        stage = Stage(seed=seed)
        stage.session.login()
        while stage.session.logged_in:
            stage.clock.now_s += 1
        moments.append(stage.clock.now_s - 1000)

    assert min(moments) >= 0.6 * LIFE_S
    assert max(moments) <= 0.9 * LIFE_S + 1
    assert len(set(moments)) > 30  # those who logged in together do not come back together


def test_an_action_begins_with_a_login_when_the_token_is_due() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.clock.now_s += LIFE_S

    result = stage.perform(Step("users.me"))

    assert stage.notes.operations == ["login", "users.me", "login", "users.me"]
    assert (result.requests, result.succeeded) == (1, True)  # the login is not part of the behaviour
    assert [seen.behaviour for seen in stage.notes.requests] == ["login", "reading", "login", "reading"]


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(answer({"detail": "slow down"}, 429, retry_after="30"), id="with the time to wait"),
        pytest.param(answer({"detail": "down"}, 503), id="by a server that is down"),
    ],
)
def test_a_token_whose_renewal_was_refused_is_used_until_it_expires(refusal: Answer) -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.clock.now_s += 0.95 * LIFE_S  # due for renewal, and good for some time
    stage.target.always("login", refusal)

    stage.perform(Step("users.me"))
    stage.clock.now_s += 1
    stage.perform(Step("users.me"))

    assert [seen.status for seen in stage.notes.requests if seen.operation == "users.me"] == [200, 200, 200]
    stage.clock.now_s += 0.05 * LIFE_S
    assert not stage.perform(Step("users.me")).requests  # now it has expired


def test_when_the_login_fails_nothing_is_sent_and_the_action_has_failed() -> None:
    stage = Stage()
    stage.target.give("login", answer({"detail": "no"}, 401))

    result = stage.perform(Step("users.me"))

    assert stage.notes.operations == ["login"]
    assert (result.requests, result.succeeded) == (0, False)
    assert stage.notes.missing == []


def test_after_a_401_that_is_no_expiry_the_session_logs_in_again_and_goes_on_with_the_new_token() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.revoke()

    result = stage.perform(Step("users.me"), Step("policies.list"))

    assert stage.notes.operations == ["login", "users.me", "users.me", "login", "policies.list"]
    assert stage.notes.failures == [("users.me", "HTTP 401: Could not validate credentials")]
    assert (result.requests, result.succeeded) == (2, False)


def test_a_401_to_the_login_after_a_401_ends_there() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.revoke()
    stage.target.give("login", answer({"detail": "locked"}, 401))

    stage.perform(Step("users.me"))

    assert stage.notes.operations == ["login", "users.me", "users.me", "login"]


# ── tokens that expire ──────────────────────────────────────────────────────────────────────────────


def outcomes(stage: Stage) -> list[tuple[str, int, bool]]:
    """Operation, status, and whether it was an expired token that was refused."""
    return [(seen.operation, seen.status, seen.expired) for seen in stage.notes.requests]


def test_a_request_with_an_expired_token_is_made_once_more_after_one_login() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.expire()

    result = stage.perform(Step("users.me"), Step("policies.list"))

    assert outcomes(stage)[2:] == [
        ("users.me", 401, True), ("login", 200, False), ("users.me", 200, False), ("policies.list", 200, False),
    ]  # fmt: skip
    assert (result.requests, result.succeeded) == (2, True)  # the refusal is not one of them
    assert [seen.request_id for seen in stage.notes.requests] == [
        headers_of(sent)["X-Request-ID"] for sent in stage.target.sent
    ]  # each send is observed, under an id of its own


@pytest.mark.parametrize(
    ("refusal", "expired"),
    [
        pytest.param(answer({"detail": "Token has expired"}, 401), True, id="in the body"),
        pytest.param(
            answer({"detail": "no"}, 401, WWW_Authenticate='Bearer error_description="The access token expired"'), True,
            id="in the header (RFC 6750)",
        ),
        pytest.param(answer({"detail": "Could not validate credentials"}, 401), False, id="something else"),
        pytest.param(answer({"detail": "Your trial has expired"}, 403), False, id="not a 401"),
    ],
)  # fmt: skip
def test_how_an_expired_token_is_recognised(refusal: Answer, expired: bool) -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.give("users.me", refusal)

    result = stage.perform(Step("users.me"))

    assert [seen.expired for seen in stage.notes.requests if seen.status == refusal.status] == [expired]
    assert result.succeeded is expired


def test_a_repetition_that_fails_is_a_failure_and_not_repeated() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.expire()
    stage.target.give("users.me", answer({"detail": "Token has expired"}, 401), answer({"detail": "down"}, 500))

    result = stage.perform(Step("users.me"))

    assert outcomes(stage)[2:] == [("users.me", 401, True), ("login", 200, False), ("users.me", 500, False)]
    assert (result.requests, result.succeeded) == (1, False)


def test_without_a_login_nothing_is_repeated_and_the_login_is_what_failed() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.expire()
    stage.target.give("login", answer({"detail": "down"}, 500))

    result = stage.perform(Step("users.me"))

    assert outcomes(stage)[2:] == [("users.me", 401, True), ("login", 500, False)]
    assert not result.succeeded


def test_an_operation_that_stays_refused_causes_no_login_before_every_action() -> None:
    stage = Stage()
    stage.target.always("users.me", answer({"detail": "Token has expired"}, 401))
    for _ in range(20):
        assert not stage.perform(Step("users.me"), Step("policies.list")).succeeded
        stage.clock.now_s += 2

    assert stage.notes.operations.count("login") == 2  # the first, and one that might have helped
    assert len([seen for seen in stage.notes.requests if seen.expired]) == 1
    assert len([seen for seen in stage.notes.requests if seen.operation == "policies.list"]) == 20

    stage.clock.now_s += 60
    stage.perform(Step("users.me"))
    assert stage.notes.operations.count("login") == 3


def test_a_creation_is_made_once_more_since_a_refused_one_made_nothing(tmp_path: Path) -> None:
    book = Journal(tmp_path / journal.FILE_NAME)
    stage = Stage("senior_agent", run=RunState("basic_1", journal=book))
    body = {"customer_name": "PERF-1", "contact_number": "1", "lead_source": "web"}
    stage.perform(Step("agents.profile"))
    stage.target.expire()

    result = stage.perform(Step("leads.create", lambda _session: Call(body=body)))

    assert result.succeeded
    assert [lead["customer_name"] for lead in stage.target.leads.values()] == ["PERF-1"]
    assert [(entry.what, entry.mark) for entry in journal.read(tmp_path)] == [
        ("create", "PERF-1"), ("refused", "PERF-1"), ("create", "PERF-1"), ("created", "PERF-1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(answer({"detail": "Token has expired"}, 403), id="403"),
        pytest.param(answer({"detail": "down"}, 500), id="500"),
        pytest.param(lost(), id="no answer"),
    ],
)
def test_after_anything_but_a_401_a_creation_is_made_once(first: Answer) -> None:
    stage = Stage("senior_agent")
    stage.session.login()
    stage.target.give("leads.create", first)
    body = {"customer_name": "PERF-1", "contact_number": "1", "lead_source": "web"}

    stage.perform(Step("leads.create", lambda _session: Call(body=body)))

    assert len(stage.target.asked_for("leads.create")) == 1


def test_in_the_open_model_the_repetition_is_late_by_the_refusal_and_the_login() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.expire()
    due_at = utc_s() - 3

    stage.session.perform(Behaviour("reading", 1, (Step("users.me"),)), due_at)

    assert [seen.due_at for seen in stage.notes.requests][2:] == [None, None, due_at]


# ── how long a token lives ──────────────────────────────────────────────────────────────────────────


def renewed_after_s(stage: Stage) -> float:
    """Seconds from now until the token is due for renewal; infinite where that never comes."""
    began_s = stage.clock.now_s
    while stage.session.logged_in:
        stage.clock.now_s += 0.5
        if stage.clock.now_s - began_s > 1e4:
            return float("inf")
    return stage.clock.now_s - began_s


NOW_S = 1_772_357_400
DATE = "Sun, 01 Mar 2026 09:30:00 GMT"
"""The same moment, by the target's clock."""


@pytest.mark.parametrize(
    ("claims", "expires_in", "life_s"),
    [
        pytest.param({"iat": NOW_S, "exp": NOW_S + 60}, 900, 60, id="the token itself, not expires_in"),
        pytest.param({"iat": NOW_S - 86_400, "exp": NOW_S - 86_340}, 900, 60, id="by a clock that is a day off"),
        pytest.param({"exp": NOW_S + 60}, 900, 60, id="without iat by the header Date"),
        pytest.param({"iat": "now", "exp": NOW_S + 60}, 900, 60, id="iat is no number"),
        pytest.param({"exp": NOW_S + 60.5}, 900, 60.5, id="a fraction"),
        pytest.param({"sub": "x"}, 100, 100, id="a token that does not say: expires_in"),
        pytest.param(None, 100, 100, id="no JWT: expires_in"),
        pytest.param({"iat": NOW_S, "exp": NOW_S + 3600}, 0, 3600, id="expires_in is absurd, the token is not"),
    ],
)  # fmt: skip
def test_the_lifetime_is_that_of_the_token_itself(
    claims: dict[str, object] | None, expires_in: int, life_s: float
) -> None:
    moments = []
    for seed in range(20):
        stage = Stage(seed=seed)
        stage.target.claims = (lambda: claims) if claims is not None else None
        stage.target.expires_in = expires_in
        stage.target.login_headers = {"Date": DATE}
        stage.session.login()
        assert stage.notes.requests[0].remarks == ()
        moments.append(renewed_after_s(stage))

    # Up to a second less: these times are cut to whole seconds.
    assert 0.6 * (life_s - 1) <= min(moments)
    assert max(moments) <= 0.9 * (life_s - 1) + 0.5
    assert len(set(moments)) > 10  # spread over time


def test_without_any_clock_of_the_target_the_lifetime_is_by_ours() -> None:
    stage = Stage()
    stage.target.claims = lambda: {"exp": int(utc_s()) + 600}

    stage.session.login()

    assert 0.6 * 598 <= renewed_after_s(stage) <= 540


@pytest.mark.parametrize(
    ("claims", "expires_in", "example"),
    [
        pytest.param({"iat": NOW_S, "exp": NOW_S}, 900, "0 s", id="0"),
        pytest.param({"iat": NOW_S, "exp": NOW_S + 1}, 900, "1 s", id="1 s"),
        pytest.param({"iat": NOW_S, "exp": NOW_S - 3600}, 900, "-1 h", id="negative"),
        pytest.param({"iat": NOW_S, "exp": 1000 * (NOW_S + 900)}, 900, None, id="milliseconds"),
        pytest.param({"iat": NOW_S, "exp": "soon"}, 900, "not known: exp is 'soon'", id="no number"),
        pytest.param({"iat": NOW_S, "exp": True}, 900, "not known: exp is True", id="a truth value"),
        pytest.param(None, 0, "0 s", id="expires_in: 0"),
        pytest.param(None, -1, "-1 s", id="expires_in: negative"),
        pytest.param(None, "soon", "not known: expires_in is 'soon'", id="expires_in: no number"),
        pytest.param(None, 10**400, None, id="expires_in: longer than any number can say"),
    ],
)  # fmt: skip
def test_a_lifetime_that_cannot_be_makes_no_login_before_every_action(
    claims: dict[str, object] | None, expires_in: object, example: str | None
) -> None:
    stage = Stage()
    stage.target.claims = (lambda: claims) if claims is not None else None
    stage.target.expires_in = expires_in
    for _ in range(50):
        assert stage.perform(Step("users.me")).succeeded
        stage.clock.now_s += 100

    assert stage.notes.operations.count("login") == 1
    (remark,) = stage.notes.requests[0].remarks
    assert (remark.about, remark.why) == ("the token's lifetime", "it is used until the target refuses it")
    assert example is None or remark.example == example

    stage.target.revoke()  # refused in other words than "expired": of such a token nothing else can be meant
    assert stage.perform(Step("users.me")).succeeded
    assert outcomes(stage)[-3:] == [("users.me", 401, True), ("login", 200, False), ("users.me", 200, False)]


@pytest.mark.parametrize("token", ["a.b.c", "e30.e30.x", "x.eyJleHAi.y", "..", "not a token", "a.W10.c"])
def test_a_token_that_is_no_jwt_lives_as_long_as_is_said(token: str) -> None:
    stage = Stage()
    tokens = {"access_token": token, "token_type": "bearer", "expires_in": 100, "user": {}, "permissions": []}
    stage.target.give("login", answer(tokens))

    assert stage.session.login()
    assert 0.6 * 99 <= renewed_after_s(stage) <= 90


# ── logins that have to wait ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("refusal", "wait_s"),
    [
        pytest.param(answer({}, 429, Retry_After="7"), 7, id="429"),
        pytest.param(answer({}, 503, Retry_After="7"), 7, id="503"),
        pytest.param(answer({}, 429, Retry_After="3600"), 60, id="a minute at most"),
        pytest.param(answer({}, 429, Retry_After="Sun, 01 Mar 2026 09:30:20 GMT", Date=DATE), 20, id="a moment"),
        pytest.param(answer({}, 429), 0, id="without a word"),
        pytest.param(answer({}, 429, Retry_After="later"), 0, id="that cannot be read"),
        pytest.param(answer({}, 429, Retry_After="-5"), 0, id="in the past"),
        pytest.param(answer({}, 500, Retry_After="7"), 0, id="another status"),
    ],
)
def test_how_long_the_next_login_waits(refusal: Answer, wait_s: float) -> None:
    stage = Stage()
    stage.target.give("login", refusal)

    assert not stage.session.login()

    assert stage.session.login_wait_s == wait_s
    stage.clock.now_s += wait_s
    assert stage.session.login_wait_s == 0


@pytest.mark.parametrize(
    ("refusal", "rejected"),
    [
        pytest.param(answer({"detail": "Invalid credentials"}, 401), True, id="a wrong password"),
        pytest.param(answer({"detail": "locked"}, 423), True, id="a locked account"),
        pytest.param(answer({}, 429), False, id="429"),
        pytest.param(answer({}, 503), False, id="503"),
        pytest.param(lost(FailureKind.TIMEOUT), False, id="no answer"),
    ],
)
def test_a_login_that_was_rejected_for_good(refusal: Answer, rejected: bool) -> None:
    stage = Stage()
    stage.target.give("login", refusal)
    stage.session.login()

    assert stage.session.login_rejected is rejected
    assert stage.session.login()
    assert not stage.session.login_rejected


def test_an_action_sends_no_login_before_its_time() -> None:
    stage = Stage()
    stage.target.give("login", answer({}, 429, Retry_After="7"))
    stage.session.login()

    early = stage.perform(Step("users.me"))
    stage.clock.now_s += 7
    later = stage.perform(Step("users.me"))

    assert (early.requests, early.succeeded) == (0, False)
    assert (later.requests, later.succeeded) == (1, True)
    assert stage.notes.operations == ["login", "login", "users.me"]


def test_an_expired_token_is_a_failure_while_no_login_may_be_tried() -> None:
    stage = Stage()
    stage.perform(Step("users.me"))
    stage.target.expire()
    stage.target.give("login", answer({}, 429, Retry_After="7"))

    stage.perform(Step("users.me"), Step("users.me"))

    assert outcomes(stage)[2:] == [("users.me", 401, True), ("login", 429, False), ("users.me", 401, False)]


# ── headers and secrets ─────────────────────────────────────────────────────────────────────────────


def test_headers_of_a_read() -> None:
    stage = Stage(run=RunState("basic_1", purpose="preflight"))
    stage.perform(Step("users.me"))

    headers = headers_of(stage.target.sent[1])
    assert headers["User-Agent"] == f"agentmitra-performance/{__version__}"
    assert headers["X-Run-ID"] == "basic_1/preflight"
    assert headers["Authorization"].startswith("Bearer eyJ.policyholder.")
    assert headers["X-Request-ID"] == stage.notes.requests[1].request_id
    assert re.fullmatch(rf"00-{headers['X-Request-ID']}-[0-9a-f]{{16}}-00", headers["traceparent"])
    assert "Content-Type" not in headers


def test_headers_of_a_write_and_of_load() -> None:
    stage = Stage("super_admin")
    stage.perform(Step("users.update", lambda session: Call({"user_id": session.user_id}, {"first_name": "A"})))

    assert headers_of(stage.target.sent[1])["Content-Type"] == "application/json"
    assert headers_of(stage.target.sent[1])["X-Run-ID"] == "basic_20260301_093000"


def test_request_ids_are_unique_over_the_sessions_of_a_process() -> None:
    run = RunState("basic_1")
    stages = [Stage(run=run), Stage("junior_agent", run=run)]
    for stage in stages * 3:
        stage.perform(Step("users.me"), Step("users.me"))

    ids = [seen.request_id for stage in stages for seen in stage.notes.requests]
    assert len(ids) == 14
    assert len(set(ids)) == 14


def test_what_an_answer_reports_as_the_servers_time() -> None:
    stage = Stage()
    stage.session.login()
    user = stage.session.user
    stage.target.give("users.me", answer(user, X_Process_Time="0.0004"), answer(user, X_Process_Time="-1"))

    stage.perform(Step("users.me"), Step("users.me"))

    _login, good, bad = stage.notes.requests
    assert (good.server_us, good.remarks) == (400, ())
    assert bad.server_us is None
    assert [(remark.about, remark.why) for remark in bad.remarks] == [("X-Process-Time", "it is negative")]


def test_ids_in_a_path_are_quoted() -> None:
    stage = Stage()
    stage.session.login()
    stage.perform(Step("policies.read", lambda _session: Call({"policy_id": "a/b?c d"})))

    assert stage.target.sent[-1].target == "/api/v1/policies/a%2Fb%3Fc%20d"


@pytest.mark.parametrize("field", ["password", "token"])
def test_a_secret_that_the_target_repeats_is_not_in_the_message(field: str) -> None:
    stage = Stage()
    stage.session.login()
    stage.perform(Step("users.me"))
    token = headers_of(stage.target.sent[1])["Authorization"].removeprefix("Bearer ")
    secret = {"password": PASSWORD, "token": token}[field]
    stage.target.give("users.me", answer({"detail": f"{field} {secret} is bad"}, 400))

    stage.perform(Step("users.me"))

    assert stage.notes.failures == [("users.me", f"HTTP 400: {field} … is bad")]


def test_the_value_of_an_added_header_is_not_in_the_message() -> None:
    stage = Stage()
    stage.session.run.secrets = ("geheim-1",)
    stage.session.login()
    stage.target.give("users.me", answer({"detail": "key geheim-1 is bad"}, 403))

    stage.perform(Step("users.me"))

    assert stage.notes.failures == [("users.me", "HTTP 403: key … is bad")]


def test_requests_go_where_the_target_has_the_operation() -> None:
    stage = Stage()
    stage.session.run.paths = {"policies.page": "/v2/policies/?limit=20&offset={offset}", "users.me": "/v2/me"}
    stage.session.login()

    stage.session.call(CATALOGUE["policies.page"], Call(path={"offset": "40"}))
    stage.session.call(CATALOGUE["users.me"], Call())

    assert [request.target for request in stage.target.sent] == [
        "/api/v1/auth/login",
        "/v2/policies/?limit=20&offset=40",
        "/v2/me",
    ]


def test_differences_are_only_looked_for_when_thorough() -> None:
    stage = Stage()
    stage.session.login()
    other = answer(stage.session.user | {"role": 5})
    stage.target.give("users.me", other, other)
    stage.perform(Step("users.me"))
    assert stage.session.run.differences == {}

    stage.session.run.thorough = True
    stage.perform(Step("users.me"))
    reported = "field role is a number, the contract says a text"
    assert stage.session.run.differences == {("policyholder", "users.me"): {reported: None}}
    assert stage.notes.failures == []


def test_neither_account_nor_failures_show_the_password() -> None:
    stage = Stage()
    stage.target.give(
        "login", answer({"detail": [{"msg": "bad", "loc": ["body"], "input": {"password": PASSWORD}}]}, 422)
    )
    stage.session.login()

    assert PASSWORD not in repr(stage.notes.requests)
    assert PASSWORD not in repr(ACCOUNTS["policyholder"])
    assert PASSWORD not in repr(stage.target.sent)


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────


def test_steps_are_made_in_order_and_add_up() -> None:
    stage = Stage()

    result = stage.perform(Step("policies.list"), Step("policies.read", one("policy")), Step("users.me"), name="seeing")

    assert stage.notes.operations == ["login", "policies.list", "policies.read", "users.me"]
    assert (result.behaviour, result.requests, result.succeeded) == ("seeing", 3, True)
    assert result.elapsed_us >= 0
    assert {seen.role for seen in stage.notes.requests} == {"policyholder"}


def test_a_failed_step_fails_the_action_and_the_others_are_made_all_the_same() -> None:
    stage = Stage()
    stage.target.give("users.me", answer({"detail": "down"}, 500))

    result = stage.perform(Step("users.me"), Step("policies.list"))

    assert stage.notes.operations == ["login", "users.me", "policies.list"]
    assert (result.requests, result.succeeded) == (2, False)
    assert stage.perform(Step("users.me")).succeeded


@pytest.mark.parametrize("every", [3, 5, 10])
def test_a_rhythm_takes_part_in_every_nth_action_from_a_random_beginning(every: int) -> None:
    first = set()
    for seed in range(30):
        stage = Stage(seed=seed)
        made = []
        for action in range(every * 3):
            before = len(stage.notes.requests)
            stage.perform(Step("users.me"), Step("policies.list", every=every))
            if "policies.list" in stage.notes.operations[before:]:
                made.append(action)
        assert len(made) == 3
        assert {later - earlier for earlier, later in pairwise(made)} == {every}
        first.add(made[0])

    assert len(first) > 1  # users do not march in step


def test_steps_of_the_same_rhythm_take_part_in_the_same_actions() -> None:
    stage = Stage()
    for _ in range(10):
        stage.perform(Step("users.me", every=5), Step("policies.list", every=5))

    assert stage.notes.operations == ["login", *["users.me", "policies.list"] * 2]


def test_the_rhythm_of_one_behaviour_is_not_that_of_another() -> None:
    stage = Stage()
    for _ in range(5):
        stage.perform(Step("users.me", every=5), name="one")
        stage.perform(Step("users.me", every=5), name="other")

    assert [seen.behaviour for seen in stage.notes.requests[1:]].count("one") == 1
    assert [seen.behaviour for seen in stage.notes.requests[1:]].count("other") == 1


def test_thorough_makes_every_step_every_time() -> None:
    stage = Stage(run=RunState("basic_1", thorough=True))

    assert stage.perform(Step("users.me", every=10), Step("policies.list", every=3)).requests == 2


def test_operations_left_out_are_neither_made_nor_missed() -> None:
    stage = Stage(
        run=RunState("basic_1", left_out={"policyholder": frozenset({"users.me"}), "junior_agent": frozenset()})
    )

    result = stage.perform(Step("users.me"), Step("policies.list"))

    assert (result.requests, result.succeeded) == (1, True)
    assert stage.notes.missing == []


def test_what_is_left_out_for_one_role_is_made_by_another() -> None:
    stage = Stage("junior_agent", run=RunState("basic_1", left_out={"policyholder": frozenset({"users.me"})}))

    assert stage.perform(Step("users.me")).requests == 1


# ── not possible ────────────────────────────────────────────────────────────────────────────────────


def test_without_data_a_step_is_not_possible_and_the_action_has_not_failed() -> None:
    stage = Stage()
    stage.target.policies.clear()

    result = stage.perform(Step("policies.list"), Step("policies.read", one("policy")), name="policy viewing")

    assert stage.notes.missing == [("policyholder", "policy viewing", "policies.read")]
    assert (result.requests, result.succeeded) == (1, True)


def test_after_a_failure_the_missing_id_is_a_consequence_and_not_a_lack_of_data() -> None:
    stage = Stage()
    stage.target.always("policies.list", answer({"detail": "down"}, 500))

    result = stage.perform(Step("policies.list"), Step("policies.read", one("policy")))

    assert stage.notes.missing == []
    assert not result.succeeded


def test_an_empty_list_is_asked_for_once() -> None:
    stage = Stage()
    stage.target.policies.clear()
    for _ in range(3):
        stage.perform(Step("policies.premiums", one("policy")))

    assert stage.notes.operations == ["login", "policies.list"]
    assert len(stage.notes.missing) == 3


def test_a_list_that_failed_is_asked_for_again() -> None:
    stage = Stage()
    stage.target.give("policies.list", answer({"detail": "down"}, 503))

    first = stage.perform(Step("policies.premiums", one("policy")))
    second = stage.perform(Step("policies.premiums", one("policy")))

    assert (first.succeeded, second.succeeded) == (False, True)
    assert stage.notes.operations == ["login", "policies.list", "policies.list", "policies.premiums"]


def test_a_list_that_is_left_out_is_not_asked_for() -> None:
    stage = Stage(run=RunState("basic_1", left_out={"policyholder": frozenset({"policies.list"})}))

    stage.perform(Step("policies.premiums", one("policy")))

    assert stage.notes.operations == ["login"]
    assert len(stage.notes.missing) == 1


def test_the_same_row_is_meant_by_the_steps_of_an_action() -> None:
    stage = Stage()
    for _ in range(5):
        stage.perform(
            Step("policies.list"), Step("policies.read", one("policy")), Step("policies.coverage", same("policy"))
        )

    read = [asked.ids["policy_id"] for asked in stage.target.asked_for("policies.read")]
    covered = [asked.ids["policy_id"] for asked in stage.target.asked_for("policies.coverage")]
    assert read == covered
    assert len(set(read)) > 1


# ── wrong answers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("operation", "given", "message"),
    [
        pytest.param(
            "users.me", answer(row(ACCOUNT_FIELDS, user_id="user-9")), "somebody else's account", id="another account"
        ),
        pytest.param(
            "policies.list",
            answer([row(POLICY, policyholder_id="holder-1"), row(POLICY, policyholder_id="holder-2")]),
            "rows with different policyholder_id, only one's own were asked for",
            id="rows of several owners",
        ),
        pytest.param("policies.list", answer({"policies": []}), "an array expected, got an object", id="wrong form"),
    ],
)
def test_wrong_answers(operation: str, given: object, message: str) -> None:
    stage = Stage()
    stage.target.give(operation, given)  # type: ignore[arg-type]

    result = stage.perform(Step(operation))

    (failed,) = [seen for seen in stage.notes.requests if seen.failure]
    assert failed.failure is not None
    assert (failed.failure.kind, failed.failure.message) == (FailureKind.WRONG_ANSWER, message)
    assert failed.status == 200
    assert not result.succeeded


def test_two_policyholders_who_are_answered_the_same_rows() -> None:
    run = RunState("basic_1")
    first, second = Stage(run=run), Stage(run=run)
    second.target.users[ACCOUNTS["policyholder"].phone_number]["user_id"] = "user-other"

    assert first.perform(Step("policies.list")).succeeded
    assert first.perform(Step("policies.list")).succeeded
    assert not second.perform(Step("policies.list")).succeeded
    assert second.notes.failures == [("policies.list", "rows of another policyholder were answered")]


def test_two_users_of_a_shared_account_may_see_the_same_rows() -> None:
    run = RunState("basic_1")

    assert Stage(run=run).perform(Step("policies.list")).succeeded
    assert Stage(run=run).perform(Step("policies.list")).succeeded


def test_agents_who_are_answered_rows_of_each_other() -> None:
    run = RunState("basic_1")
    first, second = Stage("senior_agent", run=run), Stage("senior_agent", run=run)
    second.target.users[ACCOUNTS["senior_agent"].phone_number]["user_id"] = "user-other"
    of_first, of_second, of_nobody = (
        answer({"leads": [row(LEAD) | owner]}) for owner in ({"agent_id": "a"}, {"agent_id": "b"}, {})
    )
    first.target.give("leads.list", of_first, of_nobody)
    second.target.give("leads.list", of_second, of_first, of_nobody, of_second)

    assert first.perform(Step("leads.list"), Step("leads.list")).succeeded
    assert not second.perform(*(Step("leads.list"),) * 4).succeeded
    assert second.notes.failures == [("leads.list", "rows of another senior agent were answered")]
    assert len(second.notes.requests) == 5, "the right ones before and after it are right all the same"


def test_agents_may_see_rows_of_others_where_no_correctness_is_checked() -> None:
    rows = [row(POLICY, agent_id="a"), row(POLICY, agent_id="b")]
    found = {}
    for level in CheckLevel:
        stage = Stage("junior_agent", run=RunState.of(replace(PLAN, check_correctness=level), ()))
        stage.target.give("policies.page", answer(rows))
        stage.perform(Step("policies.page", page(0)))
        found[level] = [message for _operation, message in stage.notes.failures]

    wrong = ["rows with different agent_id, only one's own were asked for"]
    assert found == {CheckLevel.OFF: [], CheckLevel.SAMPLE: wrong, CheckLevel.THOROUGH: wrong}


def test_a_policyholder_must_not_see_rows_of_others_where_no_correctness_is_checked() -> None:
    stage = Stage(run=RunState.of(PLAN, ()))
    stage.target.give("policies.list", answer([row(POLICY, policyholder_id="a"), row(POLICY, policyholder_id="b")]))

    assert not stage.perform(Step("policies.list")).succeeded


def test_a_user_whose_rows_name_another_owner_than_before() -> None:
    stage = Stage("junior_agent")
    of_one, of_another = (answer([row(POLICY, agent_id=agent_id)]) for agent_id in ("a", "b"))
    stage.target.give("policies.page", of_one, of_another, of_one)

    stage.perform(*(Step("policies.page", page(0)),) * 3)

    assert stage.notes.failures == [("policies.page", "rows of another junior agent were answered")]


def test_payments_that_were_answered_for_another_policy() -> None:
    run = RunState("basic_1")
    first, second = Stage(run=run), Stage(run=run)

    def premiums(policy_id: str) -> Step:
        return Step("policies.premiums", lambda _session: Call(path={"policy_id": policy_id}))

    assert first.perform(premiums("policy-1"), premiums("policy-2"), premiums("policy-1")).succeeded
    second.target.give("policies.premiums", answer({"premiums": [row(PREMIUM, id="payment for policy-1")]}))
    assert not second.perform(premiums("policy-2")).succeeded
    assert second.notes.failures == [("policies.premiums", "rows of another policy were answered")]


@pytest.mark.parametrize(
    ("rule", "right", "wrong", "message"),
    [
        pytest.param(
            {"identity": "account"},
            {"account": "user-policyholder"},
            {"account": "user-9"},
            "somebody else's account",
            id="identity",
        ),
        pytest.param(
            {"lists": "", "parent": "policy_id"},
            [{"id": "1"}],
            [{"id": "2"}],
            "rows of another policy were answered",
            id="parent",
        ),
    ],
)
def test_an_operation_and_its_rules_are_added_as_data(
    rule: dict[str, Any], right: object, wrong: object, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = Operation("claims.list", "GET", "/api/v1/claims/{policy_id}", **rule)
    monkeypatch.setitem(CATALOGUE, claims.name, claims)
    stage = Stage()
    stage.target.give(claims.name, answer([{"id": "2"}]), answer(right), answer(wrong))

    def of(policy_id: str) -> Step:
        return Step(claims.name, lambda _session: Call(path={"policy_id": policy_id}))

    if claims.parent:
        stage.perform(of("policy-2"))
    else:
        stage.target.exchange(Request("GET", "/api/v1/claims/policy-2", {}))

    assert stage.perform(of("policy-1")).succeeded
    assert not stage.perform(of("policy-1")).succeeded
    assert stage.notes.failures == [(claims.name, message)]


def test_rows_of_a_wrong_answer_teach_nothing() -> None:
    stage = Stage()
    stage.target.give("policies.list", answer([row(POLICY, policyholder_id="a"), row(POLICY, policyholder_id="b")]))

    stage.perform(Step("policies.list"))

    assert "policy" not in stage.session.known


class Unexpected(Exception):
    """What nobody expects."""


class Raising(FakeTarget):
    """A transport that raises for one operation, once the request is on its way."""

    def __init__(self, operation: str, error: BaseException) -> None:
        super().__init__()
        self._operation, self._error = operation, error

    def exchange(self, request: Request) -> Answer:
        given = super().exchange(request)
        if self.asked[-1].operation == self._operation:
            raise self._error
        return given


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        pytest.param(Unexpected(f"with {PASSWORD}"), FailureKind.SUITE_ERROR, "exchange: Unexpected: with …", id="bug"),
        pytest.param(RecursionError("too deep"), FailureKind.SUITE_ERROR, "RecursionError: too deep", id="recursion"),
        pytest.param(SystemExit(), FailureKind.UNFINISHED, "cut off before its end", id="the end of its greenlet"),
    ],
)
def test_a_request_whose_transport_raises_is_observed_once_and_the_error_goes_on(
    error: BaseException, kind: FailureKind, message: str
) -> None:
    stage = Stage(target=Raising("users.me", error))

    with pytest.raises(type(error)):
        stage.perform(Step("users.me"))

    login, observed = stage.notes.requests
    assert login.failure is None
    assert (observed.operation, observed.status) == ("users.me", 0)
    assert observed.failure is not None
    assert observed.failure.kind is kind
    assert observed.failure.message.endswith(message)


class Unreadable(Answer):
    def json(self) -> object:
        raise Unexpected("no JSON")


def test_a_request_whose_check_raises_is_observed_once_with_its_answer() -> None:
    stage = Stage()
    assert stage.session.login()
    stage.target.give("users.me", Unreadable(200, {}, b"{}", 1_772_357_400.0, 1500))

    with pytest.raises(Unexpected):
        stage.perform(Step("users.me"))

    (_login, observed) = stage.notes.requests
    assert (observed.operation, observed.status, observed.elapsed_us) == ("users.me", 200, 1500)
    assert observed.failure is not None
    assert observed.failure.kind is FailureKind.SUITE_ERROR
    assert observed.failure.message.endswith(" json: Unexpected: no JSON")


def test_after_an_error_the_next_action_is_made_as_ever() -> None:
    stage = Stage()
    stage.target.give("users.me", Unreadable(200, {}, b"{}", 1_772_357_400.0, 1500))
    with pytest.raises(Unexpected):
        stage.perform(Step("users.me"))

    done = stage.perform(Step("users.me"))

    assert (done.requests, done.succeeded) == (1, True)
    assert stage.notes.operations == ["login", "users.me", "users.me"]


def test_a_request_cut_by_the_end_of_the_run_is_observed_and_ends_the_session() -> None:
    stage = Stage()
    stage.target.give("users.me", lost(FailureKind.UNFINISHED, "no answer yet when the run had to end"))

    with pytest.raises(SessionEnded):
        stage.perform(Step("users.me"), Step("policies.list"))

    assert stage.notes.failures == [("users.me", "no answer yet when the run had to end")]
    assert not issubclass(SessionEnded, Exception)  # nobody who catches errors catches it


# ── what the run makes ──────────────────────────────────────────────────────────────────────────────


def _lead(session: Session) -> Call:
    body = {"customer_name": session.run.marks.next(), "contact_number": "1", "lead_source": "web"}
    return Call(body=body)


def _stage_with_journal(folder: Path) -> Stage:
    return Stage("senior_agent", run=RunState("basic_1", journal=Journal(folder / "journal.jsonl")))


def test_a_creation_is_journaled_before_it_is_sent_and_after_its_answer(tmp_path: Path) -> None:
    stage = _stage_with_journal(tmp_path)
    on_disk_when_sent: list[JournalEntry] = []

    def look(asked: Asked) -> object:
        on_disk_when_sent.extend(journal.read(tmp_path))
        return answer({"lead_id": "lead-1", **asked.body}, 201)

    stage.target.give("leads.create", look)  # type: ignore[arg-type]
    stage.perform(Step("leads.create", _lead))

    mark = stage.target.asked_for("leads.create")[0].body["customer_name"]
    about_to = JournalEntry("create", "lead", mark, by=ACCOUNTS["senior_agent"].phone_number)
    assert on_disk_when_sent == [about_to]
    assert list(journal.read(tmp_path)) == [about_to, JournalEntry("created", "lead", mark, id="lead-1")]
    assert stage.run.created["lead"][0]["lead_id"] == "lead-1"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        pytest.param(answer({"detail": "no"}, 403), ["create", "refused"], id="forbidden: nothing was made"),
        pytest.param(answer({"detail": "no"}, 422), ["create", "refused"], id="not valid: nothing was made"),
        pytest.param(answer({"detail": "there"}, 409), ["create"], id="a conflict with a new mark: it may be there"),
        pytest.param(answer({"detail": "slow"}, 408), ["create"], id="a timeout on the way: it may be there"),
        pytest.param(answer({"detail": "down"}, 500), ["create"], id="an error of the server: it may be there"),
        pytest.param(lost(), ["create"], id="no answer: it may be there"),
        pytest.param(answer({"lead_id": None}, 201), ["create"], id="an id of null is no id"),
        pytest.param(answer({}, 201), ["create"], id="nor is none"),
        pytest.param(answer({"data": {"lead_id": "1"}}, 201), ["create", "created"], id="an id in an envelope"),
        pytest.param(
            answer({"lead_id": "1", "customer_name": "another"}, 201), ["create", "created"], id="wrong, yet made"
        ),
    ],
)
def test_what_became_of_a_creation(given: object, what: list[str], tmp_path: Path) -> None:
    stage = _stage_with_journal(tmp_path)
    stage.target.give("leads.create", given)  # type: ignore[arg-type]

    stage.perform(Step("leads.create", _lead))

    assert [entry.what for entry in journal.read(tmp_path)] == what


def test_after_a_failed_creation_the_one_before_is_not_read_back() -> None:
    stage = Stage("senior_agent")
    behaviour = next(b for b in stage.session.role.behaviours if b.name == "policy creation")
    assert stage.session.perform(behaviour).succeeded
    stage.target.give("policies.create", answer({"detail": "down"}, 500))

    result = stage.session.perform(behaviour)

    assert not result.succeeded
    assert len(stage.target.asked_for("policies.read")) == 1
    assert stage.notes.missing == []


def test_a_row_of_somebody_else_read_back_is_a_wrong_answer() -> None:
    stage = Stage("senior_agent")
    behaviour = next(b for b in stage.session.role.behaviours if b.name == "policy creation")
    stage.target.give("policies.read", answer(row(POLICY, policy_id="policy-of-another")))

    assert not stage.session.perform(behaviour).succeeded
    assert stage.notes.failures == [("policies.read", "policy_id of the answer is not the one asked for")]


def test_a_role_without_sources_makes_do_with_what_its_steps_teach() -> None:
    role = replace(BY_SLUG["policyholder"], sources={})
    stage = Stage(role)

    stage.perform(Step("policies.premiums", one("policy")))
    result = stage.perform(Step("policies.list"), Step("policies.premiums", one("policy")))

    assert len(stage.notes.missing) == 1
    assert result.requests == 2


def test_rows_of_checks_which_may_be_deleted_at_any_time_are_not_picked() -> None:
    stage = Stage("support_staff")
    of_a_check, of_the_load = stage.run.marks.next(), stage.run.marks.next("9876543206")
    for number in range(20):
        name = f"checked-{number}"
        stage.target.tickets[name] = row(TICKET, ticket_id=name, customer_id="h", subject=of_a_check)
    stage.target.tickets["sold"] = row(TICKET, ticket_id="sold", customer_id="h", subject=of_the_load)

    for _ in range(30):
        stage.perform(Step("tickets.list"), Step("tickets.read", one("ticket")))

    assert {asked.ids["ticket_id"] for asked in stage.target.asked_for("tickets.read")} <= {"ticket-0", "sold"}
    assert len(stage.target.asked_for("tickets.read")) == 30


def test_where_checks_made_all_rows_there_is_none_to_pick() -> None:
    stage = Stage("support_staff")
    mark = stage.run.marks.next()
    stage.target.tickets = {"checked": row(TICKET, ticket_id="checked", customer_id="h", subject=mark)}

    stage.perform(Step("tickets.list"), Step("tickets.read", one("ticket")))

    assert stage.target.asked_for("tickets.read") == []


def test_the_reason_names_what_checks_left_nothing_of() -> None:
    stage = Stage("support_staff")
    mark = stage.run.marks.next()
    stage.target.tickets = {"checked": row(TICKET, ticket_id="checked", customer_id="h", subject=mark)}

    stage.session.pick("ticket")
    assert stage.session.missing.why(Step("tickets.list")) == "needs a ticket_id"
