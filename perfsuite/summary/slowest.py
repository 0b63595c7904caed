"""The slowest requests of the steady state, with what their times are made of."""

from __future__ import annotations

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.slowest import SlowRequest
from perfsuite.model import ServerTimes, SlowestRequest
from perfsuite.summary.figures import as_ms
from perfsuite.summary.periods import RunTimeline
from perfsuite.summary.rows import Rank, RowKey, RowOrder


def slowest_requests(
    aggregate: Aggregate, when: RunTimeline, order: RowOrder, times: ServerTimes
) -> tuple[SlowestRequest, ...]:
    """The ten slowest of each operation; nothing without a steady state, and of files that do not record them."""
    found = aggregate.slowest(when.steady_seconds())

    def place(key: RowKey) -> tuple[Rank, ...]:
        return order.role(key[0]), order.behaviour(*key[:2]), order.operation(key[2])

    return tuple(
        _slowest(key, second, request, server_known=times.used)
        for key in sorted(found, key=place)
        for second, request in found[key]
    )


def _slowest(key: RowKey, second: int, request: SlowRequest, *, server_known: bool) -> SlowestRequest:
    set_up_us = (request.connect_us or 0) + (request.tls_us or 0)
    return SlowestRequest(
        *key,
        request_id=request.request_id,
        due_at=second + request.due_us / 1e6,
        status=request.status or None,
        failure=request.failure,
        response_ms=request.response_us / 1000,
        waiting_ms=max(request.response_us - set_up_us - request.service_us, 0) / 1000,
        service_ms=request.service_us / 1000,
        connect_ms=as_ms(request.connect_us),
        tls_ms=as_ms(request.tls_us),
        server_ms=as_ms(request.server_us) if server_known else None,
    )
