"""What makes a run unable to say anything about the target, each with what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from perfsuite.format import duration, listed, number, percent, plural, setting, signed, time_of_day
from perfsuite.judge.left_behind import REMAINING_FILE, rows_remain
from perfsuite.judge.limits import (
    CHANCE_SD,
    FEWEST_REQUESTS,
    LITTLE_ACTIONS,
    LITTLE_CYCLES,
    LITTLE_SHARE,
    NOT_STARTED_SHARE,
    SHORTEST_STEADY_S,
    USERS_MISSING_SHARE,
)
from perfsuite.model import (
    CUT_OFF,
    INTERRUPTED,
    LOAD_DIED,
    SUITE_FAILED,
    TARGET_LOST,
    LostWorker,
    Occupancy,
    Plan,
    Reconciliation,
    SuiteErrorGroup,
    Summary,
)
from perfsuite.model.periods import STEADY
from perfsuite.model.role import Role
from perfsuite.suite_errors import LOG_FILE

SUITE_ERRORS_SHOWN = 3


def invalid_because(plan: Plan, summary: Summary, roles: Sequence[Role]) -> list[str]:
    """One sentence for each reason; [] for a valid run. Whether the generator was fit is asked elsewhere."""
    reasons = [
        _nothing_sent(summary) or _too_little(summary),
        _users_missing(plan, summary) or _users_ended(plan, summary),
        _not_announced(plan, summary, roles),
        _not_accounted(summary),
        _counts_disagree(summary.reconciliation, summary.lost_workers),
        _unrecorded(summary.reconciliation),
        _no_last_record(summary),
        _reports_lost(summary),
    ]
    return [reason for reason in reasons if reason]


def suite_erred_because(summary: Summary) -> list[str]:
    """One sentence on the errors of the suite itself; [] without any. What was measured besides them stands."""
    errors = summary.suite_errors
    if not errors:
        return []
    number = sum(error.count for error in errors)
    found = f"the suite itself met {plural(number, 'error')}, so what it reports may be incomplete"
    more = f", and {len(errors) - SUITE_ERRORS_SHOWN} more kinds" if len(errors) > SUITE_ERRORS_SHOWN else ""
    ended = ""
    if summary.ended == SUITE_FAILED:
        ended = f"; the load was ended by it after {duration(summary.duration_s)}"
    return [f"{found}: {'; '.join(map(_suite_error, errors[:SUITE_ERRORS_SHOWN]))}{more}{ended}"]


def remaining_because(plan: Plan, summary: Summary) -> list[str]:
    """One sentence on rows that should have been removed and are still at the target; [] where there are none."""
    told = rows_remain(summary.cleanup)
    if not told or summary.cleanup is None:
        return []
    if plan.accept_leftovers:
        return [f"{told}; that was accepted with --accept-leftovers. Their ids are in {REMAINING_FILE}"]
    again = any(group.again for group in summary.cleanup.remaining)
    cure = "; the command cleanup tries again" if again else ""
    return [f"{told}. Their ids are in {REMAINING_FILE}{cure}"]


def _suite_error(error: SuiteErrorGroup) -> str:
    """ "perfsuite.target.session:42 login: KeyError: 'id', 3 times (traceback in load.log)"."""
    times = f", {number(error.count)} times" if error.count > 1 else ""
    log = f" (traceback in {error.log})" if error.log else ""
    return f"{error.place}: {error.message}{times}{log}"


def ended_early(summary: Summary) -> bool:
    """What such a run lacks has a cause that is told: longer, slower or with fewer users is no advice."""
    return summary.ended in (INTERRUPTED, CUT_OFF, TARGET_LOST, SUITE_FAILED)


def _nothing_sent(summary: Summary) -> str:
    if summary.whole_run.requests or ended_early(summary):
        return ""
    if summary.users.peak:
        return "no request was recorded, though there were users: look into the log of the load process"
    return "no request was recorded, since no user was started: look into the log of the load process, or run longer"


def _too_little(summary: Summary) -> str:
    """A steady state that is there, but hardly. Where there is none at all, no target is judged, which is told."""
    sent = summary.totals.requests
    if not summary.steady_s or ended_early(summary):
        return ""
    if sent >= FEWEST_REQUESTS and summary.steady_s >= SHORTEST_STEADY_S:
        return ""
    told = f"{plural(sent, 'request')} in {duration(summary.steady_s)} of steady state"
    needed = f"{FEWEST_REQUESTS} in {duration(SHORTEST_STEADY_S)} are the least"
    ways = "longer or with more users" if summary.steady_s >= SHORTEST_STEADY_S else "longer"
    return f"too little was measured: {told}, {needed}; run {ways}"


def _not_announced(plan: Plan, summary: Summary, roles: Sequence[Role]) -> str:
    """Open model: actions that the rate asks for and no process let become due, so that nobody counted them."""
    told, arrival = summary.arrivals, plan.scenario.arrival
    if told is None or arrival is None or not summary.steady_s:
        return ""
    expected = told.asked_per_s * summary.steady_s * _living_share(plan, summary, roles)
    chance = CHANCE_SD * math.sqrt(expected) if arrival.poisson else 1.0
    if told.due >= expected * (1 - NOT_STARTED_SHARE) - chance:
        return ""
    due = f"{number(round(expected))} actions due in the steady state"
    found = f"the schedule had about {due}, and only {number(told.due)} came up"
    if summary.lost_workers:
        return f"{found}: the others were those of {_names_of(summary.lost_workers)}"
    return (
        f"{found}: the load generator was too slow to keep to it; use more load processes"
        f" (--processes {plan.processes + 1}), or a lower rate"
    )


def _living_share(plan: Plan, summary: Summary, roles: Sequence[Role]) -> float:
    """The share of the actions that are for roles of which anything is left to do."""
    dead = set(summary.coverage.dead_behaviours)
    present = [role for role in roles if plan.users_by_role.get(role.slug)]
    living = [
        role for role in present if any(f"{role.slug} / {behaviour.name}" not in dead for behaviour in role.behaviours)
    ]
    weights = sum(role.weight for role in present)
    return sum(role.weight for role in living) / weights if weights else 0.0


def _names_of(lost: Sequence[LostWorker]) -> str:
    """ "load process worker-1, which was lost"."""
    names = listed([worker.worker for worker in lost])
    return f"load process {names}, which was lost" if len(lost) == 1 else f"load processes {names}, which were lost"


def _not_accounted(summary: Summary) -> str:
    """Roles for which Little's law does not hold, by how much."""
    wrong = [_unlike(role) for role in summary.occupancy if _differs(role, summary.steady_s)]
    if not wrong:
        return ""
    found = f"Little's law does not hold for {listed(wrong)}"
    if summary.lost_workers:
        return f"{found}: the last actions of {_names_of(summary.lost_workers)}, were not handed over"
    return (
        f"{found}: users spent time on what was not recorded, or actions are missing; the load generator may be too"
        " slow, run again with fewer users or more --processes"
    )


