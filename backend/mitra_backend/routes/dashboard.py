"""Dashboards, one per kind of reader."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.orm import Session

from mitra_backend import figures
from mitra_backend.deps import BackendDep, allow, json_bytes, reply
from mitra_backend.inputs import NO_NUL
from mitra_backend.models import Agent, Lead, Policy, Policyholder, User
from mitra_backend.rows import cache_owner
from mitra_backend.schemas_dashboard import (
    Analytics,
    ProviderOverview,
    RegionalOverview,
    SeniorOverview,
    SystemOverview,
)
from mitra_backend.security import Caller
from mitra_backend.state import Backend

router = APIRouter(prefix="/api/v1/dashboard", tags=["dashboard"])
SESSION_LENGTH = timedelta(minutes=15)
_TOP = 5
_TOPICS = ("policies", "people")


@router.get("/system-overview", name="dashboard.system", response_model=SystemOverview)
def read_system_overview(
    backend: BackendDep, _caller: Annotated[Caller, Depends(allow("dashboard.system"))]
) -> Response:
    """Return the figures of the whole platform. `activeSessions` counts logins of the last 15 minutes."""
    return reply(backend.answer("dashboard.system", "all", _TOPICS, lambda: json_bytes(_system(backend))))


def _system(backend: Backend) -> dict[str, Any]:
    since = datetime.now(UTC) - SESSION_LENGTH
    with backend.database.read() as session:
        active_user = cast(User.status == "active", Integer)
        users = session.execute(select(func.count(), func.sum(active_user)).select_from(User)).one()
        sessions = session.scalar(select(func.count()).where(User.last_login_at >= since))
        agents = figures.agent_counts(session)
        policies = figures.policy_figures(session)
        paid = figures.revenue(session, figures.months(session))
    return {
        "totalUsers": users[0],
        "activeUsers": int(users[1] or 0),
        "totalAgents": agents[0],
        "activeAgents": agents[1],
        "totalPolicies": backend.known_policies("dashboard.system", policies.total),
        "activePolicies": policies.active,
        "totalPremium": paid.total,
        "monthlyRevenue": paid.this_month,
        "activeSessions": sessions or 0,
        "systemHealth": "healthy",
        "apiCalls24h": backend.calls.total,
        "pendingApprovals": policies.pending,
    }


@router.get("/provider-overview", name="dashboard.provider", response_model=ProviderOverview)
def read_provider_overview(
    backend: BackendDep, caller: Annotated[Caller, Depends(allow("dashboard.provider"))]
) -> Response:
    """Return the figures of the caller's provider; of all providers for the Super Admin."""
    provider_id = caller.provider_id

    def make() -> bytes:
        of_policies = [Policy.provider_id == provider_id] if provider_id else []
        of_agents = [Agent.provider_id == provider_id] if provider_id else []
        with backend.database.read() as session:
            agents = figures.agent_counts(session, *of_agents)
            return json_bytes(
                {
                    "totalAgents": agents[0],
                    "activeAgents": agents[1],
                    "totalPolicies": figures.policy_figures(session, *of_policies).total,
                    "monthlyRevenue": figures.revenue(session, figures.months(session), *of_policies).this_month,
                    "pendingVerifications": agents[2],
                    "topPerformingAgents": figures.top_agents(session, _TOP, *of_agents),
                    "recentPolicies": figures.recent_policies(session, _TOP, *of_policies),
                }
            )

    owner = cache_owner(backend, "dashboard.provider", caller, str(provider_id))
    return reply(backend.answer("dashboard.provider", owner, _TOPICS, make))


@router.get("/regional-overview", name="dashboard.regional", response_model=RegionalOverview)
def read_regional_overview(
    backend: BackendDep,
    _caller: Annotated[Caller, Depends(allow("dashboard.regional"))],
    region: Annotated[str | None, Query(max_length=40, pattern=NO_NUL)] = None,
) -> Response:
    """Return the figures of a region (north, south, east, west), of all without one."""

    def make() -> bytes:
        of_agents: list[ColumnElement[bool]] = [Agent.region == region] if region else []
        of_policies: list[ColumnElement[bool]] = []
        if region:
            of_policies.append(Policy.agent_id.in_(select(Agent.agent_id).where(*of_agents)))
        with backend.database.read() as session:
            agents = figures.agent_counts(session, *of_agents)
            policies = figures.policy_figures(session, *of_policies)
            paid = figures.revenue(session, figures.months(session), *of_policies)
            top = figures.top_agents(session, _TOP, *of_agents)
        return json_bytes(
            {
                "totalAgents": agents[0],
                "activeAgents": agents[1],
                "regionalRevenue": paid.this_month,
                "monthlyGrowth": paid.growth,
                "topPerformers": top,
                "regionalStats": {
                    "totalPolicies": policies.total,
                    "activePolicies": policies.active,
                    "totalCustomers": policies.holders,
                },
            }
        )

    return reply(backend.answer("dashboard.regional", str(region), _TOPICS, make))


