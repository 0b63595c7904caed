"""A run whose load comes from `worker` commands, as on other machines: their own files, a token, several processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perfsuite.messages.run import RunMessage
from tests.integration.cost_runs import easy
from tests.integration.programs import Backend, Program, ended, family_of, free_port, suite, until
from tests.integration.runs import TWENTY_USERS
from tests.integration.test_secrets import contents

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("heard_signals")]

TOKEN, OTHER_TOKEN = "token-of-this-run-of-tests", "token-of-another-run-of-tests"
Begin = Callable[..., Program]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begin a command with a token in its environment; it is ended after the test."""
    begun: list[Program] = []

    def command(*arguments: str, token: str = TOKEN) -> Program:
        begun.append(suite(*arguments, env={"AGENTMITRA_WORKER_TOKEN": token}))
        return begun[-1]

    yield command
    for program in begun:
        program.end()


def test_a_run_by_workers_counts_every_request_and_keeps_the_token_secret(
    begin: Begin, backend: Backend, results: Path, tmp_path: Path
) -> None:
    master = f"127.0.0.1:{free_port()}"
    accounts = ("--credentials", str(backend.credentials))
    worker = begin("worker", "--master", master, "--processes", "2", *accounts)  # before the run: it waits for it
    run = begin(
        *backend.target, *TWENTY_USERS, *easy(tmp_path), "--duration", "5s", "--results", str(results),
        "--expect-workers", "2", "--bind", master,
    )  # fmt: skip
    until(lambda: "worker-2 joined" in run.out or not run.running, 150, "both workers in the run")
    assert run.running, run.out + run.err
    for program in (run, worker):
        program.look()
    done, served = ended(run, run.wait(), results), ended(worker, worker.wait())

    assert (served.code, served.left) == (0, ())
    assert RunMessage.WAITING_FOR_WORKERS(workers=2, bind=master, wait_s=60.0, master=master) in done.out
    assert done.summary["verdict"] in ("pass", "inconclusive"), done.out + done.err
    assert done.summary["users"]["peak"] == 20
    assert done.summary["generator"]["processes"] == 2
    assert done.summary["whole_run"]["requests"] == len(backend.requests(done.folder.name)) > 20

    texts = [done.out, done.err, served.out, served.err, *done.command_lines, *served.command_lines]
    files = dict(contents(done.folder))
    assert "worker --master" in " ".join(served.command_lines)
    assert len(files) > 5
    assert [text for text in texts if TOKEN in text] == []
    assert [name for name, content in files.items() if TOKEN.encode() in content] == []


def lines_of(program: Program) -> list[str]:
    """What it wrote to stderr, without what the starter has to say of the installation."""
    return [line for line in program.err.splitlines() if not line.startswith("note: requirements.txt")]


def test_another_token_is_refused_in_one_line_and_the_run_ends_without_load(
    begin: Begin, backend: Backend, results: Path
) -> None:
    master = f"127.0.0.1:{free_port()}"
    worker = begin("worker", "--master", master, token=OTHER_TOKEN)  # before the run: eight seconds are short
    run = begin(
        *backend.target, "--results", str(results), "--quiet",
        "--expect-workers", "1", "--bind", master, "--expect-workers-max-wait", "8",
    )  # fmt: skip

    assert worker.wait(150) == 2, worker.err
    joins, *refused = lines_of(worker)
    assert joins == RunMessage.WORKER_JOINS(processes=1, master=master)
    assert ["AGENTMITRA_WORKER_TOKEN" in line for line in refused] == [True]
    assert run.wait(150) == 4
    assert [line.partition(" joined")[0] for line in lines_of(run)] == ["0 of 1 worker"]
    (folder,) = results.iterdir()
    assert backend.requests(folder.name) == []
    assert not {OTHER_TOKEN, TOKEN} & {*worker.err.split(), *run.err.split()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_without_a_master_ends_in_order(begin: Begin, backend: Backend, number: signal.Signals) -> None:
    worker = begin("worker", "--master", f"127.0.0.1:{free_port()}", "--credentials", str(backend.credentials))
    until(lambda: len(family_of(worker.process.pid)) == 2, 90, "its load process")
    worker.look()
    worker.process.send_signal(number)
    done = ended(worker, worker.wait(30))

    assert (done.code, done.left) == (130, ())
    assert RunMessage.WORKER_INTERRUPTED() in done.err
