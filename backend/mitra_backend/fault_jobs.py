"""Faults that no request makes: a lock that is held in the database, an index that is gone, memory that is lost."""

import logging
import mmap
import threading

from sqlalchemy import delete, func, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from mitra_backend.db import Database
from mitra_backend.faults import STEADY_LEAK, Fault
from mitra_backend.models import POLICY_LIST_INDEXES, POLICY_NUMBER_INDEX, Policy, User
from mitra_backend.permissions import ROLE_ALIASES
from mitra_backend.quirks import Quirks
from mitra_backend.state import FaultBoard

log = logging.getLogger("mitra_backend")
_TICK_S = 0.05
_LEAK_EVERY_S = 0.25


def restore_indexes(database: Database) -> None:
    """Create the indexes of the policy lists where an earlier run left one out."""
    with database.write() as session:
        for index in POLICY_LIST_INDEXES:
            index.create(session.connection(), checkfirst=True)


def settle_number_index(database: Database, *, dropped: bool) -> None:
    """Drop the index that keeps policy numbers unique, or create it where an earlier run had dropped it.

    Of policies that have one number since, only the first is kept.
    """
    with database.write() as session:
        connection = session.connection()
        if dropped:
            POLICY_NUMBER_INDEX.drop(connection, checkfirst=True)
            return
        names = (index["name"] for index in inspect(connection).get_indexes(Policy.__tablename__))
        if POLICY_NUMBER_INDEX.name in names:
            return
        place = func.row_number().over(
            partition_by=Policy.policy_number, order_by=(Policy.created_at, Policy.policy_id)
        )
        numbered = select(Policy.policy_id, place.label("place")).subquery()
        doubles = select(numbered.c.policy_id).where(numbered.c.place > 1)
        session.execute(delete(Policy).where(Policy.policy_id.in_(doubles)))
        POLICY_NUMBER_INDEX.create(connection)
    log.warning("policy numbers are unique again; where several policies had the same, the first remains")


def drop_indexes(database: Database) -> None:
    """Drop the indexes that the policy lists need."""
    with database.write() as session:
        for index in POLICY_LIST_INDEXES:
            index.drop(session.connection(), checkfirst=True)


def name_roles(database: Database, *, deployed: bool) -> None:
    """Give the roles in the table of users the names that deployed versions use, or those of the reference."""
    for alias, role in ROLE_ALIASES.items():
        old, new = (role, alias) if deployed else (alias, role)
        with database.write() as session:
            session.execute(update(User).where(User.role == old).values(role=new))


class FaultJobs:
    """Threads that work while their fault is on, on the database or on nothing."""

    def __init__(self, database: Database, board: FaultBoard, quirks: Quirks) -> None:
        self._database = database
        self._board = board
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=(fault,), name=fault.kind, daemon=True)
            for fault in board.faults
            if fault.kind in ("lock", "missing_index")
        ]
        self._threads += [
            threading.Thread(target=self._leak, args=(fault,), name=fault.kind, daemon=True)
            for fault in board.faults
            if fault.kind == STEADY_LEAK
        ]
        self.leaked: list[mmap.mmap] = []
        # SQLite has no sessions that could idle, only a log that would grow.
        if quirks.idle_transaction and not database.embedded:
            self._threads.append(threading.Thread(target=self._idle_in_transaction, name="idle", daemon=True))

    def start(self) -> None:
        """Begin; the faults count from the moment the server is ready."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and give back what was taken."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _watch(self, fault: Fault) -> None:
        try:
            if fault.kind == "lock":
                self._lock_again_and_again(fault)
            else:
                self._leave_out_index(fault)
        except SQLAlchemyError as error:
            log.warning("fault %s ended: %s", fault.kind, type(error).__name__)

    def _idle_in_transaction(self) -> None:
        """As deployed: a job reads something and never ends its transaction."""
        try:
            with self._database.read() as session:
                session.execute(select(User.user_id).limit(1))
                self._stop.wait()
        except SQLAlchemyError as error:
            log.warning("the idle transaction ended: %s", type(error).__name__)

    def _leak(self, fault: Fault) -> None:
        kept_bytes = 0
        while not self._stop.wait(_LEAK_EVERY_S) and (elapsed_s := self._board.elapsed_s(fault)) < fault.to_s:
            due_bytes = int(max(elapsed_s - fault.from_s, 0.0) * fault.rate_per_s)
            size = (due_bytes - kept_bytes) // mmap.PAGESIZE * mmap.PAGESIZE
            if size:
                # From the system: the allocator would first hand out what was freed, and the process would not grow.
                self.leaked.append(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
                self.leaked[-1].write(b"\x01" * size)  # so that it takes real memory
                kept_bytes += size

    def _leave_out_index(self, fault: Fault) -> None:
        self._wait_until(fault, fault.from_s)
        if not self._stop.is_set():
            drop_indexes(self._database)
            self._wait_until(fault, fault.to_s)
            restore_indexes(self._database)

    def _lock_again_and_again(self, fault: Fault) -> None:
        # Like a stall, the first lock comes one period after the beginning.
        begin_s = fault.from_s + fault.every_s
        while begin_s < fault.to_s:
            self._wait_until(fault, begin_s)
            if self._stop.is_set():
                return
            self._hold(fault.duration_s)
            begin_s += fault.every_s

    def _hold(self, duration_s: float) -> None:
        with self._database.write() as session:
            if not self._database.embedded:
                session.execute(text("LOCK TABLE policies IN ACCESS EXCLUSIVE MODE"))
            self._stop.wait(duration_s)

    def _wait_until(self, fault: Fault, elapsed_s: float) -> None:
        while self._board.elapsed_s(fault) < elapsed_s and not self._stop.wait(_TICK_S):
            pass
