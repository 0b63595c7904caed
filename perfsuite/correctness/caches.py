"""What a target keeps for one account or role it never shows to another.

Two accounts ask for the same, one right after the other. Where rows name their owner, they must be one's own. Figures
name nobody: where two answers are the same in every field, other operations say whether the figures of these accounts
differ. If they do, the answers cannot both be right; but a dashboard may be the same for all administrators, so it has
to show the figures of one of the two.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from perfsuite.correctness.check import (
    WITHOUT_LOAD,
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Reply,
    Send,
    Steps,
    Violated,
    shortened,
    succeeded,
)
from perfsuite.correctness.facts import own_agent
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import object_of, rows_of
from perfsuite.target.contract_rules import JUNIOR, MAX_AGE_S, PROVIDER, REGIONAL, SENIOR, SUPER
from perfsuite.target.write_rules import counted

OWN_FIGURES = "figures of one's own"
OTHER_ROLES = "no answers of other roles"
SAME_FIGURES = "their figures do not differ"
NO_FIGURES = "an answer without figures"
NOT_THE_CACHE = "others' rows are shown whatever was asked before"

LEAST_FIGURES = 3
"""So many figures of the contract other than 0 must be in two answers that are the same: little is often equal."""

ENOUGH_FEWER = 0.9
"""Numbers of policies that lie closer together may be the same, and one of them a little older."""

_Differ = Generator[tuple[Send, ...], tuple[Reply, ...], bool]


def checks() -> Iterator[Check]:
    """Figures of two accounts, of one role or two; lists of agents after those of administrators."""
    # The last accounts of agents: their figures stay as they are, since no user of the load sells as one of them.
    for role in (JUNIOR, SENIOR):
        yield _figures(OWN_FIGURES, "agents.performance", CheckActor(role, -1), CheckActor(role, -2))
    yield _figures(OWN_FIGURES, "dashboard.senior_agent", CheckActor(SENIOR, -1), CheckActor(SENIOR, -2))
    provider = CheckActor(PROVIDER)
    for name in _SAME_SCOPE:
        yield _figures(OWN_FIGURES, name, provider, CheckActor(PROVIDER, 1))
        yield _figures(OTHER_ROLES, name, provider, CheckActor(SUPER))
    for role in (JUNIOR, SENIOR):
        yield _list("policies.list", CheckActor(role), CheckActor(SUPER))
        yield _list("leads.list", CheckActor(role), CheckActor(REGIONAL))


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────


def _figures(rule: str, name: str, asker: CheckActor, other: CheckActor) -> Check:
    of_agents = asker.role != PROVIDER

    def once(context: CheckContext) -> Steps:
        # A Super Admin sees all policies, as on a dashboard that is the same for all, and asks last.
        before, after = (other, asker) if of_agents else (asker, other)
        first = yield from succeeded(Send(before, name))
        second = yield from succeeded(Send(after, name))
        if first.body != second.body:
            return Held()
        promised = {field: object_of(first.body).get(field) for field in CATALOGUE[name].fields}
        if len(list(_figures_in(promised))) < LEAST_FIGURES:
            return NotChecked(NO_FIGURES)
        differ = _agents_differ(context, asker, other) if of_agents else _shows_one_of(first, asker, other)
        if not (yield from differ):
            return NotChecked(SAME_FIGURES)
        return Violated(OWN_FIGURES, f"the same answer as {before}, whose figures differ", (first, second))

    def steps(context: CheckContext) -> Steps:
        outcome = yield from once(context)
        if outcome == NotChecked(SAME_FIGURES) and context.known.get(WITHOUT_LOAD):
            yield MAX_AGE_S + 1.0  # who asked before the check is in no cache any more
            outcome = yield from once(context)
        return outcome

    uses = ("agents.profile",) if of_agents else (_SAME_SCOPE[name],)
    return Check(Invariant.CACHES, rule, name, (asker, other), 2, steps, uses=uses)


def _agents_differ(context: CheckContext, asker: CheckActor, other: CheckActor) -> _Differ:
    """By their profiles, which name their owner. No payment comes in during a run."""
    mine = yield from own_agent(context, asker)
    theirs = yield from own_agent(context, other)
    return bool(mine.row.get("total_premium_collected") != theirs.row.get("total_premium_collected"))


_SAME_SCOPE = {"dashboard.provider": "dashboard.analytics", "dashboard.analytics": "dashboard.provider"}
"""Operation → another one with figures of the same policies."""
_COUNTED = {"dashboard.provider": "totalPolicies", "dashboard.analytics": "policiesCount"}


def _shows_one_of(shown: Reply, asker: CheckActor, other: CheckActor) -> _Differ:
    """Whether it counts the policies of one of the two, by another dashboard, and the other one has clearly more or
    fewer: what one of them sees before and after the other one must not have changed meanwhile."""
    name = shown.send.operation
    counts: list[int] = []
    for actor in (asker, other, asker):
        reply = yield from succeeded(Send(actor, _SAME_SCOPE[name]))
        counts.append(counted(_SAME_SCOPE[name], _COUNTED[_SAME_SCOPE[name]], reply.body) or 0)
    mine, theirs, again = counts
    fewer, more = sorted((mine, theirs))
    if mine != again or not 0 < fewer < ENOUGH_FEWER * more:
        return False
    # What a Super Admin sees may be what everybody sees.
    return counted(name, _COUNTED[name], shown.body) in ((mine,) if other.role == SUPER else (mine, theirs))


def _figures_in(body: Any) -> Iterator[int | float]:
    """All numbers of an answer that are not 0."""
    if isinstance(body, dict | list):
        for each in body.values() if isinstance(body, dict) else body:
            yield from _figures_in(each)
    elif isinstance(body, int | float) and not isinstance(body, bool) and body:
        yield body


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────


def _list(name: str, agent: CheckActor, administrator: CheckActor) -> Check:
    def steps(context: CheckContext) -> Steps:
        own = yield from own_agent(context, agent)
        yield from succeeded(Send(administrator, name))
        reply = yield from succeeded(Send(agent, name))
        foreign = _foreign(reply, own.row["agent_id"])
        if foreign is None:
            return Held()
        # The same row, asked for as nobody did before.
        field = "policyholder_id" if name == "policies.list" else "contact_number"
        query = {"search" if name == "leads.list" else field: str(foreign[field])}
        again = yield from succeeded(Send(agent, name, query=query))
        if _foreign(again, own.row["agent_id"]) is not None:
            return NotChecked(NOT_THE_CACHE)
        seen = f"agent_id {shortened(foreign['agent_id'])}"
        return Violated("rows of one's own", seen, (reply, again))

    return Check(Invariant.CACHES, OTHER_ROLES, name, (agent, administrator), 3, steps, uses=("agents.profile",))


def _foreign(reply: Reply, agent_id: Any) -> dict[str, Any] | None:
    """A row that names another agent; None where there is none."""
    rows = rows_of(CATALOGUE[reply.send.operation], reply.body) or []
    return next((row for row in rows if row.get("agent_id") not in (None, agent_id)), None)
