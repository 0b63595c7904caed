"""What makes a run unable to say anything about the target, each with what to do.

Two things are apart. A generator that was not fit (busy, late, standing still, or a process lost) makes slow answers
and failures by itself, so that a slow target cannot be distinguished from a slow generator. A run that is not valid
lacks something in what was measured: its figures may be wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from perfsuite.format import figure, limit_text, number, plural, quantity, setting
from perfsuite.judge.ledger import unbalanced
from perfsuite.judge.limits import (
    CHANCE_SD,
    FEWEST_REQUESTS,
    LITTLE_ACTIONS,
    LITTLE_CYCLES,
    LITTLE_SHARE,
    NOT_STARTED_SHARE,
    SHORTEST_STEADY_S,
    THROTTLED_FIX_SHARE,
    THROTTLED_SHARE,
)
from perfsuite.judge.load_machine import held_back, limits_met
from perfsuite.judge.users import users_ended
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Detail, Reason, Sign
from perfsuite.model import (
    ABORTED,
    CUT_OFF,
    INTERRUPTED,
    LOAD_DIED,
    SUITE_FAILED,
    TARGET_LOST,
    Cleanup,
    GeneratorHealth,
    LostWorker,
    Occupancy,
    Plan,
    Reconciliation,
    Remaining,
    Remedy,
    SuiteErrorGroup,
    Summary,
)
from perfsuite.model.cleanup import REMAINING_FILE
from perfsuite.model.generator import GC_PAUSE_MS, LOOP_LAG_P99_MS, SEND_LAG_P99_MS, Bottleneck, Capacity, capacity_of
from perfsuite.model.role import Role
from perfsuite.suite_errors import LOG_FILE

SUITE_ERRORS_SHOWN = 3
_ROW_REASONS_SHOWN = 3
_WAITING_SHOWN_PERCENT = 5.0
"""From here on the time spent waiting for a core is worth mentioning."""

# ── was the generator fit? ──────────────────────────────────────────────────────────────────────────────────


def unfit_because(plan: Plan, summary: Summary) -> list[Message]:
    """One reason each, with what to do; [] for a generator that was fit."""
    return [*_saturated(plan, summary), *held_back(summary), *lost_because(summary, summary.lost_workers)]


def generator_notes(summary: Summary) -> Iterable[Message]:
    """What may explain the slowest requests, although the generator was fit."""
    health, capacity = summary.generator, _capacity(summary)
    if (health.gc_pause_max_ms or 0.0) > GC_PAUSE_MS and not capacity.exceeds(Bottleneck.GARBAGE_COLLECTION):
        yield Note.LONG_GC_PAUSE(longest=figure("max_ms", health.gc_pause_max_ms))
    share = health.throttled_rate or 0.0
    if share >= THROTTLED_SHARE and not _signs(summary):
        yield Note.THROTTLED(limit=_cpu_limit(health), share=share)


def _saturated(plan: Plan, summary: Summary) -> Iterable[Message]:
    """More processes do not help where all of them share one limit."""
    signs, share = "; ".join(_signs(summary)), summary.generator.throttled_rate or 0.0
    if signs and (share >= THROTTLED_FIX_SHARE or _capacity(summary).exceeds(Bottleneck.CPU_LIMIT)):
        yield Reason.GENERATOR_THROTTLED(signs=signs, limit=_cpu_limit(summary.generator), share=share)
    elif signs:
        yield Reason.GENERATOR_SATURATED(signs=signs, more=_one_more(plan))


def _one_more(plan: Plan) -> str:
    """The option of a load with one more process, where the plan has most of them."""
    if plan.expect_workers:
        return f"--expect-workers {plan.expect_workers + 1}"
    return f"--processes {plan.processes + 1}"


def _signs(summary: Summary) -> list[Message]:
    """What shows that the generator was saturated; [] for one that was not."""
    health, capacity = summary.generator, _capacity(summary)
    of_part = {
        Bottleneck.CPU: _busy,
        Bottleneck.CPU_LIMIT: _limited,
        Bottleneck.EVENT_LOOP: _late,
        Bottleneck.SCHEDULE: _sends_late,
        Bottleneck.GARBAGE_COLLECTION: _collecting,
    }
    return [sign(health) for part, sign in of_part.items() if capacity.exceeds(part)]


def _capacity(summary: Summary) -> Capacity:
    return capacity_of(summary.generator, summary.steady_s)


def _cpu_limit(health: GeneratorHealth) -> str:
    if health.limit_cores is None:
        return "a CPU limit"
    return f"a CPU limit of {setting(round(health.limit_cores, 2))} {'core' if health.limit_cores == 1 else 'cores'}"


def _busy(health: GeneratorHealth) -> Message:
    mean = health.cpu_wanted_percent_mean or 0.0
    used = mean if health.cpu_percent_mean is None else health.cpu_percent_mean
    waited = f", waited for one {quantity(mean - used, 'percent')} of the time,"
    return Sign.BUSY(
        process=_whose(health),
        used=quantity(used, "percent"),
        waited=waited if mean - used >= _WAITING_SHOWN_PERCENT else "",
        share=health.cpu_over_90_rate or 0.0,
    )


def _whose(health: GeneratorHealth) -> str:
    return "its process" if health.processes == 1 else "one of its processes"


def _limited(health: GeneratorHealth) -> Message:
    return Sign.LIMITED(process=_whose(health), wanted=quantity(health.limit_wanted_percent_mean, "percent"))


def _late(health: GeneratorHealth) -> Message:
    return Sign.LATE(lag=figure("p99_ms", health.loop_lag_p99_ms), limit=limit_text("p99_ms", LOOP_LAG_P99_MS))


def _sends_late(health: GeneratorHealth) -> Message:
    return Sign.SENDS_LATE(lag=figure("p99_ms", health.send_lag_p99_ms), limit=limit_text("p99_ms", SEND_LAG_P99_MS))


def _collecting(health: GeneratorHealth) -> Message:
    longest = figure("max_ms", health.gc_pause_max_ms or 0.0)
    return Sign.COLLECTING(share=health.gc_share_rate or 0.0, longest=longest)


def _lost(worker: LostWorker) -> Message:
    if not worker.users:
        users = "it had no users"
    elif worker.placed == 0:
        users = f"its {plural(worker.users, 'user')} were lost with it"
    else:
        users = f"its {plural(worker.users, 'user')} moved to other workers"
    return Reason.WORKER_LOST(worker=worker.worker, at=worker.at, reason=worker.reason, users=users)


def lost_because(summary: Summary, workers: Iterable[LostWorker]) -> list[Message]:
    """One reason for each of these, and for a load that died as a whole."""
    return [*map(_lost, workers), *_died(summary)]


def _died(summary: Summary) -> Iterable[Message]:
    if summary.ended == LOAD_DIED:
        yield Reason.LOAD_DIED(duration_s=summary.duration_s)
    if summary.ended == CUT_OFF:
        yield Reason.CUT_OFF_RUN(duration_s=summary.duration_s)


# ── is the run valid? ───────────────────────────────────────────────────────────────────────────────────────


def invalid_because(plan: Plan, summary: Summary, roles: Sequence[Role]) -> list[Message]:
    """One reason each; [] for a valid run. Whether the generator was fit is asked separately."""
    reasons = [
        *limits_met(summary),
        nothing_sent(summary) or _too_little(summary),
        _users_missing(plan, summary) or users_ended(plan, summary),
        _actions_not_due(plan, summary, roles),
        _not_accounted(summary),
    ]
    return [*(reason for reason in reasons if reason), *counts_invalid_because(summary)]


def counts_invalid_because(summary: Summary) -> list[Message]:
    """The same by what was counted and handed over alone."""
    reasons = (
        _counts_disagree(summary.reconciliation, summary.lost_workers),
        _unrecorded(summary.reconciliation),
        _no_last_record(summary),
        _reports_lost(summary),
        _unbalanced(summary),
    )
    return [reason for reason in reasons if reason]


def ended_early(summary: Summary) -> bool:
    """What such a run lacks has a reported cause: longer, slower or with fewer users is no advice."""
    return summary.ended in (INTERRUPTED, CUT_OFF, TARGET_LOST, SUITE_FAILED, ABORTED)


def longer(summary: Summary) -> Remedy:
    """What would make the steady state longer: where users were done, their iterations ended it."""
    return Remedy.ITERATIONS if summary.users.done else Remedy.LONGER


def nothing_sent(summary: Summary) -> Message | None:
    """No request at all, though the load was not ended early."""
    if summary.whole_run.requests or ended_early(summary):
        return None
    return Reason.NOTHING_SENT() if summary.users.peak else Reason.NOTHING_SENT_NO_USERS()


def _too_little(summary: Summary) -> Message | None:
    """A steady state that is too short. Without any, no target is judged, which has its own reason."""
    sent, steady_s = summary.totals.requests, summary.steady_s
    if not steady_s or ended_early(summary) or (sent >= FEWEST_REQUESTS and steady_s >= SHORTEST_STEADY_S):
        return None
    remedy = longer(summary).value
    return Reason.TOO_LITTLE(
        requests=sent,
        steady_s=steady_s,
        requests_needed=FEWEST_REQUESTS,
        steady_needed_s=SHORTEST_STEADY_S,
        remedies=f"{remedy} or with more users" if steady_s >= SHORTEST_STEADY_S else remedy,
    )


def _actions_not_due(plan: Plan, summary: Summary, roles: Sequence[Role]) -> Message | None:
    """Open model: planned actions that no process let become due, so that they were not counted."""
    arrivals, arrival = summary.arrivals, plan.scenario.arrival
    if arrivals is None or arrival is None or not summary.steady_s:
        return None
    expected = arrivals.asked_per_s * summary.steady_s * _share_with_work(plan, summary, roles)
    chance = CHANCE_SD * math.sqrt(expected) if arrival.poisson else 1.0
    if arrivals.due >= expected * (1 - NOT_STARTED_SHARE) - chance:
        return None
    fields = {"expected": round(expected), "due": arrivals.due}
    if summary.lost_workers:
        return Reason.ACTIONS_NOT_DUE_LOST(**fields, workers=_names_of(summary.lost_workers))
    return Reason.ACTIONS_NOT_DUE(**fields, more=_one_more(plan))


def _share_with_work(plan: Plan, summary: Summary, roles: Sequence[Role]) -> float:
    """The share of the actions that are for roles with any behaviour left."""
    dead = set(summary.coverage.dead_behaviours)
    present = [role for role in roles if plan.users_by_role.get(role.slug)]
    living = [
        role for role in present if any(f"{role.slug} / {behaviour.name}" not in dead for behaviour in role.behaviours)
    ]
    weights = sum(role.weight for role in present)
    return sum(role.weight for role in living) / weights if weights else 0.0


def _names_of(lost: Sequence[LostWorker]) -> str:
    """ "load process worker-1, which was lost"."""
    names = ", ".join(worker.worker for worker in lost)
    return f"load process {names}, which was lost" if len(lost) == 1 else f"load processes {names}, which were lost"


def _not_accounted(summary: Summary) -> Message | None:
    """Roles for which Little's law does not hold, and by how much."""
    wrong = [_apart(role) for role in summary.occupancy if _differs(role, summary.steady_s)]
    if not wrong:
        return None
    if summary.lost_workers:
        return Reason.LITTLES_LAW_LOST(roles=wrong, workers=_names_of(summary.lost_workers))
    return Reason.LITTLES_LAW(roles=wrong)


