"""Who may do what. A permission has the name of its route; every route that needs a login asks for one."""

from typing import Final

SUPER_ADMIN: Final = "super_admin"
PROVIDER_ADMIN: Final = "provider_admin"
REGIONAL_MANAGER: Final = "regional_manager"
SENIOR_AGENT: Final = "senior_agent"
JUNIOR_AGENT: Final = "junior_agent"
POLICYHOLDER: Final = "policyholder"
SUPPORT_STAFF: Final = "support_staff"

ROLES: Final = (
    SUPER_ADMIN,
    PROVIDER_ADMIN,
    REGIONAL_MANAGER,
    SENIOR_AGENT,
    JUNIOR_AGENT,
    POLICYHOLDER,
    SUPPORT_STAFF,
)
AGENT_ROLES: Final = frozenset({SENIOR_AGENT, JUNIOR_AGENT})
# Deployed versions call the provider admin by a longer name.
ROLE_ALIASES: Final = {"insurance_provider_admin": PROVIDER_ADMIN}

PUBLIC_ROUTES: Final = frozenset({"auth.login", "health.root", "health.database", "health.system"})

_EVERYBODY = frozenset(ROLES)
_MANAGERS = frozenset({SUPER_ADMIN, PROVIDER_ADMIN, REGIONAL_MANAGER})
_AGENTS = AGENT_ROLES
_SUPER = frozenset({SUPER_ADMIN})
_SUPPORT = frozenset({SUPER_ADMIN, SUPPORT_STAFF})

ROLES_BY_PERMISSION: Final[dict[str, frozenset[str]]] = {
    "auth.logout": _EVERYBODY,
    "users.list": _SUPPORT,
    "users.read": _EVERYBODY,
    "users.me": _EVERYBODY,
    "users.update": _EVERYBODY,
    "users.preferences": _EVERYBODY,
    "flags.list": _SUPER | {PROVIDER_ADMIN},
    "flags.update": _SUPER,
    "dashboard.system": _SUPER,
    "dashboard.provider": _SUPER | {PROVIDER_ADMIN},
    "dashboard.regional": _SUPER | {REGIONAL_MANAGER},
    "dashboard.senior_agent": frozenset({SENIOR_AGENT}),
    "dashboard.analytics": _MANAGERS,
    "analytics.comprehensive": _MANAGERS | {SENIOR_AGENT},
    "analytics.reports": _MANAGERS | {SUPPORT_STAFF},
    "analytics.agent": _MANAGERS | _AGENTS,
    "agents.list": _MANAGERS,
    "agents.read": _MANAGERS | _AGENTS,
    "agents.customers": _MANAGERS | _AGENTS,
    "agents.profile": _AGENTS,
    "agents.performance": _AGENTS,
    "policies.list": _EVERYBODY,
    "policies.read": _EVERYBODY,
    "policies.coverage": _EVERYBODY,
    "policies.premiums": _EVERYBODY,
    "policies.create": _SUPER | {SENIOR_AGENT},
    "policies.approve": _MANAGERS,
    "policies.delete": _SUPER,
    "leads.list": _MANAGERS | _AGENTS,
    "leads.create": _AGENTS,
    "leads.delete": _SUPER | _AGENTS,
    "tickets.list": _SUPPORT,
    "tickets.read": _SUPPORT,
    "tickets.create": _SUPPORT,
    "tickets.status": _SUPPORT,
    "tickets.delete": _SUPER,
}
ROUTE_NAMES: Final = tuple(sorted([*PUBLIC_ROUTES, *ROLES_BY_PERMISSION]))


def canonical_role(role: str) -> str:
    """Return the role under the name used here."""
    return ROLE_ALIASES.get(role, role)


def names_of(role: str) -> tuple[str, ...]:
    """Return every name that the role goes by."""
    known = canonical_role(role)
    return (known, *(alias for alias, meant in ROLE_ALIASES.items() if meant == known))


def permissions_of(role: str) -> list[str]:
    """Return the permissions of a role, sorted; empty for an unknown role."""
    known = canonical_role(role)
    return sorted(name for name, roles in ROLES_BY_PERMISSION.items() if known in roles)
