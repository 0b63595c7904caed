"""Seeded data: the same rows from the same number, on every machine and database."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from mitra_backend import models, permissions, seed_values
from mitra_backend.db import Database
from mitra_backend.security import hash_password

PASSWORD: Final = "testpassword"  # noqa: S105 - of seeded accounts, published in the API contract
SEED_DAY: Final = date(2025, 6, 30)
SEED_TIME: Final = datetime(2025, 6, 30, 9, 0, tzinfo=UTC)
CONTRACT_PHONE: Final = 9876543200
_FIRST_PHONE: Final = 9810000000
_FREQUENCY_DAYS: Final = {"monthly": 30, "quarterly": 91, "half_yearly": 182, "annual": 365}
_BLOCK: Final = 5000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many rows of each kind."""

    staff: dict[str, int]
    senior_agents: int
    junior_agents: int
    policyholders: int
    policies: int
    premiums_per_policy: int
    leads: int
    tickets: int
    login_policyholders: int


def amounts(factor: float) -> Amounts:
    """Return the numbers for a factor. Small factors keep enough accounts for about a hundred users."""
    holders = max(60, round(2000 * factor))
    agents = max(12, round(35 * factor)), max(24, round(70 * factor))
    staff = {
        permissions.SUPER_ADMIN: 4,
        permissions.PROVIDER_ADMIN: 8,
        permissions.REGIONAL_MANAGER: 12,
        permissions.SUPPORT_STAFF: 20,
    }
    return Amounts(
        staff={role: max(count, round(count * factor)) for role, count in staff.items()},
        senior_agents=agents[0],
        junior_agents=agents[1],
        policyholders=holders,
        policies=max(round(2.5 * holders), round(5000 * factor)),
        premiums_per_policy=4,
        leads=max(3 * sum(agents), round(1000 * factor)),
        tickets=max(20, round(500 * factor)),
        login_policyholders=min(holders, max(60, round(200 * factor))),
    )


@dataclass(slots=True)
class _Maker:
    """Rows in the making: everything comes from one random stream, in a fixed order."""

    rng: random.Random
    wanted: Amounts
    password_hash: str
    users: list[Row] = field(default_factory=list)
    providers: list[Row] = field(default_factory=list)
    agents: list[Row] = field(default_factory=list)
    holders: list[Row] = field(default_factory=list)
    policies: list[Row] = field(default_factory=list)
    premiums: list[Row] = field(default_factory=list)
    coverages: list[Row] = field(default_factory=list)

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def user(self, role: str, first_of_role: bool, **more: Any) -> Row:
        """Add a user; the first of each role is the account named in the API contract."""
        rng = self.rng
        of_contract, own = CONTRACT_PHONE + permissions.ROLES.index(role), _FIRST_PHONE + len(self.users)
        first, last = rng.choice(seed_values.FIRST_NAMES), rng.choice(seed_values.LAST_NAMES)
        created = SEED_TIME - timedelta(minutes=rng.randrange(60, 1_000_000))
        row: Row = {
            "user_id": self.new_id(),
            "phone_number": str(of_contract if first_of_role else own),
            "email": f"{first}.{last}.{len(self.users)}@example.com".lower(),
            "password_hash": self.password_hash,
            "first_name": first,
            "last_name": last,
            "display_name": f"{first} {last}",
            "role": role,
            "status": "active",
            "phone_verified": True,
            "email_verified": rng.random() < 0.8,
            "language_preference": rng.choice(("en", "hi", "te")),
            "timezone": "Asia/Kolkata",
            "theme_preference": rng.choice(("light", "dark")),
            "notification_preferences": {"email": True, "sms": rng.random() < 0.5, "push": True},
            "region": None,
            "provider_id": None,
            "created_at": created,
            "updated_at": created,
        }
        row.update(more)
        self.users.append(row)
        return row


def _make_providers(maker: _Maker) -> None:
    for number, name in enumerate(seed_values.PROVIDERS):
        maker.providers.append(
            {
                "provider_id": maker.new_id(),
                "name": name,
                "provider_code": f"PRV{number + 1:02d}",
                "status": "active",
            }
        )


def _make_staff(maker: _Maker) -> None:
    for role, count in maker.wanted.staff.items():
        for number in range(count):
            provider = maker.providers[number % len(maker.providers)]["provider_id"]
            maker.user(
                role,
                number == 0,
                region=seed_values.REGIONS[number % 4] if role == permissions.REGIONAL_MANAGER else None,
                provider_id=provider if role == permissions.PROVIDER_ADMIN else None,
            )


