"""Writes the result files of a run into its folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from perfsuite.errors import UsageError
from perfsuite.messages.files import FileMessage
from perfsuite.model import RunReport
from perfsuite.report.files.csv_files import failures_csv, stats_csv, stats_history_csv
from perfsuite.report.files.json_file import summary_json
from perfsuite.report.files.junit import junit_xml
from perfsuite.report.files.markdown import summary_md
from perfsuite.report.files.violations import VIOLATIONS_FILE, violations_jsonl
from perfsuite.report.page.html import report_html

INDEX_FILE = "index.html"
REPORT_FILE = "report.html"
MARKDOWN_FILE = "summary.md"

FILES: Mapping[str, Callable[[RunReport], str]] = {
    "summary.json": summary_json,
    "stats.csv": lambda report: stats_csv(report.summary),
    "stats_history.csv": lambda report: stats_history_csv(report.summary),
    "failures.csv": lambda report: failures_csv(report.summary.failures),
    VIOLATIONS_FILE: violations_jsonl,
    "junit.xml": junit_xml,
    MARKDOWN_FILE: summary_md,
    REPORT_FILE: report_html,
}
"""Name of a result file → how its text is made."""


def write_all(
    report: RunReport,
    folder: Path,
    failed: Callable[[Exception, str], None] | None = None,
    files: Mapping[str, Callable[[RunReport], str]] = FILES,
) -> list[Path]:
    """Write the files of a run into `folder`, which is created if it is missing; returns their paths.

    Each file is complete or absent, and none depends on another: if the text of one cannot be made, `failed` gets the
    error and the file's name; without `failed` it is raised. Raises UsageError for the first file that could not be
    written, after the others are written.
    """
    written: list[Path] = []
    unwritten: list[UsageError] = []
    for name, text_of in files.items():
        try:
            written.append(_written(folder / name, text_of(report)))
        except UsageError as error:
            unwritten.append(error)
        except Exception as error:
            if failed is None:
                raise
            failed(error, name)
    if unwritten:
        raise unwritten[0]
    return written


def write_index(text: str, results: Path) -> Path:
    """Write the page of all runs next to their folders; returns its path. Raises UsageError if that fails."""
    return _written(results / INDEX_FILE, text)


def _written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise UsageError(FileMessage.REFUSED(path=path, why=(error.strerror or str(error)).lower())) from error
    return path


def _replace(path: Path, text: str) -> None:
    """Write to a temporary file, then rename: a reader sees the old file or the new one, never half of one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
