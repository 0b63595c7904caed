"""The laboratory itself: its links are as slow and lossy as asked, and it leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.integration.programs import ROOT, until
from tests.netlab.namespaces import call_in, existing
from tests.netlab.network import Host, Network, Shaper, network, skip_without_namespaces
from tests.netlab.shapers import Link, NetemShaper, RelayShaper, has_netem

pytestmark = pytest.mark.integration

_FAST = Link(delay_ms=2, jitter_ms=0, loss=0)
_WITHIN_S = 60.0
_SILENCE_S = 0.3
_TCP_INFO_TOTAL_RETRANS_AT = 100
"""Byte offset in the kernel's struct tcp_info."""

_ABANDONS = """
import subprocess, sys
from tests.netlab.network import network
with network() as lab:
    asleep = lab["left"].popen(["sleep", "600"], stdout=subprocess.DEVNULL)
    print(lab["left"].namespace, asleep.pid, lab.shaper.pid if hasattr(lab.shaper, "pid") else 0, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=[RelayShaper, NetemShaper])
def shaper(request: pytest.FixtureRequest) -> Shaper:
    """Both kinds, where the kernel has them."""
    skip_without_namespaces()
    if request.param is NetemShaper and not has_netem():
        pytest.skip("this kernel has no netem: the relay stands in for it")
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def lab(shaper: Shaper) -> Iterator[Network]:
    """A network without loss."""
    with network(link=_FAST, shaper=shaper) as lab:
        yield lab


def _connected(client: Host, server: Host) -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection between two hosts."""
    with server.call(lambda: socket.create_server((server.address, 0))) as listening:
        port = listening.getsockname()[1]
        ours = client.call(lambda: socket.create_connection((server.address, port), _WITHIN_S))
        theirs, _ = listening.accept()
    return ours, theirs


def _datagram_socket(host: Host) -> socket.socket:
    made = host.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.bind((host.address, 0))
    made.settimeout(_WITHIN_S)
    return made


def _arrives(sender: socket.socket, receiver: socket.socket, within_s: float = _WITHIN_S) -> bool:
    receiver.settimeout(within_s)
    sender.sendto(b"anyone?", receiver.getsockname())
    try:
        return receiver.recv(100) == b"anyone?"
    except TimeoutError:
        return False


def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}/exe").exists()  # a zombie's does not resolve


# ── links ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("link", "at_least_ms"),
    [
        pytest.param(Link(delay_ms=40, jitter_ms=0, loss=0), 80, id="there and back takes twice the delay"),
        pytest.param(Link(delay_ms=40, jitter_ms=10, loss=0), 60, id="jitter goes both ways"),
    ],
)
def test_a_round_trip_takes_at_least_twice_the_delay(link: Link, at_least_ms: float, shaper: Shaper) -> None:
    with network(link=link, shaper=shaper) as lab:
        began_s = time.perf_counter()
        ours, theirs = _connected(lab["left"], lab["right"])
        took_ms = (time.perf_counter() - began_s) * 1000
        ours.close()
        theirs.close()

    assert took_ms >= at_least_ms


def test_jitter_makes_round_trips_differ(shaper: Shaper) -> None:
    with network(("one", "two"), Link(delay_ms=10, jitter_ms=10, loss=0), shaper) as lab:
        one, two = _datagram_socket(lab["one"]), _datagram_socket(lab["two"])
        with one, two:
            times_ms = []
            for _ in range(20):
                began_s = time.perf_counter()
                assert _arrives(one, two)
                assert _arrives(two, one)
                times_ms.append((time.perf_counter() - began_s) * 1000)

    assert max(times_ms) - min(times_ms) > 5


def test_what_is_lost_is_sent_again_by_tcp(shaper: Shaper) -> None:
    sent = os.urandom(1_000_000)
    with network(link=Link(delay_ms=1, jitter_ms=0, loss=0.03), shaper=shaper) as lab:
        ours, theirs = _connected(lab["left"], lab["master"])
        with ours, theirs:
            theirs.settimeout(_WITHIN_S)
            sending = threading.Thread(target=ours.sendall, args=(sent,))
            sending.start()
            received = b""
            while len(received) < len(sent) and (some := theirs.recv(1 << 20)):
                received += some
            sending.join()
            info = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)

    assert received == sent
    assert struct.unpack_from("I", info, _TCP_INFO_TOTAL_RETRANS_AT)[0] > 0