def _make_agents(maker: _Maker) -> None:
    rng, seniors = maker.rng, maker.wanted.senior_agents
    for number in range(seniors + maker.wanted.junior_agents):
        senior = number < seniors
        role = permissions.SENIOR_AGENT if senior else permissions.JUNIOR_AGENT
        user = maker.user(role, number in (0, seniors))
        parent = None if senior else maker.agents[(number - seniors) % seniors]
        city, region = rng.choice(seed_values.CITIES)
        provider = parent["provider_id"] if parent else maker.providers[number % 5]["provider_id"]
        maker.agents.append(
            {
                "agent_id": maker.new_id(),
                "user_id": user["user_id"],
                "provider_id": provider,
                "parent_agent_id": parent["agent_id"] if parent else None,
                "agent_code": f"AGT{number + 1:05d}",
                "license_number": f"IRDA-{rng.randrange(10**8):08d}",
                "business_name": f"{user['last_name']} Insurance Services",
                "territory": city,
                "region": parent["region"] if parent else region,
                "status": "active",
                "verification_status": "pending" if not senior and number % 12 == 0 else "verified",
                "hierarchy_level": 1 if senior else 2,
                "customer_satisfaction": round(rng.uniform(3.2, 4.9), 2),
                "created_at": user["created_at"],
            }
        )


def _make_policyholders(maker: _Maker) -> None:
    rng = maker.rng
    for number in range(maker.wanted.policyholders):
        user = maker.user(permissions.POLICYHOLDER, number == 0)
        maker.holders.append(
            {
                "policyholder_id": maker.new_id(),
                "user_id": user["user_id"],
                "agent_id": maker.agents[number % len(maker.agents)]["agent_id"],
                "date_of_birth": date(1955, 1, 1) + timedelta(days=rng.randrange(17_000)),
                "city": rng.choice(seed_values.CITIES)[0],
                "created_at": user["created_at"],
            }
        )


def _make_policies(maker: _Maker) -> None:
    rng, holders = maker.rng, maker.holders
    providers = {agent["agent_id"]: agent["provider_id"] for agent in maker.agents}
    for number in range(maker.wanted.policies):
        # Everybody owns one policy, the account of the contract three, chance deals the others.
        if number < len(holders):
            holder = holders[number]
        else:
            holder = holders[0] if number < len(holders) + 2 else rng.choice(holders)
        policy = _policy(maker, number, holder, providers[holder["agent_id"]])
        maker.policies.append(policy)
        _make_premiums(maker, policy)
        for kind in seed_values.COVERAGES[policy["category"]][: rng.choice((2, 3))]:
            maker.coverages.append(
                {
                    "coverage_id": maker.new_id(),
                    "policy_id": policy["policy_id"],
                    "coverage_type": kind,
                    "amount": round(policy["sum_assured"] * rng.choice((0.25, 0.5, 1.0)), 2),
                }
            )


def _policy(maker: _Maker, number: int, holder: Row, provider_id: str) -> Row:
    rng = maker.rng
    kind, category, plan, code = rng.choice(seed_values.PLANS)
    frequency = rng.choice(tuple(_FREQUENCY_DAYS))
    status = rng.choices(("active", "pending", "lapsed", "matured"), (80, 8, 8, 4))[0]
    applied = SEED_DAY - timedelta(days=rng.randrange(1, 1500))
    start = applied + timedelta(days=rng.randrange(2, 15))
    premium = float(rng.randrange(500, 25_000))
    created = datetime(applied.year, applied.month, applied.day, 6, number % 60, tzinfo=UTC)
    return {
        "policy_id": maker.new_id(),
        "policy_number": f"POL{number + 1:07d}",
        "provider_policy_id": f"EXT-{number + 1:07d}",
        "policyholder_id": holder["policyholder_id"],
        "agent_id": holder["agent_id"],
        "provider_id": provider_id,
        "policy_type": kind,
        "plan_name": plan,
        "plan_code": code,
        "category": category,
        "sum_assured": float(rng.randrange(1, 100) * 50_000),
        "premium_amount": premium,
        "premium_frequency": frequency,
        "premium_mode": rng.choice(("auto_debit", "online", "cheque")),
        "application_date": applied,
        "approval_date": None if status == "pending" else start - timedelta(days=1),
        "start_date": start,
        "maturity_date": start + timedelta(days=365 * rng.choice((5, 10, 20))),
        "renewal_date": start + timedelta(days=365),
        "status": status,
        "payment_status": "overdue" if status == "lapsed" else "paid",
        "total_payments": 0 if status == "pending" else maker.wanted.premiums_per_policy - 1,
        "outstanding_amount": premium if status == "lapsed" else 0.0,
        "next_payment_date": SEED_DAY + timedelta(days=rng.randrange(1, _FREQUENCY_DAYS[frequency])),
        "created_at": created,
        "updated_at": created,
    }


def _make_premiums(maker: _Maker, policy: Row) -> None:
    rng, count = maker.rng, maker.wanted.premiums_per_policy
    step = timedelta(days=_FREQUENCY_DAYS[policy["premium_frequency"]])
    for number in range(count):
        due = policy["next_payment_date"] - step * (count - 1 - number)
        paid = number < count - 1 and policy["status"] != "pending"
        maker.premiums.append(
            {
                "id": maker.new_id(),
                "policy_id": policy["policy_id"],
                "amount": policy["premium_amount"],
                "payment_date": due - timedelta(days=rng.randrange(4)) if paid else None,
                "due_date": due,
                "status": "paid" if paid else "due",
                "transaction_id": f"TXN{rng.randrange(10**12):012d}" if paid else None,
                "payment_method": rng.choice(("upi", "card", "net_banking")),
                "payment_gateway": rng.choice(("razorpay", "payu")),
            }
        )


