"""Connections that a load process opens, by the address that answered or did not."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Times, times_of


class Connections:
    """Connections since the last `take`, by remote address: "127.0.0.1:8015", "[::1]:8015"."""

    __slots__ = ("_no_answer", "_opened")

    def __init__(self) -> None:
        self._opened: dict[str, int] = {}
        self._no_answer: dict[str, Histogram] = {}

    def opened(self, address: str) -> None:
        """One was opened."""
        self._opened[address] = self._opened.get(address, 0) + 1

    def did_not_answer(self, address: str, waited_us: int) -> None:
        """An attempt to open one failed, or was given up, after that time."""
        known = self._no_answer.get(address)
        if known is None:
            known = self._no_answer[address] = Histogram()
        known.add(waited_us)

    def take(self) -> tuple[dict[str, int], dict[str, Times]]:
        """Those opened and those not answered since the last call; both begin anew."""
        taken = self._opened, {address: times_of(waits) for address, waits in self._no_answer.items()}
        self._opened, self._no_answer = {}, {}
        return taken


@dataclass(slots=True)
class AddressTotals:
    """Connections to one address added up: how many were opened, and the attempts that waited in vain."""

    opened: int = 0
    no_answer: int = 0
    waited_us: int = 0
    waited_max_us: int = 0

    def add_no_answer(self, waits: Times) -> None:
        """Add attempts of one record."""
        self.no_answer += sum(waits.counts.values())
        self.waited_us += waits.sum_us
        self.waited_max_us = max(self.waited_max_us, waits.max_us)
