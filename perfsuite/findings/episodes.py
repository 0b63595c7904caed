"""What went wrong at the target for some seconds or from some second on, whatever the load felt of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.band import Rule, rises
from perfsuite.findings.series import OTHER_CPU, cores_of
from perfsuite.format import change, duration, number, quantity, time_of_day
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import FULL_SCANS, LOOKUPS, ROWS_READ, SMOOTH_S, STATEMENTS, Flags, Track, middle, runs_of

GONE_S = 4
"""A part that gives no answer for so long is told to be gone; a single answer that is late is the monitor's."""
BLOCKED_S = 2
BLOCKED_FOR_S = 1.0
"""Sessions that another one blocks in so many samples on end, while a statement has run for so long: rows that are
written block each other for milliseconds in any healthy run."""
CPU_TAKEN_S = 15
MACHINE_FULL_PERCENT = 95.0
OTHERS_SHARE = 0.4
"""Other processes have at least this share of a machine that is full, for so long with pauses of a second at most."""
_WORK_WINDOW, _WORK_BEFORE = 12, 12


@dataclass(frozen=True, slots=True)
class Work:
    """Work for one request that changed its level: `factor` is the least change, `least` the least value it reaches.

    `sigmas`: rows are read in bursts, so that more is asked of them.
    """

    resource: str
    metric: str
    label: str
    factor: float
    least: float
    down: bool = False
    sigmas: float = 6.0


WORK = (
    Work("cache", LOOKUPS, "lookups in Redis per request", 3.0, 0.0, down=True),
    Work("queries per request", STATEMENTS, "database statements per request", 1.5, 2.0),
    Work("rows per request", FULL_SCANS, "reads of large tables from end to end, per request", 2.5, 0.3),
    Work("rows per request", ROWS_READ, "rows that the database read per request", 3.0, 1000.0, sigmas=9.0),
)
PARTS = (
    ("backend process", "server.up", "The backend's process was gone"),
    ("PostgreSQL", "postgres.up", "PostgreSQL gave no answer"),
    ("Redis", "redis.up", "Redis gave no answer"),
)


def episodes(tracks: Mapping[str, Track]) -> list[Finding]:
    """In the order in which they are most telling."""
    return [*_gone(tracks), *_blocked(tracks), *_work(tracks), *_cpu_taken(tracks)]


def _gone(tracks: Mapping[str, Track]) -> Iterator[Finding]:
    for resource, metric, said in PARTS:
        if metric not in tracks:
            continue
        track = tracks[metric]
        runs = runs_of(track.values == 0.0, GONE_S)
        if runs:
            start, stop = runs[0]
            at_s = track.first_s + start
            row = Evidence(metric, "answers (1: yes, 0: none)", 1.0 if start else None, 0.0, "count", at_s)
            yield Finding(
                FindingKind.EPISODE, f"{said} {_span(at_s, stop - start, len(runs))}", resource, at_s, evidence=(row,)
            )


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
    at_s = track.first_s + start
    rows = [Evidence(name, "most sessions blocked by another session", _before(track, start), most, "count", at_s)]
    for metric, label in (
        ("postgres.longest_query_s", "longest statement"),
        ("postgres.longest_transaction_s", "longest transaction"),
    ):
        if metric in tracks:
            other = tracks[metric]
            worst = float(np.nanmax(other.values[start:stop], initial=0.0))
            rows.append(Evidence(metric, label, _before(other, start), worst, "s", at_s))
    span = _span(at_s, stop - start, len(runs))
    headline = f"Sessions of PostgreSQL were blocked by a lock, up to {number(most)} at once, {span}"
    yield Finding(FindingKind.EPISODE, headline, "locks", at_s, evidence=tuple(rows))


def _work(tracks: Mapping[str, Track]) -> Iterator[Finding]:
    for work in WORK:
        if work.metric not in tracks:
            continue
        track = tracks[work.metric]
        sign = -1.0 if work.down else 1.0
        floor = max(work.least / 10, 0.01)
        values = sign * np.log(track.known + floor)
        rule = Rule(_WORK_WINDOW, float(np.log(work.factor)), work.sigmas, SMOOTH_S, _WORK_BEFORE)
        found = next(iter(rises(values, rule)), None)
        if found is None:
            continue
        before, after = (float(np.exp(sign * level) - floor) for level in (found.before, found.after))
        if not work.down and after < work.least:
            continue
        at_s = int(track.seconds[found.start])
        before, after = max(round(before, 6), 0.0), max(round(after, 6), 0.0)  # exp and log leave 1e-18 of 0
        said = f"{work.label[0].upper()}{work.label[1:]}: {change(before, after, 'count')} from {time_of_day(at_s)} on"
        row = Evidence(work.metric, work.label, before, after, track.unit, at_s)
        yield Finding(FindingKind.EPISODE, said, work.resource, at_s, evidence=(row,))


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
    at_s = machine.first_s + start
    rows = tuple(
        Evidence(
            track.metric,
            label,
            _before(track, start),
            middle(track.between(at_s, at_s + stop - start)),
            track.unit,
            at_s,
        )
        for track, label in ((others, "CPU of other processes (100 % = one core)"), (machine, "CPU of the machine"))
    )
    headline = (
        f"Other processes used {quantity(rows[0].after, 'percent')} of a core, on a machine that was full, "
        f"{_span(at_s, stop - start, len(runs))}"
    )
    yield Finding(FindingKind.EPISODE, headline, "other processes", at_s, evidence=rows)


def taken_seconds(tracks: Mapping[str, Track]) -> Flags:
    """Where the machine was full and others had much of it."""
    machine, others = tracks["machine.cpu_percent"].values, tracks[OTHER_CPU].values
    full: Flags = (machine >= MACHINE_FULL_PERCENT) & (others >= OTHERS_SHARE * 100 * cores_of(tracks))
    return full


def _before(track: Track, start: int) -> float | None:
    before = track.between(track.first_s, track.first_s + start)
    return middle(before) if before.size else None


def _span(at_s: int, seconds: int, times: int) -> str:
    again = f", {times} times in all" if times > 1 else ""
    return f"for {duration(seconds)} from {time_of_day(at_s)} on{again}"
