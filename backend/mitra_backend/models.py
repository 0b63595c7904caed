"""The tables. Times are UTC; money is in INR."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Date, DateTime, ForeignKey, Index, Integer, Numeric, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times in Python on every database (SQLite keeps no offset)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC, without offset where the database keeps none."""
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = String(36)
Money = Numeric(14, 2, asdecimal=False)


class Base(DeclarativeBase):
    """Base of all tables."""


class User(Base):
    """A person who can log in, whatever the role."""

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_role", "role", "user_id"),)

    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    phone_number: Mapped[str] = mapped_column(String(20), unique=True)
    email: Mapped[str | None] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200))
    first_name: Mapped[str | None] = mapped_column(String(80))
    last_name: Mapped[str | None] = mapped_column(String(80))
    display_name: Mapped[str | None] = mapped_column(String(160))
    role: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(20))
    phone_verified: Mapped[bool] = mapped_column(Boolean, default=True)
    email_verified: Mapped[bool] = mapped_column(Boolean, default=False)
    language_preference: Mapped[str | None] = mapped_column(String(20))
    timezone: Mapped[str | None] = mapped_column(String(60))
    theme_preference: Mapped[str | None] = mapped_column(String(20))
    notification_preferences: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    address: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    emergency_contact: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    region: Mapped[str | None] = mapped_column(String(40))
    provider_id: Mapped[str | None] = mapped_column(ForeignKey("providers.provider_id"))
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Provider(Base):
    """An insurance company."""

    __tablename__ = "providers"

    provider_id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    provider_code: Mapped[str] = mapped_column(String(20), unique=True)
    status: Mapped[str] = mapped_column(String(20))


class Agent(Base):
    """Somebody who sells policies; juniors hang under a senior."""

    __tablename__ = "agents"

    agent_id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), unique=True)
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.provider_id"), index=True)
    parent_agent_id: Mapped[str | None] = mapped_column(ForeignKey("agents.agent_id"), index=True)
    agent_code: Mapped[str] = mapped_column(String(20), unique=True)
    license_number: Mapped[str] = mapped_column(String(40))
    business_name: Mapped[str] = mapped_column(String(120))
    territory: Mapped[str | None] = mapped_column(String(80))
    region: Mapped[str] = mapped_column(String(40), index=True)
    status: Mapped[str] = mapped_column(String(20))
    verification_status: Mapped[str] = mapped_column(String(20))
    hierarchy_level: Mapped[int] = mapped_column(Integer)
    customer_satisfaction: Mapped[float | None] = mapped_column(Numeric(3, 2, asdecimal=False))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Policyholder(Base):
    """A customer; `agent_id` is the agent who looks after them."""

    __tablename__ = "policyholders"
    __table_args__ = (Index("ix_policyholders_agent", "agent_id", "policyholder_id"),)

    policyholder_id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), unique=True)
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.agent_id"))
    date_of_birth: Mapped[date] = mapped_column(Date)
    city: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Policy(Base):
    """A contract between a policyholder and a provider, sold by an agent."""

    __tablename__ = "policies"

    policy_id: Mapped[str] = mapped_column(Id, primary_key=True)
    policy_number: Mapped[str] = mapped_column(String(60))
    provider_policy_id: Mapped[str | None] = mapped_column(String(60))
    policyholder_id: Mapped[str] = mapped_column(ForeignKey("policyholders.policyholder_id"))
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.agent_id"))
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.provider_id"))
    policy_type: Mapped[str] = mapped_column(String(40))
    plan_name: Mapped[str] = mapped_column(String(120))
    plan_code: Mapped[str | None] = mapped_column(String(40))
    category: Mapped[str | None] = mapped_column(String(20))
    sum_assured: Mapped[float] = mapped_column(Money)
    premium_amount: Mapped[float] = mapped_column(Money)
    premium_frequency: Mapped[str] = mapped_column(String(20))
    premium_mode: Mapped[str | None] = mapped_column(String(20))
    application_date: Mapped[date] = mapped_column(Date)
    approval_date: Mapped[date | None] = mapped_column(Date)
    start_date: Mapped[date] = mapped_column(Date)
    maturity_date: Mapped[date | None] = mapped_column(Date)
    renewal_date: Mapped[date | None] = mapped_column(Date)
    status: Mapped[str] = mapped_column(String(20))
    sub_status: Mapped[str | None] = mapped_column(String(40))
    payment_status: Mapped[str] = mapped_column(String(20))
    total_payments: Mapped[int] = mapped_column(Integer, default=0)
    outstanding_amount: Mapped[float] = mapped_column(Money, default=0)
    next_payment_date: Mapped[date | None] = mapped_column(Date)
    nominee_details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


