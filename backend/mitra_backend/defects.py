"""Defects of correctness: which there are, and which routes can have them.

They are bugs as programs have them, not answers that are falsified on their way out: each lives in the line where
somebody could have written it, and that line asks `Backend.has`. What a defect shows, and to whom, is in
docs/backend.md.
"""

from typing import Final

from mitra_backend.permissions import ROLES, ROLES_BY_PERMISSION

_DETAILS: Final = (
    "agents.read",
    "analytics.agent",
    "policies.coverage",
    "policies.premiums",
    "policies.read",
    "users.read",
)
# Whoever else is let in has no agent account to work with: 404 or 500, and no answer that they must not have.
_NEED_AN_AGENT: Final = ("agents.profile", "leads.create")
DEFECT_ROUTES: Final[dict[str, tuple[str, ...]]] = {
    "cache_without_user": (
        "agents.performance",
        "agents.profile",
        "dashboard.analytics",
        "dashboard.provider",
        "dashboard.senior_agent",
        "leads.list",
        "policies.list",
        "users.me",
    ),
    "cache_without_role": ("dashboard.analytics", "dashboard.provider", "leads.list", "policies.list"),
    "no_owner_check": (
        *_DETAILS,
        "agents.customers",
        "leads.delete",
        "leads.list",
        "policies.create",
        "policies.list",
        "users.preferences",
        "users.update",
    ),
    "owner_in_list_only": _DETAILS,
    "lost_update": ("users.preferences", "users.update"),
    "stale_read": (
        "flags.update",
        "leads.create",
        "leads.delete",
        "policies.approve",
        "policies.create",
        "policies.delete",
        "tickets.create",
        "tickets.delete",
        "tickets.status",
        "users.preferences",
        "users.update",
    ),
    "skipped_row": (
        "agents.customers",
        "agents.list",
        "leads.list",
        "policies.list",
        "tickets.list",
        "users.list",
    ),
    "fail_open": tuple(
        name for name, roles in ROLES_BY_PERMISSION.items() if roles != frozenset(ROLES) and name not in _NEED_AN_AGENT
    ),
    "counter_drift": ("analytics.comprehensive", "analytics.reports", "dashboard.system"),
    "double_submit": ("leads.create", "tickets.create"),
}
"""Defect → the routes that can have it."""
DEFECT_SWITCHES: Final = ("deactivated_token", "number_race")
# What these make of rows must not be kept beyond their time.
UNCACHED_DEFECTS: Final = ("no_owner_check", "skipped_row", "counter_drift")
# How long a defect leaves between what it reads and what it writes: as long as a call to another service takes.
RACE_WINDOW_S: Final = 0.02
# Of so many new policies one is forgotten by the counter that drifts.
FORGOTTEN_EVERY: Final = 5
