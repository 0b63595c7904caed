"""Real programs, started for one test and ended with it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from perfsuite.demo.programs import FULL_DEMO, find_program
from perfsuite.errors import TargetError
from tests.demo.processes import ROOT, Started


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    """Start `python ARGUMENTS` from the checkout and read one JSON line; what is left at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> Started:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return Started(process, json.loads(process.stdout.readline()))

    yield begin
    for process in started:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.kill()
        process.wait()


@pytest.fixture
def full_demo_programs() -> None:
    """Skip the test where PostgreSQL or Redis are not installed; fail it in CI, which has to have them."""
    try:
        for name in FULL_DEMO:
            find_program(name)
    except TargetError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
