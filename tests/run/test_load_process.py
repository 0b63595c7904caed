"""The load process as its parent sees it: controlled, watched, and surely gone at the end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from perfsuite.clock import for_children
from perfsuite.errors import LoadError
from perfsuite.measurements.file import FILE_NAME, Tail, read
from perfsuite.measurements.records import End, Requests, to_json
from perfsuite.model import Account, Plan, PreflightReport, Scenario, Secrets
from perfsuite.run.load_process import LOG_FILE, LoadProcess
from perfsuite.suite_errors import LOG_FILE as ERRORS_FILE

PASSWORD = "the-secret-word"
ACCOUNTS = (Account("9876543205", PASSWORD, "policyholder"),)
WITHIN_S = 150.0


def _until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def _alive(session: int) -> list[psutil.Process]:
    """Processes of a session: the load process and all that it started, and nothing of other tests."""
    alive = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getsid(process.pid) == session and process.info["status"] != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except ProcessLookupError:
            continue  # it has ended since
    return alive


@dataclass(frozen=True)
class Failed:
    """A load process that ended by itself as soon as it had read the accounts: its folder holds no plan."""

    process: LoadProcess
    folder: Path
    session: int
    shown: str
    """Its arguments and variables, as everybody on the machine may see them."""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failed]:
    folder = tmp_path_factory.mktemp("failed")
    process = LoadProcess(folder, Secrets(ACCOUNTS))
    child = psutil.Process(process.pid)
    assert _until(lambda: bool(child.environ()))  # the kernel shows neither for a moment after the start
    session, shown = os.getsid(process.pid), " ".join(child.cmdline()) + str(child.environ())
    assert _until(lambda: not process.running)
    yield Failed(process, folder, session, shown)
    process.close()
    assert _alive(process.pid) == []


def test_accounts_are_in_no_file_argument_or_variable(failed: Failed) -> None:
    assert PASSWORD not in failed.shown
    assert str(failed.folder) in failed.shown
    assert all(PASSWORD.encode() not in file.read_bytes() for file in failed.folder.iterdir())


def test_it_is_in_a_session_of_its_own(failed: Failed) -> None:
    assert failed.session == failed.process.pid != os.getsid(0)


def test_telling_an_ended_process_to_stop_does_nothing(failed: Failed) -> None:
    process = failed.process
    process.stop("interrupted")
    process.stop("interrupted")
    process.kill()
    process.close()

    assert not process.running


def test_a_load_that_fails_leaves_its_error_message(failed: Failed) -> None:
    process = failed.process
    assert process.failed
    assert "FileNotFoundError" in process.failure_message()
    assert "plan.json" in process.failure_message()
    assert "\n" not in process.failure_message()
    assert "FileNotFoundError" in (failed.folder / ERRORS_FILE).read_text()  # with its traceback


@pytest.fixture
def full_disk(tmp_path: Path) -> None:
    """The folder of a run on a disk that takes neither what is measured nor what is logged."""
    _planned(tmp_path, "http://127.0.0.1:1")
    for name in (FILE_NAME, LOG_FILE):
        (tmp_path / name).symlink_to("/dev/full")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that takes nothing: Linux has one")
@pytest.mark.usefixtures("full_disk")
def test_on_a_full_disk_the_error_message_comes_all_the_same(tmp_path: Path) -> None:
    process = LoadProcess(tmp_path, Secrets(ACCOUNTS))
    ended = _until(lambda: not process.running)
    before = process.failure_message()
    process.close()

    assert ended and process.failed
    assert before == process.failure_message() == f"{tmp_path / FILE_NAME} cannot be written: no space left on device"
    assert _alive(process.pid) == []


def test_killed_at_once(tmp_path: Path) -> None:
    process = LoadProcess(tmp_path, Secrets(ACCOUNTS))
    assert process.running
    assert not process.failed  # not yet

    process.kill()

    assert not process.running
    assert process.failed
    process.close()
    assert not (tmp_path / LOG_FILE).exists()  # an empty log is no news
    assert process.failure_message() == ""


# ── a real load, on a port where nobody listens ─────────────────────────────────────────────────────


ENDINGS = 4
"""Tests of which each ends a load in its own way."""
Load = tuple[LoadProcess, Path]


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Load]]:
    """One for each of these tests; they start at the same time."""
    started: list[Load] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    try:
        for _ending in range(ENDINGS):
            folder = tmp_path_factory.mktemp("load")
            _planned(folder, host)
            started.append((LoadProcess(folder, Secrets(ACCOUNTS)), folder))
        yield list(started)
    finally:
        for process, _folder in started:
            process.close()


@pytest.fixture
def load(loads: list[Load]) -> Load:
    """A load that has begun: its measurements hold a request."""
    process, folder = loads.pop()
    assert _until(lambda: not process.running or bool(_recorded(folder))), process.failure_message()
    return process, folder


@pytest.fixture
def loading(load: Load) -> LoadProcess:
    return load[0]


@pytest.fixture
def folder(load: Load) -> Path:
    return load[1]


def _planned(folder: Path, host: str) -> None:
    scenario = Scenario("basic", 1, 100, 300)
    plan = Plan("basic_1", scenario, host, {"policyholder": 1}, (), (), 1, "2026-03-01T09:30:00Z")
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(PreflightReport(host, "", "", (), ())))


def _recorded(folder: Path) -> list[Requests]:
    return [record for record in Tail(folder / FILE_NAME).read() if isinstance(record, Requests)]


def _end(folder: Path) -> End:
    (last,) = [record for record in read(folder / FILE_NAME) if isinstance(record, End)]
    return last


def test_asked_to_stop_it_writes_its_last_record_and_ends_in_order(loading: LoadProcess, folder: Path) -> None:
    loading.stop("target lost")

    assert _until(lambda: not loading.running)
    assert not loading.failed, loading.failure_message()
    last = _end(folder)
    assert last.reason == "target lost"
    assert last.recorded == last.locust_total > 0
    assert {error.kind for record in _recorded(folder) for error in record.errors} == {"connection refused"}


def test_it_ends_with_its_parent(loading: LoadProcess) -> None:
    """As after kill -9 of the parent: all that the child sees of it is the end of the pipe."""
    pipe = loading._process.stdin
    assert pipe is not None

    pipe.close()

    assert _until(lambda: not loading.running)
    assert loading.failed
    assert _until(lambda: _alive(loading.pid) == [])


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_FSIZE"), reason="a limit for a running process: Linux has one")
def test_a_disk_that_fills_up_ends_the_load_with_a_line_and_what_was_written_can_be_read(
    loading: LoadProcess, folder: Path
) -> None:
    """No file of whoever leads the load may get longer than its measurements are now."""
    size = (folder / FILE_NAME).stat().st_size
    psutil.Process(loading.pid).rlimit(psutil.RLIMIT_FSIZE, (size, size))

    assert _until(lambda: not loading.running)
    assert loading.exit_code == LoadError.exit_code
    assert loading.failure_message() == f"{folder / FILE_NAME} cannot be written: file too large"
    assert _until(lambda: _alive(loading.pid) == [])
    assert _recorded(folder)


def test_all_its_processes_have_the_clock_of_the_parent_and_are_killed_with_it(loading: LoadProcess) -> None:
    clocks = [{name: one.environ().get(name) for name in for_children()} for one in _alive(loading.pid)]
    assert clocks == [for_children()] * 2  # who leads, and who makes the load

    loading.kill()

    assert _until(lambda: _alive(loading.pid) == [])
