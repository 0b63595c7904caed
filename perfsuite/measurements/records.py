"""The records that everything else is made from.

Records only ever add: two of the same second and operation are summed, whatever their order and process.

Schema history
    1   first layout
    2   response time apart from service time, server's time, connections, arrivals, think times, lost workers;
        later on `beginnings` of actions, `span_s`, `sent_bytes`, `received_bytes`, `throttled_rate` and `limit_cores`
        of a process, `remarks`, `waited`, `ended_failed` and `expired` of requests, and `logging_in` of users, which
        readers of 2 may pass over
    3   errors of the suite itself; requests counted where they are sent; later on `retries` of requests and of a
        process, `connections`, `no_answer` and `send_lag` of a process, and `slowest` of requests, which readers of 3
        may pass over
    4   processes that join, and a ledger of what each of them sent; the records of several processes merged to those of
        the worker "all"; later on `done` of the end of a process, which readers of 4 may pass over
    5   requests in flight, of a search for the capacity
    6   checks of correctness
"""

from __future__ import annotations

from typing import Any

import msgspec

from perfsuite.measurements.check_ended import CheckEnded
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.slowest import SlowRequest
from perfsuite.messages import text_of
from perfsuite.model import Remark

SCHEMA = 6

MERGED = "all"
"""The worker of a record that several processes share (`perfsuite.measurements.merge`)."""


# gc=False: records hold no cycles, and a run has hundreds of thousands of them. Looking through them for some took half
# of the time of reading a file.


