"""The moment at which response times or failures left their band, and what left its own with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.findings.band import FEWEST_BEFORE, RiseRule, rises
from perfsuite.findings.correlated import (
    COMPARED_FROM_S,
    Correlated,
    Slower,
    correlated_metrics,
    slower_operations,
)
from perfsuite.findings.steady_state import SteadyLoad, binned
from perfsuite.format import change, percent
from perfsuite.messages import Message
from perfsuite.messages.findings import FindingMessage
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import STATEMENTS, Floats, Places, Track, slowness_of

LASTING = RiseRule(window=5, shift=math.log(1.5), sigmas=6.0)
SHARP = RiseRule(window=3, shift=math.log(3.0), sigmas=8.0)
OF_OPERATION = RiseRule(window=4, shift=math.log(2.0), sigmas=7.0)
"""Half as slow again for 5 s, or three times as slow for 3 s; a single operation twice as slow for four bins of about
ten requests. Beyond what noise makes of a window by so many standard deviations."""
LEAST_MS, LEAST_SHARP_MS = 10.0, 30.0
"""And so many ms in the mean, which is what people could come to feel: a few ms more or less are the machine's."""
_FAILURES_WINDOW_S = 5
_FEWEST_FAILURES, _LEAST_SHARE, _FAILURE_SIGMAS = 5, 0.02, 6.0
TOGETHER_S = 5
_SHOWN_METRICS, _SHOWN_OPERATIONS = 6, 3
NAMED = 3
"""Operations or metrics that a sentence names."""


@dataclass(frozen=True, slots=True)
class Onset:
    """Positions in the load at which it left its band and came back. `failures`: the failures did.

    `operations`: where only some got slower, those that added most time first. `times`: how often it happened.
    `few`: what came before is too little to call it a change.
    """

    start: int
    stop: int
    failures: bool = False
    operations: tuple[str, ...] = ()
    times: int = 1
    few: bool = False


# ── finding it ──────────────────────────────────────────────────────────────────────────────────────────────


def onset_of(load: SteadyLoad) -> Onset | None:
    """The first of: slower answers, more failures. Slower answers of single operations, if not all became slower.

    Where both began within some seconds it is the answers, from the earlier second on.
    """
    slow, failing = _slow(load) or _slow_operation(load), _failing(load)
    if slow is None or failing is None:
        return slow or failing
    if abs(slow.start - failing.start) <= TOGETHER_S:
        return replace(slow, start=min(slow.start, failing.start))
    return min(slow, failing, key=lambda onset: onset.start)


def _slow(load: SteadyLoad) -> Onset | None:
    places = np.flatnonzero(~np.isnan(load.slowness))
    values = load.slowness[places]
    found: list[Onset] = []
    for rule, least_ms in ((LASTING, LEAST_MS), (SHARP, LEAST_SHARP_MS)):
        onsets = [
            Onset(int(places[rise.start]), stop_of(places, rise.stop, load.seconds)) for rise in rises(values, rule)
        ]
        kept = [each for each in onsets if _added_ms(load, each) >= least_ms]
        if kept:
            found.append(replace(kept[0], times=len(kept)))
    return min(found, key=lambda onset: onset.start, default=None)


def stop_of(places: Places, stop: int, length: int) -> int:
    """The second at position `stop` of the known seconds; the end of the series beyond them."""
    return int(places[stop]) if stop < places.size else length


def _added_ms(load: SteadyLoad, onset: Onset) -> float:
    added = load.all.mean_ms(onset.start, onset.stop) - load.all.mean_ms(0, onset.start)
    return 0.0 if math.isnan(added) else added


