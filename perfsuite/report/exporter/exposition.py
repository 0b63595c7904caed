"""The metrics of a run, and the address at which Prometheus reads them: in another thread than the run's."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from perfsuite.errors import UsageError
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.messages.report import ReportMessage
from perfsuite.model import LiveSnapshot, Plan
from perfsuite.report.exporter.families import of_plan, of_records, of_snapshot
from perfsuite.roles import ROLES

ADDRESS = "127.0.0.1"
"""Nobody but this machine: there is no password."""


class Exposition:
    """The metrics of the run under way, or of the last one until the next begins; none before the first.

    A screen and a listener of the run, and a collector of prometheus_client.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._run: tuple[Plan, Aggregate] | None = None
        self._snapshot: LiveSnapshot | None = None

    def load_begins(self, plan: Plan, aggregate: Aggregate) -> None:
        """Show another run: `aggregate` holds what is recorded of it."""
        with self._lock:
            self._run, self._snapshot = (plan, aggregate), None

    def say(self, text: str) -> None:
        """Lines are for people."""

    def warn(self, text: str) -> None:
        """As with other lines."""

    def progress(self, snapshot: LiveSnapshot) -> None:
        """Take the snapshot in place of the last one."""
        with self._lock:
            self._snapshot = snapshot

    def load_over(self) -> None:
        """The last values stay."""

    def collect(self) -> list[Metric]:
        """All metrics as they stand."""
        with self._lock:
            run, snapshot = self._run, self._snapshot
        metrics: list[Metric] = []
        if run is not None:
            plan, aggregate = run
            with aggregate.lock:
                metrics += [*of_plan(plan), *of_records(plan, ROLES, aggregate)]
        if snapshot is not None:
            metrics += of_snapshot(snapshot)
        return [metric for metric in metrics if metric.samples]


class _NeverFails(Collector):
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

    Only what `collector` has is there, nothing of this process itself. `failed` is called, in another thread, with
    the error of a collector that failed. Raises UsageError where the port is not available.
    """
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(_NeverFails(collector, failed) if failed else collector)
    try:
        server, thread = start_http_server(port, ADDRESS, registry)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(ReportMessage.METRICS_PORT_IN_USE(port=port)) from None
        raise UsageError(ReportMessage.METRICS_PORT_UNAVAILABLE(port=port, why=error.strerror)) from None
    thread.name = "metrics endpoint"
    # A reader that leaves in mid-answer is no error: the server would print a traceback.
    server.handle_error = _ignore  # type: ignore[method-assign]
    try:
        yield f"http://{ADDRESS}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _ignore(request: object, client_address: object) -> None:
    """What the server does about an error in the exchange with one client."""
