"""Query parameters of the lists, one record each."""

from pydantic import Field

from mitra_backend.inputs import Filter, Input


class Paging(Input):
    """Which part of a list."""

    limit: int = Field(20, ge=1, le=100)
    # The largest number that every database takes as an offset.
    offset: int = Field(0, ge=0, le=2**31 - 1)


class UserFilter(Paging):
    """Of /users/."""

    q: Filter | None = None
    role: Filter | None = None
    status: Filter | None = None


class PolicyFilter(Paging):
    """Of /policies/."""

    policyholder_id: Filter | None = None
    agent_id: Filter | None = None
    provider_id: Filter | None = None
    status: Filter | None = None
    policy_type: Filter | None = None
    category: Filter | None = None
    policy_number: Filter | None = None


class AgentFilter(Paging):
    """Of /agents/."""

    provider_id: Filter | None = None
    region: Filter | None = None
    status: Filter | None = None
    search: Filter | None = None


class LeadFilter(Paging):
    """Of /leads/."""

    agent_id: Filter | None = None
    status: Filter | None = None
    priority: Filter | None = None
    lead_source: Filter | None = None
    insurance_type: Filter | None = None
    search: Filter | None = None


class TicketFilter(Paging):
    """Of /support/tickets/."""

    status: Filter | None = None
    priority: Filter | None = None
    search: Filter | None = None
