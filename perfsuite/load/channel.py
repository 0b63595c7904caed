"""The encrypted connection between a master and its workers: Locust's RPC sockets with ZeroMQ's CURVE.

Locust's runners take their sockets from the module-level name `rpc` of `locust.runners`. That name is the one seam:

    locust.runners.rpc = Channel(token)

replaces the sockets of master and workers, those that they open anew after a reset included, and nothing else of
Locust. Its sockets use ZeroMQ's CURVE, which libzmq has built in.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import socket as system_socket
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gevent
import gevent.socket
import msgpack
import zmq.green as zmq
from gevent.threadpool import ThreadPool
from locust.exception import RPCError, RPCSendError
from locust.rpc.protocol import Message, decode
from zmq.utils import z85

from perfsuite.load.channel_monitor import ChannelProblem, ClientMonitor, ServerMonitor
from perfsuite.messages.channel import ChannelMessage

__all__ = ["LOOPBACK_TOKEN", "MAX_MESSAGE_BYTES", "Channel", "ChannelClient", "ChannelProblem", "ChannelServer"]

LOOPBACK_TOKEN = "perfsuite-loopback"  # noqa: S105 - published: keeps strangers' protocols out, not people
"""Stands in for an empty token. Only for masters that listen on loopback."""
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""A bigger message is refused by its sender; a peer that announces a bigger frame is disconnected."""

_FRAME_OVERHEAD_BYTES = 4096
_LINGER_MS = 500
"""So long a closing socket goes on delivering what was sent."""
_HANDSHAKE_MS = 5_000
_CONNECT_MS = 3_000
_RECONNECT_MS, _RECONNECT_MAX_MS = 100, 2_000
_UNACKNOWLEDGED_MS = 10_000
"""The system gives up a connection whose peer has acknowledged nothing for so long."""
_KEEPALIVE_IDLE_S, _KEEPALIVE_INTERVAL_S, _KEEPALIVE_COUNT = 5, 1, 4
_BACKLOG = 1024
"""Workers that may connect in the same instant."""
_SALT = b"perfsuite channel 1"
_SCRYPT_N, _SCRYPT_R, _SCRYPT_MEMORY = 2**15, 8, 64 * 1024 * 1024
_KEY_BYTES = 32
_ZAP_DOMAIN = b"perfsuite"
_ZAP_ENDPOINT = "inproc://zeromq.zap.01"
_ZAP_FRAMES = 7
_TURN = 64
"""After so many messages without a pause the other greenlets get their turn."""

_message: Any = Message
_decode: Any = decode  # Locust does not type them
_UNREADABLE = (
    ValueError,  # not UTF-8, not msgpack, bytes left over, nested too deep, no date
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    MemoryError,
    msgpack.exceptions.UnpackException,
)
"""Whatever a stranger's bytes can raise in msgpack and in Locust's hook."""


@dataclass(frozen=True)
class ChannelKeys:
    """Both key pairs in Z85, as libzmq takes them. Who knows the token knows all four."""

    server_secret: bytes
    server_public: bytes
    client_secret: bytes
    client_public: bytes

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, token: str) -> ChannelKeys:
        """Takes about 0.1 s, on purpose: so much does each guess of a token cost who has recorded a handshake."""
        secrets = hashlib.scrypt(
            token.encode(), salt=_SALT, n=_SCRYPT_N, r=_SCRYPT_R, p=1, maxmem=_SCRYPT_MEMORY, dklen=2 * _KEY_BYTES
        )
        server, client = z85.encode(secrets[:_KEY_BYTES]), z85.encode(secrets[_KEY_BYTES:])
        return cls(server, zmq.curve_public(server), client, zmq.curve_public(client))


class Channel:
    """Stands in for the module `locust.rpc.zmqrpc`. The token "" stands for LOOPBACK_TOKEN."""

    def __init__(self, token: str) -> None:
        self._keys = ChannelKeys.of(token or LOOPBACK_TOKEN)

    def Server(self, host: str, port: int) -> ChannelServer:
        """Listens at once; port 0: on a free port, see `ChannelServer.port`. Raises RPCError, with one line for the
        user, where the address cannot be listened on."""
        return ChannelServer(self._keys, host, port)

    def Client(self, host: str, port: int, identity: str) -> ChannelClient:
        """Connects in the background, again and again, until it is closed; see `ChannelClient.problem`. Raises RPCError
        for what cannot be an address."""
        return ChannelClient(self._keys, host, port, identity)


