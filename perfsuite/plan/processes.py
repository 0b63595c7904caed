"""How many load processes a plan needs on this machine, by what a request costs there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from perfsuite.format import number, quantity, setting
from perfsuite.messages import Message
from perfsuite.messages.calibration import ProcessNote
from perfsuite.model import Plan
from perfsuite.model.calibration import Calibration, ProcessNeed, processes_needed
from perfsuite.model.role import Role
from perfsuite.roles.mix import arriving_rps, offered_rps

_MOST_OF_A_CORE_PERCENT = 50
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def most_rps(plan: Plan, roles: Sequence[Role]) -> float:
    """The most requests/s of the plateau: those of answers that take no time; infinite without think times."""
    arrival = plan.scenario.arrival
    if arrival is None:
        return offered_rps(plan.users_by_role, roles, 0.0)
    return arriving_rps(max(arrival.rate, arrival.rate_end or 0.0), plan.users_by_role, roles)


def process_lines(plan: Plan, roles: Sequence[Role], calibration: Calibration) -> list[Message]:
    """What a dry run says: whether the planned processes are enough, and what that is computed from."""
    rps = most_rps(plan, roles)
    if math.isinf(rps):
        return [ProcessNote.UNLIMITED()]
    need = processes_needed(rps, plan.load_processes, calibration)
    enough = ProcessNote.ENOUGH(planned=plan.load_processes, used=_used(need))
    date = datetime.fromtimestamp(calibration.measured_at, UTC).date().isoformat()
    shared = ProcessNote.SHARED_CORE() if calibration.cores < 2 else ""
    cost = ProcessNote.COST(rps=rps, cpu_us=calibration.cpu_us, date=date, shared=shared)
    return [*(too_few(plan, roles, calibration) or [enough]), cost]


def too_few(plan: Plan, roles: Sequence[Role], calibration: Calibration) -> list[Message]:
    """What to change where the planned processes, or the cores for them, are or may be too few; [] for enough."""
    rps = most_rps(plan, roles)
    if math.isinf(rps):
        return []
    need, planned = processes_needed(rps, plan.load_processes, calibration), plan.load_processes
    found: list[Message] = []
    if planned < need.fewest:
        fields = {"needed": need.processes, "fewest": need.fewest, "most": need.most}
        found.append(ProcessNote.TOO_FEW(planned=planned, rps=rps, **fields, **_advice(plan, need)))
    elif planned < need.most:
        found.append(ProcessNote.MAYBE_TOO_FEW(planned=planned, rps=rps, used=_used(need), **_advice(plan, need)))
    # A process of little load shares a core with others well; one that needs most of it does not.
    beside = bool(plan.demo) or urlsplit(plan.host).hostname in _HERE
    here = math.ceil(need.processes * plan.processes / planned)  # the others have cores of their own
    busy = need.used_percent * plan.processes > _MOST_OF_A_CORE_PERCENT
    if busy and here + beside > calibration.cores:
        cores = f"{setting(round(calibration.cores, 1))} {'core' if calibration.cores == 1 else 'cores'}"
        code = ProcessNote.TOO_FEW_CORES_BESIDE if beside else ProcessNote.TOO_FEW_CORES
        found.append(code(cores=cores, processes=here))
    return found


def _advice(plan: Plan, need: ProcessNeed) -> dict[str, str]:
    """The option that is enough by any estimate, and for which machines that is."""
    if plan.expect_workers:
        return {"more": f"--expect-workers {need.most - plan.processes}", "where": "machines like this one"}
    return {"more": f"--processes {need.most}", "where": "this machine"}


def _used(need: ProcessNeed) -> str:
    """ "18 to 52 %"."""
    if need.used_most_percent < 1:
        return "less than 1 %"
    least, most = max(round(need.used_least_percent), 1), round(need.used_most_percent)
    return quantity(most, "percent") if least == most else f"{number(least)} to {quantity(most, 'percent')}"
