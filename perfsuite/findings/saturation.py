"""Which resource leaves its normal range first, as the load grows.

What is normal is what it showed at the lowest load, times the load; and a resource at its limit is outside in any case.
tests/findings/test_levels.py simulates how often that is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.findings.correlated import SUSPECTS, Suspect, band_width
from perfsuite.findings.levels import LoadLevel, RunAtLevels, together
from perfsuite.findings.resources import FEWEST_SAMPLES, target_at_limit
from perfsuite.format import change
from perfsuite.messages.findings import FindingMessage
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import Floats, Track, middle

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
class _Outside:
    """A resource outside its range. `strength`: the lowest is the strongest evidence."""

    resource: str
    rows: tuple[Evidence, ...]
    strength: tuple[float, ...]


_AtLoads = dict[float, _Outside | None]
"""Load → what a resource was there; None: within its range. Loads at which it was not read are not there."""


def first_resource(run: RunAtLevels) -> Iterator[Finding]:
    """The resource that leaves its normal range at the lowest load, or that none does; nothing where none was read."""
    levels = run.levels
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


def _first_finding(run: RunAtLevels, level: LoadLevel, here: Sequence[_Outside]) -> Finding:
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
    enough = (count for count in range(1, len(levels)) if together(levels[:count]).places.size >= _NORMAL_S)
    return together(levels[: next(enough, len(levels))])


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


def _limits(run: RunAtLevels, normal: LoadLevel, levels: Sequence[LoadLevel]) -> Iterator[_AtLoads]:
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


def _ranges(run: RunAtLevels, normal: LoadLevel, levels: Sequence[LoadLevel]) -> Iterator[_AtLoads]:
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


def _outside(suspect: Suspect, run: RunAtLevels, before: Floats, level: LoadLevel, times: float) -> _Outside | None:
    """None: within its range, which is wider the more the load grew (`times`)."""
    track, sign = run.tracks[suspect.metric], -1.0 if suspect.down else 1.0
    after, usual, width = _known(track, level), middle(before), band_width(suspect, before, sign)
    outside = sign * (after - usual * times) > width
    if outside.mean() < _SHARE_OUTSIDE:
        return None
    became = middle(after)
    row = Evidence(suspect.metric, suspect.label, usual, became, track.unit, run.at_s(level))
    return _Outside(suspect.resource, (row,), (1, suspect.rank, -abs(became - usual * times) / width))
