"""The seven-role mix as data, for generators that cannot use the roles: requests, checks, and their order."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from bench.generators.canned import STATUS, phone_number
from perfsuite.model.role import Role, Step, StepContext
from perfsuite.roles import ROLES
from perfsuite.roles.mix import start_order, users_by_role
from perfsuite.target.catalogue import CATALOGUE

ACCOUNT = "ACCOUNT"
"""Stands in paths and bodies for the phone number of the user."""
_ROW = {
    "policy_id": "policy-1",
    "agent_id": "agent-1",
    "user_id": f"user-{ACCOUNT}",
    "ticket_id": "ticket-1",
    "customer_id": "text-1",
    "policyholder_id": f"holder-{ACCOUNT}",
    "provider_id": "text-1",
    "flag_name": "flag_name-1",
    "is_enabled": True,
    "theme_preference": "light",
    "lead_source": "value",
    "insurance_type": "value",
    "policy_type": "value",
    "plan_name": "value",
    "status": STATUS,
}
"""A row as the canned server answers it, of any kind."""


class _KnowsAll:
    """What a step asks of a session that has seen every list: see `StepContext`."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.user = {"user_id": f"user-{ACCOUNT}", "first_name": "Ann", "last_name": "Able"}
        self.user_id, self.phone_number = f"user-{ACCOUNT}", ACCOUNT
        self.chosen: dict[str, dict[str, Any]] = {}
        self.random = random.Random(1)

    def need(self, _kind: str) -> list[dict[str, Any]]:
        return [_ROW]

    made = need

    def pick(self, _kind: str) -> dict[str, Any]:
        return _ROW

    def row_with(self, _field: str, *_kinds: str) -> dict[str, Any]:
        return _ROW

    just_made = pick

    def new_mark(self) -> str:
        return f"PERF-{ACCOUNT}"

    def leaves_out(self, _operation: str) -> bool:
        return False

    def note(self, *_about: object, **_more: object) -> None:
        """Nothing has to be put back."""

    note_flag = note_theme = note_not_restorable = note


def mix_of(users: int) -> dict[str, Any]:
    """Everything a generator needs for so many users: it can be written as JSON.

    `roles`: for each its `behaviours` (lists of steps) and `order` (numbers of behaviours, to be repeated); `users`:
    for each the phone number and the number of the role. A step is performed in every `every`-th turn of its
    behaviour. `holder`: keys to the object with the promised `fields`; `list`: name of a list whose rows have them, ""
    where the answer is that list.
    """
    counts = users_by_role(users, ROLES)
    numbers = {role.slug: 0 for role in ROLES}
    seats = []
    for slug in start_order(counts):
        seats.append({"phone": phone_number(slug, numbers[slug]), "role": list(numbers).index(slug)})
        numbers[slug] += 1
    return {"roles": [_role(role) for role in ROLES], "users": seats}


def _role(role: Role) -> dict[str, Any]:
    names = [behaviour.name for behaviour in role.behaviours]
    order = start_order({behaviour.name: behaviour.share for behaviour in role.behaviours})
    return {
        "slug": role.slug,
        "behaviours": [_steps(role, behaviour.steps) for behaviour in role.behaviours],
        "order": [names.index(name) for name in order],
    }


def _steps(role: Role, steps: Sequence[Step]) -> list[dict[str, Any]]:
    session = cast(StepContext, _KnowsAll(role))
    return [_step(step, session) for step in steps]


def _step(step: Step, session: StepContext) -> dict[str, Any]:
    operation, call = CATALOGUE[step.operation], step.arguments(session)
    if call is None:
        raise ValueError(f"{step.operation} has no arguments")
    path = operation.path.format_map({name: quote(value, safe="") for name, value in call.path.items()})
    listed = {"": "", "*": ""}.get(operation.lists, operation.lists) if operation.lists is not None else None
    return {
        "method": operation.method,
        "path": path,
        "body": dict(call.body) if call.body is not None else None,
        "every": step.every,
        "status": list(operation.expects),
        "holder": list(operation.inside),
        "list": listed,
        "fields": list(operation.fields if operation.lists is None else operation.row_fields),
    }


def write_mix(file: Path, users: int) -> None:
    """Write the mix for so many users as JSON."""
    file.write_text(json.dumps(mix_of(users)))
