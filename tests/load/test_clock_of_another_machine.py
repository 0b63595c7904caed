"""Two processes and a connection between them: one is a worker with the clocks of another machine."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from perfsuite import clock
from perfsuite.clock import ANCHOR_VARIABLE, ERROR_VARIABLE, utc_s
from tests.load.child import findings
from tests.load.in_child_clock import JUMP_S, SLOW_S

TRIALS = 20
MOST_DELAY_S = 0.004


def answer_with_the_time(connection: socket.socket, chance: random.Random) -> None:
    """As the master does, on a path with two ways of different delay."""
    out_s, back_s = chance.uniform(0, MOST_DELAY_S), chance.uniform(0, MOST_DELAY_S)
    with connection:
        while connection.recv(1):
            time.sleep(out_s * chance.random())
            now_s = utc_s()
            time.sleep(back_s * chance.random())
            connection.sendall(struct.pack("!d", now_s))


@pytest.fixture
def master() -> Iterator[int]:
    """The port at which it answers the connections of all trials, one after the other."""
    chance = random.Random(7)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(TRIALS):
                answer_with_the_time(server.accept()[0], chance)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("ahead_s", [3.0, -3.0])
def test_a_worker_knows_and_corrects_its_clock_within_the_stated_uncertainty(master: int, ahead_s: float) -> None:
    anchor = clock.for_children()[ANCHOR_VARIABLE]
    drift_ppm = 100 * ahead_s / 3

    found: dict[str, Any] = findings(
        "in_child_clock", str(master), str(TRIALS), anchor, environment={ERROR_VARIABLE: f"{ahead_s},{drift_ppm}"}
    )

    assert found["off_s"] == pytest.approx(ahead_s - clock.system_ahead_s(), abs=1.0)
    assert found["gained_s"] * drift_ppm > 0
    assert len(found["trials"]) == TRIALS
    for trial in found["trials"]:
        assert trial["beyond_s"] <= 0
        assert trial["uncertainty_s"] < 2 * MOST_DELAY_S
        assert trial["contradictions"] == 0
    for response_us in found["response_us"]:
        assert SLOW_S <= response_us / 1e6 < JUMP_S / 2
