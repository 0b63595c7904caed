"""What a target is judged on: the figures of its scope, the users, and what the load could have offered."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from perfsuite.judge.metrics import AVERAGE, FAILURE_RATE, RPS
from perfsuite.messages import Message
from perfsuite.messages.reasons import Reason
from perfsuite.model import (
    ABORTED,
    ALL,
    CUT_OFF,
    INTERRUPTED,
    LOAD_DIED,
    SUITE_FAILED,
    TARGET_LOST,
    Coverage,
    CutOff,
    FailurePattern,
    LiveState,
    Plan,
    Row,
    StageFigures,
    Statistics,
    Summary,
    Target,
    TargetFigures,
)
from perfsuite.model.periods import STEADY
from perfsuite.model.plan import CONCURRENT_USERS
from perfsuite.model.role import Role
from perfsuite.model.slo_presets import apdex_threshold
from perfsuite.model.stages import mean_share
from perfsuite.roles.mix import arriving_rps, offered_rps, without

DEFAULT_LIMIT_MS = 500.0
"""The response time for which the offered load is computed if no target limits the average."""

Scope = tuple[str | None, str | None]
"""Role and operation that a target is limited to."""


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """A run as its targets see it. `steady_missing`: why no figure counts yet; None where there is a steady state."""

    plan: Plan
    roles: tuple[Role, ...]
    steady_missing: Message | None
    figures: Mapping[Scope, Statistics]
    """Of all requests: what failures are judged on."""
    judged: Mapping[Scope, Statistics]
    """Those that times and throughput are judged on: without failures that the target answered."""
    leaves: tuple[Row, ...]
    """The rows (role, behaviour, operation) of the steady state."""
    users: Mapping[str, int]
    """Most users at once, by role."""
    possible: float = 1.0
    """Share of the requests that could be made: the others found no data at the target."""
    arrivals_per_s: float | None = None
    """Open model: actions that become due a second; None in the closed model."""
    beyond: Mapping[tuple[str, str | None, str | None, tuple[str, ...]], TargetFigures] = field(default_factory=dict)
    """Metric, role, operation and stages of a target → what is known beside its figure."""
    live: bool = False
    cut_off: tuple[CutOff, ...] = ()
    """What the end of the load cut off, of the steady state."""
    planned: tuple[Role, ...] = ()
    """The roles with all their operations, those that were left out too."""
    coverage: Coverage | None = None
    ended_early: bool = False
    """Interrupted, cut off, or stopped for a lost target or by a stop rule."""
    patterns: tuple[FailurePattern, ...] = ()
    """What failed, over the whole run."""
    load_share: float = 1.0
    """The mean load, as a share of the most that the scenario makes."""

    def interval(self, target: Target) -> tuple[float, float] | None:
        """The 95 % interval of the target's figure; None where it is not known."""
        known = self.beyond.get((target.metric, target.role, target.operation, target.stages))
        return known.interval if known else None

    def users_planned(self, target: Target) -> int:
        """Users that were planned, in the target's scope."""
        return self.plan.scenario.users if target.role is None else self.plan.users_by_role.get(target.role, 0)

    def users_ran(self, target: Target) -> int:
        """The most users that were alive at once, in the target's scope."""
        return sum(self.users.values()) if target.role is None else self.users.get(target.role, 0)

    def observed(self, target: Target) -> float | None:
        """The value of the target's metric; None where it is not known."""
        if target.metric == CONCURRENT_USERS:
            return float(self.users_ran(target))
        if apdex_threshold(target.metric) is not None:
            known = self.beyond.get((target.metric, target.role, target.operation, target.stages))
            return known.value if known else None
        figures = self._figures(target)
        value = getattr(figures, target.metric) if figures else None
        return None if value is None else float(value)

    def _figures(self, target: Target) -> Statistics | None:
        """The figures that the target's metric is one of; None without a request."""
        on_all = target.metric == FAILURE_RATE or apdex_threshold(target.metric) is not None
        return (self.figures if on_all else self.judged).get((target.role, target.operation))

    def requests(self, target: Target) -> int:
        """Requests in the target's scope that its metric is made of."""
        figures = self._figures(target)
        return figures.requests if figures else 0

    def left_out(self, target: Target) -> int:
        """Failed requests in the target's scope that its metric is made without."""
        scope = (target.role, target.operation)
        every, judged = self.figures.get(scope), self.judged.get(scope)
        if every is None or judged is None or self._figures(target) is not judged:
            return 0
        return every.failures if target.metric == RPS else every.requests - judged.requests

    def failures(self, target: Target) -> int:
        """Failed requests in the target's scope."""
        figures = self.figures.get((target.role, target.operation))
        return figures.failures if figures else 0

    def unfinished(self, target: Target) -> int:
        """Requests in the target's scope that the end of the load cut off."""
        return sum(
            each.count
            for each in self.cut_off
            if target.role in (None, each.role) and target.operation in (None, each.operation)
        )

    def limit_ms(self) -> float:
        """The response-time limit: that of the target for the average of all requests, else 500 ms."""
        limits = [
            target.limit
            for target in targets_of(self.plan)
            if target.metric == AVERAGE and target.below and not (target.role or target.operation or target.stages)
        ]
        return min(limits, default=DEFAULT_LIMIT_MS)

    def offered_rps(self, target: Target) -> float:
        """What the load offers in the target's scope: users at the response-time limit, arrivals at any time.

        Users that were never started offer nothing.
        """
        if self.arrivals_per_s is not None:
            users, of_role = self.plan.users_by_role, None if target.role is None else (target.role,)
            rate = arriving_rps(self.arrivals_per_s, users, self.roles, operation=target.operation, counted=of_role)
            return rate * self.possible
        planned = self.plan.users_by_role
        ran = planned if sum(self.users.values()) >= sum(planned.values()) else self.users
        users = {role: count for role, count in ran.items() if target.role in (None, role)}
        offered = offered_rps(users, self.roles, self.limit_ms() / 1000, operation=target.operation) * self.load_share
        return offered if math.isinf(offered) else offered * self.possible


