"""The records of a run, added up once for all who read them: summary, live view, Prometheus, readings of the load.

Records only add up: neither their order nor their process matters.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from perfsuite.garbage_collection import without_collecting
from perfsuite.measurements.check_ended import CheckEnded, CheckTotals
from perfsuite.measurements.connections import AddressTotals
from perfsuite.measurements.minutes import Minute, Rolled, with_shared_times
from perfsuite.measurements.records import (
    MERGED,
    Actions,
    Arrivals,
    End,
    ErrorCount,
    Generator,
    InFlight,
    Ledger,
    NotPossible,
    NotStarted,
    Phase,
    RawSampleState,
    Requests,
    SuiteErrors,
    Users,
    WorkerJoined,
    WorkerLost,
    WorkerRefused,
)
from perfsuite.measurements.slowest import SlowRequest, slowest_of
from perfsuite.measurements.sums import (
    ArrivalTotals,
    FailureTotals,
    LineTotals,
    ProcessTotals,
    RecordedSecond,
    RoleTotals,
)
from perfsuite.measurements.totals import Due, errors_in, is_unanswered, values_in
from perfsuite.model import FailureKind
from perfsuite.model.summary_parts import OperationSeconds

FORGOTTEN_AFTER_S = 5
"""A process that has not reported its users for longer is gone, and its users with it."""


class Aggregate:
    """A run's records, added up: sums over the whole run, and the records of each second until it is forgotten.

    Hold `lock` to read while another thread adds.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seconds: dict[int, RecordedSecond] = {}
        self.minutes: dict[int, RecordedSecond] = {}
        """First second → records of a minute that was rolled up; its seconds have sums in place of them."""
        self.operations: defaultdict[tuple[str, str], OperationSeconds] = defaultdict(OperationSeconds)
        """Of these minutes, by role and operation."""
        self.first: int | None = None
        self.last: int | None = None
        self.by_role: defaultdict[str, RoleTotals] = defaultdict(RoleTotals)
        self.requests: Counter[tuple[str, str]] = Counter()
        """By role and operation, those that never began included."""
        self.lines: dict[tuple[str, str], LineTotals] = {}
        """By role and operation, of the seconds that are kept."""
        self.answered: Counter[int] = Counter()
        """Second → requests that an HTTP answer came back to, errors included."""
        self.expired = 0
        """Requests besides these, refused because a token had expired, and sent again."""
        self.retries = 0
        """Requests that were repeated over a new connection."""
        self.connections: defaultdict[str, AddressTotals] = defaultdict(AddressTotals)
        self.failures: dict[tuple[str, str, str, str], FailureTotals] = {}
        """By role, operation, kind and message."""
        self.arrivals = ArrivalTotals()
        self.not_possible: Counter[tuple[str, str, str]] = Counter()
        """By role, operation and reason."""
        self.users: dict[str, dict[int, Users]] = {}
        """Process → second → its last report of that second."""
        self.processes: dict[str, ProcessTotals] = {}
        self.workers: set[str] = set()
        """Processes that made load; one that only reports phases is none."""
        self.phases: list[Phase] = []
        self.lost: list[WorkerLost] = []
        self.joined: list[WorkerJoined] = []
        self.refused: list[WorkerRefused] = []
        self.ledger: dict[str, Ledger] = {}
        """Process → what it sent and what arrived; {} in older files."""
        self.suite_errors: Counter[tuple[str, str, str]] = Counter()
        """By place, message and log."""
        self.ends: dict[str, End] = {}
        self.raw_samples: dict[str, RawSampleState] = {}
        """Process → the state of its file of all requests."""
        self.checks = CheckTotals()
        self._numbers: dict[str, list[int]] = {}
        """Process → lowest and highest sequence number, and how many records."""
        self._reported: dict[str, int] = {}

    @classmethod
    def of(cls, records: Iterable[Rolled]) -> Aggregate:
        """All of these."""
        aggregate = cls()
        with without_collecting():
            aggregate.add(records)
        return aggregate

    def add(self, records: Iterable[Rolled]) -> None:
        """Add further records."""
        with self.lock:
            for record in records:
                if isinstance(record, Minute):
                    self._add_minute(record)
                    continue
                number = record.sequence
                numbers = self._numbers.setdefault(record.worker, [number, number, 0])
                numbers[2] += 1
                if number > numbers[1]:
                    numbers[1] = number
                elif number < numbers[0]:
                    numbers[0] = number
                _ADDERS[type(record)](self, record)

    def forget_before(self, second: int) -> None:
        """Keep only the sums of earlier seconds, so that the memory of a run under way is bounded."""
        with self.lock:
            for old in [each for each in self.seconds if each < second]:
                for key, line in self.seconds.pop(old).lines.items():
                    self.lines[key].add(-line.requests, -line.took_us, -line.failures)
            for reports in self.users.values():
                for old in [each for each in reports if each < second]:
                    del reports[old]

    def parts(self) -> Iterator[tuple[int, RecordedSecond]]:
        """Each second and each minute that was rolled up, by its first second: together all records."""
        yield from self.seconds.items()
        yield from self.minutes.items()

    # ── what is read ────────────────────────────────────────────────────────────────────────────────

    @property
    def lost_reports(self) -> int:
        """Records that are missing, by their numbers; a process counts from 0 or 1.

        Where its records were merged with those of others, they have other numbers, and the ledger says how many.
        """
        found = {worker: ledger.lost_records for worker, ledger in self.ledger.items()}
        for worker, (first, last, count) in self._numbers.items():
            found[worker] = max(last - min(first, 1) + 1 - count, found.get(worker, 0))
        return sum(found.values())

    @property
    def reported_until(self) -> int | None:
        """The second up to which every process has reported; reports of that second may still come. None before any."""
        newest = max(self._reported.values(), default=0)
        return min((at for at in self._reported.values() if newest - at <= FORGOTTEN_AFTER_S), default=None)

    def users_at(self, seconds: Iterable[int]) -> Iterator[tuple[int, list[Users]]]:
        """Each second with the latest reports up to it of the processes that are there then.

        A lost process has no users any more: they were placed on the others, and would count twice.
        """
        lost_at = {record.lost: int(record.at) for record in self.lost}
        latest: dict[str, Users] = {}
        for second in seconds:
            for worker, reports in self.users.items():
                if second in reports:
                    latest[worker] = reports[second]
            yield (
                second,
                [
                    users
                    for worker, users in latest.items()
                    if second - users.second <= FORGOTTEN_AFTER_S and second < lost_at.get(worker, second + 1)
                ],
            )

    def slowest(self, seconds: Iterable[int]) -> dict[tuple[str, str, str], list[tuple[int, SlowRequest]]]:
        """Role, behaviour and operation → the ten slowest requests due in these seconds, each with its second."""
        found: defaultdict[tuple[str, str, str], list[tuple[int, SlowRequest]]] = defaultdict(list)
        for number in seconds:
            parts = (known[number] for known in (self.seconds, self.minutes) if number in known)
            for record in (record for part in parts for record in part.requests):
                found[record.role, record.behaviour, record.operation] += [(number, one) for one in record.slowest]
        return {key: slowest_of(requests) for key, requests in found.items() if requests}

    # ── one kind of record each ─────────────────────────────────────────────────────────────────────

    def _at(self, worker: str, second: int) -> RecordedSecond:
        if worker != MERGED:
            self.workers.add(worker)
        found = self.seconds.get(second)
        if found is None:
            found = self.seconds[second] = RecordedSecond()
            self.first = second if self.first is None else min(self.first, second)
            self.last = second if self.last is None else max(self.last, second)
        return found

    def _count_due(self, record: Due, sums: LineTotals) -> None:
        totals = self.by_role[record.role]
        totals.requests += sums.requests
        totals.failures += sums.failures
        self.requests[record.role, record.operation] += sums.requests

    def _add_due(self, record: Due, second: RecordedSecond, sums: LineTotals) -> None:
        key = record.role, record.operation
        self._count_due(record, sums)
        for lines in (second.lines, self.lines):
            known = lines.get(key)
            if known is None:
                known = lines[key] = LineTotals()
            known.add(sums.requests, sums.took_us, sums.failures)
        if sums.failures:
            for error in errors_in(record):
                self._add_failures((*key, error.kind, error.message), record.second, error)

    def _add_failures(self, key: tuple[str, str, str, str], second: int, error: ErrorCount) -> None:
        self._add_failure_totals(key, FailureTotals(error.count, second, second, error.request_id, second))

    def _add_failure_totals(self, key: tuple[str, str, str, str], new: FailureTotals) -> None:
        known = self.failures.setdefault(key, new)
        if known is not new:
            known.merge(new)

    def _add_requests(self, record: Requests) -> None:
        second = self._at(record.worker, record.second)
        second.requests.append(record)
        sums = self._count_requests(record)
        self._add_due(record, second, sums)
        self._add_answers(record.second, second, sums.requests, [(each.kind, each.count) for each in record.errors])

    def _count_requests(self, record: Requests) -> LineTotals:
        """Count them over the whole run; their sums."""
        ok, failed = record.ok, record.failed
        sums = LineTotals(values_in(ok), ok.sum_us)
        totals = self.by_role[record.role]
        totals.response.add(ok.counts, ok.sum_us)
        if failed.counts:
            failures = values_in(failed)
            sums.add(failures, failed.sum_us, failures)
            totals.response.add(failed.counts, failed.sum_us)
        totals.service.add(record.service.counts, record.service.sum_us)
        totals.ended += record.ended
        totals.ended_failed += record.ended_failed
        if record.server.counts:
            totals.server_times += values_in(record.server)
            totals.server_zeros += record.server.counts.get(0, 0)
        if record.tls.counts:
            totals.tls += values_in(record.tls)
        self.expired += record.expired
        self.retries += record.retries
        return sums

    def _add_answers(
        self, number: int, second: RecordedSecond, requests: int, errors: Iterable[tuple[str, int]]
    ) -> None:
        answered = requests
        for kind, count in errors:
            if is_unanswered(kind):
                second.unanswered += count
                answered -= count
            elif kind == FailureKind.UNFINISHED:
                second.unfinished += count
                answered -= count
            elif kind == FailureKind.GENERATOR:
                second.never_left += count
                answered -= count
        self.answered[number] += answered

    def _add_minute(self, minute: Minute) -> None:
        part = self.minutes.setdefault(minute.second, RecordedSecond())
        part.actions += minute.actions
        part.not_started += minute.not_started
        for record in map(with_shared_times, minute.requests):
            part.requests.append(record)
            self._count_due(record, self._count_requests(record))
        for never in minute.not_started:
            self._count_due(never, self._count_not_started(never))
        for missing in minute.not_possible:
            self.not_possible[missing.role, missing.operation, missing.why] += missing.count
        for each in minute.failures:
            totals = FailureTotals(each.count, each.first, each.last, each.request_id, each.request_second)
            self._add_failure_totals((each.role, each.operation, each.kind, each.message), totals)
            part.unfinished += each.count * (each.kind == FailureKind.UNFINISHED)
            part.ordinals.setdefault((each.kind, each.message), []).extend(each.ordinals)
        for of_one in minute.operations:
            self.operations[of_one.role, of_one.operation].extend(of_one.seconds, of_one.requests, of_one.took_us)
        for sums in minute.seconds:
            second = self._at(MERGED, sums.second)
            second.sums.append(sums)
            sent = sums.requests - sums.not_started
            self._add_answers(sums.second, second, sent, [(kind, count) for kind, _message, count in sums.errors])
        for worker, (low, high, count) in minute.numbers.items():
            self._at(worker, minute.second)
            numbers = self._numbers.setdefault(worker, [low, high, 0])
            numbers[:] = min(low, numbers[0]), max(high, numbers[1]), numbers[2] + count

    def _add_not_started(self, record: NotStarted) -> None:
        second = self._at(record.worker, record.second)
        second.not_started.append(record)
        self._add_due(record, second, self._count_not_started(record))

    def _count_not_started(self, record: NotStarted) -> LineTotals:
        count = values_in(record.waited)
        totals = self.by_role[record.role]
        totals.not_started += count
        totals.response.add(record.waited.counts, record.waited.sum_us)
        return LineTotals(count, record.waited.sum_us, count)

    def _add_actions(self, record: Actions) -> None:
        self._at(record.worker, record.second).actions.append(record)

    def _report(self, record: Users | Generator) -> None:
        if record.worker != MERGED:  # its processes report themselves
            self._reported[record.worker] = max(record.second, self._reported.get(record.worker, record.second))

    def _add_users(self, record: Users) -> None:
        self._at(record.worker, record.second)
        self._report(record)
        reports = self.users.setdefault(record.worker, {})
        known = reports.get(record.second)
        if known is None or record.sequence > known.sequence:
            reports[record.second] = record

    def _add_generator(self, record: Generator) -> None:
        self._at(record.worker, record.second).generators.append(record)
        self._report(record)
        process = self.processes.get(record.worker)
        if process is None:
            process = self.processes[record.worker] = ProcessTotals(record)
        elif (record.second, record.sequence) > (process.latest.second, process.latest.sequence):
            process.latest = record
        process.loop_lag.add(record.loop_lag.counts, record.loop_lag.sum_us)
        for address, opened in record.connections.items():
            self.connections[address].opened += opened
        for address, waits in record.no_answer.items():
            self.connections[address].add_no_answer(waits)

    def _add_arrivals(self, record: Arrivals) -> None:
        self._at(record.worker, record.second).arrivals.append(record)
        self.arrivals.due += record.due
        self.arrivals.begun += record.begun
        self.arrivals.lag.add(record.lag.counts, record.lag.sum_us)

    def _add_not_possible(self, record: NotPossible) -> None:
        self._at(record.worker, record.second)
        self.not_possible[record.role, record.operation, record.why] += record.count

    def _add_lost(self, record: WorkerLost) -> None:
        self.lost.append(record)
        self._reported.pop(record.lost, None)

    def _add_ledger(self, record: Ledger) -> None:
        self.ledger[record.of] = record

    def _add_suite_errors(self, record: SuiteErrors) -> None:
        self.suite_errors[record.place, record.message, record.log] += record.count

    def _add_end(self, record: End) -> None:
        self.workers.add(record.worker)
        known = self.ends.get(record.worker)
        if known is None or record.sequence > known.sequence:
            self.ends[record.worker] = record

    def _add_raw_samples(self, record: RawSampleState) -> None:
        known = self.raw_samples.get(record.worker)
        if known is None or record.sequence > known.sequence:
            self.raw_samples[record.worker] = record


_ADDERS: Mapping[type, Callable[[Aggregate, Any], None]] = {
    Requests: Aggregate._add_requests,
    NotStarted: Aggregate._add_not_started,
    Actions: Aggregate._add_actions,
    Users: Aggregate._add_users,
    Generator: Aggregate._add_generator,
    Arrivals: Aggregate._add_arrivals,
    NotPossible: Aggregate._add_not_possible,
    Phase: lambda aggregate, record: aggregate.phases.append(record),
    InFlight: lambda _aggregate, _record: None,  # for who leads a search, while it goes on
    WorkerJoined: lambda aggregate, record: aggregate.joined.append(record),
    WorkerRefused: lambda aggregate, record: aggregate.refused.append(record),
    CheckEnded: lambda aggregate, record: aggregate.checks.add(record),
    WorkerLost: Aggregate._add_lost,
    Ledger: Aggregate._add_ledger,
    SuiteErrors: Aggregate._add_suite_errors,
    RawSampleState: Aggregate._add_raw_samples,
    End: Aggregate._add_end,
}
