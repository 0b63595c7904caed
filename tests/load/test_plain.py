"""Plain `locust -f locustfile.py` keeps to the hosts that may be loaded. What it does there: tests/integration."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.load.child import ROOT


@pytest.mark.parametrize(
    ("host", "code", "told"),
    [
        pytest.param(
            "https://api.agentmitra.com", 6, "refused: api.agentmitra.com looks like production", id="refused"
        ),
        pytest.param("localhost:8015", 2, "Did you mean 'http://localhost:8015'?", id="not a URL"),
    ],
)
def test_a_host_that_may_not_be_loaded_ends_it_with_the_suites_own_code(host: str, code: int, told: str) -> None:
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        "locustfile.py",
        "--headless",
        "--host",
        host,
        "-u",
        "1",
        "-t",
        "1s",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
