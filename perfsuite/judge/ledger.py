"""Whether everything that the load processes sent arrived, and how well their clocks are known."""

from __future__ import annotations

from collections.abc import Iterable

from perfsuite.format import figure, limit_text
from perfsuite.judge.limits import CLOCK_UNCERTAINTY_MS
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Reason, Sign
from perfsuite.model import RunLedger, WorkerLedger

_GAPS_SHOWN = 5


def unbalanced(ledger: RunLedger | None, *, cut_off: bool) -> Message | None:
    """What arrived is not what was sent. What a lost process took with it has its own reason, as has a load that was
    `cut_off` before anybody could write a ledger.
    """
    if ledger is not None and not ledger.written and not cut_off:
        return Reason.LEDGER(gaps=Sign.NO_LEDGER())
    if ledger is None or ledger.balanced is not False:
        return None
    gaps = [gap for worker in ledger.workers for gap in _gaps(worker)]
    if ledger.requests != ledger.recorded:
        gaps.append(Sign.REQUESTS_NOT_WRITTEN(arrived=ledger.requests, recorded=ledger.recorded))
    more = len(gaps) - _GAPS_SHOWN
    return Reason.LEDGER(gaps="; ".join(gaps[:_GAPS_SHOWN]) + (f"; and {more} more" if more > 0 else ""))


def _gaps(worker: WorkerLedger) -> Iterable[Message]:
    if worker.silent:
        yield Sign.BATCHES_UNKNOWN(worker=worker.worker)
    if worker.missing:
        yield Sign.BATCHES_MISSING(worker=worker.worker, sent=worker.sent or 0, missing=worker.missing)
    if worker.unlike:
        said = worker.said_requests or 0
        yield Sign.REQUESTS_UNLIKE(worker=worker.worker, said=said, arrived=worker.requests)


def clocks_uncertain(ledger: RunLedger | None) -> Message | None:
    """Workers whose clock was compared with that of the master over a slow or uneven network."""
    workers = ledger.workers if ledger is not None else ()
    known = {worker.worker: worker.clock_uncertainty_ms or 0.0 for worker in workers}
    uncertain = {name: within_ms for name, within_ms in known.items() if within_ms > CLOCK_UNCERTAINTY_MS}
    if not uncertain:
        return None
    return Note.CLOCK_UNCERTAIN(
        workers=list(uncertain),
        uncertainty=figure("max_ms", max(uncertain.values())),
        limit=limit_text("max_ms", CLOCK_UNCERTAINTY_MS),
    )
