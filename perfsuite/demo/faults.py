"""The faults of a demo, read before anything is started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from perfsuite.demo.house import ROOT
from perfsuite.errors import TargetError, UsageError

AS_DEPLOYED = "as_deployed"
_WRONG = 2
_WITHIN_S = 20.0


def faults_of(specs: Sequence[str] | None, *, as_deployed: bool) -> tuple[str, ...]:
    """All faults of a backend. Those that are named win over what deployed versions do."""
    return (*([AS_DEPLOYED] if as_deployed else []), *(specs or ()))


def check_faults(specs: Sequence[str]) -> None:
    """Let the backend's own program read them: it alone knows its faults and its routes.

    Raises UsageError with the mistake and the nearest right word, TargetError when the backend is not there.
    """
    if not specs:
        return
    command = [sys.executable, "-m", "mitra_backend.faults", *specs]
    try:
        read = subprocess.run(  # noqa: S603  our own module
            command,
            cwd=ROOT / "backend",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"the reference backend cannot be asked about its faults: {error}") from None
    if read.returncode == _WRONG:
        raise UsageError(read.stderr.strip())
    if read.returncode:
        last = (read.stderr.strip().splitlines() or [f"exit code {read.returncode}"])[-1]
        raise TargetError(f"the reference backend cannot be asked about its faults: {last}")
