"""The users of all load processes together, second by second, however late a process reports."""

from __future__ import annotations

from collections.abc import Iterator

from perfsuite.measurements.aggregate import FORGOTTEN_AFTER_S
from perfsuite.measurements.records import Users, WorkerLost

KEPT_S = 60
"""Reports of a second that comes so much later than another process's latest are left out: those before count on."""


class MergedUsers:
    """Sums that `Aggregate.users_at` and `logging_in_by_second` make of the single reports."""

    def __init__(self, kept_s: int = KEPT_S) -> None:
        self._kept_s = kept_s
        self._reports: dict[str, dict[int, Users]] = {}
        """Process → second → its last report of that second."""
        self._first: dict[str, Users] = {}
        self._lost_at: dict[str, int] = {}
        self._changed: set[int] = set()
        self._taken: dict[int, tuple[dict[str, int], int]] = {}
        self._oldest: int | None = None
        self._newest = 0
        self._kept_from = 0

    def add(self, report: Users) -> None:
        """One process's report of one second."""
        worker, second = report.worker, report.second
        reports = self._reports.setdefault(worker, {})
        known = reports.get(second)
        if second < self._newest - self._kept_s or (known is not None and known.sequence > report.sequence):
            return
        reports[second] = report
        first = self._first.get(worker)
        if first is None or second <= first.second:
            self._first[worker] = report
            self._changed.update(range(second - FORGOTTEN_AFTER_S, second))
        self._oldest = second if self._oldest is None else min(self._oldest, second)
        self._newest = max(self._newest, second)
        self._changed.update(range(second, second + FORGOTTEN_AFTER_S + 1))

    def lose(self, lost: WorkerLost) -> None:
        """From then on the process has no users any more."""
        self._lost_at[lost.lost] = at = int(lost.at)
        self._changed.update(range(at, max(self._newest, at) + 1))

    def begin_anew(self) -> dict[str, list[int]]:
        """All sums are to be taken again. Process → seconds of its reports that are kept."""
        self._taken.clear()
        if self._oldest is not None:
            self._changed.update(
                range(max(self._oldest, self._newest - self._kept_s), self._newest + FORGOTTEN_AFTER_S + 1)
            )
        return {worker: sorted(reports) for worker, reports in self._reports.items()}

    def take(self) -> Iterator[tuple[int, dict[str, int], int]]:
        """Seconds whose sums have changed since the last call: second, users by role, and those logging in."""
        oldest, newest = self._oldest, self._newest
        if oldest is None:
            return
        for second in sorted(self._changed):
            if oldest <= second <= newest and (sums := self._sums(second)) != self._taken.get(second):
                self._taken[second] = sums
                yield second, *sums
        kept_from = newest - self._kept_s
        self._changed = {second for second in self._changed if second > newest or kept_from <= second < oldest}
        if kept_from > self._kept_from:
            self._kept_from = kept_from
            self._forget(kept_from)

    def _forget(self, kept_from: int) -> None:
        for second in [each for each in self._taken if each < kept_from]:
            del self._taken[second]
        for reports in self._reports.values():
            for second in [each for each in reports if each < kept_from]:
                del reports[second]

    def _sums(self, second: int) -> tuple[dict[str, int], int]:
        by_role: dict[str, int] = {}
        logging_in = 0
        for worker, reports in self._reports.items():
            for at in range(second, second - FORGOTTEN_AFTER_S - 1, -1):
                if at in reports:
                    if second < self._lost_at.get(worker, second + 1):
                        report = reports[at]
                        logging_in += report.logging_in
                        for role, users in report.by_role.items():  # Counter.update takes three times as long
                            by_role[role] = by_role.get(role, 0) + users
                    break
            first = self._first[worker]
            if second < first.second <= second + FORGOTTEN_AFTER_S:
                logging_in += first.logging_in
        return by_role, logging_in