def _differs(role: Occupancy, steady_s: float) -> bool:
    """Beyond the tolerance. Logins within actions would be counted twice, so they only widen what is expected, as do
    actions that never ended: how long they took is not known, and it was the target that did not answer.
    """
    if role.actions < LITTLE_ACTIONS or not role.users or not steady_s:
        return False
    tolerance = role.users * max(LITTLE_SHARE, LITTLE_CYCLES * role.cycle_s / steady_s)
    return not role.accounted - tolerance <= role.users <= role.accounted + role.in_login + role.cut + tolerance


def _unlike(role: Occupancy) -> str:
    apart = percent(abs(role.accounted - role.users) / role.users)
    return f"{role.role} ({number(role.users)} users, {number(role.accounted)} accounted for, {apart} apart)"


def _users_missing(plan: Plan, summary: Summary) -> str:
    users, scenario = summary.users, plan.scenario
    if users.peak >= users.requested or ended_early(summary):
        return ""
    ramp_up_s = users.requested / scenario.spawn_rate if scenario.spawn_rate > 0 else float("inf")
    found = f"only {number(users.peak)} of {number(users.requested)} users were started"
    if ramp_up_s >= scenario.duration_s:
        takes = f"at {setting(scenario.spawn_rate)} users/s that takes {duration(ramp_up_s)}"
        return f"{found}: {takes} of {duration(scenario.duration_s)}; raise --spawn-rate or --duration"
    return f"{found}: this machine may be too slow for them; use fewer users or a lower --spawn-rate"


def _users_ended(plan: Plan, summary: Summary) -> str:
    """Roles that were there in full and then had fewer users for long. A lost process tells of its users itself."""
    if summary.lost_workers:
        return ""
    # The last second is left out: whether users go down just before or after they are counted is chance.
    steady = [second for second in summary.seconds if second.period == STEADY][:-1]
    few = [
        (role, asked, mean)
        for role, asked in plan.users_by_role.items()
        if (mean := _mean(second.users.get(role, 0) for second in steady)) is not None
        and mean < asked * (1 - USERS_MISSING_SHARE)
    ]
    if not few:
        return ""
    since = next(second.second for second in steady if any(second.users.get(role, 0) < asked for role, asked, _ in few))
    told = listed([f"{number(mean)} of {number(asked)} as {role}" for role, asked, mean in few])
    return (
        f"users ended before the load did: from {time_of_day(since)} on some were missing, over the steady state there"
        f" were {told} on average; look into the log of the load process for why, and run again"
    )


def _mean(values: Iterable[int]) -> float | None:
    known = list(values)
    return sum(known) / len(known) if known else None


def _counts_disagree(counts: Reconciliation, lost: Sequence[LostWorker]) -> str:
    """Only requests that carry this run's id are counted, so nobody else's load has a part in it."""
    if counts.agrees:
        return ""
    others = {
        "sent": counts.accounted,
        "by Locust": counts.locust_total,
        "by the backend's log": counts.backend_log,
    }
    apart = {name: number - counts.recorded for name, number in others.items() if number is not None}
    told = [f"{number(counts.recorded + more)} {name} ({signed(more)})" for name, more in apart.items()]
    found = f"the counts of requests disagree: {number(counts.recorded)} recorded, {', '.join(told)}"
    if lost and min(apart.values()) >= 0:
        return f"{found}: the last ones of {_names_of(lost)}, were not handed over"
    return f"{found}; some were counted twice or not at all, so no figure is sure: run again"


def _unrecorded(counts: Reconciliation) -> str:
    if not counts.unrecorded:
        return ""
    found = f"{number(counts.unrecorded)} of {plural(counts.sent or 0, 'request')} that were sent are in no figure"
    return f"{found}: recording them raised an error of the suite itself"


def _no_last_record(summary: Summary) -> str:
    """A load process that ended in order, but without the record that its counts are in."""
    told = summary.reconciliation.locust_total is not None or not summary.whole_run.requests
    if told or summary.lost_workers or ended_early(summary) or summary.ended == LOAD_DIED:
        return ""
    return (
        "a load process ended without its last record, so it is not known whether all requests were recorded: look"
        f" into {LOG_FILE} and load.log, and run again"
    )


def _reports_lost(summary: Summary) -> str:
    lost = summary.generator.lost_reports
    if not lost:
        return ""
    return f"{plural(lost, 'report')} of the load processes never arrived, so requests are missing here; run again"
