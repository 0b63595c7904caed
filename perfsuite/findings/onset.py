"""The moment at which response times or failures left their band, and what left its own with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.findings.band import FEWEST_BEFORE, Rule, rises
from perfsuite.findings.load import Cell, Load, binned, by_operation, slowness_of
from perfsuite.findings.movers import COMPARED_FROM_S, Moved, Slower, moved_with, slower_with
from perfsuite.format import change, duration, joined, number, percent, plural, quantity, time_of_day
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import STATEMENTS, Floats, Places, Track

LASTING = Rule(window=5, shift=math.log(1.5), sigmas=6.0)
SHARP = Rule(window=3, shift=math.log(3.0), sigmas=8.0)
OF_OPERATION = Rule(window=4, shift=math.log(2.0), sigmas=7.0)
"""Half as slow again for 5 s, or three times as slow for 3 s; a single operation twice as slow for four bins of about
ten requests. Beyond what noise makes of a window by so many standard deviations."""
LEAST_MS, LEAST_SHARP_MS = 10.0, 30.0
"""And so many ms in the mean, which is what people could come to feel: a few ms more or less are the machine's."""
_FAILURES_WINDOW_S = 5
_FEWEST_FAILURES, _LEAST_SHARE, _FAILURE_SIGMAS = 5, 0.02, 6.0
TOGETHER_S = 5
_SHOWN_METRICS, _SHOWN_OPERATIONS, _NAMED = 6, 3, 3


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a run beside its load. `began_s`: its first second, None where none was recorded.

    `estimate`: reckon how many statements an operation runs more, where nobody has counted them.
    """

    began_s: int | None = None
    estimate: bool = True


@dataclass(frozen=True, slots=True)
class Onset:
    """Positions in the load at which it left its band and came back. `failures`: it was the failures that did.

    `operations`: where only some got slower, those, the one that added most time first. `times`: how often it happened.
    `few`: what came before is too little to call it a change.
    """

    start: int
    stop: int
    failures: bool = False
    operations: tuple[str, ...] = ()
    times: int = 1
    few: bool = False


def onset_finding(onset: Onset, load: Load, tracks: Mapping[str, Track], known: Known) -> Finding:
    """The moment with what left its band with it, and the operations that moved most."""
    start_s, stop_s = load.first_s + onset.start, load.first_s + onset.stop
    moved = moved_with(tracks, start_s, stop_s)
    slower = slower_with(load, onset.start, onset.stop)
    worst = slower[0] if slower else None
    evidence = _load_evidence(load, onset) + [each.evidence for each in moved[:_SHOWN_METRICS]]
    evidence += [_slower_evidence(each, start_s) for each in slower[:_SHOWN_OPERATIONS]]
    since = f", {duration(start_s - known.began_s)} into the run" if known.began_s is not None else ""
    said = f"{_what(load, onset, worst)}{_failed_too(load, onset)} from {time_of_day(start_s)} on{since}{_again(onset)}"
    return Finding(
        kind=FindingKind.TOO_FEW if onset.few else FindingKind.ONSET,
        headline=f"{said}; {_beside(load, onset, moved)}"
        + (_more(moved, load, onset, worst) if known.estimate else ""),
        resource=moved[0].suspect.resource if moved else "",
        at_s=start_s,
        role=worst.role if worst else None,
        operation=onset.operations[0] if onset.operations else (worst.operation if worst else None),
        evidence=tuple(evidence),
    )


def onset_of(load: Load) -> Onset | None:
    """The first of: answers slower, more failures. Answers of single operations, where those of all did not get slower.

    Where both began within some seconds it is the answers, from the earlier second on; the failures stand beside.
    """
    slow, failing = _slow(load) or _slow_operation(load), _failing(load)
    if slow is None or failing is None:
        return slow or failing
    if abs(slow.start - failing.start) <= TOGETHER_S:
        return replace(slow, start=min(slow.start, failing.start))
    return min(slow, failing, key=lambda onset: onset.start)


def _slow(load: Load) -> Onset | None:
    places = np.flatnonzero(~np.isnan(load.slowness))
    values = load.slowness[places]
    found: list[Onset] = []
    for rule, least_ms in ((LASTING, LEAST_MS), (SHARP, LEAST_SHARP_MS)):
        onsets = [
            Onset(int(places[rise.start]), _stop_of(places, rise.stop, load.seconds)) for rise in rises(values, rule)
        ]
        kept = [each for each in onsets if _added_ms(load, each) >= least_ms]
        if kept:
            found.append(Onset(kept[0].start, kept[0].stop, times=len(kept)))
    return min(found, key=lambda onset: onset.start, default=None)


def _stop_of(places: Places, stop: int, length: int) -> int:
    return int(places[stop]) if stop < places.size else length


def _added_ms(load: Load, onset: Onset) -> float:
    added = load.mean_ms(onset.start, onset.stop) - load.mean_ms(0, onset.start)
    return 0.0 if math.isnan(added) else added


def _failing(load: Load) -> Onset | None:
    """Failures in a window that those before do not explain: Poisson, with the rate at its upper end."""
    window = _FAILURES_WINDOW_S
    if load.seconds < FEWEST_BEFORE + window:
        return None
    failed, sent = (np.concatenate(([0.0], np.cumsum(series))) for series in (load.failures, load.requests))
    at = np.arange(FEWEST_BEFORE, load.seconds - window + 1)
    in_window, of_window = failed[at + window] - failed[at], sent[at + window] - sent[at]
    usual = (failed[at] + 2) / np.maximum(sent[at], 1)
    expected = usual * of_window
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


def _slow_operation(load: Load) -> Onset | None:
    found: list[tuple[int, float, Onset]] = []
    for operation, cells in by_operation(load).items():
        bins, size = binned(cells, load.seconds)
        if not bins:
            continue
        count = load.seconds // size
        slowness = slowness_of(bins, count)
        places = np.flatnonzero(~np.isnan(slowness))
        for rise in rises(slowness[places], OF_OPERATION):
            start, stop = int(places[rise.start]), _stop_of(places, rise.stop, count)
            requests = sum(float(cell.requests[start:stop].sum()) for cell in bins)
            added = sum(
                float(cell.requests[start:stop].sum()) * max(cell.mean_ms(start, stop) - cell.mean_ms(0, start), 0.0)
                for cell in bins
                if cell.requests[:start].any() and cell.requests[start:stop].any()
            )
            if requests and added / requests >= LEAST_MS:
                found.append((start * size, -added, Onset(start * size, stop * size, operations=(operation,))))
                break
    if not found:
        return None
    earliest = min(start for start, _added, _onset in found)
    near = sorted((each for each in found if each[0] <= earliest + TOGETHER_S), key=lambda each: each[1])
    operations = tuple(name for _start, _added, onset in near for name in onset.operations)
    return replace(near[0][2], start=earliest, operations=operations[:_NAMED])


def _load_evidence(load: Load, onset: Onset) -> list[Evidence]:
    at_s, start, stop = load.first_s + onset.start, onset.start, onset.stop
    times = Evidence(
        "avg_ms",
        "response time, mean",
        _or_none(load.mean_ms(0, start)),
        _or_none(load.mean_ms(start, stop)),
        "ms",
        at_s,
    )
    failed = [_share(load, 0, start), _share(load, start, stop)]
    failures = Evidence("failure_rate", "requests that failed", failed[0], failed[1], "fraction", at_s)
    if onset.failures:
        return [failures, times]
    return [times, failures] if failed[1] > failed[0] + _LEAST_SHARE else [times]


def _share(load: Load, start: int, stop: int) -> float:
    return float(load.failures[start:stop].sum()) / max(float(load.requests[start:stop].sum()), 1.0)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _slower_evidence(slower: Slower, at_s: int) -> Evidence:
    label = f"{slower.operation} as {slower.role}: mean time, {percent(slower.share)} of the time added"
    return Evidence("avg_ms", label, slower.before_ms, slower.after_ms, "ms", at_s)


def _again(onset: Onset) -> str:
    return f" ({onset.times} times in the run)" if onset.times > 1 else ""


def _beside(load: Load, onset: Onset, moved: list[Moved]) -> str:
    """What left its band with it; where too little was read before it, that."""
    if moved:
        told = [f"{each.suspect.label} ({change(each.before, each.after, each.unit)})" for each in moved[:_NAMED]]
        return f"what left its band with it: {joined(told)}"
    if onset.start < COMPARED_FROM_S:
        return "what was monitored before it is too short to compare"
    return "nothing that was watched left its band with them"


def _what(load: Load, onset: Onset, worst: Slower | None) -> str:
    start, stop = onset.start, onset.stop
    if onset.failures:
        return _failed(load, onset)
    if onset.operations:
        cells = [cell for (_role, operation), cell in load.cells.items() if operation in onset.operations]
        whole = Cell(
            np.sum([cell.requests for cell in cells], axis=0), np.sum([cell.total_ms for cell in cells], axis=0)
        )
        before, after = whole.mean_ms(0, start), whole.mean_ms(start, stop)
        if onset.few:
            first = plural(int(whole.requests[:start].sum()), "request")
            took = f"{joined(onset.operations)} took {quantity(after, 'ms')} on average after {quantity(before, 'ms')}"
            return f"{took} in {first} before, too few to call it a change,"
        return f"{joined(onset.operations)} took longer ({change(before, after, 'ms')} on average)"
    most = f", most of it {worst.operation} as {worst.role}" if worst else ""
    return f"Response times rose ({change(load.mean_ms(0, start), load.mean_ms(start, stop), 'ms')} on average{most})"


def _failed(load: Load, onset: Onset) -> str:
    before, after = _share(load, 0, onset.start), _share(load, onset.start, onset.stop)
    return f"{percent(after)} of the requests failed (before: {percent(before)})"


def _failed_too(load: Load, onset: Onset) -> str:
    """ ", and 9.2 % of the requests failed (before: 0 %)", where answers got slower and clearly more failed."""
    more = _share(load, onset.start, onset.stop) > _share(load, 0, onset.start) + _LEAST_SHARE
    return f", and {_failed(load, onset)}" if more and not onset.failures else ""


def _more(moved: list[Moved], load: Load, onset: Onset, worst: Slower | None) -> str:
    """How many statements the operation that moved most would have more, if they all were its own."""
    names = onset.operations or ((worst.operation,) if worst else ())
    part = slice(onset.start, onset.stop)
    own = sum(float(cell.requests[part].sum()) for (_role, name), cell in load.cells.items() if name in names)
    if not moved or moved[0].suspect.metric != STATEMENTS or not own:
        return ""
    more = (moved[0].after - moved[0].before) * float(load.requests[part].sum()) / own
    return f". If {joined(names)} alone ran them, that is {number(round(more))} more in each of those requests"
