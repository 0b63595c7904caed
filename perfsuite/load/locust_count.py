"""Locust's own count of requests, compared with ours at the end of a run, without what Locust keeps beside it."""

from __future__ import annotations

from typing import Any

from locust.stats import RequestStats


class LocustCount(RequestStats):
    """Locust's statistics of a load process, which nobody looks at: it only counts requests.

    The usual ones cost more for each request than our own record, and hold a number for every second and operation and
    a line for every error message ever seen: over hours that is a hundred megabytes.
    """

    def log_request(self, method: str, name: str, response_time: int, content_length: int) -> None:
        """Count it."""
        self.total.num_requests += 1

    def log_error(self, method: str, name: str, error: Exception | str | None) -> None:
        """Count it as failed, too."""
        self.total.num_failures += 1

    def clear_all(self) -> None:
        """Nothing: the count goes on from start to start of users."""


def note_own_listeners(environment: Any, others: int = 0) -> None:
    """Of requests: those of Locust's statistics and of the suite. `others`: of plug-ins that were there before."""
    environment.agentmitra_listeners = listeners(environment.events) - others


def listeners(events: Any) -> int:
    """How many listen to requests now."""
    return len(events.request._handlers)


def own_listeners(environment: Any) -> int:
    """How many these are; -1 where it is not known."""
    return getattr(environment, "agentmitra_listeners", -1)
