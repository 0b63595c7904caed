"""Workers that make no load: they say and hear all that real ones do, through the real channel and the real outbox.

    python bench/simulated_workers.py FIRST COUNT EVERY_S RATE

Started by `bench/master_scale.py`. Standard input: one line with the token, one "go PORT" when they are to say hello,
one "lose" for the first of them to fall silent. Standard output: a line of JSON when all have users, and one at the
end of the load.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import json  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from itertools import count  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import gevent  # noqa: E402
import gevent.os  # noqa: E402
import msgspec  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.channel import Channel  # noqa: E402
from perfsuite.load.messages import (  # noqa: E402
    HEARTBEAT,
    Ack,
    Batch,
    Checked,
    Drain,
    Drained,
    Hello,
    Load,
    Placed,
    Refused,
    Seats,
    Welcome,
    decoded,
)
from perfsuite.load.outbox import Outbox  # noqa: E402
from perfsuite.load.rpc import encoded, rpc_message  # noqa: E402
from perfsuite.load.versions import LOCUST, versions  # noqa: E402
from perfsuite.measurements.cells import Cells  # noqa: E402
from perfsuite.measurements.file import read  # noqa: E402
from perfsuite.measurements.records import Actions, Generator, Record, Requests, Times, Users  # noqa: E402
from perfsuite.model import FailureKind  # noqa: E402
from perfsuite.model.failures import Failure  # noqa: E402
from perfsuite.model.sample import Sample, Series  # noqa: E402

CELLS = 53
"""Role × operation."""
_RUN = ROOT / "tests" / "golden" / "runs" / "moderate_20261129_060112" / "measurements.jsonl.gz"
_TEMPLATES = 8
_SETTLED_S = 55
_FAILED = 0.002
_HEARTBEAT_S = 1.0
_ROUND_TRIPS = 8
_HELLO_EVERY_S = 1.0


def cells_of_real_run() -> dict[Series, float]:
    """The busiest cells of a run of all seven roles, and the share of the requests of each."""
    found: dict[tuple[str, str, str], int] = {}
    for record in read(_RUN):
        if isinstance(record, Requests):
            key = record.role, record.behaviour, record.operation
            found[key] = found.get(key, 0) + sum(record.ok.counts.values())
    busiest = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:CELLS]
    return {Series(*key): requests for key, requests in busiest}


def templates(rate: int) -> list[list[Record]]:
    """What a worker with so many requests a second hands over for a second of its steady state; some random ones."""
    shares, rng, cells = cells_of_real_run(), random.Random(12), Cells()
    found = []
    for second in range(_SETTLED_S + _TEMPLATES):
        cells.slowest.turn(second, 10, 0)
        _make_requests(cells, shares, rate, second, rng)
        records: list[Record] = list(cells.take("", count(1)))
        found.append([*records, *_other_records({(one.role, one.behaviour) for one in shares})])
    return found[_SETTLED_S:]


def _make_requests(cells: Cells, shares: dict[Series, float], rate: int, second: int, rng: random.Random) -> None:
    every = list(shares) if rate >= len(shares) else []
    for one in [*every, *rng.choices(list(shares), list(shares.values()), k=rate - len(every))]:
        elapsed_us = round(rng.lognormvariate(3.5, 0.6) * 1000)
        failure = Failure(FailureKind.STATUS, "HTTP 503") if rng.random() < _FAILED else None
        sample = Sample(one, "0" * 32, second, elapsed_us, 200, 900, failure, server_us=elapsed_us * 3 // 4)
        if failure is None:
            cells.request(sample)
        else:
            cells.failure(sample, (failure.kind.value, failure.message))


def _other_records(behaviours: set[tuple[str, str]]) -> list[Record]:
    times = Times({30_000 + number: 1 for number in range(8)}, 240_028, 30_000, 30_007)
    actions: list[Record] = [Actions("", 0, 0, *one, 8, 8, times, 8, 8_000_000) for one in sorted(behaviours)]
    users = Users("", 0, 0, {role: 10 for role, _behaviour in sorted(behaviours)})
    return [*actions, users, Generator("", 0, 0, 40.0, Times({90: 20}, 1800, 90, 90), 90_000_000)]


class SimulatedWorker:
    """One of them."""

    def __init__(self, number: int, every_s: float, seconds: list[list[Record]]) -> None:
        self.id = f"simulated-{number}"
        self.number = number
        self.name = ""
        self.seats = self.target = 0
        self.lags: list[float] = []
        self.joined_at = self.placed_at = 0.0
        self.refused = ""
        self.resent = self.bytes = self.errors = 0
        self.drained: Drained | None = None
        self.draining = self.silent = False
        self._seconds = seconds
        self._sequence = count(1)
        self._sent: dict[int, float] = {}
        self._every_s = every_s
        self.outbox = Outbox(
            self._send_batch, time.perf_counter, every_s=every_s, turn=number, clock=lambda: (0.1, 0.2)
        )

    def begin(self, channel: Channel, port: int) -> None:
        """Join the master."""
        self._client = channel.Client("127.0.0.1", port, self.id)
        gevent.spawn(self._listen)
        gevent.spawn(self._join)

    # ── saying ─────────────────────────────────────────────────────────────────────────────────────

    def _say(self, message: msgspec.Struct) -> None:
        self._client.send(encoded(message, self.id))

    def _tell(self, kind: str, data: Any) -> None:
        self._client.send(rpc_message(kind, data, self.id))

    def _join(self) -> None:
        hello = Hello(versions(), f"host-{self.number // 8}", 1000 + self.number)
        while not self.name and not self.refused:
            self._say(hello)
            gevent.sleep(_HELLO_EVERY_S)

    def _beat(self) -> None:
        state = "running" if self.target else "ready"
        known = {"sent_s": utc_s(), "seats": self.seats, "target": self.target}
        self._tell(HEARTBEAT, {"state": state, "current_cpu_usage": 40, "current_memory_usage": 9e7, **known})

    def _welcomed(self) -> None:
        for _number in range(_ROUND_TRIPS):
            self._beat()
            gevent.sleep(0.05)
        self._tell("client_ready", versions()[LOCUST])
        while not self.drained and not self.silent:
            self._beat()
            gevent.sleep(_HEARTBEAT_S)

    def _send_batch(self, batch: Batch) -> None:
        if batch.number in self._sent:
            self.resent += 1
        self._sent.setdefault(batch.number, time.perf_counter())
        self.bytes += len(batch.records)
        self._say(batch)

    def _work(self) -> None:
        """At each turn of a second, as the recorder of a real worker."""
        while True:
            gevent.sleep(1.0 - utc_s() % 1.0)
            if self.draining or self.silent:
                return
            for record in self._records(round(utc_s()) - 1):
                self.outbox.write(record)
            self.outbox.flush()

    def _records(self, second: int) -> Iterator[Record]:
        for record in self._seconds[(second + self.number) % len(self._seconds)]:
            yield msgspec.structs.replace(record, worker=self.name, sequence=next(self._sequence), second=second)

    # ── hearing ────────────────────────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        while not self.silent:
            msg = self._client.recv()
            handle = getattr(self, f"_on_{msg.type}", None)
            if handle is not None and not self.silent:
                handle(msg.data)

    def _on_welcome(self, data: bytes) -> None:
        if not self.name:
            self.name = decoded(Welcome, data).name
            gevent.spawn(self._welcomed)

    def _on_refused(self, data: bytes) -> None:
        self.refused = decoded(Refused, data).why

    def _on_load(self, data: bytes) -> None:
        decoded(Load, data)
        self._say(Checked("", 0.1, 0.2))
        self.joined_at = time.perf_counter()

    def _on_seats(self, data: bytes) -> None:
        self.seats = len(decoded(Seats, data).seats)

    def _on_spawn(self, data: dict[str, Any]) -> None:
        self._tell("spawning", None)
        counts = data["user_classes_count"]
        began, self.target = self.target, sum(counts.values())
        self._tell("spawning_complete", {"user_classes_count": counts, "user_count": self.target})
        self._say(Placed(self.target))
        if not began and self.target:
            gevent.spawn(self._work)
        self.placed_at = time.perf_counter()

    def _on_batch_ack(self, data: bytes) -> None:
        ack = decoded(Ack, data)
        now = time.perf_counter()
        for number in [each for each in self._sent if each <= ack.number]:
            self.lags.append(now - self._sent.pop(number))
        self.outbox.on_ack(ack)

    def _on_drain(self, data: bytes) -> None:
        decoded(Drain, data)
        if not self.draining:
            self.draining = True
            gevent.spawn(self._drain)
        elif self.drained is not None:
            self._say(self.drained)

    def _drain(self) -> None:
        self.outbox.close()
        self.drained = Drained(self.outbox.batches, self.outbox.requests)
        self._say(self.drained)

    def fall_silent(self) -> None:
        """As if its network were cut."""
        self.silent = True


class Feeder:
    """The workers of this process."""

    def __init__(self, first: int, number: int, every_s: float, rate: int) -> None:
        seconds = templates(rate)
        self.workers = [SimulatedWorker(first + each, every_s, seconds) for each in range(number)]
        self._began = 0.0

    def run(self) -> None:
        """As long as standard input lasts."""
        gevent.os.make_nonblocking(0)
        channel, rest = None, b""
        while data := gevent.os.nb_read(0, 4096):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                word, _, value = line.decode().partition(" ")
                if word == "token":
                    channel = Channel(value)
                elif word == "go" and channel is not None:
                    self._began = time.perf_counter()
                    for worker in self.workers:
                        worker.begin(channel, int(value))
                    gevent.spawn(self._report)
                elif word == "lose":
                    self.workers[0].fall_silent()
                elif word == "forget":
                    self._forget()

    def _forget(self) -> None:
        """The lags so far do not count."""
        for worker in self.workers:
            worker.lags.clear()
            worker.resent = 0

    def _report(self) -> None:
        while not all(worker.joined_at or worker.refused for worker in self.workers):
            gevent.sleep(0.02)
        self._print({"joined_s": max(worker.joined_at for worker in self.workers) - self._began})
        while not all(worker.target == worker.seats > 0 or worker.refused for worker in self.workers):
            gevent.sleep(0.02)
        self._print({"placed_s": max(worker.placed_at for worker in self.workers) - self._began})
        while not all(worker.drained or worker.silent or worker.refused for worker in self.workers):
            gevent.sleep(0.1)
        self._print(
            {
                "lags": [lag for worker in self.workers for lag in worker.lags],
                "unacknowledged": sum(worker.outbox.unacknowledged for worker in self.workers if not worker.silent),
                "batches": sum(worker.outbox.batches for worker in self.workers),
                "resent": sum(worker.resent for worker in self.workers),
                "bytes": sum(worker.bytes for worker in self.workers),
                "refused": sorted({worker.refused for worker in self.workers if worker.refused}),
                "last_placed_at": max(worker.placed_at for worker in self.workers),
                "cpu_s": time.process_time(),
            }
        )

    @staticmethod
    def _print(found: dict[str, Any]) -> None:
        os.write(1, json.dumps(found).encode() + b"\n")


def main(first: str, number: str, every_s: str, rate: str) -> None:
    """Serve as so many workers."""
    Feeder(int(first), int(number), float(every_s), int(rate)).run()
    os._exit(0)  # closing all connections in order would take long


if __name__ == "__main__":
    main(*sys.argv[1:])
