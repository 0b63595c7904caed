"""Minute roll-ups: of a long run, whole minutes take the place of the records of their seconds.

What is added up over a period needs no seconds: histograms, counts and failures of a minute become one record of each
role, behaviour and operation. What is judged second by second (outages, findings, trends) keeps its sums by second.
Minutes at a border of a period, those in which users log in, and the first and last ones stay as they are, so that no
minute belongs to two periods. Nothing is lost but the percentiles of a single second.

The roll-ups of a long run are written while it goes on. They repeat the measurements: where they are missing or not
whole, they are made anew from these.
"""

from __future__ import annotations

import math

import msgspec

from perfsuite.measurements.records import Actions, NotPossible, NotStarted, Record, Requests
from perfsuite.model.periods import MINUTE_S

LONG_S = 2_400
"""Runs that are longer are rolled up."""


class SecondSums(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """All that was due in one second of a minute, actions that never began included; `ended`: what ended in it.

    `errors`: kind, message, and how many.
    """

    second: int
    requests: int
    failures: int
    ended: int
    took_us: int
    min_us: int
    max_us: int
    not_started: int
    opened: int
    connect_us: int
    handshakes: int
    tls_us: int
    errors: list[tuple[str, str, int]]


class OperationSums(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What was due of one role and operation, in those seconds of a minute in which something was."""

    role: str
    operation: str
    seconds: list[int]
    requests: list[int]
    took_us: list[int]


class MinuteFailures(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Failures of one role, operation, kind and message in a minute. `ordinals` as in `ErrorCount`."""

    role: str
    operation: str
    kind: str
    message: str
    count: int
    first: int
    last: int
    request_id: str
    request_second: int
    ordinals: list[int]


class Minute(msgspec.Struct, frozen=True, tag="minute", tag_field="kind"):
    """One minute. Its requests and actions have its first second; of the slowest ones `due_us` counts from there.

    `numbers`: process → the lowest and the highest number of its records in it, and how many they are.
    """

    second: int
    requests: list[Requests]
    actions: list[Actions]
    not_started: list[NotStarted]
    not_possible: list[NotPossible]
    failures: list[MinuteFailures]
    operations: list[OperationSums]
    seconds: list[SecondSums]
    numbers: dict[str, tuple[int, int, int]]


Rolled = Record | Minute


def with_shared_times(record: Requests) -> Requests:
    """The same; response and service times that are equal, as most are, take their memory once."""
    return msgspec.structs.replace(record, service=record.ok) if record.service == record.ok else record


def minute_of(second: float) -> int:
    """The first second of its minute."""
    return math.floor(second) // MINUTE_S * MINUTE_S
