"""What a summary says besides figures: coverage, logins, outages, and values that were not used."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from perfsuite.model.monitor import Reading
from perfsuite.model.readings import of_metrics


@dataclass(frozen=True, slots=True)
class UserCounts:
    """Virtual users that were requested, and the most that were active at once. `done`: those that had made all their
    iterations at the end; None where the scenario has none."""

    requested: int
    peak: int
    by_role: dict[str, int]
    done: int | None = None


@dataclass(frozen=True, slots=True)
class Lack:
    """An operation that a role could not call, `times` times; `why`: "" where that is not known."""

    role: str
    operation: str
    why: str
    times: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the planned operations could be exercised. Entries read "role / operation"."""

    offered: int
    missing: tuple[str, ...]
    broken: tuple[str, ...]
    left_out: tuple[str, ...]
    not_possible: dict[str, int]
    """Operation → how often it could not be called because the target, or the run itself, had no data for it."""
    dead_behaviours: tuple[str, ...]
    differs: tuple[str, ...] = ()
    """"operation: in what its answers differ from the contract", each once."""
    lacking: tuple[Lack, ...] = ()
    """The same as `not_possible`, with role and reason. Empty in older files, which do not have them."""
    empty: tuple[str, ...] = ()
    """"role / GET /policies/ answered []": lists without a row, before the load."""
    left_out_because: dict[str, str] = field(default_factory=dict)
    """Why an entry of `left_out` is there; an entry without a reason writes, and the run is read-only."""
    planned: tuple[str, ...] = ()
    """All operations of the roles, logins too; roles that have no user since there are too few are among them."""
    not_exercised: tuple[str, ...] = ()
    """Those of `planned` that no request was sent of in the load, for whatever reason."""
    excluded: tuple[str, ...] = ()
    """Those of `planned` that the scenario leaves out."""

    @property
    def exercised(self) -> int:
        """How many of `planned` a request was sent of."""
        return len(self.planned) - len(self.not_exercised)


SERVER_CPU = "server.cpu_percent"


@dataclass(frozen=True, slots=True)
class Logins:
    """The logins with which the users of a run begin: `ramp_up` of them, sent until all users were logged in.

    Of these `failures` failed, `rate_limited` with HTTP 429. `began_at`: UTC second of the first; `ended_at`: UTC epoch
    s at which all users were logged in, None where they never were. `late`: users that were not when the steady state
    began. `steady_share_rate`: share of logins among the requests that ended in the steady state; None without any.
    `later`: logins sent after `ended_at`, which renew tokens. `outlasted_s`: for how long they went on after the last
    user was started; None where that never came.
    """

    ramp_up: int
    failures: int
    rate_limited: int
    avg_ms: float
    max_ms: float
    began_at: int
    ended_at: float | None
    late: int
    steady_share_rate: float | None
    later: int
    outlasted_s: float | None = None


def server_cpu_percent(logins: Logins, readings: Sequence[Reading]) -> float | None:
    """What the server used of a core while these logins went on, mean; None where that was not monitored.

    A reading at T is of the second that ends at T.
    """
    ended_at = math.inf if logins.ended_at is None else logins.ended_at
    known = [
        reading.value
        for reading in of_metrics(readings, SERVER_CPU.__eq__)
        if reading.value is not None and logins.began_at < reading.at_s <= ended_at
    ]
    return math.fsum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class OperationSeconds:
    """One role and operation in the seconds of minutes that were rolled up, in which something was due: UTC second,
    requests, and the sum of their times; a second may be there twice.
    """

    seconds: array[int] = field(default_factory=lambda: array("q"))
    requests: array[int] = field(default_factory=lambda: array("q"))
    took_us: array[int] = field(default_factory=lambda: array("q"))

    def extend(self, seconds: Iterable[int], requests: Iterable[int], took_us: Iterable[int]) -> None:
        """Add further seconds."""
        self.seconds.extend(seconds)
        self.requests.extend(requests)
        self.took_us.extend(took_us)


@dataclass(frozen=True, slots=True)
class Outage:
    """No request was answered by the target from `start` (UTC second) until before `end`; None: to the end of the load.

    `failed`: requests that were due in it and failed because the target did not answer; `message`: of most of them.
    """

    start: int
    end: int | None
    failed: int
    message: str


