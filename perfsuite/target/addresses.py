"""The addresses of the target: looked up for every connection, spread over connections, the next where one fails."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import socket
import time
from typing import Protocol

from perfsuite.target.failures import generator_failure
from perfsuite.target.sockets import Address, Network, Socket

ADDRESS_WAIT_S = 2.0
"""How long an address may take to answer while there is another one."""

_turn = itertools.count()
"""Of all connections of this process: which address of several is the first to be tried."""


class ConnectionReport(Protocol):
    """Hears of the connections that are opened."""

    def opened(self, address: str) -> None:
        """A connection to this address."""

    def did_not_answer(self, address: str, waited_us: int) -> None:
        """A connection to this address failed, and another address was tried."""


def connect(host: str, port: int, network: Network, report: ConnectionReport | None, deadline: float) -> Socket:
    """A connection to one of the addresses of `host`. Raises TimeoutError, OSError (gaierror), Interrupted."""
    order = _in_turn(_literal(host, port) or _looked_up(host, port, network))
    for address in order[:-1]:
        began = time.perf_counter()
        try:
            connected = network.connect(address, min(deadline, began + ADDRESS_WAIT_S))
        except OSError as error:
            own = generator_failure(error)
            if own is not None and error.errno != errno.EADDRNOTAVAIL:
                raise  # every other address would meet the same limit of this machine
            if own is None and report is not None:
                report.did_not_answer(address.shown, round((time.perf_counter() - began) * 1e6))
            continue
        return _reported(connected, address, report)
    return _reported(network.connect(order[-1], deadline), order[-1], report)


def _looked_up(host: str, port: int, network: Network) -> list[Address]:
    try:
        return network.lookup(host, port)
    except UnicodeError as error:  # of the codec for names: a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from None


def _reported(connected: Socket, address: Address, report: ConnectionReport | None) -> Socket:
    if report is not None:
        report.opened(address.shown)
    return connected


def _literal(host: str, port: int) -> list[Address]:
    """The address that `host` is; [] for a name."""
    try:
        version = ipaddress.ip_address(host.partition("%")[0]).version
    except ValueError:
        return []
    if version == 4:
        return [Address(socket.AF_INET, (host, port))]
    return [] if "%" in host else [Address(socket.AF_INET6, (host, port, 0, 0))]  # a scope has to be looked up


def _in_turn(addresses: list[Address]) -> list[Address]:
    """Connections go round the addresses of the preferred family; those of the other one come last."""
    if len(addresses) < 2:
        return addresses
    first = [address for address in addresses if address.family == addresses[0].family]
    others = [address for address in addresses if address.family != addresses[0].family]
    begin = next(_turn) % len(first)
    return first[begin:] + first[:begin] + others