@router.get("/senior-agent-overview", name="dashboard.senior_agent", response_model=SeniorOverview)
def read_senior_agent_overview(
    backend: BackendDep, caller: Annotated[Caller, Depends(allow("dashboard.senior_agent"))]
) -> Response:
    """Return the calling agent's own figures and those of their team."""
    agent_id = str(caller.agent_id)

    def make() -> bytes:
        with backend.database.read() as session:
            return json_bytes(_senior(session, agent_id))

    # The team's policies come in by the juniors; they are seen here when the answer expires.
    topics = (f"policies:agent:{agent_id}", f"leads:agent:{agent_id}", "people")
    owner = cache_owner(backend, "dashboard.senior_agent", caller, agent_id)
    return reply(backend.answer("dashboard.senior_agent", owner, topics, make))


def _senior(session: Session, agent_id: str) -> dict[str, Any]:
    when, own = figures.months(session), Policy.agent_id == agent_id
    team = Policy.agent_id.in_(select(Agent.agent_id).where(Agent.parent_agent_id == agent_id))
    sold, paid = figures.policy_figures(session, own), figures.revenue(session, when, own)
    team_sold, team_paid = figures.policy_figures(session, team), figures.revenue(session, when, team)
    leads = figures.lead_figures(session, agent_id)
    return {
        "personalStats": {
            "totalPoliciesSold": sold.total,
            "totalPremiumCollected": paid.total,
            "activePolicyholders": sold.active_holders,
            "conversionRate": figures.conversion_rate(leads),
        },
        "teamStats": {
            "teamSize": session.scalar(select(func.count()).where(Agent.parent_agent_id == agent_id)) or 0,
            "teamPolicies": team_sold.total,
            "teamRevenue": team_paid.total,
        },
        "monthlyRevenue": paid.this_month,
        "pendingTasks": sold.pending + leads.get("new", 0),
        "topCustomers": _top_customers(session, agent_id),
        "recentActivities": _recent_activities(session, agent_id),
    }


def _top_customers(session: Session, agent_id: str) -> list[dict[str, Any]]:
    worth = func.sum(Policy.premium_amount)
    query = (
        select(Policy.policyholder_id, User.display_name, func.count().label("policies"), worth.label("worth"))
        .join(Policyholder, Policyholder.policyholder_id == Policy.policyholder_id)
        .join(User, User.user_id == Policyholder.user_id)
        .where(Policy.agent_id == agent_id)
        .group_by(Policy.policyholder_id, User.display_name)
        .order_by(worth.desc(), Policy.policyholder_id)
        .limit(_TOP)
    )
    return [
        {
            "policyholderId": row.policyholder_id,
            "name": row.display_name,
            "policies": row.policies,
            "premium": round(float(row.worth), 2),
        }
        for row in session.execute(query)
    ]


def _recent_activities(session: Session, agent_id: str) -> list[dict[str, Any]]:
    query = (
        select(Lead.lead_id, Lead.customer_name, Lead.lead_status, Lead.created_at)
        .where(Lead.agent_id == agent_id)
        .order_by(Lead.created_at.desc(), Lead.lead_id.desc())
        .limit(_TOP)
    )
    return [
        {
            "type": "lead",
            "id": row.lead_id,
            "title": f"Lead {row.customer_name}: {row.lead_status}",
            "at": row.created_at,
        }
        for row in session.execute(query)
    ]


@router.get("/analytics", name="dashboard.analytics", response_model=Analytics)
def read_analytics(backend: BackendDep, caller: Annotated[Caller, Depends(allow("dashboard.analytics"))]) -> Response:
    """Return premiums and the newest policies. Claims are kept by another system: always none here."""
    provider_id = caller.provider_id

    def make() -> bytes:
        own = [Policy.provider_id == provider_id] if provider_id else []
        with backend.database.read() as session:
            paid = figures.revenue(session, figures.months(session), *own)
            answer = {
                "totalPremium": paid.total,
                "policiesCount": figures.policy_figures(session, *own).total,
                "claimsCount": 0,
                "recentPolicies": figures.recent_policies(session, _TOP, *own),
                "recentClaims": [],
            }
        return json_bytes(answer)

    owner = cache_owner(backend, "dashboard.analytics", caller, str(provider_id))
    return reply(backend.answer("dashboard.analytics", owner, _TOPICS, make))
