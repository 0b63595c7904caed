"""What goes in, checked; and what comes out, for /openapi.json. Fields as the API contract names them."""

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, StrictBool, StringConstraints

from mitra_backend.inputs import Amount, Changes, Day, Input

Short = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{6,15}$")]
Email = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Data = TypeVar("Data")


class Envelope(BaseModel, Generic[Data]):
    """`{success, data}` around an answer."""

    success: bool
    data: Data


class Done(BaseModel):
    """An action without further result."""

    success: bool
    message: str


class Error(BaseModel):
    """Every error but 422."""

    detail: str


class LoginIn(Input):
    """Credentials."""

    phone_number: Annotated[str, StringConstraints(min_length=1, max_length=20)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class UserOut(BaseModel):
    """A user, without anything secret."""

    user_id: str
    email: str | None
    phone_number: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    role: str
    status: str
    phone_verified: bool | None
    email_verified: bool | None
    language_preference: str | None
    timezone: str | None
    theme_preference: str | None
    last_login_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None


class LoginOut(BaseModel):
    """Tokens and who got them."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int
    user: UserOut
    permissions: list[str]


class UserUpdate(Changes):
    """Fields left out stay as they are."""

    first_name: Short | None = None
    last_name: Short | None = None
    display_name: Annotated[str, StringConstraints(min_length=1, max_length=160)] | None = None
    email: Email | None = None
    language_preference: Annotated[str, StringConstraints(max_length=20)] | None = None
    timezone: Annotated[str, StringConstraints(max_length=60)] | None = None
    theme_preference: Annotated[str, StringConstraints(max_length=20)] | None = None
    address: dict[str, Any] | None = None
    emergency_contact: dict[str, Any] | None = None
    # Not null: left out, it stays as it is.
    status: Literal["active", "inactive"] = "active"


class PreferencesUpdate(Changes):
    """Fields left out stay as they are."""

    language_preference: Annotated[str, StringConstraints(max_length=20)] | None = None
    timezone: Annotated[str, StringConstraints(max_length=60)] | None = None
    theme_preference: Annotated[str, StringConstraints(max_length=20)] | None = None
    notification_preferences: dict[str, Any] | None = None


class Preferences(BaseModel):
    """What a user prefers."""

    language_preference: str | None
    timezone: str | None
    theme_preference: str | None
    notification_preferences: dict[str, Any] | None


class PolicyholderInfo(BaseModel):
    """Who owns a policy."""

    policyholder_id: str
    user_id: str
    full_name: str | None
    phone_number: str | None


class AgentInfo(BaseModel):
    """Who sold a policy."""

    agent_id: str
    agent_code: str
    business_name: str


class ProviderInfo(BaseModel):
    """Who insures."""

    provider_id: str
    name: str


class PolicyOut(BaseModel):
    """A policy with the people around it."""

    policy_id: str
    policy_number: str
    provider_policy_id: str | None
    policyholder_id: str
    agent_id: str
    provider_id: str
    policy_type: str
    plan_name: str
    plan_code: str | None
    category: str | None
    sum_assured: float
    premium_amount: float
    premium_frequency: str
    premium_mode: str | None
    application_date: date
    approval_date: date | None
    start_date: date
    maturity_date: date | None
    renewal_date: date | None
    status: str
    sub_status: str | None
    payment_status: str
    total_payments: int | None
    outstanding_amount: float | None
    next_payment_date: date | None
    created_at: datetime | None
    updated_at: datetime | None
    policyholder_info: PolicyholderInfo | None
    agent_info: AgentInfo | None
    provider_info: ProviderInfo | None


class CoverageIn(Input):
    """One risk to cover."""

    coverage_type: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    amount: Amount


class PolicyCreate(Input):
    """A new policy; it is pending until it is approved."""

    policy_number: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    policyholder_id: str
    agent_id: str
    provider_id: str
    policy_type: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    plan_name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    category: Literal["life", "health", "general"]
    sum_assured: Amount
    premium_amount: Amount
    premium_frequency: Literal["monthly", "quarterly", "half_yearly", "annual"]
    application_date: Day
    start_date: Day
    plan_code: Annotated[str, StringConstraints(max_length=40)] | None = None
    premium_mode: Annotated[str, StringConstraints(max_length=20)] | None = None
    maturity_date: Day | None = None
    coverage_details: list[CoverageIn] | None = None
    nominee_details: dict[str, Any] | list[dict[str, Any]] | None = None


class PremiumOut(BaseModel):
    """One payment."""

    id: str
    amount: float
    payment_date: date | None
    due_date: date
    status: str
    transaction_id: str | None
    payment_method: str
    payment_gateway: str


class Premiums(BaseModel):
    """Payments of a policy, by due date."""

    premiums: list[PremiumOut]


class CoverageOut(BaseModel):
    """One covered risk."""

    coverage_type: str
    amount: float


class Coverages(BaseModel):
    """What a policy covers."""

    coverage: list[CoverageOut]


class FlagUpdate(Input):
    """On or off."""

    is_enabled: StrictBool


class FlagOut(BaseModel):
    """A switch of the platform."""

    flag_id: str
    flag_name: str
    flag_description: str
    flag_type: str
    is_enabled: bool
    tenant_id: str | None
    created_at: datetime
    updated_at: datetime


class LeadCreate(Input):
    """A new lead of the calling agent."""

    customer_name: Annotated[str, StringConstraints(min_length=1, max_length=160)]
    contact_number: Phone
    lead_source: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    email: Email | None = None
    priority: Literal["low", "medium", "high", "urgent"] = "medium"
    insurance_type: Annotated[str, StringConstraints(min_length=1, max_length=20)] = "life"
    notes: Annotated[str, StringConstraints(max_length=2000)] | None = None


class LeadOut(BaseModel):
    """A person who may become a customer."""

    lead_id: str
    agent_id: str
    customer_name: str
    contact_number: str
    email: str | None
    lead_source: str
    lead_status: str
    priority: str
    insurance_type: str
    created_at: datetime
    last_contact_at: datetime | None
    agent_name: str | None


TicketStatus = Literal["open", "in_progress", "resolved", "closed"]
Priority = Literal["low", "medium", "high", "urgent"]


class TicketCreate(Input):
    """A new ticket for a customer (a policyholder_id)."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[str, StringConstraints(min_length=1, max_length=5000)]
    customer_id: str
    priority: Priority = "medium"
    policy_id: str | None = None


class TicketMove(Input):
    """The next status."""

    status: TicketStatus


class TicketOut(BaseModel):
    """A request to the support staff."""

    ticket_id: str
    subject: str
    description: str
    status: str
    priority: str
    customer_id: str
    policy_id: str | None
    assigned_to: str | None
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    """What every enveloped list carries."""

    total: int
    limit: int
    offset: int


class LeadPage(Page):
    """Leads."""

    leads: list[LeadOut]


class TicketPage(Page):
    """Tickets."""

    tickets: list[TicketOut]


class Health(BaseModel):
    """Alive."""

    status: str
    service: str
    version: str
