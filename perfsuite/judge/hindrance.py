"""Why a target cannot be judged, and whether a longer run or more users would help: often neither does."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from perfsuite.format import apart, limit_text, number, plural, setting
from perfsuite.judge.evidence import Evidence
from perfsuite.judge.words import FAILURE_RATE, RPS, USERS, name_of
from perfsuite.model import Remedy, Target
from perfsuite.model.slo_presets import FEWEST_REQUESTS, apdex_threshold
from perfsuite.model.summary import PERCENTILES, samples_needed

_NEEDED_FOR_AVERAGE = 30
_BOTH = (Remedy.LONGER, Remedy.USERS)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a target cannot be judged. `remedies`: what would change that; none where neither time nor users would."""

    reason: str
    remedies: tuple[Remedy, ...] = ()


def hindrance(target: Target, evidence: Evidence, observed: float | None) -> Hindrance | None:
    """None where the target can be judged."""
    if evidence.steady_missing:
        return Hindrance(evidence.steady_missing, () if evidence.ended_early else (Remedy.LONGER,))
    narrow = target.operation or (target.role and target.metric != USERS)
    if evidence.live and (narrow or apdex_threshold(target.metric) is not None):
        return Hindrance("judged at the end of the run")
    if nothing := _nothing_of(target, evidence):
        return nothing
    if target.metric == USERS:
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
    return _NEEDED_FOR_AVERAGE if apdex_threshold(target.metric) is None else FEWEST_REQUESTS


def _too_few_samples(target: Target, evidence: Evidence, observed: float | None) -> Hindrance | None:
    needed, samples = requests_needed(target), evidence.requests(target)
    if samples >= needed and observed is not None:
        return None
    left_out = evidence.left_out(target)
    if samples < needed <= samples + left_out:
        failed = plural(left_out, "failed request")
        return Hindrance(
            f"{plural(samples, 'sample')} without {failed}, {number(needed)} needed for {_short(target.metric)}"
        )
    remedies = _BOTH if samples else ()  # where nothing was sent at all, more of it is nothing either
    if target.metric == FAILURE_RATE and target.below and evidence.failures(target) / needed >= target.limit:
        return None if samples else Hindrance("no request, so no failure rate")
    return Hindrance(f"{plural(samples, 'sample')}, {number(needed)} needed for {_short(target.metric)}", remedies)


def _short(metric: str) -> str:
    if metric in PERCENTILES:
        return metric.removesuffix("_ms").replace("p999", "p99.9")
    return f"the {name_of(metric)}"


def _too_few_users(target: Target, evidence: Evidence) -> Hindrance | None:
    asked, ran = evidence.users_asked(target), evidence.users_ran(target)
    whom = f"users as {target.role}" if target.role else "users"
    if target.below:
        return None
    if asked <= target.limit:
        return Hindrance(f"ran {number(asked)} {whom}, more than {setting(target.limit)} needed", (Remedy.USERS,))
    if ran <= target.limit and ran < asked:
        if evidence.live:
            return Hindrance(
                f"{number(ran)} of {number(asked)} {whom} are running, more than {setting(target.limit)} needed"
            )
        return Hindrance(
            f"only {number(ran)} of {number(asked)} {whom} were started, more than {setting(target.limit)} needed"
        )
    return None


def _too_little_offered(target: Target, evidence: Evidence) -> Hindrance | None:
    if target.below:
        return None if evidence.figures[None, None].requests else Hindrance("no request, so no throughput")
    offered = evidence.offered_rps(target)
    if offered > target.limit:
        return None
    users = evidence.users_asked(target) if evidence.live else evidence.users_ran(target)
    told, limit = apart(RPS, offered, target.limit)
    if evidence.arrivals_per_s is not None:
        rate = f"{setting(evidence.arrivals_per_s)} actions/s"
        return Hindrance(f"{rate} offer {told}, more than {limit} needed", (Remedy.RATE,))
    slow = limit_text("avg_ms", evidence.limit_ms())
    found = f"{plural(users, 'user')} offer {told} when answers take {slow}, more than {limit} needed"
    return Hindrance(found, (Remedy.USERS,))


# ── targets on what did not happen ──────────────────────────────────────────────────────────────────


def _nothing_of(target: Target, evidence: Evidence) -> Hindrance | None:
    """Why nothing happened that the target is about; None where something did, or it is about everything."""
    plan, role, operation = evidence.plan, target.role, target.operation
    if role and not plan.users_by_role.get(role):
        return Hindrance(f"with {plural(plan.scenario.users, 'user')} nobody ran as {role}", (Remedy.USERS,))
    if not operation and (not role or target.metric == USERS):
        return None
    figures = evidence.figures.get((role, operation))
    if figures is not None and figures.requests:
        return None
    whom = f" as {role}" if role else ""
    if not operation:
        return Hindrance(f"no request{whom} in the steady state", (Remedy.LONGER,))
    reasons = tuple(dict.fromkeys(_reasons(operation, role, evidence)))
    if not reasons:
        return Hindrance(f"no role with users makes {operation}{whom}")
    still = (Remedy.LONGER,) if _NOT_REACHED in reasons else ()
    return Hindrance(f"{operation}{whom} was not exercised: {'; '.join(reasons)}", still)


_NOT_REACHED = "no action of the steady state reached it"


def _reasons(operation: str, role: str | None, evidence: Evidence) -> Iterable[str]:
    """Why an operation was not made, for each role that would have made it."""
    coverage = evidence.coverage
    lacking = {(lack.role, lack.operation): lack.why for lack in coverage.lacking} if coverage else {}
    for each in evidence.planned:
        makes = any(step.operation == operation for behaviour in each.behaviours for step in behaviour.steps)
        if not makes or role not in (None, each.slug) or not evidence.plan.users_by_role.get(each.slug):
            continue
        entry = f"{each.slug} / {operation}"
        if coverage and entry in coverage.missing:
            yield "not offered by the target"
        elif coverage and entry in coverage.broken:
            yield "it failed before the load and was left out"
        elif coverage and entry in coverage.left_out:
            yield coverage.left_out_because.get(entry, "it writes, and the run is read-only")
        elif (each.slug, operation) in lacking or (coverage and operation in coverage.not_possible):
            yield lacking.get((each.slug, operation)) or "the data for it was not there"
        else:
            yield _NOT_REACHED
