"""Failures of requests that have something in common."""

from __future__ import annotations

from perfsuite.messages import Code


class FailureMessage(Code):
    """A pattern of failures, and what follows from it."""

    PATTERN = "{what}, {times}, {where}"
    REGULAR_PATTERN = "{what}, {times}, {spacing}, {where}"
    LIKELY_IN_FRONT = "likely something in front of the operations"
    SEEN_BEFORE = "seen before the load as well: {where:list}"
    NOT_SEEN_BEFORE = "not seen before the load"
