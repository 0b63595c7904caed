"""A load process as the coordinator sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from perfsuite.load.messages import Add, Ready
from perfsuite.load.worker_handle import WorkerHandle
from perfsuite.measurements.records import to_json
from perfsuite.model import Account, Plan, Scenario

pytestmark = pytest.mark.integration

_WITHIN_S = 30.0
_MUCH = Add([Account(f"98765{number:05}", "secret", "policyholder") for number in range(5_000)], 1.0, 0.0, {})
"""Several times what a pipe holds."""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerHandle]:
    plan = Plan("run", Scenario("basic", 1, 1, 60), "http://127.0.0.1:1", {}, (), (), 1, "2026-03-01T09:30:00Z")
    (tmp_path / "plan.json").write_bytes(to_json(plan))
    worker = WorkerHandle(0, tmp_path)
    yield worker
    worker.kill()
    assert _processes(tmp_path) == []


def _processes(folder: Path) -> list[psutil.Process]:
    """Our children that work on that folder; other tests may have children of their own."""
    return [child for child in psutil.Process().children() if str(folder) in child.cmdline()]


def _process(folder: Path) -> psutil.Process:
    (process,) = _processes(folder)
    return process


def test_it_says_when_it_is_ready(worker: WorkerHandle) -> None:
    assert worker.read() == [Ready()]
    assert worker.exit_code is None


def test_orders_to_a_stopped_one_keep_nobody_waiting(worker: WorkerHandle, tmp_path: Path) -> None:
    assert worker.read() == [Ready()]
    _process(tmp_path).suspend()
    began = time.monotonic()

    worker.send(_MUCH)
    worker.send(_MUCH)
    worker.flush()

    assert time.monotonic() - began < _WITHIN_S
    worker.kill()
    assert worker.exit_code == -9
    worker.send(_MUCH)  # it is dead, and that is no mistake of the one who sends


def test_what_the_pipe_did_not_take_at_once_follows(worker: WorkerHandle, tmp_path: Path) -> None:
    assert worker.read() == [Ready()]
    process = _process(tmp_path)
    process.suspend()
    worker.send(_MUCH)
    held = os.sysconf("SC_PAGESIZE") * 16
    assert len(worker._unsent) > held
    process.resume()

    deadline = time.monotonic() + _WITHIN_S
    while worker._unsent and time.monotonic() < deadline:
        worker.flush()
        time.sleep(0.01)

    assert not worker._unsent
