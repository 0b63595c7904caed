"""Where the ids and bodies of a step come from: always from answers the session has had."""

from __future__ import annotations

from perfsuite.model.role import Arguments, Call, StepContext


def one(kind: str) -> Arguments:
    """The id of one of the known rows of `kind`, drawn anew."""

    def arguments(session: StepContext) -> Call | None:
        row = session.pick(kind)
        return _by_id(kind, row)

    return arguments


def same(kind: str) -> Arguments:
    """The id of the row that the step before was about."""

    def arguments(session: StepContext) -> Call | None:
        return _by_id(kind, session.chosen.get(kind) or session.pick(kind))

    return arguments


def an_agent(session: StepContext) -> Call | None:
    """An agent out of the list of agents or, where a target has no such list, the agent of some policy."""
    row = session.row_with("agent_id", "agent", "policy")
    if row is None:
        return None
    session.chosen["agent"] = row
    return _by_id("agent", row)


def own_user(session: StepContext) -> Call | None:
    """The id of the account in use."""
    return Call(path={"user_id": session.user_id}) if session.user_id else None


def own_agent(session: StepContext) -> Call | None:
    """The agent id behind the account in use."""
    rows = session.need("own agent")
    return Call(path={"agent_id": str(rows[0]["agent_id"])}) if rows else None


def page(number: int, size: int = 20) -> Arguments:
    """The n-th page (from 0) of a list."""
    return lambda _session: Call(path={"offset": str(number * size)})


def _by_id(kind: str, row: dict[str, object] | None) -> Call | None:
    name = f"{kind}_id"
    return Call(path={name: str(row[name])}) if row and row.get(name) else None
