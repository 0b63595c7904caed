"""Experiment 7: a load process's memory over a simulated 8 hours, with every way in which a message can be new.

To be imported where gevent's patches are in place: it holds Locust.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from locust.env import Environment

from perfsuite.load.install import counted_by_locust
from perfsuite.load.locust_count import LocustCount
from perfsuite.load.messages import Ack, Batch, data_of
from perfsuite.load.outbox import Outbox
from perfsuite.load.users import RequestFailed
from perfsuite.measurements.recorder import Recorder
from perfsuite.model import FailureKind
from perfsuite.model.failures import Failure
from perfsuite.model.sample import Sample
from tests.measurements.samples import series

HOURS_8_S = 28_800
_START = 1_772_357_400
_REQUESTS = 12
_FAILURES = 4
_OPERATIONS = [f"operation.{number}" for number in range(30)]
_WORDS = [f"{first}{last}" for first in "abcdefghijklmnop" for last in "abcdefghijklmnopqrstuvwxyz"]


class _Wire:
    """Takes batches as the connection to the master does, and has each acknowledged at once."""

    def __init__(self) -> None:
        self.second = 0
        self.written_bytes = 0
        self.outbox = Outbox(self.send, lambda: self.second)

    def send(self, batch: Batch) -> None:
        self.written_bytes += len(data_of(batch))
        self.outbox.on_ack(Ack(batch.number))


@dataclass(frozen=True, slots=True)
class MemorySample:
    """Resident memory at one second of the simulated time."""

    second: int
    memory_bytes: int


def simulated(seconds: int, every_s: int) -> Iterator[MemorySample]:
    """Feed Locust and a recorder with the events of so many seconds as fast as they take them; look at the memory."""
    wire = _Wire()
    recorder = Recorder("worker-1", wire.outbox)
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    environment.stats = LocustCount()
    rng = random.Random(11)
    process = psutil.Process()
    for second in range(seconds):
        wire.second = second + 1
        for number in range(_REQUESTS):
            environment.events.request.fire(**_recorded(recorder, second, number, rng))
        recorder.tick({"policyholder": 50})
        if second % every_s == 0:
            gc.collect()
            assert counted_by_locust(environment) == recorder.cells.recorded == (second + 1) * _REQUESTS
            yield MemorySample(second, process.memory_info().rss)


def _recorded(recorder: Recorder, second: int, number: int, rng: random.Random) -> dict[str, object]:
    """Locust's event of a request that the recorder has kept."""
    due_at = _START + second + number / _REQUESTS
    elapsed_us = round(rng.lognormvariate(3, 1) * 1000)
    message = _message(second, number, rng) if number < _FAILURES else ""
    operation = rng.choice(_OPERATIONS)
    failure = Failure(FailureKind.STATUS, message) if message else None
    about = series("policyholder", f"behaviour {number}", operation)
    request_id = f"{second:016x}{number:016x}"
    recorder.request(Sample(about, request_id, due_at, elapsed_us, 200, 400, failure, server_us=elapsed_us // 2))
    return {
        "request_type": "GET",
        "name": operation,
        "response_length": 400,
        "response_time": elapsed_us / 1000,
        "exception": RequestFailed(message) if message else None,
        "start_time": due_at,
    }


def _message(second: int, number: int, rng: random.Random) -> str:
    """With ids, with short numbers, and with words that never come again: no rule finds them all to be one."""
    three = " ".join(rng.choice(_WORDS) for _ in range(3))
    return f"HTTP 500: row {second}-{number} of {rng.getrandbits(128):032x}: {three} after {second % 1000} ms"
