"""Each target beside what was observed: met, missed, or not judged, with the reason.

A target is judged only where it can be:
    percentiles         10 / (1 − p) samples (p95: 200)
    average, min, max   30 samples
    Apdex               100 samples
    failure rate        1 / limit samples (1 %: 100); with fewer it is missed where the failures seen are
                        too many already, even if every further request up to that number succeeded
    throughput          the users would offer more than the limit at the response-time limit, or in the open
                        model the arrivals would, at any response time
    concurrent users    more users than the limit were planned, and more than the limit were started or all
                        that were planned: users that were not started say nothing about the target
Comparison is on unrounded numbers, and strict: a value equal to its limit misses it. A limit that lies within the
95 % CI of the figure is reported as too close to call; the outcome stays what the figure says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perfsuite.format import apart, figure, interval_text, setting
from perfsuite.judge.evidence import RunEvidence, evidence_of, live_evidence, narrowed, of_stages, targets_of
from perfsuite.judge.limits import CLOSE_FAILURES
from perfsuite.judge.metrics import FAILURE_RATE, RPS, name_of, not_judged_result, subject_of
from perfsuite.judge.monitored import NOTHING_MONITORED, MonitoringData, is_monitored, judge_monitored
from perfsuite.judge.recovery import judge_recovery
from perfsuite.messages import Message
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import FailurePattern, LiveState, Plan, Remedy, Row, Summary, Target, TargetOutcome, TargetResult
from perfsuite.model.plan import CONCURRENT_USERS, RECOVERY
from perfsuite.model.role import Role
from perfsuite.model.slo_presets import FEWEST_FOR_APDEX, FEWEST_FOR_AVERAGE, apdex_threshold
from perfsuite.model.summary import PERCENTILES, samples_needed

_MOST_PATTERNS = 2
_WORTH_NAMING = 0.2
"""A second pattern is named where it has this share of the failures."""
_STANDS_OUT_FROM = 3
_TIMES_AS_OFTEN = 2.0


def judge_targets(
    plan: Plan, summary: Summary, roles: Sequence[Role], monitored: MonitoringData = NOTHING_MONITORED
) -> tuple[TargetResult, ...]:
    """The targets that apply to the run's scenario, in the plan's order, judged over the steady state."""
    evidence = evidence_of(plan, summary, roles)
    results = []
    for target in targets_of(plan):
        own = is_monitored(target.metric)
        result = judge_monitored(target, summary, monitored) if own else _judged(target, evidence, summary)
        results.append(_unless_information(result, target, plan.scenario.name))
    return tuple(results)


def _judged(target: Target, evidence: RunEvidence, summary: Summary) -> TargetResult:
    if target.metric == RECOVERY:
        return judge_recovery(target, summary)
    return _judge(target, of_stages(evidence, summary, target))


def live_targets(plan: Plan, live: LiveState, roles: Sequence[Role]) -> tuple[TargetResult, ...]:
    """The same for a run in progress, from its live figures; without those on what monitors read."""
    evidence = live_evidence(plan, live, roles)
    return tuple(
        _unless_information(_judge(target, evidence), target, plan.scenario.name)
        for target in targets_of(plan)
        if not is_monitored(target.metric) and target.metric != RECOVERY and not target.stages
    )


def _unless_information(result: TargetResult, target: Target, scenario: str) -> TargetResult:
    """The same, as information where the target is no gate in the scenario."""
    if scenario not in target.information_in:
        return result
    outcome = result.outcome.value if result.outcome is TargetOutcome.NOT_JUDGED else f"would be {result.outcome.value}"
    reason = Reason.INFORMATION(scenario=scenario, outcome=outcome, reason=result.reason)
    return replace(result, outcome=TargetOutcome.INFORMATION, reason=reason)


def _judge(target: Target, evidence: RunEvidence) -> TargetResult:
    observed = evidence.observed(target) if not evidence.steady_missing or target.metric == CONCURRENT_USERS else None
    obstacle = _obstacle(target, evidence, observed)
    result = not_judged_result(target, obstacle.reason if obstacle else Reason.NO_FIGURE(), observed)
    if obstacle is not None:
        return replace(result, remedies=obstacle.remedies)
    if observed is None:
        return result
    return _unless_cut_off(_compared(result, target, evidence, observed), target, evidence)


def _compared(result: TargetResult, target: Target, evidence: RunEvidence, observed: float) -> TargetResult:
    met = observed < target.limit if target.below else observed > target.limit
    interval = _around(observed, evidence.interval(target))
    within = interval is not None and interval[0] <= target.limit <= interval[1]
    few = _few_failures_decide(target, evidence, met=met)
    close = None
    if within or few:
        ci = Detail.INTERVAL(interval=interval_text(target.metric, interval)) if within else None
        close = Detail.TOO_CLOSE().also(ci, few, separator=", ")
    where = () if met else _where(target, evidence)
    return replace(
        result,
        outcome=TargetOutcome.MET if met else TargetOutcome.MISSED,
        reason=_comparison(target, observed).also(_without(target, evidence, observed), close, *where),
        interval=interval,
        too_close=close is not None,
    )


def _unless_cut_off(result: TargetResult, target: Target, evidence: RunEvidence) -> TargetResult:
    """A failure rate that is missed only because of what the end of the load cut off is not judged."""
    waiting, failures, requests = evidence.unfinished(target), evidence.failures(target), evidence.requests(target)
    missed = result.outcome is TargetOutcome.MISSED and target.metric == FAILURE_RATE and target.below
    if not (missed and waiting and (failures - waiting) / max(requests, 1) < target.limit):
        return result
    why = Detail.STILL_WAITING(waiting=waiting, failures=failures)
    reason = _comparison(target, failures / requests).also(why)
    return replace(result, outcome=TargetOutcome.NOT_JUDGED, reason=reason, too_close=False)


def _few_failures_decide(target: Target, evidence: RunEvidence, *, met: bool) -> Message | None:
    """How many failures more or fewer would have turned a failure rate's outcome; None for more than CLOSE_FAILURES.

    A run without any failure is not called close to one that has some: nothing suggests it.
    """
    requests, failures = evidence.requests(target), evidence.failures(target)
    if target.metric != FAILURE_RATE or not target.below or not failures or requests < requests_needed(target):
        return None
    code, step = (Detail.FAILURES_MORE, 1) if met else (Detail.FAILURES_FEWER, -1)
    for count in range(1, (CLOSE_FAILURES if met else min(CLOSE_FAILURES, failures)) + 1):
        if ((failures + step * count) / requests < target.limit) is not met:
            return code(failures=count)
    return None


def _around(observed: float, interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """The interval, extended to what was observed: resamples of few blocks may all lie on one side of it."""
    return None if interval is None else (min(interval[0], observed), max(interval[1], observed))


def _comparison(target: Target, observed: float) -> Message:
    shown, limit = apart(target.metric, observed, target.limit)
    code = Reason.MAXIMUM if target.below else Reason.MINIMUM
    return code(figure=subject_of(target), observed=shown, limit=limit)


def _without(target: Target, evidence: RunEvidence, observed: float) -> Message | None:
    """How many failures the figure leaves out, where that makes a difference."""
    left_out, every = evidence.left_out(target), evidence.figures.get((target.role, target.operation))
    with_them = getattr(every, target.metric) if every and left_out else None
    if with_them is None or figure(target.metric, with_them) == figure(target.metric, observed):
        return None
    return Detail.WITHOUT_FAILED(left_out=left_out, every=figure(target.metric, with_them))


# ── where to look when a target is missed ───────────────────────────────────────────────────────────────────


def _where(target: Target, evidence: RunEvidence) -> Iterable[Message | None]:
    """The slowest or the most failing operation, or what the load offered."""
    rows = narrowed(target, evidence)
    if target.metric == RPS:
        yield from _offered(target, evidence)
    elif target.metric == FAILURE_RATE:
        yield standing_out(rows)
        if target.role is None and target.operation is None and (patterns := frequent_patterns(evidence.patterns)):
            # Patterns cover the whole run, which matters where more failed in it than in the steady state.
            more = sum(pattern.count for pattern in evidence.patterns) > evidence.failures(target)
            yield (Detail.PATTERNS_OF_RUN if more else Detail.PATTERNS)(patterns=patterns)
    elif target.metric.endswith("_ms"):
        known = [(value, row) for row in rows if (value := getattr(row.judged, target.metric, None)) is not None]
        if known:
            value, slowest = max(known, key=lambda pair: pair[0])
            value_text = figure(target.metric, value)
            yield Detail.SLOWEST(operation=slowest.operation, role=slowest.role, value=value_text)


def _offered(target: Target, evidence: RunEvidence) -> Iterable[Message]:
    offered, average_ms = figure(RPS, evidence.offered_rps(target)), evidence.judged[None, None].avg_ms
    if evidence.arrivals_per_s is not None:
        yield Detail.OFFERED_BY_RATE(rate=setting(evidence.arrivals_per_s), offered=offered)
        return
    yield Detail.OFFERED_BY_USERS(offered=offered, limit_ms=evidence.limit_ms())
    if average_ms is not None:
        yield Detail.ANSWERS_TOOK(average_ms=average_ms)


def frequent_patterns(patterns: Sequence[FailurePattern]) -> str:
    """The most frequent patterns; "" where nothing failed."""
    every = sum(pattern.count for pattern in patterns)
    return "; ".join(
        pattern.sentence
        for place, pattern in enumerate(patterns[:_MOST_PATTERNS])
        if place == 0 or pattern.count >= _WORTH_NAMING * every
    )


def standing_out(rows: Sequence[Row]) -> Message | None:
    """The operation that stands out among the failures.

    It has half of them, or fails twice as often as all operations; one or two failures prove nothing.
    """
    requests, failures = (sum(getattr(row.statistics, name) for row in rows) for name in ("requests", "failures"))
    worst = max(rows, key=lambda row: row.statistics.failures, default=None)
    if worst is None or worst.statistics.failures < _STANDS_OUT_FROM:
        return None
    often = (worst.statistics.failure_rate or 0.0) >= _TIMES_AS_OFTEN * failures / requests
    if not often and worst.statistics.failures < failures / 2:
        return None
    found = worst.statistics
    return Detail.STANDS_OUT(
        operation=worst.operation, role=worst.role, failures=found.failures, requests=found.requests
    )


# ── why a target cannot be judged ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a target cannot be judged. `remedies`: what would change that; () where neither time nor users would."""

    reason: Message
    remedies: tuple[Remedy, ...] = ()


