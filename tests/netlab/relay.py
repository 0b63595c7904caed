"""Forwards IPv4 packets between network namespaces, with delay, jitter and loss: for kernels without netem.

    python -m tests.netlab.relay

The first line of standard input is a `Wiring` as JSON. One TUN device `net0` is opened in every namespace, then
`ready` is printed. Every further line is a command: `["cut", HOST]`, `["heal", HOST]`, `["count"]`; each prints one
line. It ends with its standard input, and with it the devices. Standard library only, so that it starts at once.
"""

from __future__ import annotations

import fcntl
import gc
import heapq
import json
import os
import random
import selectors
import struct
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

from tests.netlab.namespaces import call_in

DEVICE = "net0"
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_LARGEST_PACKET = 65_536
_IPV4 = 4
_AT_ONCE = 64
"""Packets read from one device before the others have their turn, and those that are due are sent."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """`hosts`: name → (namespace, address). Delays are one-way; jitter is uniform, ± so much; loss is a share."""

    hosts: dict[str, tuple[str, str]]
    delay_ms: float
    jitter_ms: float
    loss: float
    seed: int


class _Due(NamedTuple):
    at_s: float
    number: int
    from_fd: int
    to_fd: int
    packet: bytes


class Relay:
    """A network that knows every host. Packets between the same two hosts stay in order, as on most links."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._devices = {name: call_in(namespace, _device) for name, (namespace, _address) in wiring.hosts.items()}
        self._fd_of = {_packed(address): self._devices[name] for name, (_, address) in wiring.hosts.items()}
        self._rng = random.Random(wiring.seed)
        self._due: list[_Due] = []
        self._last_due_s: dict[tuple[int, int], float] = {}
        self._cut: set[int] = set()
        self._number = self._lost = self._dropped = 0

    def run(self) -> None:
        """Forward until standard input ends."""
        with selectors.DefaultSelector() as selector:
            for fd in (*self._devices.values(), sys.stdin.fileno()):
                os.set_blocking(fd, False)
                selector.register(fd, selectors.EVENT_READ)
            while True:
                for key, _events in selector.select(self._wait_s()):
                    if key.fd != sys.stdin.fileno():
                        self._take(key.fd)
                    elif not self._obey():
                        return
                self._deliver()

    def _wait_s(self) -> float | None:
        return max(self._due[0].at_s - time.monotonic(), 0) if self._due else None

    def _take(self, from_fd: int) -> None:
        """What a host has sent: some of it is lost, the rest is due later."""
        wiring, rng, now_s = self._wiring, self._rng, time.monotonic()
        for _ in range(_AT_ONCE):
            try:
                packet = os.read(from_fd, _LARGEST_PACKET)
            except BlockingIOError:
                return
            to_fd = self._fd_of.get(packet[16:20])
            if packet[0] >> 4 != _IPV4 or to_fd is None:
                continue
            self._number += 1
            if self._cut & {from_fd, to_fd}:
                self._dropped += 1
                continue
            if rng.random() < wiring.loss:
                self._lost += 1
                continue
            late_s = (wiring.delay_ms + rng.uniform(-1, 1) * wiring.jitter_ms) / 1000
            pair = (from_fd, to_fd)
            at_s = self._last_due_s[pair] = max(now_s + late_s, self._last_due_s.get(pair, 0.0))
            heapq.heappush(self._due, _Due(at_s, self._number, from_fd, to_fd, packet))

    def _deliver(self) -> None:
        now_s = time.monotonic()
        while self._due and self._due[0].at_s <= now_s:
            due = heapq.heappop(self._due)
            if self._cut & {due.from_fd, due.to_fd}:
                self._dropped += 1
                continue
            try:
                os.write(due.to_fd, due.packet)
            except OSError:  # its queue is full, or the device is down: the packet is lost
                self._dropped += 1

    def _obey(self) -> bool:
        """False at the end of standard input."""
        lines = os.read(sys.stdin.fileno(), _LARGEST_PACKET)
        for line in lines.splitlines():
            match json.loads(line):
                case ["cut", host]:
                    self._cut.add(self._devices[host])
                case ["heal", host]:
                    self._cut.discard(self._devices[host])
            _print({"packets": self._number, "lost": self._lost, "dropped": self._dropped})
        return lines != b""


def _device() -> int:
    """A TUN device in the namespace of this thread, as a descriptor; it goes when this process does."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return fd


def _packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles
    relay = Relay(Wiring(**json.loads(sys.stdin.buffer.readline())))
    _print("ready")
    relay.run()