def _failing(load: SteadyLoad) -> Onset | None:
    """Failures in a window that those before do not explain: Poisson, with the rate at its upper end."""
    window = _FAILURES_WINDOW_S
    if load.seconds < FEWEST_BEFORE + window:
        return None
    failed, sent = (np.concatenate(([0.0], np.cumsum(series))) for series in (load.failures, load.all.requests))
    at = np.arange(FEWEST_BEFORE, load.seconds - window + 1)
    in_window, of_window = failed[at + window] - failed[at], sent[at + window] - sent[at]
    expected = (failed[at] + 2) / np.maximum(sent[at], 1) * of_window
    share = in_window / np.maximum(of_window, 1) - failed[at] / np.maximum(sent[at], 1)
    sure = in_window > expected + _FAILURE_SIGMAS * np.sqrt(expected)
    hits = np.flatnonzero((in_window >= _FEWEST_FAILURES) & (share >= _LEAST_SHARE) & sure)
    if not hits.size:
        return None
    first = int(at[hits[0]])
    start = first + int(np.argmax(load.failures[first : first + window] > 0))
    very_first = int(np.argmax(load.failures > 0))
    if start - very_first <= 2 * window:  # too few for a window of their own, and none before them
        start = max(very_first, FEWEST_BEFORE)
    return Onset(start, _over(load.failures, start, window), failures=True)


def _over(failures: Floats, start: int, window: int) -> int:
    """The first second after `start` from which on nothing failed for a whole window; the end where there is none."""
    after = failures[start + 1 :]
    if after.size < window:
        return int(failures.size)
    calm = np.flatnonzero(np.lib.stride_tricks.sliding_window_view(after, window).max(axis=1) == 0)
    return start + 1 + int(calm[0]) if calm.size else int(failures.size)


def _slow_operation(load: SteadyLoad) -> Onset | None:
    """The earliest; operations that became slower within some seconds of it, the one that added most time first."""
    found = [each for operation in load.by_operation for each in _slow_alone(load, operation)]
    if not found:
        return None
    earliest = min(onset.start for _added, onset in found)
    near = sorted((each for each in found if each[1].start <= earliest + TOGETHER_S), key=lambda each: -each[0])
    operations = tuple(name for _added, onset in near for name in onset.operations)
    return replace(near[0][1], start=earliest, operations=operations[:NAMED])


def _slow_alone(load: SteadyLoad, operation: str) -> list[tuple[float, Onset]]:
    """The first time that an operation became slower, with the time in ms that this added; [] where it did not."""
    bins, size = binned(load.by_operation[operation].values(), load.seconds)
    if not bins:
        return []
    count = load.seconds // size
    slowness = slowness_of(bins, count)
    places = np.flatnonzero(~np.isnan(slowness))
    for rise in rises(slowness[places], OF_OPERATION):
        start, stop = int(places[rise.start]), stop_of(places, rise.stop, count)
        requests = sum(times.count(start, stop) for times in bins)
        added = sum(
            times.count(start, stop) * max(times.mean_ms(start, stop) - times.mean_ms(0, start), 0.0)
            for times in bins
            if times.count(0, start) and times.count(start, stop)
        )
        if requests and added / requests >= LEAST_MS:
            return [(added, Onset(start * size, stop * size, operations=(operation,)))]
    return []


# ── describing it ───────────────────────────────────────────────────────────────────────────────────────────


def onset_finding(
    onset: Onset, load: SteadyLoad, tracks: Mapping[str, Track], began_s: int | None, *, estimate: bool
) -> Finding:
    """The moment with what left its band with it, and the operations that slowed down most.

    `began_s`: the first second of the run, None where none was recorded. `estimate`: how many statements an
    operation runs more, where nobody has counted them.
    """
    start_s, stop_s = load.first_s + onset.start, load.first_s + onset.stop
    correlated = correlated_metrics(tracks, start_s, stop_s)
    slower = slower_operations(load, onset.start, onset.stop)
    worst = slower[0] if slower else None
    evidence = _load_evidence(load, onset) + [each.evidence for each in correlated[:_SHOWN_METRICS]]
    evidence += [_slower_evidence(each, start_s) for each in slower[:_SHOWN_OPERATIONS]]
    what = _what(load, onset, worst)
    headline = FindingMessage.ONSET(what=what, at=start_s)
    if began_s is not None:
        headline = FindingMessage.ONSET_IN_RUN(what=what, at=start_s, into_s=start_s - began_s)
    again = FindingMessage.AGAIN(times=onset.times) if onset.times > 1 else None
    more = _estimate(correlated, load, onset, worst) if estimate else None
    return Finding(
        kind=FindingKind.TOO_FEW if onset.few else FindingKind.ONSET,
        headline=headline.also(again, _beside(onset, correlated), more),
        resource=correlated[0].suspect.resource if correlated else "",
        at_s=start_s,
        role=worst.role if worst else None,
        operation=onset.operations[0] if onset.operations else (worst.operation if worst else None),
        evidence=tuple(evidence),
    )


