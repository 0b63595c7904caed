"""What the contract says and no single answer shows: who may do what, whose rows, and how old an answer may be.

Operations are those of the catalogue, roles are slugs. A test compares the tables with the reference backend.
"""

from __future__ import annotations

from collections.abc import Mapping

SUPER, PROVIDER, REGIONAL = "super_admin", "provider_admin", "regional_manager"
SENIOR, JUNIOR, HOLDER, SUPPORT = "senior_agent", "junior_agent", "policyholder", "support_staff"
ALL_ROLES = _ALL = frozenset((SUPER, PROVIDER, REGIONAL, SENIOR, JUNIOR, HOLDER, SUPPORT))
_MANAGERS, _AGENTS = frozenset((SUPER, PROVIDER, REGIONAL)), frozenset((SENIOR, JUNIOR))

PUBLIC = frozenset(("login", "health.root", "health.database"))
"""Operations without a login."""

_ALLOWED: tuple[tuple[frozenset[str], str], ...] = (
    (
        _ALL,
        "users.me users.read users.update users.preferences preferences.read policies.list policies.page"
        " policies.by_status policies.by_policyholder policies.by_number policies.read policies.read_back"
        " policies.coverage policies.premiums",
    ),
    (
        frozenset((SUPER, SUPPORT)),
        "users.list tickets.list tickets.page tickets.read tickets.read_back tickets.create tickets.status",
    ),
    (frozenset((SUPER,)), "dashboard.system flags.update policies.delete tickets.delete"),
    (frozenset((SUPER, PROVIDER)), "flags.list dashboard.provider"),
    (frozenset((SUPER, REGIONAL)), "dashboard.regional"),
    (frozenset((SENIOR,)), "dashboard.senior_agent"),
    (frozenset((SUPER, SENIOR)), "policies.create"),
    (_MANAGERS, "dashboard.analytics agents.list policies.approve"),
    (_MANAGERS | {SENIOR}, "analytics.comprehensive"),
    (_MANAGERS | {SUPPORT}, "analytics.reports"),
    (_MANAGERS | _AGENTS, "analytics.agent agents.read agents.customers leads.list leads.page leads.search"),
    (_AGENTS, "agents.profile agents.performance leads.create"),
    (_AGENTS | {SUPER}, "leads.delete"),
)
ROLES_BY_OPERATION: Mapping[str, frozenset[str]] = {name: roles for roles, names in _ALLOWED for name in names.split()}
"""Operation → the roles that may call it. To the others it is refused with 403, without a token with 401."""

_OWN_ROWS: tuple[tuple[frozenset[str], str], ...] = (
    (_ALL, "users.preferences preferences.read"),
    (_ALL - {SUPER}, "users.update"),
    (_ALL - {SUPER, PROVIDER, SUPPORT}, "users.read"),
    (_AGENTS | {HOLDER}, "policies.read policies.read_back policies.coverage policies.premiums"),
    (_AGENTS, "agents.read agents.customers analytics.agent leads.delete"),
    (frozenset((SENIOR,)), "policies.create"),
)
OWN_ROWS_ONLY: Mapping[str, frozenset[str]] = {name: roles for roles, names in _OWN_ROWS for name in names.split()}
"""Operation on one row, or under one owner → the roles that may call it for their own only. Others' rows are refused
with 403."""

_OWNERS: tuple[tuple[str, str, str], ...] = (
    (HOLDER, "policyholder_id", "policies.list policies.page policies.by_status policies.by_policyholder"),
    (HOLDER, "policyholder_id", "policies.by_number"),
    (SENIOR, "agent_id", "policies.list policies.page policies.by_status policies.by_policyholder policies.by_number"),
    (JUNIOR, "agent_id", "policies.list policies.page policies.by_status policies.by_policyholder policies.by_number"),
    (SENIOR, "agent_id", "leads.list leads.page leads.search"),
    (JUNIOR, "agent_id", "leads.list leads.page leads.search"),
)
OWNER_FIELDS: Mapping[tuple[str, str], str] = {
    (name, role): field for role, field, names in _OWNERS for name in names.split()
}
"""(operation with many rows, role) → field that must be the caller's own id in each row that has it. Lists leave out
the rows of others."""
OWN_LISTS = "own rows only, in the load's lists"
"""The rule that says so."""
_ROW_OWNERS: Mapping[tuple[str, str], str] = {
    ("policies.read", HOLDER): "policyholder_id",
    ("policies.read", SENIOR): "agent_id",
    ("policies.read", JUNIOR): "agent_id",
}
"""The same of operations with one row."""

MAX_AGE_S = 30.0
"""How old the fields below may be. All others show a write as soon as it was answered."""
AGEING_FIELDS: Mapping[str, tuple[str, ...]] = {
    "dashboard.system": ("activeSessions", "apiCalls24h"),
    "dashboard.senior_agent": ("teamStats",),
    "analytics.agent": ("comparison",),
}
"""Operation → fields of its answer (of `data`, in an envelope) that may be as old as `MAX_AGE_S`."""


def owner_field(operation: str, role: str) -> str:
    """Return the field of the operation's row or rows that must be the caller's own id; "" where it may be any."""
    return OWNER_FIELDS.get((operation, role)) or _ROW_OWNERS.get((operation, role), "")


def refused_roles(operation: str) -> frozenset[str]:
    """Return the roles that the operation must be refused to; none for an operation without a login."""
    return frozenset() if operation in PUBLIC else _ALL - ROLES_BY_OPERATION[operation]
