"""The endpoint: on this machine only, while the command lasts, and with nothing but the run's metrics."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from perfsuite.cli.main import main
from perfsuite.errors import UsageError
from perfsuite.report.exporter import Exposition, serving
from tests.report.exporter.made_run import MadeRun
from tests.report.exporter.metrics import Metrics, text_of


def port_of(address: str) -> int:
    return httpx.URL(address).port or 0


def test_what_is_told_is_read_there() -> None:
    run = MadeRun(Exposition())
    run.begin()
    with serving(run.exposition, 0) as address:
        first = httpx.get(address)
        run.go_on()
        second = httpx.get(address)

    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert Metrics(second.text).one("mitra_load_actions_begun_total") == 11
    assert second.text == text_of(run.exposition) != first.text


def test_it_speaks_openmetrics_to_who_asks_for_it() -> None:
    run = MadeRun(Exposition())
    run.begin()
    with serving(run.exposition, 0) as address:
        answer = httpx.get(address, headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "# UNIT mitra_load_response_time_seconds seconds\n" in answer.text
    assert answer.text.endswith("# EOF\n")


def test_only_this_machine_can_ask() -> None:
    with serving(Exposition(), 0) as address:
        port = port_of(address)
        listening = {
            connection.laddr.ip
            for connection in psutil.Process().net_connections("inet")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        }
    assert listening == {"127.0.0.1"}


def test_port_and_thread_are_gone_afterwards() -> None:
    before = threading.active_count()
    with serving(Exposition(), 0) as address:
        assert httpx.get(address).status_code == 200
        during = threading.active_count()
    assert during > before
    assert threading.active_count() == before
    with socket.create_server(("127.0.0.1", port_of(address))):  # the port is free again
        pass


def test_who_asks_and_says_no_more_holds_up_neither_others_nor_the_end() -> None:
    with serving(Exposition(), 0) as address, socket.create_connection(("127.0.0.1", port_of(address))) as silent:
        silent.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert httpx.get(address).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_port_can_be_named() -> None:
    with serving(Exposition(), 0) as address:
        port = port_of(address)
    with serving(Exposition(), port) as again:
        assert again == f"http://127.0.0.1:{port}/metrics"


def test_a_port_in_use_is_told_with_its_mend() -> None:
    with (
        serving(Exposition(), 0) as address,
        pytest.raises(UsageError) as error,
        serving(Exposition(), port_of(address)),
    ):
        pass
    assert str(error.value) == (
        f"--metrics-port: port {port_of(address)} is in use. Name another one, or 0 for a free one"
    )


def test_a_run_goes_on_while_it_is_read() -> None:
    run = MadeRun(Exposition())
    run.begin()
    with serving(run.exposition, 0) as address, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(httpx.get, address) for _ in range(20)]
        for _ in range(200):
            run.go_on()
            run.show()
        read = [Metrics(answer.result().text) for answer in answers]

    for told in read:  # each as of one moment: no second is half told
        begun = told.one("mitra_load_actions_begun_total")
        requests = told.all("mitra_load_requests_total", "role", "operation")
        assert requests["policyholder", "policies.list"] == begun
        assert told.all("mitra_load_response_time_seconds_count", "role")["policyholder",] == begun


# ── the option ──────────────────────────────────────────────────────────────────────────────────────


def test_a_run_whose_port_is_in_use_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Exposition(), 0) as address:
        port = str(port_of(address))
        assert main(["--demo", "--metrics-port", port]) == 2
    said = capsys.readouterr()
    assert said.err == f"--metrics-port: port {port} is in use. Name another one, or 0 for a free one\n"
    assert said.out == ""  # the demo was not started


@pytest.mark.parametrize("port", ["65536", "-1", "9764.5", "http", ""])
def test_what_is_no_port_ends_with_2(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--dry-run", f"--metrics-port={port}"]) == 2
    said = capsys.readouterr().err
    assert f"{port!r} is not a port: give 1 to 65535, or 0 for a free one" in said


def test_a_dry_run_opens_no_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--dry-run", "--metrics-port", "0"]) == 0
    assert "Metrics:" not in capsys.readouterr().out
