"""The suite's HTTP client alone: so many connections, each sends a GET as soon as the last one was answered.

    python -m bench.generators.bare_client URL CONNECTIONS SECONDS

It prints how many requests were made and how many of them failed.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402

from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.exchange import Request  # noqa: E402
from perfsuite.target.http_client import HttpClient  # noqa: E402

_OK = 200


def ask(url: str, until: float) -> tuple[int, int]:
    """Requests and failures of one connection."""
    client, made, failed = HttpClient(ConnectionSettings(url), GeventNetwork()), 0, 0
    request = Request("GET", "/health", b"Accept: application/json\r\n")
    while time.perf_counter() < until:
        made += 1
        failed += client.exchange(request).status != _OK
    client.close()
    return made, failed


def main(url: str, connections: int, seconds: float) -> None:
    """Ask over all connections and print the counts."""
    until = time.perf_counter() + seconds
    asking = [gevent.spawn(ask, url, until) for _ in range(connections)]
    gevent.joinall(asking, raise_error=True)
    print(*(sum(counts) for counts in zip(*(one.value for one in asking), strict=True)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
