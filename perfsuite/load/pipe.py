"""A load worker's way to the coordinator: records go out in numbered batches and are kept until acknowledged."""

from __future__ import annotations

import gevent
import gevent.os
from gevent.event import Event
from gevent.queue import Queue

from perfsuite.load.messages import Ack, Batch, Order, Report, encoded, order_decoder
from perfsuite.measurements.records import Record

_READ_BYTES = 1 << 16
ACK_WITHIN_S = 20.0


class Pipe:
    """Both directions, without ever blocking the event loop."""

    def __init__(self, descriptor_in: int, descriptor_out: int) -> None:
        self._in = descriptor_in
        self._out = descriptor_out
        gevent.os.make_nonblocking(descriptor_in)
        gevent.os.make_nonblocking(descriptor_out)
        self._parts: list[bytes] = []
        self._lines: Queue = Queue()
        self.writer = gevent.spawn(self._write)

    def receive(self) -> list[Order] | None:
        """The next orders; None when the coordinator is gone."""
        data = gevent.os.nb_read(self._in, _READ_BYTES)
        if not data:
            return None
        self._parts.append(data)
        if b"\n" not in data:
            return []  # of an order with thousands of accounts
        *lines, rest = b"".join(self._parts).split(b"\n")
        self._parts = [rest]
        return [order_decoder.decode(line) for line in lines]

    def send(self, report: Report) -> None:
        """Hand a report over; it leaves when the pipe takes it."""
        self._lines.put(encoded(report))

    def _write(self) -> None:
        try:
            for line in self._lines:
                sent = 0
                while sent < len(line):
                    sent += gevent.os.nb_write(self._out, line[sent:])
        except BrokenPipeError:
            return  # the coordinator is gone, which `receive` shows as well


class PipeSink:
    """Where the recorder of a worker puts its records."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._records: list[Record] = []
        self._number = 0
        self._acknowledged = 0
        self._all_acknowledged = Event()

    def write(self, record: Record) -> None:
        """Take one record into the current batch."""
        self._records.append(record)

    def flush(self) -> None:
        """Send the batch."""
        if self._records:
            self._number += 1
            records, self._records = self._records, []
            self._all_acknowledged.clear()
            self._pipe.send(Batch(self._number, records))

    def on_ack(self, ack: Ack) -> None:
        """The coordinator has written down everything up to this batch."""
        self._acknowledged = max(self._acknowledged, ack.batch)
        if self._acknowledged >= self._number:
            self._all_acknowledged.set()

    def close(self) -> None:
        """Wait until everything has been acknowledged: only then may this process end."""
        self.flush()
        if self._acknowledged < self._number:
            self._all_acknowledged.wait(ACK_WITHIN_S)
