"""Is an answer right? Status, JSON, the fields the contract promises, and whose rows they are.

A wrong answer with a good status is a failure of kind WRONG_ANSWER. Messages name fields and rules,
never values of the target's data except the short text of an error's `detail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from perfsuite.model import FailureKind
from perfsuite.model.plan import EVERY
from perfsuite.model.role import Call, Role
from perfsuite.target import contract_rules
from perfsuite.target.catalogue import TYPES, Operation
from perfsuite.target.connection import CLIENT_CERTIFICATE_REQUIRED
from perfsuite.target.exchange import Answer, Failure, NestedTooDeepError

_MAX_DETAIL = 160
_NO_CERTIFICATE = b"No required SSL certificate was sent"
"""Nginx says so over HTTP: it accepts the connection first."""

ECHOED = ("policy_id", "agent_id", "user_id", "ticket_id", "policyholder_id", "status", "policy_number")
"""Arguments of path or query that the answer, or each of its rows, must repeat unchanged."""
IDS = frozenset(ECHOED) - {"status"}
"""Those of them that say which row, or whose."""


_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


def status_failure(operation: Operation, answer: Answer) -> Failure | None:
    """A failure when no answer came or the operation must not answer with its status."""
    if answer.failure is not None:
        return answer.failure
    if answer.status in operation.expects:
        return None
    if 300 <= answer.status < 400:
        where = _short(answer.header("location").split("?")[0]) or "nowhere"
        return Failure(FailureKind.REDIRECT, f"HTTP {answer.status} to {where}")
    if answer.status == 429:
        wait = _short(answer.header("retry-after"))
        return Failure(FailureKind.RATE_LIMIT, "HTTP 429" + (f", Retry-After {wait}" if wait else ""))
    if asks_for_certificate(answer):
        return Failure(FailureKind.STATUS, f"HTTP {answer.status}: {CLIENT_CERTIFICATE_REQUIRED}")
    detail = _detail(answer)
    return Failure(FailureKind.STATUS, f"HTTP {answer.status}" + (f": {detail}" if detail else ""))


def asks_for_certificate(answer: Answer) -> bool:
    """The target requires a client certificate, and says so over HTTP."""
    return answer.status == 400 and _NO_CERTIFICATE in answer.body[:2000]


def _detail(answer: Answer) -> str:
    try:
        body = answer.json()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    detail = body.get("detail", "") if isinstance(body, dict) else ""
    if isinstance(detail, list):
        detail = detail[0] if detail else ""
    if isinstance(detail, dict):
        # A validation error names the place; its "input" is what was sent and may be private.
        message = str(detail.get("msg") or detail.get("message") or "")
        detail = f"{message} at {detail['loc']}" if "loc" in detail else message
    return _short(detail) if isinstance(detail, str) else ""


def _short(text: str) -> str:
    """The text on one line, cut to the length that a message may have."""
    return " ".join(text.split())[:_MAX_DETAIL]


def decoded(operation: Operation, answer: Answer) -> tuple[Any, Failure | None]:
    """The decoded body (None where an empty one is allowed), or the failure to decode it."""
    if not answer.body and (answer.status == 204 or operation.method == "DELETE"):
        return None, None
    try:
        return answer.json(), None
    except NestedTooDeepError as error:
        return None, _wrong(f"{error}, {len(answer.body)} bytes")
    except (msgspec.DecodeError, UnicodeDecodeError):
        kind = _short(answer.header("content-type").split(";")[0]) or "no content type"
        return None, _wrong(f"not JSON but {kind}, {len(answer.body)} bytes")


def content_failure(operation: Operation, body: Any) -> Failure | None:
    """A failure when promised fields or rows are missing."""
    if operation.lists is not None:
        rows = rows_of(operation, body)
        if rows is None:
            where = {"": "an array", "*": "a list of rows"}.get(operation.lists, f"a list '{operation.lists}'")
            return _wrong(f"{where} expected, got {_kind_of(body)}")
        return _missing_in_rows(operation.row_fields, rows)
    if not operation.fields:
        return None if isinstance(body, dict) else _wrong(f"an object expected, got {_kind_of(body)}")
    holder = _inside(body, operation.inside)
    if not isinstance(holder, dict):
        return _wrong(f"an object '{'.'.join(operation.inside) or 'answer'}' expected, got {_kind_of(holder)}")
    missing = [name for name in operation.fields if name not in holder]
    return _wrong(f"field missing: {', '.join(missing[:3])}") if missing else None


def differences(operation: Operation, body: Any) -> list[str]:
    """A text for each promised field of an answer that is missing or has another type than the contract says.

    [] where the answer has another form altogether, which is a failure.
    """
    if operation.lists is not None:
        objects, names = rows_of(operation, body) or [], operation.row_fields
    else:
        holder = _inside(body, operation.inside)
        objects, names = [holder] if isinstance(holder, dict) else [], operation.fields
    found = (_difference(name, row) for row in objects for name in names)
    return [text for text in dict.fromkeys(found) if text]


def _difference(name: str, row: Mapping[str, Any]) -> str:
    if name not in row:
        return f"field {name} is missing"
    wanted, value = TYPES.get(name), row[name]
    if value is None or wanted in (None, _kind_of(value)):
        return ""
    return f"field {name} is {_kind_of(value)}, the contract says {wanted}"


def rows_of(operation: Operation, body: Any) -> list[dict[str, Any]] | None:
    """The rows of a list answer; None without a list in the place that the contract names.

    `lists` "*" accepts an array, or an envelope with exactly one list.
    """
    rows: Any = body
    if operation.lists:
        inner = body.get("data", body) if isinstance(body, dict) else body
        rows = inner
        if operation.lists != "*":
            rows = inner.get(operation.lists) if isinstance(inner, dict) else None
        elif isinstance(inner, dict):
            lists = [value for value in inner.values() if isinstance(value, list)]
            rows = lists[0] if len(lists) == 1 else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows


def echo_failure(operation: Operation, body: Any, values: Mapping[str, str]) -> Failure | None:
    """A failure when the answer is not about what was asked for."""
    asked = {name: values[name] for name in ECHOED if name in values}
    if not asked:
        return None
    rows = rows_of(operation, body) if operation.lists is not None else [_inside(body, operation.inside)]
    for row in rows or []:
        for name, value in asked.items():
            if isinstance(row, dict) and name in row and str(row[name]) != value:
                message = f"{name} of the answer is not the one asked for"
                is_another = name in IDS and row[name] is not None
                return _broken(Broken.ASKED, message) if is_another else _wrong(message)
    return None


def written_failure(operation: Operation, body: Any, sent: Mapping[str, Any] | None) -> Failure | None:
    """A failure when the answer to a write has other values than were sent."""
    row = object_of(body)
    for name in operation.echoes if sent else ():
        if name in row and sent is not None and name in sent and row[name] != sent[name]:
            return _wrong(f"{name} of the answer is not what was written")
    return None


def object_of(body: Any) -> dict[str, Any]:
    """The row of an answer, bare or in a `data` envelope; {} without one."""
    if not isinstance(body, dict):
        return {}
    inner = body.get("data")
    return inner if isinstance(inner, dict) else body


def _missing_in_rows(fields: tuple[str, ...], rows: list[dict[str, Any]]) -> Failure | None:
    for row in rows:
        for name in fields:
            if name not in row:
                return _wrong(f"field missing in a row: {name}")
    return None


def _inside(body: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _kind_of(value: object) -> str:
    if value is None:
        return "nothing"
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def _wrong(message: str) -> Failure:
    return Failure(FailureKind.WRONG_ANSWER, message)


class Broken(StrEnum):
    """The rule on whose data an answer may hold that it breaks."""

    IDENTITY = "another account"
    OWNER = "rows of another account"
    OWNERS = "rows of several accounts"
    ASKED = "not what was asked for"


class ForeignAnswer(Failure, frozen=True, gc=False):
    """A wrong answer that holds somebody else's data, or other data than was asked for.

    `whose`: id of the user that it belongs to, or who got it before; "" where that is not known.
    """

    rule: Broken
    whose: str = ""


def _broken(rule: Broken, message: str, whose: str = "") -> Failure:
    return ForeignAnswer(FailureKind.WRONG_ANSWER, message, rule, whose)


@dataclass(slots=True)
class RowOwners:
    """For whom this process has first seen each row. The same row for somebody else is a wrong answer.

    An owner is a field of a row and its value: an agent's rows may also name a provider.
    """

    of_agents: bool = True
    """Agents must see their own rows only, too, not only policyholders. False where no correctness is checked: some
    targets show agents the rows of a team."""
    shared: frozenset[str] = frozenset()
    """Operations that may show agents rows of others all the same; `EVERY` for all."""

    users: dict[tuple[str, str], str] = field(default_factory=dict)
    """Owner that a row names → id of the user who got it."""
    owned: dict[tuple[str, str], str] = field(default_factory=dict)
    """Field and id of a user → the value that the rows had there."""
    parents: dict[str, str] = field(default_factory=dict)
    """Id of a row that names no owner → id of its parent."""

    def owner_field(self, operation: Operation, role: Role) -> str:
        """The field of rows that names their owner, where the role must see its own rows only; or ""."""
        is_judged = not self.may_share(operation) or role.slug == contract_rules.HOLDER
        return role.owns.get(operation.name) or (
            contract_rules.owner_field(operation.name, role.slug) if is_judged else ""
        )

    def may_share(self, operation: Operation) -> bool:
        """Whether it may show agents rows of others."""
        return not self.of_agents or not self.shared.isdisjoint((operation.name, EVERY))

    def takes(self, name: str, value: str, user_id: str) -> bool:
        """Are rows with this owner right for the user? True for the first who gets them; a field has one for each."""
        owner, user = (name, value), (name, user_id)
        if self.users.get(owner, user_id) != user_id or self.owned.get(user, value) != value:
            return False
        self.users[owner] = user_id
        if user_id:
            self.owned[user] = value
        return True


def identity_failure(operation: Operation, body: Any, user_id: str) -> Failure | None:
    """A failure when an answer about the own account is about another one. `user_id` "": not known, no failure."""
    if not operation.identity or not user_id or str(body.get(operation.identity)) == user_id:
        return None
    if body.get(operation.identity) is None:
        return _wrong(f"one's own account without {operation.identity}")
    return _broken(Broken.IDENTITY, "somebody else's account", str(body.get(operation.identity)))


def owner_failure(operation: Operation, body: Any, role: Role, user_id: str, seen: RowOwners) -> Failure | None:
    """A failure when the user `user_id`, who must see only his own rows, got those of somebody else."""
    name = seen.owner_field(operation, role)
    if not name:
        return None
    rows = (rows_of(operation, body) if operation.lists is not None else [body]) or []
    owners = {str(row[name]) for row in rows if row.get(name) is not None}
    if len(owners) > 1:
        return _broken(Broken.OWNERS, f"rows with different {name}, only one's own were asked for")
    for owner in owners:
        if not seen.takes(name, owner, user_id):
            message = f"rows of another {role.title.lower()} were answered"
            return _broken(Broken.OWNER, message, seen.users.get((name, owner), ""))
    return None


def parent_failure(operation: Operation, body: Any, values: Mapping[str, str], seen: RowOwners) -> Failure | None:
    """A failure when a row came back that belonged to another parent before.

    Rows do not name their parent, but each has an id: under one of two parents it is in the wrong place.
    """
    if not operation.parent:
        return None
    parent = values[operation.parent]
    for row in rows_of(operation, body) or []:
        if seen.parents.setdefault(str(row["id"]), parent) != parent:
            return _broken(Broken.ASKED, f"rows of another {operation.parent.removesuffix('_id')} were answered")
    return None


def rule_failure(
    operation: Operation, body: Any, call: Call, role: Role, user_id: str, seen: RowOwners
) -> Failure | None:
    """The first rule that a decoded body breaks. What `TypedAnswer` accepts breaks none of them."""
    return (
        content_failure(operation, body)
        or echo_failure(operation, body, call.path)
        or written_failure(operation, body, call.body)
        or identity_failure(operation, body, user_id)
        or owner_failure(operation, body, role, user_id, seen)
        or parent_failure(operation, body, call.path, seen)
    )
