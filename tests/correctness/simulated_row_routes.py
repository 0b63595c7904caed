"""Routes of the simulated backend: agents, policies, leads and tickets."""

from __future__ import annotations

from collections.abc import Callable

from perfsuite.target.contract_rules import HOLDER, SENIOR
from tests.correctness.simulated_backend import Asked, Refused, Second, SimulatedBackend, route
from tests.correctness.simulated_figures import AGENT_ROLES, agent_there, matching, policies_of, searched
from tests.correctness.simulated_rows import Row

# ── agents ──────────────────────────────────────────────────────────────────────────────────────────


def _shown(backend: SimulatedBackend, agent_id: str) -> Row:
    collected, rows = backend.world.collected[agent_id], policies_of(backend, agent_id)
    figures = {"total_policies_sold": len(rows), "total_premium_collected": collected}
    holders = len({row["policyholder_id"] for row in rows})
    return backend.world.agents[agent_id] | figures | {"active_policyholders": holders}


@route("agents.list")
def _agents(backend: SimulatedBackend, asked: Asked) -> Second:
    def make() -> Row:
        rows = sorted(backend.world.agents.values(), key=lambda row: row["agent_code"])
        return backend.envelope(asked, "agents", [_shown(backend, row["agent_id"]) for row in rows])

    key = f"all|{asked.query}"
    return lambda: backend.kept("agents.list", key, ["policies", "people"], make)


def _agent(backend: SimulatedBackend, asked: Asked, agent_id: str, key: str) -> Second:
    topics = [f"policies:agent:{agent_id}", "people"]
    return lambda: backend.kept(asked.route, key, topics, lambda: _shown(backend, agent_id))


@route("agents.profile")
def _profile(backend: SimulatedBackend, asked: Asked) -> Second:
    if not asked.agent_id:
        raise Refused(404)  # whoever is let in without being an agent
    return _agent(backend, asked, asked.agent_id, backend.cache_owner(asked, asked.agent_id))


@route("agents.read")
def _one_agent(backend: SimulatedBackend, asked: Asked) -> Second:
    agent_id = agent_there(backend, asked)
    return _agent(backend, asked, agent_id, agent_id)


@route("agents.performance")
def _performance(backend: SimulatedBackend, asked: Asked) -> Second:
    agent_id = asked.agent_id

    def make() -> Row:
        if not agent_id:
            return {"total_policies": 0}
        leads = sum(row["agent_id"] == agent_id for row in backend.world.leads.values())
        sold = len(policies_of(backend, agent_id))
        collected = backend.world.collected[agent_id]
        figures = {"quotes_created": 3, "presentations_delivered": 4, "conversion_rate": 12.5}
        return {"total_policies": sold, "total_premium": collected, "leads_generated": leads, **figures}

    topics = [f"policies:agent:{agent_id}", f"leads:agent:{agent_id}"]
    return lambda: backend.kept("agents.performance", backend.cache_owner(asked, agent_id), topics, make)


@route("agents.customers")
def _customers(backend: SimulatedBackend, asked: Asked) -> Second:
    agent_id = agent_there(backend, asked)

    def make() -> Row:
        sold = (row for row in backend.world.policies.values() if not row["policy_number"].startswith("PERF"))
        ids = sorted({row["policyholder_id"] for row in sold if row["agent_id"] == agent_id})
        rows = [{"policyholder_id": each, "user_id": each.removeprefix("of-"), "agent_id": agent_id} for each in ids]
        return backend.envelope(asked, "customers", rows)

    return lambda: backend.kept("agents.customers", f"{agent_id}|{asked.query}", ["people"], make)


# ── policies ────────────────────────────────────────────────────────────────────────────────────────


def _topics_of(what: str, owner: str) -> list[str]:
    return [f"{what}:{owner}" if ":" in owner else what, "people"]


@route("policies.list")
def _policies(backend: SimulatedBackend, asked: Asked) -> Second:
    names = ("policyholder_id", "agent_id", "provider_id", "status", "policy_number")

    def make() -> list[Row]:
        rows = list(backend.world.policies.values())[::-1]
        if backend.checks_owner("policies.list"):
            rows = [row for row in rows if _owns(asked, row)]
        return backend.page(asked, matching(rows, asked, *names))

    owner = backend.cache_owner(asked, asked.scope)
    return lambda: backend.kept("policies.list", f"{owner}|{asked.query}", _topics_of("policies", owner), make)


def _owns(asked: Asked, policy: Row) -> bool:
    if asked.role == HOLDER:
        return bool(policy["policyholder_id"] == asked.behind["policyholder_id"])
    return asked.role not in AGENT_ROLES or policy["agent_id"] == asked.agent_id


def _single(show: Callable[[Row], Row]) -> Callable[[SimulatedBackend, Asked], Second]:
    def handler(backend: SimulatedBackend, asked: Asked) -> Second:
        def second() -> tuple[int, Row]:
            row = backend.world.policies.get(asked.path["policy_id"])
            if row is None:
                raise Refused(404)
            backend.own(asked, _owns(asked, row))
            return 200, show(row)

        return second

    return handler


route("policies.read")(_single(dict))
route("policies.coverage")(_single(lambda row: {"coverage": [{"coverage_type": row["policy_id"], "amount": 1}]}))
route("policies.premiums")(_single(lambda row: {"premiums": [{"id": f"premium of {row['policy_id']}", "amount": 1}]}))


