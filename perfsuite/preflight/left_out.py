"""What the load leaves out, and which behaviours have nothing left.

It leaves out what the scenario excludes, creations whose rows could not be removed afterwards, and operations that work
on such rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from perfsuite.messages import Message
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.model import OperationCheck, PreflightReport, Works
from perfsuite.model.role import Role
from perfsuite.preflight.probe import TargetInfo
from perfsuite.roles.work import depending_on
from perfsuite.target.catalogue import CATALOGUE, CREATIONS, PREFIX, ROW_KINDS
from perfsuite.target.run_state import RunState


def kinds_without_deletion(target: TargetInfo, run: RunState) -> dict[str, Message]:
    """Kind of row that a run creates and the target lists no route to delete → why it cannot be removed."""
    missing = target.missing(run)
    found = {}
    for kind in ROW_KINDS:
        delete = CATALOGUE[kind.delete]
        if delete.name in missing:
            path = run.path_of(delete).removeprefix(PREFIX)
            found[kind.thing] = PreflightMessage.NO_DELETION(method=delete.method, path=path)
    return found


def is_excluded(check: OperationCheck) -> bool:
    """Whether the scenario itself leaves the operation out."""
    return check.works is Works.LEFT_OUT and check.message == str(PreflightMessage.EXCLUDED())


def without_creations(report: PreflightReport, things: Mapping[str, str], roles: Sequence[Role]) -> PreflightReport:
    """The report without all that creates or works on rows of these kinds. `things`: kind → reason."""
    depending = {role.slug: depending_on(role, things) for role in roles}

    def changed(check: OperationCheck) -> OperationCheck:
        thing = depending.get(check.role, {}).get(check.operation)
        if thing is None or check.works in (Works.MISSING, Works.BROKEN) or is_excluded(check):
            return check
        if CATALOGUE[check.operation].creates:
            why = PreflightMessage.CREATION_LEFT_OUT(why=things[thing])
        else:
            why = PreflightMessage.ROWS_LEFT_OUT(operation=CREATIONS[thing].name)
        return replace(check, works=Works.LEFT_OUT, message=str(why))

    checks = tuple(map(changed, report.checks))
    return replace(report, checks=checks, dead_behaviours=tuple(dead_behaviours(roles, checks)))


def dead_behaviours(roles: Sequence[Role], checks: Sequence[OperationCheck]) -> Iterable[str]:
    """ "role / behaviour" with nothing left to do."""
    found = {(check.role, check.operation): check.works for check in checks}
    for role in roles:
        for behaviour in role.behaviours:
            works = {found[role.slug, step.operation] for step in behaviour.steps}
            # Where only data was missing, other accounts may have some; otherwise it came from what is left out.
            if Works.YES not in works and works != {Works.NO_DATA}:
                yield f"{role.slug} / {behaviour.name}"


def creations_left_out(report: PreflightReport) -> tuple[Message, ...]:
    """A line for each creation that is left out because its rows would remain."""
    return tuple(
        dict.fromkeys(
            PreflightMessage.LEFT_OUT(operation=check.operation, why=check.message)
            for check in report.checks
            if check.works is Works.LEFT_OUT
            and check.message
            and CATALOGUE[check.operation].creates
            and not is_excluded(check)
        )
    )


def undeletable_creations(things: Mapping[str, str]) -> tuple[Message, ...]:
    """A line for each creation that runs although its rows remain. `things`: kind → why they cannot be removed."""
    return tuple(
        PreflightMessage.ROWS_REMAIN(operation=CREATIONS[thing].name, why=why)
        for thing, why in things.items()
        if thing in CREATIONS
    )
