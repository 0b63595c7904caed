"""Which behaviour of a role comes next: in proportion to their shares and without long droughts."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from perfsuite.model.role import Behaviour


class WeightedRoundRobin:
    """Smooth weighted round-robin from a random beginning.

    After any number of turns every behaviour is within one turn or so of its share, so that a single user
    meets all of them soon; the random beginning keeps users from marching in step.
    """

    __slots__ = ("_behaviours", "_credit", "_taken", "_total")

    def __init__(self, behaviours: Sequence[Behaviour], rng: random.Random) -> None:
        self._behaviours = list(behaviours)
        rng.shuffle(self._behaviours)
        self._total = sum(behaviour.share for behaviour in behaviours)
        self._credit = [rng.uniform(0, behaviour.share) for behaviour in self._behaviours]
        self._taken = 0

    def next(self) -> Behaviour | None:
        """The next behaviour; None when the target offers nothing that the role does."""
        self._taken += 1
        if not self._behaviours:
            return None
        credits, best, most = self._credit, 0, -math.inf
        for index, behaviour in enumerate(self._behaviours):
            credits[index] = credit = credits[index] + behaviour.share
            if credit > most:
                best, most = index, credit
        credits[best] -= self._total
        return self._behaviours[best]

    def at(self, number: int) -> Behaviour | None:
        """The behaviour of that turn, counted from 0; the turns up to it are passed over. The numbers must grow."""
        while self._taken < number:
            self.next()
        return self.next()
