"""Runs code that needs gevent or Locust in a process of its own, and brings its findings back.

Locust patches the whole process it is imported in; the tests' own must stay as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
WITHIN_S = 180
"""On a machine with other things to do; never waited for when all is well."""


def findings(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
    """What `python -m tests.load.<module>` prints as JSON on its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.load.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout.strip().splitlines()[-1])


class Child:
    """A `python -m tests.load.<module>` that answers many questions, one after the other."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-m", f"tests.load.{module}"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *question: object) -> Any:
        """What it answers."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None and answers is not None
        asked.write(msgspec.json.encode(question) + b"\n")
        asked.flush()
        answer = answers.readline()
        assert answer, f"it ended; exit code {self._process.wait()}"
        return msgspec.json.decode(answer)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate(timeout=WITHIN_S)


def report(found: Any) -> None:
    """For the child: print what was found."""
    sys.stdout.write(msgspec.json.encode(found, enc_hook=str).decode() + "\n")
    sys.stdout.flush()


def questions(kind: Any = list[Any]) -> Iterator[Any]:
    """For the child: what it is asked, until it is to end."""
    yield from (msgspec.json.decode(line, type=kind) for line in sys.stdin)
