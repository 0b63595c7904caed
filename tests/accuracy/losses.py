"""Experiments 4 and 5: several load processes, to the end of the run and when one of them is lost."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perfsuite.clock import utc_s
from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import End, Ledger, Phase, Requests, Users, WorkerLost
from perfsuite.model import Scenario
from perfsuite.run.load_process import LoadProcess
from tests.accuracy import seven_roles
from tests.accuracy.lab import GRACE_S, OPERATION, Load, Outcome, run, wait_until, worker_named
from tests.accuracy.table import Row, equal_row

USERS = 20
LOST = "worker-1"
BACK_WITHIN_S = 10.0
_SLOW_MS = 2500
_ON_ITS_WAY_S = 2.5
"""What a process recorded since its last turn of a second, and what is in the pipe, dies with it."""
_SECONDS_SEEN = 3
_AT_WORK_S = 4.0
"""Users start within two seconds, and records come once a second."""


def whole(seconds: int, folder: Path) -> Outcome:
    """Make the load of experiment 4: two processes, requests of 2.5 s."""
    return run(Load(Scenario("accuracy", 8, 8, seconds), f"fixed {_SLOW_MS}", processes=2), folder)


def whole_rows(seconds: int, outcome: Outcome) -> list[Row]:
    """The same requests counted by the target, by our records, and by Locust."""
    name = f"2 processes, {seconds} s"
    ids = [one.request_id for one in outcome.truth.served]
    recorded = sum(len_of(record) for record in outcome.requests())
    return [
        equal_row(name, "requests of 2.5 s, served and recorded", len(ids), recorded),
        equal_row(name, "different request ids among them", len(ids), len(set(ids))),
        equal_row(name, "Locust's own total, and recorded with logins", outcome.locust_total, outcome.recorded),
        equal_row(name, "processes that reported their end", 2, len(outcome.of(End))),
    ]


def late(folder: Path) -> Outcome:
    """Two processes, one of which is ready long after the other."""
    load = Load(Scenario("accuracy", 4, 4, 3), "fixed 50", processes=2, roles_module="tests.accuracy.late_roles")
    return run(load, folder)


def late_rows(outcome: Outcome) -> list[Row]:
    """The one that waited for it is no loss."""
    name, lost = "one process is late", [one.lost for one in outcome.of(WorkerLost)]
    return [
        equal_row(name, "processes lost", [], lost, of_time=True),
        equal_row(name, "processes that reported their end", 2, len(outcome.of(End)), of_time=bool(lost)),
        equal_row(name, "requests, served and recorded", len(outcome.truth.served), outcome.service().count),
    ]


def len_of(record: Requests) -> int:
    """Requests in a record."""
    return sum(record.ok.counts.values()) + sum(record.failed.counts.values())


@dataclass(slots=True)
class Loss:
    """One of two processes is killed, or stopped and later continued, in mid-run."""

    how: signal.Signals
    continue_after_s: float = 0.0
    at_s: float = 0.0
    """UTC epoch seconds."""
    seen_again: bool = False

    def __call__(self, process: LoadProcess, folder: Path) -> None:
        """To be called once the load process was started."""
        tail = Tail(folder / FILE_NAME)
        phases: set[str] = set()
        seconds: set[int] = set()

        def at_work() -> bool:
            """All users are there, and each process has handed something over since, which is to stay."""
            for record in tail.read():
                if isinstance(record, Phase):
                    phases.add(record.name)
                elif isinstance(record, Requests) and record.operation == OPERATION and "plateau" in phases:
                    seconds.add(record.second)
            return len(seconds) >= _SECONDS_SEEN or not process.running

        assert wait_until(at_work, GRACE_S)
        victim = worker_named(folder, LOST)
        self.at_s = utc_s()
        victim.send_signal(self.how)
        wait_until(lambda: not victim.is_running(), GRACE_S)
        wait_until(lambda: utc_s() >= self.at_s + self.continue_after_s, self.continue_after_s + 1)
        self.seen_again = victim.is_running()
        if self.seen_again:
            victim.resume()


def with_loss(loss: Loss, stays_s: int, folder: Path) -> Outcome:
    """Make the load of experiment 5: the seven roles on two processes, one of which is lost."""
    duration_s = _AT_WORK_S + BACK_WITHIN_S + stays_s
    load = Load(
        Scenario("accuracy", USERS, USERS, duration_s),
        "fixed 20",
        processes=2,
        roles_module="tests.accuracy.seven_roles",
        roles=seven_roles.ROLES,
    )
    return run(load, folder, loss)


def loss_rows(loss: Loss, outcome: Outcome) -> list[Row]:
    """Who was at work when, by the target's count and by the records."""
    name = f"{loss.how.name} of one of two"
    lost = outcome.of(WorkerLost)
    full = outcome.plan.users_by_role
    back_s = back_after_s(outcome, loss.at_s)
    most = max(total for _at_s, total in _totals(outcome))
    told = max(sum(by_role.values()) for by_role in _told(outcome).values())
    return [
        equal_row(
            name,
            "process reported lost, and its users",
            [(LOST, USERS // 2)],
            [(one.lost, one.users) for one in lost],
            of_time=[one.lost for one in lost] != [LOST],
        ),
        Row(
            name,
            "full number again, by role (target's count)",
            "",
            f"after {back_s:.1f} s",
            "≤ 10 s",
            back_s <= BACK_WITHIN_S,
            of_time=True,
        ),
        equal_row(
            name,
            "… reported by the records of every second from then on",
            0,
            _seconds_not_full(outcome, loss.at_s, full),
            of_time=True,
        ),
        Row(name, "most users at once (target's count)", str(USERS), str(most), f"≤ {USERS}", most <= USERS),
        Row(name, "most users at once (records)", str(USERS), str(told), f"≤ {USERS}", told <= USERS),
        _delivered_row(name, outcome, loss),
        equal_row(name, "the lost process came back", False, loss.seen_again),
    ]


def back_after_s(outcome: Outcome, lost_at_s: float) -> float:
    """Seconds from the loss until all users of every role are at work, to stay; inf when they never are."""
    full = outcome.plan.users_by_role
    end_s = next(record.at for record in outcome.of(Phase) if record.name == "ramp-down")
    back_s = float("inf")
    for at_s, by_role in _live(outcome):
        if lost_at_s <= at_s < end_s:
            if by_role != full:
                back_s = float("inf")
            elif back_s == float("inf"):
                back_s = at_s - lost_at_s
    return back_s


def _live(outcome: Outcome) -> Iterator[tuple[float, Counter[str]]]:
    """Distinct accounts with an open connection after each change, by role, as the target saw it."""
    changes: list[tuple[float, str, int]] = []
    for one in outcome.truth.connected:
        changes.append((outcome.utc_s(one.began_ns), one.account, 1))
        if one.ended_ns:
            changes.append((outcome.utc_s(one.ended_ns), one.account, -1))
    open_: Counter[str] = Counter()
    for at_s, account, step in sorted(changes):
        open_[account] += step
        yield at_s, Counter(name.rpartition("-")[0] for name, count in open_.items() if count)


def _totals(outcome: Outcome) -> Iterator[tuple[float, int]]:
    return ((at_s, by_role.total()) for at_s, by_role in _live(outcome))


def _told(outcome: Outcome) -> dict[int, Counter[str]]:
    """Second → users alive at its end by role, over all processes, as recorded."""
    latest = {(record.worker, record.second): record.by_role for record in outcome.of(Users)}
    told: dict[int, Counter[str]] = {}
    for (_worker, second), by_role in latest.items():
        told.setdefault(second, Counter()).update(by_role)
    return told


def _seconds_not_full(outcome: Outcome, lost_at_s: float, full: dict[str, int]) -> int:
    end_s = next(record.at for record in outcome.of(Phase) if record.name == "ramp-down")
    told = _told(outcome)
    seconds = range(int(lost_at_s + BACK_WITHIN_S) + 1, int(end_s))
    return sum(1 for second in seconds if told.get(second) != full)


def _delivered_row(name: str, outcome: Outcome, loss: Loss) -> Row:
    """What the target served and nobody recorded is at most what the lost process had not handed over yet."""
    recorded = sum(len_of(record) for record in outcome.requests())
    served = len(outcome.truth.served)
    from_s = loss.at_s - _ON_ITS_WAY_S
    late = sum(1 for one in outcome.truth.served if from_s <= outcome.utc_s(one.ended_ns) <= loss.at_s + 0.5)
    kept = any(line.of == LOST and line.lost and line.requests > 0 for line in outcome.of(Ledger))
    missing = served - recorded
    holds = kept and 0 <= missing <= late
    # Requests that were recorded and never served were made up: no machine is so busy.
    of_time = kept and missing >= 0
    return Row(name, "served and not recorded", "the last moments", str(missing), f"0 to {late}", holds, of_time)
