"""The loads of a run in stages, or of a search, and the seconds of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.findings.incidents import taken_seconds
from perfsuite.findings.steady_state import OTHER_CPU, steady_tracks
from perfsuite.format import number, plural
from perfsuite.model import Summary, VisitPhase, VisitRecord
from perfsuite.model.monitor import Reading
from perfsuite.model.stages import HOLD
from perfsuite.timeseries import Flags, Places, Track, in_outage

_TAKEN_THROUGHOUT = 0.5
"""Seconds in which other programs filled the machine do not count. Where these are so many at every load, the loads can
still be compared, but the machine's processor says nothing of them."""
_MACHINE_CPU = "machine.cpu_percent"


@dataclass(frozen=True, slots=True)
class LoadLevel:
    """A load, in users or actions a second, and the seconds in which it was steady, from the first of all levels."""

    load: float
    places: Places


@dataclass(frozen=True, slots=True)
class RunAtLevels:
    """A run by its loads, the lowest first. `first_s`: UTC second of place 0. `length_s`: from there to the end of the
    last level. `tracks`: of these seconds."""

    levels: tuple[LoadLevel, ...]
    first_s: int
    length_s: int
    tracks: Mapping[str, Track]
    open_model: bool

    def load_text(self, level: LoadLevel) -> str:
        """ "236 users", "36.3 actions/s"."""
        return f"{number(level.load)} actions/s" if self.open_model else plural(round(level.load), "user")

    def at_s(self, level: LoadLevel) -> int:
        """The UTC second in which the level began."""
        return self.first_s + int(level.places[0])


def by_level(summary: Summary, readings: Sequence[Reading], visits: Sequence[VisitRecord] = ()) -> RunAtLevels | None:
    """By the hold stages, or the visits of a search; None where there are no two loads to compare."""
    spans = _spans_of(summary, visits)
    if len({load for load, _, _ in spans}) < 2:
        return None
    first, stop = min(start for _, start, _ in spans), max(end for _, _, end in spans)
    tracks = steady_tracks(replace(summary, steady_start=first, steady_end=stop), readings)
    usable = ~np.array([in_outage(second, summary) for second in range(first, stop)])
    taken = taken_seconds(tracks) if OTHER_CPU in tracks else np.zeros(stop - first, dtype=bool)
    if min(taken[start - first : end - first].mean() for _, start, end in spans) < _TAKEN_THROUGHOUT:
        usable &= ~taken
    else:
        del tracks[_MACHINE_CPU]
    levels = _levels(spans, first, usable)
    return RunAtLevels(tuple(levels), first, stop - first, tracks, summary.arrivals is not None)


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


def _levels(spans: Iterable[tuple[float, int, int]], first: int, usable: Flags) -> list[LoadLevel]:
    """One for each load, the lowest first; those without a usable second are left out."""
    places: dict[float, list[int]] = defaultdict(list)
    for load, start, end in spans:
        places[load] += [place for place in range(start - first, end - first) if usable[place]]
    return [LoadLevel(load, np.array(sorted(own))) for load, own in sorted(places.items()) if own and load > 0]


def together(levels: Sequence[LoadLevel]) -> LoadLevel:
    """Their seconds, and the mean load over these."""
    places = np.concatenate([level.places for level in levels])
    return LoadLevel(sum(level.load * level.places.size for level in levels) / places.size, np.sort(places))
