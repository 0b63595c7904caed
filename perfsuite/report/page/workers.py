"""The tables of the load processes: where they ran, what arrived from them, and who joined or was lost when."""

from __future__ import annotations

from collections.abc import Iterable

from perfsuite.format import UNKNOWN, clock, number, plural, utc
from perfsuite.model import LostWorker, Summary, WorkerLedger
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.text import clean, exact

_COLUMNS = (
    Column("Worker", number=False, hint="load process"),
    Column("Host", number=False),
    Column("PID", hint="process id on that host"),
    Column("Joined", number=False, hint="time since the start of the run"),
    Column("Spare", number=False, hint="had no users until another worker was lost"),
    Column("Batches", hint="records arrive in batches: how many arrived, of how many sent"),
    Column("Requests", hint="counted as they arrived, whole run"),
    Column("Clock", hint="how far its clock was ahead, corrected in all figures; ± uncertainty, ms"),
    Column("Lost", number=False, hint="time since the start of the run, and why"),
)


def worker_tables(summary: Summary) -> list[PageTable]:
    """[] for a run of one load process, and in older files."""
    ledger = summary.ledger
    if ledger is None or len(ledger.workers) < 2:
        return []
    start = summary.seconds[0].second if summary.seconds else None
    lost = {worker.worker: worker for worker in summary.lost_workers}
    rows = tuple(_row(worker, lost.get(worker.worker), start) for worker in ledger.workers)
    caption = {
        True: "Every batch that was sent arrived, and every request that arrived is in the measurements.",
        False: "The ledger does not balance: some requests may be missing.",
        None: "A lost worker could not say how many batches it had sent: its last second may be missing.",
    }[ledger.balanced if ledger.written else None]
    if not ledger.written:
        caption = "The run was cut off before it wrote down what arrived from whom."
    tables = [PageTable("workers", "Workers", f"Whole run. {caption}", _COLUMNS, rows)]
    if events := tuple(_events(summary, start)):
        columns = (Column("When", number=False, hint="time since the start of the run"), Column("Event", number=False))
        caption = "Workers that joined as spares or were lost, in the order of time."
        tables.append(PageTable("worker-events", "Changes of workers", caption, columns, events))
    return tables


def _row(worker: WorkerLedger, lost: LostWorker | None, start: int | None) -> tuple[Cell, ...]:
    return (
        Cell(clean(worker.worker)),
        Cell(clean(worker.host) or UNKNOWN),
        Cell(UNKNOWN if worker.pid is None else str(worker.pid)),
        _since_start(worker.joined_at, start),
        Cell("yes" if worker.spare else "no"),
        _batches(worker),
        Cell.measured("requests", worker.requests),
        _clock(worker),
        _lost(worker, lost, start),
    )


def _since_start(at: float | None, start: int | None, more: str = "") -> Cell:
    """Since the start; those that joined before it stand at 00:00."""
    if at is None:
        return Cell(UNKNOWN)
    return Cell((utc(at) if start is None else clock(at - start)) + more, exact(round(at, 3)), utc(at))


def _batches(worker: WorkerLedger) -> Cell:
    if worker.received is None:
        return Cell(UNKNOWN)
    sent = "?" if worker.sent is None else number(worker.sent)
    again = f"{plural(worker.duplicates, 'batch', 'batches')} arrived twice, counted once" if worker.duplicates else ""
    alarm = bool(worker.missing) or worker.silent
    return Cell(f"{number(worker.received)} of {sent}", str(worker.received), again, alarm=alarm)


def _clock(worker: WorkerLedger) -> Cell:
    offset_ms, within_ms = worker.clock_offset_ms, worker.clock_uncertainty_ms
    if offset_ms is None:
        return Cell(UNKNOWN, title="not measured")
    within = "" if within_ms is None else f" ± {number(within_ms)}"
    return Cell(f"{number(offset_ms)}{within}", exact(round(offset_ms, 3)))


def _lost(worker: WorkerLedger, lost: LostWorker | None, start: int | None) -> Cell:
    if lost is None:
        return Cell("yes" if worker.lost else "", alarm=worker.lost)
    at = _since_start(lost.at, start, f": {clean(lost.reason)}")
    return Cell(at.text, at.value, at.title, alarm=True)


def _events(summary: Summary, start: int | None) -> Iterable[tuple[Cell, ...]]:
    workers = summary.ledger.workers if summary.ledger else ()
    joined = ((one.joined_at, _joined(one)) for one in workers if one.spare and one.joined_at is not None)
    for at, what in sorted([*joined, *((one.at, _gone(one)) for one in summary.lost_workers)]):
        yield _since_start(at, start), Cell(clean(what))


def _joined(worker: WorkerLedger) -> str:
    return f"{worker.worker} joined from {worker.host or UNKNOWN} as a spare"


def _gone(lost: LostWorker) -> str:
    users = f" with {plural(lost.users, 'user')}" if lost.users else ""
    moved = "" if lost.placed is None or not lost.users else f"; {number(lost.placed)} of them started on other workers"
    return f"{lost.worker} was lost{users}: {lost.reason}{moved}"
