"""How rows are made, found, changed and deleted, and which figures count them, for checks of writes and lists.

Operations are those of the catalogue, roles are slugs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perfsuite.target.catalogue import CATALOGUE, ROW_KINDS, RowKind
from perfsuite.target.contract_rules import JUNIOR, REGIONAL, SENIOR, SUPER, SUPPORT


@dataclass(frozen=True, slots=True)
class MadeRows:
    """A kind of row that checks make.

    `maker`, `deleter`: roles. `like`: list of the maker with a row whose `taken` fields a new one needs; "" where it
    needs none. `fields`: the others of its body. `lists`: list that shows it, `search`: parameter that takes its mark.
    """

    kind: RowKind
    create: str
    maker: str
    deleter: str
    lists: str
    search: str
    read: str = ""
    like: str = ""
    taken: Mapping[str, str] = field(default_factory=dict)
    """Field of the body → fields of the row in `like`."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    change: str = ""
    """Operation that changes its status; `changer`: role, `change_body`: with which body."""
    changer: str = ""
    change_body: Mapping[str, Any] | None = None

    @property
    def delete(self) -> str:
        """The operation that deletes it."""
        return self.kind.delete


_KINDS = {kind.thing: kind for kind in ROW_KINDS}
LEADS = MadeRows(
    _KINDS["lead"],
    "leads.create",
    maker=SENIOR,
    deleter=SENIOR,
    lists="leads.list",
    search="search",
    fields={"contact_number": "9000000000", "lead_source": "website", "insurance_type": "life", "priority": "low"},
)
TICKETS = MadeRows(
    _KINDS["ticket"],
    "tickets.create",
    maker=SUPPORT,
    deleter=SUPER,
    lists="tickets.list",
    search="search",
    read="tickets.read",
    like="tickets.list",
    taken={"customer_id": "customer_id"},
    fields={"description": "Made by a performance test; removed at its end.", "priority": "low"},
    change="tickets.status",
    changer=SUPPORT,
    change_body={"status": "in_progress"},
)
POLICIES = MadeRows(
    _KINDS["policy"],
    "policies.create",
    maker=SENIOR,
    deleter=SUPER,
    lists="policies.list",
    search="policy_number",
    read="policies.read",
    like="policies.list",
    taken={name: name for name in ("policyholder_id", "agent_id", "provider_id", "policy_type", "plan_name")},
    fields={
        "category": "life",
        "sum_assured": 500_000,
        "premium_amount": 12_500,
        "premium_frequency": "annual",
        # Long ago: lists begin with the newest, and these rows are not to be what a load sees first.
        "application_date": "2020-07-01",
        "start_date": "2020-07-02",
    },
    change="policies.approve",
    changer=REGIONAL,
)
MADE_ROWS = (LEADS, TICKETS, POLICIES)

TICKET_STATES = ("in_progress", "resolved")
"""What two users who move one ticket set."""
RIVAL = SUPER
"""Who competes with the maker of a row: this role may do what the maker may."""

OWN_ACCOUNT = "users.me"
ANY_ACCOUNT = "users.read"
ACCOUNT_UPDATE = "users.update"
ACCOUNT_PREFERENCES = "users.preferences"
CHANGED_SETTINGS: Mapping[str, str] = {"language": "la", "timezone": "Etc/GMT+12"}
"""Settings that checks change and no user of a load → a value that nobody has: whoever meets it is not alone."""
FLAGS, FLAG_UPDATE = "flags.list", "flags.update"

QUIET_LISTS: tuple[tuple[str, str, str], ...] = (
    ("users.list", SUPPORT, "user_id"),
    ("agents.list", REGIONAL, "agent_id"),
    ("agents.customers", JUNIOR, "policyholder_id"),
    ("policies.list", JUNIOR, "policy_id"),
    ("leads.list", JUNIOR, "lead_id"),
    ("tickets.list", SUPPORT, "ticket_id"),
)
"""Lists, as a role to whom a load adds no rows, or few; and the field that identifies a row."""
OWN_AGENT = "agents.profile"

COUNTERS: tuple[tuple[str, str], ...] = (
    ("dashboard.system", "totalPolicies"),
    ("analytics.comprehensive", "total_policies"),
    ("analytics.reports", "total_policies"),
)
"""Figures that count all policies."""


def counted(operation: str, field_name: str, body: Any) -> int | None:
    """The figure in an answer; None where it has none."""
    for key in CATALOGUE[operation].inside:
        body = body.get(key) if isinstance(body, dict) else None
    value = body.get(field_name) if isinstance(body, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
