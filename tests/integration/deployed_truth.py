"""What the backend's own log and tables say of a run, beside what the run says of them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perfsuite.model import ALL
from perfsuite.target.catalogue import CATALOGUE
from tests.integration.programs import Ended
from tests.integration.table_changes import TableChange, changes

Route = tuple[str, str]
"""Method and path template."""
_OF_A_POLICY = "coverages"
_STATUS = {"leads": "lead_status", "policies": "status"}
_THING = {"leads": "lead", "policies": "policy"}
_MADE_BY = {"lead": "leads.create", "policy": "policies.create"}
_INHERENT = {"last_login_at", "updated_at"}
"""What logins and changes that were taken back leave in an account."""


@dataclass(frozen=True)
class Truth:
    """Log lines of the load, and changes of the tables."""

    run: Ended
    log: list[dict[str, Any]]
    tables: dict[str, TableChange]

    @classmethod
    def of(cls, run: Ended) -> Truth:
        """Of a run of `runs.deployed_run`."""
        return cls(run, run.beside["log"], changes(run.beside["before"], run.beside["after"]))

    @staticmethod
    def second_of(line: dict[str, Any]) -> float:
        """When a request arrived, UTC epoch seconds."""
        return datetime.fromisoformat(line["time"]).timestamp()

    def logged_by_route(self) -> Counter[Route]:
        """Route → requests that reached it."""
        return Counter((line["method"], line["route"]) for line in self.log)

    def counted_by_route(self) -> Counter[Route]:
        """Route → requests of the whole run, as its CSV says."""
        counted: Counter[Route] = Counter()
        with (self.run.folder / "stats.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if ALL not in (row["role"], row["behaviour"], row["operation"]):
                    counted[route_of(row["operation"])] += int(row["requests"])
        return counted

    def remaining(self) -> Counter[tuple[str, str]]:
        """Kind and status → rows of this run that are in the tables after it."""
        return Counter(
            (_THING[name], str(row[_STATUS[name]]))
            for name in _THING
            for row in (self.tables[name].added if name in self.tables else ())
        )

    def whole_log(self) -> list[dict[str, Any]]:
        """Log lines of the load, of preflight and of the checks of correctness."""
        return [*self.log, *self.run.beside["preflight log"], *self.run.beside["check log"]]

    def made(self) -> Counter[str]:
        """Kind → rows that were made, in preflight and under load, as the log says."""
        routes = {route_of(operation): thing for thing, operation in _MADE_BY.items()}
        lines = [line for line in self.whole_log() if line["status"] in (200, 201)]
        asked = [routes.get((line["method"], line["route"])) for line in lines]
        return Counter(thing for thing in asked if thing is not None)

    def told_to_remain(self) -> Counter[tuple[str, str]]:
        """Kind and status → rows that the run says are marked and remain."""
        kept: Iterable[dict[str, Any]] = self.run.summary["cleanup"]["soft_deleted"]
        return Counter({(each["thing"], each["status"]): each["rows"] for each in kept})

    def changed_accounts(self) -> set[str]:
        """Accounts that are otherwise than before, in more than the time of a login or a change."""
        users = self.tables["users"].changed if "users" in self.tables else {}
        return {user_id for user_id, columns in users.items() if columns - _INHERENT}

    def changed_columns(self) -> set[str]:
        """Columns of accounts that are otherwise than before."""
        users = self.tables["users"].changed if "users" in self.tables else {}
        return set().union(*users.values())

    def other_tables(self) -> set[str]:
        """Tables in which anything changed that is no account, no row of this run, and no part of such a row."""
        own = {row["policy_id"] for row in self.tables["policies"].added} if "policies" in self.tables else set()
        return {
            name
            for name, change in self.tables.items()
            if change.gone
            or (change.changed and name != "users")
            or (change.added and name not in (*_THING, _OF_A_POLICY))
            or (name == _OF_A_POLICY and {row["policy_id"] for row in change.added} - own)
        }


def route_of(operation: str) -> Route:
    """The route of an operation of the catalogue."""
    found = CATALOGUE[operation]
    return found.method, found.template.split("?")[0]
