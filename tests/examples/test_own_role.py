"""The role in `examples/own_role` is performed: against the reference backend, and against one that answers wrongly."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from mitra_backend.config import Settings, database_url
from mitra_backend.main import prepare_database

from perfsuite.load.weighted_round_robin import WeightedRoundRobin
from perfsuite.model import LOGIN, Account, FailureKind
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import Answer, Request, Sample
from perfsuite.target.http_client import HttpClient
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.backend.support import FACTOR, SECRET, Api, running

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_role" / "auditor.py"
ACCOUNT = Account("9876543201", "testpassword", "auditor")


def _module() -> ModuleType:
    module = ModuleType("auditor")
    exec(compile(EXAMPLE.read_text(), EXAMPLE, "exec"), module.__dict__)  # noqa: S102  our own example
    return module


AUDITOR = _module().ROLE


class Notebook:
    """Keeps what a session tells."""

    def __init__(self) -> None:
        self.seen: list[Sample] = []
        self.impossible: list[str] = []

    def request(self, sample: Sample) -> None:
        self.seen.append(sample)

    def not_possible(self, _role: str, _behaviour: str, operation: str, _why: str) -> None:
        self.impossible.append(operation)

    def operations(self, behaviour: str) -> list[str]:
        return [observed.operation for observed in self.seen if observed.behaviour == behaviour]


class EmptyTarget:
    """A target without any data, whose answers have the shape that the contract promises."""

    def __init__(self, **instead: Any) -> None:
        self._instead = instead

    def exchange(self, request: Request) -> Answer:
        token = {"access_token": "t", "token_type": "bearer", "expires_in": 900, "user": {}, "permissions": []}
        body: Any = token if request.target.endswith("/login") else []
        if request.target.startswith("/api/v1/policies"):
            body = self._instead.get("policies", body)
        return Answer(200, {}, msgspec.json.encode(body), 0.0, 1000)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    file = tmp_path_factory.mktemp("own_role") / "seeded.db"
    settings = Settings(database_url=database_url(str(file)), secret_key=SECRET, seed_factor=FACTOR, seed=1)
    prepare_database(settings)
    with running(settings) as backend:
        yield backend


def test_every_behaviour_succeeds_at_the_reference_backend(api: Api) -> None:
    notebook, transport = Notebook(), HttpClient(ConnectionSettings(api.url))
    session = Session(AUDITOR, ACCOUNT, transport, RunState("example_20260101_000000", thorough=True), notebook)
    try:
        assert session.login()
        results = [session.perform(behaviour) for behaviour in AUDITOR.behaviours]
    finally:
        transport.close()

    assert [observed.failure for observed in notebook.seen if observed.failure] == []
    assert notebook.impossible == []
    assert [(result.behaviour, result.requests, result.succeeded) for result in results] == [
        ("agent review", 2, True),
        ("policy audit", 4, True),
    ]
    assert notebook.operations("policy audit") == [
        "policies.by_status",
        "policies.read",
        "policies.coverage",
        "policies.premiums",
    ]


def test_a_step_with_every_three_takes_part_in_every_third_action(api: Api) -> None:
    notebook, transport = Notebook(), HttpClient(ConnectionSettings(api.url))
    session = Session(AUDITOR, ACCOUNT, transport, RunState("example_20260101_000000"), notebook)
    try:
        for _action in range(6):
            session.perform(AUDITOR.behaviours[1])
    finally:
        transport.close()

    counts = Counter(notebook.operations("policy audit"))
    assert (counts["policies.by_status"], counts["policies.premiums"]) == (6, 2)
    assert notebook.operations(LOGIN) == [LOGIN]


def test_without_data_steps_that_need_an_id_are_not_possible_rather_than_failed() -> None:
    notebook = Notebook()
    session = Session(AUDITOR, ACCOUNT, EmptyTarget(), RunState("example_20260101_000000", thorough=True), notebook)

    result = session.perform(AUDITOR.behaviours[1])

    assert result.succeeded
    assert notebook.impossible == ["policies.read", "policies.coverage", "policies.premiums"]


def test_a_wrong_answer_with_status_200_fails_the_action() -> None:
    notebook = Notebook()
    target = EmptyTarget(policies={"message": "come back later"})
    session = Session(AUDITOR, ACCOUNT, target, RunState("example_20260101_000000", thorough=True), notebook)

    result = session.perform(AUDITOR.behaviours[1])

    failures = [observed.failure for observed in notebook.seen if observed.failure]
    assert not result.succeeded
    assert [failure.kind for failure in failures] == [FailureKind.WRONG_ANSWER] * len(failures)
    assert failures[0].message == "an array expected, got an object"


def test_its_operations_are_in_the_catalogue_and_read_only() -> None:
    operations = {step.operation for behaviour in AUDITOR.behaviours for step in behaviour.steps}
    asked = {source.operation for source in AUDITOR.sources.values()}
    assert operations | asked <= CATALOGUE.keys()
    assert not any(CATALOGUE[name].writes for name in operations)


def test_its_weight_and_shares_have_the_effect_that_the_page_describes() -> None:
    total = sum(role.weight for role in ROLES) + AUDITOR.weight
    assert users_by_role(total, (*ROLES, AUDITOR))["auditor"] == 4

    turns = WeightedRoundRobin(AUDITOR.behaviours, random.Random(1))
    dealt = Counter(behaviour.name for behaviour in (turns.next() for _action in range(10)) if behaviour)
    assert dealt == {"agent review": 6, "policy audit": 4}
