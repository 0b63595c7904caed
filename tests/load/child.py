"""Runs code that needs gevent or Locust in a process of its own, and brings its findings back.

Locust patches the whole process it is imported in; the tests' own must stay as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]


def findings(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
    """What `python -m tests.load.<module>` prints as JSON on its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.load.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout.strip().splitlines()[-1])


def report(found: Mapping[str, Any]) -> None:
    """For the child: print what was found."""
    sys.stdout.write(msgspec.json.encode(found, enc_hook=str).decode() + "\n")
