"""The records that make a run's figures: older files are completed, impossible server times are left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Requests, Times
from perfsuite.measurements.totals import Due, requests_in, values_in
from perfsuite.model import Remark, ServerTimes
from perfsuite.target.exchange import SERVER_TIME_HEADERS

MOST_IGNORED_SHARE = 0.01
"""If more answers than this report an impossible time, the others are not trusted either: the same cause (a wrong unit,
a cache that repeats old headers) may affect them unseen."""
ZEROS_SHARE = 0.5
"""A clock that shows 0 for this share of the answers is too coarse, or measures nothing."""
_TOLERANCE_US = 1000


def due_by_second(aggregate: Aggregate, times: ServerTimes) -> dict[int, list[Due]]:
    """All that was due, by second or minute that was rolled up, without server times where they are not used.

    Requests that were refused because a token had expired are not among them: they were sent again. In files that do
    not say when requests ended, they end when they were due.
    """
    changes = _missing_ends(aggregate)
    due: dict[int, list[Due]] = defaultdict(list)
    for number, second in aggregate.parts():
        for record in second.requests:
            if changes or (not times.used and record.server.counts):
                record = _changed(record, changes, keep_server=times.used)
            if record.ok.counts or record.failed.counts or record.ended:
                due[number].append(record)
        if second.not_started:
            due[number] += second.not_started
    return due


def _missing_ends(aggregate: Aggregate) -> frozenset[str]:
    """What older files do not record: when requests ended, and which of those that did had failed."""
    totals = aggregate.by_role.values()
    ended, failed = any(each.ended for each in totals), any(each.ended_failed for each in totals)
    sent_failed = any(each.failures > each.not_started for each in totals)
    return frozenset(["ended"] * (not ended) + ["ended_failed"] * (sent_failed and not failed))


def _changed(record: Requests, changes: frozenset[str], *, keep_server: bool) -> Requests:
    return msgspec.structs.replace(
        record,
        ended=requests_in(record) if "ended" in changes else record.ended,
        ended_failed=values_in(record.failed) if "ended_failed" in changes else record.ended_failed,
        server=record.server if keep_server else Times(),
    )


def server_times(aggregate: Aggregate, remarks: Iterable[Remark]) -> ServerTimes:
    """How many answers of the run reported the server's own time, and whether these times are used."""
    ignored = sum(remark.count for remark in remarks if remark.about in SERVER_TIME_HEADERS)
    totals = aggregate.by_role.values()
    known = sum(each.server_times for each in totals)
    reported = known + ignored
    if ignored > MOST_IGNORED_SHARE * reported:
        return ServerTimes(reported, ignored, used=False)
    zeros = sum(each.server_zeros for each in totals)
    if zeros and zeros >= ZEROS_SHARE * known:
        return ServerTimes(reported, ignored, used=False, zeros=zeros)
    return ServerTimes(reported, ignored, used=not known or _can_be(aggregate))


def _can_be(aggregate: Aggregate) -> bool:
    """For older files, which hold every reported time, possible or not."""
    server_us = service_us = server = service = 0
    for _number, second in aggregate.parts():
        for record in second.requests:
            if record.server.counts:
                server_us, service_us = server_us + record.server.sum_us, service_us + record.service.sum_us
                server, service = server + values_in(record.server), service + values_in(record.service)
    return not service or server_us / server <= service_us / service + _TOLERANCE_US


def remarks_of(aggregate: Aggregate) -> tuple[Remark, ...]:
    """All remarks of a run by what they are about and why, the most frequent first; the earliest is the example."""
    found: dict[tuple[str, str], Remark] = {}
    for _number, second in sorted(aggregate.parts(), key=lambda part: part[0]):
        for record in second.requests:
            for remark in record.remarks:
                known = found.get((remark.about, remark.why))
                example, count = (known.example, known.count) if known else (remark.example, 0)
                found[remark.about, remark.why] = Remark(remark.about, remark.why, example, count + remark.count)
    return tuple(sorted(found.values(), key=lambda remark: (-remark.count, remark.about, remark.why)))
