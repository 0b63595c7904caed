"""The canned answers keep the contract, and the mix for the peers is that of the roles."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from bench.generators.canned import BODY_BYTES, body_of, health_body, phone_number, write_accounts
from bench.generators.mix import mix_of
from perfsuite.model.role import Role
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from perfsuite.target import checks
from perfsuite.target.catalogue import CATALOGUE, Operation

SIMPLE = [operation for operation in CATALOGUE.values() if operation.name != "login" and not operation.creates]
MIX = mix_of(50)


@pytest.mark.parametrize("operation", SIMPLE, ids=lambda operation: operation.name)
def test_every_answer_has_what_the_contract_promises(operation: Operation) -> None:
    body = json.loads(health_body()) if operation.name == "health.root" else body_of(operation)

    assert checks.content_failure(operation, body) is None
    assert checks.differences(operation, body) == []


def test_the_bare_answer_has_its_size() -> None:
    assert len(health_body()) == BODY_BYTES


def test_every_user_has_an_account_of_its_role(tmp_path) -> None:  # type: ignore[no-untyped-def]
    counts = users_by_role(1000, ROLES)
    write_accounts(tmp_path / "accounts.csv", counts)
    rows = [line.split(",") for line in (tmp_path / "accounts.csv").read_text().splitlines()[1:]]

    assert Counter(row[2] for row in rows) == counts
    assert len({row[0] for row in rows}) == 1000
    assert phone_number("policyholder", 7) == "9500000007"


def test_the_mix_has_the_users_of_the_scenario() -> None:
    slugs = [role.slug for role in ROLES]
    assert Counter(slugs[user["role"]] for user in MIX["users"]) == users_by_role(50, ROLES)


@pytest.mark.parametrize(("role", "mixed"), list(zip(ROLES, MIX["roles"], strict=True)))
def test_a_role_of_the_mix_does_what_the_role_does(role: Role, mixed: dict) -> None:  # type: ignore[type-arg]
    assert Counter(mixed["order"]) == {number: one.share for number, one in enumerate(role.behaviours)}
    for behaviour, steps in zip(role.behaviours, mixed["behaviours"], strict=True):
        operations = [CATALOGUE[step.operation] for step in behaviour.steps]
        assert [(step["method"], step["every"]) for step in steps] == [
            (operation.method, step.every) for operation, step in zip(operations, behaviour.steps, strict=True)
        ]
        for operation, step in zip(operations, steps, strict=True):
            assert "{" not in step["path"]
            assert step["status"] == list(operation.expects)
            assert step["fields"] == list(operation.row_fields if operation.lists is not None else operation.fields)
