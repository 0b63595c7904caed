"""What recording costs: processor time a request, and memory over 8 hours.

    python bench/recording_cost.py [--requests 50000] [--rounds 5] [--hours 8]

The figure to read is "recording": what a load process would save if it wrote nothing down. The whole request
is what one costs the load process from the session's step to the record, waiting left out, against a target
that answers at once. The least of several rounds counts: whatever else runs can only add. Ends with 1 when
recording costs more than 5 µs or memory grows by more than 2 MB after the first tenth.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import argparse  # noqa: E402
import random  # noqa: E402
import secrets  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from locust.env import Environment  # noqa: E402

from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.load.lease import NoLease  # noqa: E402
from perfsuite.load.sent import CountingTransport, SentCount  # noqa: E402
from perfsuite.load.users import EventObserver  # noqa: E402
from perfsuite.measurements.raw_samples import AT_ONCE, RawSamples  # noqa: E402
from perfsuite.measurements.recorder import Recorder  # noqa: E402
from perfsuite.measurements.records import Record  # noqa: E402
from perfsuite.model import Account  # noqa: E402
from perfsuite.model.sample import Sample, Series  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.http_client import HttpClient  # noqa: E402
from perfsuite.target.run_state import RunState  # noqa: E402
from perfsuite.target.session import Session  # noqa: E402
from tests.accuracy.lab import truth_server  # noqa: E402
from tests.accuracy.long_run import HOURS_8_S, simulated  # noqa: E402
from tests.accuracy.roles import LOOK, ROLES  # noqa: E402

LIMIT_US, LIMIT_MB = 5.0, 2.0
_START = 1_772_357_400
_PER_SECOND = 500


class Nowhere:
    """A sink that takes everything and keeps nothing."""

    def write(self, record: Record) -> None:
        """Take one record."""

    def flush(self) -> None:
        """Nothing is waiting."""

    def close(self) -> None:
        """Nothing is open."""


class _Load:
    """What an observer asks of the state of a load."""

    arrivals = None

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder


def cpu_us(do: Callable[[int], None], count: int, rounds: int) -> float:
    """µs of processor time for one call, the least of several rounds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        for number in range(count):
            do(number)
        found.append((time.process_time() - began) / count * 1e6)
    return min(found)


_SERIES = Series("policyholder", "profile access", "users.me")


def sample(number: int) -> Sample:
    """A request of the usual mix, due in one of the seconds in turn."""
    elapsed_us = 3_000 + number * 7_919 % 60_000
    sent_at = _START + number / _PER_SECOND
    return Sample(_SERIES, f"{number:032x}", sent_at, elapsed_us, 200, 400, server_us=elapsed_us // 2)


def recording(requests: int, rounds: int) -> float:
    """Recorder and cells, with the writing of a record a second."""
    recorder = Recorder("local", Nowhere())
    ready = [sample(number) for number in range(requests)]

    def record(number: int) -> None:
        recorder.request(ready[number])
        if number % _PER_SECOND == 0:
            recorder.tick({"policyholder": 50})

    return cpu_us(record, requests, rounds)


class _Deaf(Recorder):
    """Keeps nothing."""

    def request(self, *_about: object, **_more: object) -> None:
        """Not kept."""


def cost_us(requests: int, rounds: int, *, recorded: bool) -> float:
    """From the session's observer to the recorder (or to one that keeps nothing) and Locust's event and statistics."""
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    recorder = (Recorder if recorded else _Deaf)("local", Nowhere())
    observer = EventObserver(environment, _Load(recorder))  # type: ignore[arg-type]
    ready = [sample(number) for number in range(requests)]

    def record(number: int) -> None:
        observer.request(ready[number])
        if recorded and number % _PER_SECOND == 0:
            recorder.tick({"policyholder": 50})

    return cpu_us(record, requests, rounds)


def whole_request(requests: int, rounds: int) -> float:
    """One action of one request, as a virtual user makes it."""
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    recorder = Recorder("local", Nowhere())
    with tempfile.TemporaryDirectory() as folder, truth_server("fixed 0", Path(folder)) as server:
        client = HttpClient(ConnectionSettings(server.url), GeventNetwork())
        transport = CountingTransport(client, SentCount(), NoLease())
        observer = EventObserver(environment, _Load(recorder))  # type: ignore[arg-type]
        session = Session(ROLES[0], Account("1", "secret", "caller"), transport, RunState("bench"), observer)
        session.login()
        cost = cpu_us(lambda _number: session.perform(LOOK) and None, requests, rounds)
        transport.close()
    return cost


def raw_samples(requests: int, rounds: int) -> tuple[float, float, float]:
    """`--raw-samples`: µs and bytes on disk a request, and the longest time without a break, ms."""
    dice = random.Random(1)
    series = [Series("policyholder", f"behaviour {number // 4}", f"operation.{number}") for number in range(60)]
    prefix, ready = secrets.token_hex(8), [sample(number) for number in range(requests)]
    for number, one in enumerate(ready):
        one.series, one.request_id = dice.choice(series), f"{prefix}{number:016x}"
        one.elapsed_us = round(dice.lognormvariate(9, 0.6))
        one.server_us = round(one.elapsed_us * 0.8)
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "samples.csv.gz"
            raw, began = RawSamples(path), time.process_time()
            for number, one in enumerate(ready):
                raw.add(one, "")
                if number % _PER_SECOND == 0:
                    while raw.write():
                        pass
                    raw.flush()
            raw.close()
            cost = (time.process_time() - began) / requests * 1e6
            found.append((cost, path.stat().st_size / requests))
    waiting = RawSamples(Path("/dev/null"))
    for one in ready[:AT_ONCE]:
        waiting.add(one, "")
    began = time.process_time()
    waiting.write()
    return *min(found), (time.process_time() - began) * 1e3


def grown_mb(hours: float) -> tuple[float, float]:
    """By how much memory grew after the first tenth of a simulated run, and where it was then, MB."""
    samples = list(simulated(round(hours * 3600), 120))
    settled = samples[len(samples) // 10 :]
    first = settled[0].memory_bytes
    return (max(sample.memory_bytes for sample in settled) - first) / 1e6, first / 1e6


def main() -> int:
    """Measure and print; 1 when a bound is not met."""
    parser = argparse.ArgumentParser(description="What recording costs.")
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=HOURS_8_S / 3600)
    options = parser.parse_args()
    cost = recording(options.requests, options.rounds)
    with_, without = (cost_us(options.requests, options.rounds, recorded=yes) for yes in (True, False))
    whole = whole_request(options.requests // 20, options.rounds)
    print(f"recording (recorder, cells, records)      {cost:6.2f} µs a request, bound {LIMIT_US:g} µs")
    print(f"Locust's event and statistics, ours apart {without:6.2f} µs")
    print(f"both together                             {with_:6.2f} µs")
    print(f"a whole request                           {whole:6.1f} µs: recording is {cost / whole:.1%} of it")
    us, size, part_ms = raw_samples(options.requests, options.rounds)
    print(f"--raw-samples                             {us:6.2f} µs a request, {size:.1f} bytes on disk,", end=" ")
    print(f"{AT_ONCE} at a time ({part_ms:.1f} ms)")
    grown, first = grown_mb(options.hours)
    print(f"memory over {options.hours:g} simulated hours: {first:.1f} MB, then at most {grown:+.2f} MB")
    return 0 if cost <= LIMIT_US and grown <= LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