def _differs(role: Occupancy, steady_s: float) -> bool:
    """Beyond the tolerance. Logins within actions would be counted twice, so they only widen what is expected, as do
    actions that never ended: how long they took is not known, and it was the target that did not answer.
    """
    if role.actions < LITTLE_ACTIONS or not role.users or not steady_s:
        return False
    tolerance = role.users * max(LITTLE_SHARE, LITTLE_CYCLES * role.cycle_s / steady_s)
    return not role.accounted - tolerance <= role.users <= role.accounted + role.in_login + role.cut + tolerance


def _apart(role: Occupancy) -> Message:
    share = abs(role.accounted - role.users) / role.users
    return Sign.UNACCOUNTED(role=role.role, users=role.users, accounted=role.accounted, share=share)


def _users_missing(plan: Plan, summary: Summary) -> Message | None:
    users, scenario = summary.users, plan.scenario
    if users.peak >= users.requested or ended_early(summary) or users.done:
        return None  # where some are done, others may have started after them
    fields = {"peak": users.peak, "requested": users.requested}
    ramp_up_s = users.requested / scenario.spawn_rate if scenario.spawn_rate > 0 else math.inf
    if ramp_up_s < scenario.duration_s:
        return Reason.USERS_NOT_STARTED(**fields)
    rate = setting(scenario.spawn_rate)
    return Reason.RAMP_UP_TOO_LONG(**fields, spawn_rate=rate, ramp_up_s=ramp_up_s, duration_s=scenario.duration_s)


