"""Nobody sees or changes rows of somebody else, however busy the target is.

An account asks for a row of another account by its id, or searches its own list for it. A write that should be refused
changes nothing if it is not: it has no field to write, or works on a row of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from perfsuite.correctness.check import (
    NO_DATA,
    WITHOUT_LOAD,
    Check,
    CheckActor,
    CheckContext,
    Held,
    NotChecked,
    Outcome,
    Reply,
    Send,
    Steps,
    Violated,
    ask,
    shortened,
)
from perfsuite.correctness.facts import (
    field_of,
    foreign_leads,
    foreign_policies,
    forget_listed,
    forget_made,
    made_lead,
    own_agent,
    policies_of,
    policy_body,
)
from perfsuite.correctness.refusal import refusal
from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import Invariant
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import rows_of
from perfsuite.target.contract_rules import HOLDER, JUNIOR, OWN_ROWS_ONLY, ROLES_BY_OPERATION, SENIOR, SUPPORT

OWN_ROWS = "own rows only"
OTHER_ROLES_ROWS = "no rows of other roles"
OWN_LISTS = "own rows only, in lists"

_REFUSED = (403, 404)


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A row of somebody else: how to ask for it, and the answer that showed it to its owner.

    In lists, `value` in `field` of a row says that it is one of theirs.
    """

    path: Mapping[str, str]
    shown: Reply | None = None
    body: Mapping[str, Any] | None = None
    field: str = ""
    value: str = ""


_Finding = Generator[tuple[Send, ...], tuple[Reply, ...], _Foreign]
_Search = Callable[[CheckContext, CheckActor, CheckActor], _Finding]
"""Of the context, who asks, and whose row it is."""


def checks() -> Iterator[Check]:
    """Every role × operation that is for one's own rows, with a row of the same role and of another; and lists."""
    routes: set[tuple[str, str]] = set()
    for name, roles in OWN_ROWS_ONLY.items():
        operation = CATALOGUE[name]
        if (operation.method, operation.template) in routes:
            continue
        routes.add((operation.method, operation.template))
        for role in sorted(roles):
            yield _single(OWN_ROWS, name, CheckActor(role), CheckActor(role, 1))
            if other := _other_role(name, role):
                yield _single(OTHER_ROLES_ROWS, name, CheckActor(role), CheckActor(other))
    for role in (HOLDER, JUNIOR, SENIOR):
        yield _in_list("policies.by_policyholder", role, _listed_policy)
    for role in (JUNIOR, SENIOR):
        yield _in_list("leads.search", role, _listed_lead)


def _other_role(operation: str, role: str) -> str:
    """A role whose rows are certainly of somebody else; "" where there is none."""
    if operation.startswith(("users.", "preferences.")):
        return HOLDER if role == SUPPORT else SUPPORT
    if operation.startswith(("agents.", "analytics.", "policies.", "leads.")) and role != HOLDER:
        return JUNIOR if role == SENIOR else SENIOR
    return ""


def _single(rule: str, name: str, asker: CheckActor, owner: CheckActor) -> Check:
    operation = CATALOGUE[name]
    kind = operation.path.partition("{")[2].partition("}")[0]
    search = _SEARCHES.get(name) or _SEARCHES[kind]
    asked = f"{rule}: {name} asked by {asker} for rows of {owner}"

    def steps(context: CheckContext) -> Steps:
        foreign = yield from search(context, asker, owner)
        # The first time nobody need have asked for it. From then on a cache has the answer to its owner.
        if _shows_its_owner(name, owner) and (context.known.get(asked) or context.known.get(WITHOUT_LOAD)):
            own = yield from ask(Send(owner, name, foreign.path))
            foreign = replace(foreign, shown=own if own.ok else foreign.shown)
        context.known[asked] = True
        reply = yield from ask(Send(asker, name, foreign.path, foreign.body))
        outcome = refusal(reply, _REFUSED, foreign.shown)
        if isinstance(outcome, Held) and reply.status == 404 and search is _policy:
            outcome = yield from _of_a_policy(context, owner, foreign)
        if kind == "lead_id" and not isinstance(outcome, Held):
            forget_made(context, "lead", owner)
        return outcome

    return _check(rule, name, (asker, owner), search, steps)


def _of_a_policy(
    context: CheckContext, owner: CheckActor, foreign: _Foreign
) -> Generator[tuple[Send, ...], tuple[Reply, ...], Outcome]:
    """Held where the policy that was not found is there; it may have been deleted since its owner saw it."""
    forget_listed(context, "policies.list", owner)
    learnt = yield from policies_of(context, owner)
    there = any(str(row["policy_id"]) == foreign.path["policy_id"] for row in learnt.rows)
    return Held() if there else NotChecked(NO_DATA)


