"""Workers and masters that stand still for a while, or die: real processes, and a target that knows who asked when."""

from __future__ import annotations

import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Barrier

import psutil
import pytest

from perfsuite.clock import utc_s
from perfsuite.load.lease import LEASE_S
from perfsuite.load.worker_handle import LocalProcess
from perfsuite.measurements.file import FILE_NAME, Tail, read
from perfsuite.measurements.records import Generator, Ledger, Phase, Requests, WorkerJoined, WorkerLost, to_json
from perfsuite.messages.load import LoadMessage
from perfsuite.model import Plan, Scenario, Secrets, WorkerStart
from perfsuite.run.load_process import LoadProcess
from tests.accuracy import seven_roles
from tests.accuracy.lab import (
    Load,
    Outcome,
    TruthServer,
    accounts_of,
    plan_of,
    preflight_of,
    truth_server,
    wait_until,
    workers_of,
)
from tests.accuracy.losses import len_of
from tests.accuracy.truth_server import Truth

pytestmark = pytest.mark.integration

USERS = 20
STOPPED_S, MASTER_STOPPED_S = 8.0, 8.0
BACK_WITHIN_S = 20.0
"""With what a busy machine adds; of a quiet one: tests/accuracy/losses.py."""
SETTLES_S = 2.0
"""So long all users are at work before anything happens: each asks three times a second."""
_AT_WORK = 8 * USERS
"""Requests that show that all users are."""
SLACK_S = 2.0
_WITHIN_S = 150.0
"""In which all have started, on a machine that has other things to do."""


@dataclass
class Run:
    """A load that two workers make, and what was seen of it."""

    folder: Path
    plan: Plan
    process: LoadProcess
    all_ready: Barrier
    """Until then other runs are being started, which takes the machine's time."""
    workers: list[LocalProcess] = field(default_factory=list)
    """Those that work as if they were on other machines."""
    moments: dict[str, float] = field(default_factory=dict)
    """UTC epoch s."""
    left: list[psutil.Process] = field(default_factory=list)
    exit_codes: list[int | None] = field(default_factory=list)

    def note(self, name: str) -> None:
        self.moments[name] = utc_s()

    def wait_for_plateau(self) -> None:
        def reached() -> bool:
            found = Tail(self.folder / FILE_NAME).read()
            return any(isinstance(one, Phase) and one.name == "plateau" for one in found) or not self.process.running

        assert wait_until(reached, _WITHIN_S)
        assert self.process.running, self.process.failure_message()
        self.all_ready.wait(_WITHIN_S)
        time.sleep(SETTLES_S)

    def wait_for_work(self, after: str) -> None:
        """Until so much was recorded of later than a moment that all users must have asked."""
        tail, asked = Tail(self.folder / FILE_NAME), 0

        def seen() -> bool:
            nonlocal asked
            asked += sum(
                len_of(record)
                for record in tail.read()
                if isinstance(record, Requests) and record.second > self.moments[after]
            )
            return asked >= _AT_WORK

        assert wait_until(seen, _WITHIN_S)

    def pid_of(self, name: str) -> int:
        found = Tail(self.folder / FILE_NAME).read()
        return next(one.pid for one in found if isinstance(one, WorkerJoined) and one.joined == name)

    def stand_still(self, pid: int, seconds: float) -> None:
        process = psutil.Process(pid)
        self.note("stopped")
        process.suspend()
        time.sleep(seconds)
        self.note("continued")
        process.resume()

    def end(self) -> None:
        self.process.stop("completed")
        assert wait_until(lambda: not self.process.running, _WITHIN_S)
        assert not self.process.failed, self.process.failure_message()


@dataclass(frozen=True)
class Seen:
    """A finished run beside what the target knows of it."""

    run: Run
    outcome: Outcome

    def after(self, name: str) -> dict[str, dict[int, list[float]]]:
        """Account → connection → when requests came over it, in seconds after a moment."""
        seen: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for one in self.outcome.truth.served:
            if one.account:
                seen[one.account][one.connection].append(self.outcome.utc_s(one.began_ns) - self.run.moments[name])
        return seen

    @property
    def ledger(self) -> dict[str, Ledger]:
        return {one.of: one for one in self.outcome.of(Ledger)}


@contextmanager
def _load(folder: Path, server: TruthServer, all_ready: Barrier, *, elsewhere: bool) -> Iterator[Run]:
    """Two workers: the master's own, or two that join it `elsewhere`."""
    load = Load(Scenario("stopped", USERS, USERS, 300.0), "", 2, "tests.accuracy.seven_roles", seven_roles.ROLES)
    plan = plan_of(load, server.url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if elsewhere:
        wait_s, bind = _WITHIN_S, f"127.0.0.1:{port}"
        plan = replace(plan, processes=0, expect_workers=2, expect_workers_max_wait_s=wait_s, bind=bind)
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(preflight_of(plan)))
    secrets = Secrets(tuple(accounts_of(plan)), token="the token of these tests")
    start = WorkerStart("127.0.0.1", port, secrets.token, secrets, ("127.0.0.1",), local=False)
    run = Run(folder, plan, LoadProcess(folder, secrets), all_ready)
    try:
        for number in range(2 if elsewhere else 0):
            own = folder / f"machine-{number}"
            own.mkdir()
            run.workers.append(LocalProcess(own, start))
        run.wait_for_plateau()
        yield run
    except BaseException:
        all_ready.abort()
        raise
    finally:
        for worker in run.workers:
            worker.close()
        run.process.close()


