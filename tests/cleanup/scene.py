"""A target with rows of a run, and the folder of the run with its journal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from perfsuite.cleanup import CleanupInput, CleanupResult, clean_up
from perfsuite.model import Account, Cleanup
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.journal import Journal, JournalEntry
from perfsuite.target.run_state import RunState
from tests.target.contract import LEAD, POLICY, TICKET, row
from tests.target.fake_target import ACCOUNTS, FakeTarget

ADMIN, AGENT, STAFF = ACCOUNTS["super_admin"], ACCOUNTS["senior_agent"], ACCOUNTS["support_staff"]


class Scene:
    """Both together."""

    def __init__(self, folder: Path) -> None:
        self.target, self.folder = FakeTarget(), folder

    def wrote(self, *entries: JournalEntry) -> None:
        book = Journal(self.folder / "journal.jsonl")
        for entry in entries:
            book.write(entry)
        book.close()

    def make(self, thing: str, number: int = 1, by: Account = AGENT) -> list[str]:
        """Rows that an account has made, in the target and in the journal; their ids."""
        fields, table, marked_by = {
            "policy": (POLICY, self.target.policies, "policy_number"),
            "lead": (LEAD, self.target.leads, "customer_name"),
            "ticket": (TICKET, self.target.tickets, "subject"),
        }[thing]
        ids = [f"{thing}-{by.role}-{count}" for count in range(number)]
        for identity in ids:
            mark = f"PERF-1-{identity}"
            table[identity] = row(fields, **{f"{thing}_id": identity, marked_by: mark})
            self.target.makers[identity] = by.phone_number
            self.wrote(
                JournalEntry("create", thing, mark, by=by.phone_number),
                JournalEntry("created", thing, mark, id=identity),
            )
        return ids

    def cleaned(self, *accounts: Account) -> CleanupResult:
        book = Journal(self.folder / "journal.jsonl")
        run = RunState("basic_1", purpose="cleanup", journal=book)
        done = clean_up(list(journal.read(self.folder)), CleanupInput(ROLES, accounts, run, self.target))
        book.close()
        return done

    def clean(self, *accounts: Account) -> Cleanup:
        """By a Super Admin, where nobody else is named."""
        return self.cleaned(*(accounts or (ADMIN,))).cleanup

    def deletions(self) -> list[tuple[str, str]]:
        """Operation and role of every deletion, in order."""
        return [(asked.operation, asked.user["role"]) for asked in self.target.asked if "delete" in asked.operation]

    def asked(self) -> list[str]:
        return [asked.operation for asked in self.target.asked]


def reasons(done: Cleanup) -> list[str]:
    """Why rows remain, the most frequent reason first."""
    return [group.reason for group in done.remaining]


def made(*rows: tuple[str, str, str]) -> Iterable[JournalEntry]:
    for thing, mark, identity in rows:
        yield JournalEntry("create", thing, mark)
        if identity:
            yield JournalEntry("created", thing, mark, id=identity)
