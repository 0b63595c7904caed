"""Ctrl-C, SIGTERM and a closed terminal: only counted while a run must end in order; else they interrupt as usual."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """A context in which all three mean the same: one more in `count` and, unless `held`, KeyboardInterrupt."""

    def __init__(self) -> None:
        self.count = 0
        self._still_held: float = 0
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
    def held(self, most: float = math.inf) -> Iterator[None]:
        """A block that they do not interrupt, or only those after the first `most`."""
        before, self._still_held = self._still_held, most
        try:
            yield
        finally:
            self._still_held = before

    @contextmanager
    def heard(self) -> Iterator[None]:
        """A block within one in which they are held: here they interrupt."""
        with self.held(0):
            yield

    def check(self) -> None:
        """Interrupt now where one came that was lost: Python drops what is raised in some of its own callbacks."""
        if self.count:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self.count:
            return  # shell and kernel both tell that the terminal is closed: no second wish to end at once
        self.count += 1
        self._still_held -= 1
        if self._still_held < 0:
            raise KeyboardInterrupt
