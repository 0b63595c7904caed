"""What becomes of connections between master and workers, as libzmq's socket monitors report it."""

from __future__ import annotations

import errno
import struct
from enum import Enum
from socket import AF_INET, AF_INET6, SOCK_STREAM
from typing import Any

import gevent
import gevent.socket
import zmq.green as zmq
from zmq import Event

_EVENT = struct.Struct("=hi")
_GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
"""How ZMTP 3.0 begins (https://rfc.zeromq.org/spec/23/): signature, version, mechanism, client, filler."""
_MECHANISM = slice(12, 32)
_PROBE_S = 1.0
_REFUSED_BY_KEY = 400
"""ZAP's status of a client that is not admitted."""
_REFUSALS = 2
"""So many in a row: a master that ends in mid-handshake looks the same once."""
_NO_RETRY_S = 0.5
"""libzmq says at once that it will connect again. If it has not said so by now, it never will."""
_RETRIES_PER_FAMILY = 3


class ChannelProblem(Enum):
    """Why a client has no connection."""

    REFUSED = "the master has another token"
    NOT_A_MASTER = "something else than a master answers"
    UNREACHABLE = "nothing answers, or not in time"


class _Monitor:
    """Reads the events of one socket in a greenlet of its own."""

    _EVENTS = Event.ALL

    def __init__(self, context: Any, socket: Any) -> None:
        self._socket = socket
        socket.monitor("inproc://monitor", self._EVENTS)
        self._events: Any = context.socket(zmq.PAIR)
        # Without a limit: libzmq would stop all traffic rather than lose an event.
        self._events.setsockopt(zmq.RCVHWM, 0)
        self._events.connect("inproc://monitor")
        self._greenlet = gevent.spawn(self._follow)

    def _follow(self) -> None:
        raise NotImplementedError

    def _event(self, within_s: float | None = None) -> tuple[Event, int] | None:
        """None where there is none in time."""
        with gevent.Timeout(within_s, False):
            number, value = _EVENT.unpack(self._events.recv_multipart()[0])
            return Event(number), value
        return None

    def close(self) -> None:
        """Before the socket is closed."""
        self._greenlet.kill()
        self._socket.disable_monitor()
        self._events.close(linger=0)


class ServerMonitor(_Monitor):
    """Counts the peers that were refused in their handshake."""

    _EVENTS = Event.HANDSHAKE_FAILED_PROTOCOL | Event.HANDSHAKE_FAILED_AUTH

    def __init__(self, context: Any, socket: Any) -> None:
        self.refused = 0
        super().__init__(context, socket)

    def _follow(self) -> None:
        while True:
            self._event()
            self.refused += 1


class ClientMonitor(_Monitor):
    """Knows whether a client is connected and why not, and connects again where libzmq has given up."""

    def __init__(self, context: Any, socket: Any, peer: tuple[str, int], either_family: bool) -> None:
        self.connected = False
        self.problem: ChannelProblem | None = None
        self._peer = peer
        self._either_family = either_family
        """The host is a name: libzmq looks it up in one family of addresses."""
        self._endpoint = ""
        self._opened = self._explained = self._over = False
        self._refusals = self._retries = 0
        super().__init__(context, socket)

    def connect(self, endpoint: str) -> None:
        """Raises ZMQError for what cannot be an address."""
        self._socket.connect(endpoint)
        self._endpoint = endpoint

    def _follow(self) -> None:
        while True:
            event = self._event(_NO_RETRY_S if self._over else None)
            if event is None:  # after a protocol error libzmq gives up
                self._connect_again()
                continue
            number, value = event
            self._over = number == Event.DISCONNECTED
            if number == Event.CONNECTED:
                self._opened, self._explained = True, False
            elif number == Event.HANDSHAKE_SUCCEEDED:
                self._succeeded()
            elif number == Event.DISCONNECTED:
                self._disconnected()
            elif number == Event.CONNECT_RETRIED:
                self._retried()
            elif number in _FAILURES:
                self._explained = True
                self._failed(number, value)

    def _succeeded(self) -> None:
        self.connected, self.problem, self._explained = True, None, True
        self._refusals = 0
        self._either_family = False  # this is the one

    def _disconnected(self) -> None:
        if not self._explained:
            self._look()  # what answered is not even ZMTP
        self.connected = False

    def _retried(self) -> None:
        if self._opened:
            self._opened = False
            return
        self.problem = ChannelProblem.UNREACHABLE
        self._refusals = 0
        self._retries += 1
        if self._either_family and self._retries % _RETRIES_PER_FAMILY == 0:
            self._try_the_other_family()

    def _try_the_other_family(self) -> None:
        """Only if the name has addresses there: what waits to be sent is lost with the change."""
        to_ipv6 = not self._socket.getsockopt(zmq.IPV6)
        try:
            found = gevent.socket.getaddrinfo(*self._peer, type=SOCK_STREAM)
        except OSError:
            return  # no such name yet
        if (AF_INET6 if to_ipv6 else AF_INET) in {family for family, *_ in found}:
            self._socket.setsockopt(zmq.IPV6, int(to_ipv6))
            self._connect_again()

    def _failed(self, number: int, value: int) -> None:
        if number == Event.HANDSHAKE_FAILED_AUTH:
            self.problem = ChannelProblem.REFUSED if value == _REFUSED_BY_KEY else ChannelProblem.UNREACHABLE
        elif number == Event.HANDSHAKE_FAILED_PROTOCOL:
            self.problem = ChannelProblem.NOT_A_MASTER
        elif value == errno.EAGAIN:  # a master that stands still, for one
            self.problem = ChannelProblem.UNREACHABLE
        elif self.problem is not ChannelProblem.REFUSED:
            self._look()

    def _look(self) -> None:
        """A peer that hangs up gives no reason. Who greets as a server with CURVE has another token."""
        greeting = _greeting(self._peer)
        if greeting[:1] == _GREETING[:1] and greeting[_MECHANISM] == _GREETING[_MECHANISM]:
            self._refusals += 1
            if self._refusals >= _REFUSALS:
                self.problem = ChannelProblem.REFUSED
        else:
            self._refusals = 0
            # Proxies and tunnels accept connections for servers that are not there yet, and close them.
            self.problem = ChannelProblem.NOT_A_MASTER if greeting else ChannelProblem.UNREACHABLE

    def _connect_again(self) -> None:
        """What waited to be sent is lost."""
        self._over = self._opened = False
        try:
            self._socket.disconnect(self._endpoint)
        except zmq.ZMQError as error:
            if error.errno != errno.ENOENT:  # it has forgotten the address already
                raise
        self._socket.connect(self._endpoint)


_FAILURES = (Event.HANDSHAKE_FAILED_AUTH, Event.HANDSHAKE_FAILED_PROTOCOL, Event.HANDSHAKE_FAILED_NO_DETAIL)


def _greeting(peer: tuple[str, int]) -> bytes:
    """What a server answers to the greeting of ZMTP: empty if nothing within a second."""
    greeting = b""
    try:
        with gevent.socket.create_connection(peer, timeout=_PROBE_S) as connection:
            connection.sendall(_GREETING)
            while len(greeting) < len(_GREETING):
                read = connection.recv(len(_GREETING) - len(greeting))
                if not read:
                    break
                greeting += read
    except OSError:
        return greeting
    return greeting
