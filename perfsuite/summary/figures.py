"""Statistics from request totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.minutes import SecondSums
from perfsuite.measurements.totals import RequestTotals
from perfsuite.model import NO_BREAKDOWN, Breakdown, Statistics
from perfsuite.model.summary import PERCENTILES, samples_needed

_NEEDED = {name: samples_needed(fraction) for name, fraction in PERCENTILES.items()}
_FEWEST = min(_NEEDED.values())
_UNKNOWN: Mapping[str, float | None] = MappingProxyType(dict.fromkeys(PERCENTILES))
_SERVER_TIMES_SHARE = 0.95
"""The time outside the server is known if this share of the requests has a server time."""


def statistics(totals: RequestTotals, period_s: float, *, ends_known: bool = True) -> Statistics:
    """The figures of the requests that were due in a period of `period_s` seconds.

    The rate is that of the requests which ended in the period; where the records do not say when, of those which
    were due in it. It is 0 in a period without length. Average, minimum, maximum and failure rate are None
    without requests; a percentile is None where there are fewer than 10 / (1 − p) requests.
    """
    ended = totals.ended if ends_known else totals.sent
    return _figures(totals.times, totals.failures, ended / period_s if period_s > 0 else 0.0)


def statistics_ok(totals: RequestTotals, period_s: float, *, ends_known: bool = True) -> Statistics | None:
    """The same as targets judge it; None where that is no different, since nothing failed.

    Times without the failures that are left out; `failures` are those that stay in. The rate is that of the requests
    that succeeded.
    """
    if not totals.failures and not totals.ended_failed:
        return None
    left_out = totals.times.count - totals.judged.count
    succeeded = totals.ended - totals.ended_failed if ends_known else totals.requests - totals.failures
    return _figures(totals.judged, totals.failures - left_out, succeeded / period_s if period_s > 0 else 0.0)


def _figures(times: Histogram, failures: int, rps: float) -> Statistics:
    requests = times.count
    if not requests:
        return Statistics(0, failures, None, rps, None, None, None, *_UNKNOWN.values())
    return Statistics(
        requests,
        failures,
        failures / requests,
        rps,
        times.sum_us / requests / 1000,
        times.min_us / 1000,
        times.max_us / 1000,
        *percentiles_ms(times).values(),
    )


def statistics_of_sums(parts: Sequence[SecondSums]) -> Statistics:
    """Of a second of which only sums are known."""
    requests, failures = sum(each.requests for each in parts), sum(each.failures for each in parts)
    ended = float(sum(each.ended for each in parts))
    if not requests:
        return Statistics(0, failures, None, ended, None, None, None, *_UNKNOWN.values())
    times = [each for each in parts if each.requests]
    return Statistics(
        requests,
        failures,
        failures / requests,
        ended,
        sum(each.took_us for each in times) / requests / 1000,
        min(each.min_us for each in times) / 1000,
        max(each.max_us for each in times) / 1000,
        *_UNKNOWN.values(),
    )


def breakdown_of_sums(parts: Sequence[SecondSums]) -> Breakdown:
    """Of a second of which only sums are known."""
    opened, shakes = sum(each.opened for each in parts), sum(each.handshakes for each in parts)
    return Breakdown(
        connections=opened,
        connect_avg_ms=sum(each.connect_us for each in parts) / opened / 1000 if opened else None,
        tls_avg_ms=sum(each.tls_us for each in parts) / shakes / 1000 if shakes else None,
        not_started=sum(each.not_started for each in parts),
    )


def breakdown(totals: RequestTotals) -> Breakdown:
    """Where the time of the requests went. None where the records do not contain it.

    `outside` compares means over the same requests, or nearly: it is known where the server reported its time for
    95 % of them. `waiting` is known where the service time of every request that was sent is.
    """
    service, server = totals.service, totals.server
    if not service.count:
        return Breakdown(not_started=totals.not_started) if totals.not_started else NO_BREAKDOWN
    in_service = percentiles_ms(service)
    service_us, server_us = service.sum_us / service.count, server.mean_us()
    outside_us = None
    if server_us is not None and server.count >= _SERVER_TIMES_SHARE * service.count:
        outside_us = max(service_us - server_us, 0.0)  # both are rounded, and server times may be a little longer
    waiting_us = None
    if service.count == totals.sent:
        set_up_us = totals.connects.sum_us + totals.tls.sum_us
        waiting_us = (totals.times.sum_us - totals.not_started_us - set_up_us - service.sum_us) / totals.sent
    return Breakdown(
        service_avg_ms=service_us / 1000,
        service_p50_ms=in_service["p50_ms"],
        service_p95_ms=in_service["p95_ms"],
        server_told=server.count,
        server_avg_ms=as_ms(server_us),
        server_p95_ms=percentiles_ms(server)["p95_ms"],
        outside_avg_ms=as_ms(outside_us),
        waiting_avg_ms=None if waiting_us is None else max(waiting_us, 0.0) / 1000,
        connections=totals.connects.count,
        connect_avg_ms=as_ms(totals.connects.mean_us()),
        tls_avg_ms=as_ms(totals.tls.mean_us()),
        not_started=totals.not_started,
    )


def as_ms(value_us: float | None) -> float | None:
    """µs as ms; None stays None."""
    return None if value_us is None else value_us / 1000


def percentiles_ms(times: Histogram) -> Mapping[str, float | None]:
    """Every percentile of Statistics by its field's name, in their order; None where there are too few samples."""
    if times.count < _FEWEST:
        return _UNKNOWN
    wanted = [name for name, needed in _NEEDED.items() if times.count >= needed]
    found = times.percentiles_us(PERCENTILES[name] for name in wanted)
    return dict(_UNKNOWN) | {name: as_ms(value_us) for name, value_us in zip(wanted, found, strict=True)}
