"""A host with several addresses: connections go round them, and the next is tried where one fails."""

from __future__ import annotations

import errno
import socket
import time

import pytest

from perfsuite.target.addresses import ADDRESS_WAIT_S, connect
from perfsuite.target.sockets import Address, BlockingNetwork, addresses_of


def v4(last: int) -> Address:
    return Address(socket.AF_INET, (f"127.0.0.{last}", 80))


V6 = Address(socket.AF_INET6, ("::1", 80, 0, 0))


class Connected:
    """A connection to an address of the fake network."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def spent(self, idle_s: float) -> bool:
        return False

    def send(self, data: bytes, deadline: float) -> None:
        raise NotImplementedError

    def receive(self, deadline: float) -> bytes:
        raise NotImplementedError

    def ask(self, data: bytes, deadline: float) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        pass


class FakeNetwork:
    """Finds these addresses; some fail at once."""

    def __init__(self, *found: Address, failing: dict[Address, OSError] | None = None) -> None:
        self.found = list(found)
        self.failing = failing or {}
        self.lookups = 0
        self.tried: list[Address] = []
        self.allowed_s: list[float] = []

    def lookup(self, host: str, port: int) -> list[Address]:
        self.lookups += 1
        return self.found

    def connect(self, address: Address, deadline: float) -> Connected:
        self.tried.append(address)
        self.allowed_s.append(deadline - time.perf_counter())
        if address in self.failing:
            raise self.failing[address]
        return Connected(address)


class Report:
    def __init__(self) -> None:
        self.events: list[str] = []

    def opened(self, address: str) -> None:
        self.events.append(f"opened {address}")

    def did_not_answer(self, address: str, waited_us: int) -> None:
        assert waited_us >= 0
        self.events.append(f"no answer {address}")


def connected(network: FakeNetwork, host: str = "name.test", report: Report | None = None) -> Address:
    found = connect(host, 80, network, report, time.perf_counter() + 10)
    assert isinstance(found, Connected)
    return found.address


def test_connections_go_round_the_addresses() -> None:
    network = FakeNetwork(v4(1), v4(2), v4(3))

    first_nine = [connected(network) for _ in range(9)]

    assert [first_nine.count(v4(number)) for number in (1, 2, 3)] == [3, 3, 3]
    assert first_nine[:3] == first_nine[3:6]


def test_the_other_family_is_used_only_where_the_preferred_one_fails() -> None:
    both = FakeNetwork(V6, v4(1))
    no_v6 = FakeNetwork(V6, v4(1), failing={V6: OSError(101, "unreachable")})

    assert {connected(both) for _ in range(4)} == {V6}
    assert {connected(no_v6) for _ in range(4)} == {v4(1)}


def test_a_changed_record_is_noticed_at_the_next_connect() -> None:
    network = FakeNetwork(v4(1))
    before = connected(network)
    network.found = [v4(2)]

    assert (before, connected(network), network.lookups) == (v4(1), v4(2), 2)


def test_an_address_that_does_not_answer_falls_back_and_is_reported() -> None:
    network, report = FakeNetwork(v4(1), v4(2), failing={v4(1): TimeoutError("timed out")}), Report()

    assert {connected(network, report=report) for _ in range(2)} == {v4(2)}

    assert sorted(report.events) == ["no answer 127.0.0.1:80", "opened 127.0.0.2:80", "opened 127.0.0.2:80"]
    # While there is another address, one has less time than the last.
    assert min(network.allowed_s) <= ADDRESS_WAIT_S < max(network.allowed_s)


def test_where_all_fail_the_last_reason_is_the_reason() -> None:
    network = FakeNetwork(V6, v4(1), failing={V6: OSError(101, "unreachable"), v4(1): ConnectionRefusedError()})

    with pytest.raises(ConnectionRefusedError):
        connected(network)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", Address(socket.AF_INET, ("127.0.0.1", 80))),
        ("::1", Address(socket.AF_INET6, ("::1", 80, 0, 0))),
    ],
)
def test_a_literal_address_is_not_looked_up(host: str, address: Address) -> None:
    network = FakeNetwork()

    assert (connected(network, host), network.lookups) == (address, 0)


def test_addresses_are_shown_with_their_port() -> None:
    assert (v4(1).shown, V6.shown) == ("127.0.0.1:80", "[::1]:80")


def test_what_is_found_twice_is_one_address() -> None:
    found = socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)

    assert addresses_of([*found, *found]) == [Address(socket.AF_INET, ("127.0.0.1", 80))]


def test_a_limit_of_this_machine_says_nothing_about_an_address() -> None:
    network, report = (
        FakeNetwork(v4(1), v4(2), failing={a: OSError(errno.EMFILE, "") for a in (v4(1), v4(2))}),
        Report(),
    )

    with pytest.raises(OSError, match="24"):
        connected(network, report=report)
    assert (len(network.tried), report.events) == (1, [])


@pytest.mark.parametrize("name", ["a" * 64 + ".test", "a..test"])
def test_a_name_that_cannot_be_one_is_not_found(name: str) -> None:
    with pytest.raises(socket.gaierror):
        connect(name, 80, BlockingNetwork(), None, time.perf_counter() + 1)


def test_without_a_free_port_for_an_address_the_next_one_is_tried() -> None:
    report, both = Report(), (v4(1), v4(2))
    for address, other in (both, both[::-1]):
        network = FakeNetwork(*both, failing={address: OSError(errno.EADDRNOTAVAIL, "")})
        assert [connected(network, report=report) for _ in range(2)] == [other, other]
    assert not any(event.startswith("no answer") for event in report.events)