def _obstacle(target: Target, evidence: RunEvidence, observed: float | None) -> Obstacle | None:
    """None where the target can be judged."""
    if evidence.steady_missing:
        return Obstacle(evidence.steady_missing, () if evidence.ended_early else (Remedy.LONGER,))
    narrow = target.operation or (target.role and target.metric != CONCURRENT_USERS)
    if evidence.live and (narrow or apdex_threshold(target.metric) is not None):
        return Obstacle(Reason.AT_THE_END())
    if nothing := _nothing_of(target, evidence):
        return nothing
    if target.metric == CONCURRENT_USERS:
        return _too_few_users(target, evidence)
    if target.metric == RPS:
        return _too_little_offered(target, evidence)
    return _too_few_samples(target, evidence, observed)


def requests_needed(target: Target) -> int:
    """The fewest requests on which a target for times or failures is judged."""
    fraction = PERCENTILES.get(target.metric)
    if fraction is not None:
        return samples_needed(fraction)
    if target.metric == FAILURE_RATE:
        return math.ceil(round(1 / target.limit, 9)) if target.limit > 0 else 1
    return FEWEST_FOR_AVERAGE if apdex_threshold(target.metric) is None else FEWEST_FOR_APDEX


def _too_few_samples(target: Target, evidence: RunEvidence, observed: float | None) -> Obstacle | None:
    needed, samples = requests_needed(target), evidence.requests(target)
    if samples >= needed and observed is not None:
        return None
    short = target.metric.removesuffix("_ms").replace("p999", "p99.9")
    fields = {
        "samples": samples,
        "needed": needed,
        "figure": short if target.metric in PERCENTILES else f"the {name_of(target.metric)}",
    }
    left_out = evidence.left_out(target)
    if samples < needed <= samples + left_out:
        return Obstacle(Reason.TOO_FEW_WITHOUT_FAILED(**fields, left_out=left_out))
    if target.metric == FAILURE_RATE and target.below and evidence.failures(target) / needed >= target.limit:
        return None if samples else Obstacle(Reason.NO_FAILURE_RATE())
    # Where nothing was sent at all, more of it is nothing either.
    return Obstacle(Reason.TOO_FEW_SAMPLES(**fields), (Remedy.LONGER, Remedy.USERS) if samples else ())


