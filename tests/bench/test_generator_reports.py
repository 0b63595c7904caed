"""What each generator prints or writes is read as it is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.generators.tools import hey, k6, locust_peer, suite, wrk
from bench.generators.work import DUE, SEND, Outcome
from perfsuite.measurements.file import FILE_NAME, Writer
from perfsuite.measurements.records import Phase, Requests, Times

WRK = """Running 2s test @ http://127.0.0.1:8015/health
  1 threads and 50 connections
  88953 requests in 2.01s, 29.10MB read
{more}Requests/sec:  44210.73
Transfer/sec:     14.46MB
"""
HEY = """
Summary:
  Total:\t2.0022 secs
  Requests/sec:\t14781.5274

Status code distribution:
  [200]\t29595 responses
{more}"""


@pytest.mark.parametrize(
    ("more", "failures"),
    [
        pytest.param("", 0, id="all answered"),
        pytest.param("  Non-2xx or 3xx responses: 12\n", 12, id="other statuses are failures"),
        pytest.param("  Socket errors: connect 1, read 2, write 3, timeout 4\n", 10, id="broken connections, too"),
    ],
)
def test_wrk(more: str, failures: int) -> None:
    assert wrk.parsed(WRK.format(more=more)) == Outcome(88953, failures)


@pytest.mark.parametrize(
    ("more", "requests", "failures"),
    [
        pytest.param("", 29595, 0, id="all answered"),
        pytest.param("  [503]\t5 responses\n", 29600, 5, id="other statuses are failures"),
        pytest.param("\nError distribution:\n  [7]\tGet: EOF\n  [2]\tGet: refused\n", 29604, 9, id="errors, too"),
    ],
)
def test_hey(more: str, requests: int, failures: int) -> None:
    assert hey.parsed(HEY.format(more=more)) == Outcome(requests, failures)


def test_wrk_without_a_summary_is_an_error() -> None:
    with pytest.raises(ValueError, match="wrk printed no summary"):
        wrk.parsed("unable to connect to 127.0.0.1:1 Connection refused")


def test_hey_lists_every_request() -> None:
    rows = [f"{number / 10000:.4f},0,0,0,0,0,{500 if number == 7 else 200},0.1" for number in range(1, 1001)]
    head = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"

    assert hey.listed("\n".join([head, *rows])) == Outcome(1000, 1, {SEND: (50.1, 99.1, 100.0)})


@pytest.mark.parametrize("read", [hey.parsed, hey.listed])
def test_output_without_a_report_is_an_error(read: object) -> None:
    with pytest.raises(ValueError, match="hey"):
        read("unable to connect to 127.0.0.1:1 Connection refused")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("failed", "wrong", "failures"),
    [
        pytest.param(0, 0, 0, id="all right"),
        pytest.param(3, 0, 3, id="three were not answered well"),
        pytest.param(3, 6, 6, id="a failed request fails its checks, too: it counts once"),
    ],
)
def test_k6_and_k9_load(failed: int, wrong: int, failures: int, tmp_path: Path) -> None:
    metrics = {
        "http_reqs": {"count": 9727, "rate": 4838.1},
        "http_req_failed": {"passes": failed, "fails": 9727 - failed, "value": 0},
        "checks": {"passes": 19454, "fails": wrong, "value": 1},
        "http_req_duration": {"med": 8.1, "p(99)": 36.2, "p(99.9)": 42.6},
    }
    file = tmp_path / k6.EXPORT
    file.write_text(json.dumps({"metrics": metrics}))

    assert k6.exported(file) == Outcome(9727, failures, {SEND: (8.1, 36.2, 42.6)})


def test_locust(tmp_path: Path) -> None:
    entries = [
        {"num_requests": 900, "num_failures": 1, "response_times": {"5.0": 500, "10": 400}},
        {"num_requests": 100, "num_failures": 0, "response_times": {"20": 95, "310": 5}},
    ]
    file = tmp_path / "report.json"
    file.write_text(json.dumps(entries))

    assert locust_peer.reported(file) == Outcome(1000, 1, {SEND: (10.0, 20.0, 310.0)})


def test_this_suite(tmp_path: Path) -> None:
    ok = Times({1000: 98, 2000: 1}, 100_000, 1000, 2000)
    failed = Times({1500: 1}, 1500, 1500, 1500)
    service = Times({900: 100}, 90_000, 900, 900)
    login = Times({1900: 1}, 1900, 1900, 1900)
    of_ramp_up = Times({2040: 7}, 14_280, 2040, 2040)
    writer = Writer(tmp_path / FILE_NAME, "bench")
    for sequence, (second, behaviour, operation, times) in enumerate(
        [(5, "one get", "health.root", of_ramp_up), (7, "login", "login", login)]
    ):
        writer.write(Requests("w", sequence, second, "policyholder", behaviour, operation, times))
    writer.write(Requests("w", 9, 7, "policyholder", "one get", "health.root", ok, failed, service=service))
    writer.write(Phase("w", 10, "plateau", 6.3))
    writer.write(Phase("w", 11, "ramp-down", 9.9))
    writer.close()

    found = suite.recorded(tmp_path / FILE_NAME)

    assert found == Outcome(107, 1, {SEND: (0.9, 0.9, 0.9), DUE: (1.0, 1.5, 2.0)}, range(7, 9))
