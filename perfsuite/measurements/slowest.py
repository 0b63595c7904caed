"""The slowest requests: the ten slowest of each operation and second, and which of them are worth writing down.

The steady state is a span of whole seconds that is only known at the end. The ten slowest of each second are therefore
enough for any span, but many. Once the users of a process have started and logged in, a request is written only if it
can be among the ten slowest of a steady state that has begun by then: not if ten slower ones of the same operation,
due no later, are written already. This begins anew after 15, 30, 60, 120 s …, and when users log in again.

So the file grows by at most ten requests per operation, process and second; in a steady state by about
10 · (1 + ln(n / 10)) from one beginning to the next, with n requests of an operation. Only where a process is settled
more than 15 s before the steady state begins, since another one is slower, a request can be missing: one that ten
slower ones preceded between the last beginning and the steady state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop

import msgspec

from perfsuite.model.sample import Sample

KEPT = 10
"""Slowest requests of each operation."""
SETTLED_AFTER_S = 15
"""The settling time of a steady state (5 s), and as much as processes may differ in when their users are ready."""
_FIRST_SPAN_S = 15

Key = tuple[int, str, str, str]


class SlowRequest(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A slow request. Response time = waiting + connect + tls + service; `server` is part of the service time.

    `due_us`: after the beginning of the second in which it was due. `status`: 0 without an answer. `failure`: kind of
    the failure, "" where it succeeded. None: did not happen, or is not known.
    """

    response_us: int
    due_us: int
    request_id: str
    status: int
    service_us: int
    server_us: int | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    failure: str = ""


Entry = tuple[int, int, Sample, str]
"""Response time, an order of those with the same (unique), the request, and the kind of its failure."""


class SlowestOfSecond:
    """The ten slowest requests of one operation in one second."""

    __slots__ = ("above_us", "entries")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        """A heap."""
        self.above_us = -1
        """Only a request that took longer is among them. Asked for each request, before anything else is done."""

    def add(self, entry: Entry) -> None:
        """Keep it, and drop the fastest of eleven. Of those with the same time the highest order stays."""
        entries = self.entries
        if len(entries) == KEPT:
            heappushpop(entries, entry)
            self.above_us = entries[0][0]
        else:
            heappush(entries, entry)


def _request(entry: Entry) -> SlowRequest:
    response_us, _order, sample, failure = entry
    times = (sample.service_us, sample.server_us, sample.connect_us, sample.tls_us)
    due_us = us_within(sample.was_due_at)
    return SlowRequest(response_us, due_us, sample.request_id, sample.status, *times, failure)


def us_within(at: float) -> int:
    """µs from the beginning of its second to a UTC time (epoch s)."""
    return int(at % 1 * 1e6)


def slowest_of(requests: Iterable[tuple[int, SlowRequest]]) -> list[tuple[int, SlowRequest]]:
    """The ten slowest of these, with the second in which each was due; the slowest first."""
    ordered = sorted(requests, key=lambda one: (-one[1].response_us, one[0], one[1].due_us, one[1].request_id))
    return ordered[:KEPT]


def slowest_of_second(second: int, many: Iterable[Iterable[SlowRequest]]) -> list[SlowRequest]:
    """The ten slowest of these, all due in one second; the slowest first."""
    requests = [request for some in many for request in some]
    if len(requests) > KEPT:
        # Cheaply first: a master has those of all its workers.
        limit_us = sorted([request.response_us for request in requests])[-KEPT]
        requests = [request for request in requests if request.response_us >= limit_us]
    return [request for _second, request in slowest_of((second, request) for request in requests)]


class SlowestSoFar:
    """What one process has handed over, as far as it decides what to hand over next."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
        """By role, behaviour and operation: heap of response time and second of the ten slowest."""
        self._since: int | None = None
        """Requests due before this second displace no others; None: nothing is displaced."""
        self._users = 0
        self._settled_at = 0
        self._anew_at = 0

    def turn(self, second: int, users: int, logging_in: int) -> None:
        """What ended with `second` is about to be handed over; so many users are alive and in their first login."""
        if users > self._users or logging_in:
            self._settled_at = second + SETTLED_AFTER_S
        self._users = users
        if second < self._settled_at:
            self._since = None
        elif self._since is None or second >= self._anew_at:
            self._since = second
            self._anew_at = second + max(second - self._settled_at, _FIRST_SPAN_S)
            self._known.clear()

    def new(self, key: Key, entries: Sequence[Entry]) -> list[SlowRequest]:
        """Those of the slowest of a second that are to be handed over, the slowest first."""
        ordered = sorted(entries, reverse=True)
        if self._since is None or not ordered:
            return [_request(entry) for entry in ordered]
        second, known, found = key[0], self._known.setdefault(key[1:], []), []
        for entry in ordered:
            response_us = entry[0]
            if len(known) == KEPT and known[0][0] >= response_us and all(at <= second for _us, at in known):
                break
            found.append(_request(entry))
            if second >= self._since:
                (heappushpop if len(known) == KEPT else heappush)(known, (response_us, second))
        return found
