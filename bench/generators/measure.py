"""One measurement of one generator: a window in the middle of its load, seen from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bench.generators.machine import OtherWork
from bench.generators.nginx import Counted, Nginx
from bench.generators.process_tree import ProcessTree, not_of_others, running
from bench.generators.work import FRACTIONS, ROOT, Generator, GeneratorFailed, Outcome, Percentiles, Work
from perfsuite.measurements.histogram import Histogram, middle_of

SETTLE_S = 0.5
"""From the moment when all users are connected to the window."""
_CONNECT_WITHIN_S = 60.0
_CONNECT_RATE = 250
"""So many users a second more than that must be connected."""
_END_WITHIN_S = 60.0
_MEMORY_EVERY_S = 0.5
_POLL_S = 0.1
_STILL_S = 1.5
_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """What one window showed. `memory_bytes`: the most that the generator had."""

    rps: float
    cpu_us: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Percentiles (ms) of the same requests, as a generator and as the server know them. `rps`: how many they were."""

    measured: Percentiles
    truth: Percentiles
    rps: float


def measured(generator: Generator, work: Work, server: Nginx, core: int, window_s: float, other: OtherWork) -> Sample:
    """Requests a second as the server counts them, CPU time and memory of the generator.

    Raises GeneratorFailed where it does not do its work, or a single request failed.
    """
    work.folder.mkdir(parents=True)
    with running(generator.command(work), core) as tree:
        _wait_for_users(tree, server, work.users)
        time.sleep(SETTLE_S)
        other.begin()
        first, cpu_s, server_s = server.counted(), tree.cpu_s(), server.process.cpu_s()
        until, most = time.monotonic() + window_s, 0
        while (left_s := until - time.monotonic()) > 0:
            time.sleep(min(left_s, _MEMORY_EVERY_S))
            most = max(most, tree.memory_bytes())
        last, used_s = server.counted(), tree.cpu_s() - cpu_s
        other.end(used_s + server.process.cpu_s() - server_s)
        if not tree.running:
            raise GeneratorFailed(f"it ended within the window: {_said(tree)}")
        _checked(_finished(generator, work, tree))
    requests = last.requests - first.requests
    if requests <= 0:
        raise GeneratorFailed("it made no request within the window")
    return Sample(requests / (last.at_s - first.at_s), used_s / requests * 1e6, most)


def idle_memory(generator: Generator, work: Work, server: Nginx, core: int) -> int:
    """Bytes of a generator all of whose users have logged in and think. Raises GeneratorFailed."""
    work.folder.mkdir(parents=True)
    with running(generator.command(work), core) as tree:
        before = _wait_for_users(tree, server, work.users)
        still_since = time.monotonic()
        deadline = still_since + _CONNECT_WITHIN_S
        while time.monotonic() - still_since < _STILL_S:
            time.sleep(_POLL_S)
            now = server.counted()
            if now.requests != before.requests:
                before, still_since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise GeneratorFailed("its users never came to rest")
        if not tree.running:
            raise GeneratorFailed(f"it ended: {_said(tree)}")
        found = tree.memory_bytes()
        tree.end(2.0)
    return found


def accuracy(generator: Generator, work: Work, server_core: int, core: int) -> dict[str, Accuracy]:
    """By where the generator counts from: its percentiles beside the server's. Raises GeneratorFailed.

    `work` has no URL: each measurement has a server of its own.
    """
    work.folder.mkdir(parents=True)
    with delay_server(server_core) as server:
        at = Work(work.kind, server.url, work.users, work.seconds, work.folder, work.rate)
        with running(generator.command(at), core) as tree:
            outcome = _finished(generator, at, tree)
        record = server.record()
    _checked(outcome)
    times = truth(record, outcome.seconds)
    if not times.count:
        raise GeneratorFailed("it made no request")
    p50, p99, p999 = (us and us / 1000 for us in times.percentiles_us(FRACTIONS))
    rps = times.count / (work.seconds if outcome.seconds is None else len(outcome.seconds))
    return {since: Accuracy(own, (p50, p99, p999), rps) for since, own in outcome.times_ms.items()}


def truth(record: Mapping[int, Mapping[int, int]], seconds: range | None = None) -> Histogram:
    """What the server of part e knows of some seconds, or of all."""
    counts: Counter[int] = Counter()
    for second, of_second in record.items():
        if seconds is None or second in seconds:
            counts.update(of_second)
    middles = [round(middle_of(bucket)) for bucket in counts] or [0]
    return Histogram(dict(counts), counts.total(), 0, min(middles), max(middles))


class RunningDelayServer:
    """The server of part e in a process of its own."""

    def __init__(self, core: int, words: tuple[str, ...] = ()) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.generators.delay_server", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        not_of_others(self._process.pid)
        port = self._process.stdout.readline() if self._process.stdout else ""
        self.url = f"http://127.0.0.1:{int(port)}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def record(self) -> dict[int, dict[int, int]]:
        """End it; UTC second of the arrival → bucket of the histogram → requests."""
        printed, _none = self._process.communicate(timeout=10)
        found = json.loads(printed)
        return {int(second): {int(bucket): n for bucket, n in counts.items()} for second, counts in found.items()}

    def kill(self) -> None:
        """Whatever became of it, it is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


@contextmanager
def delay_server(core: int, words: tuple[str, ...] = ()) -> Iterator[RunningDelayServer]:
    """One that has surely ended afterwards."""
    server = RunningDelayServer(core, words)
    try:
        yield server
    finally:
        server.kill()


# ── following a generator ───────────────────────────────────────────────────────────────────────────


def _wait_for_users(tree: ProcessTree, server: Nginx, users: int) -> Counted:
    """Until so many connections are open, which is when all users are at work."""
    within_s = _CONNECT_WITHIN_S + users / _CONNECT_RATE
    deadline = time.monotonic() + within_s
    while True:
        now = server.counted()
        if now.connections >= users:
            return now
        if not tree.running:
            raise GeneratorFailed(f"exit code {tree.exit_code} before all users were at work: {_said(tree)}")
        if time.monotonic() > deadline:
            raise GeneratorFailed(f"{now.connections} of {users} users connected within {within_s:.0f} s")
        time.sleep(_POLL_S)


def _finished(generator: Generator, work: Work, tree: ProcessTree) -> Outcome:
    if not tree.wait(work.seconds + _END_WITHIN_S):
        raise GeneratorFailed(f"it did not end within {_END_WITHIN_S:.0f} s after its load")
    try:
        return generator.outcome(work, tree.output)
    except (ValueError, KeyError, OSError) as error:
        raise GeneratorFailed(f"exit code {tree.exit_code}, no report ({error}): {_said(tree)}") from None


def _checked(outcome: Outcome) -> None:
    if outcome.failures:
        raise GeneratorFailed(f"{outcome.failures:,} of {outcome.requests:,} requests failed")


def _said(tree: ProcessTree) -> str:
    """The end of its errors, or the beginning of its output where there are none."""
    lines = tree.errors.strip().splitlines()[-_LAST_LINES:] or tree.output.strip().splitlines()[:_LAST_LINES]
    return " | ".join(line.strip() for line in lines) or "it printed nothing"
