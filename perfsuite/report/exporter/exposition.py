"""What Prometheus is told of a run: fed by the run, asked by another thread."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from prometheus_client.core import Metric

from perfsuite.measurements.records import Record
from perfsuite.model import LiveSnapshot, Plan
from perfsuite.report.exporter.counts import Counts
from perfsuite.report.exporter.families import of_plan, of_records, of_snapshot
from perfsuite.roles import ROLES


class Exposition:
    """The metrics of the run under way, or of the last one until the next begins; none before the first.

    A screen and a listener of the run, and a collector of prometheus_client.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._plan: Plan | None = None
        self._counts: Counts | None = None
        self._moment: LiveSnapshot | None = None

    def load_begins(self, plan: Plan) -> None:
        """Count anew, for another run."""
        counts = Counts(plan, ROLES)
        with self._lock:
            self._plan, self._counts, self._moment = plan, counts, None

    def recorded(self, records: Sequence[Record]) -> None:
        """Count what was recorded."""
        with self._lock:
            if self._counts is not None:
                self._counts.add(records)

    def say(self, text: str) -> None:
        """Lines are for people."""

    def warn(self, text: str) -> None:
        """As with other lines."""

    def progress(self, moment: LiveSnapshot) -> None:
        """Take the moment in place of the last one."""
        with self._lock:
            self._moment = moment

    def load_over(self) -> None:
        """The last values stay."""

    def collect(self) -> list[Metric]:
        """All metrics as they stand."""
        with self._lock:
            metrics: list[Metric] = []
            if self._plan is not None and self._counts is not None:
                metrics += [*of_plan(self._plan), *of_records(self._counts)]
            if self._moment is not None:
                metrics += of_snapshot(self._moment)
        return [metric for metric in metrics if metric.samples]
