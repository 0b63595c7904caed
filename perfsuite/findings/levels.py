"""What changes with the load, over the stages of a run or the visits of a search: the operations whose service time
grows faster than the load, and the resource that leaves its normal range first.

Service times count from the send, each role with its share of the requests, so that no mix changes them. Their noise is
that of a jackknife over blocks of seconds, since neighbouring seconds depend on each other (Künsch 1989, doi
10.1214/aos/1176347265); two levels are compared by Welch's t test of ln(service time / load) (1947, doi
10.1093/biomet/34.1-2.28), with Bonferroni's correction for all operations and pairs of levels.

What is normal for a resource is what it showed at the lowest load, times the load. tests/findings/test_levels.py
simulates how often both are wrong.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from perfsuite.findings.correlated import SUSPECTS, Suspect, band_width
from perfsuite.findings.incidents import taken_seconds
from perfsuite.findings.resources import FEWEST_SAMPLES, target_at_limit
from perfsuite.findings.steady_state import OTHER_CPU, steady_tracks
from perfsuite.format import change, number, plural
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import LOGIN, Row, Summary, VisitPhase, VisitRecord
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.model.monitor import Reading
from perfsuite.model.stages import HOLD
from perfsuite.timeseries import Flags, Floats, Places, ResponseTimes, Track, cells_of, in_outage, middle

ALPHA = 0.01
"""Chance of any false finding in a run, if seconds were independent."""
_SLOWER, _SLOWER_MS = 1.5, 5.0
"""Less than that nobody feels, whatever the load did."""
_LOAD_FACTOR = 1.2
"""Levels nearer to each other are not compared."""
_SAME_LOAD, _GROUP_S = 1.25, 20
"""Levels so near to each other count as one for operations, and so do low ones until they have as many seconds."""
_FEWEST_BLOCKS, _BLOCK_S, _SHORTEST_BLOCK_S = 4, 5, 2
_FEWEST_REQUESTS, _FEWEST_OF_ROLE = 10, 3

_NORMAL_S = 10
"""Seconds that the normal range is made of at least, of the lowest levels."""
_FEWEST_SAMPLES = 5
_SHARE_OUTSIDE = 0.6
_MOST_LEVELS = 0.75
"""A resource that is outside at a load has to be so at most of the higher ones."""
_NO_RESOURCE = frozenset({"load generator", "other processes"})
_NAMES = {
    "pool": "application pool",
    "locks": "locks of PostgreSQL",
    "cores": "CPU cores",
    "cache": "cache of Redis",
    "storage": "storage of the machine",
    "network": "network of the machine",
    "memory": "memory of the machine",
    "threads": "threads of the backend",
    "descriptors": "descriptors of the backend",
    "connections": "database connections",
}
"""Resource → its name in a sentence, where they differ."""


@dataclass(frozen=True, slots=True)
class LoadLevel:
    """A load, in users or actions a second, and the seconds in which it was steady, from the first of all levels."""

    load: float
    places: Places


def what_changes_with_load(
    summary: Summary, readings: Sequence[Reading], visits: Sequence[VisitRecord] = ()
) -> list[Finding]:
    """Of the hold stages, or of the visits of a search; [] where there are no two loads to compare."""
    spans = _spans_of(summary, visits)
    if len({load for load, _, _ in spans}) < 2:
        return []
    first, stop = min(start for _, start, _ in spans), max(end for _, _, end in spans)
    tracks = steady_tracks(replace(summary, steady_start=first, steady_end=stop), readings)
    levels = _levels(spans, first, _usable(summary, tracks, first, stop - first))
    run = _Run(first, tracks, summary.arrivals is not None)
    return [*_operations(run, levels, summary, stop - first), *_first_resource(run, levels)]


@dataclass(frozen=True, slots=True)
class _Run:
    first_s: int
    tracks: Mapping[str, Track]
    open_model: bool

    def load_text(self, level: LoadLevel) -> str:
        """ "236 users", "36.3 actions/s"."""
        return f"{number(level.load)} actions/s" if self.open_model else plural(round(level.load), "user")

    def at_s(self, level: LoadLevel) -> int:
        """The UTC second in which the level began."""
        return self.first_s + int(level.places[0])


def _spans_of(summary: Summary, visits: Sequence[VisitRecord]) -> list[tuple[float, int, int]]:
    """Load, first second, and the second after the last. Not those in which the target recovers from a higher load."""
    if visits:
        after_overload = (VisitPhase.RECOVERY, VisitPhase.FROM_ABOVE)
        return [
            (visit.load, visit.first + visit.discard_s, visit.stop)
            for visit in visits
            if visit.phase not in after_overload
            and not visit.generator_limited
            and visit.first + visit.discard_s < visit.stop
        ]
    return [
        (stage.span.end_level, *stage.seconds.steady)
        for stage in summary.stages
        if stage.span.kind == HOLD and stage.seconds.steady is not None
    ]


def _usable(summary: Summary, tracks: Mapping[str, Track], first: int, length: int) -> Flags:
    """Seconds in which neither other programs filled the machine nor the target was gone."""
    taken = taken_seconds(tracks) if OTHER_CPU in tracks else np.zeros(length, dtype=bool)
    usable: Flags = ~taken & ~np.array([in_outage(first + place, summary) for place in range(length)])
    return usable


def _levels(spans: Iterable[tuple[float, int, int]], first: int, usable: Flags) -> list[LoadLevel]:
    """One for each load, the lowest first; those without a usable second are left out."""
    places: dict[float, list[int]] = defaultdict(list)
    for load, start, end in spans:
        places[load] += [place for place in range(start - first, end - first) if usable[place]]
    return [LoadLevel(load, np.array(sorted(own))) for load, own in sorted(places.items()) if own and load > 0]


def _together(levels: Sequence[LoadLevel]) -> LoadLevel:
    """Their seconds, and the mean load over these."""
    places = np.concatenate([level.places for level in levels])
    return LoadLevel(sum(level.load * level.places.size for level in levels) / places.size, np.sort(places))


# ── operations ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Growth:
    """An operation at two levels: its mean service times, and by which factor more than the load they grew."""

    operation: str
    low: LoadLevel
    high: LoadLevel
    before_ms: float
    after_ms: float

    @property
    def excess(self) -> float:
        """1: it grew as the load did."""
        return self.after_ms / self.before_ms / (self.high.load / self.low.load)


def _operations(run: _Run, levels: Sequence[LoadLevel], summary: Summary, length: int) -> Iterator[Finding]:
    found = sorted(_faster(levels, summary, run.first_s, length), key=lambda growth: -growth.excess)
    if not found:
        return
    most, others = found[0], found[1:]
    headline = FindingMessage.GROWS_FASTER(
        operation=most.operation,
        times=most.after_ms / most.before_ms,
        high=run.load_text(most.high),
        low=run.load_text(most.low),
        change=change(most.before_ms, most.after_ms, "ms"),
        load_times=most.high.load / most.low.load,
    )
    if others:
        headline = headline.also(FindingMessage.ALSO_FASTER(operations=[each.operation for each in others]))
    rows = tuple(
        Evidence(
            "service_avg_ms",
            f"{each.operation}: mean time from the send, at {run.load_text(each.low)} and {run.load_text(each.high)}",
            each.before_ms,
            each.after_ms,
            "ms",
            run.at_s(each.high),
        )
        for each in found
    )
    yield Finding(FindingKind.FASTER, headline, at_s=run.at_s(most.high), operation=most.operation, evidence=rows)


def _faster(levels: Sequence[LoadLevel], summary: Summary, first: int, length: int) -> Iterator[_Growth]:
    """Each operation that grows faster than the load between any two levels, where it does so most."""
    roles: dict[str, list[ResponseTimes]] = defaultdict(list)
    for (_, operation), times in cells_of(summary, first, length, _service_ms).items():
        if operation != LOGIN:
            roles[operation].append(times)
    groups = [(group, _blocks(group.places)) for group in _grouped(levels)]
    known = [(group, blocks) for group, blocks in groups if len(blocks) >= _FEWEST_BLOCKS]
    pairs = [(low, high) for low, high in combinations(known, 2) if high[0].load >= _LOAD_FACTOR * low[0].load]
    tests = len(roles) * len(pairs)
    for operation, cells in roles.items():
        sums = {id(blocks): _sums(cells, blocks) for _, blocks in known}
        grown = (
            _growth(operation, (low, sums[id(before)]), (high, sums[id(after)]), ALPHA / tests)
            for (low, before), (high, after) in pairs
        )
        most = max((each for each in grown if each is not None), key=lambda each: each.excess, default=None)
        if most is not None:
            yield most


def _service_ms(row: Row) -> float | None:
    """From the send; where that is not recorded, from the moment it was due."""
    service_ms = row.breakdown.service_avg_ms
    return row.statistics.avg_ms if service_ms is None else service_ms


def _grouped(levels: Sequence[LoadLevel]) -> list[LoadLevel]:
    """Levels near to each other as one, and low ones until they have enough seconds."""
    groups: list[list[LoadLevel]] = []
    for level in levels:
        near = bool(groups) and level.load <= _SAME_LOAD * groups[-1][0].load
        few = len(groups) == 1 and sum(each.places.size for each in groups[0]) < _GROUP_S
        if near or (few and level is not levels[-1]):
            groups[-1].append(level)
        else:
            groups.append([level])
    return [_together(group) for group in groups]


def _blocks(places: Places) -> list[Places]:
    """The seconds in at least four blocks of about five each; fewer where the level is too short."""
    count = min(places.size // _SHORTEST_BLOCK_S, max(_FEWEST_BLOCKS, places.size // _BLOCK_S))
    return np.array_split(places, count) if count else []


def _sums(cells: Sequence[ResponseTimes], blocks: Sequence[Places]) -> tuple[Floats, Floats]:
    """Requests and their times, by role and block."""
    requests, total_ms = (
        np.array([[series[block].sum() for block in blocks] for series in kind])
        for kind in ([cell.requests for cell in cells], [cell.total_ms for cell in cells])
    )
    return requests, total_ms


def _growth(
    operation: str,
    low: tuple[LoadLevel, tuple[Floats, Floats]],
    high: tuple[LoadLevel, tuple[Floats, Floats]],
    alpha: float,
) -> _Growth | None:
    """None where it does not grow faster than the load, by so much that it matters and noise cannot explain it."""
    (before, after) = (sums for _, sums in (low, high))
    kept = (_least_left(before[0]) >= _FEWEST_OF_ROLE) & (_least_left(after[0]) >= _FEWEST_OF_ROLE)
    shares = np.where(kept, before[0].sum(axis=1) + after[0].sum(axis=1), 0.0)
    if min(sums[0][kept].sum() for sums in (before, after)) < _FEWEST_REQUESTS:
        return None
    before_ln, before_var = _log_mean(*before, shares)
    after_ln, after_var = _log_mean(*after, shares)
    found = _Growth(operation, low[0], high[0], math.exp(before_ln), math.exp(after_ln))
    if found.after_ms < max(_SLOWER * found.before_ms, found.before_ms + _SLOWER_MS) or found.excess <= 1:
        return None
    from scipy import stats  # most of a second; only where something may have grown

    freedom = (before_var + after_var) ** 2 / (
        before_var**2 / (before[0].shape[1] - 1) + after_var**2 / (after[0].shape[1] - 1)
    )
    score = math.log(found.excess) / math.sqrt(before_var + after_var)
    return found if float(stats.t.sf(score, freedom)) < alpha else None


def _least_left(requests: Floats) -> Floats:
    """Requests of each role without its fullest block."""
    left: Floats = requests.sum(axis=1) - requests.max(axis=1)
    return left


def _log_mean(requests: Floats, total_ms: Floats, shares: Floats) -> tuple[float, float]:
    """ln of the mean over the roles with a share, and its variance by leaving out each block in turn."""
    roles = shares > 0
    requests, total_ms, weights = requests[roles], total_ms[roles], shares[roles] / shares[roles].sum()
    every, every_ms = requests.sum(axis=1, keepdims=True), total_ms.sum(axis=1, keepdims=True)
    without = np.log(weights @ ((every_ms - total_ms) / (every - requests)))
    blocks = without.size
    variance = (blocks - 1) / blocks * float(((without - without.mean()) ** 2).sum())
    return float(np.log(weights @ (every_ms / every))[0]), max(variance, 1e-12)


# ── resources ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Outside:
    """A resource outside its range. `strength`: the lowest is the strongest evidence."""

    resource: str
    rows: tuple[Evidence, ...]
    strength: tuple[float, ...]


_AtLoads = dict[float, _Outside | None]
"""Load → what a resource was there; None: within its range. Loads at which it was not read are not there."""


def _first_resource(run: _Run, levels: Sequence[LoadLevel]) -> Iterator[Finding]:
    if not levels:
        return
    normal, by_load = _normal_level(levels), {level.load: level for level in levels}
    seen = [at_loads for at_loads in (*_limits(run, normal, levels), *_ranges(run, normal, levels)) if at_loads]
    found = [first for at_loads in seen if (first := _first(at_loads)) is not None]
    if found:
        load = min(load for load, _ in found)
        here = sorted((outside for at, outside in found if at == load), key=lambda outside: outside.strength)
        yield _first_finding(run, by_load[load], here)
    elif seen:
        highest = by_load[max(load for at_loads in seen for load in at_loads)]
        yield Finding(FindingKind.WITHIN_RANGE, FindingMessage.WITHIN_RANGE(load=run.load_text(highest)))


def _first_finding(run: _Run, level: LoadLevel, here: Sequence[_Outside]) -> Finding:
    """Of all that left its range at this load, the strongest evidence first."""
    row = here[0].rows[0]
    name = _NAMES.get(here[0].resource, here[0].resource)
    headline = FindingMessage.FIRST_RESOURCE(resource=name, load=run.load_text(level)).also(
        FindingMessage.BECAME(what=row.label, change=change(row.before, row.after, row.unit))
    )
    rows = {evidence.metric: evidence for outside in reversed(here) for evidence in reversed(outside.rows)}
    evidence = tuple(reversed(rows.values()))
    return Finding(FindingKind.FIRST_RESOURCE, headline, here[0].resource, run.at_s(level), evidence=evidence)


def _normal_level(levels: Sequence[LoadLevel]) -> LoadLevel:
    """The lowest levels together, until they have enough seconds."""
    enough = (count for count in range(1, len(levels)) if _together(levels[:count]).places.size >= _NORMAL_S)
    return _together(levels[: next(enough, len(levels))])


def _first(at_loads: _AtLoads) -> tuple[float, _Outside] | None:
    """The lowest load from which on it was outside at nearly all, and what it was there."""
    loads = sorted(at_loads)
    for place, load in enumerate(loads):
        outside = at_loads[load]
        if outside is not None and np.mean([at_loads[each] is not None for each in loads[place:]]) >= _MOST_LEVELS:
            return load, outside
    return None


def _known(track: Track, level: LoadLevel) -> Floats:
    values = track.values[level.places]
    return values[~np.isnan(values)]


def _limits(run: _Run, normal: LoadLevel, levels: Sequence[LoadLevel]) -> Iterator[_AtLoads]:
    """Resources that are at their limit at some load, whatever they were before."""
    reached: dict[str, dict[float, _Outside]] = defaultdict(dict)
    for level in levels:
        tracks = {metric: replace(track, values=track.values[level.places]) for metric, track in run.tracks.items()}
        for order, finding in enumerate(target_at_limit(tracks)):
            rows = (
                replace(row, before=middle(_known(run.tracks[row.metric], normal)), at_s=run.at_s(level))
                for row in finding.evidence
            )
            reached[finding.resource][level.load] = _Outside(finding.resource, tuple(rows), (0, order))
    for at_loads in reached.values():
        metrics = {row.metric for outside in at_loads.values() for row in outside.rows}
        yield {
            level.load: at_loads.get(level.load)
            for level in levels
            if all(_known(run.tracks[metric], level).size >= FEWEST_SAMPLES for metric in metrics)
        }


def _ranges(run: _Run, normal: LoadLevel, levels: Sequence[LoadLevel]) -> Iterator[_AtLoads]:
    """Resources that are outside the range which they showed at the lowest load, times the load."""
    for suspect in SUSPECTS:
        if suspect.smoothed or suspect.resource in _NO_RESOURCE or suspect.metric not in run.tracks:
            continue
        track = run.tracks[suspect.metric]
        before = _known(track, normal)
        if before.size < _FEWEST_SAMPLES:
            continue
        yield {
            level.load: _outside(suspect, run, before, level, 1.0 if suspect.down else level.load / normal.load)
            for level in levels
            if level.load > normal.load and _known(track, level).size >= _FEWEST_SAMPLES
        }


def _outside(suspect: Suspect, run: _Run, before: Floats, level: LoadLevel, times: float) -> _Outside | None:
    """None: within its range, which is wider the more the load grew (`times`)."""
    track, sign = run.tracks[suspect.metric], -1.0 if suspect.down else 1.0
    after, usual, width = _known(track, level), middle(before), band_width(suspect, before, sign)
    outside = sign * (after - usual * times) > width
    if outside.mean() < _SHARE_OUTSIDE:
        return None
    became = middle(after)
    row = Evidence(suspect.metric, suspect.label, usual, became, track.unit, run.at_s(level))
    return _Outside(suspect.resource, (row,), (1, suspect.rank, -abs(became - usual * times) / width))
