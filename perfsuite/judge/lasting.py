"""Would the target last so long? Judged from when its resources would reach their limits, by the growth of a long run.

A resource that grows counts with its growth; the target is missed where it reaches its limit too early. Where nothing
grows, the fastest growth that the run leaves possible has to last as well: a short run cannot exclude a slow leak. A
table counts as part of its database. The
target is not judged where the backend's memory was not monitored, or where the limit of what grows is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from perfsuite.format import duration, quantity, rough_duration
from perfsuite.judge.metrics import not_judged_result
from perfsuite.messages import Message
from perfsuite.messages.stability import LastingReason
from perfsuite.model import Remedy, Summary, Target, TargetOutcome, TargetResult
from perfsuite.model.monitor import PART
from perfsuite.model.stability import JUDGED_FROM_S, RESPONSE_TIMES, Stability, StabilityOutcome

_MEMORY = "server.memory_bytes"
Judged = tuple[TargetOutcome, Message, float | None, bool]
"""Outcome, reason, seconds until the first limit, and whether another run may well come out the other way."""


def judge_lasting(target: Target, summary: Summary, stability: Sequence[Stability]) -> TargetResult:
    """The target on how long the target lasts; `limit` and `observed` are seconds after the run."""
    resources = [each for each in stability if each.metric != RESPONSE_TIMES and PART not in each.metric]
    outcome, reason, observed, close = _judged(target, summary, resources)
    return replace(
        not_judged_result(target, reason, observed),
        outcome=outcome,
        too_close=close,
        remedies=(Remedy.LONGER,) if outcome is TargetOutcome.NOT_JUDGED and _longer_helps(reason) else (),
    )


def _longer_helps(reason: Message) -> bool:
    return reason.code in (LastingReason.TOO_SHORT, LastingReason.NOT_EXCLUDED, LastingReason.UNKNOWN)


def _judged(target: Target, summary: Summary, resources: Sequence[Stability]) -> Judged:
    if not resources and summary.duration_s < JUDGED_FROM_S:
        return _not_judged(LastingReason.TOO_SHORT(duration_s=summary.duration_s, needed_s=JUDGED_FROM_S))
    growing = [each for each in resources if each.outcome is StabilityOutcome.GROWS]
    reached = sorted(((_reached_s(each), each) for each in growing if each.limit is not None), key=lambda pair: pair[0])
    missed = bool(reached) and reached[0][0] < target.limit
    if not missed:
        if not any(each.metric == _MEMORY for each in resources):
            return _not_judged(LastingReason.NO_MEMORY())
        if unlimited := [each for each in growing if each.limit is None]:
            first = unlimited[0]
            return _not_judged(LastingReason.NO_LIMIT(label=first.label, rate=_rate(first)))
        if obstacle := _obstacle(target, (each for each in resources if each not in growing)):
            return _not_judged(obstacle)
    if not reached:
        return _nothing_grows(resources)
    observed, first = reached[0]
    reason = LastingReason.REACHED(
        label=first.label, rate=_rate(first), lasts=rough_duration(observed), limit=duration(target.limit)
    )
    earliest, latest = first.lasts_s or (observed, observed)
    outcome = TargetOutcome.MISSED if missed else TargetOutcome.MET
    return outcome, reason, observed, earliest < target.limit < latest


def _not_judged(reason: Message) -> Judged:
    return TargetOutcome.NOT_JUDGED, reason, None, False


def _nothing_grows(resources: Iterable[Stability]) -> Judged:
    earliest_s, first = min(((each.lasts_s[0], each) for each in resources if each.lasts_s), key=lambda pair: pair[0])
    reason = LastingReason.NO_GROWTH(label=first.label, lasts=rough_duration(earliest_s))
    return TargetOutcome.MET, reason, earliest_s, False


def _obstacle(target: Target, resources: Iterable[Stability]) -> Message | None:
    """Why what does not grow may not last; None where it does."""
    for each in resources:
        if each.outcome is StabilityOutcome.CANNOT_TELL and each.interval is None:
            return LastingReason.UNKNOWN(label=each.label, why=each.reason)
        if each.lasts_s is not None and each.lasts_s[0] < target.limit:
            return LastingReason.NOT_EXCLUDED(label=each.label, lasts=rough_duration(each.lasts_s[0]))
        if each.lasts_s is None and each.metric == _MEMORY:
            return LastingReason.NO_LIMIT_KNOWN(label=each.label)
    return None


def _reached_s(each: Stability) -> float:
    """By the slope itself, from where the resource was at the end."""
    left = max((each.limit or 0.0) - (each.level or 0.0), 0.0)
    return left / (each.per_minute or 1e-9) * 60


def _rate(each: Stability) -> str:
    return quantity(each.per_minute, each.unit)
