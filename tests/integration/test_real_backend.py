"""docs/real-backend.md, followed as a new user would, by its own commands.

The backend stands behind a gateway with TLS of a private authority, a base path, a key in a header, and other names
for two paths and a role. Users and times are smaller than in the text; what stands for the user's own names there is
replaced by what there is here.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.messages.reasons import Reason
from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import contract_paths
from tests.certificates import needs_openssl, private_ca
from tests.integration.attempts import disturbed, repeated
from tests.integration.gateway import KEY_VARIABLE
from tests.integration.programs import (
    ROOT,
    STARTER,
    Backend,
    Ended,
    ended,
    read_json,
    run_folders,
    run_suite,
    running_backend,
    start,
    until,
)
from tests.integration.runs import asked_for
from tests.test_docs import blocks, names_in_first_cells, section, table

pytestmark = [pytest.mark.integration, needs_openssl]

PAGE = ROOT / "docs" / "real-backend.md"
MAPPING = ROOT / "examples" / "mapping" / "target.toml"
KEY = "geheim-4711"
LISTENING = re.compile(r"^listening on (https://\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A folder as a user has it, with a backend behind a gateway."""

    folder: Path
    host: str
    backend: Backend

    def sh(self, script: str, **more: str) -> Ended:
        """Run a script of the page in this folder; the runs in it that are new. Made again where the machine was too
        busy for it."""

        def fit(done: Ended) -> bool:
            return not any(map(disturbed, done.folders))

        return repeated(lambda _: self._once(script, **more), self.folder / "place", fit, unfit=lambda _: False)

    def _once(self, script: str, **more: str) -> Ended:
        results = self.folder / "results"
        before = set(run_folders(results))
        variables = {"MITRA_KEY": KEY, "AGENTMITRA_TEST_PASSWORD": "testpassword"} | more
        program = start(["bash", "-euc", self._here(script)], cwd=self.folder, env=variables)
        try:
            done = ended(program, program.wait(300), results)
        finally:
            program.end()
        return Ended(
            done.code, done.out, done.err, tuple(folder for folder in done.folders if folder not in before),
            done.command_lines, done.left,
        )  # fmt: skip

    def _here(self, script: str) -> str:
        """The script with the addresses, programs and files of this place, and less load."""
        names = {
            "https://gateway.staging.example/mitra": self.host,
            "python run_performance_tests.py": f"{sys.executable} {STARTER}",
            "python -": f"{sys.executable} -",
            "examples/mapping/target.toml": str(MAPPING),
            "requests.jsonl": str(self.backend.log),
        }
        for text, here in names.items():
            script = script.replace(text, here)
        script = re.sub(r"--duration \d+m", "--duration 9s", script)
        return re.sub(
            r"--users (\d+) --spawn-rate \S+", lambda found: f"--users {_fewer(found[1])} --spawn-rate 8", script
        )