class _ChannelSocket:
    """What both ends share. Nothing here ever waits for the peer, except to receive."""

    def __init__(self, kind: int) -> None:
        self.dropped = 0
        """Messages that could not be read, or whose sender is not who it says."""
        self.undelivered = 0
        """Messages that were not sent: no such client, its queue is full, or this end is closed."""
        self._closed = False
        self._received = 0
        self._context = zmq.Context()
        self.socket: Any = self._context.socket(kind)
        for option, value in (
            (zmq.LINGER, _LINGER_MS),
            (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES + _FRAME_OVERHEAD_BYTES),
            (zmq.HANDSHAKE_IVL, _HANDSHAKE_MS),
            (zmq.TCP_KEEPALIVE, 1),
            (zmq.TCP_KEEPALIVE_IDLE, _KEEPALIVE_IDLE_S),
            (zmq.TCP_KEEPALIVE_INTVL, _KEEPALIVE_INTERVAL_S),
            (zmq.TCP_KEEPALIVE_CNT, _KEEPALIVE_COUNT),
            (zmq.TCP_MAXRT, _UNACKNOWLEDGED_MS),
        ):
            self.socket.setsockopt(option, value)

    def _send(self, message: Any, address: list[bytes]) -> bool:
        """Locust's own `send` sleeps for up to nine seconds where the socket takes nothing, and the master's waits for
        the client. Neither may hold up the greenlet that serves all the others."""
        content: bytes = message.serialize()
        size = len(content)
        if size > MAX_MESSAGE_BYTES:
            raise RPCSendError(ChannelMessage.TOO_BIG(size=size, limit=MAX_MESSAGE_BYTES))
        try:
            self.socket.send_multipart([*address, content], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH, zmq.ENOTSOCK):
                raise RPCSendError(str(error)) from error
            self.undelivered += 1
            return False
        return True

    def _receive(self) -> list[bytes]:
        self._received += 1
        if self._received % _TURN == 0:
            gevent.sleep(0)
        try:
            frames: list[bytes] = self.socket.recv_multipart()
        except zmq.ZMQError as error:
            raise RPCError(ChannelMessage.CLOSED()) from error
        return frames

    def _close(self, linger: int | None, *others: Any) -> None:
        """Waits until what was sent is delivered or `linger` milliseconds are over; other greenlets go on."""
        self._closed = True
        for other in others:
            other.close()
        self.socket.close(linger=linger)
        pool = ThreadPool(1)
        try:
            pool.apply(self._context.term)  # would stop all greenlets if called here
        finally:
            pool.kill()


