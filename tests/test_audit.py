"""`make audit` with stand-ins for pip and pip-audit: what it says of what they found, and of what they could not do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = f"""#!{sys.executable}
import os, sys
module = sys.argv[2]
if module == "pip":
    sys.exit(int(os.environ.get("PIP_CODE", "0")))
files = [name for option, name in zip(sys.argv, sys.argv[1:]) if option == "-r"]
assert files == ["requirements.txt", "requirements-dev.txt"], files
sys.stdout.write(os.environ["FOUND"])
sys.stderr.write("Traceback (most recent call last):" + chr(10))
sys.exit(int(os.environ["CODE"]))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "python").write_text(PYTHON, encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    (tmp_path / ".venv" / "audit").mkdir(parents=True)
    (tmp_path / ".venv" / "requirements-dev.txt.sha256").touch()  # newer than the requirements
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "fine", "out", "err"),
    [
        pytest.param({"FOUND": "", "CODE": "0"}, True, "no known vulnerabilities\n", "", id="none"),
        pytest.param({"FOUND": "jinja2 3.1.6 PYSEC-1\n", "CODE": "1"}, False, "jinja2 3.1.6 PYSEC-1\n", "", id="some"),
        pytest.param(
            {"FOUND": "", "CODE": "1"},
            False,
            "",
            "error: nothing was audited: https://api.osv.dev/v1/query could not be read (network? proxy?);"
            " details are in .venv/audit/log\n",
            id="no data",
        ),
        pytest.param(
            {"PIP_CODE": "1"},
            False,
            "",
            "error: nothing was audited: pip-audit could not be installed (network? proxy?)\n",
            id="no pip-audit",
        ),
    ],
)
def test_it_says_what_was_found_or_that_nothing_was_audited(
    checkout: Path, environment: dict[str, str], fine: bool, out: str, err: str
) -> None:
    done = subprocess.run(
        ["make", "audit", "PYTHON=./python"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    said = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("make: ")]
    assert (done.returncode == 0, done.stdout, "".join(said)) == (fine, out, err)
