"""Load processes that end before their time: never taken for a load that was made to its end."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import psutil
import pytest

from perfsuite.cli.screen import PlainScreen
from perfsuite.measurements.check_ended import CheckEnded
from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import End, Ledger, Phase, Record, WorkerLost, to_json
from perfsuite.messages.load import LoadMessage
from perfsuite.messages.run import RunMessage
from perfsuite.model import Account, LiveSnapshot, Plan, PreflightReport, Scenario, Secrets
from perfsuite.model.correctness import CheckLevel
from perfsuite.run.context import CommandContext
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.load import make_load
from perfsuite.run.load_process import LoadProcess
from tests.accuracy.lab import wait_until, worker_named, workers_of

pytestmark = pytest.mark.integration

_WITHIN_S = 150.0
_ACCOUNTS = (Account("9876543205", "secret", "policyholder"), Account("9876543206", "secret", "policyholder"))


def _plan(folder: Path, processes: int) -> Plan:
    """A load of some minutes on a port where nobody listens: each test ends it."""
    host = "http://127.0.0.1:1"
    scenario = Scenario("basic", 2, 100, 300)
    plan = Plan("run", scenario, host, {"policyholder": 2}, (), (), 1, "2026-03-01T09:30:00Z", processes=processes)
    plan = replace(plan, check_correctness=CheckLevel.SAMPLE)
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(PreflightReport(host, "", "", (), ())))
    return plan


def _records(folder: Path) -> list[Record]:
    return Tail(folder / FILE_NAME).read()


def _until(true: Callable[[], bool]) -> bool:
    return wait_until(true, _WITHIN_S)


def _on_plateau(folder: Path) -> bool:
    return any(isinstance(record, Phase) and record.name == "plateau" for record in _records(folder))


def _checking(folder: Path) -> set[str]:
    """Processes that say what they check; here nothing, since the target offers nothing."""
    return {one.worker for one in _records(folder) if isinstance(one, CheckEnded)}


def _lost(folder: Path) -> list[tuple[str, int, int | None, str]]:
    return [(one.lost, one.users, one.placed, one.reason) for one in _records(folder) if isinstance(one, WorkerLost)]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[int], LoadProcess]]:
    begun: list[LoadProcess] = []

    def start(processes: int) -> LoadProcess:
        _plan(tmp_path, processes)
        begun.append(LoadProcess(tmp_path, Secrets(_ACCOUNTS)))
        assert _until(lambda: _on_plateau(tmp_path)), begun[-1].failure_message()
        return begun[-1]

    yield start
    for process in begun:
        process.close()


def test_one_that_somebody_else_ended_in_order_is_lost_all_the_same(
    begin: Callable[[int], LoadProcess], tmp_path: Path
) -> None:
    process = begin(2)
    assert _until(lambda: _checking(tmp_path) == {"worker-1"})

    worker_named(tmp_path, "worker-1").send_signal(signal.SIGTERM)

    stopped = [("worker-1", 1, 1, LoadMessage.STOPPED())]
    assert _until(lambda: _lost(tmp_path) == stopped), _lost(tmp_path)
    assert process.running
    assert _until(lambda: "worker-2" in _checking(tmp_path)), "another one goes on with the checks"
    process.stop("completed")
    assert _until(lambda: not process.running)
    assert not process.failed, process.failure_message()
    records = _records(tmp_path)
    assert {one.worker for one in records if isinstance(one, End)} == {"worker-1", "worker-2"}
    # Nothing that it recorded is missing: it waited for the last acknowledgement.
    ledger = {one.of: one for one in records if isinstance(one, Ledger)}
    assert {name: one.lost for name, one in ledger.items()} == {"worker-1": True, "worker-2": False}
    assert all((one.sent, one.said_requests) == (one.received, one.requests) for one in ledger.values())


def test_with_the_last_one_the_load_is_over(begin: Callable[[int], LoadProcess], tmp_path: Path) -> None:
    process = begin(1)

    worker_named(tmp_path, "worker-1").kill()

    assert _until(lambda: not process.running)
    assert process.failed
    assert _lost(tmp_path) == [("worker-1", 2, 0, LoadMessage.OUT_OF_MEMORY(signal="SIGKILL"))]


def test_one_that_dies_before_it_has_joined_is_lost_and_keeps_nobody_waiting_and_the_last_may_end_in_order(
    tmp_path: Path,
) -> None:
    _plan(tmp_path, 2)
    process = LoadProcess(tmp_path, Secrets(_ACCOUNTS))
    try:
        assert _until(lambda: len(workers_of(tmp_path)) == 2)
        victim = workers_of(tmp_path)[0]
        victim.kill()
        assert _until(lambda: _on_plateau(tmp_path)), process.failure_message()
        assert process.running
        worker_named(tmp_path, "worker-1").send_signal(signal.SIGTERM)
        assert _until(lambda: not process.running)
        assert process.failed
    finally:
        process.close()
    never_joined = (str(victim.pid), 0, 0, LoadMessage.OUT_OF_MEMORY(signal="SIGKILL"))
    assert _lost(tmp_path) == [never_joined, ("worker-1", 2, 0, LoadMessage.STOPPED())]
    assert {one.worker for one in _records(tmp_path) if isinstance(one, End)} == {"worker-1"}


class _TerminatesTheLoad(PlainScreen):
    """Sends SIGTERM to who leads the load of one folder, once users are at work there."""

    def __init__(self, stream: TextIO, folder: Path) -> None:
        super().__init__(stream)
        self._leads = ["perfsuite.load", str(folder.resolve())]

    def progress(self, moment: LiveSnapshot) -> None:
        if sum(moment.live.users.values()):
            for child in psutil.Process().children():
                if child.cmdline()[-2:] == self._leads:
                    child.terminate()


def test_a_load_that_somebody_else_ended_was_interrupted(tmp_path: Path) -> None:
    plan = _plan(tmp_path, 1)
    said = io.StringIO()

    context = CommandContext(tmp_path, _TerminatesTheLoad(said, tmp_path), Interrupts())
    ended = make_load(context.for_run(plan, _ACCOUNTS, tmp_path)).ended

    assert ended == "interrupted"
    assert [one.reason for one in _records(tmp_path) if isinstance(one, End)] == ["interrupted"]
    assert RunMessage.LOAD_STOPPED_FROM_OUTSIDE() in said.getvalue()
