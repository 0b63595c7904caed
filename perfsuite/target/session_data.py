"""What a session knows, for the steps of its role: the account, rows that answers gave, and rows that the run made."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from perfsuite.clock import utc_s
from perfsuite.model import Account
from perfsuite.model.role import Call, Role
from perfsuite.target.catalogue import CATALOGUE, CREATIONS, Operation
from perfsuite.target.journal import JournalEntry, is_of_a_check
from perfsuite.target.missing_data import MissingData
from perfsuite.target.rows import Rows
from perfsuite.target.run_state import RunState


class SessionData(ABC):
    """See StepContext. Rows that are not known yet are asked for."""

    __slots__ = ("_account", "_asked", "_missing", "_random", "_seed", "chosen", "known", "role", "run", "user")

    def __init__(self, role: Role, account: Account, run: RunState) -> None:
        self.role = role
        self.run = run
        self.user: dict[str, Any] = {}
        self.known: dict[str, Sequence[dict[str, Any]]] = {}
        self.chosen: dict[str, dict[str, Any]] = {}
        """Kind → the row that the steps of an action are about."""
        self._account = account
        self._missing: MissingData | None = None
        self._asked: dict[str, None] = {}
        """Kinds whose list has answered."""
        self.seed(str(random.random()))

    @abstractmethod
    def _ask(self, operation: Operation, call: Call) -> Any:
        """Make a request whose rows are to be known."""

    def seed(self, key: str) -> None:
        """From here on every choice of the session follows from `key`."""
        self._seed = key
        self._random: random.Random | None = None

    @property
    def random(self) -> random.Random:
        """Where the choices of steps come from."""
        if self._random is None:  # made when it is needed: it takes 2.5 kB
            self._random = random.Random(self._seed)
        return self._random

    @random.setter
    def random(self, source: random.Random) -> None:
        self._random = source

    @property
    def missing(self) -> MissingData:
        """What it asked for without success."""
        if self._missing is None:
            self._missing = MissingData(self.role, self.run)
        return self._missing

    @property
    def account(self) -> Account:
        """What it logs in with."""
        return self._account

    @property
    def phone_number(self) -> str:
        """What the account logs in with."""
        return self._account.phone_number

    @property
    def user_id(self) -> str:
        """The id of the account in use."""
        return str(self.user.get("user_id") or "")

    def need(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind from the latest list; asks one of `role.sources` where none is known yet."""
        rows = self._needed(kind)
        return rows.decoded() if isinstance(rows, Rows) else list(rows)

    def _needed(self, kind: str) -> Sequence[dict[str, Any]]:
        rows = self._rows(kind)
        if not rows:
            self.missing.missed([kind])
        return rows

    def _rows(self, kind: str) -> Sequence[dict[str, Any]]:
        """Asks the source until it has answered once: one failure must not leave the user without data for good."""
        source = self.role.sources.get(kind)
        if source and not self.known.get(kind) and kind not in self._asked:
            arguments = source.arguments(self)
            left_out = self.run.leaves_out(self.role.slug, source.operation)
            if arguments is not None and not left_out:
                self._ask(CATALOGUE[source.operation], arguments)
        return self.known.get(kind, [])

    def pick(self, kind: str) -> dict[str, Any] | None:
        """One of the known rows of a kind, at random; None when the target holds none.

        Rows of checks of correctness are left out: they may be gone when a step asks for them.
        """
        rows = self._needed(kind)
        if not rows:
            return None
        row = self.random.choice(rows)
        if _is_of_a_check(kind, row):
            row = next((each for each in rows if not _is_of_a_check(kind, each)), {})
            if not row:
                self.missing.missed([kind])
        self.chosen[kind] = row
        return row or None

    def row_with(self, field: str, *kinds: str) -> dict[str, Any] | None:
        """A row that has a value in `field`, at random, of the first of these kinds that has one; None without any."""
        for kind in kinds:
            if rows := [row for row in self._rows(kind) if row.get(field)]:
                self.chosen[kind] = self.random.choice(rows)
                return self.chosen[kind]
        self.missing.missed(kinds, field)
        return None

    def just_made(self, kind: str) -> dict[str, Any] | None:
        """The row of that kind that an earlier step of this action made; None where it made none."""
        return self.chosen.get(f"created {kind}")

    def made(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind that this process made in this run."""
        return self.run.created.get(kind, [])

    def new_mark(self) -> str:
        """A text that marks a row as made by this run and this account, never given before."""
        return self.run.marks.next(self.phone_number)

    def leaves_out(self, operation: str) -> bool:
        """True when the role must not make this operation."""
        return self.run.leaves_out(self.role.slug, operation)

    def note_flag(self, name: str, before: bool) -> None:
        """Record, once, that a flag has to be put back."""
        self.run.journal.write_once(JournalEntry("flag", "flag", name, before=before))

    def note_theme(self, before: str | None) -> None:
        """Record, once, that the account's theme has to be put back."""
        entry = JournalEntry("preference", "theme", self.user_id, before=before, by=self.phone_number, at=utc_s())
        self.run.journal.write_once(entry)

    def note_not_restorable(self, thing: str, identity: str) -> None:
        """Record, once, that nobody can put back what was changed."""
        self.run.journal.write_once(JournalEntry("not restorable", thing, identity))

    def _know(self, operation: Operation, rows: Sequence[dict[str, Any]]) -> None:
        self._asked[operation.yields] = None
        if rows:
            self.known[operation.yields] = rows
            if self._missing is not None:
                self._missing.gave_rows(operation)


def _is_of_a_check(kind: str, row: dict[str, Any]) -> bool:
    return kind in CREATIONS and is_of_a_check(str(row.get(CREATIONS[kind].marked_by)))
