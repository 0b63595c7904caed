"""What every experiment needs: a target that knows the truth, a load against it, and what the load recorded."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import End, Phase, Record, Requests, WorkerJoined, to_json
from perfsuite.measurements.totals import histogram_of_all
from perfsuite.model import Account, Plan, PreflightReport, Scenario, Secrets, Target
from perfsuite.model.role import Role
from perfsuite.roles.mix import users_by_role
from perfsuite.run.load_process import LoadProcess
from tests.accuracy.roles import ROLES
from tests.accuracy.truth_server import Truth

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
OPERATION = "health.root"
FRACTIONS = (0.5, 0.9, 0.95, 0.99, 0.999)
TARGETS = (
    Target("Average response time", "avg_ms", 500, below=True),
    Target("95th percentile", "p95_ms", 2000, below=True),
    Target("Failure rate", "failure_rate", 0.01, below=True),
)
_LOOK_EVERY_S = 0.02
GRACE_S = 240.0
"""What a load may take beyond its duration, on a machine on which many programs start at the same time."""


class TruthServer:
    """A truth server in a process of its own."""

    def __init__(self, behaviour: str, log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.accuracy.truth_server", str(log), *behaviour.split()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def end(self) -> Truth:
        """Stop it; what it knows."""
        self._process.communicate(timeout=120)
        return msgspec.json.decode(self._log.read_bytes(), type=Truth)

    def kill(self) -> None:
        """Whatever became of it, it is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def truth_server(behaviour: str, folder: Path) -> Iterator[TruthServer]:
    """One that is surely gone afterwards."""
    server = TruthServer(behaviour, folder / "truth.json")
    try:
        yield server
    finally:
        server.kill()


@dataclass(frozen=True, slots=True)
class Load:
    """A load to make in an experiment."""

    scenario: Scenario
    behaviour: str
    processes: int = 1
    roles_module: str = "tests.accuracy.roles"
    roles: Sequence[Role] = ROLES


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was recorded, and the truth."""

    plan: Plan
    folder: Path
    records: list[Record]
    truth: Truth

    def of(self, kind: type[T]) -> list[T]:
        """The records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def start_s(self) -> float:
        """UTC epoch seconds of the beginning."""
        return next(record.at for record in self.records if isinstance(record, Phase) and record.name == "ramp-up")

    def window(self, from_s: float, length_s: int) -> range:
        """So many whole seconds, from the first that begins `from_s` after the start or later."""
        first = int(self.start_s + from_s) + 1
        return range(first, first + length_s)

    def requests(self, seconds: Collection[int] | None = None) -> list[Requests]:
        """The records of requests to /health that were due in some seconds, or ever."""
        return [
            record
            for record in self.records
            if isinstance(record, Requests)
            and record.operation == OPERATION
            and (seconds is None or record.second in seconds)
        ]

    def response(self, seconds: Collection[int] | None = None) -> Histogram:
        """Recorded response times."""
        found = self.requests(seconds)
        return histogram_of_all([times for record in found for times in (record.ok, record.failed)])

    def service(self, seconds: Collection[int] | None = None) -> Histogram:
        """Recorded service times."""
        return histogram_of_all([record.service for record in self.requests(seconds)])

    def true_us(self, seconds: range | None = None) -> list[float]:
        """True service times of the requests that reached the target in these seconds, ascending."""
        return sorted(
            (one.ended_ns - one.began_ns) / 1000
            for one in self.truth.served
            if seconds is None or self.utc_s(one.began_ns) // 1 in seconds
        )

    def utc_s(self, at_ns: int) -> float:
        """UTC epoch seconds of a moment in the target's log."""
        return at_ns / 1e9 + self.truth.utc_offset_s

    @property
    def locust_total(self) -> int:
        """What Locust counted, in all processes that came to their end."""
        return sum(record.locust_total for record in self.records if isinstance(record, End))

    @property
    def recorded(self) -> int:
        """Requests in the records, logins included."""
        return sum(
            sum(record.ok.counts.values()) + sum(record.failed.counts.values())
            for record in self.records
            if isinstance(record, Requests)
        )


def run(load: Load, folder: Path, meanwhile: Callable[[LoadProcess, Path], None] | None = None) -> Outcome:
    """Make the load against a truth server of its own; `meanwhile` is called once it has begun."""
    folder.mkdir(parents=True, exist_ok=True)
    with truth_server(load.behaviour, folder) as server:
        plan = plan_of(load, server.url)
        process = prepared(plan, folder)
        try:
            if meanwhile is not None:
                meanwhile(process, folder)
            assert_ended(process, plan.scenario.duration_s)
        finally:
            process.close()
        return Outcome(plan, folder, list(read(folder / FILE_NAME)), server.end())


def assert_ended(process: LoadProcess, duration_s: float) -> None:
    """Wait for the end of the load; it has come in time, and in order."""
    within_s = duration_s + GRACE_S
    assert wait_until(lambda: not process.running, within_s), f"the load has not ended within {within_s:g} s"
    assert not process.failed, process.failure_message()


def workers_of(folder: Path) -> list[psutil.Process]:
    """The load processes of the run in this folder."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "perfsuite.load.worker" in (words := _words(child)) and str(folder.resolve()) in words
    ]


def worker_named(folder: Path, name: str) -> psutil.Process:
    """The load process of this machine that has that name in the records of the run in this folder."""
    joined = next(one for one in read(folder / FILE_NAME) if isinstance(one, WorkerJoined) and one.joined == name)
    return psutil.Process(joined.pid)


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []  # it has ended meanwhile


def plan_of(load: Load, url: str) -> Plan:
    """The plan of an experiment."""
    return Plan(
        run_id="accuracy",
        scenario=load.scenario,
        host=url,
        users_by_role=users_by_role(load.scenario.users, load.roles),
        targets=TARGETS,
        allowed_hosts=("127.0.0.1",),
        seed=11,
        created_at="2026-03-01T09:30:00+00:00",
        processes=load.processes,
        roles_module=load.roles_module,
    )


def prepared(plan: Plan, folder: Path) -> LoadProcess:
    """A load process that has been started on a plan."""
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(preflight_of(plan)))
    return LoadProcess(folder, Secrets(accounts_of(plan)))


def preflight_of(plan: Plan) -> PreflightReport:
    """What a preflight would have found."""
    return PreflightReport(plan.host, "truth", "1", ("login", OPERATION), ())


def accounts_of(plan: Plan) -> list[Account]:
    """One account per virtual user; its name begins with its role."""
    return [
        Account(f"{role}-{number}", "secret", role)
        for role, count in plan.users_by_role.items()
        for number in range(count)
    ]


def wait_until(true: Callable[[], bool], within_s: float) -> bool:
    """Wait for something to become true; False when the time was up before."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


def percentile(ascending: Sequence[float], fraction: float) -> float:
    """The nearest-rank percentile of sorted values."""
    rank = round(fraction * len(ascending), 9)
    return ascending[min(max(int(rank) + (rank > int(rank)), 1), len(ascending)) - 1]
