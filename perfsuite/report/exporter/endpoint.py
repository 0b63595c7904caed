"""The address at which Prometheus reads the metrics."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from perfsuite.errors import UsageError

ADDRESS = "127.0.0.1"
"""Nobody but this machine: there is no password."""


class _Surely(Collector):
    """A collector that always has an answer: none of its metrics where they could not be made."""

    def __init__(self, collector: Collector, failed: Callable[[Exception], None]) -> None:
        self._collector, self._failed = collector, failed

    def collect(self) -> list[Metric]:
        """What the collector has."""
        try:
            return list(self._collector.collect())
        except Exception as error:  # noqa: BLE001  the server would print a traceback in the midst of the run's lines
            self._failed(error)
            return []


@contextmanager
def serving(collector: Collector, port: int, failed: Callable[[Exception], None] | None = None) -> Iterator[str]:
    """The metrics at the URL given, for as long as the block lasts; port 0 takes a free one.

    Only what `collector` tells is there, nothing of this process itself. `failed` hears, in another thread, why it
    could tell nothing. Raises UsageError where the port cannot be had.
    """
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(_Surely(collector, failed) if failed else collector)
    try:
        server, thread = start_http_server(port, ADDRESS, registry)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise UsageError(f"--metrics-port: port {port} {why}. Name another one, or 0 for a free one") from None
    thread.name = "metrics endpoint"
    # A reader that leaves in mid-answer is no news: the server would print a traceback.
    server.handle_error = _no_news  # type: ignore[method-assign]
    try:
        yield f"http://{ADDRESS}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _no_news(request: object, client_address: object) -> None:
    """What the server does about an error in the talk with one client."""
