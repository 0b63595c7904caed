"""The logins of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from perfsuite.model.monitor import Reading

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


def server_cpu_percent(logins: Logins, readings: Iterable[Reading]) -> float | None:
    """What the server used of a core while these logins went on, mean; None where that was not monitored.

    A reading at T is of the second that ends at T.
    """
    ended_at = math.inf if logins.ended_at is None else logins.ended_at
    known = [
        reading.value
        for reading in readings
        if reading.metric == SERVER_CPU and reading.value is not None and logins.began_at < reading.at_s <= ended_at
    ]
    return math.fsum(known) / len(known) if known else None
