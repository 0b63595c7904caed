"""What connects the hosts of a network and makes its links slow, unsteady and lossy: netem, or a relay of our own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from tests.netlab.namespaces import LabError, command, create, ip, new_prefix, remove
from tests.netlab.relay import DEVICE, Wiring

ROOT = Path(__file__).parents[2]
_ENDS_WITHIN_S = 60.0
_NETEM_QUEUE = 100_000
"""Packets; the default of 1,000 would lose some that the test did not ask to lose."""


@dataclass(frozen=True, slots=True)
class Link:
    """How packets travel from any host to any other, one-way.

    `jitter_ms`: uniform, ± so much; `loss`: share of packets; `seed`: of the relay's random numbers.
    """

    delay_ms: float = 40.0
    jitter_ms: float = 5.0
    loss: float = 0.01
    seed: int = 11


@dataclass(frozen=True, slots=True)
class End:
    """Where a host is connected."""

    namespace: str
    address: str


class RelayShaper:
    """A process that forwards packets, on any kernel with TUN devices."""

    def __init__(self, hosts: Mapping[str, End], link: Link) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.netlab.relay"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests, which end it
        )
        try:
            ends = {name: (end.namespace, end.address) for name, end in hosts.items()}
            assert self._ask(asdict(Wiring(ends, **asdict(link)))) == "ready"
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process that forwards."""
        return self._process.pid

    def cut(self, host: str) -> None:
        """Drop what the host sends and what is sent to it."""
        self._ask(["cut", host])

    def heal(self, host: str) -> None:
        """Forward again."""
        self._ask(["heal", host])

    def counts(self) -> dict[str, int]:
        """`packets` that came, `lost` of them by chance, `dropped` where a host is cut off."""
        counts = self._ask(["count"])
        assert isinstance(counts, dict)
        return counts

    def close(self) -> None:
        """End the process, and with it the devices."""
        try:
            self._process.communicate(timeout=_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _ask(self, question: object) -> object:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise LabError("the relay has ended")
        return json.loads(line)


class NetemShaper:
    """A bridge in a namespace of its own, with one cable per host; netem delays what leaves it towards a host."""

    def __init__(self, hosts: Mapping[str, End], link: Link) -> None:
        self._hosts = dict(hosts)
        self._ports = {name: f"port{number}" for number, name in enumerate(hosts)}
        self._netem = _netem(link)
        prefix = next(iter(hosts.values())).namespace.rpartition("-")[0]
        self._bridge = f"{prefix}-bridge"
        create(self._bridge)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        ip("-n", self._bridge, "link", "add", "bridge", "type", "bridge")
        ip("-n", self._bridge, "link", "set", "bridge", "up")
        for name, end in self._hosts.items():
            port = self._ports[name]
            cable = ("type", "veth", "peer", "name", DEVICE, "netns", end.namespace)
            ip("-n", self._bridge, "link", "add", port, *cable)
            ip("-n", self._bridge, "link", "set", port, "master", "bridge", "up")
            self._shape(self._bridge, port, self._netem)

    def cut(self, host: str) -> None:
        """Drop what the host sends and what is sent to it."""
        everything = ("loss", "100%")
        self._shape(self._hosts[host].namespace, DEVICE, everything)
        self._shape(self._bridge, self._ports[host], everything)

    def heal(self, host: str) -> None:
        """Forward again."""
        self._shape(self._bridge, self._ports[host], self._netem)
        command("tc", "-n", self._hosts[host].namespace, "qdisc", "del", "dev", DEVICE, "root")

    def close(self) -> None:
        """Remove the bridge and its cables."""
        remove(self._bridge)

    def _shape(self, namespace: str, device: str, netem: tuple[str, ...]) -> None:
        command("tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", "netem", *netem)


def _netem(link: Link) -> tuple[str, ...]:
    jitter = (f"{link.jitter_ms}ms",) if link.jitter_ms else ()
    return ("limit", str(_NETEM_QUEUE), "delay", f"{link.delay_ms}ms", *jitter, "loss", f"{link.loss:.4%}")


@lru_cache
def has_netem() -> bool:
    """Whether this kernel and this machine's `tc` can shape links themselves, and connect them by a bridge."""
    name = f"{new_prefix()}-probe"
    create(name)
    try:
        ip("-n", name, "link", "add", "bridge", "type", "bridge")
        command("tc", "-n", name, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    except (LabError, FileNotFoundError):
        return False
    else:
        return True
    finally:
        remove(name)
