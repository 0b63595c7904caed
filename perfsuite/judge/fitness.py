"""Was the load generator fit to say anything about the target's speed?

What waits inside a generator that is busy, late or standing still is counted as the target's time, and a process
that is lost takes load away: in both cases a slow target cannot be told from a slow generator.
"""

from __future__ import annotations

from perfsuite.format import duration, figure, limit_text, percent, plural, quantity, setting, time_of_day
from perfsuite.judge.limits import (
    CPU_MEAN_PERCENT,
    CPU_OVER_90_LEAST_S,
    CPU_OVER_90_SHARE,
    GC_LONG_SHARE,
    GC_PAUSE_MS,
    GC_SHARE,
    LOOP_LAG_P99_MS,
    THROTTLED_MEND_SHARE,
    THROTTLED_SHARE,
)
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.model import CUT_OFF, LOAD_DIED, GeneratorHealth, LostWorker, Plan, Summary

_TOLD_WAITING = 5.0
"""Per cent of the time from which on waiting for a core is worth a word."""


def unfit_because(plan: Plan, summary: Summary) -> list[str]:
    """One sentence for each reason, with what to do; [] for a generator that was fit."""
    signs = _signs(summary)
    saturated = [f"the load generator was saturated: {'; '.join(signs)}; {_mend(plan, summary)}"] if signs else []
    return [*saturated, *map(_lost, summary.lost_workers), *_died(summary)]


def long_pause(health: GeneratorHealth) -> Message | None:
    """A long pause of the garbage collector in a generator that was fit all the same."""
    if health.gc_pause_max_ms is None or health.gc_pause_max_ms <= GC_PAUSE_MS or _collecting(health):
        return None
    return Note.LONG_GC_PAUSE(longest=figure("max_ms", health.gc_pause_max_ms))


def throttled(summary: Summary) -> Message | None:
    """A CPU limit that held back a generator which was fit all the same."""
    share = summary.generator.throttled_rate or 0.0
    if share < THROTTLED_SHARE or _signs(summary):
        return None
    return Note.THROTTLED(limit=_cpu_limit(summary.generator), share=share)


def _signs(summary: Summary) -> list[str]:
    """In what it shows that the generator was at its end; [] for one that was not."""
    return [*_busy(summary), *_late(summary.generator), *_collecting(summary.generator)]


def _mend(plan: Plan, summary: Summary) -> str:
    """What helps. More processes do not where all of them share one limit."""
    share = summary.generator.throttled_rate or 0.0
    if share < THROTTLED_MEND_SHARE:
        more = f"use more load processes (--processes {plan.processes + 1})"
        return f"{more}, fewer users, or a machine with nothing else on"
    return (
        f"{_cpu_limit(summary.generator)} stopped it in {percent(share)} of its periods: raise that limit (docker"
        " --cpus, limits.cpu of a pod, CPUQuota of a unit), or use fewer users; more load processes would share it"
    )


def _cpu_limit(health: GeneratorHealth) -> str:
    if health.limit_cores is None:
        return "a CPU limit"
    return f"a CPU limit of {setting(round(health.limit_cores, 2))} {'core' if health.limit_cores == 1 else 'cores'}"


def _busy(summary: Summary) -> list[str]:
    health = summary.generator
    mean, over_90 = health.cpu_wanted_percent_mean, health.cpu_over_90_rate or 0.0
    if mean is None:
        return []
    used = mean if health.cpu_percent_mean is None else health.cpu_percent_mean
    often = over_90 > CPU_OVER_90_SHARE and over_90 * summary.steady_s >= CPU_OVER_90_LEAST_S
    if mean <= CPU_MEAN_PERCENT and not often:
        return []
    whose = "its process" if health.processes == 1 else "a process of it"
    waited = f", waited for one {quantity(mean - used, 'percent')} of the time," if mean - used >= _TOLD_WAITING else ""
    return [
        f"{whose} used {quantity(used, 'percent')} of a core on average{waited}"
        f" and wanted over 90 % in {percent(over_90)} of seconds"
    ]


def _late(health: GeneratorHealth) -> list[str]:
    lag_ms = health.loop_lag_p99_ms
    if lag_ms is None or lag_ms <= LOOP_LAG_P99_MS:
        return []
    return [
        f"its event loop came {figure('p99_ms', lag_ms)} late at the 99th percentile,"
        f" limit {limit_text('p99_ms', LOOP_LAG_P99_MS)}"
    ]


def _collecting(health: GeneratorHealth) -> list[str]:
    longest_ms, share = health.gc_pause_max_ms or 0.0, health.gc_share_rate or 0.0
    if share <= GC_SHARE and not (longest_ms > GC_PAUSE_MS and share > GC_LONG_SHARE):
        return []
    return [f"it stood still for garbage collection {percent(share)} of the time, up to {figure('max_ms', longest_ms)}"]


def _lost(worker: LostWorker) -> str:
    whom = f"its {plural(worker.users, 'user')} were placed on the others" if worker.users else "it had no users"
    if worker.users and worker.placed == 0:
        whom = f"its {plural(worker.users, 'user')} were gone with it"
    return (
        f"load process {worker.worker} was lost at {time_of_day(int(worker.at))} ({worker.reason}): {whom};"
        " look into its log for why, and run again"
    )


def _died(summary: Summary) -> list[str]:
    after = f"after {duration(summary.duration_s)}"
    if summary.ended == LOAD_DIED:
        return [f"the load process died {after}: look into its log for why, and run again"]
    if summary.ended == CUT_OFF:
        return [
            f"the run was cut off {after}, and nobody wrote down how it ended: the suite itself was killed, its"
            " machine stopped, the disk was full, or the run still goes on; run again"
        ]
    return []
