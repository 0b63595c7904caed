"""Around the moment at which the load got slow: which metrics left their band, and which operations moved most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.band import deviation
from perfsuite.findings.load import Key, Load
from perfsuite.findings.suspects import SUSPECTS, Suspect
from perfsuite.model import LOGIN
from perfsuite.model.finding import Evidence
from perfsuite.timeseries import Floats, Track, middle

WITHIN_S = 10
"""What left its band so long before the load, or after it, is told to have gone with it."""
_LONGEST_LOOK_S = 30
_GUARD_S = 2
_SIGMAS = 4.0
_MOST_OUTSIDE = 95.0
_SHARE_OUTSIDE, _SHARE_OUTSIDE_SHORT = 0.6, 0.4
_SHORT_S, _TRAILS_S = 10, 2
"""What is read may trail by some seconds: a request counts for the second in which it was due, and is felt until its
end. Of a short episode that is much."""
_FEWEST_BEFORE, _FEWEST_AFTER = 5, 2
COMPARED_FROM_S = _FEWEST_BEFORE + _GUARD_S
"""From so many seconds after the first reading on, what left its band can be told."""
_SLOWER, _SLOWER_MS = 1.5, 5.0


@dataclass(frozen=True, slots=True)
class Moved:
    """A metric that left its band. `far`: by how many widths of the band."""

    suspect: Suspect
    at_s: int
    before: float
    after: float
    far: float
    unit: str

    @property
    def evidence(self) -> Evidence:
        """The same as a row to show."""
        return Evidence(self.suspect.metric, self.suspect.label, self.before, self.after, self.unit, self.at_s)


@dataclass(frozen=True, slots=True)
class Slower:
    """A role's operation that took longer: mean times, and its share of all the time that was added."""

    role: str
    operation: str
    before_ms: float
    after_ms: float
    share: float


def moved_with(tracks: Mapping[str, Track], start_s: int, stop_s: int) -> list[Moved]:
    """The metrics that left their band with the load, nearest to where it began first."""
    found = [
        moved
        for suspect in SUSPECTS
        if suspect.metric in tracks
        and (moved := moved_of(suspect, tracks, start_s, stop_s)) is not None
        and abs(moved.at_s - start_s) <= WITHIN_S
    ]
    return sorted(found, key=lambda moved: (moved.suspect.rank, moved.at_s, -moved.far))


def moved_of(suspect: Suspect, tracks: Mapping[str, Track], start_s: int, stop_s: int) -> Moved | None:
    """How one metric moved when the load did, for as long as that or at its beginning; None: it stayed in its band."""
    if suspect.smoothed and stop_s - start_s < _SHORT_S:
        return None
    first_stop_s = min(stop_s, start_s + _SHORT_S - _TRAILS_S) + _TRAILS_S
    spans = ((min(stop_s, start_s + _LONGEST_LOOK_S), _SHARE_OUTSIDE), (first_stop_s, _SHARE_OUTSIDE_SHORT))
    found = (
        _moved(suspect, tracks, (start_s, until_s), share) for until_s, share in spans[: 1 if suspect.smoothed else 2]
    )
    return next((moved for moved in found if moved is not None), None)


def _moved(suspect: Suspect, tracks: Mapping[str, Track], span: tuple[int, int], share: float) -> Moved | None:
    """The same for one span of seconds, in at least a share of whose samples the metric has to be out of its band."""
    start_s, stop_s = span
    track = tracks[suspect.metric]
    before, after = track.between(track.first_s, start_s - _GUARD_S), track.between(start_s, stop_s)
    if before.size < _FEWEST_BEFORE or after.size < _FEWEST_AFTER:
        return None
    sign = -1.0 if suspect.down else 1.0
    usual, width = middle(before), _width(suspect, before, sign)
    outside = sign * (after - usual) > width
    if outside.mean() < share or not _holds(suspect, tracks, start_s, stop_s):
        return None
    at_s, became = _since(track, sign, sign * usual + width, start_s), middle(after[outside])
    return Moved(suspect, at_s, usual, became, abs(became - usual) / width, track.unit)


def _width(suspect: Suspect, before: Floats, sign: float) -> float:
    """How far from its usual value the metric has to be to have left its band."""
    usual = middle(before)
    spread = float(np.percentile(sign * (before - usual), _MOST_OUTSIDE))
    by_factor = abs(usual) * (1 - 1 / suspect.factor if suspect.down else suspect.factor - 1)
    return max(_SIGMAS * deviation(before), spread, by_factor, suspect.least)


def _holds(suspect: Suspect, tracks: Mapping[str, Track], start_s: int, stop_s: int) -> bool:
    """Is what the suspect needs there too?"""
    if suspect.needs is None:
        return True
    metric, least = suspect.needs
    return metric in tracks and middle(tracks[metric].between(start_s, stop_s)) >= least


def _since(track: Track, sign: float, edge: float, start_s: int) -> int:
    """The second near `start_s` from which on the metric was out of its band, single values apart."""
    place = start_s - track.first_s
    first = max(place - WITHIN_S, 0)
    outside = sign * np.nan_to_num(track.values, nan=-sign * math.inf) > edge
    inside = np.flatnonzero(~outside[first:place] & ~np.isnan(track.values[first:place]))
    if inside.size and first + int(inside[-1]) + 1 < place:
        return track.first_s + first + int(inside[-1]) + 1
    later = np.flatnonzero(outside[place:])
    if inside.size:
        return start_s + int(later[0]) if later.size else start_s
    return track.first_s + first if outside[first:place].any() else start_s


def slower_with(load: Load, start: int, stop: int) -> list[Slower]:
    """The operations that took longer from position `start` to `stop` than before, most added time first."""
    added: dict[Key, float] = {}
    times: dict[Key, tuple[float, float]] = {}
    for key, cell in load.cells.items():
        before, after = cell.mean_ms(0, start), cell.mean_ms(start, stop)
        if key[1] != LOGIN and after > max(before * _SLOWER, before + _SLOWER_MS):  # False where one is NaN
            times[key] = before, after
            added[key] = (after - before) * float(cell.requests[start:stop].sum())
    total = sum(added.values())
    keys = sorted(added, key=lambda key: -added[key])
    return [Slower(*key, *times[key], added[key] / total) for key in keys]
