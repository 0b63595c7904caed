"""Requests over TLS, in a process patched like the load process. Arguments: host, path, a file of authorities."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import sys  # noqa: E402

from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.target.connection import ConnectionSettings, shared_tls_context  # noqa: E402
from perfsuite.target.exchange import Request  # noqa: E402
from perfsuite.target.http_client import HttpClient  # noqa: E402
from tests.load.child import report  # noqa: E402

if __name__ == "__main__":
    host, path, *ca_file = sys.argv[1:]
    transports = [HttpClient(ConnectionSettings(host, *ca_file), GeventNetwork()) for _ in range(2)]
    answers = [transport.exchange(Request("GET", path, {})) for transport in transports for _ in range(2)]
    shared = shared_tls_context.cache_info().misses == 1
    failures = [f"{answer.failure.kind}: {answer.failure.message}" if answer.failure else None for answer in answers]
    report({"statuses": [answer.status for answer in answers], "failures": failures, "context shared": shared})