def _in_list(name: str, role: str, search: _Search) -> Check:
    asker, owner = CheckActor(role), CheckActor(role, 1)

    def steps(context: CheckContext) -> Steps:
        foreign = yield from search(context, asker, owner)
        reply = yield from ask(Send(asker, name, foreign.path))
        if not reply.ok:
            return refusal(reply, _REFUSED)
        rows = rows_of(CATALOGUE[name], reply.body)
        if rows is None:
            return NotChecked(WhyNot.NO_LIST())
        if any(str(row.get(foreign.field)) == foreign.value for row in rows):
            seen = f"{foreign.field} {shortened(foreign.value)} of somebody else"
            return Violated("rows of one's own only", seen, tuple(filter(None, (foreign.shown, reply))))
        return Held()

    return _check(OWN_LISTS, name, (asker, owner), search, steps)


def _check(
    rule: str, name: str, actors: tuple[CheckActor, CheckActor], search: _Search, steps: Callable[[CheckContext], Steps]
) -> Check:
    uses = tuple(each for each in _USES[search] if actors[0].role != HOLDER or each != "agents.profile")
    writes = any(CATALOGUE[each].writes for each in (name, *uses))
    requests = len(uses) + (2 if rule != OWN_LISTS and _shows_its_owner(name, actors[1]) else 1)
    # A target that grants it may write the whole account again, and undo a change of it.
    shared = name not in ("users.update", "users.preferences")
    return Check(Invariant.ISOLATION, rule, name, actors, requests, steps, writes, uses=uses, shares_accounts=shared)


def _shows_its_owner(name: str, owner: CheckActor) -> bool:
    """The owner may ask for the row just as the other one does."""
    return CATALOGUE[name].method == "GET" and owner.role in ROLES_BY_OPERATION[name]


# ── finding a row of somebody else ──────────────────────────────────────────────────────────────────


def _account(context: CheckContext, _asker: CheckActor, owner: CheckActor) -> _Finding:
    yield from ()
    return _Foreign({"user_id": context.user_id(owner)})


def _settings(context: CheckContext, asker: CheckActor, owner: CheckActor) -> _Finding:
    """An account, and no change to it."""
    account = yield from _account(context, asker, owner)
    return replace(account, body={})


def _agent(context: CheckContext, _asker: CheckActor, owner: CheckActor) -> _Finding:
    learnt = yield from own_agent(context, owner)
    return _Foreign({"agent_id": str(learnt.row["agent_id"])}, learnt.reply)


def _policy(context: CheckContext, asker: CheckActor, owner: CheckActor) -> _Finding:
    learnt = yield from foreign_policies(context, asker, owner)
    return _Foreign({"policy_id": str(context.random.choice(learnt.rows)["policy_id"])}, learnt.reply)


def _lead(context: CheckContext, _asker: CheckActor, owner: CheckActor) -> _Finding:
    learnt = yield from made_lead(context, owner)
    return _Foreign({"lead_id": str(learnt.row["lead_id"])}, learnt.reply)


def _sale(context: CheckContext, asker: CheckActor, owner: CheckActor) -> _Finding:
    """A policy that `asker` would sell in the name of `owner`."""
    agent = yield from own_agent(context, owner)
    sold = yield from policies_of(context, asker)
    return _Foreign({}, agent.reply, policy_body(sold.row, str(agent.row["agent_id"]), context.new_mark()))


def _listed_policy(context: CheckContext, asker: CheckActor, owner: CheckActor) -> _Finding:
    learnt = yield from foreign_policies(context, asker, owner)
    row = context.random.choice(learnt.rows)
    path = {"policyholder_id": str(field_of(row, "policyholder_id"))}
    return _Foreign(path, learnt.reply, field="policy_id", value=str(row["policy_id"]))


def _listed_lead(context: CheckContext, asker: CheckActor, owner: CheckActor) -> _Finding:
    learnt = yield from foreign_leads(context, asker, owner)
    row = context.random.choice(learnt.rows)
    path = {"search": str(row.get("contact_number") or field_of(row, "customer_name"))}
    return _Foreign(path, learnt.reply, field="lead_id", value=str(row["lead_id"]))


_SEARCHES: Mapping[str, _Search] = {
    "user_id": _account,
    "agent_id": _agent,
    "policy_id": _policy,
    "lead_id": _lead,
    "users.update": _settings,
    "users.preferences": _settings,
    "policies.create": _sale,
}
"""`{name}` in a path, or an operation with a body → how a row of somebody else is found."""
_USES: Mapping[_Search, tuple[str, ...]] = {
    _account: (),
    _settings: (),
    _agent: ("agents.profile",),
    _policy: ("agents.profile", "policies.list"),
    _lead: ("leads.create",),
    _sale: ("agents.profile", "policies.list"),
    _listed_policy: ("agents.profile", "policies.list"),
    _listed_lead: ("agents.profile", "leads.list"),
}
