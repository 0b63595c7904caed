"""Requests that schemathesis makes from /openapi.json: no answer is an error of the server or undocumented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from mitra_backend.main import Application, close_app, create_app
from mitra_backend.permissions import ROLES, SENIOR_AGENT, SUPER_ADMIN
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import get_client

from tests.backend.support import settings_for

NOBODY = ""
CALLERS = (SUPER_ADMIN, SENIOR_AGENT, NOBODY)
"""Every route is allowed to one of the first two; what the other roles get is in test_permissions.py."""
LEFT_OUT = (
    # `Allow` of /users/me names PUT, too, as PUT /users/{user_id} takes any id; the document has no PUT of that path.
    "allow_header_conformance",
    # Values within an object must not have NUL, half a surrogate pair or more than 20 levels: no schema can say so.
    "positive_data_acceptance",
)
# Of each operation, beside the limits of each of its parameters. More of them found nothing else.
EXAMPLES = 5


class Outcome:
    """What the generated requests of one caller met."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """By operation."""
        self.statuses: set[tuple[str, int]] = set()
        self.problems: list[str] = []

    def note(self, event: Any) -> None:
        """Take what the event says."""
        match event:
            case events.NonFatalError():
                self.problems.append(f"{event.label}: {event.value!r}")
            case events.FatalError():
                self.problems.append(repr(event.exception))
            case events.ScenarioFinished():
                answers = [each.response for each in event.recorder.interactions.values()]
                self.requests[event.recorder.label] += len(answers)
                self.statuses |= {(event.recorder.label, answer.status_code) for answer in answers if answer}
                checks = (check for checks in event.recorder.checks.values() for check in checks)
                self.problems += [
                    f"{event.recorder.label}: {check.failure_info.code_sample}: {check.failure_info.failure}"
                    for check in checks
                    if check.failure_info
                ]


def _generated(app: Application, caller: str, only: str = "") -> Outcome:
    """Send the same requests each time, all or those of one path."""
    with get_client(app) as client:
        headers = {}
        if caller:
            account = {"phone_number": str(9876543200 + ROLES.index(caller)), "password": "testpassword"}
            token = client.post("/api/v1/auth/login", json=account).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
    config = schemathesis.Config.from_dict(
        {
            "seed": 1,
            "headers": headers,
            "continue-on-failure": True,
            "generation": {"max-examples": EXAMPLES, "deterministic": True},
            # Without a token the limits of parameters are not reached.
            "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": bool(caller)}},
            "checks": {name: {"enabled": False} for name in LEFT_OUT},
            "cache": {"enabled": False},
            "suppress-health-check": ["too_slow"],  # of the machine, not of the backend
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    outcome = Outcome()
    for event in from_schema(schema.include(path=only) if only else schema).execute():
        outcome.note(event)
    return outcome


@pytest.fixture
def app(template: Path, tmp_path: Path) -> Iterator[Application]:
    app = create_app(settings_for(template, tmp_path))
    yield app
    close_app(app)


def test_no_answer_is_an_error_or_undocumented(app: Application) -> None:
    outcomes = {caller: _generated(app, caller) for caller in CALLERS}

    assert {caller: outcome.problems for caller, outcome in outcomes.items()} == {caller: [] for caller in CALLERS}
    paths = app.openapi()["paths"]
    operations = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    for caller, outcome in outcomes.items():
        assert operations <= set(outcome.requests)
        assert outcome.requests.total() > (1000 if caller else 100)
    # A login needs a password, and a ticket a customer, that no generator guesses.
    guarded = {"POST /api/v1/auth/login", "POST /api/v1/support/tickets/"}
    answered = {label for caller in CALLERS for label, status in outcomes[caller].statuses if status < 300}
    assert operations - guarded <= answered


@pytest.mark.parametrize(
    ("fault", "problem"),
    [("error=500@users.me", "Server error"), ("error=418@users.me", "Undocumented status code")],
)
def test_an_error_and_an_undocumented_status_are_found(
    template: Path, tmp_path: Path, fault: str, problem: str
) -> None:
    app = create_app(settings_for(template, tmp_path, fault))
    outcome = _generated(app, SUPER_ADMIN, "/api/v1/users/me")
    close_app(app)

    assert problem in " ".join(outcome.problems)
