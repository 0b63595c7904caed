"""The record of a check of correctness, and all of them added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from perfsuite.model.correctness import CheckKey, CheckResult, CheckStep, Exchanged


class CheckEnded(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="check", tag_field="kind"):
    """A check of correctness that ended in one UTC second, or that could not be made (`why`).

    `watched`: it was no request of a check that showed it, but answers of the load; `count`: how many alike ones, of
    which the first is shown. `requests`: how many were sent, logins included; they are in no other record. `result` and
    the fields from `expected` on as in `perfsuite.model.correctness`.
    """

    worker: str
    sequence: int
    second: int
    invariant: str
    rule: str
    operation: str
    roles: tuple[str, ...]
    result: str
    requests: int = 0
    count: int = 1
    why: str = ""
    expected: str = ""
    seen: str = ""
    evidence: tuple[Exchanged, ...] = ()
    steps: tuple[CheckStep, ...] = ()
    watched: bool = False


@dataclass(slots=True)
class CheckTotals:
    """The checks of a run, added up."""

    requests: int = 0
    results: Counter[tuple[CheckKey, str]] = field(default_factory=Counter)
    """How often a check ended so, by `CheckResult`; those without a result are in `not_checked`."""
    watched: Counter[tuple[CheckKey, str]] = field(default_factory=Counter)
    """Those of them that were answers of the load."""
    not_checked: Counter[tuple[CheckKey, str]] = field(default_factory=Counter)
    """By the reason."""
    violations: dict[CheckKey, CheckEnded] = field(default_factory=dict)
    """The first of each."""

    def add(self, record: CheckEnded) -> None:
        """Count one."""
        key = record.invariant, record.rule, record.operation, record.roles
        self.requests += record.requests
        if record.result == CheckResult.NOT_CHECKED:
            self.not_checked[key, record.why] += record.count
            return
        self.results[key, record.result] += record.count
        if record.watched:
            self.watched[key, record.result] += record.count
        if record.result == CheckResult.VIOLATED:
            known = self.violations.setdefault(key, record)
            if (record.second, record.sequence) < (known.second, known.sequence):
                self.violations[key] = record
