"""What the commands say and which code they end with, where they end soon."""

from __future__ import annotations

import csv
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.preflight import PreflightMessage
from tests.integration.programs import Backend, run_suite

pytestmark = pytest.mark.integration

SECRETS = re.compile(r"testpassword|Bearer |eyJ[A-Za-z0-9_-]{8,}\.|geheim")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else takes meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--scenario", "streß"], 2, "unknown scenario 'streß', did you mean 'stress'?", id="a mistake"),
        pytest.param(["--host", "https://api.agentmitra.com"], 6, "refused: api.agentmitra.com", id="production"),
    ],
)
def test_a_mistake_ends_the_program_with_its_code(arguments: list[str], code: int, message: str, results: Path) -> None:
    """The others are in tests/cli/test_errors.py, without a process for each."""
    done = run_suite(*arguments, results=results)
    assert (done.code, done.out, done.left, done.folders) == (code, "", (), ())
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_target_that_is_not_there(closed_port: int, results: Path) -> None:
    done = run_suite("--host", f"http://127.0.0.1:{closed_port}", results=results)
    assert done.code == 3
    assert done.err.strip() == PreflightMessage.REFUSED(host=f"http://127.0.0.1:{closed_port}")


def test_results_that_cannot_be_written(backend: Backend, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    done = run_suite(*backend.target, "--duration", "2s", "--results", str(tmp_path / "file"))
    assert done.code == 2
    assert "the results cannot be written there" in done.err
    assert "Traceback" not in done.err


def accounts(backend: Backend) -> list[list[str]]:
    with backend.credentials.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def credentials_file(path: Path, rows: list[list[str]]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def test_credentials_that_lack_a_role(backend: Backend, tmp_path: Path, results: Path) -> None:
    rows = [row for row in accounts(backend) if row[2] != "support_staff"]
    file = credentials_file(tmp_path / "few.csv", rows)
    done = run_suite("--host", backend.host, "--credentials", file, results=results)
    assert (done.code, done.folders) == (2, ())
    assert done.err.strip() == (str(PlanMessage.NO_ACCOUNT_FOR(roles="support_staff")))


def test_a_wrong_password_names_the_account_and_keeps_the_password(
    backend: Backend, tmp_path: Path, results: Path
) -> None:
    header, *rows = accounts(backend)
    seniors = [row for row in rows if row[2] == "senior_agent"]
    wrong = [[row[0], "geheim", row[2]] if row in seniors else row for row in rows]
    file = credentials_file(tmp_path / "wrong.csv", [header, *wrong])
    before = backend.rows()
    done = run_suite("--host", backend.host, "--credentials", file, results=results)
    assert done.code == 3
    assert done.err.startswith(
        f"Senior Agent: the account {seniors[0][0]} cannot log in (HTTP 401: Invalid credentials)."
    )
    assert len(done.err.strip().splitlines()) == 2
    assert not SECRETS.search(done.out + done.err)
    assert backend.rows() == before


def test_a_dry_run_prints_the_plan_and_sends_nothing(closed_port: int, results: Path) -> None:
    target = ("--host", f"http://127.0.0.1:{closed_port}")
    done = run_suite(*target, "--dry-run", "--users", "91", "--scenario", "stress", results=results)
    assert (done.code, done.err, done.folders) == (0, "", ())
    for users, role in ((1, "Super Admin"), (50, "Policyholder"), (5, "Support Staff")):
        assert re.search(rf"(?m)^ +{users}  {role}\b", done.out), done.out
    assert "not judged: offers 61.4 requests/s" in done.out


def test_a_dry_run_of_all_scenarios(results: Path) -> None:
    done = run_suite("--demo", "--multiple", "--dry-run", results=results)
    assert (done.code, done.err, done.folders) == (0, "", ())
    for name in ("basic", "moderate", "heavy", "peak", "stress", "endurance"):
        assert name in done.out


def test_preflight_prints_every_operation_and_leaves_no_row(backend: Backend, results: Path) -> None:
    rows = backend.rows()
    done = run_suite("preflight", *backend.target, results=results)
    assert (done.code, done.err, done.left) == (0, "", ())
    assert done.out.rstrip().endswith("60 ok")
    for role, operation in (("super_admin", "flags.update"), ("support_staff", "tickets.create")):
        assert re.search(rf"(?m)^{role}\s+{re.escape(operation)}\s+\S+ \S+\s+ok$", done.out)
    assert re.search(r"Cleanup: removed (\d+) of \1 rows", done.out)
    assert (done.folder / "preflight.json").exists()
    assert backend.rows() == rows
