"""What went wrong at the target for some seconds or from some second on, whether the load felt it or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.band import RiseRule, rises
from perfsuite.findings.correlated import correlated_metrics
from perfsuite.findings.steady_state import OTHER_CPU
from perfsuite.format import change
from perfsuite.messages import Message
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import FULL_SCANS, LOOKUPS, ROWS_READ, SMOOTH_S, STATEMENTS, Flags, Track, middle, runs_of

BACKEND, TARGET = "backend process", "target"
GONE_S = 4
"""A part is gone when it gives no answer for so long; a single late answer may be due to the monitor."""
BLOCKED_S = 2
BLOCKED_FOR_S = 1.0
"""Sessions are blocked in so many samples on end, while a statement has run for so long: writers of the same rows
block each other for milliseconds in any healthy run."""
CPU_TAKEN_S = 15
MACHINE_FULL_PERCENT = 95.0
OTHERS_SHARE = 0.4
"""Other processes have at least this share of a machine that is full, for so long with pauses of a second at most."""
_WORK_WINDOW, _WORK_BEFORE = 12, 12
_NEAR_S = 5
"""A process that is gone so long before an outage or after it belongs to the same incident."""
_SHOWN_METRICS = 6

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class WorkPerRequest:
    """Work per request that may change its level: by `factor` at least, to a value of `least` or more.

    `sigmas`: rows are read in bursts, so they need a clearer change.
    """

    resource: str
    metric: str
    label: str
    factor: float
    least: float
    down: bool = False
    sigmas: float = 6.0


WORK = (
    WorkPerRequest("cache", LOOKUPS, "lookups in Redis per request", 3.0, 0.0, down=True),
    WorkPerRequest("queries per request", STATEMENTS, "database statements per request", 1.5, 2.0),
    WorkPerRequest("rows per request", FULL_SCANS, "reads of large tables from end to end, per request", 2.5, 0.3),
    WorkPerRequest("rows per request", ROWS_READ, "rows that the database read per request", 3.0, 1000.0, sigmas=9.0),
)
PARTS = (
    (BACKEND, "server.up", FindingMessage.BACKEND_GONE),
    ("PostgreSQL", "postgres.up", FindingMessage.NO_ANSWER),
    ("Redis", "redis.up", FindingMessage.NO_ANSWER),
)


def incidents(tracks: Mapping[str, Track]) -> list[Finding]:
    """In the order in which they are most significant."""
    return [*_gone(tracks), *_blocked(tracks), *_work(tracks), *_cpu_taken(tracks)]


def _gone(tracks: Mapping[str, Track]) -> Iterator[Finding]:
    for part, metric, code in PARTS:
        if metric not in tracks:
            continue
        track = tracks[metric]
        runs = runs_of(track.values == 0.0, GONE_S)
        if runs:
            at_s, when = _when(track, runs)
            row = Evidence(metric, "answers (1: yes, 0: none)", 1.0 if runs[0][0] else None, 0.0, "count", at_s)
            fields = {"when": when} if code is FindingMessage.BACKEND_GONE else {"part": part, "when": when}
            yield Finding(FindingKind.INCIDENT, code(**fields), part, at_s, evidence=(row,))


def _blocked(tracks: Mapping[str, Track]) -> Iterator[Finding]:
    name = next((name for name in ("postgres.blocked_sessions", "postgres.waits_lock") if name in tracks), None)
    if name is None:
        return
    track, longest = tracks[name], tracks.get("postgres.longest_query_s")
    runs = [
        (start, stop)
        for start, stop in runs_of(track.values >= 1.0, BLOCKED_S)
        if longest is None or np.nanmax(longest.values[start:stop], initial=0.0) >= BLOCKED_FOR_S
    ]
    if not runs:
        return
    start, stop = runs[0]
    most = float(np.nanmax(track.values[start:stop]))
    at_s, when = _when(track, runs)
    rows = [Evidence(name, "most sessions blocked by another session", _before(track, start), most, "count", at_s)]
    for metric, label in (
        ("postgres.longest_query_s", "longest statement"),
        ("postgres.longest_transaction_s", "longest transaction"),
    ):
        if metric in tracks:
            other = tracks[metric]
            worst = float(np.nanmax(other.values[start:stop], initial=0.0))
            rows.append(Evidence(metric, label, _before(other, start), worst, "s", at_s))
    headline = FindingMessage.BLOCKED(sessions=round(most), when=when)
    yield Finding(FindingKind.INCIDENT, headline, "locks", at_s, evidence=tuple(rows))


def _work(tracks: Mapping[str, Track]) -> Iterator[Finding]:
    for work in WORK:
        if work.metric not in tracks:
            continue
        track = tracks[work.metric]
        sign = -1.0 if work.down else 1.0
        offset = max(work.least / 10, 0.01)
        values = sign * np.log(track.known + offset)
        rule = RiseRule(_WORK_WINDOW, float(np.log(work.factor)), work.sigmas, SMOOTH_S, _WORK_BEFORE)
        found = next(iter(rises(values, rule)), None)
        if found is None:
            continue
        before, after = (float(np.exp(sign * level) - offset) for level in (found.before, found.after))
        if not work.down and after < work.least:
            continue
        at_s = int(track.seconds[found.start])
        before, after = max(round(before, 6), 0.0), max(round(after, 6), 0.0)  # exp and log leave 1e-18 of 0
        headline = FindingMessage.WORK_PER_REQUEST(what=work.label, change=change(before, after, "count"), at=at_s)
        row = Evidence(work.metric, work.label, before, after, track.unit, at_s)
        yield Finding(FindingKind.INCIDENT, headline, work.resource, at_s, evidence=(row,))


def _cpu_taken(tracks: Mapping[str, Track]) -> Iterator[Finding]:
    if OTHER_CPU not in tracks:
        return
    machine, others = tracks["machine.cpu_percent"], tracks[OTHER_CPU]
    taken = taken_seconds(tracks)
    taken[1:-1] |= taken[:-2] & taken[2:]  # a pause of one second is none
    runs = runs_of(taken, CPU_TAKEN_S)
    if not runs:
        return
    start, stop = runs[0]
    at_s, when = _when(machine, runs)
    until_s = machine.first_s + stop
    rows = tuple(
        Evidence(track.metric, label, _before(track, start), middle(track.between(at_s, until_s)), track.unit, at_s)
        for track, label in ((others, "CPU of other processes (100 % = one core)"), (machine, "CPU of the machine"))
    )
    headline = FindingMessage.CPU_TAKEN(cpu=(rows[0].after or 0.0) / 100, when=when)
    yield Finding(FindingKind.INCIDENT, headline, "other processes", at_s, evidence=rows)


def taken_seconds(tracks: Mapping[str, Track]) -> Flags:
    """Where the machine was full and others had much of it."""
    machine, others = tracks["machine.cpu_percent"].values, tracks[OTHER_CPU].values
    limit = tracks.get("server.cpu_limit_percent")
    cores = float(limit.known[-1]) / 100 if limit is not None and limit.known.size else 1.0
    full: Flags = (machine >= MACHINE_FULL_PERCENT) & (others >= OTHERS_SHARE * 100 * cores)
    return full


def _before(track: Track, start: int) -> float | None:
    before = track.between(track.first_s, track.first_s + start)
    return middle(before) if before.size else None


def _when(track: Track, runs: list[Span]) -> tuple[int, Message]:
    """UTC second of the first run, and when in words."""
    (start, stop), times = runs[0], len(runs)
    at_s = track.first_s + start
    if times == 1:
        return at_s, FindingMessage.LASTED(for_s=stop - start, at=at_s)
    return at_s, FindingMessage.LASTED_TIMES(for_s=stop - start, at=at_s, times=times)


# ── outages ─────────────────────────────────────────────────────────────────────────────────────────────────


def outage_finding(summary: Summary, tracks: Mapping[str, Track]) -> Finding | None:
    """All outages in one finding, which points at the first; None where the target answered all the time.

    One that lasts to the end of the load is a reason of the verdict instead.
    """
    spans = _outage_spans(summary)
    if not spans:
        return None
    ended = [outage for outage in summary.outages if outage.end is not None]
    failed, first_s = sum(outage.failed for outage in ended), ended[0].start
    headline = FindingMessage.OUTAGE(
        spans=[FindingMessage.SPAN(start=start, end=end, for_s=end - start) for start, end in spans],
        failed=failed,
        message=ended[0].message,
    )
    label = "requests that failed because the target was gone"
    rows = [
        Evidence("failures", label, None, float(failed), "count", first_s),
        *(changed.evidence for changed in correlated_metrics(tracks, *spans[0])[:_SHOWN_METRICS]),
    ]
    up = tracks.get("server.up")
    process_gone = up is not None and any((up.between(start - 1, end + 1) == 0.0).any() for start, end in spans)
    resource = BACKEND if process_gone else TARGET
    return Finding(FindingKind.INCIDENT, headline, resource, first_s, evidence=tuple(rows))


def within_outage(incident: Finding, summary: Summary) -> bool:
    """True for the backend's process that was gone in an outage: the same incident."""
    at_s = incident.at_s
    return (
        incident.resource == BACKEND
        and at_s is not None
        and any(start - _NEAR_S <= at_s <= end + _NEAR_S for start, end in _outage_spans(summary))
    )


def _outage_spans(summary: Summary) -> list[Span]:
    return [(outage.start, outage.end) for outage in summary.outages if outage.end is not None]
