"""What the stages of a run share: where results go, whom to tell, how an interruption is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from perfsuite.measurements.records import Record
from perfsuite.model import Headers, LiveSnapshot, Plan
from perfsuite.monitor import Watch
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.own_errors import OwnErrors


class Screen(Protocol):
    """What the pipeline tells while it works."""

    def say(self, text: str) -> None:
        """One line about a stage."""

    def warn(self, text: str) -> None:
        """One line that is shown with --quiet, too."""

    def progress(self, moment: LiveSnapshot) -> None:
        """The state of the load, once a second."""

    def load_over(self) -> None:
        """The load has ended; the next progress belongs to another one."""


class Listener(Protocol):
    """Who wants the records of a load themselves, and not only the moments made from them."""

    def load_begins(self, plan: Plan) -> None:
        """The records to come are those of this plan's load."""

    def recorded(self, records: Sequence[Record]) -> None:
        """What was recorded since the last call: all of it by the time that the load is over."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all runs of a command share."""

    results: Path
    screen: Screen
    interrupts: Interrupts
    request_log: Path | None = None
    """Log of a demo backend, to hold the suite's counts against."""
    step_summary: Path | None = None
    watch: Watch | None = None
    """What to watch at the target while it is loaded."""
    listener: Listener | None = None
    history: str = field(default="", repr=False)
    """URL of the history; "" for the file in `results`."""
    headers: Headers = field(default=(), repr=False)
    """Added to every request to the target; their values are secret and so not in the plan."""
    errors: OwnErrors = field(default_factory=OwnErrors, repr=False)
    """What goes wrong in the suite itself."""
