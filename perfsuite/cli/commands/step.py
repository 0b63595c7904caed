"""The summary for the page of a CI job: commands append to the file that $GITHUB_STEP_SUMMARY names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from perfsuite.cli.command import Call
from perfsuite.report.files.step_summary import append_summary


def step_summary() -> Path | None:
    """That file; None where there is none."""
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(named) if named else None


def append_to_step(call: Call, render: Callable[[], str], whole: Path) -> None:
    """Append Markdown, the `whole` of which is in a file; a warning where that is not possible."""
    path = step_summary()
    if path is not None:
        call.errors.optional("step summary", lambda: _append(call, path, render(), whole))


def _append(call: Call, path: Path, text: str, whole: Path) -> None:
    if warning := append_summary(path, text, str(whole)):
        call.terminal.err(warning)
