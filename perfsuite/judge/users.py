"""Whether the virtual users of a run were there as planned."""

from __future__ import annotations

from perfsuite.format import number
from perfsuite.judge.limits import USERS_MISSING_SHARE
from perfsuite.messages import Message
from perfsuite.messages.reasons import Reason
from perfsuite.model import Plan, Summary
from perfsuite.model.periods import STEADY


def users_ended(plan: Plan, summary: Summary) -> Message | None:
    """Roles that were there in full and then had fewer users for long. A lost process reports its users itself."""
    if summary.lost_workers:
        return None
    # The last second is left out: whether users end just before or after they are counted is chance.
    steady = [second for second in summary.seconds if second.period == STEADY][:-1]
    of_stages = {stage.name: stage.users_by_role for stage in summary.stages}
    planned = [of_stages.get(second.stage, plan.users_by_role) for second in steady]
    few: dict[str, tuple[float, float]] = {}
    for role in plan.users_by_role if steady else ():
        wanted = sum(users.get(role, 0) for users in planned) / len(steady)
        mean = sum(second.users.get(role, 0) for second in steady) / len(steady)
        if mean < wanted * (1 - USERS_MISSING_SHARE):
            few[role] = mean, wanted
    if not few:
        return None
    pairs = zip(steady, planned, strict=True)
    since = next(
        second.second for second, users in pairs if any(second.users.get(role, 0) < users.get(role, 0) for role in few)
    )
    users = [f"{number(mean)} of {number(wanted)} as {role}" for role, (mean, wanted) in few.items()]
    return Reason.USERS_ENDED(since=since, users=users)
