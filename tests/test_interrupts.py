"""Ctrl-C and SIGTERM, sent to this very process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from perfsuite.interrupts import Interrupts

BOTH = [pytest.param(signal.SIGINT, id="Ctrl-C"), pytest.param(signal.SIGTERM, id="SIGTERM")]


@pytest.fixture(autouse=True)
def handlers_stay() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", BOTH)
def test_before_the_load_it_interrupts(number: int) -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts():
        os.kill(os.getpid(), number)
        signal.pause()


@pytest.mark.parametrize("number", BOTH)
def test_while_load_runs_it_is_counted(number: int) -> None:
    with Interrupts() as interrupts:
        interrupts.counting = True
        for expected in (1, 2):
            os.kill(os.getpid(), number)
            assert interrupts.count == expected


def test_after_the_load_it_interrupts_again() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        interrupts.counting = True
        os.kill(os.getpid(), signal.SIGINT)
        interrupts.counting = False
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    assert interrupts.count == 2
