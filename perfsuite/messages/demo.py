"""Why a demo cannot start, or has ended."""

from __future__ import annotations

from perfsuite.messages import Code


class DemoMessage(Code):
    """Errors of a demo."""

    DIED = "the demo's {program} ended by itself ({how}){output}"
    NOT_READY = "the demo's {program} was not ready within {within_s:seconds}"
    NOT_ENDED = "the demo's {program} did not end within {within_s:seconds}"
    NOT_STARTED = "the demo's {program} cannot be started: {why}"
    TOO_SLOW = "the demo was not ready within {within_s:seconds}: is the machine very busy?"
    ENDED = "the demo ended with exit code {exit_code} before it was ready"
    FAULTS_NOT_CHECKED = "the reference backend cannot check its faults: {why}"
    PROGRAM_MISSING = (
        "--demo full needs {program}: install it with apt-get install {package} (macOS: brew install {formula})"
    )
    NO_USER = "--demo full cannot run PostgreSQL as root, and there is no user {users}"
