"""Plain `locust -f locustfile.py`: headless, and with its web page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from perfsuite.measurements.file import FILE_NAME, read
from tests.integration.plain import COMMAND, answers, folders_of, removed_afterwards
from tests.integration.programs import ROOT, Backend, Program, alive, free_port, read_json, run_suite, start, until
from tests.measurements.raw_files import counts_of_records, counts_of_rows, rows_of

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def only_our_folders_go(backend: Backend) -> Iterator[None]:
    with removed_afterwards(backend.host):
        yield


@pytest.fixture(scope="module")
def headless(backend: Backend) -> Iterator[tuple[Program, Path, dict[str, int], dict[str, int]]]:
    """A headless run that has ended with 0, its folder, and the rows of the backend before and after."""
    rows = backend.rows()
    load = ["--headless", "--users", "10", "--spawn-rate", "5", "--run-time", "6s", "--raw-samples"]
    options = [*load, "--host", backend.host]
    program = start([*COMMAND, *options])
    try:
        assert program.wait(150) == 0, program.err
        yield program, folders_of(backend.host)[-1], rows, backend.rows()
    finally:
        program.end()


def test_headless_all_roles_take_part(headless: tuple[Program, Path, dict[str, int], dict[str, int]]) -> None:
    program, folder, _before, _after = headless
    assert "Traceback" not in program.err
    assert "3 users as policyholder share 1 of the accounts in credentials.csv" in program.err
    assert alive(list(program.seen.values())) == []
    assert read_json(folder / "plan.json")["users_by_role"] == {
        "super_admin": 1,
        "provider_admin": 1,
        "regional_manager": 1,
        "senior_agent": 1,
        "junior_agent": 2,
        "policyholder": 3,
        "support_staff": 1,
    }


def test_headless_gives_a_run_that_can_be_reported(
    headless: tuple[Program, Path, dict[str, int], dict[str, int]], backend: Backend
) -> None:
    _program, folder, before, after = headless
    done = run_suite("report", str(folder))
    assert (done.code, done.err) == (0, "")
    summary = read_json(folder / "summary.json")
    assert summary["users"]["by_role"] == read_json(folder / "plan.json")["users_by_role"]
    assert (summary["users"]["peak"], summary["whole_run"]["failures"]) == (10, 0)
    recorded = summary["reconciliation"]["recorded"]
    assert recorded == summary["reconciliation"]["locust_total"] == summary["whole_run"]["requests"] > 10
    assert len(backend.requests(folder.name)) == recorded
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"]
    assert after == before


def test_headless_writes_every_request_to_a_file(
    headless: tuple[Program, Path, dict[str, int], dict[str, int]],
) -> None:
    folder = headless[1]
    rows = rows_of(folder / "samples-local.csv.gz")
    assert len(rows) > 10
    assert counts_of_rows(rows) == counts_of_records(read(folder / FILE_NAME))


def test_headless_a_host_that_may_not_be_loaded_is_refused() -> None:
    program = start([*COMMAND, "--headless", "--run-time", "5s", "--host", "https://api.agentmitra.com"])
    try:
        assert program.wait(90) == 6
        assert "refused: api.agentmitra.com looks like production" in program.err
        assert "Traceback" not in program.err
    finally:
        program.end()


OWN_USER = """
from locust import User, constant, task


class OwnUser(User):
    wait_time = constant(0.2)

    @task
    def one_request(self) -> None:
        self.environment.events.request.fire(
            request_type="OWN", name="own", response_time=1, response_length=0, exception=None, context={}
        )
"""


def test_a_user_class_of_ones_own_runs_beside_the_roles(backend: Backend, tmp_path: Path) -> None:
    earlier = folders_of(backend.host)
    file = tmp_path / "locustfile.py"
    file.write_text((ROOT / "locustfile.py").read_text() + OWN_USER)
    load = ["--headless", "--users", "10", "--spawn-rate", "10", "--run-time", "4s", "--host", backend.host]
    program = start([*COMMAND[:-1], str(file), *load])
    try:
        assert program.wait(150) == 0, program.err
        (folder,) = [folder for folder in folders_of(backend.host) if folder not in earlier]
        assert run_suite("report", str(folder)).code == 0
        counts = read_json(folder / "summary.json")["reconciliation"]
        assert counts["sent"] == counts["recorded"] == counts["locust_total"]
        assert counts["recorded"] > len(backend.requests(folder.name)) > 5
        assert sum(read_json(folder / "plan.json")["users_by_role"].values()) == 9
        assert "Traceback" not in program.err
    finally:
        program.end()


@pytest.fixture(scope="module")
def page(backend: Backend) -> Iterator[tuple[Program, httpx.Client]]:
    """Locust with its web page, and a client for it."""
    port = free_port()
    program = start([*COMMAND, "--host", backend.host, "--web-port", str(port)])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            until(lambda: answers(client) or not program.running, 90, f"Locust's page; it said {program.err}")
            yield program, client
    finally:
        program.end()


def test_the_web_page_refuses_strangers(page: tuple[Program, httpx.Client], backend: Backend) -> None:
    _program, client = page
    earlier = folders_of(backend.host)
    load = {"user_count": "1", "spawn_rate": "1", "host": backend.host}
    elsewhere = {"Origin": "https://evil.example"}
    assert client.post("/swarm", data=load, headers=elsewhere).status_code == 403
    assert client.post("/stop", headers=elsewhere).status_code == 403
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    for host in ("https://api.agentmitra.com", "http://staging.example.org", "http://a:b@localhost"):
        refused = client.post("/swarm", data=load | {"host": host})
        assert (refused.status_code, refused.json()["success"]) == (403, False)
        assert refused.json()["message"]
    assert client.get("/stats/requests").json()["state"] == "ready"
    assert folders_of(backend.host) == earlier


def test_the_web_page_starts_and_stops_a_load(page: tuple[Program, httpx.Client], backend: Backend) -> None:
    program, client = page
    rows, flags, earlier = backend.rows(), backend.flags(), folders_of(backend.host)
    load = {"user_count": "14", "spawn_rate": "14", "host": backend.host}
    begun = client.post("/swarm", data=load)
    assert (begun.status_code, begun.json()["success"]) == (200, True)
    until(lambda: client.get("/stats/requests").json()["user_count"] == 14, 60, "14 users")
    until(lambda: client.get("/stats/requests").json()["total_rps"] > 0, 60, "requests")
    assert client.post("/stop").json()["success"] is True
    until(lambda: client.get("/stats/requests").json()["state"] == "stopped", 60, "the end of the load")
    (folder,) = [folder for folder in folders_of(backend.host) if folder not in earlier]
    until(lambda: (folder / "circumstances.json").exists(), 60, "the record of the end")
    assert run_suite("report", str(folder)).code == 0
    summary = read_json(folder / "summary.json")
    assert (summary["users"]["peak"], summary["reconciliation"]["agrees"]) == (14, True)
    assert summary["whole_run"]["requests"] == len(backend.requests(folder.name))
    assert (backend.rows(), backend.flags()) == (rows, flags)
    program.process.terminate()
    assert program.wait(60) == 0
    assert alive(list(program.seen.values())) == []
    assert "Traceback" not in program.err
