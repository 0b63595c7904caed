"""Samples as a session makes them, from few words."""

from __future__ import annotations

from functools import cache
from typing import Any

from perfsuite.model import FailureKind
from perfsuite.model.failures import Failure
from perfsuite.model.sample import Sample, Series

Key = tuple[int, str, str, str]
"""UTC second, role, behaviour, operation."""


@cache
def series(role: str, behaviour: str, operation: str, method: str = "GET") -> Series:
    """One object for each combination, as in a run."""
    return Series(role, behaviour, operation, method)


def sample(key: Key, elapsed_us: int, *, request_id: str = "", sent_s: float = 0.0, **more: Any) -> Sample:
    """An answer to a request that was sent `sent_s` after the beginning of the second, over an open connection."""
    second, *names = key
    status = more.pop("status", 200)
    return Sample(series(*names), request_id, second + sent_s, elapsed_us, status, 400, **more)


def failed(key: Key, elapsed_us: int, message: str = "HTTP 500", kind: FailureKind = FailureKind.STATUS) -> Sample:
    """A request that failed."""
    return sample(key, elapsed_us, failure=Failure(kind, message))
