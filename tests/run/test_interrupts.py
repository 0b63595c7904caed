"""Ctrl-C, SIGTERM and a closed terminal, sent to this very process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from perfsuite.run.interrupts import Interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ALL = [pytest.param(number, id=number.name) for number in SIGNALS]


@pytest.fixture(autouse=True)
def handlers_stay(heard_signals: None) -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", ALL)
def test_before_the_load_it_interrupts(number: int) -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts():
        os.kill(os.getpid(), number)
        signal.pause()


@pytest.mark.parametrize("number", ALL[:2])
def test_while_load_runs_it_is_counted(number: int) -> None:
    with Interrupts() as interrupts, interrupts.deferred():
        for expected in (1, 2):
            os.kill(os.getpid(), number)
            assert interrupts.count == expected


def test_after_the_load_it_interrupts_again() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        with interrupts.deferred():
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    assert interrupts.count == 2


def test_cleanup_within_a_run_hears_it_and_the_run_goes_on() -> None:
    with Interrupts() as interrupts, interrupts.deferred():
        with pytest.raises(KeyboardInterrupt), interrupts.immediate():
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.count == 2


def test_a_report_bears_one_and_not_two() -> None:
    with Interrupts() as interrupts, interrupts.deferred():
        os.kill(os.getpid(), signal.SIGINT)  # during the load
        with pytest.raises(KeyboardInterrupt), interrupts.deferred(1):
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupts.count == 2
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        assert interrupts.count == 3


def test_a_terminal_that_closes_is_heard_once() -> None:
    with Interrupts() as interrupts, interrupts.deferred():
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts.count == 1
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts.count == 1
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.count == 2


def test_a_run_that_is_to_outlive_the_terminal_does() -> None:
    """As `nohup` starts it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupts.count == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
