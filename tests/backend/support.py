"""A running backend for tests: the real server on a free port, in a thread, on a database of its own."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from mitra_backend.config import Settings, database_url
from mitra_backend.main import Application, close_app, create_app
from mitra_backend.permissions import (
    JUNIOR_AGENT,
    POLICYHOLDER,
    REGIONAL_MANAGER,
    ROLES,
    SENIOR_AGENT,
    SUPER_ADMIN,
)
from mitra_backend.quirks import parse_faults
from mitra_backend.server import address_of, bind, make_server, run

SECRET = "a-secret-of-the-tests-that-is-long-enough"
FACTOR = 0.03

# One request per protected route; {…} is filled with an id that does not exist.
REQUESTS = {
    "auth.logout": ("POST", "/auth/logout"),
    "users.list": ("GET", "/users/"),
    "users.read": ("GET", "/users/{own_user}"),
    "users.me": ("GET", "/users/me"),
    "users.update": ("PUT", "/users/{own_user}"),
    "users.preferences": ("PUT", "/users/{own_user}/preferences"),
    "flags.list": ("GET", "/feature-flags/all"),
    "flags.update": ("PUT", "/feature-flags/update/perf_probe"),
    "dashboard.system": ("GET", "/dashboard/system-overview"),
    "dashboard.provider": ("GET", "/dashboard/provider-overview"),
    "dashboard.regional": ("GET", "/dashboard/regional-overview?region=south"),
    "dashboard.senior_agent": ("GET", "/dashboard/senior-agent-overview"),
    "dashboard.analytics": ("GET", "/dashboard/analytics"),
    "analytics.comprehensive": ("GET", "/analytics/comprehensive/dashboard"),
    "analytics.reports": ("GET", "/analytics/reports/summary"),
    "analytics.agent": ("GET", "/analytics/agents/performance/nobody"),
    "agents.list": ("GET", "/agents/"),
    "agents.read": ("GET", "/agents/nobody"),
    "agents.customers": ("GET", "/agents/nobody/customers"),
    "agents.profile": ("GET", "/agents/profile"),
    "agents.performance": ("GET", "/agents/performance/metrics"),
    "policies.list": ("GET", "/policies/"),
    "policies.read": ("GET", "/policies/nothing"),
    "policies.coverage": ("GET", "/policies/nothing/coverage"),
    "policies.premiums": ("GET", "/policies/nothing/premiums"),
    "policies.create": ("POST", "/policies/"),
    "policies.approve": ("POST", "/policies/nothing/approve"),
    "policies.delete": ("DELETE", "/policies/nothing"),
    "leads.list": ("GET", "/leads/"),
    "leads.create": ("POST", "/leads/"),
    "leads.delete": ("DELETE", "/leads/nothing"),
    "tickets.list": ("GET", "/support/tickets/"),
    "tickets.read": ("GET", "/support/tickets/nothing"),
    "tickets.create": ("POST", "/support/tickets/"),
    "tickets.status": ("PUT", "/support/tickets/nothing/status"),
    "tickets.delete": ("DELETE", "/support/tickets/nothing"),
}
BODIES = {
    "flags.update": {"is_enabled": True},
    "tickets.status": {"status": "open"},
    "users.update": {"first_name": "Tara"},
    "users.preferences": {"theme_preference": "dark"},
    "leads.create": {"customer_name": "T", "contact_number": "9000000000", "lead_source": "website"},
    "tickets.create": {"subject": "T", "description": "T", "customer_id": "nobody"},
}

OTHERS_ROWS = {
    "users.read": (REGIONAL_MANAGER, SENIOR_AGENT, JUNIOR_AGENT, POLICYHOLDER),
    "users.update": tuple(role for role in ROLES if role != SUPER_ADMIN),
    "users.preferences": ROLES,
    "agents.read": (SENIOR_AGENT, JUNIOR_AGENT),
    "agents.customers": (SENIOR_AGENT, JUNIOR_AGENT),
    "analytics.agent": (SENIOR_AGENT, JUNIOR_AGENT),
    "policies.read": (SENIOR_AGENT, JUNIOR_AGENT, POLICYHOLDER),
    "policies.coverage": (SENIOR_AGENT, JUNIOR_AGENT, POLICYHOLDER),
    "policies.premiums": (SENIOR_AGENT, JUNIOR_AGENT, POLICYHOLDER),
    "policies.create": (SENIOR_AGENT,),
    "leads.delete": (SENIOR_AGENT, JUNIOR_AGENT),
}
"""Routes of single rows → the roles that may use them for their own rows only."""


class Api:
    """Asks a running backend as one of the seeded accounts."""

    def __init__(self, url: str, app: Application) -> None:
        self.url = url
        self.app = app
        self.http = httpx.Client(base_url=url, timeout=60)
        self.logins: dict[str, dict[str, Any]] = {}

    def login(self, who: str) -> dict[str, Any]:
        """Log in once: `who` is a role (the account of the contract) or a phone number."""
        if who not in self.logins:
            phone = str(9876543200 + ROLES.index(who)) if who in ROLES else who
            body = {"phone_number": phone, "password": "testpassword"}
            answer = self.http.post("/api/v1/auth/login", json=body)
            assert answer.status_code == 200, answer.text
            self.logins[who] = answer.json()
        return self.logins[who]

    def call(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request; `path` is below /api/v1 unless it begins with //."""
        headers = {"Authorization": f"Bearer {self.login(who)['access_token']}", **more.pop("headers", {})}
        full = path[1:] if path.startswith("//") else f"/api/v1{path}"
        return self.http.request(method, full, headers=headers, **more)

    def get(self, who: str, path: str, **more: Any) -> Any:
        """Return the JSON of a GET that must succeed."""
        answer = self.call(who, "GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def own_agent(self, who: str = "senior_agent") -> dict[str, Any]:
        """Return the agent behind an account."""
        agent: dict[str, Any] = self.get(who, "/agents/profile")
        return agent


@contextmanager
def running(settings: Settings) -> Iterator[Api]:
    """Serve in a thread until the block ends."""
    app = create_app(settings)
    listener = bind("127.0.0.1", 0)
    ready = threading.Event()
    server = make_server(app, ready.set)
    thread = threading.Thread(target=run, args=(server, listener))
    thread.start()
    assert ready.wait(60)
    api = Api(address_of(listener), app)
    try:
        yield api
    finally:
        api.http.close()
        server.should_exit = True
        thread.join(60)
        close_app(app)


def settings_for(template: Path, directory: Path, *faults: str, **more: Any) -> Settings:
    """Return settings for a copy of the seeded template."""
    file = directory / f"{time.time_ns()}.db"
    shutil.copy(template, file)
    settings = Settings(
        database_url=database_url(str(file)),
        secret_key=SECRET,
        seed_factor=FACTOR,
        faults=parse_faults(faults),
    )
    return replace(settings, **more)


def new_policy(api: Api, number: str, **more: Any) -> dict[str, Any]:
    """Return the body of a policy that the senior agent of the contract may create."""
    agent = api.own_agent()
    customers = api.get("senior_agent", f"/agents/{agent['agent_id']}/customers")["data"]["customers"]
    return {
        "policy_number": number,
        "policyholder_id": customers[0]["policyholder_id"],
        "agent_id": agent["agent_id"],
        "provider_id": agent["provider_id"],
        "policy_type": "term_life",
        "plan_name": "Jeevan Term",
        "category": "life",
        "sum_assured": 500_000,
        "premium_amount": 1200.5,
        "premium_frequency": "monthly",
        "application_date": "2025-07-01",
        "start_date": "2025-07-02",
        **more,
    }


def others_rows(api: Api) -> dict[str, tuple[str, str]]:
    """Route of a single row → method and path with a row of an agent and a policyholder who have no account here."""
    known = {api.own_agent(role)["agent_id"] for role in (SENIOR_AGENT, JUNIOR_AGENT)}
    own = {policy["policyholder_id"] for policy in api.get(POLICYHOLDER, "/policies/")}
    policies = api.get(SUPER_ADMIN, "/policies/?limit=100")
    policy = next(row for row in policies if row["agent_id"] not in known and row["policyholder_id"] not in own)
    leads = api.get(SUPER_ADMIN, "/leads/?limit=100")["data"]["leads"]
    ids = {
        "policy": policy["policy_id"],
        "agent": policy["agent_id"],
        "user": policy["policyholder_info"]["user_id"],
        "lead": next(lead["lead_id"] for lead in leads if lead["agent_id"] not in known),
    }
    paths = {
        "users.read": "/users/{user}",
        "users.update": "/users/{user}",
        "users.preferences": "/users/{user}/preferences",
        "agents.read": "/agents/{agent}",
        "agents.customers": "/agents/{agent}/customers",
        "analytics.agent": "/analytics/agents/performance/{agent}",
        "policies.read": "/policies/{policy}",
        "policies.coverage": "/policies/{policy}/coverage",
        "policies.premiums": "/policies/{policy}/premiums",
        "policies.create": "/policies/",
        "leads.delete": "/leads/{lead}",
    }
    return {name: (REQUESTS[name][0], path.format(**ids)) for name, path in paths.items()}
