"""What every source is: something that can be asked once a second, and says what it lacks."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from typing import Protocol

from perfsuite import clock
from perfsuite.messages import Message
from perfsuite.model.monitor import METRICS, Reading

LONGEST_MESSAGE = 200

Figures = dict[str, float | None]
"""Metric → value; None: a gap."""


class SourceError(Exception):
    """A source could not be read. The message is one line for the user and holds no secret.

    `final`: trying again would not help (a wrong password), or would do harm.
    """

    def __init__(self, message: Message, *, final: bool = False) -> None:
        super().__init__(message)
        self.message, self.final = message, final


class Clock(Protocol):
    """Where time comes from: the seam at which tests pass a clock of their own."""

    def utc_s(self) -> float:
        """UTC epoch seconds that never jump."""

    def wait(self, wake: threading.Event, seconds: float) -> None:
        """Come back when `wake` is set, or after `seconds` of this clock."""


class SystemClock:
    """The clock of the suite."""

    def utc_s(self) -> float:
        """UTC epoch seconds that never jump."""
        return clock.utc_s()

    def wait(self, wake: threading.Event, seconds: float) -> None:
        """Come back when `wake` is set, or after `seconds`."""
        wake.wait(max(seconds, 0.0))


class Source(Protocol):
    """Something that is monitored. Only one thread ever calls it.

    `name` is the source of its readings; `metrics` are those that it hopes to give, for gaps before the first.
    `rests`, once it is open: asking does harm under load, so that it is read only before and after it.
    """

    name: str
    metrics: tuple[str, ...]
    rests: bool

    def open(self) -> list[Message]:
        """Get ready. A note for each thing that it needs and does not have. Raises SourceError."""

    def read(self) -> list[Reading]:
        """What it is like now. Opens again what has broken. Raises SourceError."""

    def close(self) -> None:
        """Give back what it holds."""


class Rates:
    """Turns counters into figures per second, over the time that was measured between two looks at them."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[float, float]] = {}

    def per_s(self, counter: Hashable, count: float | None, at_s: float) -> float | None:
        """Increase per second since the last look; None at the first look, after a reset, and when not known."""
        before = self._seen.pop(counter, None)
        if count is None:
            return None
        self._seen[counter] = (count, at_s)
        if before is None or count < before[0] or at_s <= before[1]:
            return None
        return (count - before[0]) / (at_s - before[1])

    def forget(self, *counters: Hashable) -> None:
        """The next look at these, or at all, is a first one: what was counted has begun anew."""
        for counter in counters or tuple(self._seen):
            self._seen.pop(counter, None)


class GroupRates:
    """The same for counters of many that come and go: threads, processes."""

    def __init__(self) -> None:
        self._seen: Mapping[Hashable, float] | None = None
        self._at_s = 0.0

    def each(self, counts: Mapping[Hashable, float], at_s: float) -> dict[Hashable, float | None]:
        """Increase per second of each since the last look; who is new counts from its beginning.

        None for all at the first look, and for one whose counter was reset.
        """
        before, span_s = self._seen, at_s - self._at_s
        self._seen, self._at_s = counts, at_s
        if before is None or span_s <= 0:
            return dict.fromkeys(counts)
        rises = {key: count - before.get(key, 0) for key, count in counts.items()}
        return {key: rise / span_s if rise >= 0 else None for key, rise in rises.items()}

    def total(self, counts: Mapping[Hashable, float], at_s: float) -> float | None:
        """Increase per second of all together; None at the first look, and when there is nobody."""
        known = [rate for rate in self.each(counts, at_s).values() if rate is not None]
        return sum(known) if known else None

    def forget(self) -> None:
        """The next look is a first one."""
        self._seen = None


def as_percent(share: float | None) -> float | None:
    """A share of one as per cent; None stays None."""
    return None if share is None else 100.0 * share


def share_percent(part: float | None, rest: float | None) -> float | None:
    """`part` of `part` + `rest`, in per cent; None when one is not known or there is nothing to have a share of."""
    if part is None or rest is None or part + rest <= 0:
        return None
    return 100.0 * part / (part + rest)


def readings_of(source: str, at_s: float, figures: Mapping[str, float | None]) -> list[Reading]:
    """Metric → value as readings, with the units of the catalogue."""
    return [Reading(at_s, source, metric, value, METRICS[metric].unit) for metric, value in figures.items()]


def scrubbed(text: str, *secrets: str | None) -> str:
    """The first line of a message from outside, without secrets and not too long."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    lines = text.strip().splitlines() or ["no reason given"]
    return lines[0].strip()[:LONGEST_MESSAGE]


def less_own(rate: float | None, own: float) -> float | None:
    """A rate without what the monitor itself has caused; never below zero."""
    return None if rate is None else max(rate - own, 0.0)
