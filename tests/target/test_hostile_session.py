"""A user meets every odd and broken answer: each request is one sample of the right kind, and never an exception."""

from __future__ import annotations

import msgspec
import pytest

from perfsuite.model import FailureKind
from perfsuite.model.role import Behaviour, Step
from perfsuite.roles import ROLES
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import X_PROCESS_TIME, Answer, Request
from perfsuite.target.http_client import HttpClient
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.target.contract import ACCOUNT_FIELDS, row
from tests.target.fake_target import ACCOUNTS, FakeTarget, Notes
from tests.target.hostile_case import Case, ok, whole
from tests.target.hostile_cases import CASES
from tests.target.scripted_network import scripted

USER = next(role for role in ROLES if role.slug == "policyholder")
LOGIN = "/api/v1/auth/login"


class HostileTarget(FakeTarget):
    """Logs users in, and then gives one odd answer."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._client = HttpClient(ConnectionSettings("http://localhost:1"), scripted(case, [case.content]))

    def exchange(self, request: Request) -> Answer:
        return super().exchange(request) if request.target == LOGIN else self._client.exchange(request)


def expected(case: Case) -> FailureKind:
    """No case is the answer that the operation promises."""
    if case.failure:
        return case.failure
    if 300 <= case.status < 400:
        return FailureKind.REDIRECT
    return FailureKind.WRONG_ANSWER if case.status == 200 else FailureKind.STATUS


@pytest.mark.parametrize("case", [case for case in CASES if case.method == "GET"], ids=lambda case: case.name)
def test_each_answer_is_one_sample_of_the_right_kind(case: Case) -> None:
    notes = Notes()
    session = Session(USER, ACCOUNTS[USER.slug], HostileTarget(case), RunState("run"), notes)
    action = session.perform(Behaviour("reading", 1, (Step("users.me"),)))

    assert not action.succeeded
    assert [sample.operation for sample in notes.requests] == ["login", "users.me"]
    sample = notes.requests[1]
    assert sample.failure is not None
    assert sample.failure.kind is expected(case), sample.failure
    assert sample.status == case.status
    assert sample.length == len(case.body)


@pytest.mark.parametrize(
    ("extra", "kind"),
    [
        pytest.param(b"1", None, id="a number"),
        pytest.param(b"[" * 5000 + b"]" * 5000, FailureKind.WRONG_ANSWER, id="nested 5,000 deep"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, FailureKind.WRONG_ANSWER, id="objects nested 5,000 deep"),
        pytest.param(b"NaN", FailureKind.WRONG_ANSWER, id="no JSON"),
        pytest.param(b'"\xff"', FailureKind.WRONG_ANSWER, id="no UTF-8"),
        pytest.param(b'"\\ud800"', FailureKind.WRONG_ANSWER, id="half a surrogate"),
    ],
)
def test_a_right_answer_with_something_more_in_it(extra: bytes, kind: FailureKind | None) -> None:
    right = msgspec.json.encode(row(ACCOUNT_FIELDS, user_id=f"user-{USER.slug}"))
    notes = Notes()
    target = HostileTarget(ok("", whole(right[:-1] + b',"extra":' + extra + b"}")))
    session = Session(USER, ACCOUNTS[USER.slug], target, RunState("run"), notes)
    session.perform(Behaviour("reading", 1, (Step("users.me"),)))

    assert [sample.failure and sample.failure.kind for sample in notes.requests] == [None, kind]


@pytest.mark.parametrize("case", [case for case in CASES if X_PROCESS_TIME in case.name], ids=lambda case: case.name)
def test_a_time_that_the_server_cannot_have_taken_is_remarked_and_not_used(case: Case) -> None:
    notes = Notes()
    session = Session(USER, ACCOUNTS[USER.slug], HostileTarget(case), RunState("run"), notes)
    session.perform(Behaviour("reading", 1, (Step("users.me"),)))

    sample = notes.requests[1]
    assert [remark.about for remark in sample.remarks] == [X_PROCESS_TIME]
    assert sample.server_us is None
