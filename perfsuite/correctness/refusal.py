"""Whether an answer refuses what it must refuse."""

from __future__ import annotations

from collections.abc import Collection

from perfsuite.correctness.check import Held, NotChecked, Outcome, Reply, Violated
from perfsuite.messages.checks import WhyNot
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.checks import rows_of

NO_ROWS = WhyNot.NO_ROWS()


def refusal(reply: Reply, wanted: Collection[int], shows: Reply | None = None) -> Outcome:
    """Held where the status is one of `wanted`, Violated where the request was granted. `shows`: an answer that proves
    what was asked for.

    A target that answers in another way, or a gateway in its place, grants nothing, but whether because of the rule
    nobody knows.
    """
    if reply.status in wanted and not reply.is_page:
        return Held()
    operation = CATALOGUE[reply.send.operation]
    if reply.ok and not operation.writes and rows_of(operation, reply.body) == []:
        return NotChecked(NO_ROWS)  # it may leave out what is not for the account, and answer with the rest
    if reply.ok:
        expected = " or ".join(f"HTTP {status}" for status in sorted(wanted))
        return Violated(expected, f"HTTP {reply.status}", (reply,) if shows is None else (shows, reply))
    return NotChecked(WhyNot.ANSWERED(outcome=reply.outcome))
