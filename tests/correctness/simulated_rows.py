"""What the simulated backend has in its tables at the beginning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from perfsuite.target.catalogue import AGENT, FLAG, LEAD, POLICY, TICKET
from perfsuite.target.contract_rules import HOLDER, JUNIOR, PROVIDER, REGIONAL, SENIOR, SUPER, SUPPORT

Row = dict[str, Any]
ROLES = (SUPER, PROVIDER, REGIONAL, SENIOR, JUNIOR, HOLDER, SUPPORT)
ACCOUNTS = 9
"""Of each role."""
PROVIDERS = 3
POLICIES, TICKETS, LEADS_EACH = 160, 60, 30


@dataclass
class World:
    """Id → row, in the order in which they were made. `accounts`: role → users. `collected`: agent → premiums.

    `behind`: user → ids of the agent, policyholder or provider that the user is.
    """

    users: dict[str, Row]
    accounts: dict[str, list[Row]]
    agents: dict[str, Row]
    policies: dict[str, Row]
    leads: dict[str, Row]
    tickets: dict[str, Row]
    flags: dict[str, Row]
    collected: dict[str, float]
    behind: dict[str, Row]
    ids: count[int]

    def new_id(self, kind: str) -> str:
        """Never given before."""
        return f"{kind}-{next(self.ids):06d}"


def new_world() -> World:
    """Tables of one's own."""
    made = _template()
    users = {key: dict(row) for key, row in made.users.items()}
    return World(
        users,
        {role: [users[row["user_id"]] for row in rows] for role, rows in made.accounts.items()},
        *(
            {key: dict(row) for key, row in table.items()}
            for table in (made.agents, made.policies, made.leads, made.tickets, made.flags)
        ),
        dict(made.collected),
        made.behind,
        count(10_000),
    )


@cache
def _template() -> World:
    world = World({}, {}, {}, {}, {}, {}, {}, {}, {}, count(1))
    for role in ROLES:
        world.accounts[role] = [_account(world, role, number) for number in range(ACCOUNTS)]
    for number in range(60):
        _user(world, HOLDER, f"holder {number}")
    agents = list(world.agents)
    holders = [row for row in world.users.values() if row["role"] == HOLDER]
    for number in range(POLICIES):
        _policy(world, number, holders[number % len(holders)], agents[number % len(agents)])
    for agent_id in agents:
        for number in range(LEADS_EACH):
            lead_id = world.new_id("lead")
            contact = f"91{len(world.leads):08d}"
            known = {"lead_id": lead_id, "agent_id": agent_id, "customer_name": f"Lead {number}"}
            world.leads[lead_id] = dict.fromkeys(LEAD) | known | {"contact_number": contact, "lead_source": "website"}
    for number in range(TICKETS):
        ticket_id, customer = world.new_id("ticket"), f"of-{holders[number % len(holders)]['user_id']}"
        known = {"ticket_id": ticket_id, "subject": f"Ticket {number}", "customer_id": customer, "status": "open"}
        world.tickets[ticket_id] = dict.fromkeys(TICKET) | known | {"priority": "low"}
    for name in ("dark", "perf_probe", "beta"):
        known = {"flag_name": name, "is_enabled": False, "updated_at": "2026-02-01T00:00:00+00:00"}
        world.flags[name] = dict.fromkeys(FLAG) | known
    return world


def _user(world: World, role: str, name: str) -> Row:
    user_id = world.new_id("user")
    row: Row = {
        "user_id": user_id,
        "role": role,
        "status": "active",
        "first_name": name,
        "last_name": "Rao",
        "display_name": f"{name} Rao",
        "phone_number": f"98{len(world.users):08d}",
        "email": f"{user_id}@example.com",
        "language_preference": "en",
        "timezone": "Asia/Kolkata",
        "theme_preference": "light",
    }
    world.behind[user_id] = {"policyholder_id": f"of-{user_id}"} if role == HOLDER else {}
    world.users[user_id] = row
    return row


def _account(world: World, role: str, number: int) -> Row:
    row = _user(world, role, f"{role} {number}")
    behind = world.behind[row["user_id"]]
    if role == PROVIDER:
        behind["provider_id"] = f"provider-{number % PROVIDERS}"
    if role in (SENIOR, JUNIOR):
        agent_id = behind["agent_id"] = f"of-{row['user_id']}"
        known = {"agent_id": agent_id, "user_id": row["user_id"], "agent_code": agent_id, "status": "active"}
        world.agents[agent_id] = dict.fromkeys(AGENT) | known
        world.collected[agent_id] = 1000.0 + 37 * len(world.agents)
    return row


def _policy(world: World, number: int, holder: Row, agent_id: str) -> None:
    policy_id = world.new_id("policy")
    known = {
        "policy_id": policy_id,
        "policy_number": f"NUMBER-{number}",
        "policyholder_id": f"of-{holder['user_id']}",
        "agent_id": agent_id,
        "provider_id": f"provider-{(0, 0, 0, 1, 1, 2)[number % 6]}",
        "policy_type": "term_life",
        "plan_name": "Term plan",
        "premium_amount": 100.0 + number,
        "status": "active",
        "policyholder_info": {"user_id": holder["user_id"]},
    }
    world.policies[policy_id] = dict.fromkeys(POLICY) | known
