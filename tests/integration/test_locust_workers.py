"""Plain Locust with several processes: `--processes`, `--master` and `--worker`, and the web page of their master."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import Users
from perfsuite.messages.load import WorkerMessage
from perfsuite.plan.workers import TOKEN_VARIABLE
from tests.integration.plain import COMMAND, answers, folders_of, removed_afterwards
from tests.integration.programs import Backend, Program, alive, free_port, read_json, run_suite, start, until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("heard_signals")]

TEN_USERS = {
    "super_admin": 1,
    "provider_admin": 1,
    "regional_manager": 1,
    "senior_agent": 1,
    "junior_agent": 2,
    "policyholder": 3,
    "support_staff": 1,
}


@pytest.fixture(scope="module", autouse=True)
def only_our_folders_go(backend: Backend) -> Iterator[None]:
    with removed_afterwards(backend.host):
        yield


@pytest.fixture
def programs() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def locust(programs: ExitStack, *options: str, **more: Any) -> Program:
    program = start([*COMMAND, *options], **more)
    programs.callback(program.end)
    return program


def ports(both: int) -> list[str]:
    return ["--master-bind-port", str(both), "--master-port", str(both)]


def printed_total(program: Program) -> int:
    """The requests in the last table that Locust printed."""
    return int(re.findall(r"Aggregated +(\d+) +\d+\(", program.err)[-1])


def checked(folder: Path, backend: Backend) -> dict[str, Any]:
    """The summary of a run in which nothing is missing and nothing was left behind."""
    until(lambda: (folder / "circumstances.json").exists(), 60, "the record of the end")
    done = run_suite("report", str(folder))
    assert (done.code, done.err) == (0, "")
    summary: dict[str, Any] = read_json(folder / "summary.json")
    counts = summary["reconciliation"]
    assert counts["sent"] == counts["recorded"] == counts["locust_total"] == len(backend.requests(folder.name)) > 10
    assert summary["whole_run"]["failures"] == 0
    assert summary["ledger"]["balanced"] is True
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"]
    return summary


def test_workers_join_a_master_by_its_token(programs: ExitStack, backend: Backend) -> None:
    earlier, port = folders_of(backend.host), free_port()
    own = {TOKEN_VARIABLE: "a token for these tests", "TEAM": "load tests"}
    header = ["--header", "X-Team: env:TEAM"]
    joining = ["--worker", "--master-port", str(port), *header]
    workers = [locust(programs, *joining, env=own) for _number in range(2)]
    stranger = locust(programs, *joining, env=own | {TOKEN_VARIABLE: "not the same token"})
    load = ["--headless", "--users", "10", "--spawn-rate", "5", "--run-time", "4s", "--host", backend.host]
    listening = ["--master", "--master-bind-port", str(port), "--expect-workers", "2", *header]

    master = locust(programs, *listening, *load, env=own)

    assert stranger.wait(90) == 2
    (_started, refused) = stranger.err.splitlines()
    assert refused.endswith(str(WorkerMessage.WRONG_TOKEN(master=f"127.0.0.1:{port}")))
    assert master.wait(150) == 0, master.err
    assert [worker.wait(60) for worker in workers] == [0, 0], [worker.err for worker in workers]
    (folder,) = [folder for folder in folders_of(backend.host) if folder not in earlier]
    summary = checked(folder, backend)
    assert read_json(folder / "plan.json")["users_by_role"] == summary["users"]["by_role"] == TEN_USERS
    assert printed_total(master) == summary["reconciliation"]["recorded"]
    assert "Traceback" not in "".join(program.err for program in (master, *workers))


@pytest.fixture
def page(programs: ExitStack, backend: Backend) -> Iterator[tuple[Program, httpx.Client]]:
    """A master with its web page and two workers, and a client for it."""
    port = free_port()
    options = ["--host", backend.host, "--web-port", str(port), "--processes", "2", *ports(free_port())]
    program = locust(programs, *options)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        until(lambda: answers(client) or not program.running, 90, f"Locust's page; it said {program.err}")
        until(lambda: len(shown(client)["workers"]) == 2, 90, "two workers")
        yield program, client


def shown(client: httpx.Client) -> dict[str, Any]:
    """What the page shows."""
    found: dict[str, Any] = client.get("/stats/requests").json()
    return found


def swarm(client: httpx.Client, host: str, users: int) -> None:
    """Start a load, or change it; returns when the page shows so many users."""
    begun = client.post("/swarm", data={"user_count": users, "spawn_rate": 20, "host": host})
    assert begun.json()["success"] is True
    until(lambda: shown(client)["user_count"] == users, 60, f"{users} users")


def total(client: httpx.Client) -> int:
    """The requests that the page shows."""
    return int(shown(client)["stats"][-1]["num_requests"])


def users_by_second(folder: Path) -> list[int]:
    """At the end of each second, by the measurements so far, in which all workers are together."""
    records = Tail(folder / FILE_NAME).read()
    return [sum(record.by_role.values()) for record in records if isinstance(record, Users)]


def test_the_page_of_a_master_changes_stops_and_starts_loads(
    page: tuple[Program, httpx.Client], backend: Backend
) -> None:
    program, client = page
    rows, earlier = backend.rows(), folders_of(backend.host)
    swarm(client, backend.host, 14)
    (first,) = [folder for folder in folders_of(backend.host) if folder not in earlier]
    # On a busy machine they begin and end later than the page shows.
    for users in (20, 9):
        swarm(client, backend.host, users)
        until(lambda count=users: users_by_second(first)[-1:] == [count], 60, f"a second with {users} users")
    swarm(client, backend.host, 16)
    until(lambda: total(client) > 50, 90, "requests")
    assert client.post("/stop").json()["success"] is True
    until(lambda: (shown(client)["state"], shown(client)["user_count"]) == ("stopped", 0), 60, "the end of the load")
    summary = checked(first, backend)
    assert summary["users"]["peak"] == 20
    assert total(client) == summary["reconciliation"]["recorded"]

    swarm(client, backend.host, 10)
    second = folders_of(backend.host)[-1]
    assert second != first
    until(lambda: len(backend.requests(second.name)) > 30, 90, "requests")  # the page still shows the first load
    until(lambda: max(users_by_second(second), default=0) == 10, 90, "the end of a second with all users")
    program.look()
    program.interrupt()
    assert program.wait(90) == 0, program.err
    summary = checked(second, backend)
    assert (summary["users"]["by_role"], summary["users"]["peak"]) == (TEN_USERS, 10)
    workers = {line["worker"]: line["lost"] for line in summary["ledger"]["workers"]}
    assert workers == {"worker-1": False, "worker-2": False}
    assert backend.rows() == rows
    assert alive(list(program.seen.values())) == []
    assert "Traceback" not in program.err


def test_a_worker_that_dies_is_replaced_by_the_other(page: tuple[Program, httpx.Client], backend: Backend) -> None:
    program, client = page
    swarm(client, backend.host, 10)
    program.look()
    worker = next(each for each in program.seen.values() if each.ppid() == program.process.pid)

    worker.send_signal(signal.SIGKILL)

    until(lambda: [each["user_count"] for each in shown(client)["workers"]] == [10], 90, "ten users on one worker")
    program.process.send_signal(signal.SIGTERM)
    assert program.wait(90) == 0, program.err
    folder = folders_of(backend.host)[-1]
    assert run_suite("report", str(folder)).code == 0
    assert sorted(line["lost"] for line in read_json(folder / "summary.json")["ledger"]["workers"]) == [False, True]
    assert alive(list(program.seen.values())) == []


def test_workers_end_with_a_master_that_is_killed(page: tuple[Program, httpx.Client]) -> None:
    program, _client = page
    program.look()

    os.kill(program.process.pid, signal.SIGKILL)

    until(lambda: alive(list(program.seen.values())) == [], 60, "the end of the workers")
