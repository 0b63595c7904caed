"""In a process patched like the load process: the client against the raw server. Arguments: its host, a dead one."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import os  # noqa: E402
import resource  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.exchange import Answer, Request  # noqa: E402
from perfsuite.target.http_client import CONNECT_TIMEOUT_S, HttpClient  # noqa: E402
from tests.load.child import report  # noqa: E402

SINGLE = "json two-times"


def reported(answer: Answer, began_at: float = 0.0) -> dict[str, Any]:
    """`asked_ago_s`: how long the caller itself has waited, who asked at `began_at`."""
    failure, now = answer.failure, utc_s()
    return {
        "status": answer.status,
        "body": answer.body.decode("latin-1")[:40],
        "headers": dict(answer.headers),
        "failure": f"{failure.kind}: {failure.message}" if failure else None,
        "elapsed_us": answer.elapsed_us,
        "sent_ago_s": now - answer.sent_at,
        "asked_ago_s": now - began_at,
    }


def get(path: str) -> Request:
    return Request("GET", path, {"X-Request-ID": "1"})


def several(
    host: str, *paths: str, pause_s: float = 0.0, timeout_s: float | None = None, **timeouts: float
) -> list[dict[str, Any]]:
    """Requests one after the other over one transport."""
    transport = HttpClient(ConnectionSettings(host, timeout_s=timeout_s), GeventNetwork(), **timeouts)
    answers = []
    for path in paths:
        began_at = utc_s()
        answers.append(reported(transport.exchange(get(path)), began_at))
        gevent.sleep(pause_s)
    transport.close()
    return answers


def each_behaviour(host: str) -> dict[str, list[dict[str, Any]]]:
    """Each behaviour of the server, and whether the next request after it works."""
    return {name: several(host, f"/{name}/{name}", f"/{name}/json") for name in SINGLE.split()}


def silent(host: str) -> list[dict[str, Any]]:
    """A request that waits in vain, and the next one, which has time: as much as a busy machine may need."""
    transport = HttpClient(ConnectionSettings(host), GeventNetwork(), connect_timeout_s=30.0)
    answers = []
    for path, transport._answer_timeout_s in (("/silent/silent", 0.3), ("/silent/json", 30.0)):
        began_at = utc_s()
        answers.append(reported(transport.exchange(get(path)), began_at))
    transport.close()
    return answers


def killed(host: str) -> list[dict[str, Any]]:
    """A greenlet that is killed while it waits, and one that goes on with its transport."""
    transport = HttpClient(ConnectionSettings(host), GeventNetwork())
    answers: list[Answer] = []
    waiting = gevent.spawn(lambda: answers.append(transport.exchange(get("/killed/silent"))))
    while not transport._sent_at:
        gevent.sleep(0.01)
    gevent.sleep(0.1)
    waiting.kill()
    answers.append(transport.exchange(get("/killed/json")))
    return [reported(answer) for answer in answers]


def at_once(host: str) -> dict[str, float]:
    """Seconds that ten slow answers take for ten users at the same time: in all, and each for itself added up."""
    began = time.perf_counter()
    users = [gevent.spawn(several, host, "/at-once/slow") for _ in range(10)]
    gevent.joinall(users, raise_error=True)
    took_s = time.perf_counter() - began
    return {"took_s": took_s, "waited_s": sum(user.value[0]["elapsed_us"] / 1e6 for user in users)}


def many_descriptors(host: str) -> dict[str, Any]:
    """Keep-alive and its check with descriptors above 1,024."""
    wanted = 1100
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted + 100:
        return {"limit": hard}
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 100, hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(wanted)]
    try:
        return {"answers": several(host, "/many/json", "/many/json", "/many/then-close", "/many/json", pause_s=0.1)}
    finally:
        for descriptor in opened:
            os.close(descriptor)


def no_room_to_connect() -> dict[str, Any]:
    """A listener whose queue is full: the connection itself takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        queued = [socket.socket() for _ in range(4)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(address)
        gevent.sleep(0.1)
        (answer,) = several(f"http://127.0.0.1:{address[1]}", "/full/json", connect_timeout_s=0.3)
        for one in queued:
            one.close()
    return answer


def busy_neighbours(host: str) -> list[int]:
    """Times of quick requests over a warm connection while another greenlet keeps the loop busy in small steps."""
    transport = HttpClient(ConnectionSettings(host), GeventNetwork())
    transport.exchange(get("/busy/json"))
    turns = 0

    def work() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    neighbour = gevent.spawn(work)
    gevent.sleep(0)
    before = turns
    connection = transport._socket
    spent = connection is None or connection.spent(1.0)
    taken_turns = turns - before
    neighbour.kill()
    return [taken_turns, int(spent)]


def post(host: str) -> None:
    transport = HttpClient(ConnectionSettings(host), GeventNetwork())
    transport.exchange(Request("POST", "/post/json", {"Content-Type": "application/json"}, b'{"a":1}'))
    transport.exchange(Request("POST", "/post/json", {}))
    transport.exchange(Request("DELETE", "/post/json", {}))


def main(host: str, dead: str) -> None:
    cases: dict[str, Callable[[], Any]] = {
        "each": lambda: each_behaviour(host),
        "kept alive": lambda: several(host, *["/kept/json"] * 3),
        "closed when idle": lambda: several(host, "/idle/then-close", "/idle/json", pause_s=0.2),
        "unasked bytes": lambda: several(host, "/unasked/too-much", "/unasked/json", pause_s=0.1),
        "refused": lambda: several(dead, "/x/json"),
        "name": lambda: several("http://nobody.invalid:80", "/x/json"),
        "silent": lambda: silent(host),
        "drip": lambda: several(host, "/drip/drip", timeout_s=0.5),
        "slow": lambda: several(host, "/slow/slow"),
        "no room": no_room_to_connect,
        "usual time to connect": lambda: CONNECT_TIMEOUT_S,
        "killed": lambda: killed(host),
        "at once": lambda: at_once(host),
        "many": lambda: many_descriptors(host),
        "busy": lambda: busy_neighbours(host),
        "post": lambda: post(host),
    }
    report({name: case() for name, case in cases.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
