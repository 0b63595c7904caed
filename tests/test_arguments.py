"""The command line: what is kept of it holds no password, and what it lacks is told."""

import pytest

from perfsuite.arguments import without_secrets
from perfsuite.cli import main

DSN = "postgresql://watcher:secret@localhost/mitra"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param(("--users", "5"), ("--users", "5"), id="nothing to hide"),
        pytest.param(("--monitor-postgres", DSN), ("--monitor-postgres", "…"), id="the value is a word of its own"),
        pytest.param((f"--monitor-postgres={DSN}",), ("--monitor-postgres=…",), id="the value follows ="),
        pytest.param(
            ("--monitor-postgres", "host=db password=secret", "--quiet"),
            ("--monitor-postgres", "…", "--quiet"),
            id="a DSN in words",
        ),
        pytest.param(("--monitor-server", "4711"), ("--monitor-server", "4711"), id="a process id is no secret"),
        pytest.param(
            ("--monitor-redis", "redis://:secret@localhost"), ("--monitor-redis", "…"), id="a password without a user"
        ),
        pytest.param(
            ("--monitor-prometheus", "http://localhost:9090"),
            ("--monitor-prometheus", "http://localhost:9090"),
            id="an address without a password",
        ),
    ],
)
def test_what_may_be_a_password_is_left_out(given: tuple[str, ...], kept: tuple[str, ...]) -> None:
    assert without_secrets(given) == kept


def test_a_fingerprint_needs_a_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fingerprint", "--demo"]) == 2
    assert "--monitor-postgres DSN" in capsys.readouterr().err
