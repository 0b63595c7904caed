"""What a generator is asked to do, and what it reports of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from bench.generators.process_tree import Command

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).with_name("scripts")
OURS = "this suite"
FRACTIONS = (0.5, 0.99, 0.999)
Percentiles = tuple[float | None, float | None, float | None]
"""At FRACTIONS, ms."""
SEND, DUE = "", "from when it was due"
"""From where a generator counts a time: the send, or in an open model the moment at which it should have sent."""


class Kind(Enum):
    """The kinds of work."""

    BARE = "bare GET"
    CHECKED = "GET with status and JSON check"
    MIX = "seven-role mix"
    IDLE = "idle users"
    ARRIVALS = "fixed rate"


@dataclass(frozen=True, slots=True)
class Work:
    """One run of one generator. `seconds`: how long it makes load; `rate`: requests per second of ARRIVALS.

    `mix`: a file with the mix as data; `processes`: load processes of this suite.
    """

    kind: Kind
    url: str
    users: int
    seconds: int
    folder: Path
    rate: int = 0
    mix: Path = Path()
    processes: int = 1

    @property
    def variables(self) -> dict[str, str]:
        """What scripts read."""
        found = {
            "HOST": self.url,
            "USERS": str(self.users),
            "SECONDS": str(self.seconds),
            "MIX": str(self.mix),
        }
        found |= {"RATE": str(self.rate)} if self.kind is Kind.ARRIVALS else {}
        return found | ({"CHECKED": "1"} if self.kind in (Kind.CHECKED, Kind.ARRIVALS) else {})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a generator reports at its end. `times_ms`: its percentiles, by where they count from.

    `seconds`: the UTC seconds that they are of; None: of the whole run.
    """

    requests: int
    failures: int
    times_ms: Mapping[str, Percentiles] = field(default_factory=dict)
    seconds: range | None = None


class GeneratorFailed(Exception):
    """A generator did not do its work; the message goes into its cell."""


class Generator(Protocol):
    """A load generator: how it is started, and how its report is read."""

    name: str
    kinds: frozenset[Kind]
    beside_s: int
    """So much longer than the window it makes load: its start, settling, and an end after the window."""

    def command(self, work: Work) -> Command:
        """The command that does the work; whatever it writes goes into the work's folder."""

    def outcome(self, work: Work, output: str) -> Outcome:
        """What it reports. Raises ValueError, KeyError or OSError where it does not."""
