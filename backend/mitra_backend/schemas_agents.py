"""What the routes of agents answer, for /openapi.json."""

from datetime import datetime

from pydantic import BaseModel

from mitra_backend.schemas import Page


class UserProfile(BaseModel):
    """The person behind an agent."""

    first_name: str | None
    last_name: str | None
    display_name: str | None
    email: str | None
    phone_number: str | None


class AgentOut(BaseModel):
    """An agent with what they sold."""

    agent_id: str
    user_id: str
    provider_id: str
    parent_agent_id: str | None
    agent_code: str
    license_number: str
    business_name: str
    territory: str | None
    region: str
    total_policies_sold: int
    total_premium_collected: float
    active_policyholders: int
    status: str
    verification_status: str
    hierarchy_level: int
    sub_agents_count: int
    user_profile: UserProfile


class CustomerOut(BaseModel):
    """A policyholder as their agent sees them."""

    policyholder_id: str
    user_id: str
    agent_id: str
    full_name: str | None
    phone_number: str | None
    email: str | None
    city: str
    created_at: datetime


class AgentPage(Page):
    """Agents."""

    agents: list[AgentOut]


class CustomerPage(Page):
    """Customers of an agent."""

    customers: list[CustomerOut]


class AgentMetrics(BaseModel):
    """How an agent does."""

    total_policies: int
    total_premium: float
    conversion_rate: float
    customer_satisfaction: float | None
    monthly_growth: float
    active_customers: int
    leads_generated: int
    quotes_created: int
    presentations_delivered: int
