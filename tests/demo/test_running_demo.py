"""A demo from start to end, with real processes: what it offers, and that nothing of it is ever left."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import httpx
import psutil
import psycopg
import pytest
from redis import Redis

from perfsuite.demo.backend import BackendSettings
from perfsuite.demo.client import Demo, running_demo
from perfsuite.demo.sandbox import sweep
from perfsuite.errors import TargetError
from perfsuite.messages.demo import DemoMessage
from tests.demo.processes import ROOT, Started, all_gone, family_of

pytestmark = pytest.mark.integration

SMALL = BackendSettings(seed_factor=0.02)
SUPERVISOR = ("-m", "perfsuite.demo")
SMALL_JSON = '{"seed_factor": 0.02}'
# A suite that runs a demo until it is killed.
PARENT = """
import json, sys
from perfsuite.demo.backend import BackendSettings
from perfsuite.demo.client import running_demo
with running_demo(sys.argv[1], BackendSettings(seed_factor=0.02)) as demo:
    print(json.dumps({"data_dir": str(demo.data_dir)}), flush=True)
    sys.stdin.read()
"""


def test_an_embedded_demo_answers_whatever_a_sweep_removes_and_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with running_demo("embedded", BackendSettings(seed_factor=0.02, request_log=log)) as demo:
        family = family_of(demo.supervisor_pid)
        sweep(demo.data_dir.parent)
        assert httpx.get(f"{demo.host}/health").json()["service"] == "agent-mitra-backend"
        header, *accounts = demo.credentials.read_text(encoding="utf-8").splitlines()
        assert header == "phone_number,password,role"
        assert len(accounts) >= 7
        assert demo.credentials.stat().st_mode & 0o077 == 0
        assert (demo.postgres_dsn, demo.redis_url, demo.server_pids) == (None, None, {})
        assert demo.pid in {process.pid for process in family}
    assert all_gone(family)
    assert not demo.data_dir.exists()
    assert log.exists()


def test_a_full_demo_works_on_its_own_servers_whatever_the_users_environment_names_and_leaves_nothing(
    full_demo_programs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("MITRA_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/precious"),
        ("MITRA_REDIS_URL", "redis://127.0.0.1:1/0"),
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", "1"),
    ):
        monkeypatch.setenv(name, value)
    with running_demo("full", SMALL) as demo:
        family = family_of(demo.supervisor_pid)
        assert demo.postgres_dsn is not None
        assert str(demo.data_dir) in unquote(demo.postgres_dsn)
        assert demo.redis_url is not None
        with psycopg.connect(demo.postgres_dsn) as connection:
            seeded = connection.execute("SELECT sum(calls) FROM pg_stat_statements WHERE query ILIKE 'insert%'")
            assert seeded.fetchall()[0][0] > 0, "the backend has not used this database"
        with Redis.from_url(demo.redis_url) as redis:
            read_policies(demo)
            assert redis.dbsize() > 0, "the backend has not used this Redis"
        # A server of a private demo is no way into root's account.
        if os.geteuid() == 0:
            for pid in demo.server_pids.values():
                assert psutil.Process(pid).uids().real != 0
        assert no_secret_in_command_lines(family, [demo.postgres_dsn, demo.redis_url])
    assert all_gone(family)
    assert not demo.data_dir.exists()


def read_policies(demo: Demo) -> None:
    """Log in as the first account and read a list, which the backend then keeps in its cache."""
    with demo.credentials.open(encoding="utf-8", newline="") as file:
        account = next(csv.DictReader(file))
    with httpx.Client(base_url=f"{demo.host}/api/v1") as client:
        login = {"phone_number": account["phone_number"], "password": account["password"]}
        token = client.post("/auth/login", json=login).raise_for_status().json()["access_token"]
        client.get("/policies/", headers={"Authorization": f"Bearer {token}"}).raise_for_status()


def no_secret_in_command_lines(family: list[psutil.Process], urls: list[str]) -> bool:
    secrets = [url.split("@")[0].rsplit(":", 1)[1] for url in urls]
    assert all(len(secret) >= 20 for secret in secrets)
    return not any(secret in part for process in family for part in process.cmdline() for secret in secrets)


def test_kill_9_of_the_parent_leaves_nothing(start: Callable[..., Started], full_demo_programs: None) -> None:
    parent = start("-c", PARENT, "full")
    family = family_of(parent.process.pid)
    assert len(family) >= 5, "parent, supervisor, servers, backend"
    parent.process.kill()
    parent.process.wait()
    assert all_gone(family)
    assert not Path(parent.ready["data_dir"]).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_kill_9_of_the_supervisor_leaves_no_process_and_a_sandbox_for_the_next_demo_to_remove(
    start: Callable[..., Started], full_demo_programs: None
) -> None:
    supervisor = start(*SUPERVISOR, "full", SMALL_JSON)
    family = family_of(supervisor.process.pid)
    assert len(family) >= 4, "supervisor, servers, backend"
    supervisor.process.kill()
    supervisor.process.wait()
    assert all_gone(family)
    folder = Path(supervisor.ready["data_dir"])
    sweep(folder.parent)
    assert not folder.exists()


def test_kill_9_of_suite_and_supervisor_leaves_no_process(start: Callable[..., Started]) -> None:
    parent = start("-c", PARENT, "embedded")
    family = family_of(parent.process.pid)
    for process in family[:2]:
        process.kill()
    parent.process.wait()
    assert all_gone(family)


def test_a_sweep_removes_the_sandbox_of_a_supervisor_that_was_killed_before_it_started_anything(tmp_path: Path) -> None:
    folder = tmp_path / "mitra-demo-left"
    folder.mkdir()
    (folder / "lock").touch()
    sweep(tmp_path)
    assert not folder.exists()


def test_a_sweep_kills_what_a_killed_supervisor_left(tmp_path: Path) -> None:
    """As on macOS, where nothing ends a process with its parent."""
    folder = tmp_path / "mitra-demo-left"
    folder.mkdir()
    (folder / "lock").touch()
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        created_at = psutil.Process(left.pid).create_time()
        (folder / "processes").write_text(f"{left.pid} {created_at}\n{other.pid} {created_at - 100}\n")
        sweep(tmp_path)
        assert left.wait(60) == -signal.SIGKILL
        assert other.poll() is None, "its process id was given to it after the demo"
        assert not folder.exists()
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: signal.Signals, start: Callable[..., Started]) -> None:
    supervisor = start(*SUPERVISOR, "embedded", SMALL_JSON)
    family = family_of(supervisor.process.pid)
    supervisor.process.send_signal(number)
    assert supervisor.process.wait(60) == 0
    assert all_gone(family)
    assert not Path(supervisor.ready["data_dir"]).exists()


def test_a_backend_that_dies_is_named_and_the_rest_is_stopped(full_demo_programs: None) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, *SUPERVISOR, "full", SMALL_JSON],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None
    ready = json.loads(supervisor.stdout.readline())
    family = family_of(supervisor.pid)
    os.kill(ready["pid"], signal.SIGKILL)
    assert supervisor.wait(60) == 3
    _out, said = supervisor.communicate()
    assert said.startswith(DemoMessage.DIED(program="backend", how="signal SIGKILL", output=""))
    assert all_gone(family)
    assert not Path(ready["data_dir"]).exists()


def test_a_demo_that_cannot_begin_says_why_and_leaves_nothing() -> None:
    with (
        pytest.raises(TargetError) as caught,
        running_demo("embedded", BackendSettings(faults=("no such fault",))),
    ):
        pytest.fail("it must not begin")
    assert "fault" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_demo_that_is_not_ready_in_time_is_given_up() -> None:
    with (
        pytest.raises(TargetError) as caught,
        running_demo("embedded", ready_within_s=0.01),
    ):
        pytest.fail("it must not begin")
    assert caught.value.code is DemoMessage.TOO_SLOW


def test_the_end_of_the_suite_cuts_a_start_short() -> None:
    supervisor = subprocess.Popen(
        [sys.executable, *SUPERVISOR, "embedded"], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    out, _ = supervisor.communicate(timeout=60)
    assert (supervisor.returncode, out) == (0, b"")
