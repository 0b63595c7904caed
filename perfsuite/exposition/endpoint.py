"""The address at which Prometheus reads the metrics."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.registry import Collector

from perfsuite.errors import UsageError

ADDRESS = "127.0.0.1"
"""Nobody but this machine: there is no password."""


@contextmanager
def serving(collector: Collector, port: int) -> Iterator[str]:
    """The metrics at the URL given, for as long as the block lasts; port 0 takes a free one.

    Only what `collector` tells is there, nothing of this process itself.
    Raises UsageError where the port cannot be had.
    """
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(collector)
    try:
        server, thread = start_http_server(port, ADDRESS, registry)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise UsageError(f"--metrics-port: port {port} {why}. Name another one, or 0 for a free one") from None
    try:
        yield f"http://{ADDRESS}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
