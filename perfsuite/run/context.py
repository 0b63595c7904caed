"""What the stages of a run share: plan, accounts, folder, output, signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.model import Account, Headers, LiveSnapshot, Plan
from perfsuite.monitor import Watch
from perfsuite.plan.build import new_run_folder
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.load_run import PLAN_FILE, save
from perfsuite.target.connection import ConnectionSettings, connection_settings
from perfsuite.target.exchange import Transport
from perfsuite.target.http_client import HttpClient
from perfsuite.target.journal import Journal
from perfsuite.target.retry_after import RetryAfterClient
from perfsuite.target.run_state import RunState

TIMEOUT_S = 30.0
"""How long to wait for an answer before and after the load, where the user did not say."""


class Screen(Protocol):
    """Where the pipeline shows its progress."""

    def say(self, text: str) -> None:
        """One line about a stage."""

    def warn(self, text: str) -> None:
        """One line that is shown with --quiet, too."""

    def progress(self, snapshot: LiveSnapshot) -> None:
        """The state of the load, once a second."""

    def load_over(self) -> None:
        """The load has ended; the next progress belongs to another one."""


class RecordListener(Protocol):
    """Reads what a load records, and not only the snapshots made from it."""

    def load_begins(self, plan: Plan, aggregate: Aggregate) -> None:
        """From now on `aggregate` holds what the load of this plan has recorded."""


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What all runs of a command share."""

    results: Path
    screen: Screen
    interrupts: Interrupts
    request_log: Path | None = None
    """Log of a demo backend, to check the suite's counts."""
    step_summary: Path | None = None
    watch: Watch | None = None
    """What to monitor at the target during the load."""
    listener: RecordListener | None = None
    history: str = field(default="", repr=False)
    """URL of the history; "" for the file in `results`."""
    headers: Headers = field(default=(), repr=False)
    """Added to every request to the target; their values are secret and therefore not in the plan."""
    key_password: str = field(default="", repr=False)
    """Of the client key; likewise."""
    worker_token: str = field(default="", repr=False)
    """Of workers that join from elsewhere; likewise."""
    errors: ErrorCollector = field(default_factory=ErrorCollector, repr=False)
    """Errors of the suite itself."""

    def for_run(self, plan: Plan, accounts: Sequence[Account], folder: Path) -> RunContext:
        """The context of the run in that folder."""
        shared = {each.name: getattr(self, each.name) for each in fields(CommandContext)}
        return RunContext(**shared, plan=plan, accounts=tuple(accounts), folder=folder)

    def begin(self, plan: Plan, accounts: Sequence[Account], name: str) -> RunContext:
        """A new run: its folder with its plan, and no errors counted. Raises UsageError where it cannot be written."""
        folder = new_run_folder(self.results, name, datetime.now(UTC))
        secrets = [account.password for account in accounts] + [value for _name, value in self.headers]
        self.errors.reset(folder, [*secrets, *filter(None, [self.key_password, self.worker_token])])
        plan = replace(plan, run_id=folder.name)
        save(folder / PLAN_FILE, plan)
        return self.for_run(plan, accounts, folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext(CommandContext):
    """One run: what it is made with, and where its files go."""

    plan: Plan
    accounts: tuple[Account, ...] = field(repr=False)
    folder: Path

    @property
    def connection(self) -> ConnectionSettings:
        """How the target is reached."""
        return connection_settings(self.plan, self.headers, self.key_password)

    def connect(self) -> Transport:
        """A connection to the target that waits where the target's rate limit asks for it."""
        settings = replace(self.connection, timeout_s=self.connection.timeout_s or TIMEOUT_S)
        return RetryAfterClient(HttpClient(settings), self.screen.say)

    def state_for(self, purpose: str, journal: Journal | None = None) -> RunState:
        """What the sessions of a stage share; the target's log shows their `purpose`."""
        return RunState.of(self.plan, self.headers, purpose, journal)
