"""Arguments of steps. Ids always come from answers that the session has received."""

from __future__ import annotations

from perfsuite.model.role import Arguments, Call, StepContext


def one(kind: str) -> Arguments:
    """The id of a random known row of `kind`."""
    return lambda session: _by_id(kind, session.pick(kind))


def same(kind: str) -> Arguments:
    """The id of the row that the step before was about."""
    return lambda session: _by_id(kind, session.chosen.get(kind) or session.pick(kind))


def an_agent(session: StepContext) -> Call | None:
    """An agent from the list of agents or, where the target has no such list, the agent of a policy."""
    row = session.row_with("agent_id", "agent", "policy")
    if row is None:
        return None
    session.chosen["agent"] = row
    return _by_id("agent", row)


def own_user(session: StepContext) -> Call | None:
    """The id of the current account."""
    return Call(path={"user_id": session.user_id}) if session.user_id else None


def own_agent(session: StepContext) -> Call | None:
    """The agent id of the current account."""
    rows = session.need("own agent")
    return Call(path={"agent_id": str(rows[0]["agent_id"])}) if rows else None


def page(number: int, size: int = 20) -> Arguments:
    """The n-th page (from 0) of a list."""
    return lambda _session: Call(path={"offset": str(number * size)})


def _by_id(kind: str, row: dict[str, object] | None) -> Call | None:
    name = f"{kind}_id"
    return Call(path={name: str(row[name])}) if row and row.get(name) else None
