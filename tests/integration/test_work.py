"""A run with a choice of work, counted by the backend itself."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.measurements.records import Actions
from tests.integration.programs import Backend, run_suite

pytestmark = pytest.mark.integration

USERS, ITERATIONS = 4, 3


def test_every_user_makes_its_iterations_and_what_is_excluded_is_never_sent(backend: Backend, results: Path) -> None:
    done = run_suite(
        *backend.target,
        *("--users", str(USERS), "--spawn-rate", "4", "--processes", "2", "--duration", "60s"),
        *("--iterations", str(ITERATIONS), "--think-time-factor", "0.1"),
        *("--roles", "junior_agent,senior_agent", "--exclude", "agents.profile, leads.create"),
        results=results,
        attempts=1,  # so few actions tell nothing of the target
    )
    logged = [*backend.requests(done.folder.name), *backend.requests(f"{done.folder.name}/preflight")]
    summary = json.loads((done.folder / "summary.json").read_text())
    made: Counter[str] = Counter()
    for record in read(done.folder / FILE_NAME):
        if isinstance(record, Actions):
            made[record.role] += record.actions

    planned = json.loads((done.folder / "plan.json").read_text())["users_by_role"]
    assert planned == {"senior_agent": 1, "junior_agent": 3}
    assert summary["users"]["done"] == USERS
    assert made == {"senior_agent": ITERATIONS, "junior_agent": 3 * ITERATIONS}
    assert summary["duration_s"] < 45, "it ends when the users are done"
    assert len(logged) > USERS * ITERATIONS
    names = {entry["name"] for entry in logged}
    assert {"agents.performance", "leads.list", "users.me"} <= names
    assert not names & {"agents.profile", "leads.create"}
    assert {"senior_agent / agents.profile", "senior_agent / leads.create"} <= {*summary["coverage"]["not_exercised"]}
    assert summary["work"]["exclude"] == ["agents.profile", "leads.create"]
    assert summary["reconciliation"]["agrees"]
