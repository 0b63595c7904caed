"""A backend that makes two rows where one is right: both are removed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from perfsuite.target.journal import Journal, JournalEntry
from tests.integration.programs import Backend, run_suite, running_backend
from tests.integration.table_changes import changes

pytestmark = pytest.mark.integration
NUMBERS = [f"PERF-20260101-abcdef-{number:06d}" for number in range(1, 21)]
"""One for each try to create two policies with it at the same instant."""


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    faults = ("double_submit@leads.create", "double_submit@tickets.create", "number_race")
    with running_backend(tmp_path_factory.mktemp("doubling"), *faults) as backend:
        yield backend


def _added(backend: Backend, before: dict[str, Any]) -> dict[str, int]:
    return {name: len(each.added) for name, each in changes(before, backend.tables()).items() if each.added}


def test_rows_that_no_answer_named_are_removed(doubling: Backend, results: Path) -> None:
    before = doubling.tables()
    done = run_suite("preflight", *doubling.target, results=results)

    assert (done.code, done.err) == (0, "")
    created = [line for line in doubling.log.read_text("utf-8").splitlines() if '"status":201' in line]
    assert len(created) >= 3
    assert _added(doubling, before) == {}


def test_policies_with_one_number_are_removed(doubling: Backend, results: Path) -> None:
    done = run_suite("preflight", *doubling.target, results=results)
    before = doubling.tables()
    created = _create_at_once(doubling, done.folder)
    assert _added(doubling, before)["policies"] == created

    again = run_suite("cleanup", str(done.folder), "--credentials", str(doubling.credentials))

    assert (again.code, again.err) == (0, "")
    assert _added(doubling, before) == {}


def _create_at_once(backend: Backend, folder: Path) -> int:
    """Two policies of one number, of which the run knows one only: the answer to the other never came.

    Also those of the tries before, in which one request was over before the other was checked; gives the number of all.
    """
    with backend.credentials.open(encoding="utf-8", newline="") as file:
        account = next(row for row in csv.DictReader(file) if row["role"] == "senior_agent")
    book = Journal(folder / "journal.jsonl")
    with httpx.Client(base_url=f"{backend.host}/api/v1") as http, ThreadPoolExecutor(2) as pool:
        login = http.post("/auth/login", json={name: account[name] for name in ("phone_number", "password")}).json()
        http.headers["Authorization"] = f"Bearer {login['access_token']}"
        kept = ("policyholder_id", "agent_id", "provider_id", "policy_type", "plan_name", "category", "sum_assured")
        more = ("premium_amount", "premium_frequency", "application_date", "start_date")
        policy = http.get("/policies/").json()[0]
        body = {name: policy[name] for name in (*kept, *more)}
        created = 0
        for number in NUMBERS:
            both = pool.map(lambda sent: http.post("/policies/", json=sent), 2 * [body | {"policy_number": number}])
            first, second = sorted(both, key=lambda answer: answer.status_code)
            for _answer in (first, second):
                book.write(JournalEntry("create", "policy", number, by=account["phone_number"]))
            book.write(JournalEntry("created", "policy", number, id=first.json()["policy_id"]))
            created += 1 + (second.status_code == 201)
            if second.status_code == 201:
                break
    book.close()
    assert (first.status_code, second.status_code) == (201, 201)
    return created