def test_the_same_seed_loses_the_same_packets() -> None:
    skip_without_namespaces()

    def lost(seed: int) -> set[int]:
        with network(("one", "two"), Link(1, 0, 0.2, seed), RelayShaper) as lab:
            one, two = _datagram_socket(lab["one"]), _datagram_socket(lab["two"])
            with one, two:
                two.settimeout(_SILENCE_S)
                for number in range(200):
                    one.sendto(struct.pack("I", number), two.getsockname())
                missing, last = set(range(200)), 0
                while last < 200:  # what was sent after all of them is there: they come in their order
                    try:
                        last = struct.unpack("I", two.recv(100))[0]
                    except TimeoutError:
                        one.sendto(struct.pack("I", 200), two.getsockname())
                    missing.discard(last)
        return missing

    first = lost(1)
    assert 20 <= len(first) <= 60
    assert lost(1) == first
    assert lost(2) != first


# ── hosts ───────────────────────────────────────────────────────────────────────────────────────────


def test_every_host_reaches_every_other_and_itself_and_nothing_else(lab: Network) -> None:
    for one in lab.hosts.values():
        for other in lab.hosts.values():
            ours, theirs = _connected(one, other)
            ours.close()
            theirs.close()
        with one.call(lambda: socket.create_server(("127.0.0.1", 0))) as listening:
            address = listening.getsockname()
            one.call(partial(socket.create_connection, address, _WITHIN_S)).close()
        with pytest.raises(OSError) as unreachable:
            one.call(lambda: socket.create_connection(("192.0.2.1", 80), _WITHIN_S))
        assert unreachable.value.errno == errno.ENETUNREACH


def test_programs_run_on_their_host(lab: Network) -> None:
    addresses = lab["right"].run(["ip", "-4", "-brief", "address"])
    assert lab["right"].address in addresses.stdout
    assert lab["left"].address not in addresses.stdout

    server = lab["master"].popen(
        [sys.executable, "-m", "http.server", "8000", "--bind", lab["master"].address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: lab["master"].listens(8000), _WITHIN_S, "the server")
    assert not lab["left"].listens(8000)
    assert lab.pids() == {"master": [server.pid]}

    script = f"import urllib.request as u; print(u.urlopen('http://{lab['master'].address}:8000').status)"
    assert lab["left"].run([sys.executable, "-c", script]).stdout == "200\n"


def test_a_host_that_is_cut_off_neither_sends_nor_receives_until_it_is_healed(lab: Network) -> None:
    left, right, master = (_datagram_socket(lab[name]) for name in ("left", "right", "master"))
    ours, theirs = _connected(lab["left"], lab["master"])
    with left, right, master, ours, theirs:
        theirs.settimeout(_SILENCE_S)
        lab.cut("left")
        assert not _arrives(left, master, _SILENCE_S)
        assert not _arrives(master, left, _SILENCE_S)
        assert _arrives(right, master)
        ours.sendall(b"late")  # accepted: nobody says that it does not arrive
        with pytest.raises(TimeoutError):
            theirs.recv(10)

        lab.heal("left")
        theirs.settimeout(_WITHIN_S)
        assert theirs.recv(10) == b"late"
        assert _arrives(left, master)
        assert _arrives(master, left)


def test_two_networks_do_not_meet(shaper: Shaper) -> None:
    with network(("one",), _FAST, shaper) as first, network(("one",), _FAST, shaper) as second:
        assert first["one"].address == second["one"].address
        with first["one"].call(lambda: socket.create_server((first["one"].address, 0))) as listening:
            address = listening.getsockname()
            with pytest.raises(ConnectionRefusedError):
                second["one"].call(lambda: socket.create_connection(address, _WITHIN_S))


# ── afterwards ──────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_left_after_a_failure(shaper: Shaper) -> None:
    with pytest.raises(ZeroDivisionError), network(link=_FAST, shaper=shaper) as lab:
        left = lab["left"]
        prefix = left.namespace.rpartition("-")[0]
        stopped = left.popen(["sleep", "600"])
        left.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 &"])
        pids = until(lambda: len(found := left.pids()) == 2 and found, _WITHIN_S, "both")
        os.kill(stopped.pid, signal.SIGSTOP)
        1 / 0  # noqa: B018

    assert existing(prefix) == []
    assert all(map(_gone, pids))
    assert isinstance(lab.shaper, NetemShaper) or _gone(lab.shaper.pid)


def test_what_a_killed_owner_left_is_removed_by_the_next_network() -> None:
    skip_without_namespaces()
    owner = subprocess.Popen(
        [sys.executable, "-c", _ABANDONS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    namespace, asleep, relay = owner.stdout.readline().split()
    owner.kill()
    owner.communicate()
    until(lambda: relay == "0" or _gone(int(relay)), _WITHIN_S, "the end of the relay")

    with network(("one",), _FAST):
        pass

    assert existing(namespace.rpartition("-")[0]) == []
    assert _gone(int(asleep))


def test_networks_of_running_owners_are_left_alone(lab: Network) -> None:
    with network(("one",), _FAST):
        pass

    assert call_in(lab["left"].namespace, lambda: json.dumps(sorted(lab.hosts))) == '["left", "master", "right"]'
