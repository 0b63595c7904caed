"""Plain `locust -f locustfile.py` keeps to the hosts that may be loaded. What it does there: tests/integration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perfsuite.messages.load import LoadMessage
from perfsuite.messages.plan import PlanMessage
from perfsuite.plan.workers import TOKEN_VARIABLE
from tests.load.child import ROOT, WITHIN_S, findings

OWN_USER = """
from locust import User, task


class OwnUser(User):
    @task
    def wait_a_while(self) -> None:
        import time

        time.sleep(0.1)
"""


def locust(*arguments: str, file: Path = ROOT / "locustfile.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "-f", str(file), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


@pytest.mark.parametrize(
    ("host", "code", "reported"),
    [
        pytest.param(
            "https://api.agentmitra.com", 6, "refused: api.agentmitra.com looks like production", id="refused"
        ),
        pytest.param("localhost:8015", 2, "Did you mean 'http://localhost:8015'?", id="not a URL"),
    ],
)
def test_a_host_that_may_not_be_loaded_ends_it_with_the_suites_own_code(host: str, code: int, reported: str) -> None:
    done = locust("--headless", "--host", host, "-u", "1", "-t", "1s")

    assert done.returncode == code
    assert reported in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "option", "host"),
    [
        pytest.param(("--master", "--master-bind-host", "*"), "--master-bind-host", "*", id="master"),
        pytest.param(
            ("--processes", "2", "--master-bind-host", "192.0.2.1"), "--master-bind-host", "192.0.2.1", id="processes"
        ),
        pytest.param(("--worker", "--master-host", "192.0.2.1"), "--master-host", "192.0.2.1", id="worker"),
    ],
)
def test_beyond_this_machine_a_token_is_needed(arguments: tuple[str, ...], option: str, host: str) -> None:
    done = locust("--headless", "--host", "http://127.0.0.1:1", "-u", "2", "-t", "1s", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    wanted = PlanMessage.WORKER_TOKEN_MISSING(option=option, address=f"{host}:5557", variable=TOKEN_VARIABLE)
    assert done.stderr == f"{wanted}\n"


def test_several_processes_do_not_run_user_classes_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "locustfile.py"
    file.write_text(f"{(ROOT / 'locustfile.py').read_text()}\n{OWN_USER}")

    done = locust("--headless", "--host", "http://127.0.0.1:1", "-u", "2", "-t", "1s", "--processes", "2", file=file)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == str(LoadMessage.FOREIGN_USERS(names=["OwnUser"]))
    assert "Traceback" not in done.stderr


# ── parts of it ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    found: dict[str, Any] = findings("in_child_plain")
    return found


def test_a_master_keeps_its_options_to_itself(parts: dict[str, Any]) -> None:
    assert parts["options"] == {"options": {"tags": ["fast"], "expect_workers": 2}, "host": "h"}


def test_locust_sees_the_youngest_users_first_and_none_that_leaves(parts: dict[str, Any]) -> None:
    assert parts["users"] == {
        "all": ["d", "c", "b", "a"],
        "one leaves": ["d", "b", "a"],
        "with those that leave": ["d", "c", "b", "a"],
        "one has ended": ["c", "b", "a"],
    }


def test_what_a_worker_has_reported_is_in_locusts_count(parts: dict[str, Any]) -> None:
    assert parts["count"] == 12


def test_user_classes_of_ones_own_get_their_share_by_weight(parts: dict[str, Any]) -> None:
    assert sum(parts["mix"].values()) == 100
    assert parts["mix"]["OwnUser"] == 9
    assert parts["mix"]["policyholder"] == 50
