"""Requests in a process patched like the load process.

Each question: along which way, for which paths, with which variables of the environment.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import os  # noqa: E402

from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.exchange import Request  # noqa: E402
from perfsuite.target.http_client import HttpClient  # noqa: E402
from tests.load.child import questions, report  # noqa: E402

Asked = tuple[ConnectionSettings, list[str], dict[str, str]]


def answered(connection: ConnectionSettings, paths: list[str], variables: dict[str, str]) -> list[str]:
    """A status of each, or kind and message of its failure."""
    before = dict(os.environ)
    os.environ.update(variables)
    transport = HttpClient(connection, GeventNetwork())
    answers = [transport.exchange(Request("GET", path, {"X-Request-ID": "1"})) for path in paths]
    transport.close()
    os.environ.clear()
    os.environ.update(before)
    return [f"{a.failure.kind}: {a.failure.message}" if a.failure else str(a.status) for a in answers]


if __name__ == "__main__":
    for question in questions(Asked):
        report(answered(*question))
