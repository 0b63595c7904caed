"""The master's side of what workers hand over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from perfsuite.errors import LoadError
from perfsuite.load.inbox import COORDINATOR, MANY_WORKERS, Inbox, WorkerAccount, interval_s
from perfsuite.load.messages import Batch, Drained, encode_records
from perfsuite.measurements.file import FILE_NAME, Tail, Writer, read
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import End, Ledger, Phase, Record, Requests, times_of
from perfsuite.messages.measurements import MeasurementsMessage

SECOND = 1_772_357_400


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / FILE_NAME, "run")
    yield writer
    writer.close()


@pytest.fixture
def inbox(tmp_path: Path, writer: Writer) -> Inbox:
    return Inbox(tmp_path, writer)


@pytest.fixture
def account() -> WorkerAccount:
    return WorkerAccount("worker-1", "load-1")


def _requests(worker: str, number: int, count: int, second: int = SECOND) -> Requests:
    times = Histogram()
    for _one in range(count):
        times.add(1000)
    return Requests(worker, number, second, "caller", "look", "health", times_of(times), ended=count)


def _batch(number: int, *records: Record, **more: object) -> Batch:
    return Batch(number, encode_records(list(records)), **more)  # type: ignore[arg-type]


def _end(worker: str, number: int) -> End:
    return End(worker, number, recorded=1, locust_total=1, reason="completed", sent=1)


def _in_file(folder: Path) -> list[Record]:
    return Tail(folder / FILE_NAME).read()


def test_a_batch_is_in_the_file_before_it_is_acknowledged(inbox: Inbox, account: WorkerAccount, tmp_path: Path) -> None:
    record = _requests("worker-1", 1, 2)

    inbox.take(account, _batch(1, record))
    assert (account.received, account.acknowledged, _in_file(tmp_path)) == (1, 0, [])

    assert inbox.write() == [account]
    assert (account.acknowledged, _in_file(tmp_path)) == (1, [record])


def test_what_is_neither_requests_nor_actions_comes_back(inbox: Inbox, account: WorkerAccount) -> None:
    end = _end("worker-1", 2)

    assert inbox.take(account, _batch(1, _requests("worker-1", 1, 2), end)) == [end]


def test_batches_wait_for_those_of_the_other_workers_but_not_long(inbox: Inbox) -> None:
    one, other = WorkerAccount("worker-1", "load-1"), WorkerAccount("worker-2", "load-1")
    assert not inbox.is_due(2)

    inbox.take(one, _batch(1, _requests("worker-1", 1, 2)))
    began = time.monotonic()
    due_at_once = inbox.is_due(2)
    inbox.take(other, _batch(1, _requests("worker-2", 1, 2)))
    assert (due_at_once, inbox.is_due(2)) == (False, True)

    while not inbox.is_due(3):
        time.sleep(0.01)
    assert time.monotonic() - began >= interval_s(3) / 2
    assert (inbox.is_due(MANY_WORKERS), interval_s(MANY_WORKERS)) == (False, 3.0)


def test_what_the_coordinator_has_to_say_is_due_at_once(inbox: Inbox) -> None:
    inbox.add(Phase, "ramp-up", 1.0)
    assert inbox.is_due(1_000)


def test_where_nothing_came_nothing_is_written_or_acknowledged(inbox: Inbox, account: WorkerAccount) -> None:
    assert inbox.write() == []
    inbox.take(account, _batch(1, _requests("worker-1", 1, 1)))
    inbox.write()
    assert inbox.write() == []


def test_a_batch_that_comes_again_is_counted_and_acknowledged_again(
    inbox: Inbox, account: WorkerAccount, tmp_path: Path
) -> None:
    batch = _batch(1, _requests("worker-1", 1, 2))
    inbox.take(account, batch)
    inbox.write()

    assert inbox.take(account, batch) == []

    assert inbox.write() == [account]
    assert (account.received, account.acknowledged, account.duplicates) == (1, 1, 1)
    assert len(_in_file(tmp_path)) == 1


def test_one_that_comes_twice_before_it_is_written_is_written_once(
    inbox: Inbox, account: WorkerAccount, tmp_path: Path
) -> None:
    batch = _batch(1, _requests("worker-1", 1, 2))
    inbox.take(account, batch)
    inbox.take(account, batch)

    assert (inbox.write(), account.duplicates, len(_in_file(tmp_path))) == ([account], 1, 1)


def test_one_before_its_predecessor_is_not_taken_and_comes_again(
    inbox: Inbox, account: WorkerAccount, tmp_path: Path
) -> None:
    first, second = (_requests("worker-1", number, number) for number in (1, 2))

    assert inbox.take(account, _batch(2, second)) == []
    assert (account.received, inbox.write()) == (0, [])

    inbox.take(account, _batch(1, first))
    inbox.take(account, _batch(2, second))
    inbox.write()
    assert (account.acknowledged, account.duplicates, _in_file(tmp_path)) == (2, 0, [first, second])


def test_what_cannot_be_read_is_not_taken(inbox: Inbox, account: WorkerAccount) -> None:
    with pytest.raises(msgspec.MsgspecError):
        inbox.take(account, Batch(1, b"\xc1"))
    assert (account.received, inbox.write()) == (0, [])


class FullDisk(Writer):
    """Takes records, and then has no room for them."""

    def __init__(self) -> None:
        """Opens nothing."""

    def write_all(self, records: Sequence[Record]) -> None:
        """Kept in memory so far."""

    def flush(self) -> None:
        raise LoadError("no space left on device")


def test_what_the_disk_does_not_take_is_not_acknowledged(tmp_path: Path, account: WorkerAccount) -> None:
    inbox = Inbox(tmp_path, FullDisk())
    inbox.take(account, _batch(1, _requests("worker-1", 1, 2)))

    with pytest.raises(LoadError):
        inbox.write()

    assert (account.received, account.acknowledged) == (1, 0)


def test_files_of_a_worker_grow_once_for_each_batch(inbox: Inbox, account: WorkerAccount, tmp_path: Path) -> None:
    journal = "journal-worker-1.jsonl"
    for batch in (_batch(1, files={journal: b"one\n"}), _batch(2, files={journal: b"two\n", "plan.json": b"bad"})):
        inbox.take(account, batch)
        inbox.take(account, batch)

    assert (tmp_path / journal).read_bytes() == b"one\ntwo\n"
    assert not (tmp_path / "plan.json").exists()


def test_a_batch_whose_files_the_disk_does_not_take_is_not_received(
    inbox: Inbox, account: WorkerAccount, tmp_path: Path
) -> None:
    path = tmp_path / "journal-worker-1.jsonl"
    path.symlink_to("/dev/full")
    batch = _batch(1, _requests("worker-1", 1, 2), files={path.name: b"one\n"})

    with pytest.raises(LoadError) as caught:
        inbox.take(account, batch)

    assert str(caught.value) == MeasurementsMessage.NOT_WRITTEN(path=path, why="no space left on device")
    assert (account.received, inbox.write(), _in_file(tmp_path)) == (0, [], [])


def test_own_records_are_numbered_and_written_without_any_batch(inbox: Inbox, tmp_path: Path) -> None:
    inbox.add(Phase, "ramp-up", 1.5)
    inbox.add(Phase, "plateau", 2.5)

    assert inbox.write() == []

    assert _in_file(tmp_path) == [Phase(COORDINATOR, 1, "ramp-up", 1.5), Phase(COORDINATOR, 2, "plateau", 2.5)]


def test_the_ledger_holds_what_was_sent_and_what_arrived(
    inbox: Inbox, account: WorkerAccount, writer: Writer, tmp_path: Path
) -> None:
    batch = _batch(1, _requests("worker-1", 1, 3, SECOND + 4), clock_offset_ms=-2.0, clock_uncertainty_ms=0.25)
    inbox.take(account, batch)
    inbox.take(account, batch)
    end = _batch(2, _requests("worker-1", 2, 1), _end("worker-1", 3), clock_offset_ms=-1.5, clock_uncertainty_ms=0.75)
    inbox.take(account, end)
    inbox.write()

    inbox.add_ledger(account, Drained(batches=2, requests=4), lost=False)
    inbox.write()
    writer.close()

    (line,) = [record for record in read(tmp_path / FILE_NAME) if isinstance(record, Ledger)]
    assert line == Ledger(
        COORDINATOR, 1, "worker-1", "load-1", 2, 2, 1, 4, 4, SECOND, SECOND + 4,
        lost=False, clock_offset_ms=-1.5, clock_uncertainty_ms=0.75, lost_records=0,
    )  # fmt: skip


def test_of_a_lost_worker_only_what_arrived_is_known(inbox: Inbox, account: WorkerAccount, tmp_path: Path) -> None:
    inbox.take(account, _batch(1, _requests("worker-1", 1, 3)))

    inbox.add_ledger(account, None, lost=True)
    inbox.write()

    (line,) = [record for record in _in_file(tmp_path) if isinstance(record, Ledger)]
    assert (line.sent, line.said_requests, line.received, line.requests, line.lost) == (None, None, 1, 3, True)


def test_records_that_are_missing_by_their_numbers_are_in_the_ledger(
    inbox: Inbox, account: WorkerAccount, tmp_path: Path
) -> None:
    inbox.take(account, _batch(1, _requests("worker-1", 1, 1), _requests("worker-1", 4, 1)))

    inbox.add_ledger(account, Drained(1, 2), lost=False)
    inbox.write()

    (line,) = [record for record in _in_file(tmp_path) if isinstance(record, Ledger)]
    assert line.lost_records == 2


def test_cells_of_one_second_are_merged_over_the_workers(inbox: Inbox, account: WorkerAccount, tmp_path: Path) -> None:
    other = WorkerAccount("worker-2", "load-2")
    inbox.take(account, _batch(1, _requests("worker-1", 1, 2)))
    inbox.take(other, _batch(1, _requests("worker-2", 1, 3)))

    assert {one.name for one in inbox.write()} == {"worker-1", "worker-2"}

    (cell,) = [record for record in _in_file(tmp_path) if isinstance(record, Requests)]
    assert (sum(cell.ok.counts.values()), cell.ended) == (5, 5)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        pytest.param([(None, None)], (None, None), id="the same clock"),
        pytest.param([(5.0, 1.0), (4.0, 0.5)], (4.0, 1.0), id="where it is now, and the worst uncertainty"),
        pytest.param([(5.0, 1.0), (None, None)], (5.0, 1.0), id="not measured again"),
    ],
)
def test_the_clock_of_a_worker_is_kept(
    measured: list[tuple[float | None, float | None]],
    expected: tuple[float | None, float | None],
    account: WorkerAccount,
) -> None:
    for offset_ms, uncertainty_ms in measured:
        account.note_clock(offset_ms, uncertainty_ms)
    assert (account.clock_offset_ms, account.clock_uncertainty_ms) == expected
