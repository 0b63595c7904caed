"""Whether an answer holds rows of somebody else: what one user must never see of another."""

from __future__ import annotations

from typing import Any

from perfsuite.model.role import Call, Role
from perfsuite.target import checks
from perfsuite.target.catalogue import Operation
from perfsuite.target.exchange import Failure
from perfsuite.target.shared import Run


def ownership_failure(operation: Operation, body: Any, role: Role, user_id: str, run: Run) -> Failure | None:
    """A failure when rows of somebody else were answered to the user `user_id` of `role`."""
    if operation.name in ("users.me", "agents.profile") and user_id:
        return None if str(body.get("user_id")) == user_id else checks.wrong_answer("somebody else's account")
    owned_by = role.owns.get(operation.name)
    if not owned_by:
        return None
    rows = (checks.rows_of(operation, body) if operation.lists is not None else [body]) or []
    for row in rows:
        owner = str(row.get(owned_by, ""))
        if run.owners.setdefault(owner, user_id) != user_id:
            return checks.wrong_answer(f"rows of another {role.title.lower()} were answered")
    if len({row.get(owned_by) for row in rows}) > 1:
        return checks.wrong_answer(f"rows with different {owned_by}, only one's own were asked for")
    return None


def payments_failure(operation: Operation, call: Call, body: Any, run: Run) -> Failure | None:
    """A failure when payments came back that were answered for another policy before.

    They name no owner, but each has an id of its own: the same one under two policies is in a wrong place once.
    """
    if operation.name != "policies.premiums":
        return None
    policy_id = call.path["policy_id"]
    for row in checks.rows_of(operation, body) or []:
        if run.payments.setdefault(str(row["id"]), policy_id) != policy_id:
            return checks.wrong_answer("payments of another policy were answered")
    return None