def _too_few_users(target: Target, evidence: RunEvidence) -> Obstacle | None:
    planned, ran = evidence.users_planned(target), evidence.users_ran(target)
    fields = {"whom": f"users as {target.role}" if target.role else "users", "limit": setting(target.limit)}
    if target.below:
        return None
    if planned <= target.limit:
        return Obstacle(Reason.TOO_FEW_USERS(users=planned, **fields), (Remedy.USERS,))
    if ran <= target.limit and ran < planned:
        code = Reason.USERS_RUNNING if evidence.live else Reason.USERS_STARTED
        return Obstacle(code(users=ran, planned=planned, **fields))
    return None


def _too_little_offered(target: Target, evidence: RunEvidence) -> Obstacle | None:
    if target.below:
        return None if evidence.figures[None, None].requests else Obstacle(Reason.NO_THROUGHPUT())
    rps = evidence.offered_rps(target)
    if rps > target.limit:
        return None
    offered, limit = apart(RPS, rps, target.limit)
    if evidence.arrivals_per_s is not None:
        rate = setting(evidence.arrivals_per_s)
        return Obstacle(Reason.RATE_OFFERS_TOO_LITTLE(rate=rate, offered=offered, limit=limit), (Remedy.RATE,))
    users = evidence.users_planned(target) if evidence.live else evidence.users_ran(target)
    reason = Reason.USERS_OFFER_TOO_LITTLE(users=users, offered=offered, limit_ms=evidence.limit_ms(), limit=limit)
    return Obstacle(reason, (Remedy.USERS,))


