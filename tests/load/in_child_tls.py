"""Requests over TLS, in a process patched like the load process. Arguments: host, path, a file of authorities."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import sys  # noqa: E402

from perfsuite.load.client import GeventTransport  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.exchange import Request  # noqa: E402
from tests.load.child import report  # noqa: E402

if __name__ == "__main__":
    host, path, *ca_file = sys.argv[1:]
    transports = [GeventTransport(ConnectionSettings(host, *ca_file)) for _ in range(2)]
    answers = [transport.exchange(Request("GET", path, {})) for transport in transports for _ in range(2)]
    shared = len({id(transport._pool.ssl_context) for transport in transports}) == 1
    failures = [f"{answer.failure.kind}: {answer.failure.message}" if answer.failure else None for answer in answers]
    report({"statuses": [answer.status for answer in answers], "failures": failures, "context shared": shared})
