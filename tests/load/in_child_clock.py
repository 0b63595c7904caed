"""A worker with the clocks of another machine, against the real master's clock of its parent.

All processes of this machine have one monotonic clock: with the master's anchor the truth is known to the microsecond.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import Any

from perfsuite import clock
from perfsuite.load.clock_offset import RESOLUTION_S, ClockOffset
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import Request
from perfsuite.target.http_client import HttpClient
from tests.load.child import report
from tests.target.hostile_case import Then
from tests.target.scripted_network import WELL, MemoryNetwork, ScriptedSocket

ROUND_TRIPS = 8
JUMP_S = 1000.0
SLOW_S = 0.02


def beyond_s(read_s: float, within_s: float, anchor_s: float, began_s: float) -> float:
    """By how much a reading of the master's time, begun at `began_s`, is off by more than that; negative: it is not."""
    earliest_s, latest_s = anchor_s + began_s, anchor_s + time.perf_counter()
    return max(read_s - latest_s, earliest_s - read_s) - within_s - RESOLUTION_S


def trial(port: int, anchor_s: float, *, at_once: bool) -> dict[str, Any]:
    """A connection, some round trips, and after each the largest error beyond the stated uncertainty."""
    offset = ClockOffset()
    beyond, uncertainties_s = [], []
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        for _ in range(ROUND_TRIPS):
            sent_s = clock.own_s()
            connection.sendall(b".")
            (master_s,) = struct.unpack("!d", answers.read(8))
            offset.add(sent_s, master_s, clock.own_s())
            assert offset.offset_s is not None
            assert offset.uncertainty_s is not None
            began_s = time.perf_counter()
            beyond.append(beyond_s(clock.own_s() + offset.offset_s, offset.uncertainty_s, anchor_s, began_s))
            clock.correct(offset.offset_s, at_once=at_once)
            began_s, within_s = time.perf_counter(), offset.uncertainty_s + abs(clock.pending_s())
            beyond.append(beyond_s(clock.utc_s(), within_s, anchor_s, began_s))
            uncertainties_s.append(offset.uncertainty_s)
    return {"beyond_s": max(beyond), "uncertainty_s": min(uncertainties_s), "contradictions": offset.contradictions}


class _ClockIsSet(ScriptedSocket):
    """The answer takes its time, and the clock is set meanwhile."""

    def send(self, data: bytes, deadline: float) -> None:
        super().send(data, deadline)
        time.sleep(SLOW_S)
        clock.correct(JUMP_S * (1 if clock.utc_s() < clock.own_s() + JUMP_S / 2 else -1), at_once=True)


def response_times_us() -> list[int]:
    """Of requests during which the clock was set, forward and back by turns."""
    network = MemoryNetwork(lambda _first: _ClockIsSet([WELL], Then.KEEP))
    client = HttpClient(ConnectionSettings("http://localhost:1"), network)
    return [client.exchange(Request("GET", "/x", {}, None)).elapsed_us for _ in range(4)]


if __name__ == "__main__":
    master_port, trials, master_anchor_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    off_s = clock.own_s() - master_anchor_s - time.perf_counter()
    done = [trial(master_port, master_anchor_s, at_once=number == 0) for number in range(trials)]
    gained_s = clock.own_s() - master_anchor_s - time.perf_counter() - off_s
    report({"off_s": off_s, "gained_s": gained_s, "trials": done, "response_us": response_times_us()})
