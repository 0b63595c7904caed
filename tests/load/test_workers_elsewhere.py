"""Workers on other machines that cannot take part, or lose their master: one line each, and the right exit code."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from perfsuite.errors import EXIT_INCONCLUSIVE
from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.raw_samples import file_name
from perfsuite.measurements.records import Phase, WorkerRefused, to_json
from perfsuite.messages.load import WorkerMessage
from perfsuite.messages.measurements import MeasurementsMessage
from perfsuite.model import Scenario, Secrets, WorkerStart
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.load_process import LoadProcess
from perfsuite.run.worker import PROGRAM, WorkerCommand, work
from tests.accuracy import seven_roles
from tests.accuracy.lab import Load, TruthServer, accounts_of, plan_of, preflight_of, truth_server, wait_until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TOKEN = "the token of these tests"
USERS = 4
GONE_S = 6.0
_WITHIN_S = 150.0
"""In which everything has happened, on a machine that has other things to do."""
_OTHER_SUITE = """
import runpy, sys
sys.path.insert(0, {folder!r})
runpy.run_module("perfsuite.load.worker", run_name="__main__", alter_sys=True)
"""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class OtherMachine:
    """One worker, and what it says."""

    folder: Path
    start: WorkerStart
    lines: list[str] = field(default_factory=list)

    def work(self, program: Sequence[str] = PROGRAM) -> int:
        """Its exit code."""
        command = WorkerCommand(Interrupts(), self.lines.append, self.lines.append, program, self.folder)
        return work(self.start, 1, command)

    @property
    def last_words(self) -> str:
        """Its last line, but for the one that names files which are kept."""
        return [line for line in self.lines if line.startswith("worker")][-1]


@dataclass
class Master:
    """A run that waits for one worker from elsewhere."""

    folder: Path
    process: LoadProcess

    def is_on_plateau(self) -> bool:
        found = Tail(self.folder / FILE_NAME).read()
        return any(isinstance(one, Phase) and one.name == "plateau" for one in found)

    def refusals(self) -> list[str]:
        return [one.why for one in Tail(self.folder / FILE_NAME).read() if isinstance(one, WorkerRefused)]

    def kill_on_plateau(self) -> None:
        wait_until(self.is_on_plateau, _WITHIN_S)
        psutil.Process(self.process.pid).kill()


@contextmanager
def _run(folder: Path, url: str, *, raw_samples: bool = False) -> Iterator[tuple[Master, OtherMachine]]:
    load = Load(Scenario("elsewhere", USERS, 100, 300.0), "", 1, "tests.accuracy.seven_roles", seven_roles.ROLES)
    port = _free_port()
    plan = replace(
        plan_of(load, url),
        processes=0,
        expect_workers=1,
        expect_workers_max_wait_s=_WITHIN_S,
        bind=f"127.0.0.1:{port}",
        raw_samples=raw_samples,
    )
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(preflight_of(plan)))
    secrets = Secrets(tuple(accounts_of(plan)), token=TOKEN)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    start = WorkerStart("127.0.0.1", port, TOKEN, secrets, ("127.0.0.1",), local=False, master_gone_s=GONE_S)
    process = LoadProcess(folder, secrets)
    try:
        yield Master(folder, process), OtherMachine(elsewhere, start)
    finally:
        process.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TruthServer]:
    folder = tmp_path / "server"
    folder.mkdir()
    with truth_server("fixed 20", folder) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def test_a_master_that_nobody_reaches(tmp_path: Path) -> None:
    port = _free_port()
    machine = OtherMachine(tmp_path, WorkerStart("127.0.0.1", port, TOKEN, Secrets(()), local=False, master_within_s=1))

    assert machine.work() == 3
    known = str(WorkerMessage.NO_MASTER(master=f"127.0.0.1:{port}", waited_s=1)).partition(" within ")[0]
    assert [line.partition(" within ")[0] for line in machine.lines] == [f"worker: {known}"]


def test_another_version_of_the_suite_is_refused_on_both_sides(folder: Path, server: TruthServer) -> None:
    copy = folder / "copy"
    shutil.copytree(ROOT / "perfsuite", copy / "perfsuite", ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "perfsuite" / "format.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    with _run(folder, server.url) as (master, machine):
        code = machine.work((sys.executable, "-c", _OTHER_SUITE.format(folder=str(copy))))
        assert wait_until(lambda: bool(master.refusals()), _WITHIN_S)
        (why,) = master.refusals()

    assert code == 2
    assert why.startswith("suite differs: ")
    assert machine.lines == [f"worker: {WorkerMessage.REFUSED(why=why)}"]


class _OtherService(SimpleHTTPRequestHandler):
    """Has no such page."""

    def log_message(self, *_parts: object) -> None:
        """Nowhere."""


def test_another_service_at_the_address_of_the_target(folder: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _OtherService) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{service.server_address[1]}"
        with _run(folder, url) as (_master, machine):
            code = machine.work()
        service.shutdown()

    why = WorkerMessage.OTHER_TARGET(status=404, service="")
    assert (code, machine.last_words) == (3, f"worker-1: {WorkerMessage.NO_TARGET(host=url, why=why)}")


def test_a_master_that_dies_in_mid_run(folder: Path, server: TruthServer) -> None:
    with _run(folder, server.url) as (master, machine):
        killer = threading.Thread(target=master.kill_on_plateau)
        killer.start()
        code = machine.work()
        killer.join()

    assert code == 1
    known = str(WorkerMessage.MASTER_GONE(silent_s=GONE_S, batches=0)).partition(" for ")[0]
    assert machine.last_words.startswith(f"worker-1: {known}")


def test_a_disk_of_the_master_that_does_not_take_what_the_worker_sent(folder: Path, server: TruthServer) -> None:
    path = folder / file_name("worker-1")
    path.symlink_to("/dev/full")
    with _run(folder, server.url, raw_samples=True) as (master, machine):
        code = machine.work()
        assert wait_until(lambda: not master.process.running, _WITHIN_S)
        shown, exit_code = master.process.failure_message(), master.process.exit_code

    full = MeasurementsMessage.NOT_WRITTEN(path=path, why="no space left on device")
    assert (code, exit_code, shown) == (1, EXIT_INCONCLUSIVE, full)
    assert machine.last_words == f"worker-1: {WorkerMessage.GIVEN_UP(why=WorkerMessage.RUN_ENDED(why=full))}"
