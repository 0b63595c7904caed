"""What --timeout and --stop-timeout do in the load: at a target that accepts connections and never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.clock import utc_s
from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import Phase, Requests, to_json
from perfsuite.model import Account, Plan, PreflightReport, Scenario, Secrets
from perfsuite.run.load_process import LoadProcess
from tests.accuracy.lab import wait_until

pytestmark = pytest.mark.integration

ACCOUNTS = (Account("9876543205", "secret", "policyholder"),)
DURATION_S = 2.0
BUSY_S = 15.0
"""More than a load process needs to hand over what it recorded; half of what the wrong limit would take."""


Ended = tuple[set[str], float]


@contextmanager
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def kinds_of_failures(plan: Plan, folder: Path) -> Ended:
    """What became of the requests of a run, and how long its end took."""
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(PreflightReport(plan.host, "", "", (), ())))
    process = LoadProcess(folder, Secrets(ACCOUNTS))
    try:
        wait_until(lambda: not process.running, 150)
    finally:
        process.close()
    ended_at, records = utc_s(), Tail(folder / FILE_NAME).read()
    (stopped_at,) = [record.at for record in records if isinstance(record, Phase) and record.name == "ramp-down"]
    requests = [record for record in records if isinstance(record, Requests)]
    return {error.kind for record in requests for error in record.errors}, ended_at - stopped_at


CASES = {
    "each request waits a second": (1.0, 30.0, "timeout"),
    "the end waits a second for a request that waits a minute": (None, 1.0, "unfinished"),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Ended]]]:
    """Both runs, made at the same time: they only wait."""
    scenario, users = Scenario("basic", 1, 1, DURATION_S), {"policyholder": 1}
    with silent() as host, ThreadPoolExecutor(len(CASES)) as pool:
        plan = Plan("run", scenario, host, users, (), (), 1, "2026-03-01T09:30:00Z")
        yield {
            name: pool.submit(
                kinds_of_failures,
                replace(plan, timeout_s=timeout_s, stop_timeout_s=stop_timeout_s),
                tmp_path_factory.mktemp("run"),
            )
            for name, (timeout_s, stop_timeout_s, _kind) in CASES.items()
        }


@pytest.mark.parametrize("case", CASES)
def test_requests_and_the_end_of_the_load_wait_as_long_as_the_plan_says(
    case: str, ended: dict[str, Future[Ended]]
) -> None:
    kinds, took_s = ended[case].result()
    assert CASES[case][2] in kinds
    assert took_s < 1 + BUSY_S
