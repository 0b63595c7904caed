"""Puts the suite's runners and its encrypted channel into plain Locust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import locust.env
import locust.runners

from perfsuite.load.plain_master import LoadMaking, PlainChannel, PlainMaster
from perfsuite.load.plain_worker import Main, PlainWorker
from perfsuite.model import WorkerStart

__all__ = ["LoadMaking", "Main", "use_suites_runners"]


def use_suites_runners(
    token: str, making: LoadMaking, begin: Callable[[Any, str, int], WorkerStart], main: Main
) -> None:
    """From now on Locust's main program makes them. A second call changes nothing.

    `begin`: what a worker starts with, by its environment and the master's host and port.

    The names in `locust.env` are the one seam: Locust makes its runners before any event by which they could be
    exchanged, and connects a worker at once. `locust.runners.rpc` is what runners make their sockets by.
    """
    names: Any = locust.runners
    if isinstance(names.rpc, PlainChannel):
        return
    names.rpc = PlainChannel(token)
    names = locust.env
    names.MasterRunner = type("MasterRunner", (PlainMaster,), {"making": making})
    names.WorkerRunner = type("WorkerRunner", (PlainWorker,), {"begin": staticmethod(begin), "main": main})
