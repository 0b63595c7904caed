"""What each resource of a run did in the last good run of the same scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfsuite.format import quantity
from perfsuite.messages.stability import StabilityMessage
from perfsuite.model.stability import GrowthBefore, LastGoodRun, Stability, StabilityOutcome

_WITH_TEXT = (StabilityOutcome.GROWS, StabilityOutcome.CANNOT_TELL)


def with_last_good(stability: Sequence[Stability], last: LastGoodRun | None) -> tuple[Stability, ...]:
    """The same, with the growth that each had in that run; unchanged where it is not known."""
    known = {} if last is None else {each.metric: each for each in last.growth}
    return tuple(_compared(each, last.run_id, known.get(each.metric)) if last else each for each in stability)


def _compared(now: Stability, run_id: str, before: GrowthBefore | None) -> Stability:
    if before is None or before.unit != now.unit:
        return now
    found = replace(now, last_good=before, last_good_run=run_id)
    if now.outcome not in _WITH_TEXT or now.per_minute is None:
        return found
    text = StabilityMessage.LAST_GOOD(rate=quantity(before.per_minute, now.unit), run=run_id)
    return replace(found, reason=now.reason.also(text))
