"""Whether an answer refuses what it must refuse."""

from __future__ import annotations

from collections.abc import Collection

from perfsuite.correctness.check import Held, NotChecked, Outcome, Reply, Violated


def refusal(reply: Reply, wanted: Collection[int], shows: Reply | None = None) -> Outcome:
    """Held where the status is one of `wanted`, Violated where the request was granted. `shows`: an answer that proves
    what was asked for.

    A target that answers in another way, or a gateway in its place, grants nothing, but whether because of the rule
    nobody knows.
    """
    if reply.status in wanted and not reply.is_page:
        return Held()
    if reply.ok:
        expected = " or ".join(f"HTTP {status}" for status in sorted(wanted))
        return Violated(expected, f"HTTP {reply.status}", (reply,) if shows is None else (shows, reply))
    return NotChecked(f"answered with {reply.outcome}")
