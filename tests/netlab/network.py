"""A network of hosts on this machine: network namespaces, connected with delay, jitter and loss.

    with network() as lab:
        server = lab["master"].popen(["python", "-m", "http.server", "--bind", lab["master"].address])
        lab["left"].run(["curl", f"http://{lab['master'].address}:8000"])
        lab.cut("left")

Every host reaches every other by its address, and itself by loopback; nothing beyond the network can be reached.
Files and process ids are those of this machine. Afterwards nothing is left, neither processes nor namespaces.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.netlab.namespaces import call_in, create, ip, lacking, new_prefix, pids, remove, remove_abandoned
from tests.netlab.relay import DEVICE
from tests.netlab.shapers import End, Link, NetemShaper, RelayShaper, has_netem

T = TypeVar("T")

Shaper = type[RelayShaper] | type[NetemShaper]

HOSTS = ("master", "left", "right")
_LISTENS = "0A"
"""State of a socket in /proc/net/tcp."""
_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the network."""

    name: str
    namespace: str
    address: str
    started: list[subprocess.Popen[Any]] = field(default_factory=list)

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command that runs a command on this host, under the same process id."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def run(self, command: Sequence[str], within_s: float = _WITHIN_S, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; its output is captured."""
        options: dict[str, Any] = {"capture_output": True, "text": True, "check": False, "stdin": subprocess.DEVNULL}
        return subprocess.run(self.inside(command), timeout=within_s, **options | more)

    def popen(self, command: Sequence[str], **more: Any) -> subprocess.Popen[Any]:
        """Begin a program; what still runs when the network goes is killed."""
        process = subprocess.Popen(self.inside(command), **more)
        self.started.append(process)
        return process

    def call(self, function: Callable[[], T]) -> T:
        """The result of a function that is called on this host, in a thread. Its sockets stay on this host."""
        return call_in(self.namespace, function)

    def listens(self, port: int) -> bool:
        """Whether a program on this host accepts connections (IPv4) on the port."""
        table = self.call(lambda: Path("/proc/thread-self/net/tcp").read_text(encoding="ascii"))
        sockets = (line.split() for line in table.splitlines()[1:])
        return any(
            state == _LISTENS and int(local.rpartition(":")[2], 16) == port for _, local, _, state, *_ in sockets
        )

    def pids(self) -> list[int]:
        """Processes on this host, stopped ones too."""
        return pids(self.namespace)


@dataclass(frozen=True, slots=True)
class Network:
    """Hosts by name, and what connects them."""

    hosts: dict[str, Host]
    shaper: RelayShaper | NetemShaper

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def cut(self, name: str) -> None:
        """Drop every packet to and from a host from now on; nobody is told."""
        self.shaper.cut(name)

    def heal(self, name: str) -> None:
        """Forward the packets of a host again."""
        self.shaper.heal(name)

    def pids(self) -> dict[str, list[int]]:
        """Host → processes on it, of the hosts that have any."""
        return {name: found for name, host in self.hosts.items() if (found := host.pids())}


@contextmanager
def network(hosts: Sequence[str] = HOSTS, link: Link | None = None, shaper: Shaper | None = None) -> Iterator[Network]:
    """Connected hosts, by netem where the kernel has it. Their namespaces have names that no other process uses."""
    remove_abandoned()
    prefix = new_prefix()
    ends = {name: End(f"{prefix}-{name}", f"10.77.0.{number}") for number, name in enumerate(hosts, 1)}
    with ExitStack() as cleanup:
        for end in ends.values():
            create(end.namespace)
            cleanup.callback(remove, end.namespace)
        made = (shaper or (NetemShaper if has_netem() else RelayShaper))(ends, link or Link())
        cleanup.callback(made.close)
        for end in ends.values():
            ip("-n", end.namespace, "address", "add", f"{end.address}/24", "dev", DEVICE)
            ip("-n", end.namespace, "link", "set", DEVICE, "up")
        lab = Network({name: Host(name, end.namespace, end.address) for name, end in ends.items()}, made)
        for host in lab.hosts.values():
            cleanup.callback(_end_programs, host)
        yield lab


def _end_programs(host: Host) -> None:
    """Kill what was started on the host and still runs, and take note of its end."""
    for process in host.started:
        process.kill()
        process.communicate()


def skip_without_namespaces() -> None:
    """Skip the test where no network can be built; fail it in CI, which has to be able to."""
    if reason := lacking():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
