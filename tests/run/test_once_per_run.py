"""What a run does once: one summary, one question what the target offers, one pass over the backend's log."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perfsuite.cli.screen import PlainScreen
from perfsuite.fingerprint.output import write_fingerprint
from perfsuite.messages.run import RunMessage
from perfsuite.model import Summary
from perfsuite.model.history import RunGroup
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import Watch, add_readings
from perfsuite.preflight.probe import TargetInfo
from perfsuite.roles import ROLES
from perfsuite.run import pipeline
from perfsuite.run.context import CommandContext, RunContext
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.fingerprint import fingerprint_before_load
from perfsuite.run.finish import Outputs, RunEnd, count_logged, finish
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.load import LoadResult
from perfsuite.run.load_run import Evaluation, LoadedRun, load_run
from perfsuite.run.pipeline import STAGES
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.exchange import Request
from tests.findings.simulated import Fault, made
from tests.fingerprint.made import fingerprint, operation
from tests.history import folders
from tests.target.fake_target import ACCOUNTS, FakeTarget

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"


@contextmanager
def served() -> Iterator[tuple[str, FakeTarget]]:
    """A target that works, on a port of this machine."""
    target = FakeTarget()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))) or None
            headers = {name.title(): value for name, value in self.headers.items()}
            given = target.exchange(Request(self.command, self.path, headers | {"X-Run-ID": "run"}, body))
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", target
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Counting:
    """The stages of a run; only the load is not made, and the database is not there."""

    summaries: int = 0

    def fingerprint(self, run: RunContext, target: TargetInfo) -> None:
        fingerprint_before_load(run, target)
        write_fingerprint(fingerprint(operation("policies.list")), run.folder)

    def load(self, run: RunContext) -> LoadResult:
        """Requests ask more of the database from some second on: a second fingerprint is tried."""
        folders.measured(run.folder)
        seen = made(3, 75, 80.0, Fault("n_plus_one", 45))
        add_readings(run.folder / READINGS_FILE, seen.readings)
        return LoadResult("completed", 100, {one.second: one.statistics.requests for one in seen.summary.seconds})

    def finish(self, run: RunContext, end: RunEnd, baseline: RunGroup | None) -> LoadedRun:
        def load(folder: Path, errors: ErrorCollector) -> LoadedRun:
            return load_run(folder, errors=errors, evaluation=Evaluation(summarize=self.summarize))

        return finish(run, end, baseline, Outputs(load=load))

    def summarize(self, *given: Any, **named: Any) -> Summary:
        self.summaries += 1
        return Evaluation().summarize(*given, **named)


def test_a_run_makes_one_summary_and_one_request_for_the_routes(tmp_path: Path) -> None:
    counting, said = Counting(), io.StringIO()
    stages = replace(STAGES, fingerprint=counting.fingerprint, load=counting.load, finish=counting.finish)
    with served() as (host, target):
        plan = folders.plan("", host=host, fingerprint=True, users_by_role={role.slug: 1 for role in ROLES})
        watch = Watch("", ConnectionSettings(host), postgres_dsn=NO_DATABASE)
        command = CommandContext(tmp_path, PlainScreen(said), Interrupts(), watch=watch)
        finished = pipeline.run(command, plan, tuple(ACCOUNTS.values()), stages=stages)

    assert [request.target for request in target.sent].count("/openapi.json") == 1
    assert counting.summaries == 1
    assert RunMessage.FINGERPRINT_NOT_TAKEN(why="") in said.getvalue()
    assert RunMessage.FINGERPRINT_NOT_TAKEN_AGAIN(why="") in said.getvalue()
    assert finished.report.summary.rows


def test_the_log_of_the_backend_is_read_in_one_pass(tmp_path: Path) -> None:
    """A pipe can be read only once; its last line comes in two parts."""
    log = tmp_path / "requests.jsonl"
    os.mkfifo(log)
    lines = b"".join(msgspec.json.encode({"run_id": name}) + b"\n" for name in ("run-1", "run-2", "run-1", None))

    def write() -> None:
        with log.open("wb", buffering=0) as pipe:
            pipe.write(lines + b'{"run_id":')
            pipe.write(b'"run-1"}\n')

    writer = threading.Thread(target=write)
    writer.start()
    assert count_logged(log, "run-1", expected=3) == 3
    writer.join()


def test_a_line_that_is_not_whole_is_not_counted(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(b'{"run_id":"run-1"}\n{"run_id":"run-1"}')
    assert count_logged(log, "run-1", expected=1) == 1


@pytest.mark.parametrize(
    ("ids", "retries", "counted"),
    [
        pytest.param("abc", 0, 3, id="nothing was repeated"),
        pytest.param("abca", 1, 3, id="a repeated one that arrived twice counts once"),
        pytest.param("abc", 1, 3, id="or arrived once"),
        pytest.param("abcaa", 1, 4, id="more copies than were sent are more requests"),
        pytest.param("aba", 0, 3, id="without repetitions two lines are two requests"),
        pytest.param("ab", 1, 2, id="a missing one is missing"),
    ],
)
def test_repeated_requests_in_the_log_of_the_backend(tmp_path: Path, ids: str, retries: int, counted: int) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(b"".join(msgspec.json.encode({"run_id": "run-1", "request_id": one}) + b"\n" for one in ids))
    assert count_logged(log, "run-1", expected=counted, retries=retries) == counted
