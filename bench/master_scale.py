"""What a master with many workers costs: processor time, memory, and how late batches are acknowledged.

    python bench/master_scale.py [--workers 10,100,300,1000] [--every 1,3] [--rate 530] [--users 100] [--seconds 60]

The master is the real one, in a process of its own as in a run. The workers make no load, but all that they say and
hear is real: channel, messages, batches, sending again. `--rate`: requests a second that each of them reports, in 53
cells (role × operation) of all seven roles; with fewer than 53 requests some cells are empty in a second. `--every`:
seconds between two batches of a worker, each with the cells of all these seconds; a master asks for one in 3 s from 200
workers on. At the end one worker falls silent, unless `--loss` is 0. Ends with 1 when a batch was lost, or acknowledged
later than one interval after it was sent.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.load.inbox import interval_s  # noqa: E402
from perfsuite.measurements.file import FILE_NAME, read  # noqa: E402
from perfsuite.measurements.records import Ledger, to_json  # noqa: E402
from perfsuite.model import Account, Plan, PreflightReport, Scenario, Secrets  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.run.load import LoadProcess  # noqa: E402

TOKEN = "a token for measuring"  # noqa: S105  of nobody
_FEEDERS = 4
_RAMP_S = 3.0
_JOIN_WITHIN_S = 120.0
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured."""

    workers: int
    every_s: float
    rate: int
    users: int
    seconds: float
    settle_s: float
    loss_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Of the master, at one moment."""

    at: float
    cpu_s: float
    network_cpu_s: float
    memory_bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """What was found out. `reports`: of the processes that simulate workers."""

    setting: Setting
    begin: Usage
    end: Usage
    joined_s: float
    joining_cpu_s: float
    placed_s: float
    reports: list[dict[str, Any]]
    records: int
    balanced: int
    """Lines of the ledger."""
    replaced_s: float
    problem: str

    @property
    def seconds(self) -> float:
        """How long it was measured."""
        return self.end.at - self.begin.at

    @property
    def cpu_percent(self) -> float:
        """Of one core."""
        return 100 * (self.end.cpu_s - self.begin.cpu_s) / self.seconds

    @property
    def network_percent(self) -> float:
        """What of that the threads used that encrypt, send and receive."""
        return 100 * (self.end.network_cpu_s - self.begin.network_cpu_s) / self.seconds

    @property
    def lags_s(self) -> list[float]:
        """From sending a batch to its acknowledgement, sorted."""
        return sorted(lag for report in self.reports for lag in report["lags"])

    @property
    def late(self) -> int:
        """Batches acknowledged more than one interval after they were sent, or than the one that a master asks for."""
        interval = max(self.setting.every_s, interval_s(self.setting.workers))
        return sum(lag > interval for lag in self.lags_s)

    @property
    def batch_bytes(self) -> float:
        """Of one batch, on average."""
        return self.total("bytes") / max(self.total("batches"), 1)

    @property
    def failed(self) -> bool:
        """It is not as it has to be."""
        unbalanced = self.setting.workers - self.balanced
        return bool(self.late or unbalanced or self.total("unacknowledged") or self.problem)

    def total(self, name: str) -> int:
        """Of all workers."""
        return sum(report[name] for report in self.reports)


class Feeder:
    """A process that simulates some of the workers."""

    def __init__(self, first: int, number: int, setting: Setting) -> None:
        arguments = [str(first), str(number), str(setting.every_s), str(setting.rate)]
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "bench" / "simulated_workers.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("started with pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def say(self, line: str) -> None:
        """A command."""
        self._stdin.write(line.encode() + b"\n")
        self._stdin.flush()

    def hear(self) -> dict[str, Any]:
        """What it reports next."""
        line = self._stdout.readline()
        if not line:
            raise RuntimeError("a process that simulates workers has died")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(folder: Path, setting: Setting, port: int) -> Secrets:
    """Write what the master reads; returns what it gets over a pipe."""
    users = setting.workers * setting.users
    slugs = [role.slug for role in ROLES]
    by_role = {slug: users // len(slugs) + (number < users % len(slugs)) for number, slug in enumerate(slugs)}
    plan = Plan(
        "master_scale",
        Scenario("master_scale", users, users / _RAMP_S, 86_400.0),
        "http://127.0.0.1:9",
        {slug: number for slug, number in by_role.items() if number},
        (),
        ("127.0.0.1",),
        1,
        "2026-03-01T09:30:00Z",
        processes=0,
        expect_workers=setting.workers,
        expect_workers_max_wait_s=_JOIN_WITHIN_S,
        bind=f"127.0.0.1:{port}",
    )
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(to_json(PreflightReport(plan.host, "simulated", "1", (), ())))
    accounts = tuple(Account(f"98{number:08}", "secret", slug) for number, slug in enumerate(slugs))
    return Secrets(accounts, token=TOKEN)


def usage(pid: int, folder: Path) -> Usage:
    """Of the master now."""
    process = psutil.Process(pid)
    with process.oneshot():
        times, threads = process.cpu_times(), process.threads()
    network_s = sum(one.user_time + one.system_time for one in threads if one.id != pid)
    size = (folder / FILE_NAME).stat().st_size
    return Usage(time.monotonic(), times.user + times.system, network_s, process.memory_info().rss, size)


@contextmanager
def feeders(setting: Setting) -> Iterator[list[Feeder]]:
    """All workers, ready to join."""
    number = min(_FEEDERS, setting.workers)
    firsts = [setting.workers * place // number for place in range(number + 1)]
    found = [Feeder(first, after - first, setting) for first, after in pairwise(firsts)]
    try:
        yield found
    finally:
        for feeder in found:
            feeder.close()


def measure(setting: Setting) -> Result:
    """One run of a master."""
    with tempfile.TemporaryDirectory(prefix="mitra-bench-") as name, feeders(setting) as workers:
        folder, port = Path(name), free_port()
        secrets = prepare(folder, setting, port)
        for feeder in workers:
            feeder.say(f"token {TOKEN}")
        master = LoadProcess(folder, secrets)
        try:
            _wait_for(folder / FILE_NAME)
            return _measured(setting, master, workers, folder, port)
        finally:
            master.close()


def _measured(setting: Setting, master: LoadProcess, workers: list[Feeder], folder: Path, port: int) -> Result:
    before = usage(master.pid, folder)
    for feeder in workers:
        feeder.say(f"go {port}")
    joined_s = max(feeder.hear()["joined_s"] for feeder in workers)
    joined = usage(master.pid, folder)
    placed_s = max(feeder.hear()["placed_s"] for feeder in workers)
    time.sleep(setting.settle_s)
    for feeder in workers:
        feeder.say("forget")
    begin = usage(master.pid, folder)
    time.sleep(setting.seconds)
    end = usage(master.pid, folder)
    lost_at = time.perf_counter()
    if setting.loss_s:
        workers[0].say("lose")
        time.sleep(setting.loss_s)
    master.stop("completed")
    reports = [feeder.hear() for feeder in workers]
    while master.running:
        time.sleep(0.05)
    records = list(read(folder / FILE_NAME))
    ledgers = [record for record in records if isinstance(record, Ledger)]
    return Result(
        setting,
        begin,
        end,
        joined_s,
        joined.cpu_s - before.cpu_s,
        placed_s,
        reports,
        len(records),
        sum(_balances(ledger) for ledger in ledgers),
        max(report["last_placed_at"] for report in reports) - lost_at,
        _problem(master, reports),
    )


def _problem(master: LoadProcess, reports: list[dict[str, Any]]) -> str:
    refused = {why for report in reports for why in report["refused"]}
    return "; ".join([*sorted(refused), *([master.failure_message()] if master.failed else [])])


def _balances(ledger: Ledger) -> bool:
    if ledger.lost:
        return not ledger.lost_records
    return ledger.sent == ledger.received and ledger.requests == ledger.said_requests and not ledger.lost_records


def _wait_for(path: Path) -> None:
    until = time.monotonic() + 30.0
    while not path.exists():
        if time.monotonic() > until:
            raise RuntimeError("the master did not start")
        time.sleep(0.05)
    time.sleep(0.5)  # it listens soon after


def lines(result: Result) -> list[str]:
    """What to print."""
    one, begin, end, lags_s = result.setting, result.begin, result.end, result.lags_s
    share = [1000 * lags_s[min(int(at * len(lags_s)), len(lags_s) - 1)] for at in (0.5, 0.99, 1.0) if lags_s]
    p50, p99, most = share or [float("nan")] * 3
    file_kb = (end.file_bytes - begin.file_bytes) / result.seconds / 1e3
    network_mb = result.batch_bytes * one.workers / one.every_s / _MB
    rows = {
        "joined": f"{result.joined_s:.1f} s, {result.joining_cpu_s:.2f} s of CPU; users after {result.placed_s:.1f} s",
        "CPU": f"{result.cpu_percent:.1f} % of one core, {result.network_percent:.1f} of it to encrypt, send, receive",
        "memory": f"{begin.memory_bytes / _MB:.0f} MB at the beginning, {end.memory_bytes / _MB:.0f} MB at the end",
        "lag": f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {most:.0f} ms",
        "late": f"{result.late} of {len(lags_s)} by more than one interval, {result.total('resent')} sent again",
        "lost": f"{result.total('unacknowledged')} batches of {result.total('batches')}; the ledger balances for "
        f"{result.balanced} of {one.workers} workers",
        "network": f"{result.batch_bytes / 1e3:.1f} kB a batch, {network_mb:.2f} MB/s",
        "file": f"{file_kb:.1f} kB/s, {result.records} records in all",
        "a lost worker": f"its users with others {result.replaced_s:.1f} s after its last word" if one.loss_s else "",
        "problem": result.problem,
    }
    head = f"{one.workers} workers, a batch each {one.every_s:g} s, {one.workers * one.rate} requests/s in all, "
    return [
        f"{head}{one.workers * one.users} users",
        *(f"  {name:<14} {value}" for name, value in rows.items() if value),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="10,100,300,1000", help="how many (default 10,100,300,1000)")
    parser.add_argument("--every", default="1,3", help="seconds between two batches of a worker (default 1,3)")
    parser.add_argument("--rate", type=int, default=530, help="requests a second of each worker (default 530)")
    parser.add_argument("--users", type=int, default=100, help="users of each worker (default 100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure each (default 60)")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds between the last user and that (default 5)")
    parser.add_argument("--loss", type=float, default=12.0, help="seconds to replace a lost worker (default 12)")
    options = parser.parse_args()
    rest = options.rate, options.users, options.seconds, options.settle, options.loss
    failed = False
    for workers in map(int, options.workers.split(",")):
        for every_s in map(float, options.every.split(",")):
            result = measure(Setting(workers, every_s, *rest))
            print("\n".join(lines(result)), flush=True)
            failed = failed or result.failed
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
