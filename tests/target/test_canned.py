"""The canned answers pass every check of every role, so that a calibration does the work of a real run."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from perfsuite.model import Account
from perfsuite.model.role import Role
from perfsuite.roles import ROLES
from perfsuite.target.canned import ROWS, CannedTarget
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.journal import Journal
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.target.fake_target import Notes, answer


class Canned:
    def __init__(self) -> None:
        self._target = CannedTarget()

    def exchange(self, request: Request) -> Answer:
        parts = urlsplit(request.target)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = msgspec.json.decode(request.body) if request.body else None
        body = self._target.answer(request.method, path, sent)
        return answer(body, 404 if body is None else 200)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("role", [pytest.param(role, id=role.slug) for role in ROLES])
def test_every_operation_of_a_role_succeeds(role: Role, tmp_path: Path) -> None:
    notes, journal = Notes(), Journal(tmp_path / "journal.jsonl")
    state = RunState("calibration", journal=journal)
    session = Session(role, Account("9000000001", "any", role.slug), Canned(), state, notes)
    state.created["policy"] = [{"policy_id": f"new-{number}"} for number in range(30)]
    assert session.login()
    for _ in range(20):
        for behaviour in role.behaviours:
            session.perform(behaviour)
    journal.close()

    assert notes.failures == []
    assert notes.missing == []
    assert set(notes.operations) >= set(role.steps_by_operation)


def test_a_list_has_twenty_rows_and_an_unknown_path_no_answer() -> None:
    target = CannedTarget()

    assert len(target.answer("GET", "/api/v1/policies/?limit=20&offset=40")) == ROWS
    assert target.answer("GET", "/api/v1/nowhere") is None