@route("policies.create")
def _create_policy(backend: SimulatedBackend, asked: Asked) -> Second:
    body = dict(asked.body)
    if not {"policy_number", "policyholder_id", "agent_id", "provider_id"} <= body.keys():
        raise Refused(422)
    backend.own(asked, asked.role != SENIOR or body["agent_id"] == asked.agent_id)
    known = _numbers(backend)

    def second() -> tuple[int, Row]:
        numbers = known if backend.has("number_race") else _numbers(backend)
        if body["policy_number"] in numbers:
            raise Refused(409)
        policy_id = backend.world.new_id("policy")
        user_id = body["policyholder_id"].removeprefix("of-")
        row = body | {"policy_id": policy_id, "status": "pending", "policyholder_info": {"user_id": user_id}}
        backend.world.policies[policy_id] = row
        backend.created += 1
        backend.changed("policies.create", _changed(row))
        return 201, dict(row)

    return second


def _numbers(backend: SimulatedBackend) -> set[str]:
    return {row["policy_number"] for row in backend.world.policies.values()}


def _changed(policy: Row) -> list[str]:
    return ["policies", f"policies:holder:{policy['policyholder_id']}", f"policies:agent:{policy['agent_id']}"]


@route("policies.approve")
def _approve(backend: SimulatedBackend, asked: Asked) -> Second:
    def second() -> tuple[int, Row]:
        row = backend.world.policies.get(asked.path["policy_id"])
        if row is None:
            raise Refused(404)
        row["status"] = "active"
        backend.changed("policies.approve", _changed(row))
        return 200, dict(row)

    return second


@route("policies.delete")
def _delete_policy(backend: SimulatedBackend, asked: Asked) -> Second:
    def second() -> tuple[int, Row]:
        row = backend.world.policies.pop(asked.path["policy_id"], None)
        if row is None:
            raise Refused(404)
        backend.changed("policies.delete", _changed(row))
        return 200, {"success": True}

    return second


# ── leads and tickets ───────────────────────────────────────────────────────────────────────────────


@route("leads.list")
def _leads(backend: SimulatedBackend, asked: Asked) -> Second:
    def make() -> Row:
        rows = list(backend.world.leads.values())[::-1]
        if asked.role in AGENT_ROLES and backend.checks_owner("leads.list"):
            rows = [row for row in rows if row["agent_id"] == asked.agent_id]
        rows = matching(rows, asked, "agent_id", "lead_source", "priority")
        if "search" in asked.query:
            rows = searched(rows, asked.query["search"], "customer_name", "contact_number")
        return backend.envelope(asked, "leads", rows)

    owner = backend.cache_owner(asked, asked.scope)
    return lambda: backend.kept("leads.list", f"{owner}|{asked.query}", _topics_of("leads", owner), make)


@route("leads.create")
def _create_lead(backend: SimulatedBackend, asked: Asked) -> Second:
    if not {"customer_name", "contact_number", "lead_source"} <= asked.body.keys():
        raise Refused(422)

    def second() -> tuple[int, Row]:
        for _copy in range(backend.copies("leads.create")):
            lead_id = backend.world.new_id("lead")
            row = {**asked.body, "lead_id": lead_id, "agent_id": asked.agent_id, "lead_status": "new"}
            backend.world.leads[lead_id] = row
        backend.changed("leads.create", ["leads", f"leads:agent:{asked.agent_id}"])
        return 201, dict(row)

    return second


@route("leads.delete")
def _delete_lead(backend: SimulatedBackend, asked: Asked) -> Second:
    def second() -> tuple[int, Row]:
        row = backend.world.leads.get(asked.path["lead_id"])
        if row is None:
            raise Refused(404)
        backend.own(asked, asked.role not in AGENT_ROLES or row["agent_id"] == asked.agent_id)
        del backend.world.leads[row["lead_id"]]
        backend.changed("leads.delete", ["leads", f"leads:agent:{row['agent_id']}"])
        return 200, {"success": True}

    return second


@route("tickets.list")
def _tickets(backend: SimulatedBackend, asked: Asked) -> Second:
    def make() -> Row:
        rows = matching(list(backend.world.tickets.values())[::-1], asked, "status", "priority")
        if "search" in asked.query:
            rows = searched(rows, asked.query["search"], "subject")
        return backend.envelope(asked, "tickets", rows)

    return lambda: backend.kept("tickets.list", f"all|{asked.query}", ["tickets"], make)


def _ticket(backend: SimulatedBackend, asked: Asked) -> Row:
    row = backend.world.tickets.get(asked.path["ticket_id"])
    if row is None:
        raise Refused(404)
    return row


@route("tickets.read")
def _one_ticket(backend: SimulatedBackend, asked: Asked) -> Second:
    return lambda: (200, dict(_ticket(backend, asked)))


@route("tickets.create")
def _create_ticket(backend: SimulatedBackend, asked: Asked) -> Second:
    if not {"subject", "description", "customer_id"} <= asked.body.keys():
        raise Refused(422)

    def second() -> tuple[int, Row]:
        for _copy in range(backend.copies("tickets.create")):
            ticket_id = backend.world.new_id("ticket")
            row = {**asked.body, "ticket_id": ticket_id, "status": "open", "assigned_to": asked.user_id}
            backend.world.tickets[ticket_id] = row
        backend.changed("tickets.create", ["tickets"])
        return 201, dict(row)

    return second


@route("tickets.status")
def _move_ticket(backend: SimulatedBackend, asked: Asked) -> Second:
    if asked.body.get("status") not in ("open", "in_progress", "resolved", "closed"):
        raise Refused(422)

    def second() -> tuple[int, Row]:
        row = _ticket(backend, asked)
        row["status"] = asked.body["status"]
        backend.changed("tickets.status", ["tickets"])
        return 200, dict(row)

    return second


@route("tickets.delete")
def _delete_ticket(backend: SimulatedBackend, asked: Asked) -> Second:
    def second() -> tuple[int, Row]:
        del backend.world.tickets[_ticket(backend, asked)["ticket_id"]]
        backend.changed("tickets.delete", ["tickets"])
        return 200, {"success": True}

    return second
