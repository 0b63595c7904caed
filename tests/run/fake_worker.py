"""Stands in for `python -m perfsuite.load.worker FOLDER`: does what its arguments say.

Arguments: what to do, one word for each process in their order, then the folder, whose name is the process's number.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any


def say(line: str) -> None:
    """A line on standard error, as workers say what becomes of them."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def show(start: dict[str, Any]) -> int:
    """Print what can be seen of the secrets elsewhere, and whether standard input is still open."""
    seen = " ".join([*sys.argv, *(text for name, text in os.environ.items() if name != "AGENTMITRA_WORKER_TOKEN")])
    readable, _, _ = select.select([0], [], [], 0.2)
    values = {
        "index": start["index"],
        "token": start["token"],
        "secret": start["token"] in seen,
        "ended": bool(readable),
    }
    sys.stdout.write(json.dumps(values) + "\n")
    return 0


def until_signal() -> int:
    """Wait for the signal to end, and say which one it was."""
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hear)
    say("ready")
    while not heard:
        time.sleep(0.01)
    time.sleep(0.2)  # a second one would come meanwhile
    say("interrupted by " + " ".join(signal.Signals(number).name for number in heard))
    return 130


def main() -> int:
    """The exit code."""
    *words, folder = sys.argv[1:]
    what, _, code = words[int(Path(folder).name) - 1].partition(":")
    start = json.loads(sys.stdin.readline())
    match what:
        case "show":
            return show(start)
        case "until-signal":
            return until_signal()
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            say("ready")
            time.sleep(600)
        case "starting":
            say("ready")
            time.sleep(600)
        case "until-end":
            say("ready")
            sys.stdin.read()
            Path(code).write_text("ended", encoding="utf-8")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "journal":
            (Path(folder) / "journal-worker-1.jsonl").write_text("{}\n", encoding="utf-8")
        case "empty-journal":
            (Path(folder) / "journal-worker-1.jsonl").touch()
        case "error":
            (Path(folder) / "suite-errors.log").write_text("Traceback\n", encoding="utf-8")
        case _:
            say(what.replace("_", " "))
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main())