def targets_of(plan: Plan) -> list[Target]:
    """The targets that hold in the plan's scenario: it is one of theirs, and has the stages that they name."""
    own = {stage.name for stage in plan.scenario.stages}
    return [
        target
        for target in plan.targets
        if (not target.scenarios or plan.scenario.name in target.scenarios) and own.issuperset(target.stages)
    ]


def evidence_of(plan: Plan, summary: Summary, roles: Sequence[Role]) -> RunEvidence:
    """What a finished run shows."""
    not_possible = sum(summary.coverage.not_possible.values())
    tried = summary.whole_run.requests + not_possible
    coverage = summary.coverage
    return RunEvidence(
        plan=plan,
        roles=tuple(without(roles, map(_pair, (*coverage.missing, *coverage.broken, *coverage.left_out)))),
        steady_missing=None if summary.steady_s > 0 else _why_not_steady(summary),
        figures=figures_by_scope(summary),
        judged=figures_by_scope(summary, judged=True),
        leaves=tuple(row for row in summary.rows if row.period == STEADY and ALL not in _names(row)),
        users=summary.users.by_role,
        possible=summary.whole_run.requests / tried if tried else 1.0,
        arrivals_per_s=summary.arrivals.asked_per_s if summary.arrivals else None,
        planned=tuple(roles),
        coverage=summary.coverage,
        ended_early=summary.ended in (INTERRUPTED, CUT_OFF, TARGET_LOST, LOAD_DIED, ABORTED),
        patterns=summary.failure_patterns,
        beyond={(known.metric, known.role, known.operation, known.stages): known for known in summary.target_figures},
        cut_off=summary.cut_off,
        load_share=_load_share(plan, summary),
    )


def _load_share(plan: Plan, summary: Summary, names: Collection[str] = ()) -> float:
    """Of the stages of these names, or of all."""
    steady = {stage.name: float(stage.seconds.length_s) for stage in _counted(summary, names)}
    # In the open model the rate that was asked for is the mean already.
    return mean_share(plan.scenario.stages, steady) if plan.scenario.arrival is None else 1.0


def _counted(summary: Summary, names: Collection[str]) -> list[StageFigures]:
    """The stages of these names, or all that had a steady part."""
    return [stage for stage in summary.stages if (stage.name in names if names else stage.seconds.steady)]


