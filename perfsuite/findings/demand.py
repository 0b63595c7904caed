"""Do requests cost the database more at the end of a load than at its start?

A first look that may be wrong: it only decides whether a second fingerprint is worth some seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from perfsuite.model.monitor import Reading
from perfsuite.timeseries import FULL_SCANS, STATEMENTS, Floats, middle, per_request, tracks_of

_WINDOW_S = 10
_LIMITS = {STATEMENTS: (1.4, 0.5), FULL_SCANS: (2.0, 0.2)}
"""Figure per request → by which factor it rose, and by how much at least."""


def asks_more(requests: Mapping[int, int], readings: Sequence[Reading]) -> bool:
    """`requests`: UTC second of the steady state → answered requests. False where it is short or no reading tells."""
    if not requests:
        return False
    first_s = min(requests)
    length_s = max(requests) + 1 - first_s
    answered = np.array([requests.get(first_s + place, math.nan) for place in range(length_s)])
    tracks = per_request(tracks_of(readings, first_s, length_s), answered)
    return any(_rose(track.known, *_LIMITS[track.metric]) for track in tracks if track.metric in _LIMITS)


def _rose(values: Floats, factor: float, least: float) -> bool:
    """Are the last seconds above the lowest level before them? While caches fill, the first ones are high too."""
    if values.size < 2 * _WINDOW_S:
        return False
    before = np.lib.stride_tricks.sliding_window_view(values[:-_WINDOW_S], _WINDOW_S)
    lowest, now = float(np.median(before, axis=1).min()), middle(values[-_WINDOW_S:])
    return now >= factor * lowest and now - lowest >= least