def _load_evidence(load: SteadyLoad, onset: Onset) -> list[Evidence]:
    at_s, start, stop = load.first_s + onset.start, onset.start, onset.stop
    before, after = (_or_none(load.all.mean_ms(*span)) for span in ((0, start), (start, stop)))
    times = Evidence("avg_ms", "response time, mean", before, after, "ms", at_s)
    failed = load.failure_rate(0, start), load.failure_rate(start, stop)
    failures = Evidence("failure_rate", "requests that failed", *failed, "fraction", at_s)
    if onset.failures:
        return [failures, times]
    return [times, failures] if failed[1] > failed[0] + _LEAST_SHARE else [times]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _slower_evidence(slower: Slower, at_s: int) -> Evidence:
    label = f"{slower.operation} as {slower.role}: mean time, {percent(slower.share)} of the time added"
    return Evidence("avg_ms", label, slower.before_ms, slower.after_ms, "ms", at_s)


def _beside(onset: Onset, correlated: Sequence[Correlated]) -> Message:
    """What left its band with the load; where too little was read before it, that."""
    if correlated:
        metrics = [
            f"{each.suspect.label} ({change(each.before, each.after, each.unit)})" for each in correlated[:NAMED]
        ]
        return FindingMessage.CORRELATED(metrics=metrics)
    if onset.start < COMPARED_FROM_S:
        return FindingMessage.TOO_SHORT_BEFORE()
    return FindingMessage.NOTHING_CORRELATED()


def _what(load: SteadyLoad, onset: Onset, worst: Slower | None) -> Message:
    """Slower answers or failures; slower answers with the failures where clearly more failed, too."""
    start, stop = onset.start, onset.stop
    failed = FindingMessage.FAILED(share=load.failure_rate(start, stop), before=load.failure_rate(0, start))
    if onset.failures:
        return failed
    more_failed = load.failure_rate(start, stop) > load.failure_rate(0, start) + _LEAST_SHARE
    return _slower(load, onset, worst).also(failed if more_failed else None, separator=", and ")


def _slower(load: SteadyLoad, onset: Onset, worst: Slower | None) -> Message:
    start, stop, operations = onset.start, onset.stop, onset.operations
    times = load.of(operations) if operations else load.all
    before, after = times.mean_ms(0, start), times.mean_ms(start, stop)
    rise = change(before, after, "ms")
    if operations and onset.few:
        return FindingMessage.TOO_FEW_BEFORE(
            operations=operations,
            before=before,
            after=after,
            requests=int(times.count(0, start)),
        )
    if operations:
        return FindingMessage.OPERATIONS_SLOWER(operations=operations, change=rise)
    if worst is None:
        return FindingMessage.RESPONSE_TIMES(change=rise)
    return FindingMessage.RESPONSE_TIMES_MOSTLY(change=rise, operation=worst.operation, role=worst.role)


def _estimate(correlated: Sequence[Correlated], load: SteadyLoad, onset: Onset, worst: Slower | None) -> Message | None:
    """How many statements more each request of the operations that slowed down would run, if all were theirs."""
    names = onset.operations or ((worst.operation,) if worst else ())
    own = load.of(names).count(onset.start, onset.stop) if names else 0.0
    if not correlated or correlated[0].suspect.metric != STATEMENTS or not own:
        return None
    rise = correlated[0].after - correlated[0].before
    more = rise * load.all.count(onset.start, onset.stop) / own
    return FindingMessage.ESTIMATE(operations=names, more=round(more))
