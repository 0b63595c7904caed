"""What must hold of a run on several machines: every count, every percentile, who was lost, and how it ended."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from math import inf
from typing import Any

import msgspec

from perfsuite.measurements.raw_samples import EXPIRED, file_name
from perfsuite.measurements.records import End, Phase, Users, WorkerJoined, WorkerLost
from perfsuite.model import FailureKind
from perfsuite.model.periods import STEADY
from perfsuite.model.summary import PERCENTILES
from perfsuite.model.workers import WorkerLedger
from tests.accuracy.lab import percentile
from tests.accuracy.machines import PROCESSES, USERS, Case, MachinesRun
from tests.accuracy.table import Row, equal_row, times_row
from tests.measurements.raw_files import counts_of_records, counts_of_rows, rows_of

FILES = frozenset(
    (
        "plan.json", "preflight.json", "measurements.jsonl.gz", "stats.csv", "stats_history.csv", "failures.csv",
        "readings.csv", "report.html", "summary.json", "junit.xml", "summary.md",
    )
)  # fmt: skip
BACK_WITHIN_S = 10
_OF_THE_NETWORK = {FailureKind.IDLE_CLOSED, FailureKind.CONNECTION_LOST, FailureKind.TIMEOUT, FailureKind.UNFINISHED}
_MOST_FAILED = 0.01
_RESOLUTION = 0.0005
"""Of a histogram's buckets, as a share of a time."""
_NOT_HANDED_OVER_S = 3.0
"""Records come once a second, and what is on its way over the network when a process is lost is lost with it."""
_ON_ITS_WAY_S = 1.0
_LEASE_S = 4.0
"""So long a process goes on sending that hears nothing of its master."""


class Counted:
    """The requests of a run by those who know: the target, the ledger, and the raw samples of each load process."""

    def __init__(self, run: MachinesRun) -> None:
        self._run = run
        self.balanced: bool | None = run.summary["ledger"]["balanced"]
        lines = msgspec.convert(run.summary["ledger"]["workers"], list[WorkerLedger])
        self.ledger = {line.worker: line for line in lines}

    @cached_property
    def samples_by_worker(self) -> dict[str, list[dict[str, str]]]:
        """Every request that was handed over, one by one. Those of a lost process end a second early."""
        paths = {worker: self._run.folder / file_name(worker) for worker in self.ledger}
        return {worker: rows_of(path) for worker, path in paths.items() if path.exists()}

    @cached_property
    def samples(self) -> list[dict[str, str]]:
        """Those of all load processes."""
        return [row for rows in self.samples_by_worker.values() for row in rows]

    def samples_of(self, workers: Iterable[str]) -> dict[str, int]:
        """Load process → requests in its file."""
        return {worker: len(self.samples_by_worker.get(worker, [])) for worker in workers}

    @cached_property
    def survivors(self) -> list[WorkerLedger]:
        """The ledger's lines of all that were not lost."""
        return [line for name, line in sorted(self.ledger.items()) if name not in self._run.victims]

    @cached_property
    def unrecorded(self) -> list[dict[str, Any]]:
        """What the target served and nobody handed over as a raw sample."""
        recorded = {row["request_id"] for row in self.samples}
        return [entry for entry in self._run.log if entry["request_id"] not in recorded]

    @property
    def unexplained(self) -> list[dict[str, Any]]:
        """Those of them that no lost process can have been unable to hand over."""
        return [entry for entry in self.unrecorded if not self._is_of_the_end(entry) and not self._is_late(entry)]

    @property
    def late(self) -> list[dict[str, Any]]:
        """Those of them that a lost process had sent, and that arrived when it was back."""
        return [entry for entry in self.unrecorded if self._is_late(entry)]

    def _is_of_the_end(self, entry: dict[str, Any]) -> bool:
        """It was answered in the last moments of a lost process, or was in flight then."""
        began_s, lost_s = _began_s(entry), self._run.asides.get("lost", inf)
        ended_s = began_s + entry["duration_s"]
        return began_s <= lost_s + _ON_ITS_WAY_S and ended_s >= lost_s - _NOT_HANDED_OVER_S

    def _is_late(self, entry: dict[str, Any]) -> bool:
        """The kernel sends again what did not get through, and doubles the time between its attempts each time."""
        lost_s, back_s = (self._run.asides.get(what, inf) for what in ("lost", "back"))
        return 0 <= _began_s(entry) - back_s <= back_s - lost_s + _LEASE_S

    @cached_property
    def not_served(self) -> list[dict[str, str]]:
        """What was handed over and is not in the target's log."""
        served = {entry["request_id"] for entry in self._run.log}
        return [row for row in self.samples if row["request_id"] not in served]

    @property
    def only_recorded(self) -> Counter[str]:
        """Those of them that had an answer, by operation."""
        return Counter(row["operation"] for row in self.not_served if row["status"] or not row["failure"])

    @property
    def never_arrived(self) -> Counter[str]:
        """Those of them that were recorded as failed without an answer, by kind of failure.

        Such as a POST that was on its way when the target closed its idle connection: 40 ms are long enough for it.
        """
        return Counter(row["failure"] for row in self.not_served if row["failure"] and not row["status"])

    @cached_property
    def whole_seconds(self) -> set[int]:
        """The seconds of the steady state of which every load process handed over its raw samples."""
        with (self._run.folder / "stats_history.csv").open(encoding="utf-8", newline="") as file:
            times = {row["second"] for row in csv.DictReader(file) if row["period"] == STEADY}
        seconds = {int(datetime.fromisoformat(time).timestamp()) for time in times}
        lost_s = self._run.asides.get("lost", inf)
        return {second for second in seconds if not -_NOT_HANDED_OVER_S <= second + 1 - lost_s <= 1 + _ON_ITS_WAY_S}


