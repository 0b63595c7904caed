"""Errors of the suite in the process that leads a run: in one of its stages, or in a thread beside them.

Whatever it is, the user gets a line with its place, and the traceback goes to a file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from perfsuite import suite_errors
from perfsuite.errors import SuiteError
from perfsuite.model import SuiteErrorGroup
from perfsuite.suite_errors import SuiteErrors, message_of

T = TypeVar("T")
U = TypeVar("U")

OPTIONAL_THREADS = ("live page", "metrics endpoint", "preflight progress")
"""Without these a run measures the same; every other thread is thought to measure or to record."""


class OwnErrors:
    """The errors of a command, kept for each of its runs. `folder`: where tracebacks go while no run has begun."""

    def __init__(self, folder: Path = Path("results")) -> None:
        self._lock = threading.Lock()
        self._unsaid: list[str] = []
        self.keep_in(folder)

    def keep_in(self, folder: Path, secrets: Iterable[str] = ()) -> None:
        """Count anew, with tracebacks in a file of this folder and without these secrets."""
        with self._lock:
            self._folder, self._secrets = folder, tuple(secrets)
            self._counted, self._others = (SuiteErrors(folder, self._secrets) for _ in range(2))

    @property
    def groups(self) -> tuple[SuiteErrorGroup, ...]:
        """Those that make a run inconclusive."""
        with self._lock:
            return self._counted.groups

    def note(self, error: BaseException, during: str, *, decides: bool = True) -> str:
        """Keep an error; the line for the user. `decides`: it makes the run inconclusive."""
        with self._lock:
            errors = self._counted if decides else self._others
            with suppress(OSError):  # then the line says that there is no file
                self._folder.mkdir(parents=True, exist_ok=True)
            place = errors.add(error, during)
            kept = any(group.place == place and group.log for group in errors.groups)
        log = self._folder / suite_errors.LOG_FILE
        where = f"its traceback is in {log}" if kept else f"its traceback is lost: {log} cannot be written"
        return f"Error of the suite ({during}): {place}: {message_of(error, self._secrets)}; {where}"

    def note_later(self, error: BaseException, during: str, *, decides: bool = True) -> None:
        """Keep an error whose line nobody can show now; `heard` gives it."""
        line = self.note(error, during, decides=decides)
        with self._lock:
            self._unsaid.append(line)

    def attempt(self, during: str, do: Callable[[], T], otherwise: U) -> T | U:
        """What `do` gives; `otherwise`, and the error is kept, where it fails in a way that nobody expected."""
        try:
            return do()
        except SuiteError:
            raise
        except Exception as error:  # noqa: BLE001  what comes after it must be done all the same
            self.note_later(error, during)
            return otherwise

    def optional(self, during: str, do: Callable[[], None]) -> None:
        """Do what decides nothing: an error in it is a warning."""
        try:
            do()
        except Exception as error:  # noqa: BLE001  it must change nothing but what is shown
            self.note_later(error, during, decides=False)

    def heard(self) -> list[str]:
        """A line for each error that nobody has been told of: of threads that died, and of libraries."""
        with self._lock:
            lines, self._unsaid = self._unsaid, []
        return lines

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A block in which threads that die are noticed, and what libraries log goes to the file instead of stderr."""
        before = threading.excepthook
        logged = _Logged(self)
        threading.excepthook = self._thread_died
        logging.getLogger().addHandler(logged)
        try:
            yield
        finally:
            threading.excepthook = before
            logging.getLogger().removeHandler(logged)

    def _thread_died(self, ended: threading.ExceptHookArgs) -> None:
        if ended.exc_value is None or isinstance(ended.exc_value, SystemExit):
            return
        name = ended.thread.name if ended.thread else "unknown"
        self.note_later(ended.exc_value, f"it ended the thread {name}", decides=name not in OPTIONAL_THREADS)


class Raised(OwnErrors):
    """For who does not keep errors: they are raised."""

    def attempt(self, during: str, do: Callable[[], T], otherwise: U) -> T | U:
        """What `do` gives."""
        return do()


class _Logged(logging.Handler):
    """Errors that libraries log: Python would print them on standard error, tracebacks too."""

    def __init__(self, errors: OwnErrors) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception, or the message where there is none."""
        if record.name == suite_errors.__name__:
            return  # it could not write its file, which the line about the error says
        error = record.exc_info[1] if record.exc_info else None
        said = error or RuntimeError(record.getMessage())
        self._errors.note_later(said, f"logged by {record.name}", decides=False)


def since(before: Iterable[SuiteErrorGroup], now: Iterable[SuiteErrorGroup]) -> tuple[SuiteErrorGroup, ...]:
    """What was counted after `before`."""
    counts = {(group.place, group.message): group.count for group in before}
    more = ((group, group.count - counts.get((group.place, group.message), 0)) for group in now)
    return tuple(replace(group, count=count) for group, count in more if count > 0)
