"""What `replay` prints, and its errors."""

from __future__ import annotations

from perfsuite.messages import Code


class ReplayMessage(Code):
    """Lines of the command `replay`."""

    # errors
    NO_FILE = "{folder}: {file} is missing. Make it with the command: report {folder}"
    NO_VIOLATIONS = "{folder}: the run has no violations, so there is no {id!r} to replay"
    UNKNOWN = "{folder}: the run has no violation {id!r}, only {ids}.\nTo list them: {command}"
    NO_SUCH_CHECK = (
        "{violation}: this version of the suite has no such check.\n"
        "Replay it with the version that made the run, {version}"
    )

    # violations
    NONE = "The run has no violations: there is nothing to replay"
    VIOLATION = "{id}: {invariant}, {rule}, {operation} as {roles:list}"
    SEEN_FIRST = "{violation}: {count:n time}, first at {first_at:time}"
    HOW = "To replay one: {command}"
    AGAIN_WITH = "Send it again without load: {command}"

    # what is done
    DEMO = "Demo: starting the reference backend ({demo}) as for the run"
    DEMO_WITH_FAULTS = DEMO + ", with its faults from the start: {faults:list}"
    REPLAY = "Replay of {violation}, at {host}"
    LOAD_NEEDED = "It was seen under load, and is not expected to happen without"
    RACE = "Requests sent at the same instant may end otherwise the next time: up to {tries:number} tries"
    WAITING = "waiting {wait_s:seconds}"
    AT_ONCE = "at the same instant:"
    WITH_FIELDS = "{request} with {fields:list}"
    WITH_MANY_FIELDS = "{request} with {fields:n field}"
    STEP = "{actor}: {request} → {status} (request id {request_id})"
    OTHER_TOKEN = "{actor}, token {token}"
    AGAIN = "Not tried ({why}); trying again"

    # the outcome
    EXPECTED = "Expected: {expected}"
    SEEN = "Seen: {seen}"
    HAPPENS = "It still happens ({tries:n try/tries})"
    DOES_NOT = (
        "It did not happen without load ({tries:n try/tries}): it may be fixed, or happen only under load; "
        "another run under load shows which"
    )
    NEVER = "It cannot be replayed: {why}"
    NOT_TRIED = "It could not be tried: {why}"
