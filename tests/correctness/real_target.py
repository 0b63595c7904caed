"""The reference backend in this process, for checks: with accounts, and with faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mitra_backend import seed

from perfsuite.correctness.check import Check, Held, NotChecked, Outcome, Reply
from perfsuite.correctness.client import CheckClient
from perfsuite.correctness.drive import carry_out
from perfsuite.model import Account
from perfsuite.roles import ROLES
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.http_client import HttpClient
from perfsuite.target.journal import Journal
from perfsuite.target.run_state import RunState
from tests.backend.support import FACTOR, Api


class HurriedConcurrency:
    """See Concurrency. The time that a check waits passes at once."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)

    def together(self, calls: Sequence[Callable[[], Reply]]) -> list[Reply]:
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(lambda call: call(), calls))


def accounts_of(api: Api) -> dict[str, list[Account]]:
    """Role → its accounts at the backend, as the credentials list them."""
    found: dict[str, list[Account]] = {}
    for phone, password, role in seed.credentials(api.app.state.backend.database, FACTOR):
        found.setdefault(role, []).append(Account(phone, password, role))
    return found


def client_of(api: Api, folder: Path | None = None, concurrency: HurriedConcurrency | None = None) -> CheckClient:
    """A client of the backend for checks. `folder`: where its journal goes."""
    run = RunState("real_20260301_120000", purpose="check")
    if folder is not None:
        run.journal = Journal(folder / "journal-local.jsonl")
    roles = {role.slug: role for role in ROLES}
    return CheckClient(
        run,
        roles,
        {role: dict(enumerate(own, 1)) for role, own in accounts_of(api).items()},
        lambda: HttpClient(ConnectionSettings(api.url)),
        concurrency or HurriedConcurrency(),
    )


def outcomes_of(api: Api, checks: Iterable[Check], folder: Path | None = None) -> dict[Check, Outcome]:
    """How each of the checks ends, one after the other."""
    client = client_of(api, folder)
    try:
        return {check: carry_out(check, client, client) for check in checks}
    finally:
        client.close()


def violated(outcomes: dict[Check, Outcome]) -> set[tuple[str, str]]:
    """(operation, role) of the checks that did not hold."""
    return {
        (check.operation, check.roles[0])
        for check, outcome in outcomes.items()
        if not isinstance(outcome, Held | NotChecked)
    }


def not_checked(outcomes: dict[Check, Outcome]) -> dict[str, set[str]]:
    """Reason → operations that could not be checked for it."""
    found: dict[str, set[str]] = {}
    for check, outcome in outcomes.items():
        if isinstance(outcome, NotChecked):
            found.setdefault(outcome.why, set()).add(check.operation)
    return found
