"""The fault `capacity`: so many at a time, each exactly so long, first come, first served."""

import asyncio
import heapq
import itertools
import json
import random
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mitra_backend.capacity import CapacityQueue

from tests.backend.conftest import Serve
from tests.backend.support import Api

SERVICE_S = 0.125
"""Exact in binary, as are all times here, so that sums are compared without tolerance."""


class Times:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _planned(arrivals: list[float], servers: int) -> list[float]:
    """When each request ends, by the recursion of Kiefer and Wolfowitz (1955)."""
    free_at, ends = [0.0] * servers, []
    for arrival in arrivals:
        ends.append(max(arrival, free_at[0]) + SERVICE_S)
        heapq.heapreplace(free_at, ends[-1])
    return ends


@pytest.mark.parametrize("servers", [1, 3, 40])
def test_a_late_event_loop_changes_no_planned_end(servers: int) -> None:
    rng, clock = random.Random(servers), Times()
    gaps = (rng.randrange(int(1024 * 2 * SERVICE_S / servers) + 1) / 1024 for _ in range(500))
    arrivals = list(itertools.accumulate(gaps))

    async def ends() -> list[float]:
        queue, turns = CapacityQueue(servers, SERVICE_S, clock), []
        for arrival in arrivals:
            clock.now = arrival
            turns.append(queue.join())
            if rng.random() < 0.1:  # otherwise nobody looks between two arrivals
                queue.advance()
        while not all(turn.done() for turn in turns):
            clock.now += 3 * SERVICE_S
            queue.advance()
        return [turn.result() for turn in turns]

    assert asyncio.run(ends()) == _planned(arrivals, servers)


def test_whoever_leaves_the_queue_leaves_no_gap() -> None:
    clock = Times()

    async def turns() -> list[asyncio.Future[float]]:
        queue = CapacityQueue(2, SERVICE_S, clock)
        turns = [queue.join() for _ in range(7)]
        assert [turn.done() for turn in turns] == [True, True, *[False] * 5]
        turns[2].cancel()
        turns[5].cancel()
        clock.now = SERVICE_S
        queue.advance()
        assert [turn.done() for turn in turns] == [True, True, True, True, True, True, False]
        clock.now = 2 * SERVICE_S
        queue.advance()
        return turns

    found = asyncio.run(turns())
    assert [turn.cancelled() for turn in found] == [False, False, True, False, False, True, False]
    ends = [turn.result() for turn in found if not turn.cancelled()]
    assert ends == [SERVICE_S, SERVICE_S, 2 * SERVICE_S, 2 * SERVICE_S, 3 * SERVICE_S]


def test_the_queue_comes_again_by_itself() -> None:
    async def ends() -> list[float]:
        queue = CapacityQueue(1, 0.001)
        return list(await asyncio.gather(*(queue.join() for _ in range(20))))

    found = asyncio.run(ends())
    assert [round(later - first, 6) for first, later in itertools.pairwise(found)] == [0.001] * 19


def _wait(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.005)


def _log(file: Path, api: Api) -> list[dict[str, Any]]:
    """The lines of all requests, in the order in which they ended: a line is added after its answer was sent."""
    _wait(lambda: api.app.state.calls.in_flight == 0)
    api.app.state.request_log.flush()
    return [json.loads(line) for line in file.read_text().splitlines()]


def _together(api: Api, requests: int) -> None:
    with ThreadPoolExecutor(requests) as pool:
        answers = list(pool.map(lambda _: api.call("policyholder", "GET", "/users/me"), range(requests)))
    assert [answer.status_code for answer in answers] == [200] * requests


def test_no_more_at_a_time_than_servers(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    api = serve("capacity=3:60", request_log=log)
    api.login("policyholder")
    began_s = api.app.state.backend.board.elapsed_s()
    _together(api, 30)
    # Each of the three serves ten, one after the other.
    assert api.app.state.backend.board.elapsed_s() - began_s >= 10 * 0.06
    waited_s = sorted(line["duration_s"] for line in _log(log, api)[1:])
    assert len(waited_s) == 30 and waited_s[0] >= 0.06


def test_first_come_first_served(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    api = serve("capacity=1:20", request_log=log)
    api.login("policyholder")
    _together(api, 12)
    arrived = [line["time"] for line in _log(log, api)]
    assert len(arrived) == 13 and arrived == sorted(arrived)


def test_who_waits_can_leave_and_health_pages_do_not_wait(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    api = serve("capacity=1:700ms", request_log=log)
    host, port = api.url.removeprefix("http://").split(":")
    token = api.login("policyholder")["access_token"]
    request = f"GET /api/v1/users/me HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with ThreadPoolExecutor(1) as pool, socket.create_connection((host, int(port))) as served:
        served.sendall(request)
        _wait(lambda: api.app.state.calls.in_flight == 1)
        with socket.create_connection((host, int(port))) as waiting:
            waiting.sendall(request)
            _wait(lambda: api.app.state.calls.in_flight == 2)
        last = pool.submit(api.call, "policyholder", "GET", "/users/me")
        assert api.http.get("/health").status_code == 200
        assert last.result().status_code == 200
        assert served.recv(15) == b"HTTP/1.1 200 OK"
    ended = [(line["name"], line["status"]) for line in _log(log, api)[1:]]
    me = ("users.me", 200)
    # The one that left ended first, or the health page did; then the one in service, then the one behind it.
    assert sorted(ended[:2]) == [("health.root", 200), ("users.me", 0)]
    assert ended[2:] == [me, me]