def _nothing_of(target: Target, evidence: RunEvidence) -> Obstacle | None:
    """Why nothing happened that the target is about; None where something did, or it is about everything."""
    plan, role, operation = evidence.plan, target.role, target.operation
    if role and not plan.scenario.includes(role):
        return Obstacle(Reason.ROLE_LEFT_OUT(role=role))
    if operation and not plan.scenario.sends(operation):
        return Obstacle(Reason.EXCLUDED(operation=operation))
    if role and not plan.users_by_role.get(role):
        return Obstacle(Reason.ROLE_ABSENT(users=plan.scenario.users, role=role), (Remedy.USERS,))
    if not operation and (not role or target.metric == CONCURRENT_USERS):
        return None
    figures = evidence.figures.get((role, operation))
    if figures is not None and figures.requests:
        return None
    if not operation:
        return Obstacle(Reason.ROLE_SENT_NOTHING(role=role), (Remedy.LONGER,))
    fields = {"operation": operation, "whom": f" as {role}" if role else ""}
    reasons = tuple(dict.fromkeys(_not_called(operation, role, evidence)))
    if not reasons:
        return Obstacle(Reason.NO_ROLE_CALLS(**fields))
    reason = Reason.NOT_EXERCISED(**fields, why="; ".join(reasons))
    return Obstacle(reason, (Remedy.LONGER,) if Reason.NOT_REACHED() in reasons else ())


def _not_called(operation: str, role: str | None, evidence: RunEvidence) -> Iterable[str]:
    """Why an operation was not called, for each role that would have called it."""
    coverage = evidence.coverage
    lacking = {(lack.role, lack.operation): lack.why for lack in coverage.lacking} if coverage else {}
    for each in evidence.planned:
        if (
            operation not in each.steps_by_operation
            or role not in (None, each.slug)
            or not evidence.plan.users_by_role.get(each.slug)
        ):
            continue
        entry = f"{each.slug} / {operation}"
        if coverage and entry in coverage.missing:
            yield Reason.NOT_OFFERED()
        elif coverage and entry in coverage.broken:
            yield Reason.FAILED_BEFORE_LOAD()
        elif coverage and entry in coverage.left_out:
            yield coverage.left_out_because.get(entry) or Reason.READ_ONLY()
        elif (each.slug, operation) in lacking or (coverage and operation in coverage.not_possible):
            yield lacking.get((each.slug, operation)) or Reason.DATA_MISSING()
        else:
            yield Reason.NOT_REACHED()
