"""Sentences about a run as a whole, and errors of the report and its pages."""

from __future__ import annotations

from perfsuite.messages import Code


class ReportMessage(Code):
    """What keeps a page or a summary from being shown."""

    PORT_IN_USE = "--web: port {port} is already in use; choose another (--web PORT) or any free one (--web 0)"
    METRICS_PORT_IN_USE = "--metrics-port: port {port} is already in use; choose another, or 0 for any free one"
    METRICS_PORT_UNAVAILABLE = "--metrics-port: port {port}: {why}; choose another, or 0 for any free one"
    PORT_UNAVAILABLE = "--web: port {port}: {why}; choose another (--web PORT) or any free one (--web 0)"
    STEP_SUMMARY = "$GITHUB_STEP_SUMMARY, {path}: {why}; the summary is only in {whole}"


class GeneratorNote(Code):
    """How near its limit the load generator was; 100 % is a saturated one, and such a run is INCONCLUSIVE."""

    CAPACITY = "Load generator at {used} of its capacity ({part})"
    BY_PROCESS = "{process} {used}"


class StageText(Code):
    """How long the target took to recover from a spike."""

    RECOVERED = "{stage}: recovered from {highest} within {recovery_s:seconds} (up to {range} on average, as {before})"
    RECOVERED_AT_ONCE = "{stage}: recovered from {highest} at once (up to {range} on average, as {before})"
    NOT_RECOVERED = (
        "{stage}: not recovered from {highest} within {watched_s:seconds} (up to {range} on average, as {before})"
    )


class Headline(Code):
    """The verdict as a sentence about the backend. `sentence()` in `report/wording.py` adds the full stop."""

    PASSED = "With {users} the backend met {which}"
    FAILED = "With {users} the backend {faults}"
    REGRESSED = "With {users} the backend meets its targets, but is worse than its baseline"
    ROWS_REMAIN = "{passed}, but rows of this run remain at the target"
    INCONCLUSIVE = "This run with {users} does not show whether the backend meets its targets"
    INTERRUPTED = "The run was interrupted after {ran} of {planned}; the figures cover the time until then"
    NOT_JUDGED = "{targets:n target} could not be judged"
    ALL_EXERCISED = "All {planned} operations (counted per role) were exercised"
    SOME_EXERCISED = "{exercised} of {planned} operations (counted per role) were exercised; not exercised: {names}"
    SOME_EXCLUDED = (
        "{exercised} of {planned} operations (counted per role) were exercised; excluded: {excluded};"
        " not exercised: {names}"
    )
    ALL_BUT_EXCLUDED = "{exercised} of {planned} operations (counted per role) were exercised; excluded: {excluded}"

    # What a backend that failed did: "missed 1 of 4 targets and stopped answering at 12:03:10 UTC".
    WRONG_UNDER_LOAD = "was wrong under load ({violations:n violation} of {invariants})"
    MISSED = "missed {which}"
    WRONG_ANSWERS = "gave {answers:n wrong answer}"
    LOST_AT = "stopped answering at {at:time}"
    LOST = "stopped answering"
    ABORTED = "missed {target} for {window_s:seconds}, which ended the run"
    TOO_SLOW = "was too slow for the requested rate: {actions:n action} never started"
    FAILED_REQUESTS = "failed {failures:n request} of {requests:number} ({share:percent})"
