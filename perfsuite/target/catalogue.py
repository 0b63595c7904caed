"""Every operation of the API that the suite uses, as data: where it is, what it must answer, which rules hold.

Paths are complete, with `{name}` for ids. The contract promises `fields` (their value may be null); `lists` names the
field of an answer with its rows ("" = the answer is an array), and `row_fields` what each row must have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perfsuite.model.role import Role

PREFIX = "/api/v1"
TOTALS = "totals"
"""Kind of row that counts the rows of the target."""
SIZES = {"users": "totalUsers", "agents": "totalAgents", "policies": "totalPolicies"}
"""Kind of row → field of such a row that counts them."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of the API, as the suite uses it."""

    name: str
    method: str
    path: str
    fields: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    """Keys from the top of the answer to the object with `fields`."""
    lists: str | None = None
    row_fields: tuple[str, ...] = ()
    expects: tuple[int, ...] = (200,)
    yields: str = ""
    """Kind of row that sessions learn from the answer: "policy", "agent", …"""
    creates: str = ""
    """Kind of row that it creates; `marked_by`: field of the body that carries the run's mark."""
    marked_by: str = ""
    echoes: tuple[str, ...] = ()
    """Fields of the body that the answer must hold unchanged, where it has them."""
    identity: str = ""
    """Field of the answer that must be the id of the account in use."""
    parent: str = ""
    """`{name}` of the path that each row of the answer, known by its `id`, belongs to for good."""
    needs_database: bool = True

    @property
    def writes(self) -> bool:
        """True when it changes data at the target. A login does not count."""
        return self.method != "GET" and self.name != "login"

    @property
    def names(self) -> tuple[str, ...]:
        """The `{names}` of path and query, in their order."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def template(self) -> str:
        """The path as `/openapi.json` lists it, without the query."""
        return self.path.split("?")[0]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


USER = _names("user_id role status")
POLICY = _names(
    "policy_id policy_number policyholder_id agent_id provider_id policy_type plan_name sum_assured"
    " premium_amount premium_frequency application_date start_date status payment_status"
)
AGENT = _names(
    "agent_id user_id agent_code license_number business_name total_policies_sold total_premium_collected"
    " active_policyholders status verification_status hierarchy_level sub_agents_count user_profile"
)
LEAD = _names(
    "lead_id customer_name contact_number lead_source lead_status priority insurance_type created_at agent_name"
)
TICKET = _names("ticket_id subject description status priority customer_id created_at updated_at")
FLAG = _names("flag_id flag_name flag_description flag_type is_enabled created_at updated_at")
PREMIUM = _names("id amount payment_date due_date status payment_method payment_gateway")


_NUMBERS = _names(
    "expires_in sum_assured premium_amount amount total_policies_sold total_premium_collected active_policyholders"
    " sub_agents_count totalUsers activeUsers totalAgents activeAgents totalPolicies activePolicies totalPremium"
    " monthlyRevenue activeSessions apiCalls24h pendingApprovals pendingVerifications regionalRevenue policiesCount"
    " claimsCount total_agents active_agents total_policies active_policies total_premium monthly_premium_collected"
    " total_customers active_customers new_customers_this_month conversion_rate average_policy_value leads_generated"
    " quotes_created presentations_delivered"
)
_TEXTS = _names(
    "access_token user_id policy_id policyholder_id agent_id provider_id lead_id ticket_id customer_id flag_id"
    " policy_number role created_at updated_at application_date start_date timestamp generated_at"
)
_ARRAYS = _names(
    "permissions topPerformingAgents recentPolicies topPerformers topCustomers recentActivities recentClaims top_agents"
    " trends"
)
_OBJECTS = _names("user user_profile database regionalStats personalStats teamStats metrics comparison")
TYPES: dict[str, str] = {
    **dict.fromkeys(_NUMBERS, "a number"),
    **dict.fromkeys(_TEXTS, "a text"),
    **dict.fromkeys(_ARRAYS, "an array"),
    **dict.fromkeys(_OBJECTS, "an object"),
    "is_enabled": "true or false",
}
"""Field → its type, where the contract gives one: ids and times are texts, money and counts are numbers."""


def _get(name: str, path: str, fields: str = "", **more: object) -> Operation:
    return Operation(name, "GET", PREFIX + path, _names(fields), **more)  # type: ignore[arg-type]


SERVICE = "agent-mitra"
"""In the name by which every Agent Mitra backend answers `/health`."""
SERVICE_HEALTH = Operation("health.root", "GET", "/health", _names("status service version"), needs_database=False)
"""Its answer says whose backend it is and whether it is healthy."""

_OPERATIONS = (
    Operation("login", "POST", PREFIX + "/auth/login", _names("access_token token_type expires_in user permissions")),
    # users
    _get("users.list", "/users/", lists="", row_fields=USER, yields="user"),
    _get("users.read", "/users/{user_id}", " ".join(USER)),
    _get("users.me", "/users/me", " ".join(USER), identity="user_id"),
    Operation("users.update", "PUT", PREFIX + "/users/{user_id}", echoes=_names("first_name last_name display_name")),
    Operation("users.preferences", "PUT", PREFIX + "/users/{user_id}/preferences"),
    _get("preferences.read", "/users/{user_id}/preferences", yields="preferences"),
    # health
    SERVICE_HEALTH,
    _get("health.database", "/health/database", "status database timestamp"),
    # feature flags
    _get("flags.list", "/feature-flags/all", lists="*", row_fields=FLAG, yields="flag"),
    Operation("flags.update", "PUT", PREFIX + "/feature-flags/update/{flag_name}", echoes=("is_enabled",)),
    # dashboards
    _get(
        "dashboard.system",
        "/dashboard/system-overview",
        "totalUsers activeUsers totalAgents activeAgents totalPolicies activePolicies totalPremium monthlyRevenue"
        " activeSessions systemHealth apiCalls24h pendingApprovals",
        yields=TOTALS,
    ),
    _get(
        "dashboard.provider",
        "/dashboard/provider-overview",
        "totalAgents activeAgents totalPolicies monthlyRevenue pendingVerifications topPerformingAgents recentPolicies",
    ),
    _get(
        "dashboard.regional",
        "/dashboard/regional-overview?region={region}",
        "totalAgents activeAgents regionalRevenue monthlyGrowth topPerformers regionalStats",
    ),
    _get(
        "dashboard.senior_agent",
        "/dashboard/senior-agent-overview",
        "personalStats teamStats monthlyRevenue pendingTasks topCustomers recentActivities",
    ),
    _get(
        "dashboard.analytics",
        "/dashboard/analytics",
        "totalPremium policiesCount claimsCount recentPolicies recentClaims",
    ),
    # analytics
    _get(
        "analytics.comprehensive",
        "/analytics/comprehensive/dashboard",
        "total_agents active_agents total_policies total_premium monthly_growth top_agents generated_at",
        inside=("data",),
    ),
    _get(
        "analytics.reports",
        "/analytics/reports/summary",
        "total_policies active_policies total_premium_collected monthly_premium_collected total_customers"
        " active_customers new_customers_this_month conversion_rate average_policy_value",
        inside=("current_month", "kpis"),
    ),
    _get(
        "analytics.agent",
        "/analytics/agents/performance/{agent_id}",
        "agent_id period metrics trends comparison",
        inside=("data",),
    ),
    # agents
    _get("agents.list", "/agents/", lists="*", row_fields=_names("agent_id"), yields="agent"),
    _get("agents.read", "/agents/{agent_id}", " ".join(AGENT)),
    _get("agents.customers", "/agents/{agent_id}/customers", lists="customers", yields="customer"),
    _get("agents.profile", "/agents/profile", " ".join(AGENT), yields="own agent", identity="user_id"),
    _get(
        "agents.performance",
        "/agents/performance/metrics",
        "total_policies total_premium conversion_rate monthly_growth active_customers leads_generated quotes_created"
        " presentations_delivered",
    ),
    # policies
    _get("policies.list", "/policies/", lists="", row_fields=POLICY, yields="policy"),
    _get("policies.page", "/policies/?limit=20&offset={offset}", lists="", row_fields=POLICY, yields="policy"),
    _get("policies.by_status", "/policies/?status={status}", lists="", row_fields=POLICY, yields="policy"),
    _get("policies.by_policyholder", "/policies/?policyholder_id={policyholder_id}", lists="", row_fields=POLICY),
    _get("policies.read", "/policies/{policy_id}", " ".join(POLICY)),
    _get(
        "policies.coverage",
        "/policies/{policy_id}/coverage",
        lists="coverage",
        row_fields=_names("coverage_type amount"),
    ),
    _get(
        "policies.premiums",
        "/policies/{policy_id}/premiums",
        lists="premiums",
        row_fields=PREMIUM,
        parent="policy_id",
    ),
    Operation(
        "policies.create",
        "POST",
        PREFIX + "/policies/",
        POLICY,
        expects=(200, 201),
        creates="policy",
        marked_by="policy_number",
        echoes=_names("policy_number policyholder_id agent_id provider_id policy_type plan_name"),
    ),
    Operation("policies.approve", "POST", PREFIX + "/policies/{policy_id}/approve"),
    # leads
    _get("leads.list", "/leads/", lists="leads", row_fields=LEAD, yields="lead"),
    Operation(
        "leads.create",
        "POST",
        PREFIX + "/leads/",
        expects=(200, 201),
        creates="lead",
        marked_by="customer_name",
        echoes=_names("customer_name contact_number lead_source"),
    ),
    # support tickets
    _get("tickets.list", "/support/tickets/", lists="tickets", row_fields=TICKET, yields="ticket"),
    _get("tickets.read", "/support/tickets/{ticket_id}", " ".join(TICKET)),
    Operation(
        "tickets.create",
        "POST",
        PREFIX + "/support/tickets/",
        expects=(200, 201),
        creates="ticket",
        marked_by="subject",
        echoes=_names("subject priority"),
    ),
    Operation("tickets.status", "PUT", PREFIX + "/support/tickets/{ticket_id}/status", echoes=("status",)),
)

_POLICY_MARK = _names("policy_id policy_number")
_LEAD_MARK = _names("lead_id customer_name")
_TICKET_MARK = _names("ticket_id subject")

# For cleanup; no virtual user calls these.
_REMOVALS = (
    Operation("policies.delete", "DELETE", PREFIX + "/policies/{policy_id}", expects=(200, 204)),
    Operation("leads.delete", "DELETE", PREFIX + "/leads/{lead_id}", expects=(200, 204)),
    Operation("tickets.delete", "DELETE", PREFIX + "/support/tickets/{ticket_id}", expects=(200, 204)),
    _get("policies.by_number", "/policies/?policy_number={policy_number}", lists="", row_fields=_POLICY_MARK),
    _get("leads.search", "/leads/?search={search}", lists="leads", row_fields=_LEAD_MARK),
    _get("leads.page", "/leads/?search={search}&limit=100&offset={offset}", lists="leads", row_fields=_LEAD_MARK),
    _get("tickets.page", "/support/tickets/?limit=100&offset={offset}", lists="tickets", row_fields=_TICKET_MARK),
    # Only the field that cleanup looks at: a row can be read back whatever else differs from the contract.
    _get("policies.read_back", "/policies/{policy_id}", "policy_id"),
    _get("tickets.read_back", "/support/tickets/{ticket_id}", "ticket_id"),
)

CATALOGUE: dict[str, Operation] = {operation.name: operation for operation in (*_OPERATIONS, *_REMOVALS)}
WRITING = frozenset(operation.name for operation in CATALOGUE.values() if operation.writes)
CREATIONS = {operation.creates: operation for operation in CATALOGUE.values() if operation.creates}
"""Kind of row → the operation that creates it."""


def makers_first(roles: Iterable[Role]) -> list[Role]:
    """The roles with those first that make rows which others work on."""
    return sorted(roles, key=lambda role: not any(CATALOGUE[name].creates for name in role.steps_by_operation))


# ── rows that a run makes or changes ────────────────────────────────────────────────────────────────

_DELETED = frozenset({"inactive", "cancelled", "canceled", "deleted", "archived"})
"""Status of a row that was soft-deleted. A run never sets one of them."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowKind:
    """A kind of row that a run creates. Operations are names of the catalogue, "" where the API has none.

    `read`: a single row by its id. `find`: rows with a mark. `pages`: a list, page by page.
    `sample`: a list that shows some rows.
    """

    thing: str
    delete: str
    read: str
    find: str
    pages: str
    sample: str
    statuses: tuple[str, ...] = ("status",)
    """Fields of a row that may hold its status."""
    makers_see_theirs: bool = False
    """The account that made a row sees it in its lists."""

    @property
    def id_field(self) -> str:
        """Field of a row with its id."""
        return f"{self.thing}_id"

    @property
    def marked_by(self) -> str:
        """Field of a row with the mark."""
        return CREATIONS[self.thing].marked_by

    @property
    def find_by(self) -> str:
        """`{name}` in the path of `find` that takes the mark."""
        return CATALOGUE[self.find].path.partition("{")[2].partition("}")[0]

    def by_mark(self, rows: Iterable[Row]) -> dict[str, list[Row]]:
        """Mark → its rows; more than one where the target has made a row twice."""
        found: dict[str, list[Row]] = {}
        for row in rows:
            if row.get(self.id_field):
                found.setdefault(str(row.get(self.marked_by)), []).append(row)
        return found

    def soft_deleted_as(self, row: Row) -> str:
        """The status of a soft-deleted row; "" for any other row."""
        return next((status for status in self._statuses_of(row) if status.lower() in _DELETED), "")

    def status_of(self, row: Row) -> str:
        """The status of a row; "unknown" without one."""
        return next(self._statuses_of(row), "unknown")

    def _statuses_of(self, row: Row) -> Iterator[str]:
        return (str(row[name]) for name in self.statuses if row.get(name))