_COUNTED = {"sent": "sent", "locust_total": "by Locust", "backend_log": "by the backend's log"}


def _counts_disagree(counts: Reconciliation, lost: Sequence[LostWorker]) -> Message | None:
    """Only requests with this run's id are counted, so other load cannot cause a difference."""
    if counts.agrees:
        return None
    apart = counts.differences
    known = {"sent": counts.accounted, "locust_total": counts.locust_total, "backend_log": counts.backend_log}
    others = [
        Sign.COUNT(count=known[name] or 0, by=by, more=apart[name]) for name, by in _COUNTED.items() if name in apart
    ]
    if apart.get("retries"):
        others.append(Sign.REPEATED(count=counts.retries or 0, repeated=counts.repeated))
    fields = {"recorded": counts.recorded, "others": others}
    if lost and min(apart.values()) >= 0:
        return Reason.COUNTS_DISAGREE_LOST(**fields, workers=_names_of(lost))
    return Reason.COUNTS_DISAGREE(**fields)


def _unrecorded(counts: Reconciliation) -> Message | None:
    return Reason.UNRECORDED(unrecorded=counts.unrecorded, sent=counts.sent or 0) if counts.unrecorded else None


def _no_last_record(summary: Summary) -> Message | None:
    """A load process that ended in order, but without the record that its counts are in."""
    known = summary.reconciliation.locust_total is not None or not summary.whole_run.requests
    if known or summary.lost_workers or ended_early(summary) or summary.ended == LOAD_DIED:
        return None
    return Reason.NO_LAST_RECORD(log=LOG_FILE)


