"""Runs that had too little of this machine rightly say that they tell nothing: they are made again.

What is wrong with the suite is wrong in each attempt, so only the machine is excused.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.messages.load import LoadMessage
from perfsuite.messages.reasons import Reason
from perfsuite.run.fingerprint import SHORT_WITHIN_S
from tests.accuracy.quiet import undisturbed

ATTEMPTS = 3
OF_THE_MACHINE = frozenset(
    {
        Reason.GENERATOR_SATURATED,
        Reason.GENERATOR_THROTTLED,
        Reason.HELD_BACK,
        Reason.TOO_LITTLE,
        Reason.NOTHING_JUDGED,
        Reason.USERS_NOT_STARTED,
        Reason.ACTIONS_NOT_DUE,
        Reason.LITTLES_LAW,
        LoadMessage.SILENT,
        LoadMessage.DEAF,
    }
)
"""What a run says where its load did not get the time that it needs; a process that was lost for another reason is
no sign of it."""
_LOCKS = Path(tempfile.gettempdir()) / f"mitra-tests-{os.getuid()}"
_LOCKED_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1

Made = TypeVar("Made")
_outer = threading.local()


def _pattern(template: str) -> str:
    return re.sub(r"\\\{.*?\\\}", ".*", re.escape(template))


_SIGNS = re.compile("|".join(_pattern(code.value) for code in OF_THE_MACHINE))
_NO_TIME = str(FingerprintMessage.NO_TIME(limit_s=SHORT_WITHIN_S))


def starved(folder: Path) -> bool:
    """Had a run below this folder too little of the machine?"""
    return any(
        _NO_TIME in (text := file.read_text(encoding="utf-8"))
        or (file.name == "summary.json" and any(map(_SIGNS.search, _said(json.loads(text)))))
        for file in folder.rglob("*.json")
    )


def _said(summary: dict[str, Any]) -> list[str]:
    """The reasons for the verdict; those of lesser weight are among the notes."""
    return [*summary.get("reasons", ()), *summary.get("notes", ())]


def slow(folder: Path) -> bool:
    """Did a run below this folder miss limits of response times, and no other? Of a target that is not made slow, this
    is a sign of the machine."""
    summaries = [json.loads(file.read_bytes()) for file in folder.rglob("summary.json")]
    missed = [[target for target in each.get("targets", ()) if target["outcome"] == "missed"] for each in summaries]
    return any(targets and {target["unit"] for target in targets} == {"ms"} for targets in missed)


def disturbed(folder: Path) -> bool:
    """Either of them: for runs in which nothing is wrong."""
    return starved(folder) or slow(folder)


def repeated(
    make: Callable[[Path], Made],
    folder: Path,
    tells: Callable[[Made], bool] = lambda _: True,
    *,
    unfit: Callable[[Path], bool] = starved,
    attempts: int = ATTEMPTS,
) -> Made:
    """What `make` gives of a folder; made again in a fresh one where a run in it was unfit, or where it does not tell
    what is asked, as on a machine too busy to reach it. No other run of the tests begins beside a second attempt.

    Within another one it is made once: the outer one makes all of it again, with whatever it begins.
    """
    if getattr(_outer, "is_making", False):
        return make(folder)
    _outer.is_making = True
    try:
        for attempt in range(1, attempts + 1):
            place = _place(folder, attempt)
            with _machine(again=attempt > 1):
                made = make(place)
            if attempt == attempts or (not unfit(place) and tells(made)):
                break
            # With its place it is in the summary of the tests.
            why = f"attempt {attempt} had too little of the machine, or did not show what is asked"
            warnings.warn(f"{folder.name} is made again: {why}", stacklevel=2)
        return made
    finally:
        _outer.is_making = False


def _place(folder: Path, attempt: int) -> Path:
    if attempt == 1:
        return folder
    again = folder.with_name(f"{folder.name}-{attempt}")
    again.mkdir(exist_ok=True)
    return again


@contextmanager
def _machine(*, again: bool) -> Iterator[None]:
    """This machine, together with other runs of the tests; again: ahead of all others, or else without them."""
    with ExitStack() as stack:
        gate, runs = (stack.enter_context(Path(f"{_LOCKS}-{name}.lock").open("a")) for name in ("gate", "runs"))
        # While the gate is shut no other run begins.
        _lock(gate, fcntl.LOCK_EX)
        if not again:
            _lock(runs, fcntl.LOCK_SH)
            fcntl.flock(gate, fcntl.LOCK_UN)
        elif not (hasattr(os, "sched_setscheduler") and stack.enter_context(undisturbed())):
            _lock(runs, fcntl.LOCK_EX)
        yield


def _lock(file: IO[str], kind: int) -> None:
    """Take it; go on without it where that takes too long."""
    deadline = time.monotonic() + _LOCKED_WITHIN_S
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_EVERY_S)
        else:
            return
