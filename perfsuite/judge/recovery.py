"""Targets on recovery: how long response times took to be back in their range after a spike."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.format import apart, quantity
from perfsuite.judge.metrics import not_judged_result, subject_of
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import Summary, Target, TargetOutcome, TargetResult
from perfsuite.model.stages import Recovery


def judge_recovery(target: Target, summary: Summary) -> TargetResult:
    """The longest recovery of the run, or of the stages that the target names, counts."""
    found = {
        stage.name: stage.recovery
        for stage in summary.stages
        if stage.recovery is not None and (not target.stages or stage.name in target.stages)
    }
    result = not_judged_result(target, Reason.NO_SPIKE())
    if not found:
        return result
    stage, longest = max(found.items(), key=lambda item: _lasted_s(item[1]))
    observed = _lasted_s(longest)
    spike = Detail.AFTER_SPIKE(
        stage=stage, highest=longest.highest, range=quantity(longest.range_ms, "ms"), before=longest.before
    )
    if longest.recovery_s is None:
        if observed < target.limit:
            return replace(result, reason=Reason.RECOVERY_NOT_SEEN(watched_s=longest.watched_s, stage=stage))
        reason = Reason.NOT_RECOVERED(watched_s=longest.watched_s).also(spike)
        return replace(result, observed=observed, outcome=TargetOutcome.MISSED, reason=reason)
    met = observed < target.limit
    shown, limit = apart(target.metric, observed, target.limit)
    reason = Reason.MAXIMUM(figure=subject_of(target), observed=shown, limit=limit).also(spike)
    outcome = TargetOutcome.MET if met else TargetOutcome.MISSED
    return replace(result, observed=observed, outcome=outcome, reason=reason)


def _lasted_s(recovery: Recovery) -> float:
    """At least so long, where it was not seen to end."""
    return recovery.watched_s if recovery.recovery_s is None else recovery.recovery_s
