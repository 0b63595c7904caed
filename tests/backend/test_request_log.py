"""The request log: one line per request, whatever became of it."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitra_backend.request_log import RequestLog

from tests.backend.conftest import Serve
from tests.backend.support import Api, running, settings_for


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def _lines_when(file: Path, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while len(_lines(file)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return _lines(file)


def test_a_line_in_full(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    api = serve(request_log=file)
    api.login("policyholder")
    policy_id = api.get("policyholder", "/policies/")[0]["policy_id"]
    before = datetime.now(UTC)
    headers = {"X-Run-ID": "run-1", "X-Request-ID": "r-7"}
    api.call("policyholder", "GET", f"/policies/{policy_id}", headers=headers)
    line = _lines_when(file, 3)[-1]
    arrived = datetime.fromisoformat(line.pop("time"))
    assert before <= arrived <= datetime.now(UTC)
    assert 0 < line.pop("duration_s") < 1
    assert line == {
        "schema": 1,
        "run_id": "run-1",
        "request_id": "r-7",
        "method": "GET",
        "route": "/api/v1/policies/{policy_id}",
        "name": "policies.read",
        "status": 200,
    }


class _WrittenMeanwhile(dict[str, object]):
    """A record during whose encoding the log's thread writes what it has."""

    def __init__(self, log: RequestLog, **fields: object) -> None:
        super().__init__(fields)
        self._log = log

    def items(self) -> Any:
        self._log.flush()
        return super().items()


def test_a_line_that_comes_while_others_are_written_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    log = RequestLog(file)
    for number in range(3):
        log.add(_WrittenMeanwhile(log, number=number))
    log.close()
    assert [line["number"] for line in _lines(file)] == [0, 1, 2]


def test_every_request_has_one_line(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    api = serve(
        "error=500@users.me", "cut@agents.profile", "redirect@leads.list", "latency=300ms@health.root", request_log=file
    )
    wanted = [
        ("/api/v1/users/me", "users.me", 500),
        ("/api/v1/leads/", "leads.list", 307),
        ("/nowhere", "-", 404),
        ("/api/v1/users", "-", 307),
        ("/api/v1/policies/", "policies.list", 401),
    ]
    for path, _, _ in wanted:
        api.http.get(path)
    with pytest.raises(httpx.TransportError):
        api.http.get("/api/v1/agents/profile")
    _ask_and_go_away(api)
    lines = _lines_when(file, 7)
    assert [(line["name"], line["status"]) for line in lines[:6]] == [
        *[(name, status) for _, name, status in wanted],
        ("agents.profile", 0),
    ]
    assert lines[6]["name"] == "health.root"
    assert len(lines) == 7


def _ask_and_go_away(api: Api) -> None:
    host, port = api.http.base_url.host, api.http.base_url.port
    assert port is not None
    with socket.create_connection((host, port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")


def test_counts_agree_under_parallel_load(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    api = serve(request_log=file)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: api.http.get("/health"), range(200)))
    assert len(_lines_when(file, 200)) == 200
    assert api.app.state.calls.total == 200


def test_a_request_broken_off_by_the_end_has_its_line(template: Path, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    statuses: list[int] = []
    with running(settings_for(template, tmp_path, "latency=60s@health.root", request_log=file)) as api:
        url = f"{api.url}/health"
        thread = threading.Thread(target=lambda: statuses.append(httpx.get(url, timeout=50).status_code))
        thread.start()
        until_s = time.monotonic() + 30
        while not api.app.state.calls.in_flight and time.monotonic() < until_s:
            time.sleep(0.01)
        time.sleep(0.1)
    thread.join()
    assert statuses == [503]
    assert [(line["name"], line["status"]) for line in _lines(file)] == [("health.root", 503)]