def _leads(maker: _Maker) -> list[Row]:
    rng, rows = maker.rng, []
    for number in range(maker.wanted.leads):
        created = SEED_TIME - timedelta(minutes=rng.randrange(200_000))
        first, last = rng.choice(seed_values.FIRST_NAMES), rng.choice(seed_values.LAST_NAMES)
        status = rng.choice(seed_values.LEAD_STATUSES)
        rows.append(
            {
                "lead_id": maker.new_id(),
                "agent_id": maker.agents[number % len(maker.agents)]["agent_id"],
                "customer_name": f"{first} {last}",
                "contact_number": str(9_700_000_000 + number),
                "email": f"{first}.{last}.lead{number}@example.com".lower(),
                "lead_source": rng.choice(seed_values.LEAD_SOURCES),
                "lead_status": status,
                "priority": rng.choice(seed_values.PRIORITIES),
                "insurance_type": rng.choice(("life", "health", "general")),
                "created_at": created,
                "last_contact_at": None if status == "new" else created + timedelta(hours=5),
            }
        )
    return rows


def _tickets(maker: _Maker) -> list[Row]:
    rng, rows = maker.rng, []
    support_staff = [user["user_id"] for user in maker.users if user["role"] == permissions.SUPPORT_STAFF]
    for number in range(maker.wanted.tickets):
        policy = rng.choice(maker.policies)
        created = SEED_TIME - timedelta(minutes=rng.randrange(100_000))
        subject = rng.choice(seed_values.TICKET_SUBJECTS)
        rows.append(
            {
                "ticket_id": maker.new_id(),
                "subject": subject,
                "description": f"{subject}: policy {policy['policy_number']}, please look into it.",
                "status": rng.choice(seed_values.TICKET_STATUSES),
                "priority": rng.choice(seed_values.PRIORITIES),
                "customer_id": policy["policyholder_id"],
                "policy_id": policy["policy_id"],
                "assigned_to": support_staff[number % len(support_staff)],
                "created_at": created,
                "updated_at": created,
            }
        )
    return rows


def _flags(maker: _Maker) -> list[Row]:
    return [
        {
            "flag_id": maker.new_id(),
            "flag_name": name,
            "flag_description": f"Switch of {name.replace('_', ' ')}",
            "flag_type": "boolean",
            "is_enabled": number % 3 != 0,
            "tenant_id": None,
            "created_at": SEED_TIME,
            "updated_at": SEED_TIME,
        }
        for number, name in enumerate(seed_values.FLAGS)
    ]


def seed_if_empty(database: Database, seed: int, factor: float) -> bool:
    """Fill an empty database in one transaction; return whether it was empty."""
    with database.write() as session:
        if session.scalar(select(func.count()).select_from(models.User)):
            return False
        maker = _Maker(random.Random(seed), amounts(factor), hash_password(PASSWORD))
        for step in (_make_providers, _make_staff, _make_agents, _make_policyholders, _make_policies):
            step(maker)
        filled: tuple[tuple[type[models.Base], list[Row]], ...] = (
            (models.Provider, maker.providers),
            (models.User, maker.users),
            (models.Agent, maker.agents),
            (models.Policyholder, maker.holders),
            (models.Policy, maker.policies),
            (models.Premium, maker.premiums),
            (models.Coverage, maker.coverages),
            (models.Lead, _leads(maker)),
            (models.Ticket, _tickets(maker)),
            (models.FeatureFlag, _flags(maker)),
        )
        for model, rows in filled:
            _insert(session, model, rows)
    database.gather_statistics()
    return True


def _insert(session: Session, model: type[models.Base], rows: list[Row]) -> None:
    connection = session.connection()
    for first in range(0, len(rows), _BLOCK):
        connection.execute(insert(model), rows[first : first + _BLOCK])


def credentials(database: Database, factor: float) -> list[tuple[str, str, str]]:
    """Return (phone number, password, role) of the seeded accounts for virtual users.

    Role by role, the account of the API contract first. Every agent and every listed policyholder has
    policies. Empty when the database was not filled by this module.
    """
    order = {role: number for number, role in enumerate(permissions.ROLES)}
    with database.read() as session:
        query = select(models.User.phone_number, models.User.role).order_by(models.User.phone_number)
        named = [(phone, permissions.canonical_role(role)) for phone, role in session.execute(query)]
        found = [(phone, role) for phone, role in named if role in order]
    contract = str(CONTRACT_PHONE)[:8]
    found.sort(key=lambda account: (order[account[1]], not account[0].startswith(contract), account[0]))
    listed, holders = [], 0
    for phone, role in found:
        holders += role == permissions.POLICYHOLDER
        if role != permissions.POLICYHOLDER or holders <= amounts(factor).login_policyholders:
            listed.append((phone, PASSWORD, role))
    return listed