class ChannelServer(_ChannelSocket):
    """The master's end: see Channel.Server."""

    def __init__(self, keys: ChannelKeys, host: str, port: int) -> None:
        super().__init__(zmq.ROUTER)
        self._authenticator = _Authenticator(self._context, z85.decode(keys.client_public))
        for option, value in (
            (zmq.CURVE_SERVER, 1),
            (zmq.CURVE_SECRETKEY, keys.server_secret),
            (zmq.ZAP_DOMAIN, _ZAP_DOMAIN),
            (zmq.ZAP_ENFORCE_DOMAIN, 1),  # without its authenticator it admits nobody
            (zmq.ROUTER_HANDOVER, 1),  # a worker that has lost its connection is heard on its new one
            (zmq.ROUTER_MANDATORY, 1),  # reports what it could not send
            (zmq.BACKLOG, _BACKLOG),
        ):
            self.socket.setsockopt(option, value)
        self._monitor = ServerMonitor(self._context, self.socket)
        try:
            self.port = self._bind(host, port)
            """The port it listens on."""
        except RPCError:
            self.close(linger=0)
            raise

    @property
    def refused(self) -> int:
        """How many connections ended in their handshake, because the peer had another key or none."""
        return self._monitor.refused

    def send_to_client(self, message: Message) -> bool:
        """Never waits. False where the message was not sent: the client is gone, or 1,000 messages wait for it, or this
        end is closed. Raises RPCSendError for a message over MAX_MESSAGE_BYTES."""
        return self._send(message, [message.node_id.encode()])

    def recv_from_client(self) -> tuple[str, Message]:
        """The next message with the identity of its sender; what cannot be read is counted in `dropped` and skipped.
        Raises RPCError only when closed."""
        while True:
            frames = self._receive()
            message = _read(frames[1]) if len(frames) == 2 else None
            if message is not None and message.node_id.encode() == frames[0]:
                return message.node_id, message
            self.dropped += 1

    def close(self, linger: int | None = None) -> None:
        """At most `linger` milliseconds (0.5 s unless given) for what is still to be delivered."""
        if not self._closed:
            self._close(linger, self._monitor, self._authenticator)

    def _bind(self, host: str, port: int) -> int:
        try:
            self.socket.setsockopt(zmq.IPV6, int(_is_ipv6(host)))
            self.socket.bind(_endpoint(_to_listen_on(host, port), port))
        except system_socket.gaierror as error:
            raise RPCError(ChannelMessage.UNKNOWN_HOST(address=f"{host}:{port}", why=error.strerror)) from error
        except (zmq.ZMQError, UnicodeError) as error:
            raise RPCError(ChannelMessage.CANNOT_LISTEN(address=f"{host}:{port}", why=_why(error))) from error
        return int(self.socket.getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0").rpartition(":")[2])


class ChannelClient(_ChannelSocket):
    """A worker's end: see Channel.Client. Up to 1,000 messages wait for a master that is not there yet."""

    def __init__(self, keys: ChannelKeys, host: str, port: int, identity: str) -> None:
        super().__init__(zmq.DEALER)
        for option, value in (
            (zmq.CURVE_SERVERKEY, keys.server_public),
            (zmq.CURVE_SECRETKEY, keys.client_secret),
            (zmq.CURVE_PUBLICKEY, keys.client_public),
            (zmq.IDENTITY, identity.encode()),
            (zmq.RECONNECT_IVL, _RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS),
            (zmq.CONNECT_TIMEOUT, _CONNECT_MS),
        ):
            self.socket.setsockopt(option, value)
        self._monitor = ClientMonitor(self._context, self.socket, (_bare(host), port), _may_be_either(host))
        try:
            self.socket.setsockopt(zmq.IPV6, int(_is_ipv6(host)))
            self._monitor.connect(_endpoint(host, port))
        except zmq.ZMQError as error:
            self.close(linger=0)
            raise RPCError(ChannelMessage.NO_ADDRESS(address=f"{host}:{port}", why=_why(error))) from error

    @property
    def connected(self) -> bool:
        """True while there is a connection to a master with the same token."""
        return self._monitor.connected

    def problem(self) -> ChannelProblem | None:
        """Why there is no connection; None while there is one, and as long as nothing is known."""
        return self._monitor.problem

    def send(self, message: Message) -> bool:
        """Never waits. False where the message was not sent, since too many wait already or this end is closed. Raises
        RPCSendError for a message over MAX_MESSAGE_BYTES."""
        return self._send(message, [])

    def recv(self) -> Message:
        """The next message; what cannot be read is counted in `dropped` and skipped. Raises RPCError when closed."""
        while True:
            frames = self._receive()
            message = _read(frames[0]) if len(frames) == 1 else None
            if message is not None:
                return message
            self.dropped += 1

    def close(self, linger: int | None = None) -> None:
        """At most `linger` milliseconds (0.5 s unless given) for what is still to be delivered."""
        if not self._closed:
            self._close(linger, self._monitor)


class _Authenticator:
    """Answers libzmq's question whether a client may connect (ZAP, RFC 27): only with the one key."""

    def __init__(self, context: Any, client_public: bytes) -> None:
        self._admitted = client_public
        self._socket: Any = context.socket(zmq.REP)
        self._socket.bind(_ZAP_ENDPOINT)
        self._greenlet = gevent.spawn(self._answer)

    def _answer(self) -> None:
        while True:
            request = self._socket.recv_multipart()  # written by libzmq, in this process
            version, request_id, domain, _, _, mechanism, *credentials = [*request, *[b""] * _ZAP_FRAMES][:_ZAP_FRAMES]
            admitted = (domain, mechanism, credentials) == (_ZAP_DOMAIN, b"CURVE", [self._admitted])
            status = (b"200", b"OK") if admitted else (b"400", b"another key")
            self._socket.send_multipart([version, request_id, *status, b"", b""])

    def close(self) -> None:
        self._greenlet.kill()
        self._socket.close(linger=0)


def _read(frame: bytes) -> Message | None:
    """None where it is no message of Locust's."""
    try:
        found = msgpack.loads(frame, raw=False, strict_map_key=False, object_hook=_hook)
    except _UNREADABLE:
        return None
    if not isinstance(found, list) or len(found) != 3:
        return None
    kind, data, node_id = found
    return _message(kind, data, node_id) if isinstance(kind, str) and isinstance(node_id, str) else None


def _hook(value: dict[Any, Any]) -> Any:
    if "__ObjectId__" in value:  # Locust's hook wants a library for it that is not there
        raise ValueError("an ObjectId")
    return _decode(value)


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")


def _endpoint(host: str, port: int) -> str:
    if port not in range(2**16):
        raise zmq.ZMQError(errno.EINVAL)  # libzmq would take another port
    bare = _bare(host)
    return f"tcp://[{bare}]:{port}" if ":" in bare else f"tcp://{bare}:{port}"


def _is_everywhere(host: str) -> bool:
    return host in ("", "*")


def _is_ipv6(host: str) -> bool:
    """True for an IPv6 address, and for all addresses where the machine has IPv6."""
    return system_socket.has_dualstack_ipv6() if _is_everywhere(host) else ":" in host


def _may_be_either(host: str) -> bool:
    """True for names: only a lookup shows which addresses they have."""
    try:
        ipaddress.ip_address(_bare(host))
    except ValueError:
        return ":" not in host
    return False


def _to_listen_on(host: str, port: int) -> str:
    """libzmq listens on addresses, not on names. Raises gaierror."""
    if _is_everywhere(host):
        return "*"
    if not _may_be_either(host):
        return host
    found = gevent.socket.getaddrinfo(host, port, type=system_socket.SOCK_STREAM)
    addresses = [address for family, _, _, _, address in found if family == system_socket.AF_INET]
    return str((addresses or [found[0][4]])[0][0])


def _why(error: Exception) -> str:
    return str(zmq.strerror(error.errno or 0) if isinstance(error, zmq.ZMQError) else error).lower()
