"""Each target beside what was observed: met, missed, or not judged, with the reason in words.

A target is judged only where it can be:
    percentiles         10 / (1 − p) samples (p95: 200)
    average, min, max   30 samples
    Apdex               100 samples
    failure rate        1 / limit samples (1 %: 100); with fewer it is missed where the failures seen are
                        too many already, even if every further request up to that number succeeded
    throughput          the users would offer more than the limit at the response-time limit, or in the open
                        model the arrivals would, at any response time
    concurrent users    more users than the limit were asked for, and more than the limit were started or
                        all that were asked for: users that were not started say nothing of the target
Comparison is on unrounded numbers, and strict: a value equal to its limit misses it. A limit that lies within the
95 % interval of the figure is told as too close to call; the outcome stays what the figure says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perfsuite.format import apart, figure, interval_text, limit_text, number, plural, setting
from perfsuite.judge.evidence import Evidence, evidence_of, live_evidence, narrowed, targets_of
from perfsuite.judge.failing import patterns_told, standing_out
from perfsuite.judge.hindrance import hindrance, requests_needed
from perfsuite.judge.limits import CLOSE_FAILURES
from perfsuite.judge.on_target import OnTarget, is_on_target, judge_on_target
from perfsuite.judge.words import FAILURE_RATE, RPS, USERS, name_of, unit_of
from perfsuite.model import LiveState, Plan, Summary, Target, TargetOutcome, TargetResult
from perfsuite.model.role import Role

_NOTHING_KNOWN = OnTarget()


def judge_targets(
    plan: Plan, summary: Summary, roles: Sequence[Role], known: OnTarget = _NOTHING_KNOWN
) -> tuple[TargetResult, ...]:
    """The targets that hold in the run's scenario, in the plan's order, judged over the steady state."""
    evidence = evidence_of(plan, summary, roles)
    return tuple(
        judge_on_target(target, plan, summary, known) if is_on_target(target.metric) else _judge(target, evidence)
        for target in targets_of(plan)
    )


def live_targets(plan: Plan, live: LiveState, roles: Sequence[Role]) -> tuple[TargetResult, ...]:
    """The same for a run that still goes, as far as its live figures tell: those on the target itself are not there."""
    evidence = live_evidence(plan, live, roles)
    return tuple(_judge(target, evidence) for target in targets_of(plan) if not is_on_target(target.metric))


def _judge(target: Target, evidence: Evidence) -> TargetResult:
    observed = evidence.observed(target) if not evidence.steady_missing or target.metric == USERS else None
    hindered = hindrance(target, evidence, observed)
    result = TargetResult(
        name=target.name,
        scope=scope_of(target),
        metric=target.metric,
        limit=target.limit,
        below=target.below,
        observed=observed,
        unit=unit_of(target.metric),
        outcome=TargetOutcome.NOT_JUDGED,
        reason=hindered.reason if hindered else "",
        remedies=hindered.remedies if hindered else (),
    )
    if not hindered and observed is not None:
        result = _unless_cut_off(_compared(result, target, evidence, observed), target, evidence)
    scenario = evidence.plan.scenario.name
    if scenario not in target.information_in:
        return result
    word = result.outcome.value if result.outcome is TargetOutcome.NOT_JUDGED else f"would be {result.outcome.value}"
    reason = f"information only in scenario {scenario}, {word}: {result.reason}"
    return replace(result, outcome=TargetOutcome.INFORMATION, reason=reason)


def _compared(result: TargetResult, target: Target, evidence: Evidence, observed: float) -> TargetResult:
    met = observed < target.limit if target.below else observed > target.limit
    interval = _around(observed, evidence.interval(target))
    within = interval is not None and interval[0] <= target.limit <= interval[1]
    few = _few_failures_decide(target, evidence, met=met)
    too_close = within or bool(few)
    sure = f"95 % sure is {interval_text(target.metric, interval)}" if interval and within else ""
    close = f"; too close to call{''.join(f', {part}' for part in (sure, few) if part)}"
    return replace(
        result,
        outcome=TargetOutcome.MET if met else TargetOutcome.MISSED,
        reason=_comparison(target, observed)
        + _without(target, evidence, observed)
        + (close if too_close else "")
        + ("" if met else _where(target, evidence)),
        interval=interval,
        too_close=too_close,
    )


def _unless_cut_off(result: TargetResult, target: Target, evidence: Evidence) -> TargetResult:
    """A failure rate that is missed by what the end of the load cut off alone, as one that was not judged."""
    cut, failures, requests = evidence.unfinished(target), evidence.failures(target), evidence.requests(target)
    missed = result.outcome is TargetOutcome.MISSED and target.metric == FAILURE_RATE and target.below
    if not (missed and cut and (failures - cut) / max(requests, 1) < target.limit):
        return result
    of = f"{number(cut)} of {plural(failures, 'failed request')}"
    why = f"{of} still waited when the load ended; without them it is met"
    reason = f"{_comparison(target, failures / requests)}; {why}"
    return replace(result, outcome=TargetOutcome.NOT_JUDGED, reason=reason, too_close=False)


def _few_failures_decide(target: Target, evidence: Evidence, *, met: bool) -> str:
    """How many failures more or fewer would have turned a failure rate's outcome; "" where more than two.

    A run without any failure is not called close to one that has some: nothing suggests it.
    """
    requests, failures = evidence.requests(target), evidence.failures(target)
    if target.metric != FAILURE_RATE or not target.below or not failures or requests < requests_needed(target):
        return ""
    other = failures + CLOSE_FAILURES if met else max(failures - CLOSE_FAILURES, 0)
    if (other / requests < target.limit) is met:
        return ""
    return f"{CLOSE_FAILURES} failures more would miss it" if met else f"{CLOSE_FAILURES} failures fewer would meet it"


def _around(observed: float, interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """The interval, made to hold what was observed: resamples of few blocks may all lie on one side of it."""
    return None if interval is None else (min(interval[0], observed), max(interval[1], observed))


def scope_of(target: Target) -> str:
    """What a target limits: "all", "role policyholder", "operation policies.list", or both."""
    parts = [f"role {target.role}"] if target.role else []
    parts += [f"operation {target.operation}"] if target.operation else []
    return ", ".join(parts) or "all"


def _comparison(target: Target, observed: float) -> str:
    told, limit = apart(target.metric, observed, target.limit)
    of = f" of {target.operation}" if target.operation else ""
    subject = f"{name_of(target.metric)}{of}{f' as {target.role}' if target.role else ''}"
    return f"{subject} {told}, {f'limit {limit}' if target.below else f'more than {limit} needed'}"


def _without(target: Target, evidence: Evidence, observed: float) -> str:
    """How many failures the figure leaves out, where that shows in it."""
    left_out, every = evidence.left_out(target), evidence.figures.get((target.role, target.operation))
    with_them = getattr(every, target.metric) if every and left_out else None
    if with_them is None or figure(target.metric, with_them) == figure(target.metric, observed):
        return ""
    return f"; without {plural(left_out, 'failed request')} ({figure(target.metric, with_them)} with them)"


def _patterns(target: Target, evidence: Evidence) -> str:
    """What failed. Patterns are of the whole run, which is said where more failed in it than in the steady state."""
    told = patterns_told(evidence.patterns)
    more = sum(pattern.count for pattern in evidence.patterns) > evidence.failures(target)
    return f"in the whole run: {told}" if told and more else told


def _where(target: Target, evidence: Evidence) -> str:
    """Where to look when a target is missed: the slowest or the most failing operation, or what was offered."""
    if target.metric == RPS:
        offered, average_ms = evidence.offered_rps(target), evidence.judged[None, None].avg_ms
        if evidence.arrivals_per_s is not None:
            return f"; {setting(evidence.arrivals_per_s)} actions/s offer {figure(RPS, offered)}"
        answers = "" if average_ms is None else f"; answers took {figure('avg_ms', average_ms)} on average"
        slow = limit_text("avg_ms", evidence.limit_ms())
        return f"; the users offer {figure(RPS, offered)} when answers take {slow}{answers}"
    rows = narrowed(target, evidence)
    if target.metric == FAILURE_RATE:
        everything = target.role is None and target.operation is None
        told = [standing_out(rows), _patterns(target, evidence) if everything else ""]
        return "".join(f"; {part}" for part in told if part)
    known = [(value, row) for row in rows if (value := getattr(row.judged, target.metric, None)) is not None]
    if not known or not target.metric.endswith("_ms"):
        return ""
    value, slowest = max(known, key=lambda pair: pair[0])
    return f"; slowest: {slowest.operation} as {slowest.role} {figure(target.metric, value)}"