def _began_s(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["time"]).timestamp()


def count_rows(name: str, run: MachinesRun) -> list[Row]:
    """Target, records, raw samples, ledger and report count the same requests."""
    counted = Counted(run)
    whole, served = run.summary["whole_run"], len({entry["request_id"] for entry in run.log})
    recorded = sum(line.requests for line in counted.ledger.values())
    never = counted.never_arrived
    said = {line.worker: line.said_requests for line in counted.survivors}
    return [
        equal_row(name, "requests, by ledger and report", recorded, whole["requests"] + whole["expired"]),
        equal_row(
            name, "… by ledger and load process", said, {line.worker: line.requests for line in counted.survivors}
        ),
        equal_row(name, "… by load process and raw samples", said, counted.samples_of(said)),
        equal_row(name, "… answered by raw samples, not by the target", {}, dict(counted.only_recorded)),
        _never_arrived_row(name, never, recorded),
        _unexplained_row(name, len(counted.unexplained), run.victims),
        equal_row(name, "… served twice", 0, len(run.log) - served),
        _not_handed_over_row(name, served - (recorded - never.total()), run.victims),
        _late_row(name, len(counted.late), sum(one.users for one in run.of(WorkerLost))),
        equal_row(name, "batches sent by those not lost, received", *_batches(counted.survivors)),
        equal_row(name, "ledger balanced", None if run.victims else True, counted.balanced),
        equal_row(name, "records missing", 0, run.summary["generator"]["lost_reports"]),
    ]


def _never_arrived_row(name: str, never: Counter[str], recorded: int) -> Row:
    holds = never.keys() <= _OF_THE_NETWORK and never.total() <= _MOST_FAILED * recorded
    bound = f"≤ {_MOST_FAILED:.0%}, of the network"
    return Row(name, "… failed, without having arrived", "few", str(dict(never)), bound, holds)


def _unexplained_row(name: str, unexplained: int, lost: Sequence[str]) -> Row:
    """What a lost process had not handed over is told by how long before that was: a busy machine takes longer."""
    what = "… served by the target for none of the lost, not in raw samples"
    return equal_row(name, what, 0, unexplained, of_time=bool(lost))


def _not_handed_over_row(name: str, missing: int, lost: Sequence[str]) -> Row:
    holds = missing >= 0 if lost else missing == 0
    return Row(name, "served, not recorded", "0", str(missing), "≥ 0, of the lost" if lost else "equal", holds)


def _late_row(name: str, late: int, users: int) -> Row:
    """Who is given up makes no more load: what still arrives is at most one request of each of its users."""
    return Row(name, "served for lost processes after they were back", "", str(late), f"≤ {users}", late <= users)


def _batches(ledger: Sequence[WorkerLedger]) -> tuple[dict[str, int | None], dict[str, int | None]]:
    return {line.worker: line.sent for line in ledger}, {line.worker: line.received for line in ledger}


