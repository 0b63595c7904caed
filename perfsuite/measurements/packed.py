"""Records on their way from a worker to the master: small, and quickly merged with those of many others.

Nearly all records of a load are of requests that were answered right over open connections, and of actions. Their
times are packed. All else travels as it is.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from perfsuite.measurements.records import Actions, Record, Requests, Times
from perfsuite.measurements.slowest import SlowRequest

BYTES_PER_VALUE = 2
MANY_VALUES = 1_000
"""From here on NumPy counts them more quickly."""
_NO_TIMES = Times()


class PackedTimes(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A histogram. `values`: the bucket of each value, in two bytes, the lower one first."""

    values: bytes
    sum_us: int
    min_us: int
    max_us: int


class PackedRequests(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """`Requests`. `service`: None where it is `ok`. `rest`: what is in no other field; None where that is nothing."""

    sequence: int
    second: int
    series: int
    """Place of role, behaviour and operation in `Packed.series`."""
    ended: int
    ok: PackedTimes
    server: PackedTimes
    slowest: list[SlowRequest] = []
    service: PackedTimes | None = None
    rest: Requests | None = None


class PackedActions(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`Actions`."""

    sequence: int
    second: int
    series: int
    actions: int
    succeeded: int
    times: PackedTimes
    pauses: int
    pause_us: int


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """Records of one worker. `series`: role, behaviour and operation, "" for actions."""

    worker: str
    series: list[tuple[str, str, str]]
    requests: list[PackedRequests]
    actions: list[PackedActions]
    others: list[Record]


def pack(records: Iterable[Record]) -> Packed:
    """All records of one worker, each once."""
    series: dict[tuple[str, str, str], int] = {}
    worker, requests, actions, others = "", [], [], []
    for one in records:
        if type(one) is Requests:
            place = series.setdefault((one.role, one.behaviour, one.operation), len(series))
            requests.append(pack_requests(one, place))
            worker = one.worker
        elif type(one) is Actions:
            place = series.setdefault((one.role, one.behaviour, ""), len(series))
            counts = one.actions, one.succeeded, pack_times(one.times), one.pauses, one.pause_us
            actions.append(PackedActions(one.sequence, one.second, place, *counts))
            worker = one.worker
        else:
            others.append(one)
    return Packed(worker, list(series), requests, actions, others)


def pack_requests(one: Requests, series: int = 0) -> PackedRequests:
    """The same record. `series`: see PackedRequests."""
    return PackedRequests(
        one.sequence,
        one.second,
        series,
        one.ended,
        pack_times(one.ok),
        pack_times(one.server),
        one.slowest,
        None if one.service == one.ok else pack_times(one.service),
        _rest(one),
    )


def _rest(one: Requests) -> Requests | None:
    times = one.failed.counts, one.connects.counts, one.tls.counts
    counts = one.ended_failed, one.expired, one.retries
    if one.waited is None and not any((*times, *counts, one.errors, one.remarks)):
        return None
    none = _NO_TIMES
    return msgspec.structs.replace(one, ok=none, server=none, service=none, ended=0, slowest=[])


def unpack(packed: Packed) -> list[Record]:
    """The records that were packed, in the order of their numbers."""
    records = [*packed.others]
    for one in packed.requests:
        ok = unpack_times(one.ok)
        service = ok if one.service is None else unpack_times(one.service)
        key = one.second, *packed.series[one.series]
        rest = one.rest or Requests(packed.worker, one.sequence, *key)
        parts = {"ok": ok, "service": service, "server": unpack_times(one.server)}
        records.append(msgspec.structs.replace(rest, **parts, ended=one.ended, slowest=one.slowest))
    for each in packed.actions:
        role, behaviour, _operation = packed.series[each.series]
        head = packed.worker, each.sequence, each.second, role, behaviour, each.actions, each.succeeded
        records.append(Actions(*head, unpack_times(each.times), each.pauses, each.pause_us))
    return sorted(records, key=lambda record: record.sequence)


def pack_times(times: Times) -> PackedTimes:
    """The same histogram."""
    counts = times.counts
    values = array("H", counts)
    if sum(counts.values()) != len(values):
        values.extend([bucket for bucket, number in counts.items() if number > 1 for _more in range(number - 1)])
    if sys.byteorder == "big":
        values.byteswap()
    return PackedTimes(values.tobytes(), times.sum_us, times.min_us, times.max_us)


def unpack_times(times: PackedTimes) -> Times:
    """The same histogram."""
    return Times(counted([times.values]), times.sum_us, times.min_us, times.max_us) if times.values else _NO_TIMES


def counted(values: Sequence[bytes]) -> dict[int, int]:
    """Bucket → how many of the values of some histograms lie in it."""
    together = b"".join(values)
    if len(together) >= BYTES_PER_VALUE * MANY_VALUES:
        import numpy as np  # takes memory and a tenth of a second; only where many workers report

        counts: Any = np.bincount(np.frombuffer(together, "<u2"))
        buckets = np.flatnonzero(counts)
        return dict(zip(buckets.tolist(), counts[buckets].tolist(), strict=True))
    places = array("H", together)
    if sys.byteorder == "big":
        places.byteswap()
    return dict(Counter(places))