ROW_KINDS = (
    RowKind(
        thing="policy",
        delete="policies.delete",
        read="policies.read_back",
        find="policies.by_number",
        pages="",
        sample="policies.page",
    ),
    RowKind(
        thing="lead",
        delete="leads.delete",
        read="",
        find="leads.search",
        pages="leads.page",
        sample="leads.list",
        statuses=("lead_status", "status"),
        makers_see_theirs=True,
    ),
    RowKind(
        thing="ticket",
        delete="tickets.delete",
        read="tickets.read_back",
        find="",
        pages="tickets.page",
        sample="tickets.page",
    ),
)


@dataclass(frozen=True, slots=True)
class Restorable:
    """A value that a run changes and cleanup puts back. `read` is "" where writing it is proof enough."""

    write: str
    identity: str
    """`{name}` of the path."""
    field: str
    read: str = ""


FLAG_STATE = Restorable("flags.update", "flag_name", "is_enabled")
SETTINGS = {
    "theme": Restorable("users.preferences", "user_id", "theme_preference", read="preferences.read"),
    "language": Restorable("users.preferences", "user_id", "language_preference", read="users.read"),
    "timezone": Restorable("users.preferences", "user_id", "timezone", read="users.read"),
    "status": Restorable("users.update", "user_id", "status", read="users.read"),
}
"""Setting of an account, as the journal calls it → how it is put back, by who has changed it."""
