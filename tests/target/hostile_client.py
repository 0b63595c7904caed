"""Asks the hostile server for every case, with whatever client, and writes down what came of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.http_client import HttpClient
from tests.target.hostile_case import Case
from tests.target.hostile_cases import CASES
from tests.target.hostile_server import case_path

Connect = Callable[[ConnectionSettings], HttpClient]
Found = dict[str, Any]
HOW = ("fin", "no-notify", "reset", "unread", "half")
"""How the server ends a connection when the second request is sent over it."""
METHODS = ("GET", "POST", "PUT", "DELETE")
RACES = 40
PATIENT_S = 60.0
"""So long an answer may take on a machine with other things to do: no case is about time."""


def asked(method: str, path: str) -> Request:
    return Request(method, path, {"X-Request-ID": "1"}, b"{}" if method in ("POST", "PUT") else None)


def splits(case: Case) -> Iterator[int]:
    """Some positions: within the first line, at both ends of the head, within the body."""
    content = case.content
    body = content.find(b"\r\n\r\n")
    places = {1, 9, body + 1, body + 3, body + 4, body + 6, len(content) // 2, len(content) - 1}
    return (at for at in sorted(places) if 0 < at < len(content) and at != len(content) - (case.surplus or -1))


def orders(what: str) -> list[tuple[int, int | None]]:
    """The cases by their number: "whole", "split" in two, with the position, or "some" of the latter."""
    if what != "whole":
        every = 1 if what == "split" else 5
        return [(number, at) for number, case in enumerate(CASES) for at in splits(case)][::every]
    return [(number, None) for number in range(len(CASES))]


def case_outcome(connect: Connect, settings: ConnectionSettings, order: tuple[int, int | None], by: str) -> Found:
    """What a client makes of one case, and of a request after it. `by` is in the paths, so that the server tells."""
    client, (number, at) = connect(settings), order
    path = case_path(CASES[number], at)
    mark = f"{'&' if '?' in path else '?'}by={by}"
    answer = client.exchange(asked(CASES[number].method, path + mark))
    following = client.exchange(asked("GET", f"/next{path}{mark}"))
    client.close()
    return {**written(answer), "following": following.status}


def written(answer: Answer) -> Found:
    """An answer as it can be handed over between processes; its times left out."""
    return {
        "status": answer.status,
        "body": hashlib.sha256(answer.body).hexdigest(),
        "headers": dict(answer.headers),
        "kind": answer.failure and str(answer.failure.kind),
        "message": answer.failure and answer.failure.message,
        "retries": answer.retries,
        "remarks": [remark.about for remark in answer.remarks],
    }


def closing_outcomes(connect: Connect, settings: ConnectionSettings, by: str) -> dict[str, Found]:
    """What becomes of the second request over a connection that the server ends just then."""
    found = {}
    for how in HOW:
        for method in METHODS:
            for retry in (True, False):
                client = connect(replace(settings, retry=retry))
                name = f"{how}-{method}-{retry}-{by}"
                client.exchange(asked("GET", f"/then/{how}"))
                found[f"{how}-{method}-{retry}"] = written(client.exchange(asked(method, f"/second/{name}")))
                client.close()
    return found


def race_outcomes(connect: Connect, host: str, by: str, sleep: Callable[[float], None]) -> list[Found]:
    """The second request is sent at about the moment when the server closes."""
    found = []
    for number, method in ((number, method) for number in range(RACES) for method in ("GET", "POST")):
        client = connect(ConnectionSettings(host, timeout_s=PATIENT_S))
        client.exchange(asked("GET", "/then/race"))
        sleep(0.0018 + number % 10 * 0.0001)
        found.append({**written(client.exchange(asked(method, f"/raced/{number}-{method}-{by}"))), "method": method})
        client.close()
    return found


def early_outcome(connect: Connect, host: str) -> Found:
    """A large request that is answered, and its connection closed, before it is all there."""
    client = connect(ConnectionSettings(host, timeout_s=PATIENT_S))
    answer = client.exchange(Request("POST", "/early", {}, bytes(32 << 20)))
    client.close()
    return written(answer)


def slow_reader_outcome(connect: Connect, host: str) -> Found:
    """A large request that is read long after an interim answer; and the CPU time that the waiting cost."""
    client, body = connect(ConnectionSettings(host, timeout_s=PATIENT_S)), bytes(8 << 20)
    began_s = time.process_time()
    answer = client.exchange(Request("POST", "/slow-reader", {}, body))
    client.close()
    return {**written(answer), "cpu_s": time.process_time() - began_s}


def all_cases(
    connect: Connect, settings: ConnectionSettings, by: str, todo: Iterable[tuple[int, int | None]]
) -> list[Found]:
    """One after the other."""
    return [case_outcome(connect, settings, order, by) for order in todo]
