"""Writes everything that a run leaves for people and programs into its folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from perfsuite.errors import UsageError
from perfsuite.model import RunReport
from perfsuite.report.csv_files import failures_csv, stats_csv, stats_history_csv
from perfsuite.report.html import report_html
from perfsuite.report.json_file import summary_json
from perfsuite.report.junit import junit_xml
from perfsuite.report.markdown import summary_md

INDEX_FILE = "index.html"
REPORT_FILE = "report.html"


def write_all(report: RunReport, folder: Path, *, step_summary: Path | None = None) -> list[Path]:
    """Write the seven files of a run into `folder` (made where missing) and return their paths.

    `step_summary`: a file to which the Markdown summary is appended (what $GITHUB_STEP_SUMMARY names).
    Each file is whole or not there. Raises UsageError naming the file that could not be written.
    """
    summary = report.summary
    markdown = summary_md(report)
    texts = {
        "summary.json": summary_json(report),
        "stats.csv": stats_csv(summary),
        "stats_history.csv": stats_history_csv(summary),
        "failures.csv": failures_csv(summary.failures),
        "junit.xml": junit_xml(report),
        "summary.md": markdown,
        REPORT_FILE: report_html(report),
    }
    written = [_written(folder / name, text) for name, text in texts.items()]
    if step_summary is not None:
        _append(step_summary, markdown)
    return written


def write_index(text: str, results: Path) -> Path:
    """Write the page of all runs beside their folders; its path. Raises UsageError where it cannot be written."""
    return _written(results / INDEX_FILE, text)


def _written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _replace(path: Path, text: str) -> None:
    """Write beside `path`, then rename: a reader sees the old file or the new one, never half of one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(f"\n{text}")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    why = (error.strerror or str(error)).lower()
    return UsageError(f"cannot write {path}: {why}; make room or choose another folder with --results")
