"""A worker as the master sees it, and the process of one on this machine."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from perfsuite.load.inbox import WorkerAccount
from perfsuite.load.messages import Drained, Hello, UserSeat
from perfsuite.load.worker_handle import RESEND_AFTER_S, LocalProcess, WorkerHandle
from perfsuite.model import Account, Secrets, WorkerStart
from tests.accuracy.lab import wait_until

_WITHIN_S = 150.0
_TOKEN, _PASSWORD = "the-secret-token", "the-secret-password"
_MANY = tuple(Account(f"98765{number:05}", _PASSWORD, "policyholder") for number in range(5_000))
"""Several times what a pipe holds: once that is written, the process reads."""
_START = WorkerStart("127.0.0.1", 1, _TOKEN, Secrets(_MANY))
"""At a port where there is no master."""


def _handle() -> WorkerHandle:
    return WorkerHandle("client", 0, Hello({}, "host", 1), WorkerAccount("worker-1", "host"))


@pytest.mark.parametrize(
    ("checked", "lost", "drained", "at_work"),
    [
        pytest.param(False, False, None, False, id="nobody knows whether it can make the load"),
        pytest.param(True, False, None, True, id="it can"),
        pytest.param(True, True, None, False, id="it is lost"),
        pytest.param(True, False, Drained(0, 0), False, id="it has handed over everything"),
    ],
)
def test_who_is_at_work(*, checked: bool, lost: bool, drained: Drained | None, at_work: bool) -> None:
    worker = _handle()
    worker.checked, worker.lost, worker.drained = checked, lost, drained
    assert worker.at_work is at_work


@pytest.mark.parametrize(
    ("reported", "late_s", "missed"),
    [
        pytest.param({"seats": 1, "target": 1}, RESEND_AFTER_S + 1, False, id="it knows all"),
        pytest.param({"seats": 0, "target": 1}, RESEND_AFTER_S + 1, True, id="it does not know its users"),
        pytest.param({"seats": 1, "target": 0}, RESEND_AFTER_S + 1, True, id="it does not know how many are to start"),
        pytest.param({"seats": 0, "target": 0}, RESEND_AFTER_S - 1, False, id="its answer may be on the way"),
        pytest.param({}, RESEND_AFTER_S + 1, False, id="it has said nothing so far"),
    ],
)
def test_an_order_that_was_lost_shows_in_what_the_worker_reports(
    reported: dict[str, int], late_s: float, *, missed: bool
) -> None:
    worker = _handle()
    worker.seats, worker.target = [UserSeat(0, "policyholder", "1")], 1
    worker.ordered_at, worker.reported = time.monotonic() - late_s, reported
    assert worker.has_missed_order is missed


@pytest.fixture
def process(tmp_path: Path) -> Iterator[LocalProcess]:
    """A worker that waits for its master."""
    process = LocalProcess(tmp_path, _START)
    yield process
    process.close()
    assert process.exit_code is not None


@pytest.mark.integration
def test_secrets_are_in_no_argument_variable_or_file(process: LocalProcess, tmp_path: Path) -> None:
    child = psutil.Process(process.pid)
    seen = " ".join(child.cmdline()) + str(child.environ())

    assert process.exit_code is None
    assert str(tmp_path) in seen
    assert _TOKEN not in seen
    assert _PASSWORD not in seen
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
def test_it_ends_with_its_standard_input(process: LocalProcess) -> None:
    """As after kill -9 of the master: all that the worker sees of it is the end of the pipe."""
    pipe = process._process.stdin
    assert pipe is not None

    pipe.close()

    assert wait_until(lambda: process.exit_code is not None, _WITHIN_S)
    assert process.exit_code == 1


@pytest.mark.integration
def test_one_that_is_stopped_is_killed_all_the_same(process: LocalProcess) -> None:
    psutil.Process(process.pid).suspend()

    process.kill()

    assert wait_until(lambda: process.exit_code is not None, _WITHIN_S)
    assert process.exit_code == -signal.SIGKILL
    process.kill()  # it is dead, and that is no mistake of the one who kills
