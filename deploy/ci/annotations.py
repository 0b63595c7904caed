"""Shows the junit.xml of the runs below a folder as annotations on the page of a GitHub workflow.

`python annotations.py [results]`: an error for what failed, a warning for what is inconclusive, a notice for the
rest. Standard library only; the exit code is 0, since the run itself is the gate.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

LEVELS = {"failure": "error", "error": "warning", "skipped": "notice"}


def escaped(text: str, *, in_property: bool = False) -> str:
    """The text as a workflow command carries it."""
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(character, code)
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text


def annotations(junit: Path) -> list[str]:
    """A line for each test case that failed, is inconclusive or was not judged, and one for what passed."""
    lines, passed = [], []
    for suite in ET.parse(junit).getroot().iter("testsuite"):  # noqa: S314  the suite wrote it
        name = suite.get("name", "").rpartition(".")[2]
        for case in suite.iter("testcase"):
            found = next((element for element in case if element.tag in LEVELS), None)
            if found is None:
                passed.append(case.get("name", ""))
                continue
            title = escaped(f"{name}: {case.get('name', '')}", in_property=True)
            said = "\n".join(dict.fromkeys(filter(None, (found.get("message", ""), found.text or ""))))
            lines.append(f"::{LEVELS[found.tag]} title={title}::{escaped(said)}")
        if passed:
            lines.append(f"::notice title={escaped(name, in_property=True)}::{escaped('passed: ' + ', '.join(passed))}")
    return lines


def main(folder: Path) -> int:
    """Print those of all runs in the folder."""
    files = sorted(folder.glob("*/junit.xml"))
    for junit in files:
        print("\n".join(annotations(junit)))
    if not files:
        print("::warning title=performance::no run left a junit.xml; the log of the job says why")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results")))
