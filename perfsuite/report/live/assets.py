"""The files of the live page: fixed ones, since all that changes comes as states."""

from __future__ import annotations

from pathlib import Path

_TEMPLATES = Path(__file__).parents[1] / "templates"
_FILES = {
    "/": ("text/html", "live.html"),
    "/live.js": ("text/javascript", "live.js"),
    "/live.css": ("text/css", "live.css"),
    "/report.css": ("text/css", "report.css"),
}


def live_files() -> dict[str, tuple[str, bytes]]:
    """Path → media type and content."""
    return {path: (media_type, (_TEMPLATES / name).read_bytes()) for path, (media_type, name) in _FILES.items()}
