"""The server's own time of an answer, as the answer reports it, and whether that can be true."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from perfsuite.model import Remark

X_PROCESS_TIME = "X-Process-Time"
SERVER_TIMING = "Server-Timing"
HEADERS = frozenset({X_PROCESS_TIME, SERVER_TIMING})

# The entry called "total" where there is one, else the first with a duration.
_DURATION = re.compile(r"(?:.*\btotal\b[^,]*?|^[^,]*?);\s*dur=([-+0-9.eE]+)")

_TOLERANCE_SHARE, _TOLERANCE_US = 0.05, 1000
"""The server measures within the time that we measure. So much is for its rounding, and for two clocks."""
_ALIKE = 10
_LONGEST = 40
_A_YEAR_US = 365 * 24 * 3600 * 1e6


def server_time(header: Callable[[str], str], service_us: int) -> tuple[int | None, Remark | None]:
    """The server's time, µs, from X-Process-Time (seconds) or else Server-Timing (ms); None where neither is there.

    `header` gives a header by its lower-case name, several of one name joined with commas. A time is not believed that
    is no number, negative, or longer than the answer took (`service_us`) by more than 5 % and 1 ms: then it is None,
    and the remark tells why.
    """
    value, name, unit_us = header("x-process-time").strip(), X_PROCESS_TIME, 1e6
    if not value:
        found = _DURATION.search(header("server-timing"))
        if found is None:
            return None, None
        value, name, unit_us = found.group(1), SERVER_TIMING, 1e3
    why, reported_us = _doubt(value, unit_us, service_us)
    if not why:
        return round(reported_us), None
    return None, Remark(name, why, f"{_short(value)} for an answer that took {_span(service_us)}")


def _doubt(value: str, unit_us: float, service_us: int) -> tuple[str, float]:
    """Why a time is not believed, "" where it is; and the time, µs."""
    try:
        reported_us = float(value) * unit_us
    except ValueError:
        return ("there is more than one" if "," in value else "it is not a number"), 0.0
    most_us = service_us * (1 + _TOLERANCE_SHARE) + _TOLERANCE_US
    if not math.isfinite(reported_us):
        return "it is not a number", 0.0
    if reported_us < 0:
        return "it is negative", 0.0
    if reported_us <= most_us:
        return "", reported_us
    if reported_us > _A_YEAR_US:
        return "it looks like a point in time", 0.0
    for factor, unit in ((1e3, "milliseconds"), (1e6, "microseconds")) if unit_us == 1e6 else ():
        if _same_size(reported_us / factor, service_us):
            return f"it looks like {unit}", 0.0
    return "the server cannot have taken longer than the answer", 0.0


def _same_size(reported_us: float, service_us: int) -> bool:
    """At most ten times as long as the answer took, or 1 ms."""
    return reported_us <= _ALIKE * max(service_us, _TOLERANCE_US)


def _short(value: str) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in value)
    return printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]}…"


def _span(span_us: int) -> str:
    span_ms = span_us / 1000
    return f"{span_ms:,.0f} ms" if span_ms >= 10 else f"{span_ms:,.1f} ms"
