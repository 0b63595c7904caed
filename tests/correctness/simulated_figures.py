"""Routes of the simulated backend: users, flags and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from perfsuite.target.contract_rules import JUNIOR, PROVIDER, SENIOR, SUPER, SUPPORT
from tests.correctness.simulated_backend import Answered, Asked, Refused, Second, SimulatedBackend, route
from tests.correctness.simulated_rows import Row

AGENT_ROLES = (SENIOR, JUNIOR)


def matching(rows: Sequence[Row], asked: Asked, *names: str) -> list[Row]:
    """Those that have the values that were asked for."""
    wanted = [(name, asked.query[name]) for name in names if name in asked.query]
    return [row for row in rows if all(str(row.get(name)) == value for name, value in wanted)]


def searched(rows: Sequence[Row], text: str, *names: str) -> list[Row]:
    """Those with the text in one of the fields."""
    return [row for row in rows if any(text.lower() in str(row[name]).lower() for name in names)]


# ── users ───────────────────────────────────────────────────────────────────────────────────────────


@route("users.list")
def _users(backend: SimulatedBackend, asked: Asked) -> Second:
    rows = matching(list(backend.world.users.values()), asked, "role", "status")
    if "q" in asked.query:
        rows = searched(rows, asked.query["q"], "display_name", "phone_number", "email")
    return lambda: (200, backend.page(asked, rows))


def _user(backend: SimulatedBackend, route: str, user_id: str, key: str) -> Answered:
    def make() -> Row:
        if user_id not in backend.world.users:
            raise Refused(404)
        return dict(backend.world.users[user_id])

    return backend.kept(route, key, [f"user:{user_id}"], make)


@route("users.me")
def _me(backend: SimulatedBackend, asked: Asked) -> Second:
    return lambda: _user(backend, "users.me", asked.user_id, backend.cache_owner(asked, asked.user_id))


@route("users.read")
def _one_user(backend: SimulatedBackend, asked: Asked) -> Second:
    user_id = asked.path["user_id"]
    backend.own(asked, user_id == asked.user_id or asked.role in (SUPER, PROVIDER, SUPPORT))
    return lambda: _user(backend, "users.read", user_id, user_id)


@route("users.update")
def _update(backend: SimulatedBackend, asked: Asked) -> Second:
    user_id, status = asked.path["user_id"], asked.body.get("status")
    backend.own(asked, user_id == asked.user_id or asked.role == SUPER)
    if status and (asked.role != SUPER or user_id == asked.user_id):
        raise Refused(403)
    written = _written(backend, asked)

    def second() -> Answered:
        written()
        shown = {"first_name", "last_name", "display_name", "email", "status"} & set(asked.body)
        backend.changed("users.update", [f"user:{user_id}", "people"] if shown else [f"user:{user_id}"])
        return _user(backend, "users.read", user_id, user_id)

    return second


@route("users.preferences")
def _preferences(backend: SimulatedBackend, asked: Asked) -> Second:
    user_id = asked.path["user_id"]
    backend.own(asked, user_id == asked.user_id)
    written = _written(backend, asked)

    def second() -> Answered:
        written()
        backend.changed("users.preferences", [f"user:{user_id}"])
        row = backend.world.users[user_id]
        names = ("language_preference", "timezone", "theme_preference")
        return 200, {"success": True, "data": {name: row[name] for name in names}}

    return second


def _written(backend: SimulatedBackend, asked: Asked) -> Callable[[], None]:
    """What writes a user: the whole row as it was read, with the defect."""
    user_id, values = asked.path["user_id"], dict(asked.body)
    if user_id not in backend.world.users:
        raise Refused(404)
    if backend.has("lost_update", asked.route):
        values = {**backend.world.users[user_id], **values}
    return lambda: backend.world.users[user_id].update(values)


# ── flags ───────────────────────────────────────────────────────────────────────────────────────────


@route("flags.list")
def _flags(backend: SimulatedBackend, _asked: Asked) -> Second:
    def make() -> Row:
        return {"success": True, "data": [dict(row) for row in backend.world.flags.values()]}

    return lambda: backend.kept("flags.list", "all", ["flags"], make)


@route("flags.update")
def _flag(backend: SimulatedBackend, asked: Asked) -> Second:
    if "is_enabled" not in asked.body:
        raise Refused(422)

    def second() -> Answered:
        row = backend.world.flags.get(asked.path["flag_name"])
        if row is None:
            raise Refused(404)
        row |= {"is_enabled": asked.body["is_enabled"], "updated_at": _at(backend.now)}
        backend.changed("flags.update", ["flags"])
        return 200, {"success": True, "data": dict(row)}

    return second


def _at(seconds: float) -> str:
    return (datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────


@route("dashboard.system")
def _system(backend: SimulatedBackend, _asked: Asked) -> Second:
    def make() -> Row:
        world = backend.world
        pending = sum(row["status"] == "pending" for row in world.policies.values())
        return {
            "totalUsers": len(world.users),
            "totalAgents": len(world.agents),
            "totalPolicies": backend.known_policies("dashboard.system"),
            "pendingApprovals": pending,
            "activeSessions": 7,
            "apiCalls24h": int(backend.now * 100),
        }

    return lambda: backend.kept("dashboard.system", "all", ["policies", "people"], make)


def _of_provider(backend: SimulatedBackend, asked: Asked) -> list[Row]:
    provider = asked.provider_id
    return [row for row in backend.world.policies.values() if provider in (None, row["provider_id"])]


@route("dashboard.provider")
def _provider(backend: SimulatedBackend, asked: Asked) -> Second:
    def make() -> Row:
        rows = _of_provider(backend, asked)
        recent = [dict(row) for row in rows[-5:]]
        revenue = sum(row["premium_amount"] for row in rows)
        return {"totalAgents": 4, "totalPolicies": len(rows), "monthlyRevenue": revenue, "recentPolicies": recent}

    owner = backend.cache_owner(asked, str(asked.provider_id))
    return lambda: backend.kept("dashboard.provider", owner, ["policies", "people"], make)


@route("dashboard.analytics")
def _analytics(backend: SimulatedBackend, asked: Asked) -> Second:
    def make() -> Row:
        rows = _of_provider(backend, asked)
        recent = [
            {"id": row["policy_id"], "policyNumber": row["policy_number"], "premium": row["premium_amount"]}
            for row in rows[-5:]
        ]
        premium = sum(row["premium_amount"] for row in rows)
        return {"totalPremium": premium, "policiesCount": len(rows), "claimsCount": 0, "recentPolicies": recent}

    owner = backend.cache_owner(asked, str(asked.provider_id))
    return lambda: backend.kept("dashboard.analytics", owner, ["policies", "people"], make)


@route("dashboard.regional")
def _regional(backend: SimulatedBackend, asked: Asked) -> Second:
    def make() -> Row:
        return {"totalAgents": 4, "regionalStats": {"totalPolicies": len(backend.world.policies)}}

    key = asked.query.get("region", "")
    return lambda: backend.kept("dashboard.regional", key, ["policies", "people"], make)


def policies_of(backend: SimulatedBackend, agent_id: str) -> list[Row]:
    """Those that the agent has sold."""
    return [row for row in backend.world.policies.values() if row["agent_id"] == agent_id]


@route("dashboard.senior_agent")
def _senior(backend: SimulatedBackend, asked: Asked) -> Second:
    agent_id = asked.agent_id

    def make() -> Row:
        rows = policies_of(backend, agent_id)
        leads = [dict(row) for row in backend.world.leads.values() if row["agent_id"] == agent_id]
        collected = backend.world.collected.get(agent_id, 0.0)
        return {
            "personalStats": {"totalPoliciesSold": len(rows), "totalPremiumCollected": collected},
            "teamStats": {"teamSize": 3, "teamPolicies": len(backend.world.policies) - len(rows)},
            "monthlyRevenue": collected / 12,
            "pendingTasks": sum(row["status"] == "pending" for row in rows) + len(leads),
            "recentActivities": [{"id": row["lead_id"]} for row in leads[-5:]],
        }

    topics = [f"policies:agent:{agent_id}", f"leads:agent:{agent_id}", "people"]
    return lambda: backend.kept("dashboard.senior_agent", backend.cache_owner(asked, agent_id), topics, make)


@route("analytics.comprehensive")
def _comprehensive(backend: SimulatedBackend, _asked: Asked) -> Second:
    def make() -> Row:
        data = {"total_policies": backend.known_policies("analytics.comprehensive"), "generated_at": str(backend.now)}
        return {"success": True, "generated_at": str(backend.now), "data": data}

    return lambda: backend.kept("analytics.comprehensive", "all", ["policies", "people"], make)


@route("analytics.reports")
def _reports(backend: SimulatedBackend, _asked: Asked) -> Second:
    def make() -> Row:
        kpis = {"total_policies": backend.known_policies("analytics.reports")}
        return {"generated_at": str(backend.now), "current_month": {"kpis": kpis}}

    return lambda: backend.kept("analytics.reports", "all", ["policies", "leads", "people"], make)


def agent_there(backend: SimulatedBackend, asked: Asked) -> str:
    """The agent in the path, who exists and may be asked for."""
    agent_id = asked.path["agent_id"]
    if asked.role in AGENT_ROLES:
        backend.own(asked, agent_id == asked.agent_id)
    if agent_id not in backend.world.agents:
        raise Refused(404)
    return agent_id


@route("analytics.agent")
def _agent_figures(backend: SimulatedBackend, asked: Asked) -> Second:
    agent_id = agent_there(backend, asked)

    def make() -> Row:
        metrics = {"policies_sold": len(policies_of(backend, agent_id))}
        comparison = {"average_policies_sold": len(backend.world.policies) / 9}
        return {"success": True, "data": {"agent_id": agent_id, "metrics": metrics, "comparison": comparison}}

    topics = [f"policies:agent:{agent_id}", f"leads:agent:{agent_id}"]
    return lambda: backend.kept("analytics.agent", agent_id, topics, make)
