"""The stages of a run in words and as data, the same in every output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perfsuite.format import quantity
from perfsuite.messages import Message
from perfsuite.messages.report import StageText
from perfsuite.model import StageFigures, Summary
from perfsuite.model.stages import HOLD, Recovery
from perfsuite.report.text import clean, rounded, values_of


def recovery_lines(summary: Summary) -> Iterable[Message]:
    """One sentence for each stage that the load went back in after a rise."""
    for stage in summary.stages:
        if (found := stage.recovery) is not None:
            yield _recovery_line(stage.name, found)


def _recovery_line(stage: str, found: Recovery) -> Message:
    fields = {
        "stage": clean(stage),
        "highest": clean(found.highest),
        "before": clean(found.before),
        "range": quantity(found.range_ms, "ms"),
    }
    if found.recovery_s is None:
        return StageText.NOT_RECOVERED(**fields, watched_s=found.watched_s)
    if not found.recovery_s:
        return StageText.RECOVERED_AT_ONCE(**fields)
    return StageText.RECOVERED(**fields, recovery_s=found.recovery_s)


def stage_dict(stage: StageFigures) -> dict[str, Any]:
    """A stage as `summary.json` has it."""
    seconds, span = stage.seconds, stage.span
    start, end = seconds.counted
    open_model = span.stage.users is None
    return {
        "name": stage.name,
        "kind": span.kind,
        "users": span.stage.users,
        "arrival_rate": rounded("arrival_rate", span.stage.arrival_rate),
        "users_at_start": None if open_model else round(span.start_level),
        "arrival_rate_at_start": rounded("arrival_rate", span.start_level) if open_model else None,
        "began_at": seconds.first,
        "ended_at": seconds.stop,
        "from": start,
        "until": end,
        "steady": span.kind == HOLD and seconds.steady is not None,
        **values_of(stage.statistics),
        "ok": values_of(stage.judged),
        "recovery": _recovery_dict(stage.recovery),
    }


def _recovery_dict(found: Recovery | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "recovery_s": rounded("recovery_s", found.recovery_s),
        "watched_s": rounded("watched_s", found.watched_s),
        "range_ms": rounded("range_ms", found.range_ms),
        "before": found.before,
        "highest": found.highest,
    }
