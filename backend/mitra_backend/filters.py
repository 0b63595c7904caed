"""Query parameters of the lists, one record each."""

from pydantic import BaseModel, Field


class Paging(BaseModel):
    """Which part of a list."""

    limit: int = Field(20, ge=1, le=100)
    # The largest number that every database takes as an offset.
    offset: int = Field(0, ge=0, le=2**31 - 1)


class UserFilter(Paging):
    """Of /users/."""

    q: str | None = None
    role: str | None = None
    status: str | None = None


class PolicyFilter(Paging):
    """Of /policies/."""

    policyholder_id: str | None = None
    agent_id: str | None = None
    provider_id: str | None = None
    status: str | None = None
    policy_type: str | None = None
    category: str | None = None
    policy_number: str | None = None


class AgentFilter(Paging):
    """Of /agents/."""

    provider_id: str | None = None
    region: str | None = None
    status: str | None = None
    search: str | None = None


class LeadFilter(Paging):
    """Of /leads/."""

    agent_id: str | None = None
    status: str | None = None
    priority: str | None = None
    lead_source: str | None = None
    insurance_type: str | None = None
    search: str | None = None


class TicketFilter(Paging):
    """Of /support/tickets/."""

    status: str | None = None
    priority: str | None = None
    search: str | None = None