def _fewer(users: str) -> int:
    return max(int(users) // 5, 8)


@contextmanager
def gateway(backend: Backend, certificate: Path, *options: str) -> Iterator[str]:
    """Its address."""
    command = [sys.executable, "-m", "tests.integration.gateway", backend.host, str(certificate), *options]
    program = start(command, env={KEY_VARIABLE: KEY})
    try:
        yield until(lambda: LISTENING.search(program.out), 60, f"the gateway's address; it said: {program.err}")[1]
    finally:
        program.end()


def script(heading: str, number: int = 0) -> str:
    """A script of the page, below a heading."""
    text = section(PAGE, heading)
    return [code for language, code in blocks_in(text) if language == "sh"][number]


def blocks_in(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(?ms)^ *```(\w*)\n(.*?)^ *```$", text)


TARGET = "Connection"
STEPS = "Increase the load step by step"


def with_target(heading: str, number: int = 0, only_line: int | None = None) -> str:
    """A script below a heading, after the one that says what the target is."""
    wanted = script(heading, number)
    if only_line is not None:
        wanted = wanted.splitlines()[only_line]
    return f"{script(TARGET)}\n{wanted}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """All is done except what the page tells to do: only the file of the authority is there."""
    folder = tmp_path_factory.mktemp("real")
    ca = private_ca(folder / "ca")
    shutil.copy(ca.authority, folder / "company-ca.pem")
    with running_backend(folder / "backend") as backend, gateway(backend, ca.server) as host:
        yield Place(folder, host, backend)


@pytest.fixture(scope="module")
def accounts(place: Place) -> Place:
    """The place with the credentials file that the page makes."""
    made = subprocess.run(
        ["bash", "-euc", script("Accounts") + '\nprintf "%s" "$AGENTMITRA_TEST_PASSWORD"'],
        cwd=place.folder, input="testpassword\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert made.stdout == "testpassword"
    return place


# ── the page and the code ───────────────────────────────────────────────────────────────────────────


def test_every_role_is_in_the_table_of_accounts_and_in_the_file() -> None:
    slugs = [role.slug for role in ROLES]
    assert names_in_first_cells(section(PAGE, "Accounts")) == slugs
    lines = [line.split(",")[2] for line in script("Accounts").splitlines() if line.startswith("98")]
    assert lines == slugs


def test_all_that_is_written_is_in_the_table() -> None:
    rows = table(section(PAGE, "Safety"))
    used = {(step.operation, role.slug) for role in ROLES for behaviour in role.behaviours for step in behaviour.steps}
    assert {(row[0], row[1]) for row in rows} == {(name, slug) for name, slug in used if CATALOGUE[name].writes}
    text = section(PAGE, "Safety")
    removals = [operation.name for operation in CATALOGUE.values() if operation.method == "DELETE"]
    assert [name for name in removals if f"`{name}`" not in text] == []


def test_the_paths_of_the_contract_are_all_there() -> None:
    ((_language, text),) = blocks_in(section(PAGE, "Paths of the contract"))
    assert text.split() == sorted(contract_paths())


def test_the_mapping_on_the_page_is_that_of_the_example() -> None:
    shown = [text for language, text in blocks(PAGE) if language == "toml"]
    example = [line for line in MAPPING.read_text().splitlines() if line and not line.startswith("#")]
    assert [[line for line in text.splitlines() if line] for text in shown] == [example]


# ── followed ────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_of_accounts_is_for_its_owner_only(accounts: Place) -> None:
    file = accounts.folder / "staging.csv"
    assert file.stat().st_mode & 0o077 == 0
    assert "testpassword" not in file.read_text()


def test_without_the_authority_one_line_names_the_fix(accounts: Place) -> None:
    text = re.sub(r" *--ca-file .*\n", "", with_target("Preflight"))
    done = accounts.sh(text)

    assert done.code == 3
    why = "TLS: unable to get local issuer certificate"
    assert done.err.strip() == PreflightMessage.TLS(
        host=accounts.host, why=why, fix=PreflightMessage.TLS_UNKNOWN_AUTHORITY()
    )


def test_without_the_base_path_the_redirect_is_named(accounts: Place) -> None:
    bare = accounts.host.removesuffix("/mitra")
    done = accounts.sh(with_target("Preflight").replace("https://gateway.staging.example/mitra", bare))

    assert done.code == 3
    assert f"{bare} redirects: GET /health gave HTTP 308 to {accounts.host}/health." in done.err
    assert "give the address behind it with --host" in done.err


def test_without_the_header_the_gateway_is_told_from_the_backend(accounts: Place) -> None:
    done = accounts.sh(re.sub(r" *--header .*\n", "", with_target("Preflight")))

    assert done.code == 3
    assert "is not an Agent Mitra backend: GET /health gave HTTP 401" in done.err


def test_without_the_mapping_every_difference_is_told_exactly(accounts: Place) -> None:
    done = accounts.sh(re.sub(r" *--mapping .*\n", "", with_target("Preflight")))

    assert done.code == 0
    lines = " ".join(done.out.split())
    assert (
        "policyholder, policies.list: not in the target's list of routes; /api/v2/policies/ answered 200: if that is it"
        in lines
    )
    assert "senior_agent, leads.list: not in the target's list of routes" in lines
    assert "provider_admin, login: role is 'insurer_admin', the contract says 'provider_admin' or" in lines
    assert re.search(r"\d+ ok, \d+ missing, .*1 with other fields than the contract's", lines)


def test_preflight_says_that_all_works(accounts: Place) -> None:
    done = accounts.sh(with_target("Preflight"))

    assert (done.code, done.err) == (0, "")
    assert done.out.strip().splitlines()[-1] == "51 ok, 1 no data, 8 left out"  # no data: the policy that is not made
    report = read_json(done.folder / "preflight.json")
    assert {check["path"] for check in report["checks"] if check["operation"].startswith("leads.")} == {"/crm/leads/"}


def test_a_dry_run_sends_nothing(accounts: Place) -> None:
    before = len(accounts.backend.log.read_text().splitlines())
    done = accounts.sh(with_target(STEPS, only_line=1))

    assert done.code == 0
    assert f"target   {accounts.host}" in done.out
    assert len(accounts.backend.log.read_text().splitlines()) == before


@pytest.fixture(scope="module")
def writing(accounts: Place) -> tuple[Ended, dict[str, int], dict[str, int]]:
    """The first run that writes, and the rows before and after it."""
    rows = accounts.backend.rows()
    return accounts.sh(with_target(STEPS, only_line=2)), rows, accounts.backend.rows()


def test_what_a_run_writes_is_removed_the_same_way(writing: tuple[Ended, dict[str, int], dict[str, int]]) -> None:
    done, before, after = writing
    assert (done.code, done.err) == (0, "")
    assert done.summary["cleanup"]["created"] == done.summary["cleanup"]["removed"] > 0
    assert before == after


def test_cleanup_needs_the_header_again(writing: tuple[Ended, dict[str, int], dict[str, int]], accounts: Place) -> None:
    folder = str(writing[0].folder)
    command = script("Clean up after an interrupted run").replace("results/basic_20261124_025154", folder)

    done = accounts.sh(command)
    assert (done.code, done.out) == (0, "Nothing is left to remove.\n")

    without = accounts.sh(re.sub(r" --header .*", "", command))
    assert without.code == 2
    assert without.err.startswith("this run added the header X-Api-Key: give it again, --header")


@pytest.mark.parametrize(("number", "line", "users"), [(0, 0, 8), (1, 0, 8), (1, 1, 10), (1, 2, 20)])
def test_the_other_steps_are_runs_without_writes(number: int, line: int, users: int, accounts: Place) -> None:
    done = accounts.sh(f"{with_target(STEPS, number, only_line=line)} --dry-run")
    assert (done.code, done.err, done.folders) == (0, "", ())
    assert f"to {users} users, 8 per second" in done.out
    assert "read-only: without operations that write" in done.out


# ── the API differs, and there is a rate limit ──────────────────────────────────────────────────────


@dataclass(frozen=True)
class Unfinished:
    """A run without writes against a target whose API differs by more than names and that lets few requests through;
    the rows before and after it."""

    place: Place
    run: Ended
    before: dict[str, int]
    after: dict[str, int]


def _unfinished(folder: Path, accounts: Place) -> Unfinished:
    for name in ("staging.csv", "company-ca.pem"):
        shutil.copy(accounts.folder / name, folder)
    certificate = accounts.folder / "ca" / "server.pem"
    with (
        running_backend(folder / "backend", "rate_limit=1/s@users.me") as backend,
        gateway(backend, certificate, "--unfinished") as host,
    ):
        place, before = Place(folder, host, backend), backend.rows()
        # Users enough for two requests a second to that route, also on a busy machine, and time for each operation.
        text = re.sub(r"--users \d+", "--users 150", with_target("Where the API differs"))
        done = place.sh(re.sub(r"--duration \d+m", "--duration 15s", text))
        return Unfinished(place, done, before, backend.rows())


def _reaches(made: Unfinished) -> bool:
    """Has each operation come that the tests look at?"""
    return asked_for(made.run) >= {"policies.list", "leads.list", "dashboard.analytics"}


@pytest.fixture(scope="module", autouse=True)
def begun(accounts: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Unfinished]]:
    """Made while the other tests follow the page: all of them mostly wait."""
    with ThreadPoolExecutor(1) as pool:
        folder = tmp_path_factory.mktemp("unfinished")
        yield pool.submit(repeated, lambda place: _unfinished(place, accounts), folder, _reaches)


@pytest.fixture
def unfinished(begun: Future[Unfinished]) -> Unfinished:
    return begun.result()


def test_read_only_writes_nothing(unfinished: Unfinished) -> None:
    place, done = unfinished.place, unfinished.run
    assert unfinished.before == unfinished.after
    run_ids = (done.folder.name, f"{done.folder.name}/preflight")
    asked = {(entry["method"], entry["name"]) for run_id in run_ids for entry in place.backend.requests(run_id)}
    assert {name for method, name in asked if method != "GET"} == {"auth.login"}
    assert len({name for method, name in asked if method == "GET"}) > 20
    assert done.summary["cleanup"] is None
    assert any("which write, while the run is read-only" in note for note in done.summary["notes"])


def test_every_request_went_the_way_that_was_told(unfinished: Unfinished) -> None:
    place, done = unfinished.place, unfinished.run
    logged = place.backend.requests(done.folder.name)
    assert len(logged) == done.summary["whole_run"]["requests"] > 20
    assert len({entry["request_id"] for entry in logged}) == len(logged)
    paths = {operation["operation"]: operation["path"] for operation in done.summary["operations"]}
    assert paths["policies.list"] == "/api/v2/policies/"
    assert paths["leads.list"] == "/crm/leads/"


def test_the_run_keeps_how_it_was_reached_and_no_secret(unfinished: Unfinished) -> None:
    place, done = unfinished.place, unfinished.run
    plan = read_json(done.folder / "plan.json")
    authority = str((place.folder / "company-ca.pem").resolve())
    access = plan["access"]
    assert (access["ca_file"], access["proxy"], access["header_names"]) == (authority, "", ["X-Api-Key"])
    assert plan["mapping"] == {
        "paths": {"/api/v1/policies/": "/api/v2/policies/", "/api/v1/leads/*": "/crm/leads/*"},
        "roles": {"provider_admin": "insurer_admin"},
        "allowed": {"users.list": ["super_admin", "support_staff", "regional_manager"]},
        "off": {"pages hold each row once": ["policies.list"]},
        "file": "target.toml",
    }
    for file in done.folder.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file
    assert KEY not in done.out
    assert not any(KEY in line for line in done.command_lines)


def test_the_report_of_the_run_alone_says_the_same(unfinished: Unfinished) -> None:
    done = unfinished.run
    before = read_json(done.folder / "summary.json")
    assert run_suite("report", str(done.folder)).code == 0
    assert read_json(done.folder / "summary.json") == before
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert "/api/v1/policies/ → /api/v2/policies/" in page
    assert "X-Api-Key" in page


def test_with_the_rest_the_run_goes_on(unfinished: Unfinished) -> None:
    done = unfinished.run
    coverage = done.summary["coverage"]
    assert coverage["missing"] == ["provider_admin / agents.list", "regional_manager / agents.list"]
    assert coverage["broken"] == ["provider_admin / dashboard.provider"]
    assert "dashboard.analytics: field totalPremium is a text, the contract says a number" in coverage["differs"]
    asked = {operation["operation"] for operation in done.summary["operations"]}
    assert "dashboard.analytics" in asked
    assert not asked & {"agents.list", "dashboard.provider"}
    told = " ".join(done.out.split())
    assert (
        "differs from the contract: GET /api/v1/dashboard/analytics (dashboard.analytics): field totalPremium" in told
    )
    assert "differs from the contract: GET /api/v1/agents/ (agents.list): not in the target's list of routes" in told


def test_a_rate_limit_is_named_and_not_mixed_with_failures_of_the_application(unfinished: Unfinished) -> None:
    done = unfinished.run
    whole = done.summary["whole_run"]
    assert done.code == 1
    assert done.summary["failures_by_kind"] == {"rate limit": whole["failures"]}
    assert whole["rate_limited"] == whole["failures"] > 0
    limited = Reason.RATE_LIMITED(
        limited=whole["rate_limited"], requests=whole["requests"], answer="HTTP 429, Retry-After 1"
    )
    (reason,) = [reason for reason in done.summary["reasons"] if reason.startswith(limited)]
    assert reason.endswith(" 0 % failed")


def test_preflight_is_not_held_up_by_the_limit(unfinished: Unfinished) -> None:
    done = unfinished.run
    checks = read_json(done.folder / "preflight.json")["checks"]
    assert {check["works"] for check in checks if check["operation"] == "users.me"} == {"ok"}


def test_a_failed_request_is_found_in_the_servers_log_by_its_id(unfinished: Unfinished) -> None:
    place, done = unfinished.place, unfinished.run
    with (done.folder / "failures.csv").open(encoding="utf-8", newline="") as file:
        first: dict[str, Any] = next(csv.DictReader(file))
    text = script("Find a failed request in the server's log")
    text = text.replace("results/basic_20261124_025154", str(done.folder))
    text = re.sub(r"grep \w+", f"grep {first['request_id']}", text)

    found = place.sh(text)

    listed, logged = found.out.strip().splitlines()[:-1], found.out.strip().splitlines()[-1]
    assert listed[0].startswith(f"{first['request_id']} {first['count']} ")
    assert f'"request_id":"{first["request_id"]}"' in logged.replace(" ", "")
    assert '"status":429' in logged.replace(" ", "")


# ── debug mode ──────────────────────────────────────────────────────────────────────────────────────


def test_plain_locust_takes_the_same_way(accounts: Place) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py"), "--headless"]
    load = ["--users", "8", "--spawn-rate", "8", "--run-time", "6s", "--host", accounts.host]
    connection = ["--ca-file", str(accounts.folder / "company-ca.pem"), "--header", "X-Api-Key: env:MITRA_KEY"]
    rows = accounts.backend.rows()
    program = start([*command, *load, *connection, "--mapping", str(MAPPING)], env={"MITRA_KEY": KEY})
    try:
        code = program.wait(150)
    finally:
        plans = [
            plan for plan in (ROOT / "results").glob("locust_*/plan.json") if read_json(plan)["host"] == accounts.host
        ]
        kept = [read_json(plan) for plan in plans]
        logged = [entry for plan in kept for entry in accounts.backend.requests(plan["run_id"])]
        for plan in plans:
            shutil.rmtree(plan.parent)
        told = program.err
        program.end()
    assert code == 0, told
    assert len(kept) == 1
    assert kept[0]["access"]["header_names"] == ["X-Api-Key"]
    assert KEY not in str(kept[0])
    assert {entry["status"] for entry in logged} <= {200, 201}
    assert {"policies.list", "policies.page", "leads.list"} & {entry["name"] for entry in logged} != set()
    assert accounts.backend.rows() == rows


def test_plain_locust_tells_a_mistake_before_it_starts(accounts: Place) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py"), "--headless", "-u", "1", "-t", "1s"]
    done = subprocess.run(
        [*command, "--host", accounts.host, "--header", "Authorization: x"],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert str(PlanMessage.HEADER_OF_SUITE(name="Authorization")) in done.stderr