# An index and no constraint of the table, so that a fault can leave it out.
POLICY_NUMBER_INDEX = Index("ix_policies_number", Policy.policy_number, unique=True)
# Lists show the newest first and break ties by id: each index below holds its list in exactly that order.
POLICY_LIST_INDEXES = tuple(
    Index(f"ix_policies_list_{name}", *columns, Policy.application_date, Policy.policy_id)
    for name, columns in (
        ("all", ()),
        ("agent", (Policy.agent_id,)),
        ("holder", (Policy.policyholder_id,)),
        ("provider", (Policy.provider_id,)),
        ("status", (Policy.status,)),
    )
)


class Premium(Base):
    """One payment of a policy, made or due."""

    __tablename__ = "premiums"
    __table_args__ = (Index("ix_premiums_policy", "policy_id", "due_date"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    policy_id: Mapped[str] = mapped_column(ForeignKey("policies.policy_id", ondelete="CASCADE"))
    amount: Mapped[float] = mapped_column(Money)
    payment_date: Mapped[date | None] = mapped_column(Date, index=True)
    due_date: Mapped[date] = mapped_column(Date)
    status: Mapped[str] = mapped_column(String(20))
    transaction_id: Mapped[str | None] = mapped_column(String(40))
    payment_method: Mapped[str] = mapped_column(String(20))
    payment_gateway: Mapped[str] = mapped_column(String(20))


class Coverage(Base):
    """One risk that a policy covers."""

    __tablename__ = "coverages"

    coverage_id: Mapped[str] = mapped_column(Id, primary_key=True)
    policy_id: Mapped[str] = mapped_column(ForeignKey("policies.policy_id", ondelete="CASCADE"), index=True)
    coverage_type: Mapped[str] = mapped_column(String(60))
    amount: Mapped[float] = mapped_column(Money)


class Lead(Base):
    """A person who may become a customer of an agent."""

    __tablename__ = "leads"
    __table_args__ = (
        Index("ix_leads_agent", "agent_id", "created_at", "lead_id"),
        Index("ix_leads_all", "created_at", "lead_id"),
    )

    lead_id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.agent_id"))
    customer_name: Mapped[str] = mapped_column(String(160))
    contact_number: Mapped[str] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(200))
    lead_source: Mapped[str] = mapped_column(String(40))
    lead_status: Mapped[str] = mapped_column(String(20))
    priority: Mapped[str] = mapped_column(String(20))
    insurance_type: Mapped[str] = mapped_column(String(20))
    notes: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_contact_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Ticket(Base):
    """A request to the support staff."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_all", "created_at", "ticket_id"),
        Index("ix_tickets_status", "status", "created_at", "ticket_id"),
    )

    ticket_id: Mapped[str] = mapped_column(Id, primary_key=True)
    subject: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    priority: Mapped[str] = mapped_column(String(20))
    customer_id: Mapped[str] = mapped_column(ForeignKey("policyholders.policyholder_id"), index=True)
    policy_id: Mapped[str | None] = mapped_column(ForeignKey("policies.policy_id", ondelete="SET NULL"), index=True)
    assigned_to: Mapped[str | None] = mapped_column(ForeignKey("users.user_id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FeatureFlag(Base):
    """A switch of the platform."""

    __tablename__ = "feature_flags"

    flag_id: Mapped[str] = mapped_column(Id, primary_key=True)
    flag_name: Mapped[str] = mapped_column(String(80), unique=True)
    flag_description: Mapped[str] = mapped_column(String(200))
    flag_type: Mapped[str] = mapped_column(String(20))
    is_enabled: Mapped[bool] = mapped_column(Boolean)
    tenant_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
