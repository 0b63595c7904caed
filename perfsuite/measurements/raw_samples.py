"""Every request of one process in `samples-<process>.csv.gz` (`--raw-samples`), for tools that need single requests.

Requests are only collected while they happen; they become text in small parts, once a second. The file can be read up
to the last second of a process that was killed. What does not get into it is counted, and so is why.
"""

from __future__ import annotations

import csv
import io
import logging
import zlib
from contextlib import suppress
from pathlib import Path

from perfsuite.format import csv_cell, quantity
from perfsuite.messages import Message
from perfsuite.messages.measurements import RawSamplesMessage
from perfsuite.model.sample import Sample, Series

MOST_BYTES = 2_000_000_000
"""Of all files of a run together."""
AT_ONCE = 250
"""Requests that are written without a break: 1 to 2 ms."""
MOST_WAITING = 100_000
"""More are not kept in memory: then the load waits for the file."""
EXPIRED = "token expired"
"""The failure of requests that were refused for it and sent again; they are no failures in any figure."""
COLUMNS = (
    "due_us", "response_us", "role", "behaviour", "operation", "method", "status", "failure", "request_id",
    "waiting_us", "connect_us", "tls_us", "service_us", "server_us", "received_bytes", "retries",
)  # fmt: skip
log = logging.getLogger(__name__)
_LEVEL = 1  # of compression: level 5 makes files a fifth smaller, and costs 0.7 µs more a request


def file_name(process: str) -> str:
    """The file of a load process."""
    return f"samples-{process}.csv.gz"


class RawSamples:
    """The file of one process, which ends with a note where it had to end early."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self.name = path.name
        self.written = 0
        """Requests that are in the file for sure."""
        self.left_out = 0
        self.why: Message | None = None
        """Why the file has ended early."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._waiting: list[tuple[Sample, str]] = []
        self._batch: list[tuple[Sample, str]] = []
        self._at = 0
        """So much of the batch is written."""
        self._unsafe = 0
        self._error: Exception | None = None
        self._texts: dict[Series, str] = {}
        self._zip = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
        try:
            self._file = path.open("wb")
            self._put(",".join(COLUMNS) + "\n")
        except OSError as error:
            self._end(_why(error))

    def add(self, sample: Sample, failure: str) -> None:
        """Take a request; `failure`: its kind, "" where it succeeded."""
        self._waiting.append((sample, failure))
        if len(self._waiting) >= MOST_WAITING:
            while self.write():
                pass

    def leave_out(self, error: Exception) -> None:
        """A request could not be taken; the file ends with it."""
        self.left_out += 1
        self._fail(error)

    def write(self) -> bool:
        """Write some of those that wait; True if more do."""
        if self._at >= len(self._batch):
            self._batch, self._waiting, self._at = self._waiting, [], 0
        waiting = self._batch[self._at : self._at + AT_ONCE]
        self._at += AT_ONCE
        if self.why is None and self._bytes >= self._most_bytes:
            self._finish(RawSamplesMessage.LIMIT(limit=quantity(MOST_BYTES, "bytes")))
        if self.why is not None:
            self.left_out += len(waiting)
        elif waiting:
            self._unsafe += len(waiting)
            try:
                self._try("".join([self._line(sample, failure) for sample, failure in waiting]))
            except Exception as error:  # noqa: BLE001  `flush` raises it; who adds a request has recorded it already
                self._fail(error)
        return self._at < len(self._batch) or bool(self._waiting)

    def flush(self) -> None:
        """Make what was written readable by others. Raises the unexpected error that ended the file, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        if self.why is None:
            self._try("", zlib.Z_SYNC_FLUSH)

    def close(self) -> None:
        """Write what waits and the end of the file."""
        while self.write():
            pass
        if self.why is None:
            self._try("", zlib.Z_FINISH)
        with suppress(OSError, AttributeError):
            self._file.close()

    def _finish(self, why: Message) -> None:
        """End the file with a note."""
        self._try(f"# {why}: later requests are not in this file\n", zlib.Z_FINISH)
        self._end(self.why or why)

    def _try(self, text: str, flush: int = zlib.Z_NO_FLUSH) -> None:
        try:
            self._put(text, flush)
        except OSError as error:
            self._end(_why(error))

    def _put(self, text: str, flush: int = zlib.Z_NO_FLUSH) -> None:
        packed = self._zip.compress(text.encode(errors="replace"))
        if flush:
            packed += self._zip.flush(flush)
        if packed:
            self._file.write(packed)
            self._bytes += len(packed)
        if flush:
            self._file.flush()
            self.written, self._unsafe = self.written + self._unsafe, 0

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._end(RawSamplesMessage.NOT_WRITTEN(why=type(error).__name__))

    def _end(self, why: Message) -> None:
        if self.why is None:
            log.warning("%s: %s; later requests are not in it", self.name, why)
        self.why = why
        self.left_out, self._unsafe = self.left_out + self._unsafe, 0
        with suppress(OSError, AttributeError):
            self._file.close()

    def _line(self, sample: Sample, failure: str) -> str:
        series = sample.series
        about = self._texts.get(series) or self._texts.setdefault(series, _text_of(series))
        connect_us, tls_us, server_us = sample.connect_us, sample.tls_us, sample.server_us
        elapsed_us, response_us = sample.elapsed_us, sample.response_us
        return (
            f"{int(sample.was_due_at * 1e6)},{response_us},{about},{sample.status or ''},{failure},{sample.request_id},"
            f"{response_us - elapsed_us},{'' if connect_us is None else connect_us},{'' if tls_us is None else tls_us},"
            f"{elapsed_us - (connect_us or 0) - (tls_us or 0)},{'' if server_us is None else server_us},"
            f"{sample.length},{sample.retries}\n"
        )


def _text_of(series: Series) -> str:
    """Its four cells. Names come from roles and plug-ins: they may hold anything."""
    out = io.StringIO()
    names = (series.role, series.behaviour, series.operation, series.method)
    csv.writer(out, lineterminator="").writerow(map(csv_cell, names))
    return out.getvalue()


def _why(error: OSError) -> Message:
    return RawSamplesMessage.NOT_WRITTEN(why=(error.strerror or str(error)).lower())
