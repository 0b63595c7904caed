"""The process: starting, refusing, stopping."""

import csv
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from mitra_backend.__main__ import main
from mitra_backend.config import StartError, check_secret, database_url
from mitra_backend.server import KEEP_ALIVE_S

ROOT = Path(__file__).parents[2]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mitra_backend", *arguments]


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "MITRA_SECRET_KEY"}
    return {**kept, "PYTHONPATH": str(ROOT / "backend"), **more}


@contextmanager
def _started(tmp_path: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        _command("--demo", "--seed-factor", "0.01", *arguments),
        env=_environment(TMPDIR=str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), process.communicate()
        yield process, line.removeprefix("listening on ").strip()
    finally:
        process.kill()
        process.communicate()


def test_with_a_database_of_its_own_a_killed_process_leaves_no_directory(tmp_path: Path) -> None:
    with _started(tmp_path, "--database-url", str(tmp_path / "named.db")) as (process, _url):
        process.kill()
        process.wait()
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"named"}


@pytest.mark.parametrize("how", ["stdin", "SIGTERM", "SIGINT"])
def test_start_and_stop_with_an_open_connection(tmp_path: Path, how: str) -> None:
    accounts = tmp_path / "accounts.csv"
    with (
        _started(tmp_path, "--exit-with-stdin", "--credentials-out", str(accounts)) as (process, url),
        httpx.Client() as client,
    ):
        assert client.get(f"{url}/health").json()["status"] == "healthy"
        with accounts.open() as file:
            rows = list(csv.DictReader(file))
        assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
        assert list(rows[0]) == ["phone_number", "password", "role"]
        start = time.perf_counter()
        if how == "stdin":
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        else:
            process.send_signal(getattr(signal, how))
        out, err = process.communicate(timeout=60)
        assert time.perf_counter() - start < KEEP_ALIVE_S / 2  # it does not wait for the client to hang up
    assert (process.returncode, out, err) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["accounts.csv"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param([], 2, "refusing to start with the built-in secret", id="built-in secret"),
        pytest.param(
            ["--demo", "--database-url", "postgresql://u:hush@127.0.0.1:1/x"],
            3,
            "cannot use the database",
            id="no PostgreSQL",
        ),
    ],
)
def test_a_process_that_refuses_says_why_and_nothing_else(arguments: list[str], code: int, message: str) -> None:
    done = subprocess.run(_command(*arguments), env=_environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert "hush" not in done.stderr


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Runs the command in this process, which is quicker where it refuses; its exit code."""
    monkeypatch.delenv("MITRA_SECRET_KEY", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield lambda *arguments: main(list(arguments))
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--fault", "cut@policies.lst"], 2, "did you mean 'policies.list'?", id="fault"),
        pytest.param(["--database-url", "mysql://x"], 2, "not supported", id="other database"),
        pytest.param(["--database-url", "://"], 2, "not a database URL", id="no URL"),
        pytest.param(["--seed-factor", "0"], 2, "--seed-factor", id="no data"),
        pytest.param(["--port", "70000"], 2, "--port", id="no such port"),
        pytest.param(["--redis-url", "http://x"], 2, "not a Redis URL", id="not Redis"),
        pytest.param(["--redis-url", "redis://127.0.0.1:1"], 3, "Redis does not answer", id="no Redis"),
        pytest.param(["--database-url", "/nowhere/x.db"], 3, "cannot use the database", id="no directory"),
    ],
)
def test_refusals_are_short_and_named(
    arguments: list[str], code: int, message: str, run_here: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("--demo", *arguments) == code
    said = capfd.readouterr()
    assert message in said.err
    assert len(said.err.splitlines()) <= 2
    assert said.out == ""


def test_a_port_in_use_is_named(run_here: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run_here("--demo", "--seed-factor", "0.01", "--port", port) == 3
    assert capfd.readouterr().err == (
        f"mitra_backend: cannot listen on 127.0.0.1:{port}: Address already in use."
        " Name another port with --port, or 0 for a free one\n"
    )


def test_secrets_must_be_own_and_long() -> None:
    with pytest.raises(StartError, match="too short"):
        check_secret("short", demo=False)
    check_secret("x" * 32, demo=False)


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("postgresql://u@h/d", "postgresql+psycopg"),
        ("postgres://u@h/d", "postgresql+psycopg"),
        ("sqlite:////tmp/x.db", "sqlite"),
        ("data/x.db", "sqlite"),
    ],
)
def test_database_urls(text: str, driver: str) -> None:
    assert database_url(text).drivername == driver


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_threads_of_the_backend_share_their_memory() -> None:
    program = (
        "import ctypes, threading\n"
        "from mitra_backend.__main__ import main\n"
        "try: main(['--port', '-1', '--demo'])\n"
        "finally:\n"
        "  barrier = threading.Barrier(5)\n"
        "  threads = [threading.Thread(target=lambda: (bytearray(5000), barrier.wait())) for _ in range(4)]\n"
        "  [thread.start() for thread in threads]; barrier.wait()\n"
        "  libc = ctypes.CDLL(None); libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, 'stdout')); libc.fflush(None)\n"
    )
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, env=_environment(), capture_output=True, text=True, timeout=120)
    assert done.stdout.count("<heap nr=") == 1, done.stderr
