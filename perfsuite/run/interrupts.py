"""Ctrl-C, SIGTERM and a closed terminal: counted, and deferred while a run must end in order."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """A context in which each of the three adds one to `count` and, unless deferred, raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.count = 0
        self._still_deferred: float = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # Whoever starts a run with nohup wants it to outlive the terminal.
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def deferred(self, most: float = math.inf) -> Iterator[None]:
        """A block that interrupts do not end, or only those after the first `most`."""
        before, self._still_deferred = self._still_deferred, most
        try:
            yield
        finally:
            self._still_deferred = before

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """A block inside a deferred one that interrupts do end."""
        with self.deferred(0):
            yield

    def check(self) -> None:
        """Raise a lost interrupt again: Python drops exceptions in some of its own callbacks."""
        if self.count:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self.count:
            return  # shell and kernel both signal that the terminal is closed: this is no second interrupt
        self.count += 1
        self._still_deferred -= 1
        if self._still_deferred < 0:
            raise KeyboardInterrupt
