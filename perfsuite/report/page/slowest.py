"""The table of the slowest requests: each can be looked up in the server's log by its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from perfsuite.format import UNKNOWN, figure, time_of_day, utc
from perfsuite.model import FailureKind, SlowestRequest, Summary
from perfsuite.report.page.tables import Cell, Column, PageTable, operation_cell, role_title
from perfsuite.report.text import clean

MOST = 10
"""Of each operation, over all roles."""
_PARTS = (
    ("response_ms", Column("Response", hint="from due to the last byte, ms")),
    ("waiting_ms", Column("Waiting", hint="from due to sent: for a session or the load generator, ms")),
    ("connect_ms", Column("Connect", hint="setup of the connection (DNS and TCP), ms; – if it was open")),
    ("tls_ms", Column("TLS", hint="TLS handshake, ms; – without one")),
    ("server_ms", Column("Server", hint="time that the server reported, ms")),
    ("outside_ms", Column("Outside", hint="service time without server time: network, proxies, queues, ms")),
)
_NONE = {"connect_ms": "the connection was open", "tls_ms": "no handshake"}
_CAPTION = (
    "Steady state; times in ms. The ten slowest requests of each operation over all roles, failed ones included; those"
    " of each role and behaviour are in summary.json. Look up the request id (X-Request-ID) in the server log."
    " Response = waiting + connect + TLS + service; service = server + outside."
)


def slowest_table(summary: Summary) -> PageTable | None:
    """The ten slowest requests of each operation, the slowest of all first; None if none is known."""
    rows = tuple(map(_row, sorted(_of_operations(summary.slowest), key=_slowest_first)))
    if not rows:
        return None
    columns = (
        Column("Operation", number=False),
        Column("Role", number=False),
        Column("Due", number=False, hint="UTC time at which the request was due"),
        Column("Status", number=False, hint="HTTP status, and how the request failed"),
        *(column for _, column in _PARTS),
        Column("Request id", number=False, hint="header X-Request-ID of the request"),
    )
    return PageTable("slowest", "Slowest requests", _CAPTION, columns, rows, tall=True)


def _of_operations(requests: Iterable[SlowestRequest]) -> Iterable[SlowestRequest]:
    by_operation: defaultdict[str, list[SlowestRequest]] = defaultdict(list)
    for request in requests:
        by_operation[request.operation].append(request)
    return chain.from_iterable(sorted(each, key=_slowest_first)[:MOST] for each in by_operation.values())


def _slowest_first(request: SlowestRequest) -> tuple[float, float]:
    return -request.response_ms, request.due_at


def _row(request: SlowestRequest) -> tuple[Cell, ...]:
    return (
        operation_cell(request.operation),
        Cell(role_title(request.role), title=clean(request.behaviour)),
        Cell(time_of_day(request.due_at, exact=True), str(request.due_at), utc(request.due_at)),
        _status(request),
        *(_part(request, name) for name, _ in _PARTS),
        Cell(clean(request.request_id), code=True) if request.request_id else Cell(UNKNOWN, title="sent by a plug-in"),
    )


def _status(request: SlowestRequest) -> Cell:
    """ "200", "503", "timeout", "200 wrong answer"."""
    status = "" if request.status is None else str(request.status)
    kind = "" if request.failure == FailureKind.STATUS else clean(request.failure)
    return Cell(" ".join(filter(None, (status, kind))) or UNKNOWN, alarm=bool(request.failure))


def _part(request: SlowestRequest, name: str) -> Cell:
    value = getattr(request, name)
    if value is None:
        return Cell(UNKNOWN, title=_NONE.get(name) or f"not reported; service {figure('ms', request.service_ms)}")
    return Cell.measured(name, value)
