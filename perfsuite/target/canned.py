"""Answers that fulfil the contract without a backend: the calibration loads a server that only sends these.

One user, one agent and twenty rows in each list stand for all. Ids that a request names are those of its answer, so
that every check of a session passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from perfsuite.target.catalogue import CATALOGUE, POLICY, TYPES, USER, Operation
from perfsuite.target.checks import object_of

ROWS = 20
"""Rows of a list, as many as the roles ask for in one page."""
_USER = "user-1"
_SAME = {
    "user_id": _USER,
    "policyholder_id": "holder-1",
    "agent_id": "agent-1",
    "provider_id": "provider-1",
    "customer_id": "holder-1",
    "status": "active",
    "role": "any",
    "first_name": "Asha",
    "last_name": "Rao",
    "display_name": "Asha Rao",
    "theme_preference": "dark",
    "is_enabled": True,
    "expires_in": 36_000,
}
"""Values that are the same in every row."""
_KINDS: Mapping[str, Any] = {"a number": 1_250, "an array": [], "an object": {}}
_ID = re.compile(r"\{(\w+)\}")
_MORE = {
    "users.update": USER,
    "users.preferences": ("user_id", "theme_preference"),
    "preferences.read": ("user_id", "theme_preference"),
    "flags.update": ("flag_name", "is_enabled"),
    "agents.customers": ("customer_id", "policyholder_id", "first_name"),
    "leads.create": ("lead_id", "lead_status"),
    "tickets.create": ("ticket_id", "status"),
    "tickets.status": ("ticket_id", "status"),
    "policies.approve": POLICY,
}
"""Fields of answers for which the contract promises none."""


class CannedTarget:
    """What a backend with these rows answers."""

    def __init__(self) -> None:
        self._patterns = [
            (each, _ID.sub(r"(?P<\1>[^/?&]+)", re.escape(each.path).replace(r"\{", "{").replace(r"\}", "}")))
            # A fixed path before one with an id in its place: /users/me before /users/{user_id}.
            for each in sorted(CATALOGUE.values(), key=lambda operation: len(_ID.findall(operation.path)))
        ]
        self._created = 0

    def answer(self, method: str, path: str, sent: Mapping[str, Any] | None = None) -> Any:
        """The body of an answer to one request; None for what the contract does not know. `sent`: its own body."""
        for operation, pattern in self._patterns:
            if operation.method == method and (found := re.fullmatch(pattern, path)):
                asked = {name: unquote(value) for name, value in found.groupdict().items()}
                return self._body(operation, asked, sent or {})
        return None

    def _body(self, operation: Operation, asked: Mapping[str, str], sent: Mapping[str, Any]) -> Any:
        names = operation.row_fields or operation.fields or _MORE.get(operation.name, ())
        if operation.lists is not None:
            rows = [_row(names, asked, number) for number in range(1, ROWS + 1)]
            return {operation.lists: rows} if operation.lists not in ("", "*") else rows
        row = _row(names, asked, 1)
        if operation.creates:
            self._created += 1
            row[f"{operation.creates}_id"] = f"new-{self._created}"
        if operation.name == "login":
            return row | {"user": _row(("first_name", "last_name", *USER), {}, 1)}
        body: Any = row | dict(sent)
        for key in reversed(operation.inside):
            body = {key: body}
        return body if operation.inside or object_of(body) is body else {"data": body}


def _row(names: tuple[str, ...], asked: Mapping[str, str], number: int) -> dict[str, Any]:
    """Ids and values that were asked for, then those that are always the same, then something of the right type."""
    return {name: asked.get(name) or _SAME.get(name) or _value(name, asked, number) for name in names}


def _value(name: str, asked: Mapping[str, str], number: int) -> Any:
    if name == "id":
        return "-".join((*asked.values(), str(number)))
    if name == "flag_name":
        return f"perf_{number}"
    return _KINDS.get(TYPES.get(name, ""), f"{name.removesuffix('_id')}-{number}")
