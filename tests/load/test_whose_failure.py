"""Whole loads whose requests fail for want of a connection: whose failures these are, and whether the counts agree."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from perfsuite.judge import judge
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Reason
from perfsuite.model import FailureKind, Outcome, Plan, Scenario, Summary, Verdict
from perfsuite.run.load_process import LoadProcess
from perfsuite.summary import build
from tests.accuracy import roles
from tests.accuracy.lab import Load, plan_of, prepared, truth_server, wait_until, workers_of
from tests.accuracy.truth_server import Truth

pytestmark = pytest.mark.integration

_EVERY = 20
_FREE = 6


Made = tuple[Plan, Summary, Truth]


def made(load: Load, folder: Path, *, retry: bool = True, limited: bool = False) -> Made:
    """A run; `limited`: its load process may open few files more than it has."""
    with truth_server(load.behaviour, folder) as server:
        plan = plan_of(load, server.url)
        plan = replace(plan, access=replace(plan.access, retry=retry))
        process = prepared(plan, folder)
        try:
            if limited:
                _limit_files(process, folder)
            wait_until(lambda: not process.running, plan.scenario.duration_s + 40)
            assert not process.failed, process.failure_message()
        finally:
            process.close()
        truth = server.end()
    aggregate = Aggregate.of(read(folder / FILE_NAME))
    return plan, build(plan, aggregate, preflight=None, roles=roles.ROLES), truth


MADE = {
    "closing": lambda folder: made(Load(Scenario("closing", 4, 100, 3), f"closing 5 {_EVERY}", 2), folder),
    "without a retry": lambda folder: made(
        Load(Scenario("closing", 4, 100, 3), f"closing 5 {_EVERY}"), folder, retry=False
    ),
    "few files": lambda folder: made(Load(Scenario("files", 20, 100, 4), "fixed 5"), folder, limited=True),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Made]]]:
    """All runs, made at the same time: they mostly start and end."""
    with ThreadPoolExecutor(len(MADE)) as pool:
        yield {name: pool.submit(make, tmp_path_factory.mktemp(name)) for name, make in MADE.items()}


def _limit_files(process: LoadProcess, folder: Path) -> None:
    assert wait_until(lambda: bool(workers_of(folder)) and b"ramp-up" in _measured(folder), 20)
    (worker,) = workers_of(folder)
    many = psutil.Process(worker.pid).num_fds() + _FREE
    resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (many, many))
    assert process.running


def _measured(folder: Path) -> bytes:
    return b"".join(type(record).__name__.encode() + str(record).encode() for record in read(folder / FILE_NAME))


def said(verdict: Verdict) -> list[object]:
    return [each.code for each in (*verdict.reasons, *verdict.notes) if isinstance(each, Message)]


def test_a_get_whose_connection_the_target_closed_is_sent_once_more(runs: dict[str, Future[Made]]) -> None:
    plan, summary, truth = runs["closing"].result()

    served = Counter(one.request_id for one in truth.served)
    assert len(truth.closed) > 10
    assert {served[request_id] for request_id in truth.closed} == {1}, "answered at the second time, under the same id"
    assert max(served.values()) == 1
    assert (summary.whole_run.failures, summary.whole_run.retries) == (0, len(truth.closed))
    counts = summary.reconciliation
    assert counts.agrees
    assert (counts.repeated, counts.retries) == (len(truth.closed), len(truth.closed))
    assert counts.recorded == counts.sent == counts.locust_total == len(truth.served) + 4  # and the logins
    (address,) = summary.connections
    assert f"http://{address.address}" == plan.host
    assert (address.opened, address.no_answer) == (4 + len(truth.closed), 0)
    assert Note.CLOSED_IN_USE in said(judge(plan, summary, roles.ROLES))


def test_with_no_retry_it_is_a_failure(runs: dict[str, Future[Made]]) -> None:
    _plan, summary, truth = runs["without a retry"].result()

    assert {group.kind for group in summary.failures} == {
        FailureKind.CONNECTION_LOST
    }  # users without think times: it was in use
    assert summary.whole_run.failures == len(truth.closed) > 10
    assert summary.whole_run.retries == 0
    assert summary.reconciliation.recorded == len(truth.served) + len(truth.closed) + 4


def test_a_load_process_that_may_open_no_more_files_does_not_blame_the_target(
    runs: dict[str, Future[Made]],
) -> None:
    plan, summary, truth = runs["few files"].result()

    assert {group.kind for group in summary.failures} == {FailureKind.GENERATOR}
    assert summary.reconciliation.agrees
    assert summary.reconciliation.never_left == summary.whole_run.failures > 0
    assert len(truth.served) > 0
    verdict = judge(plan, summary, roles.ROLES)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert Reason.GENERATOR_LIMIT in said(verdict)
