"""Sockets on gevent's event loop, with one persistent read watcher per connection.

Gevent's own sockets start and stop a watcher for every wait and a timer for every timeout; under load that costs more
than the input and output itself.
"""

from __future__ import annotations

import _socket
import errno
import os
import time
from typing import Any

import gevent.socket
from gevent import GreenletExit, get_hub, getcurrent

from perfsuite.target.sockets import READ_BYTES, Address, Interrupted, addresses_of, sent_and_received

_READ, _WRITE = 1, 2
_LONG_IDLE_S = 0.01
"""From here on a look at the connection costs little beside the pause."""


class GeventNetwork:
    """See Network: only the greenlet that calls waits."""

    def lookup(self, host: str, port: int) -> list[Address]:
        """See Network."""
        try:
            return addresses_of(gevent.socket.getaddrinfo(host, port, type=_socket.SOCK_STREAM))
        except GreenletExit:
            raise Interrupted from None

    def connect(self, address: Address, deadline: float) -> GeventSocket:
        """See Network."""
        connection = GeventSocket(_socket.socket(address.family, _socket.SOCK_STREAM))
        try:
            connection.connect(address, deadline)
        except BaseException:  # an interruption as well: the descriptor must not stay open
            connection.close()
            raise
        return connection


class GeventSocket:
    """See Socket. One greenlet at a time uses it."""

    __slots__ = ("_deadline", "_ended", "_hub", "_raw", "_switch", "_timer", "_waiter", "_watcher")

    def __init__(self, raw: Any) -> None:
        self._hub = get_hub()
        self._switch = self._hub.switch
        self._raw = raw
        raw.setblocking(False)
        raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._waiter: Any = None
        self._watcher: Any = None
        self._timer: Any = None
        self._deadline = 0.0
        self._ended = False

    def connect(self, address: Address, deadline: float) -> None:
        """Connect it, and watch it from then on."""
        code = self._raw.connect_ex(address.sockaddr)
        if code in (errno.EINPROGRESS, errno.EAGAIN):
            self._wait_to_write(deadline)
            code = self._raw.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self._watcher = self._hub.loop.io(self._raw.fileno(), _READ)
        self._watcher.start(self._on_readable)

    def spent(self, idle_s: float) -> bool:
        """See Socket."""
        # The watcher is enough but for the turn of the loop in which both the end and the next request come.
        return self._ended or (idle_s > _LONG_IDLE_S and self._is_readable())

    def _is_readable(self) -> bool:
        try:
            self._raw.recv(1, _socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def send(self, data: bytes, deadline: float) -> None:
        """See Socket."""
        sent = self._send(data)
        while sent < len(data):
            self._wait_to_write(deadline)
            sent += self._send(data[sent:])

    def _send(self, data: bytes) -> int:
        try:
            count: int = self._raw.send(data)
        except BlockingIOError:
            return 0
        return count

    def receive(self, deadline: float) -> bytes:
        """See Socket."""
        while True:
            self._wait(deadline)
            try:
                data: bytes = self._raw.recv(READ_BYTES)
            except BlockingIOError:
                continue
            return data

    def ask(self, data: bytes, deadline: float) -> bytes:
        """See Socket. In one piece, since every request of a load comes through here."""
        try:
            sent = self._raw.send(data)
        except BlockingIOError:
            sent = 0
        except (ConnectionResetError, BrokenPipeError):
            sent = len(data)
        if sent < len(data):
            return sent_and_received(self, data[sent:], deadline)
        self._deadline = deadline
        if self._timer is None:
            self._start_timer()
        self._waiter = getcurrent()
        try:
            self._switch()
        except GreenletExit:
            raise Interrupted from None
        finally:
            self._waiter = None
        try:
            answered: bytes = self._raw.recv(READ_BYTES)
        except BlockingIOError:
            return self.receive(deadline)
        return answered

    def close(self) -> None:
        """See Socket."""
        for watcher in (self._watcher, self._timer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._watcher = self._timer = None
        self._raw.close()

    # ── waiting ────────────────────────────────────────────────────────────────────────────────────

    def _wait(self, deadline: float) -> None:
        """Let others run until the watcher, or the timer, comes back to this greenlet."""
        self._deadline = deadline
        if self._timer is None:
            self._start_timer()
        self._waiter = getcurrent()
        try:
            self._switch()
        except GreenletExit:
            raise Interrupted from None
        finally:
            self._waiter = None

    def _wait_to_write(self, deadline: float) -> None:
        watcher = self._hub.loop.io(self._raw.fileno(), _WRITE)
        watcher.start(self._on_writable)
        if self._watcher is not None:
            self._watcher.stop()  # what comes meanwhile would wake it again and again
        try:
            self._wait(deadline)
        finally:
            watcher.stop()
            watcher.close()
            if self._watcher is not None:
                self._watcher.start(self._on_readable)

    def _on_readable(self) -> None:
        if self._waiter is None:
            # Nobody waits for an answer: the other side has closed, or talks out of turn.
            self._ended = True
            self._watcher.stop()
        else:
            self._waiter.switch()

    def _on_writable(self) -> None:
        if self._waiter is not None:
            self._waiter.switch()

    def _start_timer(self) -> None:
        # One timer per connection, not per request: when it fires too early, it is started again for the rest.
        self._timer = self._hub.loop.timer(max(self._deadline - time.perf_counter(), 0.0))
        self._timer.start(self._on_time)

    def _on_time(self) -> None:
        self._timer.close()
        self._timer = None
        if self._waiter is None:
            return
        if time.perf_counter() < self._deadline:
            self._start_timer()
        else:
            self._waiter.throw(TimeoutError("timed out"))
