"""For all tests: what the suite keeps about this machine is not the user's, and is known already."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator

import pytest

from perfsuite.clock import utc_s
from perfsuite.model.calibration import Calibration
from perfsuite.run.calibration import CACHE_VARIABLE, keep_calibration

_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """A dry run of a test takes its calibration from here; those of commands that are started, too.

    Thousands of tests stay in memory: to look for garbage among them as often as usual takes 7 % of the time.
    """
    gc.set_threshold(50_000, 20, 20)
    folder = config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="test-cache-")
    os.environ[CACHE_VARIABLE] = folder.name
    for open_model in (False, True):
        keep_calibration(Calibration(100.0, 10_000, 2.0, utc_s()), open_model)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_FOLDER].cleanup()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How tests failed that were run again: one that passed the second time may show a defect all the same."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"run again: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """This process and its children get SIGHUP and SIGINT, even if the tests were started with `nohup` or `&`."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
