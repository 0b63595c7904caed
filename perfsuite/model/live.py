"""Where a run stands while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from perfsuite.model.monitor import Reading
from perfsuite.model.summary import Statistics
from perfsuite.model.verdict import TargetResult


@dataclass(frozen=True, slots=True)
class LiveLine:
    """One role or one operation over the last seconds; `avg_ms` is None without a request."""

    name: str
    requests: int
    avg_ms: float | None
    failures: int


@dataclass(frozen=True, slots=True)
class LiveFailure:
    """Requests of one operation that failed alike, since the start."""

    operation: str
    kind: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class LiveState:
    """Where a run stands, for the live view and the stop conditions.

    `statistics` cover the steady state so far, or everything since the start while there is none
    (`steady` tells which); `rps_now`, `p95_now_ms` and `avg_now_ms` the last five whole seconds.
    """

    phase: str
    elapsed_s: float
    total_s: float
    users: dict[str, int]
    users_requested: int
    rps_now: float
    p95_now_ms: float | None
    statistics: Statistics
    steady: bool
    requests: int
    failures: int
    unanswered_s: int
    """Length of the unbroken stretch of seconds, up to now, in which no request got any HTTP answer."""
    avg_now_ms: float | None = None
    roles: tuple[LiveLine, ...] = ()
    """Over the last 30 s, in the order of the plan."""
    operations: tuple[LiveLine, ...] = ()
    """Over the last 30 s, the slowest first."""
    failed: tuple[LiveFailure, ...] = ()
    """The most frequent first; of many, the first ten."""
    ok: Statistics | None = None
    """`statistics` as targets judge them, see Summary.totals_ok; None where they are the same."""


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """All that is shown of a run while it goes on, once a second: on the terminal, as a page, to Prometheus.

    `readings`: metric → its latest reading, gaps too; empty where nothing is watched.
    """

    run_id: str
    scenario: str
    host: str
    live: LiveState
    targets: tuple[TargetResult, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
