"""Sums and counts for dashboards, made by the database.

"This month" is the calendar month of the latest payment: seeded data has a fixed day, and a dashboard of
it should not be empty because time went on.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from mitra_backend.models import Agent, Lead, Policy, Policyholder, Premium, User

_NEW_CUSTOMER_DAYS = 30


@dataclass(frozen=True, slots=True)
class Months:
    """First days of the month before, of this month and of the next."""

    before: date
    this: date
    after: date


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """Of a set of policies."""

    total: int
    active: int
    pending: int
    holders: int
    active_holders: int
    sum_premium_amount: float


@dataclass(frozen=True, slots=True)
class Revenue:
    """Paid premiums of a set of policies. Growth in per cent, 0 when nothing was paid before."""

    total: float
    this_month: float
    month_before: float

    @property
    def growth(self) -> float:
        """Return by how many per cent this month is above the month before."""
        if not self.month_before:
            return 0.0
        return round((self.this_month / self.month_before - 1) * 100, 2)


def months(session: Session) -> Months:
    """Return the months around the latest payment."""
    latest = session.scalar(select(func.max(Premium.payment_date))) or date(1970, 1, 1)
    this = latest.replace(day=1)
    return Months((this - timedelta(days=1)).replace(day=1), this, (this + timedelta(days=32)).replace(day=1))


def policy_figures(session: Session, *conditions: ColumnElement[bool]) -> PolicyFigures:
    """Return counts over the policies that fulfil the conditions."""
    active = Policy.status == "active"
    row = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((active, 1), else_=0)), 0),
            func.coalesce(func.sum(case((Policy.status == "pending", 1), else_=0)), 0),
            func.count(Policy.policyholder_id.distinct()),
            func.count(case((active, Policy.policyholder_id)).distinct()),
            func.coalesce(func.sum(Policy.premium_amount), 0.0),
        ).where(*conditions)
    ).one()
    return PolicyFigures(row[0], int(row[1]), int(row[2]), row[3], row[4], round(float(row[5]), 2))


def revenue(session: Session, when: Months, *conditions: ColumnElement[bool]) -> Revenue:
    """Return the paid premiums of the policies that fulfil the conditions."""
    this_month = (Premium.payment_date >= when.this) & (Premium.payment_date < when.after)
    month_before = (Premium.payment_date >= when.before) & (Premium.payment_date < when.this)
    query = select(
        func.sum(Premium.amount),
        func.sum(case((this_month, Premium.amount), else_=0)),
        func.sum(case((month_before, Premium.amount), else_=0)),
    ).where(Premium.payment_date.is_not(None))
    if conditions:
        query = query.join(Policy, Policy.policy_id == Premium.policy_id).where(*conditions)
    row = session.execute(query).one()
    return Revenue(*(round(float(value or 0), 2) for value in row))


def agent_counts(session: Session, *conditions: ColumnElement[bool]) -> tuple[int, int, int]:
    """Return how many agents there are, are active, and wait for verification."""
    row = session.execute(
        select(
            func.count(),
            func.sum(case((Agent.status == "active", 1), else_=0)),
            func.sum(case((Agent.verification_status == "pending", 1), else_=0)),
        ).where(*conditions)
    ).one()
    return int(row[0]), int(row[1] or 0), int(row[2] or 0)


def top_agents(session: Session, limit: int, *conditions: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Return the agents that sold most, by premium collected."""
    collected = func.coalesce(func.sum(Policy.premium_amount * Policy.total_payments), 0)
    sold = (
        select(Policy.agent_id, func.count().label("sold"), collected.label("collected"))
        .join(Agent, Agent.agent_id == Policy.agent_id)
        .where(*conditions)
        .group_by(Policy.agent_id)
        .order_by(collected.desc(), Policy.agent_id)
        .limit(limit)
        .subquery()
    )
    query = (
        select(sold.c.agent_id, User.display_name, sold.c.sold, sold.c.collected)
        .join(Agent, Agent.agent_id == sold.c.agent_id)
        .join(User, User.user_id == Agent.user_id)
        .order_by(sold.c.collected.desc(), sold.c.agent_id)
    )
    return [
        {
            "agent_id": row.agent_id,
            "name": row.display_name,
            "policies_sold": row.sold,
            "premium_collected": round(float(row.collected), 2),
        }
        for row in session.execute(query)
    ]


def recent_policies(session: Session, limit: int, *conditions: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Return the newest policies in short."""
    query = (
        select(Policy.policy_id, Policy.policy_number, Policy.premium_amount, Policy.status)
        .where(*conditions)
        .order_by(Policy.application_date.desc(), Policy.policy_id.desc())
        .limit(limit)
    )
    return [
        {
            "id": row.policy_id,
            "policyNumber": row.policy_number,
            "premium": row.premium_amount,
            "status": row.status,
        }
        for row in session.execute(query)
    ]


def lead_figures(session: Session, agent_id: str | None = None) -> dict[str, int]:
    """Return how many leads there are by status, of one agent or of all."""
    query = select(Lead.lead_status, func.count()).group_by(Lead.lead_status)
    if agent_id is not None:
        query = query.where(Lead.agent_id == agent_id)
    return {row[0]: row[1] for row in session.execute(query)}


def conversion_rate(leads: dict[str, int]) -> float:
    """Return the share of leads that became customers, in per cent."""
    total = sum(leads.values())
    return round(100 * leads.get("converted", 0) / total, 2) if total else 0.0


def new_customers(session: Session, when: Months) -> int:
    """Return how many policyholders joined in the last thirty days of the month."""
    day = when.after - timedelta(days=_NEW_CUSTOMER_DAYS)
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return session.scalar(select(func.count()).where(Policyholder.created_at >= since)) or 0