class Times(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A histogram as the file keeps it: bucket number → count, and the exact sum, minimum, maximum (µs)."""

    counts: dict[int, int] = {}
    sum_us: int = 0
    min_us: int = 0
    max_us: int = 0


class ErrorCount(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How often one error happened within a record, with one request id to look for in the server's log.

    `ordinals`: the number of each of them in the order in which requests ended in this process. Only for the first
    1,000 of each message; [] in older files.
    """

    kind: str
    message: str
    count: int
    request_id: str
    ordinals: list[int] = []


class Requests(msgspec.Struct, frozen=True, gc=False, tag="requests", tag_field="kind", omit_defaults=True):
    """Requests of one process, role, behaviour and operation that were **due** in one UTC second.

    Due is when the user wanted to send: in the closed model the send itself, in the open model the intended start of
    the action for its first request. `ok` and `failed` are response times (from due to the last byte) and disjoint: the
    time of a request is in exactly one of them. `service` is the same for all of them from the send on, connecting left
    out; `server` the server's own time where it reported one; `connects` and `tls` the set-up of connections that these
    requests had to open. `ended` counts requests, whenever due, that got their end in this second, `ended_failed` those
    of them that failed: throughput is made from both. `remarks`: what answers reported and was not used, such as
    impossible server times. `waited`: of the times in `failed` those that targets judge, since the user waited in vain
    (`perfsuite.model.failures.stays_in`); None where nothing failed, and in older files, which do not record it.
    `expired` counts requests besides all these that were refused because the token had expired; each was sent again
    after a login and is then among the others. `retries`: how many were repeated, since the target closed the idle
    connection that they were sent over; both times have one request id. `slowest`: those of the ten slowest that are
    not displaced by earlier ones (`perfsuite.measurements.slowest`), the slowest first.
    """

    worker: str
    sequence: int
    second: int
    role: str
    behaviour: str
    operation: str
    ok: Times = Times()
    failed: Times = Times()
    errors: list[ErrorCount] = []
    service: Times = Times()
    server: Times = Times()
    connects: Times = Times()
    tls: Times = Times()
    ended: int = 0
    remarks: list[Remark] = []
    waited: Times | None = None
    ended_failed: int = 0
    expired: int = 0
    retries: int = 0
    slowest: list[SlowRequest] = []


class NotStarted(msgspec.Struct, frozen=True, gc=False, tag="not_started", tag_field="kind"):
    """Actions of the open model that were due in one UTC second and never began.

    `operation` is the first of the behaviour; `waited` how long they had been due when they were given up.
    """

    worker: str
    sequence: int
    second: int
    role: str
    behaviour: str
    operation: str
    waited: Times


class Arrivals(msgspec.Struct, frozen=True, gc=False, tag="arrivals", tag_field="kind"):
    """Open model, one process and UTC second: actions that were due, those of them that began, and how late.

    `beginnings` counts actions, whenever due, that began in this second; 0 everywhere in older files.
    """

    worker: str
    sequence: int
    second: int
    due: int
    begun: int
    lag: Times
    waiting: int
    beginnings: int = 0


class WorkerLost(msgspec.Struct, frozen=True, tag="worker_lost", tag_field="kind"):
    """A load process died or fell silent. `users`: how many it had; `placed`: how many of them the others took."""

    worker: str
    sequence: int
    lost: str
    at: float
    users: int
    reason: str
    placed: int | None = None
    """None in older files, which do not record it."""


class WorkerJoined(msgspec.Struct, frozen=True, tag="worker_joined", tag_field="kind"):
    """A load process joined the run. `at`: UTC epoch, s; `spare`: it waits for users that another one loses.

    `clock_offset_ms`: how far its clock is ahead of that of the master, known to within `clock_uncertainty_ms`; None
    where it was not measured.
    """

    worker: str
    sequence: int
    joined: str
    host: str
    pid: int
    at: float
    spare: bool = False
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None


class WorkerRefused(msgspec.Struct, frozen=True, tag="worker_refused", tag_field="kind"):
    """A process that wanted to take part and may not. `host` and `pid`: "" and 0 where it could not even say them."""

    worker: str
    sequence: int
    host: str
    pid: int
    at: float
    why: str


class Ledger(msgspec.Struct, frozen=True, tag="ledger", tag_field="kind"):
    """What one load process sent, and what arrived and is in this file; written at the end.

    `sent`: batches by its own word, None if it was lost before it could say; `received`: those that arrived, each
    counted once; `duplicates`: those that arrived again. `requests`: counted in what arrived, refused and repeated ones
    (`expired`) included; `said_requests`: by its own word; `first` and `last`: UTC seconds in which they were due.
    `lost_records`: records that are missing by their numbers. The clock is as in `WorkerJoined`, at its worst.
    """

    worker: str
    sequence: int
    of: str
    host: str
    sent: int | None
    received: int
    duplicates: int
    requests: int
    said_requests: int | None
    first: int | None
    last: int | None
    lost: bool = False
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None
    lost_records: int = 0


class Actions(msgspec.Struct, frozen=True, gc=False, tag="actions", tag_field="kind", omit_defaults=True):
    """Actions (one behaviour done once) that were due in one UTC second.

    `times` run from due to the last answer, without the think time; `pauses` counts the pauses (from the end
    of an action to the beginning of the same user's next one) that began in this second, `pause_us` their sum.
    """

    worker: str
    sequence: int
    second: int
    role: str
    behaviour: str
    actions: int
    succeeded: int
    times: Times = Times()
    pauses: int = 0
    pause_us: int = 0


class NotPossible(msgspec.Struct, frozen=True, gc=False, tag="not_possible", tag_field="kind"):
    """Operations that were not possible because the target has no data for them: neither success nor failure.

    `why`: what they need, and what the target answered when asked for that; "" in older files.
    """

    worker: str
    sequence: int
    second: int
    role: str
    behaviour: str
    operation: str
    count: int
    why: str = ""


class Users(msgspec.Struct, frozen=True, gc=False, tag="users", tag_field="kind"):
    """Virtual users alive in one process at the end of one UTC second, by role.

    `logging_in`: how many of them have not ended the login that they begin with; 0 in older files.
    """

    worker: str
    sequence: int
    second: int
    by_role: dict[str, int]
    logging_in: int = 0


class Generator(msgspec.Struct, frozen=True, gc=False, tag="generator", tag_field="kind"):
    """Health of one load process in one UTC second, or in the `span_s` seconds that end with it: a process that
    is busy reports late, and then soon again.

    CPU (100 = one core), lag of its event loop, memory, pauses of the garbage collector. `waited_percent`: share of
    the time in which it wanted a core and had to wait for one; None where the system does not report it. CPU and
    waiting together near 100 is a saturated generator, however little of the core it was given. `sent_bytes` and
    `received_bytes` of HTTP, heads and bodies, in that time; None in older files. `throttled_rate`: share of the
    periods of its CPU limit (control groups) in which that stopped it, `limit_cores` what the limit allows; None
    without a limit. `connections`: how many were opened, by address; `no_answer`: how long attempts waited in vain.
    `send_lag`: how late sends began that were scheduled by think times or, in the open model, due times; empty in older
    files. `held_back_s`: how long requests waited, since the process did not hear its master.
    """

    worker: str
    sequence: int
    second: int
    cpu_percent: float
    loop_lag: Times
    memory_bytes: int
    gc_pauses: Times = Times()
    waited_percent: float | None = None
    span_s: float = 1.0
    sent_bytes: int | None = None
    received_bytes: int | None = None
    throttled_rate: float | None = None
    limit_cores: float | None = None
    connections: dict[str, int] = {}
    no_answer: dict[str, Times] = {}
    send_lag: Times = Times()
    held_back_s: float = 0.0


class InFlight(msgspec.Struct, frozen=True, gc=False, tag="in_flight", tag_field="kind"):
    """What one process waited for at the end of one UTC second, in a search for the capacity.

    `requests`: due second, role, operation, and how many of these are due and have not ended. An action of the open
    model that has not begun counts as the first request that it will send.
    """

    worker: str
    sequence: int
    second: int
    requests: list[tuple[int, str, str, int]]


class Phase(msgspec.Struct, frozen=True, omit_defaults=True, tag="phase", tag_field="kind"):
    """The run entered a phase: "ramp-up", "plateau" (all users started), "ramp-down" or "end". `at`: UTC epoch, s.

    Of a scenario with stages: "stage" where one begins, and "plateau" when all users of it are there.
    """

    worker: str
    sequence: int
    name: str
    at: float
    stage: str = ""


class SuiteErrors(msgspec.Struct, frozen=True, tag="suite_errors", tag_field="kind"):
    """Errors of the suite itself in one process since its last record of them, of one place and message.

    `log`: the file in the run's folder with the traceback of the first, "" without one. `ends_load`: the load cannot go
    on without the part that died.
    """

    worker: str
    sequence: int
    place: str
    message: str
    count: int
    log: str = ""
    ends_load: bool = False


class RawSampleState(msgspec.Struct, frozen=True, tag="raw_samples", tag_field="kind"):
    """With `--raw-samples`: the file of all requests of a process, every second and at its end.

    `written` and `left_out`: requests so far that are in the file, and that are not since it ended early; `why`: it
    did, "" if not. `whole`: the process has ended, and so has the file.
    """

    worker: str
    sequence: int
    file: str
    written: int
    left_out: int = 0
    why: str = ""
    whole: bool = False


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind"):
    """Last record of a process: what it recorded beside what Locust counted, and how it ended.

    `sent`: requests counted where they are sent, without the recorder; None in older files. `unrecorded`: of these, the
    ones for which recording raised an error, so that they are in no other record. `retries`: how many were repeated.
    `done`: users that had made all their iterations.
    """

    worker: str
    sequence: int
    recorded: int
    locust_total: int
    reason: str
    sent: int | None = None
    unrecorded: int = 0
    retries: int = 0
    done: int = 0


Record = (
    Requests
    | NotStarted
    | Arrivals
    | Actions
    | NotPossible
    | Users
    | Generator
    | InFlight
    | CheckEnded
    | Phase
    | WorkerJoined
    | WorkerRefused
    | WorkerLost
    | Ledger
    | SuiteErrors
    | RawSampleState
    | End
)

encoder = msgspec.json.Encoder(enc_hook=text_of)
decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def times_of(histogram: Histogram) -> Times:
    """The file's form of a histogram."""
    return Times(dict(histogram.counts), histogram.sum_us, histogram.min_us, histogram.max_us)


def histogram_of(times: Times) -> Histogram:
    """The histogram kept in a record."""
    return Histogram(dict(times.counts), sum(times.counts.values()), times.sum_us, times.min_us, times.max_us)


def to_json(value: Any) -> bytes:
    """Any record of the suite (dataclass or struct) as indented JSON, for the files of a run."""
    return msgspec.json.format(encoder.encode(value), indent=2) + b"\n"
