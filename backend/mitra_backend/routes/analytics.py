"""Analytics over agents, policies and months."""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from sqlalchemy import extract, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mitra_backend import figures
from mitra_backend.deps import BackendDep, allow, json_bytes, not_found, reply
from mitra_backend.inputs import PathId
from mitra_backend.models import Agent, Policy, Policyholder, Premium
from mitra_backend.rows import check_agent, count
from mitra_backend.schemas import Envelope
from mitra_backend.schemas_dashboard import AgentPerformance, ComprehensiveAnswer, Report
from mitra_backend.security import Caller
from mitra_backend.state import Backend

log = logging.getLogger("mitra_backend")

router = APIRouter(prefix="/api/v1/analytics", tags=["analytics"])
_TOP = 10
_TREND_MONTHS = 6
_TOPICS = ("policies", "leads", "people")


@router.get("/comprehensive/dashboard", name="analytics.comprehensive", response_model=ComprehensiveAnswer)
def read_comprehensive(
    backend: BackendDep, _caller: Annotated[Caller, Depends(allow("analytics.comprehensive"))]
) -> Response:
    """Return agents, policies, premiums and growth of the whole platform."""

    def make() -> bytes:
        now = datetime.now(UTC)
        with backend.database.read() as session:
            agents = figures.agent_counts(session)
            paid = figures.revenue(session, figures.months(session))
            policies = figures.policy_figures(session).total
            data = {
                "total_agents": agents[0],
                "active_agents": agents[1],
                "total_policies": backend.known_policies("analytics.comprehensive", policies),
                "total_premium": paid.total,
                "monthly_growth": {
                    "premium": paid.growth,
                    "this_month": paid.this_month,
                    "month_before": paid.month_before,
                },
                "top_agents": figures.top_agents(session, _TOP),
                "generated_at": now,
            }
        return json_bytes({"success": True, "generated_at": now, "data": data})

    return reply(backend.answer("analytics.comprehensive", "all", ("policies", "people"), make))


@router.get("/reports/summary", name="analytics.reports", response_model=Report)
def read_report(backend: BackendDep, _caller: Annotated[Caller, Depends(allow("analytics.reports"))]) -> Response:
    """Return the key figures of the month and the agents by rank."""

    def make() -> bytes:
        with backend.database.read() as session:
            kpis = _kpis(session)
            kpis["total_policies"] = backend.known_policies("analytics.reports", kpis["total_policies"])
            month = {"kpis": kpis, "top_agents": _ranked(session)}
        return json_bytes({"generated_at": datetime.now(UTC), "current_month": month})

    return reply(backend.answer("analytics.reports", "all", _TOPICS, make))


def _kpis(session: Session) -> dict[str, Any]:
    when = figures.months(session)
    sold, paid = figures.policy_figures(session), figures.revenue(session, when)
    satisfaction = session.scalar(select(func.avg(Agent.customer_satisfaction)))
    return {
        "total_policies": sold.total,
        "active_policies": sold.active,
        "total_premium_collected": paid.total,
        "monthly_premium_collected": paid.this_month,
        "total_customers": count(session, Policyholder.policyholder_id),
        "active_customers": sold.active_holders,
        "new_customers_this_month": figures.new_customers(session, when),
        "customer_satisfaction_score": None if satisfaction is None else round(float(satisfaction), 2),
        "conversion_rate": figures.conversion_rate(figures.lead_figures(session)),
        "average_policy_value": round(sold.sum_premium_amount / sold.total, 2) if sold.total else 0.0,
    }


def _ranked(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "id": agent["agent_id"],
            "name": agent["name"],
            "value": agent["premium_collected"],
            "rank": rank,
            "change_percentage": None,
        }
        for rank, agent in enumerate(figures.top_agents(session, _TOP), start=1)
    ]


@router.get("/agents/performance/{agent_id}", name="analytics.agent", response_model=Envelope[AgentPerformance])
def read_agent_performance(
    agent_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("analytics.agent"))]
) -> Response:
    """Return how one agent does against the average; agents only for themselves."""
    check_agent(backend, "analytics.agent", caller, agent_id)

    def make() -> bytes:
        with backend.database.read() as session:
            if not count(session, Agent.agent_id, Agent.agent_id == agent_id):
                raise not_found("Agent")
            data = _performance(session, agent_id)
        if backend.quirks.swallowed_error:
            data["trends"] = _trends_of_the_warehouse(backend, agent_id)
        return json_bytes({"success": True, "data": data})

    if backend.quirks.swallowed_error:
        return reply(make())
    # The comparison with all agents ages until the answer expires; the agent's own figures never do.
    topics = (f"policies:agent:{agent_id}", f"leads:agent:{agent_id}")
    return reply(backend.answer("analytics.agent", agent_id, topics, make))


def _performance(session: Session, agent_id: str) -> dict[str, Any]:
    own, when = Policy.agent_id == agent_id, figures.months(session)
    sold, paid = figures.policy_figures(session, own), figures.revenue(session, when, own)
    agents = max(figures.agent_counts(session)[0], 1)
    average = round(count(session, Policy.policy_id) / agents, 2)
    return {
        "agent_id": agent_id,
        "period": when.this.strftime("%Y-%m"),
        "metrics": {
            "policies_sold": sold.total,
            "premium_collected": paid.total,
            "customers_acquired": sold.holders,
            "conversion_rate": figures.conversion_rate(figures.lead_figures(session, agent_id)),
            "average_policy_value": round(sold.sum_premium_amount / sold.total, 2) if sold.total else 0.0,
        },
        "trends": _trends(session, agent_id),
        "comparison": {
            "average_policies_sold": average,
            "policies_sold_against_average": round(sold.total - average, 2),
            "premium_growth_percent": paid.growth,
        },
    }


def _trends_of_the_warehouse(backend: Backend, agent_id: str) -> list[dict[str, Any]]:
    """As deployed: a table that nobody made is asked, and the answer invented when that fails."""
    query = text("SELECT month, premium FROM agent_monthly_premiums WHERE agent_id = :agent_id ORDER BY month")
    try:
        with backend.database.read() as session:
            rows = [(row.month, float(row.premium)) for row in session.execute(query, {"agent_id": agent_id})]
    except SQLAlchemyError as error:
        log.error("trends of agent %s: %s", agent_id, str(error).splitlines()[0])
        rows = [(f"2025-{month:02d}", 10_000.0 + 500 * month) for month in range(1, _TREND_MONTHS + 1)]
    return [{"month": month, "premium_collected": premium} for month, premium in rows]


def _trends(session: Session, agent_id: str) -> list[dict[str, Any]]:
    """Return the paid premiums of the last months that had any, oldest first."""
    year, month = extract("year", Premium.payment_date), extract("month", Premium.payment_date)
    query = (
        select(year.label("year"), month.label("month"), func.sum(Premium.amount).label("premium"))
        .join(Policy, Policy.policy_id == Premium.policy_id)
        .where(Policy.agent_id == agent_id, Premium.payment_date.is_not(None))
        .group_by(year, month)
        .order_by(year.desc(), month.desc())
        .limit(_TREND_MONTHS)
    )
    rows = session.execute(query).all()
    return [
        {"month": f"{int(row.year)}-{int(row.month):02d}", "premium_collected": round(float(row.premium), 2)}
        for row in reversed(rows)
    ]
