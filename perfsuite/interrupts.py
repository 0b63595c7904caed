"""Ctrl-C and SIGTERM: counted while load runs, so that the run can end in order; else they interrupt as usual."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """A context in which both signals mean the same: KeyboardInterrupt, or, while `counting`, one more in `count`."""

    def __init__(self) -> None:
        self.count = 0
        self.counting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if not self.counting:
            raise KeyboardInterrupt
