"""What happens to the workers of a run, as lines for the terminal."""

from __future__ import annotations

from perfsuite.measurements.records import Record, WorkerJoined, WorkerLost, WorkerRefused
from perfsuite.messages import Message
from perfsuite.messages.run import RunMessage


def worker_news(record: Record, *, elsewhere: bool) -> Message | None:
    """The line about a record; None for one that is about no worker.

    `elsewhere`: there are workers on other machines. That those of this machine join is no news.
    """
    match record:
        case WorkerJoined() if elsewhere:
            code = RunMessage.WORKER_JOINED_AS_SPARE if record.spare else RunMessage.WORKER_JOINED
            return code(worker=record.joined, host=record.host, pid=record.pid).also(_clock_of(record))
        case WorkerRefused(host="", why=why):
            return RunMessage.STRANGER_REFUSED(why=why)
        case WorkerRefused(host=host, pid=pid, why=why):
            return RunMessage.WORKER_REFUSED(host=host, pid=pid, why=why)
        case WorkerLost(lost=lost, reason=why, users=users):
            return RunMessage.WORKER_LOST(worker=lost, users=users, reason=why)
    return None


def _clock_of(worker: WorkerJoined) -> Message | None:
    """How far its clock is from that of this machine; None where it is the same one."""
    ahead_ms, within_ms = worker.clock_offset_ms, worker.clock_uncertainty_ms
    if ahead_ms is None or within_ms is None:
        return None
    if abs(ahead_ms) <= within_ms:
        return RunMessage.CLOCK_AGREES(within_ms=within_ms)
    code = RunMessage.CLOCK_AHEAD if ahead_ms >= 0 else RunMessage.CLOCK_BEHIND
    return code(apart_ms=abs(ahead_ms), within_ms=within_ms)
