"""What a target keeps for one account or role it never shows to another.

Two accounts ask for the same, one right after the other. Where rows name their owner, they must be one's own. Figures
name nobody: where two answers have the same figures, other operations say what the figures of these accounts are.
An answer may be the same for all by design, so it has to show those of one of the two, while the other one has clearly
more or fewer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from perfsuite.correctness.check import (
    NO_ANSWER,
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
from perfsuite.correctness.facts import field_of, own_agent
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import object_of, rows_of
from perfsuite.target.contract_rules import JUNIOR, MAX_AGE_S, PROVIDER, REGIONAL, SENIOR, SUPER
from perfsuite.target.write_rules import counted

OWN_FIGURES = "figures of one's own"
OTHER_ROLES = "no answers of other roles"
SAME_FIGURES = WhyNot.SAME_FIGURES()
NO_FIGURES = WhyNot.NO_FIGURES()
NOT_THE_CACHE = WhyNot.NOT_THE_CACHE()

LEAST_FIGURES = 3
"""So many figures of the contract other than 0 must be in two answers that are the same: little is often equal."""

ENOUGH_FEWER = 0.9
"""Figures that lie closer together may be the same, and one of them a little older."""

_Deciding = Generator[tuple[Send, ...], tuple[Reply, ...], bool]


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
        figures = figures_of(name, first.body)
        if figures != figures_of(name, second.body):
            return Held()
        if len(figures) < LEAST_FIGURES:
            return NotChecked(NO_FIGURES)
        of_one = _of_one_agent(context, first, asker, other) if of_agents else _of_one_scope(first, asker, other)
        if not (yield from of_one):
            return NotChecked(SAME_FIGURES)
        return Violated(
            OWN_FIGURES, f"the same answer as {context.name(before)}, whose figures differ", (first, second)
        )

    def steps(context: CheckContext) -> Steps:
        outcome = yield from once(context)
        if outcome == NotChecked(SAME_FIGURES) and context.known.get(WITHOUT_LOAD):
            yield MAX_AGE_S + 1.0  # who asked before the check is in no cache any more
            outcome = yield from once(context)
        return outcome

    uses = ("agents.profile",) if of_agents else (_SAME_SCOPE[name],)
    return Check(Invariant.CACHES, rule, name, (asker, other), 2, steps, uses=uses)


_OF_AGENTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "agents.performance": ("", {"total_policies": "total_policies_sold", "total_premium": "total_premium_collected"}),
    "dashboard.senior_agent": (
        "personalStats",
        {"totalPoliciesSold": "total_policies_sold", "totalPremiumCollected": "total_premium_collected"},
    ),
}
"""Operation → where its figures are, and figure → the same in an agent's profile, which names its owner."""


def _of_one_agent(context: CheckContext, shown: Reply, asker: CheckActor, other: CheckActor) -> _Deciding:
    """Whether it shows the figures of one of the two, by their profiles."""
    mine = yield from own_agent(context, asker)
    theirs = yield from own_agent(context, other)
    inside, names = _OF_AGENTS[shown.send.operation]
    body = object_of(shown.body)
    own = object_of(body.get(inside)) if inside else body
    return any(
        _is_clear(pair := (mine.row.get(name), theirs.row.get(name))) and own.get(figure) in pair
        for figure, name in names.items()
    )


def _is_clear(pair: tuple[Any, Any]) -> bool:
    """Whether one of them is clearly more than the other, which is not nothing."""
    if not all(isinstance(value, int | float) for value in pair):
        return False
    fewer, more = sorted(pair)
    return bool(0 < fewer < ENOUGH_FEWER * more)


_SAME_SCOPE = {"dashboard.provider": "dashboard.analytics", "dashboard.analytics": "dashboard.provider"}
"""Operation → another one with figures of the same policies."""
_COUNTED = {"dashboard.provider": "totalPolicies", "dashboard.analytics": "policiesCount"}


def _of_one_scope(shown: Reply, asker: CheckActor, other: CheckActor) -> _Deciding:
    """The same for administrators, by another dashboard: what one of them sees before and after the other one must not
    have changed meanwhile."""
    name = shown.send.operation
    counts: list[int] = []
    for actor in (asker, other, asker):
        reply = yield from succeeded(Send(actor, _SAME_SCOPE[name]))
        counts.append(counted(_SAME_SCOPE[name], _COUNTED[_SAME_SCOPE[name]], reply.body) or 0)
    mine, theirs, again = counts
    if mine != again or not _is_clear((mine, theirs)):
        return False
    # What a Super Admin sees may be what everybody sees.
    return counted(name, _COUNTED[name], shown.body) in ((mine,) if other.role == SUPER else (mine, theirs))


def figures_of(name: str, body: Any) -> list[int | float]:
    """What the contract promises of an answer with figures. What else is in it, such as its time, may be new each
    time."""
    row = object_of(body)
    return list(_figures_in([row.get(field) for field in CATALOGUE[name].fields]))


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
        before = yield from succeeded(Send(administrator, name))
        reply = yield from succeeded(Send(agent, name))
        foreign = _foreign(reply, own.row["agent_id"])
        if foreign is None:
            could_show = _foreign(reply, None) and _foreign(before, own.row["agent_id"])
            return Held() if could_show else NotChecked(NO_ANSWER)
        # The same row, asked for as nobody did before.
        field = "policyholder_id" if name == "policies.list" else "contact_number"
        query = {"search" if name == "leads.list" else field: str(field_of(foreign, field))}
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
