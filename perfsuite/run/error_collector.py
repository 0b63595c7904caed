"""Errors of the suite itself in the parent process of a run: in one of its stages, or in a thread beside them.

The user gets a line with the place of each error, and the traceback goes to a file.
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
from perfsuite.messages import Message
from perfsuite.messages.run import RunMessage
from perfsuite.model import SuiteErrorGroup
from perfsuite.suite_errors import SuiteErrorLog, message_of

T = TypeVar("T")
U = TypeVar("U")

OPTIONAL_THREADS = ("live page", "metrics endpoint", "preflight progress")
"""A run measures the same without these threads; every other thread may measure or record."""


class ErrorCollector:
    """The errors of a command, run by run. `folder`: where tracebacks go before the first run."""

    def __init__(self, folder: Path = Path("results")) -> None:
        self._lock = threading.Lock()
        self._unreported: list[Message] = []
        self.reset(folder)

    def reset(self, folder: Path, secrets: Iterable[str] = ()) -> None:
        """Count from zero; tracebacks go to a file in this folder and contain none of these secrets."""
        with self._lock:
            self._folder, self._secrets = folder, tuple(secrets)
            self._counted, self._others = (SuiteErrorLog(folder, self._secrets) for _ in range(2))

    @property
    def groups(self) -> tuple[SuiteErrorGroup, ...]:
        """The errors that make a run inconclusive."""
        with self._lock:
            return self._counted.groups

    def record(self, error: BaseException, during: str, *, decides: bool = True) -> Message:
        """Record an error; the line for the user. `decides`: it makes the run inconclusive."""
        with self._lock:
            errors = self._counted if decides else self._others
            with suppress(OSError):  # then the line says that there is no file
                self._folder.mkdir(parents=True, exist_ok=True)
            place = errors.add(error, during)
            kept = any(group.place == place and group.log for group in errors.groups)
        log = self._folder / suite_errors.LOG_FILE
        code = RunMessage.SUITE_ERROR if kept else RunMessage.SUITE_ERROR_NOT_LOGGED
        return code(during=during, place=place, error=message_of(error, self._secrets), log=log)

    def record_unreported(self, error: BaseException, during: str, *, decides: bool = True) -> None:
        """Record an error whose line nobody can show now; `take_unreported` returns it."""
        line = self.record(error, during, decides=decides)
        with self._lock:
            self._unreported.append(line)

    def attempt(self, during: str, do: Callable[[], T], otherwise: U) -> T | U:
        """What `do` returns; after an unexpected error, which is recorded, `otherwise`."""
        try:
            return do()
        except SuiteError:
            raise
        except Exception as error:  # noqa: BLE001  what comes after it must be done all the same
            self.record_unreported(error, during)
            return otherwise

    def optional(self, during: str, do: Callable[[], None]) -> None:
        """Do what cannot change the verdict: an error in it is a warning."""
        try:
            do()
        except Exception as error:  # noqa: BLE001  it must change nothing but what is shown
            self.record_unreported(error, during, decides=False)

    def take_unreported(self) -> list[Message]:
        """A line for each error not yet shown: of threads that died, and of libraries."""
        with self._lock:
            lines, self._unreported = self._unreported, []
        return lines

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A block that records threads that die; what libraries log goes to the file instead of stderr."""
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
        self.record_unreported(ended.exc_value, f"it ended the thread {name}", decides=name not in OPTIONAL_THREADS)


class RaiseErrors(ErrorCollector):
    """Records nothing: raises every error."""

    def attempt(self, during: str, do: Callable[[], T], otherwise: U) -> T | U:
        """What `do` returns."""
        return do()


class _Logged(logging.Handler):
    """Errors that libraries log: Python would print them on standard error, tracebacks too."""

    def __init__(self, errors: ErrorCollector) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        """Record the exception, or the message where there is none."""
        if record.name == suite_errors.__name__:
            return  # its file could not be written, which the line about the error says
        error = record.exc_info[1] if record.exc_info else None
        self._errors.record_unreported(
            error or RuntimeError(record.getMessage()), f"logged by {record.name}", decides=False
        )


def since(before: Iterable[SuiteErrorGroup], now: Iterable[SuiteErrorGroup]) -> tuple[SuiteErrorGroup, ...]:
    """What was counted after `before`."""
    counts = {(group.place, group.message): group.count for group in before}
    more = ((group, group.count - counts.get((group.place, group.message), 0)) for group in now)
    return tuple(replace(group, count=count) for group, count in more if count > 0)
