"""Agents, their customers and how they do."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from mitra_backend import figures
from mitra_backend.deps import BackendDep, allow, json_bytes, not_found, reply
from mitra_backend.filters import AgentFilter, Paging
from mitra_backend.inputs import PathId
from mitra_backend.models import Agent, Policy, Policyholder, User
from mitra_backend.rows import cache_owner, check_agent, count, one_more_query_per_row, page, same
from mitra_backend.schemas import Envelope
from mitra_backend.schemas_agents import AgentMetrics, AgentOut, AgentPage, CustomerPage
from mitra_backend.security import Caller
from mitra_backend.state import Backend

router = APIRouter(prefix="/api/v1/agents", tags=["agents"])
_SUB_AGENT = aliased(Agent, name="sub_agent")
_PROFILE = ("first_name", "last_name", "display_name", "email", "phone_number")
_HIDDEN = frozenset({"customer_satisfaction", "created_at"})
_COLUMNS = tuple(column for column in Agent.__table__.columns if column.key not in _HIDDEN)


@router.get("/", name="agents.list", response_model=Envelope[AgentPage])
def list_agents(
    backend: BackendDep,
    _caller: Annotated[Caller, Depends(allow("agents.list"))],
    wanted: Annotated[AgentFilter, Query()],
) -> Response:
    """List agents by code; `search` looks in codes, names and businesses."""

    def make() -> bytes:
        conditions = _conditions(wanted)
        query = _select().where(*conditions).order_by(Agent.agent_code)
        query = query.limit(wanted.limit).offset(backend.offset("agents.list", wanted.offset))
        total_query = select(func.count()).select_from(Agent).join(User, User.user_id == Agent.user_id)
        with backend.database.read() as session:
            total = session.scalar(total_query.where(*conditions)) or 0
            rows = [_row(row) for row in session.execute(query)]
            ids = [row["agent_id"] for row in rows]
            one_more_query_per_row(backend, "agents.list", session, Agent.agent_id, ids)
        return json_bytes(page("agents", rows, total, wanted.limit, wanted.offset))

    key = f"all|{wanted.model_dump_json(exclude_none=True)}"
    return reply(backend.answer("agents.list", key, ("policies", "people"), make))


def _conditions(wanted: AgentFilter) -> list[ColumnElement[bool]]:
    filters = (
        (Agent.provider_id, wanted.provider_id),
        (Agent.region, wanted.region),
        (Agent.status, wanted.status),
    )
    conditions = [same(column, value) for column, value in filters if value is not None]
    if wanted.search:
        columns = (Agent.agent_code, Agent.business_name, User.display_name)
        conditions.append(or_(*(column.icontains(wanted.search, autoescape=True) for column in columns)))
    return conditions


def _select() -> Select[Any]:
    """Return the query of agents; the sums are made for the agents of the page only."""
    of_agent = Policy.agent_id == Agent.agent_id
    collected = select(func.coalesce(func.sum(Policy.premium_amount * Policy.total_payments), 0))
    holders = select(func.count(Policy.policyholder_id.distinct())).where(Policy.status == "active")
    below = select(func.count()).where(_SUB_AGENT.parent_agent_id == Agent.agent_id)
    return select(
        *_COLUMNS,
        *(getattr(User, name) for name in _PROFILE),
        select(func.count()).where(of_agent).correlate(Agent).scalar_subquery().label("total_policies_sold"),
        collected.where(of_agent).correlate(Agent).scalar_subquery().label("total_premium_collected"),
        holders.where(of_agent).correlate(Agent).scalar_subquery().label("active_policyholders"),
        below.correlate(Agent).scalar_subquery().label("sub_agents_count"),
    ).join(User, User.user_id == Agent.user_id)


def _row(row: Any) -> dict[str, Any]:
    agent: dict[str, Any] = row._asdict()
    agent["user_profile"] = {name: agent.pop(name) for name in _PROFILE}
    agent["total_premium_collected"] = round(float(agent["total_premium_collected"]), 2)
    return agent


@router.get("/profile", name="agents.profile", response_model=AgentOut)
def read_profile(backend: BackendDep, caller: Annotated[Caller, Depends(allow("agents.profile"))]) -> Response:
    """Return the calling agent."""
    agent_id = str(caller.agent_id)
    return reply(_agent(backend, "agents.profile", agent_id, cache_owner(backend, "agents.profile", caller, agent_id)))


@router.get(
    "/performance/metrics",
    name="agents.performance",
    response_model=AgentMetrics,
)
def read_performance(backend: BackendDep, caller: Annotated[Caller, Depends(allow("agents.performance"))]) -> Response:
    """Return how the calling agent does."""
    agent_id = str(caller.agent_id)

    def make() -> bytes:
        with backend.database.read() as session:
            return json_bytes(_metrics(session, agent_id))

    topics = (f"policies:agent:{agent_id}", f"leads:agent:{agent_id}")
    owner = cache_owner(backend, "agents.performance", caller, agent_id)
    return reply(backend.answer("agents.performance", owner, topics, make))


def _metrics(session: Session, agent_id: str) -> dict[str, Any]:
    own = Policy.agent_id == agent_id
    sold = figures.policy_figures(session, own)
    paid = figures.revenue(session, figures.months(session), own)
    leads = figures.lead_figures(session, agent_id)
    satisfaction = select(Agent.customer_satisfaction).where(Agent.agent_id == agent_id)
    return {
        "total_policies": sold.total,
        "total_premium": paid.total,
        "conversion_rate": figures.conversion_rate(leads),
        "customer_satisfaction": session.scalar(satisfaction),
        "monthly_growth": paid.growth,
        "active_customers": sold.active_holders,
        "leads_generated": sum(leads.values()),
        "quotes_created": leads.get("quoted", 0) + leads.get("converted", 0),
        "presentations_delivered": leads.get("qualified", 0) + leads.get("quoted", 0),
    }


@router.get("/{agent_id}", name="agents.read", response_model=AgentOut)
def read_agent(
    agent_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("agents.read"))]
) -> Response:
    """Return one agent; agents only themselves."""
    check_agent(backend, "agents.read", caller, agent_id)
    return reply(_agent(backend, "agents.read", agent_id, agent_id))


def _agent(backend: Backend, route: str, agent_id: str, key: str) -> bytes:
    wrong = backend.wrong_rows(route)

    def make() -> bytes:
        query = _select().where(same(Agent.agent_id, agent_id, wrong)).limit(1)
        with backend.database.read() as session:
            row = session.execute(query).first()
        if row is None:
            raise not_found("Agent")
        return json_bytes(_row(row))

    return backend.answer(route, key, (f"policies:agent:{agent_id}", "people"), make)


@router.get("/{agent_id}/customers", name="agents.customers", response_model=Envelope[CustomerPage])
def list_customers(
    agent_id: PathId,
    backend: BackendDep,
    caller: Annotated[Caller, Depends(allow("agents.customers"))],
    wanted: Annotated[Paging, Query()],
) -> Response:
    """List the policyholders that the agent looks after; agents only their own."""
    route = "agents.customers"
    check_agent(backend, route, caller, agent_id)
    wrong = backend.wrong_rows(route)

    def make() -> bytes:
        own = same(Policyholder.agent_id, agent_id, wrong)
        query = _customers().where(own).order_by(Policyholder.policyholder_id)
        query = query.limit(wanted.limit).offset(backend.offset(route, wanted.offset))
        with backend.database.read() as session:
            if not count(session, Agent.agent_id, Agent.agent_id == agent_id):
                raise not_found("Agent")
            total = count(session, Policyholder.policyholder_id, own)
            rows = [row._asdict() for row in session.execute(query)]
            ids = [row["policyholder_id"] for row in rows]
            one_more_query_per_row(backend, route, session, Policyholder.policyholder_id, ids)
        return json_bytes(page("customers", rows, total, wanted.limit, wanted.offset))

    key = f"{agent_id}|{wanted.model_dump_json()}"
    return reply(backend.answer(route, key, ("people",), make))


def _customers() -> Select[Any]:
    columns: tuple[Any, ...] = (
        Policyholder.policyholder_id,
        Policyholder.user_id,
        Policyholder.agent_id,
        User.display_name.label("full_name"),
        User.phone_number,
        User.email,
        Policyholder.city,
        Policyholder.created_at,
    )
    return select(*columns).join(User, User.user_id == Policyholder.user_id)
