"""In a process patched like the load process: every case of the hostile server, many at the same time.

Each question: what to ask for, as `main` names it, host, a file of authorities or "".
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.pool import Pool  # noqa: E402

from perfsuite.load.gevent_socket import GeventNetwork  # noqa: E402
from perfsuite.target.connection import ConnectionSettings  # noqa: E402
from perfsuite.target.http_client import HttpClient  # noqa: E402
from tests.load.child import questions, report  # noqa: E402
from tests.target.hostile_client import (  # noqa: E402
    PATIENT_S,
    case_outcome,
    closing_outcomes,
    early_outcome,
    orders,
    race_outcomes,
    slow_reader_outcome,
)

BY = "user"


def connect(settings: ConnectionSettings) -> HttpClient:
    return HttpClient(settings, GeventNetwork(), connect_timeout_s=PATIENT_S)


def main(what: str, host: str, ca_file: str) -> Any:
    if what == "early":
        return early_outcome(connect, host)
    if what == "slow reader":
        return slow_reader_outcome(connect, host)
    if what == "races":
        return race_outcomes(connect, host, BY, gevent.sleep)
    settings = ConnectionSettings(host, ca_file=ca_file, timeout_s=PATIENT_S)
    if what == "closing":
        return closing_outcomes(connect, settings, BY)
    todo = orders(what)
    return Pool(8).map(lambda order: case_outcome(connect, settings, order, BY), todo)


if __name__ == "__main__":
    for question in questions():
        report(main(*question))