def _stopped_worker(folder: Path, server: TruthServer, all_ready: Barrier) -> Run:
    with _load(folder, server, all_ready, elsewhere=True) as run:
        pid = run.pid_of("worker-1")
        (stopped,) = [worker for worker in run.workers if worker.pid == pid]
        run.stand_still(pid, STOPPED_S)
        assert wait_until(lambda: stopped.exit_code is not None, _WITHIN_S)
        run.note("gone")
        run.wait_for_work("gone")
        run.exit_codes = [stopped.exit_code]
        run.end()
    return run


def _stopped_master(folder: Path, server: TruthServer, all_ready: Barrier) -> Run:
    with _load(folder, server, all_ready, elsewhere=False) as run:
        run.stand_still(run.process.pid, MASTER_STOPPED_S)
        run.wait_for_work("continued")
        run.end()
    return run


def _killed_master(folder: Path, server: TruthServer, all_ready: Barrier) -> Run:
    with _load(folder, server, all_ready, elsewhere=False) as run:
        workers = workers_of(folder)
        run.note("killed")
        psutil.Process(run.process.pid).kill()
        run.left = psutil.wait_procs(workers, 30.0)[1]
    return run


def _cut_off(folder: Path, server: TruthServer, all_ready: Barrier) -> Run:
    """Workers elsewhere are not ended by the death of their master: their permission to send ends."""
    with _load(folder, server, all_ready, elsewhere=True) as run:
        run.note("killed")
        psutil.Process(run.process.pid).kill()
        time.sleep(LEASE_S + 2 * SLACK_S)
        run.exit_codes = [worker.exit_code for worker in run.workers]
    return run


_SCENES = (_stopped_worker, _stopped_master, _killed_master, _cut_off)


def _seen(scene: object, folder: Path, all_ready: Barrier) -> Seen:
    folder.mkdir()
    with truth_server("fixed 20", folder) as server:
        run: Run = scene(folder, server, all_ready)  # type: ignore[operator]
        truth: Truth = server.end()
    return Seen(run, Outcome(run.plan, folder, list(read(folder / FILE_NAME)), truth))


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[object, Future[Seen]]]:
    """They mostly wait, so all are made at once."""
    folder, all_ready = tmp_path_factory.mktemp("stopped"), Barrier(len(_SCENES))
    with ThreadPoolExecutor(len(_SCENES)) as pool:
        yield {scene: pool.submit(_seen, scene, folder / scene.__name__, all_ready) for scene in _SCENES}


def test_a_worker_that_stands_still_sends_nothing_more_and_its_users_are_back_in_time(
    together: dict[object, Future[Seen]],
) -> None:
    seen = together[_stopped_worker].result()
    by_account = seen.after("stopped")
    moved = {account: sorted(times.values()) for account, times in by_account.items() if len(times) > 1}

    assert len(by_account) == USERS
    assert len(moved) == USERS // 2
    for old, new in (times for times in moved.values() if len(times) == 2):
        assert max(old) < STOPPED_S / 2  # what was on its way; neither before it was continued nor afterwards
        assert LEASE_S < min(new) < BACK_WITHIN_S
    assert {len(times) for times in moved.values()} == {2}
    gone_s = seen.run.moments["gone"] - seen.run.moments["stopped"]
    for connections in by_account.values():
        assert any(at > gone_s for times in connections.values() for at in times)
    (lost,) = seen.outcome.of(WorkerLost)
    assert (lost.lost, lost.users, lost.placed) == ("worker-1", USERS // 2, USERS // 2)
    assert lost.reason == LoadMessage.SILENT(silent_s=5.0)
    assert seen.run.exit_codes == [1]
    assert {name: one.lost for name, one in seen.ledger.items()} == {"worker-1": True, "worker-2": False}


def test_a_master_that_stands_still_blames_nobody_and_no_record_is_lost(
    together: dict[object, Future[Seen]],
) -> None:
    seen = together[_stopped_master].result()
    by_account = seen.after("stopped")
    paused_s = seen.run.moments["continued"] - seen.run.moments["stopped"]

    assert seen.outcome.of(WorkerLost) == []
    assert {len(connections) for connections in by_account.values()} == {1}
    assert len(by_account) == USERS
    for (times,) in (connections.values() for connections in by_account.values()):
        assert not any(LEASE_S + SLACK_S < at < paused_s for at in times)
        assert any(at > paused_s for at in times)
    for name in ("worker-1", "worker-2"):
        held_back_s = sum(one.held_back_s for one in seen.outcome.of(Generator) if one.worker == name)
        assert paused_s - LEASE_S - 1.0 - SLACK_S < held_back_s < paused_s
    served = sum(1 for one in seen.outcome.truth.served if one.account)
    assert sum(sum(one.ok.counts.values()) for one in seen.outcome.requests()) == served
    for line in seen.ledger.values():
        assert (line.sent, line.said_requests, line.lost, line.lost_records) == (line.received, line.requests, False, 0)
    assert len(seen.ledger) == 2


def test_the_masters_own_workers_end_with_it(together: dict[object, Future[Seen]]) -> None:
    assert together[_killed_master].result().run.left == []


def test_workers_elsewhere_send_nothing_more_when_their_master_is_gone(together: dict[object, Future[Seen]]) -> None:
    seen = together[_cut_off].result()
    times = [at for connections in seen.after("killed").values() for each in connections.values() for at in each]

    assert max(times) < LEASE_S + SLACK_S
    assert max(times) > 0.5  # they were at work, and a short pause of the master would not have shown
    assert seen.run.exit_codes == [None, None]  # it may come back
