"""Requests along one way, in a process patched like the load process. Arguments: the way as JSON, paths."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import sys  # noqa: E402

import msgspec  # noqa: E402

from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.exchange import Request  # noqa: E402
from perfsuite.target.http_client import HttpClient  # noqa: E402
from tests.load.child import report  # noqa: E402

if __name__ == "__main__":
    transport = HttpClient(msgspec.json.decode(sys.argv[1], type=ConnectionSettings), GeventNetwork())
    answers = [transport.exchange(Request("GET", path, {"X-Request-ID": "1"})) for path in sys.argv[2:]]
    failures = [answer.failure for answer in answers]
    reported = [
        f"{failure.kind}: {failure.message}" if failure else str(answer.status)
        for answer, failure in zip(answers, failures, strict=True)
    ]
    report({"reported": reported})
