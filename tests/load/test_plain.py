"""Plain `locust -f locustfile.py` keeps to the hosts that may be loaded. What it does there: tests/integration."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.load.child import ROOT


def locust(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "-f", "locustfile.py", *arguments]
    environment = os.environ | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


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
    ("arguments", "variables", "named", "processes"),
    [
        pytest.param(("--processes", "2"), {}, "--processes", 2, id="several processes"),
        pytest.param(("--processes", "-1"), {}, "--processes", os.cpu_count(), id="as many as there are cores"),
        pytest.param(("--master",), {}, "--master", os.cpu_count(), id="master"),
        pytest.param(("--worker",), {}, "--worker", os.cpu_count(), id="worker"),
        pytest.param((), {"LOCUST_PROCESSES": "3"}, "--processes", 3, id="by Locust's variable"),
    ],
)
def test_several_processes_are_refused_before_there_are_any(
    arguments: tuple[str, ...], variables: dict[str, str], named: str, processes: int
) -> None:
    done = locust("--headless", "--host", "http://127.0.0.1:1", "-u", "2", "-t", "1s", *arguments, **variables)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{named}: the debug mode is one process; each further one would count for itself, in its own folder.\n"
        f"Load from several with: python run_performance_tests.py --processes {processes}\n"
    )