def _unbalanced(summary: Summary) -> Message | None:
    return unbalanced(summary.ledger, cut_off=ended_early(summary) or summary.ended == LOAD_DIED)


def _reports_lost(summary: Summary) -> Message | None:
    lost = summary.generator.lost_reports
    return Reason.REPORTS_LOST(reports=lost) if lost else None


# ── errors of the suite, and rows that remain ───────────────────────────────────────────────────────────────


def suite_errors(summary: Summary) -> list[Message]:
    """One reason for the errors of the suite itself; [] without any. Everything else that was measured stays valid."""
    errors = summary.suite_errors
    if not errors:
        return []
    examples = [_suite_error(error) for error in errors[:SUITE_ERRORS_SHOWN]]
    more = len(errors) - SUITE_ERRORS_SHOWN
    fields = {
        "errors": sum(error.count for error in errors),
        "examples": "; ".join(examples) + (f", and {more} more kinds" if more > 0 else ""),
    }
    if summary.ended == SUITE_FAILED:
        return [Reason.SUITE_FAILED(**fields, duration_s=summary.duration_s)]
    return [Reason.SUITE_ERRORS(**fields)]


def _suite_error(error: SuiteErrorGroup) -> str:
    """ "perfsuite.target.session:42 login: KeyError: 'id', 3 times (traceback in load.log)"."""
    times = f", {number(error.count)} times" if error.count > 1 else ""
    log = f" (traceback in {error.log})" if error.log else ""
    return f"{error.place}: {error.message}{times}{log}"


def rows_remaining(plan: Plan, summary: Summary) -> list[Message]:
    """One reason for rows that should have been removed and are still at the target; [] where there are none."""
    remain = rows_remain(summary.cleanup)
    if remain is None or summary.cleanup is None:
        return []
    accepted = Detail.ACCEPTED() if plan.accept_leftovers else None
    again = not accepted and any(group.again for group in summary.cleanup.remaining)
    return [remain.also(accepted, Detail.ROW_IDS(file=REMAINING_FILE), Detail.CLEAN_AGAIN() if again else None)]


def rows_remain(cleanup: Cleanup | None) -> Message | None:
    """How many rows should have been removed and were not, or may have been; of which kinds and why."""
    if cleanup is None or not cleanup.not_removed:
        return None
    if not cleanup.remaining:  # an older file
        return Reason.ROWS_REMAIN(rows=number(len(cleanup.not_removed)))
    found = (
        code(rows=_rows(groups))
        for code, uncertain in ((Reason.ROWS_REMAIN, False), (Reason.ROWS_MAY_REMAIN, True))
        if (groups := [group for group in cleanup.remaining if group.uncertain is uncertain])
    )
    return next(found).also(*found)


def _rows(groups: Sequence[Remaining]) -> str:
    """ "2 leads, 1 policy (HTTP 403)"."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.thing] += group.rows
    kinds = ", ".join(plural(rows, thing) for thing, rows in counts.most_common())
    reasons = list(dict.fromkeys(group.reason for group in groups))
    more = len(reasons) - _ROW_REASONS_SHOWN
    why = "; ".join(reasons[:_ROW_REASONS_SHOWN]) + (f"; and {more} more reasons" if more > 0 else "")
    return f"{kinds} ({why})"
