"""The machine: real processors and memory, and counters of TCP as a kernel writes them."""

from __future__ import annotations

from pathlib import Path

from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import PART
from perfsuite.monitor.machine import MachineSource
from tests.monitor.fakes import FakeClock, figures

SNMP = "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm OutSegs RetransSegs\nTcp: 1 {out} {again}\n"
NETSTAT = "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 0 {full}\nIpExt: InNoRoutes\nIpExt: 0\n"


def tables(folder: Path, out: int, again: int, full: int) -> None:
    (folder / "net").mkdir(exist_ok=True)
    (folder / "net" / "snmp").write_text(SNMP.format(out=out, again=again))
    (folder / "net" / "netstat").write_text(NETSTAT.format(full=full))


def test_tcp_figures_are_differences_over_the_time_measured(tmp_path: Path) -> None:
    clock = FakeClock()
    tables(tmp_path, out=1000, again=10, full=0)
    source = MachineSource(clock, only_network=True, proc=tmp_path)
    assert source.open() == []
    tables(tmp_path, out=1190, again=20, full=4)
    clock.move_to(1002.0)
    assert figures(source.read()) == {
        "machine.tcp_retransmits_per_s": 5.0,
        "machine.tcp_retransmitted_percent": 5.0,
        "machine.tcp_listen_overflows_per_s": 2.0,
    }
    tables(tmp_path, out=5, again=1, full=0)  # as after a restart of the machine's network
    clock.move_to(1003.0)
    assert set(figures(source.read()).values()) == {None}


def test_a_system_without_these_tables_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    clock = FakeClock()
    source = MachineSource(clock, proc=tmp_path)
    assert source.open() == [MonitorMessage.NO_TCP()]
    clock.move_to(1001.0)
    seen = figures(source.read())
    assert "machine.tcp_retransmits_per_s" not in seen
    assert seen["machine.memory_available_bytes"] is not None


def test_the_machine_is_busy_while_we_are() -> None:
    clock = FakeClock()
    source = MachineSource(clock)
    assert source.open() == []
    busiest = 0.0
    while busiest < 90:  # ends as soon as one core was busy between two looks; the processor's clock has ticks of 10 ms
        sum(range(3_000_000))
        clock.move_to(clock.utc_s() + 1)
        readings = source.read()
        busiest = figures(readings)["machine.busiest_core_percent"] or 0.0
    cores = [reading.value for reading in readings if reading.source.startswith(f"machine{PART}core ")]
    assert max(value or 0.0 for value in cores) == busiest
    seen = figures(readings)
    assert 0 < (seen["machine.cpu_percent"] or 0) <= busiest
    assert 0 < (seen["machine.memory_used_percent"] or 0) < 100