def percentile_rows(name: str, run: MachinesRun) -> list[Row]:
    """What was merged is what histograms and percentiles of all samples are."""
    counted = Counted(run)
    seconds = counted.whole_seconds
    exact = {key: cell for key, cell in counts_of_rows(counted.samples).items() if key[0] in seconds}
    merged = {key: cell for key, cell in counts_of_records(run.records).items() if key[0] in seconds}
    different = sum(exact.get(key) != merged.get(key) for key in exact.keys() | merged.keys())
    times = sorted(
        int(row["response_us"])
        for row in counted.samples
        if int(row["due_us"]) // 1_000_000 in seconds and row["failure"] != EXPIRED
    )
    rows = [equal_row(name, f"of {len(exact)} histograms of samples, not equal to the merged ones", 0, different)]
    if run.victims:
        return rows
    totals = run.summary["totals"]
    rows.append(equal_row(name, "requests of the steady state", len(times), totals["requests"]))
    return rows + [
        times_row(name, of, percentile(times, fraction), totals[of] * 1000, _RESOLUTION * percentile(times, fraction))
        for of, fraction in PERCENTILES.items()
        if totals[of] is not None
    ]


def rows_of_run(case: Case, run: MachinesRun) -> list[Row]:
    """Everything that must hold of it."""
    name = case.name
    rows = [*count_rows(name, run), *percentile_rows(name, run), *user_rows(name, run), *end_rows(case, run)]
    if {one.lost for one in run.of(WorkerLost)} != set(run.victims):
        return [replace(row, of_time=True) for row in rows]  # a busy machine stood still for some seconds
    return [*rows, *(late_joiner_rows(name, run) if case.late_joiner else ())]


def too_late_row(case: Case, why: str) -> Row:
    """Of a run that was over before all had happened that was to."""
    return Row(case.name, "what was to happen, within the run", "", why, "", holds=False, of_time=True)


def end_rows(case: Case, run: MachinesRun) -> list[Row]:
    """The verdict, the exit codes, and what is left: all files, and no process."""
    name, verdict = case.name, run.summary["verdict"]
    missing = sorted(FILES - {path.name for path in run.folder.iterdir()})
    reached = [phase.name for phase in run.of(Phase)]
    return [
        equal_row(name, "verdict", case.verdict.value, verdict, of_time=True),
        equal_row(name, "exit codes", case.codes, run.codes, of_time=case.verdict.value != verdict),
        equal_row(name, "files missing", [], missing),
        equal_row(name, "phases", ["ramp-up", "plateau", "ramp-down", "end"], reached),
        equal_row(name, "processes left", {}, run.left),
    ]


def user_rows(name: str, run: MachinesRun) -> list[Row]:
    """Who was lost, and that every role is complete again in time, without one user too many."""
    latest = {(record.worker, record.second): record for record in run.of(Users)}
    by_second: dict[int, Counter[str]] = {}
    for (_worker, second), record in latest.items():
        by_second.setdefault(second, Counter()).update(record.by_role)
    most = max(users.total() for users in by_second.values())
    lost = sorted(one.lost for one in run.of(WorkerLost))
    ends = sorted(record.worker for record in run.of(End))
    survivors = sorted({one.joined for one in run.of(WorkerJoined)} - set(run.victims))
    rows = [
        Row(name, "most users at once", str(USERS), str(most), f"≤ {USERS}", most <= USERS),
        equal_row(name, "load processes lost", sorted(run.victims), lost, of_time=True),
        equal_row(name, "load processes that reported their end", survivors, ends, of_time=True),
    ]
    if run.victims:
        rows.append(_back_row(name, run, by_second))
    return rows


def _back_row(name: str, run: MachinesRun, by_second: dict[int, Counter[str]]) -> Row:
    over_s = next(phase.at for phase in run.of(Phase) if phase.name == "ramp-down")
    full = run.summary["users"]["by_role"]
    seconds = range(int(run.asides["lost"]) + 1 + BACK_WITHIN_S, int(over_s))
    lacking = [second for second in seconds if by_second.get(second) != full]
    what = f"seconds without all users of every role, from {BACK_WITHIN_S} s after the loss"
    holds = bool(seconds) and not lacking
    return Row(name, what, "0", f"{len(lacking)} of {len(seconds)}", "0", holds, of_time=True)


def late_joiner_rows(name: str, run: MachinesRun) -> list[Row]:
    """The one that joined late took over the users of the one that was killed."""
    late = [one.joined for one in run.of(WorkerJoined) if one.spare]
    lost = run.of(WorkerLost)
    requests = {name: line.requests for name, line in Counted(run).ledger.items()}
    return [
        equal_row(name, "load processes that joined late", 1, len(late), of_time=True),
        equal_row(name, "users lost, and placed again", *(lost[0].users, lost[0].placed)),
        Row(
            name, "requests of the late one", "some", str(requests.get(late[0], 0)), "> 0", requests.get(late[0], 0) > 0
        ),
        equal_row(name, "users of the lost one", USERS // (2 * PROCESSES), lost[0].users),
    ]