@dataclass(frozen=True, slots=True)
class SlowestRequest:
    """One of the slowest requests of its operation in the steady state. `due_at`: UTC epoch s.

    response = waiting + connect + tls + service, and service = server + outside. None: did not happen, or is not known.
    """

    role: str
    behaviour: str
    operation: str
    request_id: str
    """To be looked for in the server's log; "" where another client than the suite's sent it."""
    due_at: float
    status: int | None
    """None without an answer."""
    failure: str
    """The kind of failure; "" where it succeeded."""
    response_ms: float
    waiting_ms: float
    service_ms: float
    connect_ms: float | None = None
    tls_ms: float | None = None
    server_ms: float | None = None

    @property
    def outside_ms(self) -> float | None:
        """Service time without the server's: network, proxies, queues before the application."""
        return None if self.server_ms is None else max(self.service_ms - self.server_ms, 0.0)


@dataclass(frozen=True, slots=True)
class RawSampleFiles:
    """The files with every request of a run. `written`: requests in them; `left_out`: those that are not, and `why`.

    `whole`: every file has its end; one of a process that was killed has not.
    """

    files: tuple[str, ...]
    written: int
    left_out: int
    why: str
    whole: bool


@dataclass(frozen=True, slots=True)
class CutOff:
    """Requests of the steady state that still waited for their answer when the load ended: neither good nor bad."""

    role: str
    operation: str
    count: int


@dataclass(frozen=True, slots=True)
class AddressConnections:
    """Connections of the whole run to one address of the target, "10.0.0.1:443".

    `opened`: how many; `no_answer`: attempts that failed or were given up for another address, and how long these
    waited.
    """

    address: str
    opened: int
    no_answer: int = 0
    waited_avg_ms: float | None = None
    waited_max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Answers whose report was not used, in one group; or what the client noticed on the way.

    `about`: what is reported, such as "X-Process-Time"; `why`: the reason, the same for the whole group; `example`:
    what one of them reported; `count`: how many they are.
    """

    about: str
    why: str
    example: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class ServerTimes:
    """What answers reported as the server's own time, whole run.

    `reported`: answers that reported one; `ignored`: those of them whose time cannot be; `zeros`: those that reported
    0, where these are too many. Where it is not `used`, no figure of the server's time is made.
    """

    reported: int = 0
    ignored: int = 0
    used: bool = True
    zeros: int = 0


NO_SERVER_TIMES = ServerTimes()
"""No answer reported one."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Counts of the requests that were sent. None where a run lacks that count.

    `recorded`: those that are in the figures, unfinished ones included. `sent`: counted around the transport before
    each send, independently of the recorder; `unrecorded`: of these, those that recording raised an error for, so that
    they are in no other figure. `locust_total` comes from the same event as `recorded`, so that it only finds a fault
    between the event and the figures. `backend_log` is the target's own count, which only a demo has. `sent` and
    `locust_total` need the last record of every process.

    A repeated request counts once everywhere; `repeated` are those of the figures, `retries` those that the client
    counted. `never_left` failed on a limit of the load machine, and cannot be in the target's log.
    """

    recorded: int
    locust_total: int | None
    backend_log: int | None
    sent: int | None = None
    unrecorded: int = 0
    repeated: int = 0
    retries: int | None = None
    never_left: int = 0

    @property
    def accounted(self) -> int | None:
        """Requests that were sent and should be in the figures."""
        return None if self.sent is None else self.sent - self.unrecorded

    @property
    def differences(self) -> dict[str, int]:
        """By how much each known count differs from `recorded`; that of repetitions from `repeated`."""
        log = None if self.backend_log is None else self.backend_log + self.never_left
        counts = {"sent": self.accounted, "locust_total": self.locust_total, "backend_log": log}
        found = {name: count - self.recorded for name, count in counts.items() if count is not None}
        if self.retries is not None and not self.unrecorded:  # an unrecorded request may have been repeated
            found["retries"] = self.retries - self.repeated
        return found

    @property
    def agrees(self) -> bool:
        """True when every count that is known is the same."""
        return not any(self.differences.values())


@dataclass(frozen=True, slots=True)
class Aborted:
    """The stop rule that ended a run: `target` was missed over the `window_s` seconds before `at` (UTC second)."""

    target: str
    metric: str
    observed: float
    limit: float
    window_s: int
    at: int
