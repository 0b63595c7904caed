"""Errors that nobody in a load process sees: swallowed by Locust, or raised where a greenlet ends."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import gevent

OnError = Callable[[BaseException, str], None]
"""Called with an error and with what was being done."""

_LOCUSTS = ("root", "locust")


def listen_for_errors(on_error: OnError) -> None:
    """From now on `on_error` hears of every such error in this process. One may come twice, as the same exception."""
    logging.getLogger().addHandler(_Swallowed(on_error))
    _listen_to_hub(on_error)


class _Swallowed(logging.Handler):
    """Locust catches what listeners of events, tasks, and on_start and on_stop of users raise, and logs it."""

    def __init__(self, on_error: OnError) -> None:
        super().__init__(logging.ERROR)
        self._on_error = on_error

    def emit(self, record: logging.LogRecord) -> None:
        """Locust logs while it handles the exception, or hands it over with the record."""
        error = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
        if error is not None and record.name.partition(".")[0] in _LOCUSTS and _is_error(error):
            self._on_error(error, "caught by Locust")


def _listen_to_hub(on_error: OnError) -> None:
    """The hub hears of what ends a greenlet or a callback of the event loop; it prints it and goes on."""
    hub = gevent.get_hub()
    handle = hub.handle_error

    def handle_error(context: Any, kind: Any, value: Any, traceback: Any) -> None:
        # A dict is the environ of a request to Locust's web page: what goes wrong there is no part of the load.
        if isinstance(value, BaseException) and _is_error(value) and not isinstance(context, dict):
            on_error(value, f"it ended {_named(context)}")
        handle(context, kind, value, traceback)

    hub.handle_error = handle_error  # gevent's own way to hear of these errors


def _named(context: Any) -> str:
    if not isinstance(context, gevent.Greenlet):
        return "a callback of the event loop"
    function = getattr(context, "_run", None)
    name = getattr(function, "__qualname__", None) or getattr(context, "name", "")
    return f"the greenlet {name}"


def _is_error(error: BaseException) -> bool:
    """Not what ends a greenlet, a user or the process on purpose."""
    return isinstance(error, Exception | gevent.Timeout) and type(error).__name__ not in ("StopUser", "StopTest")
