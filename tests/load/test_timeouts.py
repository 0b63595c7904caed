"""What --timeout and --stop-timeout do in the load: at a target that accepts connections and never answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import Requests, to_json
from perfsuite.model import Account, Plan, PreflightReport, Scenario, Secrets
from perfsuite.run.load_process import LoadProcess

pytestmark = pytest.mark.integration

ACCOUNTS = (Account("9876543205", "secret", "policyholder"),)
DURATION_S = 2.0
START_S = 15.0
"""More than a load process needs to start and to hand over what it recorded."""


@pytest.fixture
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def kinds_of_failures(plan: Plan, folder: Path) -> tuple[set[str], float]:
    """What became of the requests of a run, and how long it took."""
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(PreflightReport(plan.host, "", "", (), ())))
    began = time.monotonic()
    process = LoadProcess(folder, Secrets(ACCOUNTS))
    try:
        while process.running and time.monotonic() < began + 60:
            time.sleep(0.1)
    finally:
        process.close()
    took_s = time.monotonic() - began
    records = [record for record in Tail(folder / FILE_NAME).read() if isinstance(record, Requests)]
    return {error.kind for record in records for error in record.errors}, took_s


@pytest.mark.parametrize(
    ("timeout_s", "stop_timeout_s", "kind"),
    [
        pytest.param(1.0, 30.0, "timeout", id="each request waits a second"),
        pytest.param(None, 1.0, "unfinished", id="the end waits a second for a request that waits a minute"),
    ],
)
def test_requests_and_the_end_of_the_load_wait_as_long_as_the_plan_says(
    timeout_s: float | None, stop_timeout_s: float, kind: str, silent: str, tmp_path: Path
) -> None:
    scenario, users = Scenario("basic", 1, 1, DURATION_S), {"policyholder": 1}
    plan = Plan("run", scenario, silent, users, (), (), 1, "2026-03-01T09:30:00Z")
    plan = replace(plan, timeout_s=timeout_s, stop_timeout_s=stop_timeout_s)
    kinds, took_s = kinds_of_failures(plan, tmp_path)
    assert kind in kinds
    assert took_s < DURATION_S + 1 + START_S
