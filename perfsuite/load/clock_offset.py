"""How far the master's clock is ahead of this worker's, and within which bounds that is certain.

The method: docs/decisions/0034-clocks-of-workers.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from perfsuite.clock import own_s

DRIFT_PPM = 200.0
"""So much the clocks of two machines may gain on each other: crystals keep within 100 ppm, time services correct by
less than that."""
RESOLUTION_S = 1e-6
"""UTC epoch seconds as a float are exact to a quarter of a microsecond; an offset is made of four of them."""


class ClockOffset:
    """The offset from round trips: a worker sends its time, the master answers with its own.

    The master read its clock between sending and receiving. Each round trip therefore bounds the offset from both
    sides, however unequal the two ways are, and the bounds widen with the drift that clocks may have. The offset lies
    within the bounds of every round trip: of all of them only the tightest upper and lower bound are kept. These are
    never wider than the bounds of the quickest round trip.
    """

    def __init__(self, own_s: Callable[[], float] = own_s) -> None:
        """`own_s`: this worker's UTC without any correction, s."""
        self._own_s = own_s
        self._since_s = 0.0
        self._above_s, self._below_s = math.inf, -math.inf
        """Bounds of the offset at `_since_s`, were they to widen from then on: they may have crossed there."""
        self.contradictions = 0
        """Round trips that no offset fits together with those before them: a clock jumped (a machine was suspended) or
        drifted more than allowed. Only what came since the last one is used."""

    def add(self, sent_s: float, master_s: float, received_s: float) -> None:
        """One round trip: when this worker sent and received (`own_s`), and the master's UTC in the answer."""
        if not (sent_s <= received_s and math.isfinite(received_s - sent_s) and math.isfinite(master_s)):
            raise ValueError(f"no round trip: sent {sent_s}, master {master_s}, received {received_s}")
        if self.offset_s is None:
            self._since_s = received_s
        above_s = master_s - sent_s - self._drift_s(sent_s)
        below_s = master_s - received_s + self._drift_s(received_s)
        together = min(above_s, self._above_s), max(below_s, self._below_s)
        if together[1] - together[0] > 2 * (self._drift_s(self._own_s()) + RESOLUTION_S):
            self.contradictions += 1
            together = above_s, below_s
        self._above_s, self._below_s = together

    def _drift_s(self, at_s: float) -> float:
        return (at_s - self._since_s) * DRIFT_PPM / 1e6

    @property
    def offset_s(self) -> float | None:
        """Master minus worker; None before the first round trip. It changes with a round trip only."""
        return (self._above_s + self._below_s) / 2 if self._above_s < math.inf else None

    @property
    def uncertainty_s(self) -> float | None:
        """The true offset lies within `offset_s` ± this now; it grows until the next round trip."""
        if self.offset_s is None:
            return None
        return (self._above_s - self._below_s) / 2 + self._drift_s(self._own_s()) + RESOLUTION_S
