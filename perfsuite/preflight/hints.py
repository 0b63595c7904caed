"""Which listed route may be the one that the contract has under another name: for a file for `--mapping`.

A name that looks alike proves nothing: a read is tried, as the role that needs it, and only what answers 200 is
proposed. A write is never tried.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from urllib.parse import quote

from perfsuite.model.role import Role, Step
from perfsuite.preflight.offer import Offer
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.session import Session

_LOOKS_ALIKE = 0.6
_MOST_TRIED, _MOST_PROPOSED = 5, 3
_ANY_ID = "{}"
_COMMON = re.compile(r"^/api/(v\d+/)?")
_NAMED = re.compile(r"\{([^}]*)\}")


def hints_for(role: Role, session: Session, offer: Offer) -> dict[str, str]:
    """Operation that the target does not list → what to say of routes like it; those without any are left out.

    The session is logged in and has asked for what the role can read.
    """
    steps = {step.operation: step for behaviour in role.behaviours for step in behaviour.steps}
    missing = offer.missing(session.run)
    found = {name: _hint(step, session, offer) for name, step in steps.items() if name in missing}
    return {name: hint for name, hint in found.items() if hint}


def _hint(step: Step, session: Session, offer: Offer) -> str:
    operation = CATALOGUE[step.operation]
    candidates = _alike(operation, session, offer)
    if not candidates:
        return ""
    if operation.method != "GET":
        return f"{candidates[0]} is listed, and was not tried, since it writes"
    call = step.arguments(session)
    ids = tuple(call.path.values()) if call is not None else ()
    good = [path for path in candidates if session.peek(_filled(path, ids)) == 200][:_MOST_PROPOSED]
    if not good:
        return ""
    return f"{', '.join(good)} answered 200: if that is it, name it for --mapping"


def _alike(operation: Operation, session: Session, offer: Offer) -> list[str]:
    """Listed paths of the same method with as many ids, in use for nothing else, most alike first."""
    run = session.run
    wanted = run.path_of(operation).split("?")[0]
    in_use = {_NAMED.sub(_ANY_ID, run.path_of(each).split("?")[0]) for each in CATALOGUE.values()}
    names = _NAMED.findall(wanted)
    listed = {
        path
        for method, path in offer.routes or ()
        if method == operation.method and path not in in_use and path.count(_ANY_ID) == len(names)
    }
    near = {path: SequenceMatcher(None, _telling(path), _telling(wanted)).ratio() for path in listed}
    alike = sorted((path for path in listed if near[path] >= _LOOKS_ALIKE), key=lambda path: (-near[path], path))
    return [_named(path, names) for path in alike[:_MOST_TRIED]]


def _telling(path: str) -> str:
    """Of a path what tells of it: without the beginning that all have, and without names of ids."""
    return _COMMON.sub("/", _NAMED.sub(_ANY_ID, path))


def _named(path: str, names: list[str]) -> str:
    """With the contract's names of ids, as a mapping wants them."""
    for name in names:
        path = path.replace(_ANY_ID, f"{{{name}}}", 1)
    return path


def _filled(path: str, ids: tuple[str, ...]) -> str:
    values = iter(ids)
    return _NAMED.sub(lambda place: quote(next(values, place[0]), safe=""), path)