def of_stages(evidence: RunEvidence, summary: Summary, target: Target) -> RunEvidence:
    """The same over the stages alone that the target names."""
    if not target.stages:
        return evidence
    began = {stage.name for stage in summary.stages}
    missing = [name for name in target.stages if name not in began]
    rows = [row for row in summary.stage_rows if row.period == " + ".join(target.stages)]
    arrivals, share = evidence.arrivals_per_s, _load_share(evidence.plan, summary, target.stages)
    if arrivals is not None:
        lengths = {stage.name: float(stage.seconds.length_s) for stage in _counted(summary, target.stages)}
        arrivals = mean_share(evidence.plan.scenario.stages, lengths) * max(
            stage.level for stage in evidence.plan.scenario.stages
        )
    return replace(
        evidence,
        steady_missing=Reason.STAGES_NOT_REACHED(stages=missing) if missing else None,
        figures=_by_scope(rows, judged=False),
        judged=_by_scope(rows, judged=True),
        leaves=tuple(row for row in rows if ALL not in _names(row)),
        arrivals_per_s=arrivals,
        load_share=share,
        cut_off=(),
    )


def _by_scope(rows: Iterable[Row], *, judged: bool) -> dict[Scope, Statistics]:
    found: dict[Scope, Statistics] = {}
    for row in sorted(rows, key=lambda row: row.behaviour != ALL):
        if row.behaviour == ALL or ALL not in _names(row):
            role = None if row.role == ALL else row.role
            operation = None if row.operation == ALL else row.operation
            found.setdefault((role, operation), row.judged if judged else row.statistics)
    return found


def live_evidence(plan: Plan, live: LiveState, roles: Sequence[Role]) -> RunEvidence:
    """What a run shows so far: only figures over all requests."""
    return RunEvidence(
        plan=plan,
        roles=tuple(roles),
        steady_missing=None if live.steady else Reason.STEADY_NOT_REACHED(),
        figures={(None, None): live.statistics},
        judged={(None, None): live.ok or live.statistics},
        leaves=(),
        users=live.users,
        arrivals_per_s=plan.scenario.arrival.rate if plan.scenario.arrival else None,
        live=True,
    )


def live_offered_rps(plan: Plan, live: LiveState, roles: Sequence[Role], target: Target) -> float:
    """What the load offers in a target's scope, in a run in progress; see `RunEvidence.offered_rps`."""
    return live_evidence(plan, live, roles).offered_rps(target)


def _pair(entry: str) -> tuple[str, str]:
    """Role and operation of an entry of the coverage, "role / operation"."""
    role, _, operation = entry.partition(" / ")
    return role, operation


def _names(row: Row) -> tuple[str, str, str]:
    return row.role, row.behaviour, row.operation


_ENDED = {
    INTERRUPTED: "interrupted",
    CUT_OFF: "cut off",
    TARGET_LOST: "the target was lost",
    LOAD_DIED: "the load process died",
    SUITE_FAILED: "the suite met an error",
    ABORTED: "a target was missed for long",
}


def _why_not_steady(summary: Summary) -> Message:
    if summary.ended in _ENDED:
        return Reason.ENDED_BEFORE_STEADY(what=_ENDED[summary.ended])
    users = summary.users
    if users.done:
        return Reason.DONE_BEFORE_STEADY()
    if users.peak < users.requested:
        return Reason.NO_STEADY_USERS(peak=users.peak, requested=users.requested)
    return Reason.NO_STEADY()


def figures_by_scope(summary: Summary, *, judged: bool = False) -> dict[Scope, Statistics]:
    """Scope → figures over the steady state: of all requests, or those that times and throughput are judged on.

    An operation that a role does in one behaviour only has no total of its own: that behaviour's row is it.
    """
    total: dict[Scope, Statistics] = {(None, None): summary.totals_ok if judged else summary.totals}
    return _by_scope((row for row in summary.rows if row.period == STEADY), judged=judged) | total


def narrowed(target: Target, evidence: RunEvidence) -> tuple[Row, ...]:
    """The rows of the steady state within the target's scope; none where the scope is a single row."""
    rows = tuple(
        row for row in evidence.leaves if target.role in (None, row.role) and target.operation in (None, row.operation)
    )
    return rows if len(rows) > 1 else ()
