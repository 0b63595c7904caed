"""Whether what a target reports as its own time can be used, over the whole run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Requests, Times
from perfsuite.model import Remark, ServerTimes
from perfsuite.summary.tally import histogram_of_all
from perfsuite.target.exchange import SERVER_TIME_HEADERS

MOST_IGNORED_SHARE = 0.01
"""With more answers than these whose time cannot be, the times of the others are not to be trusted either: whatever
makes it (a wrong unit, a cache that repeats old headers) may hide among them."""
ZEROS_SHARE = 0.5
"""A clock that shows 0 for so many answers is too coarse for them, or measures nothing."""
_TOLERANCE_US = 1000


def server_times(requests: Mapping[int, Sequence[Requests]], remarks: Iterable[Remark]) -> ServerTimes:
    """How many answers reported the server's own time, and whether these times are used."""
    about = tuple(remark for remark in remarks if remark.about in SERVER_TIME_HEADERS)
    records = [record for of_second in requests.values() for record in of_second if record.server.counts]
    server = histogram_of_all([record.server for record in records])
    ignored = sum(remark.count for remark in about)
    reported = server.count + ignored
    if ignored > MOST_IGNORED_SHARE * reported:
        return ServerTimes(reported, ignored, used=False)
    zeros = server.counts.get(0, 0)
    if zeros and zeros >= ZEROS_SHARE * server.count:
        return ServerTimes(reported, ignored, used=False, zeros=zeros)
    return ServerTimes(reported, ignored, used=_can_be(server, [record.service for record in records]))


def _can_be(server: Histogram, service: Sequence[Times]) -> bool:
    """Against files of before, which hold what was reported as it came."""
    server_us, service_us = server.mean_us(), histogram_of_all(service).mean_us()
    if server_us is None or service_us is None:
        return True
    return server_us <= service_us + _TOLERANCE_US


def without_server_times(requests: Mapping[int, Sequence[Requests]]) -> dict[int, list[Requests]]:
    """The same requests, as if no answer had reported the server's time."""
    return {
        second: [msgspec.structs.replace(record, server=Times()) for record in records]
        for second, records in requests.items()
    }


def remarks_of(requests: Mapping[int, Sequence[Requests]]) -> tuple[Remark, ...]:
    """All remarks of a run by what they are about and why, the most frequent first; the earliest is the example."""
    found: dict[tuple[str, str], Remark] = {}
    for second in sorted(requests):
        for record in requests[second]:
            for remark in record.remarks:
                known = found.get((remark.about, remark.why))
                example, count = (known.example, known.count) if known else (remark.example, 0)
                found[remark.about, remark.why] = Remark(remark.about, remark.why, example, count + remark.count)
    return tuple(sorted(found.values(), key=lambda remark: (-remark.count, remark.about, remark.why)))
