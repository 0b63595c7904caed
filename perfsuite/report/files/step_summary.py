"""What is appended for the page of a CI job: the file that $GITHUB_STEP_SUMMARY names, as far as it has room."""

from __future__ import annotations

import os
from pathlib import Path

from perfsuite.format import number

MOST_BYTES = 1 << 20
"""GitHub shows nothing at all of a step whose file is larger."""
FEWEST_BYTES = 200
"""Less of a summary than that is not worth its place."""


def append_summary(path: Path, text: str, whole: str) -> str:
    """Append Markdown, shortened where the file would grow too large: it then says where the `whole` of it is.

    Nothing depends on this file, so that a warning comes back where it could not be done; "" where it was.
    """
    try:
        # A pipe that nobody reads would hold up the run for good.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        with os.fdopen(file, "wb", buffering=0) as appended:
            room = MOST_BYTES - os.fstat(appended.fileno()).st_size
            content = _fitting(f"\n{text}", whole, room)
            if not content:
                return _only(path, f"nearly full, it may have {number(MOST_BYTES)} bytes", whole)
            if appended.write(content) < len(content):
                return _only(path, "not all of it had room", whole)
    except OSError as error:
        return _only(path, (error.strerror or str(error)).lower(), whole)
    return ""


def _only(path: Path, why: str, whole: str) -> str:
    return f"$GITHUB_STEP_SUMMARY, {path}: {why}; the summary is in {whole} only"


def _fitting(text: str, whole: str, room: int) -> bytes:
    """The text in at most `room` bytes, cut at the end of a line; nothing where there is no room to speak of."""
    content = text.encode("utf-8", "replace")
    if len(content) <= room:
        return content
    pointer = f"\n\nShortened, since this page has no room for more. The whole summary: `{whole}`.\n".encode()
    cut = content[: max(room - len(pointer), 0)]
    kept = cut[: cut.rfind(b"\n")]
    return kept + pointer if len(kept) >= FEWEST_BYTES else b""
