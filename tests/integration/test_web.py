"""A run on its live page, as a browser receives it: the stream of states until it ends."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from perfsuite.messages.report import ReportMessage
from tests.integration.programs import Backend, ended, run_suite, suite, until

pytestmark = pytest.mark.integration

_ADDRESS = re.compile(r"^Live page: (http://127\.0\.0\.1:(\d+)/)$", re.MULTILINE)


def test_a_run_is_shown_from_its_start_to_its_verdict(backend: Backend, results: Path) -> None:
    watched = ("--monitor-server", str(backend.server.pid))
    load = ("--users", "20", "--spawn-rate", "20", "--duration", "7s")
    run = suite(*backend.target, *watched, *load, "--web", "0", "--quiet", "--results", str(results))
    try:
        address, port = until(lambda: _ADDRESS.search(run.out), 90, "the address").groups()
        states: list[dict[str, Any]] = []
        with httpx.stream("GET", f"{address}states", timeout=150, trust_env=False) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    states.append(json.loads(line.removeprefix("data: ")))
                    run.look()
        done = ended(run, run.wait(), results)
    finally:
        run.end()
    verdict = done.summary["verdict"].upper()  # whatever it is: this machine may be busy
    assert (done.code, done.err, done.left) == (done.summary["exit_code"], "", ())
    assert done.out.splitlines()[0] == f"Live page: {address}"
    assert done.out.rstrip().splitlines()[-1] == f"VERDICT: {verdict}"

    badges = list(dict.fromkeys(state["badge"] for state in states))
    # Who reads slowly is shown the newest state, and none of those between.
    expected = ["preparing", "steady", "load finished", verdict]
    shown = [badge for badge in badges if badge in expected]
    assert shown == [badge for badge in expected if badge in shown]
    assert {"steady", verdict} <= {*shown}
    loading, last = [state for state in states if state["loading"]], states[-1]
    assert len(loading) >= 3
    assert {state["where"] for state in loading} == {f"{done.summary['host']} · run {done.folder.name}"}
    assert "20/20" in {state["cards"][0]["value"] for state in loading}
    assert any(one["name"] == "server: CPU" for state in loading for one in state["monitored"])
    assert last["ended"]
    assert last["result"]["folder"] == str(done.folder)
    assert last["result"]["reasons"] == done.summary["reasons"]
    assert f"{done.summary['totals']['requests']:,}" == last["cards"][1]["value"]
    assert any(line.startswith("Preflight: ") for line in last["lines"])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0


def test_a_port_in_use_ends_the_command_before_anything_is_started(results: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_suite("--demo", "--web", str(port), results=results)
        dry = run_suite("--demo", "--web", str(port), "--dry-run", results=results)
    assert (done.code, done.out, done.folders) == (2, "", ())
    assert done.err.strip() == ReportMessage.PORT_IN_USE(port=port)
    assert (dry.code, dry.err, "Live page" in dry.out) == (0, "", False)  # it starts nothing
