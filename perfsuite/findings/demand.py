"""Do requests ask more of the database at the end of a load than they did in it?

A first look that may well be wrong: it only decides whether it is worth some seconds to count once more, operation by
operation. So it asks for no proof.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perfsuite.findings.series import steady_tracks
from perfsuite.model import Summary
from perfsuite.model.monitor import Reading
from perfsuite.timeseries import FULL_SCANS, STATEMENTS, Floats, middle

_WINDOW_S = 10
_LOOKED_AT = ((STATEMENTS, 1.4, 0.5), (FULL_SCANS, 2.0, 0.2))
"""Figure per request, by which factor it rose, and by how much at least."""


def asks_more(summary: Summary, readings: Sequence[Reading]) -> bool:
    """False without a steady state of some length, and where statements are not watched."""
    tracks = steady_tracks(summary, readings)
    return any(_rose(tracks[metric].known, factor, least) for metric, factor, least in _LOOKED_AT if metric in tracks)


def _rose(values: Floats, factor: float, least: float) -> bool:
    """Are the last seconds above the lowest level before them? While caches fill, the first ones are high too."""
    if values.size < 2 * _WINDOW_S:
        return False
    before = np.lib.stride_tricks.sliding_window_view(values[:-_WINDOW_S], _WINDOW_S)
    lowest, now = float(np.median(before, axis=1).min()), middle(values[-_WINDOW_S:])
    return now >= factor * lowest and now - lowest >= least
