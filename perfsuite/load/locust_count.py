"""Locust's own count of requests, compared with ours at the end of a run, without what Locust keeps beside it."""

from __future__ import annotations

from typing import Any

from perfsuite.load.install import counted_by_locust


class LocustCount:
    """Takes over what Locust has counted so far and empties its statistics.

    They hold a number for every second and operation and a line for every error message ever seen: over hours
    that is a hundred megabytes that nobody reads.
    """

    def __init__(self) -> None:
        self._before = 0

    def take_over(self, environment: Any) -> None:
        """Empty Locust's statistics; its count goes on from here."""
        self._before += counted_by_locust(environment)
        environment.stats.clear_all()

    def total(self, environment: Any) -> int:
        """All that Locust has counted."""
        return self._before + counted_by_locust(environment)
